# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A wide area network between two containers: delay, rate, loss, and switches that break it."""

from __future__ import annotations

import shutil
import subprocess
import time
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Protocol

from tests.kit.containers import Container
from tests.lab.engine import image_tag
from tests.lab.errors import LabError

NEAR, FAR = "10.99.95.2", "10.99.95.1"
"""Addresses of the two ends on the line: the site's and the cloud's."""
SOURCE = Path(__file__).with_name("line.c")
IMAGE = "debian-trixie"
_WAIT = 10.0


class End(Protocol):
    """A running container."""

    @property
    def pid(self) -> int:
        """Of its first process, on this machine."""


class Mode(IntEnum):
    """What the line does with a packet; the values are those of line.c."""

    CARRY = 0
    CUT = 1
    """Nobody is reachable, and the sender is told so at once."""
    BLACK_HOLE = 2
    """Packets vanish and nobody is told."""
    RESET = 3
    """Connections are reset, new ones refused."""


@dataclass(frozen=True)
class State:
    """Since the last change: bytes carried in either direction, packets lost, and when the first packet came.

    ``first`` is in seconds of ``time.monotonic()``, None when no packet came.
    """

    up: int
    down: int
    dropped: int
    first: float | None


def compile_line(target: Path) -> None:
    """Compiles line.c to ``target``; LabError says what is missing."""
    if shutil.which("gcc") is None:
        raise LabError(
            "gcc is not on PATH and the simulated line is a C program: install the packages gcc and libc6-dev."
        )
    command = ["gcc", "-O2", "-Wall", "-Wextra", "-static", "-o", str(target), str(SOURCE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = " ".join(done.stderr.split())[-300:]
        raise LabError(f"{SOURCE.name} could not be compiled ({said}): install the packages gcc and libc6-dev.")


class Line:
    """The line between two running containers; both must outlive it.

    ``folder`` is a directory of this machine, for the program and its switches; ``name`` is that of its container.
    """

    def __init__(self, folder: Path, name: str, near: End, far: End) -> None:
        if not Path("/dev/net/tun").exists():
            raise LabError(
                "This machine has no /dev/net/tun for the simulated line: load the kernel module ('modprobe tun')."
            )
        self.folder = folder
        self.number = self.asked = 0
        self.settings = ""
        folder.mkdir(parents=True, exist_ok=True)
        compile_line(folder / "line")
        self.container = Container(
            image_tag(IMAGE),
            name,
            ["/line/line", "/line", str(near.pid), NEAR, str(far.pid), FAR],
            writable={"/line": folder},
            # What it takes to enter the namespaces of two containers and to make a device there, and no more.
            cap_add=["NET_ADMIN", "SYS_ADMIN", "SYS_PTRACE"],
            security_opt=["apparmor=unconfined"],
            devices=["/dev/net/tun"],
            pid_mode="host",
            network_mode="none",
        ).start()
        self.set()

    def set(self, rtt: float = 0, up: float = 0, down: float = 0, loss: float = 0, mode: Mode = Mode.CARRY) -> None:
        """Changes the line and waits until the change is in force.

        ``rtt`` in milliseconds, ``up`` (near to far) and ``down`` in Mbit/s with 0 for no limit, ``loss`` in percent.
        """
        rates = [round(rate * 125_000) for rate in (up, down)]
        self.number += 1
        self.settings = f"{self.number} {round(rtt * 500)} {rates[0]} {rates[1]} {round(loss * 100)} {int(mode)}"
        self._numbers()

    def state(self) -> State:
        """What the line has seen by now; asks it, for what it wrote last may be a few milliseconds old."""
        up, down, dropped, first = self._numbers()
        return State(up, down, dropped, first / 1e9 if first else None)

    def remove(self) -> None:
        self.container.remove()

    def _numbers(self) -> list[int]:
        """Hands the line its settings and a question, and waits for the answer to that question."""
        self.asked += 1
        fresh = self.folder / "control.new"
        fresh.write_text(f"{self.settings} {self.asked}\n")
        fresh.replace(self.folder / "control")
        end = time.monotonic() + _WAIT
        while (found := self._read())[:2] != [self.number, self.asked]:
            if time.monotonic() > end:
                said = self.container.logs().strip() or "it says nothing"
                raise LabError(f"The simulated line does not answer ({said}): see 'docker logs {self.container.name}'.")
            time.sleep(0.01)
        return found[2:]

    def _read(self) -> list[int]:
        try:
            return [int(word) for word in (self.folder / "state").read_text().split()]
        except FileNotFoundError:
            return []
