# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody starts on the PC itself: scripts on the PowerShell of this machine, beside stand-ins for Windows.

``python3 -m winrm.local <stick> [-Remove]`` is the double click on enrol.cmd of a stick that lies in that folder.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
PROGRAMS = ("icacls", "secedit", "netsh", "whoami", "msiexec")
_SSH = ("ssh", "ssh-keygen")
ENGINE = {"DOTNET_TieredCompilation": "0"}
"""What every PowerShell here is started with: to compile once costs a script that runs once a quarter less."""


def furnish(root: Path, *, ssh: bool = True) -> None:
    """Puts the programs of Windows into drive C: of the machine at ``root``. ``ssh``: the optional feature as well."""
    system = root / "C" / "Windows" / "System32"
    for folder in (system, root / "C" / "ProgramData", root / "C" / "Program Files", root / "run"):
        folder.mkdir(parents=True, exist_ok=True)
    programs = root / "run" / "system32.py"
    programs.write_text(f"#!{sys.executable}\n" + (_HERE / "system32.py").read_text(encoding="utf-8"), encoding="utf-8")
    programs.chmod(0o755)
    links = [system / f"{name}.exe" for name in PROGRAMS]
    if ssh:
        (system / "OpenSSH").mkdir(exist_ok=True)
        links += [system / "OpenSSH" / f"{name}.exe" for name in _SSH]
    for link in links:
        link.unlink(missing_ok=True)
        link.symlink_to(programs)


def environment(root: Path, **more: str) -> dict[str, str]:
    """What a process of that machine finds; its paths are those of this one."""
    computer = json.loads((root / "state.json").read_text(encoding="utf-8"))["computer"]
    drive = root / "C"
    return {
        "PATH": os.environ["PATH"],
        # Some pwsh unpack themselves there.
        "HOME": os.environ.get("HOME", "/root"),
        "NO_COLOR": "1",
        **ENGINE,
        "ProgramData": str(drive / "ProgramData"),
        "ProgramFiles": str(drive / "Program Files"),
        "SystemRoot": str(drive / "Windows"),
        "SystemDrive": "C:",
        "COMPUTERNAME": str(computer),
        "SIMULATED_MACHINE": str(root / "state.json"),
        **more,
    }


def command(program: str, *arguments: str) -> list[str]:
    """The command that runs a script so; arguments are those of ps/run-local.ps1."""
    return [program, "-NoProfile", "-NonInteractive", "-File", str(_HERE / "ps" / "run-local.ps1"), *arguments]


def main() -> int:
    from .models.powershell import engine

    root, stick = Path("/srv/windows"), Path(sys.argv[1])
    program = engine()
    if program is None:
        print("This simulated Windows has no PowerShell: put pwsh on PATH and bring the lab up again.")
        return 1
    remove = ["-Remove", "yes"] if sys.argv[2:] == ["-Remove"] else []
    line = command(program, "-Script", str(stick / "enrol.ps1"), "-Stick", str(stick), *remove)
    # The state has passwords.
    with subprocess.Popen(line, env=environment(root, SIMULATED_LIVE="yes"), umask=0o077) as process:
        return process.wait()


if __name__ == "__main__":
    sys.exit(main())
