# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stick that a run on a real Windows begins with: the PC takes it, and its report tells how to log in."""

from __future__ import annotations

import base64
import json
import shutil
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.access.machine import PWSH, Machine

PROGRAM = Path(__file__).parents[2] / "windows" / "stick.py"


def _stick(*arguments: object) -> None:
    done = subprocess.run(
        [sys.executable, str(PROGRAM), *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(PWSH is None, reason="no pwsh on PATH: install PowerShell 7 to run the .ps1 files")
@pytest.mark.skipif(shutil.which("ssh") is None, reason="no ssh: install OpenSSH's client")
def test_a_windows_without_a_hub_is_enrolled_and_the_report_tells_the_login(pc: Machine, tmp_path: Path) -> None:
    key, out = tmp_path / "key.pem", tmp_path / "out"
    out.mkdir()
    _stick("make", pc.folder, key, "192.168.1.20", "192.168.1.1")
    done = pc.enrol()
    assert done.returncode == 2, done.stdout + done.stderr
    assert "The PC is ready, but the hub has no report yet" in done.stdout
    _stick("login", out, key, pc.access / "report.json")
    account, (certificate,) = pc.state["users"]["mediverse"], pc.state["certificates"]
    assert json.loads((out / "login.json").read_text()) == {"user": "mediverse", "password": account["password"]}
    assert ssl.PEM_cert_to_DER_cert((out / "authority.pem").read_text()) == base64.b64decode(certificate["der"])
    assert all((path.stat().st_mode & 0o077) == 0 for path in (key, out / "login.json"))
