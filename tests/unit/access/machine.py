# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PC that is enrolled: the lab's simulated Windows without its endpoint. What that does not know fails loudly."""

from __future__ import annotations

import base64
import datetime
import getpass
import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.lab.winrm import initial, local
from tests.lab.winrm.accounts import MACHINE_SID
from tests.unit.access.hub import Hub

SCRIPTS = Path(__file__).parents[3] / "roles" / "gateway_access" / "files"
PWSH = shutil.which("pwsh")
TUNNEL = "WireGuardTunnel$mediverse"
MACHINE = "8a4e1f0c-3b5d-4c1e-9f7a-0123456789ab"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=3072)
"""The site's enrolment key."""


def fresh() -> dict[str, Any]:
    """A Windows as it comes, with a network."""
    lan = {"address": "192.168.1.20", "prefix": 24, "origin": "Dhcp"}
    adapter = {
        "name": "Ethernet",
        "index": 5,
        "guid": "{00000000-1D2E-4F3A-8B4C-5D6E7F809102}",
        "mac": "00:1B:44:11:3A:B7",
        "status": "Up",
        "ipv4": True,
        "dhcp": True,
        "addresses": [lan],
        "gateway": "192.168.1.1",
        "stored": {"addresses": [], "gateway": None},
    }
    unplugged = {**adapter, "name": "Ethernet 2", "index": 7, "mac": "00:1B:44:11:3A:B8", "status": "Disconnected"}
    made = initial.fresh("CT-PC", MACHINE.upper())
    made["interfaces"] = [adapter, {**unplugged, "addresses": [], "gateway": None}]
    return {**made, "changes": 0, "restarts": 0, "processes": []}


def somebody(description: str) -> dict[str, Any]:
    """An account of the name that the enrolment takes."""
    sid = f"{MACHINE_SID}-1002"
    return {"sid": sid, "enabled": True, "description": description, "groups": [], "password_never_expires": True}


def place(name: str) -> str:
    """How the state calls a file that the enrolment keeps."""
    return rf"c:\programdata\mediverse\access\{name}".rstrip("\\").lower()


def stamp(hours: float) -> str:
    """A time so many hours from now, as the stick writes it."""
    when = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=hours)
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def stick_data(**change: Any) -> dict[str, Any]:
    numbers = KEY.public_key().public_numbers()
    data: dict[str, Any] = {
        "format": 1,
        "site": "kanifing",
        "label": "Kanifing General",
        "token": "k3v9a8b7c6",
        "made": stamp(-1),
        "ends": stamp(47),
        "way": "tunnel",
        "address": "127.98.0.12",
        "network": "127.98.0.0/16",
        "hub": {
            "host": "127.0.0.1",
            "ssh_port": 9,
            "wireguard_port": 51820,
            "wireguard_key": base64.b64encode(bytes(range(32))).decode(),
            "address": "127.98.0.1",
        },
        "winrm_from": ["127.98.0.1"],
        "enrolment_key": {
            "modulus": base64.b64encode(numbers.n.to_bytes(384, "big")).decode(),
            "exponent": base64.b64encode(numbers.e.to_bytes(3, "big")).decode(),
        },
        "ports": [4242, 8042],
        "installers": {"wireguard": "installers/wireguard-amd64-1.1.msi"},
    }
    return {**data, **change}


def decrypt(cipher: str) -> str:
    scheme = padding.OAEP(mgf=padding.MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)
    return KEY.decrypt(base64.b64decode(cipher), scheme).decode()


def write_stick(stick: Path, data: dict[str, Any], *, key: bytes, known: str = "") -> None:
    """A stick in that folder, as ``flash_drive.yml`` makes one."""
    shutil.rmtree(stick, ignore_errors=True)
    (stick / "installers").mkdir(parents=True)
    for name in ("enrol.cmd", "enrol.ps1", "watch.ps1"):
        shutil.copy(SCRIPTS / name, stick / name)
    (stick / "stick.json").write_text(json.dumps(data))
    (stick / "report-key").write_bytes(key)
    (stick / "known_hosts").write_text(known or "[203.0.113.5]:443 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA\n")
    (stick / "installers" / "wireguard-amd64-1.1.msi").write_text("mediverse-lab-installer: wireguard 1.1\n")
    lines = []
    for path in sorted(stick.rglob("*")):
        if path.is_file():
            name = path.relative_to(stick).as_posix()
            lines.append(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}\n")
    (stick / "manifest.sha256").write_text("".join(lines))


