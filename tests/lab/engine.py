"""The Docker engine that the lab runs on."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import docker
import docker.errors

from tests.lab.errors import LabError

LABEL = "mediverse.lab"
HASH_LABEL = "mediverse.lab.hash"
_GIB = 1024**3


def connect() -> docker.DockerClient:
    """A client of the running engine; LabError says what to do when there is none that we may use."""
    try:
        client = docker.from_env(timeout=600)
        client.ping()
    except (docker.errors.DockerException, OSError) as error:
        if "Permission" in str(error):
            raise LabError(
                "This user may not use the Docker engine: run as root, or join the group docker and log in again."
            ) from None
        raise LabError(
            "No Docker engine answers: run 'make setup' as root, which installs and starts one, or start yours."
        ) from None
    return client


def require_space(client: docker.DockerClient, needed: float, purpose: str) -> None:
    """LabError unless ``needed`` GiB are free where the engine keeps its data (checked where this machine sees it)."""
    root = Path(str(client.info().get("DockerRootDir", "/var/lib/docker")))
    while not root.exists() and root != root.parent:
        root = root.parent
    try:
        free = shutil.disk_usage(root).free / _GIB
    except OSError:
        return
    if free < needed:
        raise LabError(
            f"{purpose} needs {needed:.1f} GiB at {root} and {free:.1f} GiB are free: make room there, "
            "for example with 'docker image prune', and run again."
        )


def image_hash(client: docker.DockerClient, tag: str) -> str | None:
    """The content hash that the image ``tag`` was built from, None when it is missing or not ours."""
    try:
        image: Any = client.images.get(tag)
    except docker.errors.ImageNotFound:
        return None
    labels = image.attrs.get("Config", {}).get("Labels") or {}
    return str(labels[HASH_LABEL]) if HASH_LABEL in labels else None


def reason(error: Exception) -> str:
    """What the engine says, on one line."""
    return " ".join(str(getattr(error, "explanation", None) or error).split())
