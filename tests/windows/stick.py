# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator's side of an enrolment without a hub, for a throw-away Windows: the stick, and what its report tells.

``stick.py make <folder> <key> <address of Windows> <address that comes>`` writes ``<folder>/stick`` and the private
enrolment key; ``stick.py login <folder> <key> <report.json>`` writes ``authority.pem`` and ``login.json``, as
``prepare.ps1`` does. Needs Python's cryptography and jinja2.
"""

from __future__ import annotations

import argparse
import base64
import importlib
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

_REPOSITORY = Path(__file__).resolve().parents[2]
# By its name, because a Windows that was just made has no Ansible beside it yet.
sys.path.insert(0, str(_REPOSITORY / "plugins" / "plugin_utils"))
_stick = importlib.import_module("_stick")

_PC = _REPOSITORY / "roles" / "gateway_access" / "files"
_HOURS = 4


def make(folder: Path, key: Path, address: str, comes_from: str) -> None:
    """A stick for a site with a VPN of its own, whose hub does not answer: port 9 of the PC itself is nobody's."""
    pem = _stick.enrolment_key()
    _write(key, pem)
    private, public = _stick.token_key()
    now = datetime.now(UTC)
    ends = now + timedelta(hours=_HOURS)
    values = {
        "format": 1,
        "site": "runner",
        "label": "A throw-away Windows",
        "token": "throw-away",
        "made": f"{now:{_stick.TIME}}",
        "ends": f"{ends:{_stick.TIME}}",
        "way": "own",
        "address": address,
        "network": "",
        "hub": {"host": "127.0.0.1", "ssh_port": 9, "wireguard_port": 0, "wireguard_key": "", "address": ""},
        "winrm_from": [comes_from],
        "enrolment_key": _stick.public_numbers(pem),
        "ports": [4242, 8042],
        "installers": {},
    }
    texts = {
        "stick.json": _stick.contents(values),
        "known_hosts": _stick.known_hosts("127.0.0.1", 9, public),
        "report-key": private,
    }
    drive = folder / "stick"
    drive.mkdir(parents=True, exist_ok=True)
    _stick.write(drive, texts, {name: _PC / name for name in ("enrol.cmd", "enrol.ps1", "watch.ps1")})


def login(folder: Path, key: Path, report: Path) -> None:
    """Account and certificate out of the report that waits on the PC."""
    told = json.loads(report.read_text(encoding="utf-8-sig"))
    private = load_pem_private_key(key.read_bytes(), None)
    if not isinstance(private, RSAPrivateKey):
        raise SystemExit(f"{key} is no RSA key.")
    # SHA-1, as every .NET Framework has it (decision 0047).
    scheme = OAEP(mgf=MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)
    password = private.decrypt(base64.b64decode(told["password"]), scheme).decode()
    certificate = x509.load_der_x509_certificate(base64.b64decode(told["certificate"]))
    _write(folder / "authority.pem", certificate.public_bytes(Encoding.PEM).decode())
    _write(folder / "login.json", json.dumps({"user": told["user"], "password": password}))


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    made = commands.add_parser("make")
    for name in ("folder", "key"):
        made.add_argument(name, type=Path)
    made.add_argument("address")
    made.add_argument("comes_from")
    told = commands.add_parser("login")
    for name in ("folder", "key", "report"):
        told.add_argument(name, type=Path)
    given = parser.parse_args()
    if given.command == "make":
        make(given.folder, given.key, given.address, given.comes_from)
    else:
        login(given.folder, given.key, given.report)


if __name__ == "__main__":
    main()