class Machine:
    """One PC with its stick."""

    said = ""

    def __init__(self, folder: Path, *, ssh: bool = True) -> None:
        self.folder = folder
        self.file = folder / "state.json"
        self.stick = folder / "stick"
        self.access = folder / "C" / "ProgramData" / "Mediverse" / "Access"
        local.furnish(folder, ssh=ssh)
        self.set(**fresh())

    @property
    def state(self) -> dict[str, Any]:
        return dict(json.loads(self.file.read_text(encoding="utf-8")))

    def set(self, **change: Any) -> None:
        now = self.state if self.file.exists() else {}
        self.file.write_text(json.dumps({**now, **change}), encoding="utf-8")

    def lasting(self) -> dict[str, Any]:
        """The machine without its counters; what must be equal after a second run or a removal."""
        counters = ("changes", "accounts", "acl", "processes", "restarts")
        return {key: value for key, value in self.state.items() if key not in counters}

    def files(self) -> dict[str, bytes]:
        """What the PC keeps, without the log."""
        found = self.access.rglob("*")
        return {path.name: path.read_bytes() for path in found if path.is_file() and "log" not in path.name}

    def write_stick(self, data: dict[str, Any], *, key: bytes = b"no key\n", known: str = "") -> None:
        write_stick(self.stick, data, key=key, known=known)

    def _run(
        self, script: Path, *arguments: str, album: Path | None = None, seconds: int = 600
    ) -> subprocess.CompletedProcess[str]:
        more = {"SIMULATED_ALBUM": str(album or ""), "SIMULATED_ACCOUNT": getpass.getuser()}
        command = local.command(str(PWSH), "-Script", str(script), *arguments)
        environment = local.environment(self.folder, **more)
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=seconds, check=False)

    def enrol(self, *, album: Path | None = None) -> subprocess.CompletedProcess[str]:
        return self._run(self.stick / "enrol.ps1", "-Stick", str(self.stick), album=album)

    def remove(self, *, album: Path | None = None) -> subprocess.CompletedProcess[str]:
        return self._run(self.stick / "enrol.ps1", "-Stick", str(self.stick), "-Remove", "yes", album=album)

    def watch(self) -> subprocess.CompletedProcess[str]:
        return self._run(self.access / "watch.ps1")

    def ask(self, expression: str) -> list[Any]:
        """What an expression gives beside the functions of enrol.ps1, outside of any run of it."""
        done = self._run(SCRIPTS / "enrol.ps1", "-Expression", expression)
        assert done.returncode == 0, done.stderr + done.stdout
        return list(json.loads(done.stdout))

    def again_from(self, album: Path, *, remove: bool = False) -> None:
        """Run enrol.ps1 on the machine of each picture; see run.ps1."""
        more = ["-Remove", "yes"] if remove else []
        done = self._run(self.stick / "enrol.ps1", "-Stick", str(self.stick), "-Album", str(album), *more, seconds=3600)
        assert done.returncode == 0, done.stdout + done.stderr

    def back_to(self, picture: Path) -> None:
        """As the machine was when the picture was made."""
        shutil.rmtree(self.folder)
        shutil.copytree(picture, self.folder, symlinks=True)

    def report(self) -> dict[str, Any]:
        return dict(json.loads((self.access / "report.json").read_text()))

    def log(self) -> str:
        return (self.access / "enrol.log").read_text()


def prepare(pc: Machine, hub: Hub, **change: Any) -> None:
    """The stick of that hub. The address is one of loopback that is no other test's."""
    number = hub.port
    address = f"127.98.{number // 250 % 250 + 1}.{number % 250 + 1}"
    data = stick_data(**{"address": address, **change})
    pc.write_stick({**data, "hub": {**data["hub"], "ssh_port": hub.port}}, key=hub.token, known=hub.known)


def long(*case: Any) -> Any:
    """A case for ``make enrolment`` alone; a like one is in the usual run."""
    return pytest.param(*case, marks=pytest.mark.long)
