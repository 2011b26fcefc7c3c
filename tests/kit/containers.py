# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers for tests: the one place that makes, fills, asks and removes them, whatever runs in them.

The hosts of a lab, which outlive the command that made them, are made by `tests.lab.hosts`.
"""

from __future__ import annotations

import contextlib
import io
import os
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import requests
from docker.errors import NotFound

from tests.lab.engine import CHECKOUT_LABEL, connect, is_ours
from tests.lab.errors import LabError
from tests.lab.paths import REPOSITORY

PROCESS_LABEL = "mediverse.tests.process"
"""Holds the number of the process that a container belongs to."""
_IDLE = {"command": ["sleep", "infinity"], "entrypoint": "", "init": True}
_PAUSE = 0.1


def remove_leftovers() -> None:
    """Removes the containers of this checkout whose process was killed before it could do so."""
    for container in connect().containers.list(all=True, ignore_removed=True, filters={"label": PROCESS_LABEL}):
        if is_ours(container.labels) and not Path("/proc", container.labels[PROCESS_LABEL]).exists():
            with contextlib.suppress(NotFound):
                container.remove(force=True, v=True)


def wait_for(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """What the condition returned when it came true; a failed request counts as false."""
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(requests.RequestException):
            if found := condition():
                return found
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(_PAUSE)


def packed(files: Mapping[str, str | bytes], mode: int = 0o600, owner: int = 0) -> bytes:
    """A tar archive of these files, by their absolute paths, and of the directories that they lie in."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for folder in sorted({str(parent) for path in files for parent in list(Path(path).parents)[:-1]}):
            entry = tarfile.TarInfo(folder.lstrip("/"))
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        for path, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode, entry.uid, entry.gid = len(data), mode, owner, owner
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


class Container:
    """A container from its creation until `remove`; one of the same name that a killed run left goes first.

    image       its full name (`tests.lab.engine.image_tag`) or its identifier
    name        none: the engine gives one
    command     None: it does nothing but wait for `run`; empty: the image's own
    network, address, aliases   a network of the engine, its address and more names there; none: as ``options`` say
    mounts      read-only directories or files of this machine, by their path in the container
    writable    the same, and the container may write
    scratch     directories that lie on the engine's disk and not in the container's layers; they go with it
    options     the rest as docker's ``containers.create`` has it
    """

    def __init__(
        self,
        image: str,
        name: str = "",
        command: Sequence[str] | None = None,
        *,
        network: str = "",
        address: str = "",
        aliases: Sequence[str] = (),
        mounts: Mapping[str, Path] | None = None,
        writable: Mapping[str, Path] | None = None,
        scratch: Sequence[str] = (),
        labels: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        client = connect()
        if name:
            with contextlib.suppress(NotFound):
                client.containers.get(name).remove(force=True, v=True)
            options["name"] = name
        if command is None:
            options = {**_IDLE, **options}
        else:
            options["command"] = list(command)
        if network:
            point = client.api.create_endpoint_config(ipv4_address=address or None, aliases=list(aliases))
            options |= {"network": network, "networking_config": {network: point}}
        volumes = [f"{path}:{inside}:ro" for inside, path in (mounts or {}).items()]
        volumes += [f"{path}:{inside}:rw" for inside, path in (writable or {}).items()]
        self.engine = client.containers.create(
            image,
            volumes=[*volumes, *scratch],
            labels={CHECKOUT_LABEL: str(REPOSITORY), PROCESS_LABEL: str(os.getpid()), **(labels or {})},
            **options,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *__: object) -> None:
        self.remove()

    @property
    def name(self) -> str:
        return str(self.engine.name)

    @property
    def pid(self) -> int:
        """Of its first process, on this machine."""
        self.engine.reload()
        return int(self.engine.attrs["State"]["Pid"])

    @property
    def address(self) -> str:
        """On the first of its networks."""
        self.engine.reload()
        return str(next(iter(self.engine.attrs["NetworkSettings"]["Networks"].values()))["IPAddress"])

    def published(self, port: int) -> int:
        """The port of this machine that leads to that TCP port of the container."""
        self.engine.reload()
        return int(self.engine.ports[f"{port}/tcp"][0]["HostPort"])

    def start(self) -> Self:
        self.engine.start()
        return self

    def put(self, files: Mapping[str, str | bytes], mode: int = 0o600, owner: int = 0) -> None:
        """Copies files in, by their absolute paths; the container need not run."""
        self.engine.put_archive("/", packed(files, mode, owner))

    def get(self, path: str) -> Iterator[bytes]:
        """A file or directory as a tar archive, in pieces."""
        chunks: Iterator[bytes] = self.engine.get_archive(path)[0]
        return chunks

    def run(self, *command: str, **options: Any) -> str:
        """Standard output and error of a command; ``options`` as docker's ``exec_run`` has them.

        Raises:
            LabError: the command failed; with the end of what it said.
        """
        code, output = self.engine.exec_run(list(command), **options)
        said = (output or b"").decode(errors="replace")
        if code:
            raise LabError(f"'{' '.join(command)[:100]}' failed in {self.name} ({code}): {said.strip()[-600:]}")
        return said

    def shell(self, script: str, **options: Any) -> str:
        """As `run`, for a line of shell."""
        return self.run("sh", "-c", script, **options)

    def ended(self) -> int:
        """Waits for its end and returns the exit code."""
        return int(self.engine.wait()["StatusCode"])

    def logs(self, tail: int | str = "all") -> str:
        return str(self.engine.logs(tail=tail).decode(errors="replace"))

    def wait_until(self, answers: Callable[[], Any], seconds: float, what: str) -> None:
        """Waits until ``answers`` is true; a failed request counts as false.

        Raises:
            LabError: it never was, or the container has ended; with the end of its log.
        """

        def answered_or_ended() -> bool:
            self.engine.reload()
            if self.engine.status == "exited":
                raise LabError(f"{self.name} has ended instead of {what}:\n{self.logs(40)}")
            return bool(answers())

        try:
            wait_for(answered_or_ended, seconds, what)
        except AssertionError as error:
            raise LabError(f"{self.name}: {error}\n{self.logs(40)}") from None

    def remove(self) -> None:
        """With its anonymous volumes; one that is gone already is no error."""
        with contextlib.suppress(NotFound):
            self.engine.remove(force=True, v=True)
