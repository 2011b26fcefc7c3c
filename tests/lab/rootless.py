# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Base images for a user who is not root but may use Docker.

The official image is taken when a registry gives it. Otherwise debootstrap runs as root of a container that has no
files of its own: this machine's ``/usr`` and ``/etc`` are mounted into it read-only.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import docker
import docker.errors

from tests.kit.containers import Container
from tests.lab.engine import reason
from tests.lab.errors import LabError
from tests.lab.steps import Progress

_TOOLS_IMAGE = "mediverse-lab/host-tools"
_WHAT_IS_NEEDED = "run 'make setup' as root once, which installs what is missing, and run again"


def bootstrap(
    client: docker.DockerClient, suite: str, mirror: str, archive: Path, finish: str, progress: Progress
) -> None:
    """Write a tar archive of a minimal, finished Debian ``suite`` to ``archive``; LabError when that is not possible.

    ``mirror`` is a package source or '' for debootstrap's default, ``finish`` shell text to run in the new root.
    """
    if pull(client, suite, archive, finish, progress):
        return
    with_host_tools(client, suite, mirror, archive, finish, progress)


def pull(client: docker.DockerClient, suite: str, archive: Path, finish: str, progress: Progress) -> bool:
    """Take the official image of ``suite``; False when no registry gives it."""
    progress.say("asking for the official image", always=True)
    try:
        image = client.images.pull("debian", tag=f"{suite}-slim")
    except (docker.errors.APIError, OSError):
        return False
    with Container(str(image.id), command=["/bin/sh", "-c", finish]) as container:
        if container.start().ended():
            return False
        with archive.open("wb") as file:
            for chunk in container.engine.export():
                file.write(chunk)
    return True


def with_host_tools(
    client: docker.DockerClient, suite: str, mirror: str, archive: Path, finish: str, progress: Progress
) -> None:
    """Run this machine's debootstrap as root of a container; LabError when a tool is missing or it fails."""
    tools = Path("/usr")
    if not shutil.which("debootstrap") and not Path("/usr/sbin/debootstrap").exists():
        tools = _unpacked_debootstrap(archive.parent)
    if not shutil.which("wget"):
        raise LabError(f"debootstrap needs wget, which is missing here: {_WHAT_IS_NEEDED}.")
    progress.say("debootstrap inside a container", always=True)
    script = (
        "set -e; export PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBOOTSTRAP_DIR=/opt/tools/share/debootstrap LC_ALL=C\n"
        "sh /opt/tools/sbin/debootstrap --variant=minbase --include=ca-certificates "
        "--keyring=/usr/share/keyrings/debian-archive-keyring.gpg "
        f"{suite} /target/root '{mirror}' $DEBOOTSTRAP_DIR/scripts/sid\n"
        "printf '%s' \"$FINISH\" > /target/finish; cp /target/finish /target/root/finish\n"
        "chroot /target/root /bin/sh /finish; rm /target/root/finish\n"
        "tar --numeric-owner --one-file-system -C /target/root -cf /target/root.tar .\n"
    )
    client.api.import_image_from_data(_skeleton(), repository=_TOOLS_IMAGE, tag="lab")
    try:
        with Container(
            f"{_TOOLS_IMAGE}:lab",
            command=["/bin/sh", "-c", script],
            mounts={"/usr": Path("/usr"), "/etc": Path("/etc"), "/opt/tools": tools},
            scratch=["/target"],
            environment={"FINISH": finish},
            cap_add=["SYS_ADMIN"],
            security_opt=["apparmor=unconfined", "seccomp=unconfined"],
        ) as container:
            for line in container.start().engine.logs(stream=True, follow=True):
                progress.say(line.decode(errors="replace").strip()[:90])
            if container.ended():
                said = " ".join(container.logs(3).split())[-300:]
                raise LabError(f"debootstrap of Debian {suite} failed ({said}): {_WHAT_IS_NEEDED}.")
            _save(container.get("/target/root.tar"), archive)
    except docker.errors.APIError as error:
        raise LabError(f"debootstrap in a container failed ({reason(error)}): {_WHAT_IS_NEEDED}.") from None


def _unpacked_debootstrap(directory: Path) -> Path:
    """debootstrap is plain shell text: its package is fetched and unpacked, not installed."""
    for command in (["apt-get", "download", "debootstrap"], ["sh", "-c", "dpkg-deb -x debootstrap_*.deb tools"]):
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
        if done.returncode:
            said = " ".join(done.stderr.split())[-200:]
            raise LabError(f"debootstrap is missing and could not be fetched ({said}): {_WHAT_IS_NEEDED}.")
    return directory / "tools" / "usr"


def _skeleton() -> bytes:
    """A tar archive with the directories of a root file system and the usual links into /usr."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in ("usr", "etc", "opt", "tmp", "proc", "sys", "dev", "run", "var/lib/dpkg", "target"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        for name in ("bin", "sbin", "lib", "lib64"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, f"usr/{name}"
            archive.addfile(entry)
    return buffer.getvalue()


def _save(stream: Iterator[bytes], target: Path) -> None:
    """Take the one file out of the archive that the engine wraps it in."""
    reader = io.BufferedReader(_Stream(stream), buffer_size=1 << 20)  # type: ignore[type-var]  # its readinto
    with tarfile.open(fileobj=reader, mode="r|") as wrapped:
        for member in wrapped:
            source = wrapped.extractfile(member)
            if source is not None:
                with target.open("wb") as file:
                    shutil.copyfileobj(source, file, 1 << 20)
                return
    raise LabError("The engine gave no archive of the new root: run again.")


class _Stream(io.RawIOBase):
    """Chunks as a file, so that a large archive is never whole in memory."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]  # only bytearrays come
        while not self._rest:
            try:
                self._rest = next(self._chunks)
            except StopIteration:
                return 0
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size
