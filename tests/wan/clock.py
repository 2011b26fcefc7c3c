# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A wall clock for Orthanc alone, which a test can set."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

from tests.lab.errors import LabError

SOURCE = Path(__file__).with_name("clock.c")


class Clock:
    """What a container needs to live by this clock: ``environment`` and ``mounts``."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("gcc") is None:
            raise LabError(
                "gcc is not on PATH and the simulated clock is a C library: install the packages gcc and libc6-dev."
            )
        folder.mkdir()
        self._offset = folder / "offset"
        self._offset.write_bytes(struct.pack("=q", 0))
        command = ["gcc", "-O2", "-shared", "-fPIC", "-o", str(folder / "clock.so"), str(SOURCE), "-ldl", "-lpthread"]
        subprocess.run(command, check=True)
        self.environment = {"LD_PRELOAD": "/clock/clock.so"}
        self.mounts = {"/clock": folder}

    def set(self, seconds: int) -> None:
        """Sets the clock this far before (negative) or after the true time."""
        with self._offset.open("r+b") as file:
            file.write(struct.pack("=q", seconds))
