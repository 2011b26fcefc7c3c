# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hub's side of decision 0047 as a double: a real sshd on loopback; started as a program, its forced command.

It takes a report as the decision says: strictly, the first one for good, and that one again as often as it comes.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_REPORT = Path(__file__).parents[3] / "plugins" / "module_utils" / "_access" / "report.py"
SSHD = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Hub:
    """``token`` is the private key of the stick, ``known`` the line of the host key as the hub writes it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.port = _free_port()
        self.sshd: subprocess.Popen[bytes] | None = None
        for name in ("host", "token", "other"):
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(folder / name)]
            subprocess.run(command, check=True)
        self.token = (folder / "token").read_bytes()
        self.known = f"[127.0.0.1]:{self.port} {(folder / 'host.pub').read_text()}"
        self.admit()

    def admit(self, *, tunnel: str = "", listen: str = "", expiry: str = "29991231") -> None:
        """The keys that may come: the stick's until a time, and a PC's after it was accepted."""
        command = f"{sys.executable} {Path(__file__).resolve()} {self.folder}"
        token = (self.folder / "token.pub").read_text().strip()
        lines = [f'restrict,expiry-time="{expiry}",command="{command}" {token}']
        if tunnel:
            lines.append(f'restrict,port-forwarding,permitlisten="{listen}:5986",command="/bin/false" {tunnel}')
        (self.folder / "authorized_keys").write_text("\n".join(lines) + "\n")

    def start(self, host_key: str = "host", forwarding: str = "remote") -> None:
        # What sshd wants when root starts it.
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        settings = {
            "Port": self.port,
            "ListenAddress": "127.0.0.1",
            "HostKey": self.folder / host_key,
            "AuthorizedKeysFile": self.folder / "authorized_keys",
            "PidFile": "none",
            "StrictModes": "no",
            "UsePAM": "no",
            "PasswordAuthentication": "no",
            "KbdInteractiveAuthentication": "no",
            "PermitRootLogin": "prohibit-password",
            "PermitTTY": "no",
            "AllowTcpForwarding": forwarding,
            "AllowStreamLocalForwarding": "no",
            "GatewayPorts": "clientspecified",
        }
        file = self.folder / "sshd_config"
        file.write_text("".join(f"{key} {value}\n" for key, value in settings.items()))
        with (self.folder / "sshd.log").open("ab") as log:
            self.sshd = subprocess.Popen([str(SSHD), "-D", "-e", "-f", str(file)], stderr=log)
        for __ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            time.sleep(0.05)
        raise AssertionError((self.folder / "sshd.log").read_text())

    def stop(self) -> None:
        if self.sshd:
            self.sshd.terminate()
            self.sshd.wait()
            self.sshd = None

    def taken(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "report.json").read_text()))

    def deliveries(self) -> int:
        file = self.folder / "deliveries"
        return len(file.read_text()) if file.exists() else 0


def _forced_command(folder: Path) -> dict[str, Any]:
    found = importlib.util.spec_from_file_location("report", _REPORT)
    assert found
    assert found.loader
    reports = importlib.util.module_from_spec(found)
    found.loader.exec_module(reports)
    data = sys.stdin.buffer.read(reports.LARGEST + 1)
    with (folder / "deliveries").open("a") as count:
        count.write("x")
    try:
        report = reports.parse(data)
    except reports.ReportError as error:
        return {"taken": False, "problem": str(error)}
    kept = folder / "report.json"
    digits = reports.fingerprint(report)
    if kept.exists() and reports.fingerprint(json.loads(kept.read_text())) != digits:
        return {"taken": False, "problem": "The stick was used on another PC; make a new one."}
    kept.write_bytes(data)
    return {"taken": True, "fingerprint": digits}


if __name__ == "__main__":
    print(json.dumps(_forced_command(Path(sys.argv[1]))))
