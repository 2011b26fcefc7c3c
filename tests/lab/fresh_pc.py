# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a technician does at a fresh PC of the lab, and what a hospital's network does to it."""

from __future__ import annotations

import io
import json
import re
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_STICK = "/srv/stick"
_ACCESS = "/srv/windows/C/ProgramData/Mediverse/Access"
_FINGERPRINT = re.compile(r"Fingerprint of this PC: ((?:[0-9a-f]{4}[- ]?){6})")


class FreshPc:
    """A simulated Windows that nobody has prepared: the container of that name."""

    def __init__(self, container: str) -> None:
        self.container = container

    def plug_in(self, stick: Path) -> None:
        """The stick of that folder; one that was there before is pulled out."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            archive.add(stick, arcname="stick")
        self.run("rm", "-rf", _STICK)
        put = ["docker", "exec", "-i", self.container, "tar", "-x", "-C", str(Path(_STICK).parent)]
        subprocess.run(put, input=buffer.getvalue(), check=True, capture_output=True)

    def double_click(self, *, remove: bool = False) -> Iterator[str | int]:
        """The lines that enrol.cmd shows, as they come, and its exit code at the end."""
        more = ["-Remove"] if remove else []
        command = ["docker", "exec", self.container, "python3", "-m", "winrm.local", _STICK, *more]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            assert process.stdout
            for line in process.stdout:
                yield line.rstrip("\n")
        yield process.returncode

    def enrol(self, *, remove: bool = False) -> tuple[int, str]:
        """Exit code and what was shown."""
        *lines, code = self.double_click(remove=remove)
        return int(code), "\n".join(str(line) for line in lines)

    def run(self, *command: str) -> str:
        """Standard output of a command in the container that holds the PC."""
        done = subprocess.run(
            ["docker", "exec", self.container, *command], check=True, capture_output=True, text=True, timeout=120
        )
        return done.stdout

    def file(self, name: str) -> str:
        """What the enrolment keeps in a file, empty without it."""
        return self.run("sh", "-c", f"cat {_ACCESS}/{name} 2>/dev/null || true")

    def state(self) -> dict[str, Any]:
        """Everything of that Windows but its drive."""
        return dict(json.loads(self.run("cat", "/srv/windows/state.json")))

    def listens(self) -> bool:
        """Whether anything of it answers on the port of WinRM."""
        return ":5986" in self.run("ss", "-Hltn")

    def udp(self, *, opened: bool) -> None:
        """What a hospital's firewall lets out: WireGuard, or not."""
        rule = "ipproto udp dport 51820 blackhole"
        self.run("sh", "-c", f"while ip rule del {rule} 2>/dev/null; do :; done")
        if not opened:
            self.run("sh", "-c", f"ip rule add {rule}")


def fingerprint(shown: str) -> str:
    """What the PC shows for the telephone, empty where it shows none."""
    found = _FINGERPRINT.search(shown)
    return found[1].strip() if found else ""
