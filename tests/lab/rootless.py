"""Base images for a user who is not root but may use Docker."""

from __future__ import annotations

from pathlib import Path

import docker

from tests.lab.errors import LabError
from tests.lab.steps import Progress


def bootstrap(
    client: docker.DockerClient, suite: str, mirror: str, archive: Path, finish: str, progress: Progress
) -> None:
    """Write a tar archive of a minimal Debian ``suite`` to ``archive``; LabError when that is not possible."""
    raise LabError("The base images are made by debootstrap, which needs root here: run 'make setup' as root once.")
