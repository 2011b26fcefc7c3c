"""The published build of the OHIF viewer, fetched with the npm client and checked against a known digest."""

from __future__ import annotations

import base64
import hashlib
import io
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

import docker
import docker.errors

from tests.lab.engine import reason
from tests.lab.errors import LabError
from tests.lab.paths import STATE, private_directory
from tests.lab.steps import Progress

VERSION = "3.12.0"
_SHA512 = "D+SyPEOhW7E+P+ZfzFO1C3n8qwTfKSXExNEt2DPB5QHoLjSnUVTqEE+xaWX2B9p53boJfKWEM4b4SIVmz0qmOA=="
_NAME = f"ohif-app-{VERSION}.tgz"


def package(client: docker.DockerClient, progress: Progress) -> Path:
    """The package archive, from the cache or from the registry; LabError when neither gives the right file."""
    cached = private_directory(STATE / "cache") / _NAME
    if cached.exists() and _digest(cached) == _SHA512:
        return cached
    progress.say(f"fetching the viewer @ohif/app {VERSION} (48 MB)", always=True)
    with tempfile.TemporaryDirectory(dir=cached.parent) as scratch:
        fetched = Path(scratch) / _NAME
        if shutil.which("npm"):
            _with_npm(Path(scratch))
        else:
            _with_container(client, fetched)
        if not fetched.exists() or _digest(fetched) != _SHA512:
            raise LabError(
                f"The package @ohif/app {VERSION} that arrived is not the published one (digest differs): "
                "check the npm registry that this machine uses and run again."
            )
        fetched.replace(cached)
    return cached


def _with_npm(directory: Path) -> None:
    command = ["npm", "pack", "--silent", f"@ohif/app@{VERSION}"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode:
        raise _unreachable(done.stderr)


def _with_container(client: docker.DockerClient, target: Path) -> None:
    """npm from a throw-away container: its dependencies are of no use on the controller."""
    script = f"apt-get update -qq && apt-get install -y -qq npm && cd /tmp && npm pack --silent @ohif/app@{VERSION}"
    container = client.containers.create("mediverse-lab/debian-trixie:lab", ["sh", "-ec", script])
    try:
        container.start()
        if container.wait()["StatusCode"]:
            raise _unreachable(container.logs(tail=3).decode(errors="replace"))
        stream, _ = container.get_archive(f"/tmp/{_NAME}")
        with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
            member = archive.extractfile(_NAME)
            target.write_bytes(member.read() if member else b"")
    except docker.errors.APIError as error:
        raise _unreachable(reason(error)) from None
    finally:
        container.remove(force=True)


def _unreachable(said: str) -> LabError:
    text = " ".join(said.split())[-200:]
    return LabError(f"The npm registry did not give @ohif/app {VERSION} ({text}): check the network and run again.")


def _digest(path: Path) -> str:
    return base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()
