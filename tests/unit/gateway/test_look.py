# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The look at a gateway on a real PowerShell, and its stand-in, tell the same of the same machine."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from tests.lab.winrm import scripts
from tests.lab.winrm.__main__ import machine
from tests.lab.winrm.call import Call, run_module
from tests.lab.winrm.models import powershell
from tests.lab.winrm.windows import Windows

LOOK = Path(__file__).parents[3] / "roles" / "orthanc_windows_gateway" / "files" / "look.ps1"
FOLDER, FILE, NOWHERE = r"C:\ProgramData\Mediverse", r"C:\ProgramData\Mediverse\a.lua", r"C:\Nowhere"
KEY = r"HKLM:\SYSTEM\CurrentControlSet\Control\Session Manager\Power"
ASKED = {
    "Folders": [FOLDER, NOWHERE],
    "Files": [FILE, rf"{FOLDER}\none.lua"],
    "Names": [FOLDER, NOWHERE],
    "Registry": [KEY, r"HKLM:\SOFTWARE\Nowhere"],
    "Accounts": ["Administrator", "Nobody"],
}


def module(windows: Windows, name: str, **arguments: Any) -> dict[str, Any]:
    return run_module(windows, Call(name, "", arguments))


@pytest.fixture
def windows(tmp_path: Path) -> Windows:
    found = machine(tmp_path, "Administrator", "GATEWAY")
    module(found, "win_file", path=FOLDER, state="directory")
    rule = {"path": FOLDER, "rights": "FullControl", "type": "allow", "propagation": "None"}
    for user in ("S-1-5-18", "S-1-5-32-544"):
        module(found, "win_acl", **rule, user=user, inherit="ContainerInherit, ObjectInherit")
    module(found, "win_acl", **{**rule, "rights": "ListDirectory"}, user="Administrator", inherit="None")
    module(found, "win_acl_inheritance", path=FOLDER, state="absent", reorganize=False)
    found.path(FILE).write_text("-- lua\n")
    found.registry.set(KEY, "HiberbootEnabled", "dword", 0)
    found.save()
    return found


def test_the_look(windows: Windows) -> None:
    if powershell.engine() is None:
        pytest.skip("no pwsh on PATH")
    found = module(windows, "win_powershell", script=LOOK.read_text(), parameters=ASKED, depth=5)
    seen = found["result"]
    assert found["changed"] is False
    whole = "O:BAG:SYD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;;0x100001;;;S-1-5-21-1-2-3-1001)"
    assert seen["folders"] == {FOLDER: whole, NOWHERE: ""}
    assert seen["files"] == {FILE: hashlib.sha1(b"-- lua\n").hexdigest(), rf"{FOLDER}\none.lua": ""}
    assert seen["names"] == {FOLDER: ["a.lua"], NOWHERE: []}
    assert seen["registry"] == {KEY: {"HiberbootEnabled": 0}, r"HKLM:\SOFTWARE\Nowhere": {}}
    assert seen["accounts"] == {"Administrator": "S-1-5-21-1-2-3-1001", "Nobody": ""}
    stand_in = scripts.run(windows, LOOK.read_text(), {"parameters": ASKED}, Call("win_powershell", "", {}))
    assert stand_in["result"] == seen
