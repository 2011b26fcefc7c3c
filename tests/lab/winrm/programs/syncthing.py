# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
r"""Syncthing as its Windows setup runs it: service ``syncthing`` of the account SyncthingServiceAcct.

The process runs as the Linux user of the same name (lower case) where that exists, so that a folder without an
entry for the account cannot be written. Its files name Linux paths; the REST model translates both ways.
"""

from __future__ import annotations

import pwd
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

from ..windows import Failure, Windows
from .base import Program, environment, spawn

HOME = r"C:\ProgramData\Syncthing"
ACCOUNT = "SyncthingServiceAcct"


def linux_user() -> str | None:
    """The Linux user that stands for the service account, None where there is none (outside the container)."""
    try:
        return pwd.getpwnam(ACCOUNT.lower()).pw_name
    except KeyError:
        return None


def settings(home: Path) -> dict[str, str]:
    return {"HOME": str(home), "STNODEFAULTFOLDER": "1", "STNOUPGRADE": "1"}


class SyncthingProgram(Program):
    """Debian's Syncthing in the place of syncthing.exe under its service wrapper."""

    executable = "shawl.exe"
    image = r"C:\Program Files\Syncthing\syncthing.exe"

    def launch(self, windows: Windows, key: str, service: dict[str, Any]) -> subprocess.Popen[bytes]:
        binary = shutil.which("syncthing")
        if binary is None:
            raise Failure("The simulated Windows has no syncthing to run.")
        home = windows.path(HOME)
        return spawn(
            [binary, "serve", f"--home={home}", "--no-browser", "--no-restart"],
            folder=home,
            log=windows.run_dir / "syncthing.log",
            environment={**environment(windows, key), **settings(home)},
            user=linux_user(),
        )

    def ports(self, windows: Windows) -> set[int]:
        try:
            address = ET.parse(windows.path(rf"{HOME}\config.xml")).findtext("gui/address", "")
            return {int(address.rpartition(":")[2])}
        except (OSError, ET.ParseError, ValueError):
            return set()
