# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The look at a gateway on a real PowerShell, and its stand-in, tell the same of the same machine."""

from __future__ import annotations

import base64
import hashlib
import socket
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.filter.packed_script import packed_script

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
    "Required": [rf"HKLM:\SOFTWARE\{name}" for name in ("Mediverse test", "Mediverse empty", "Nothing")],
    "Accounts": ["Administrator", "Nobody"],
    "Contents": [FILE, rf"{FOLDER}\none.lua"],
    "Services": ["Orthanc", "Nobody"],
    "Rules": ["Mediverse DICOM", "Nobody"],
}


def module(windows: Windows, name: str, **arguments: Any) -> dict[str, Any]:
    return run_module(windows, Call(name, "", arguments))


@pytest.fixture
def windows(tmp_path: Path) -> Windows:
    found = machine(tmp_path, "Administrator", "GATEWAY")
    module(found, "win_file", path=FOLDER, state="directory")
    rule: dict[str, Any] = {"path": FOLDER, "rights": "FullControl", "type": "allow", "propagation": "None"}
    for user in ("S-1-5-18", "S-1-5-32-544"):
        module(found, "win_acl", **rule, user=user, inherit="ContainerInherit, ObjectInherit")
    module(found, "win_acl", **{**rule, "rights": "ListDirectory"}, user="Administrator", inherit="None")
    module(found, "win_acl_inheritance", path=FOLDER, state="absent", reorganize=False)
    found.path(FILE).write_text("-- lua\n")
    found.registry.set(KEY, "HiberbootEnabled", "dword", 0)
    found.registry.set(r"HKLM:\SOFTWARE\Mediverse test", "Version", "string", "1.2")
    found.registry.create(r"HKLM:\SOFTWARE\Mediverse empty")
    actions = [{"type": "restart", "delay_ms": 5000}, {"type": "none", "delay_ms": 0}]
    more = {"failure_actions": actions, "failure_reset_period_sec": 86400, "state": "started"}
    found.services.create("Orthanc", **more, failure_actions_on_non_crash_failure=True, start_mode="delayed")
    rule = {"Direction": 1, "Action": 1, "Enabled": False, "Profiles": 7, "Protocol": 6}
    for name, source in (("Mediverse DICOM", "Local"), ("Mediverse DICOM", "GroupPolicy"), ("Other", "Local")):
        found.state["firewall"]["rules"].append({**rule, "Name": name, "Source": source})
    found.save()
    return found


def test_the_look(windows: Windows) -> None:
    if powershell.engine() is None:
        pytest.skip("no pwsh on PATH")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        asked = {**ASKED, "Ports": [port, 1]}
        found = module(windows, "win_powershell", script=LOOK.read_text(), parameters=asked, depth=5)
        stand_in = scripts.run(windows, LOOK.read_text(), {"parameters": asked}, Call("win_powershell", "", {}))
    seen = found["result"]
    assert found["changed"] is False
    whole = "O:BAG:SYD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;;0x100001;;;S-1-5-21-1-2-3-1001)"
    assert seen["folders"] == {FOLDER: whole, NOWHERE: ""}
    assert seen["files"] == {FILE: hashlib.sha1(b"-- lua\n").hexdigest(), rf"{FOLDER}\none.lua": ""}
    assert seen["names"] == {FOLDER: ["a.lua"], NOWHERE: []}
    assert seen["registry"][KEY] == {"HiberbootEnabled": 0}
    assert seen["registry"][r"HKLM:\SOFTWARE\Mediverse test"] == {"Version": "1.2"}
    # Of a key that must be readable, one without values is not one that is not there.
    assert (seen["registry"][r"HKLM:\SOFTWARE\Nothing"], seen["registry"][r"HKLM:\SOFTWARE\Nowhere"]) == (None, {})
    assert seen["registry"][r"HKLM:\SOFTWARE\Mediverse empty"] == {}
    empty = {name for name, values in seen["registry"].items() if not values}
    assert empty == {rf"HKLM:\SOFTWARE\{name}" for name in ("Nowhere", "Nothing", "Mediverse empty")}
    assert seen["contents"] == {FILE: base64.b64encode(b"-- lua\n").decode(), rf"{FOLDER}\none.lua": ""}
    assert seen["services"] == {"Orthanc": "Running delayed restart:5000,none:0 86400 True", "Nobody": ""}
    # One of a policy is none of this computer's own.
    assert seen["rules"] == {"Mediverse DICOM": 1, "Nobody": 0}
    assert seen["ports"] == {str(port): True, "1": False}
    assert seen["accounts"] == {"Administrator": "S-1-5-21-1-2-3-1001", "Nobody": ""}
    assert stand_in["result"] == seen


TOGETHER = LOOK.with_name("together.ps1")


def together(windows: Windows, *parts: dict[str, Any]) -> dict[str, Any]:
    packed = [{**part, "script": packed_script(part["script"])} for part in parts]
    return module(windows, "win_powershell", script=TOGETHER.read_text(), parameters={"Parts": packed}, depth=8)


def test_several_scripts_look_in_one_command_and_change_nothing(windows: Windows) -> None:
    if powershell.engine() is None:
        pytest.skip("no pwsh on PATH")
    windows.state["power"]["timeouts"]["standby-timeout-ac"] = 30
    awake = LOOK.with_name("stay_awake.ps1").read_text()
    broken = "[CmdletBinding(SupportsShouldProcess = $true)] param() throw 'It is broken.'"
    # A parameter with the name of what tables have.
    odd = "[CmdletBinding(SupportsShouldProcess = $true)] param([string]$Keys) $Ansible.Result = @{ told = $Keys }"
    parts = [
        {"name": "awake", "script": awake, "parameters": {}},
        {"name": "broken", "script": broken, "parameters": {}},
        {"name": "odd", "script": odd, "parameters": {"Keys": "yes"}},
        {"name": "place", "script": LOOK.read_text(), "parameters": {"Folders": [FOLDER]}},
    ]
    found = together(windows, *parts)
    seen = found["result"]["parts"]
    assert found["changed"] is False
    assert (seen["awake"]["changed"], seen["awake"]["result"]["standby_seconds"]) == (True, 1800)
    assert windows.state["power"]["timeouts"]["standby-timeout-ac"] == 30
    assert seen["broken"] == {"result": {}, "changed": False, "problem": "It is broken."}
    assert (seen["odd"]["result"], seen["odd"]["problem"]) == ({"told": "yes"}, "")
    assert (seen["place"]["changed"], seen["place"]["result"]["folders"][FOLDER][:8]) == (False, "O:BAG:SY")
    known = [{**part, "script": packed_script(part["script"])} for part in (parts[0], parts[3])]
    stand_in = scripts.run(
        windows, TOGETHER.read_text(), {"parameters": {"Parts": known}}, Call("win_powershell", "", {})
    )
    assert stand_in["result"]["parts"] == {name: seen[name] for name in ("awake", "place")}


def test_a_key_that_must_be_readable_is_not_one_that_is_not_there(windows: Windows) -> None:
    if powershell.engine() is None:
        pytest.skip("no pwsh on PATH")
    closed = "function Get-ItemProperty { throw [System.Security.SecurityException] 'Access is denied.' }\n"
    text = LOOK.read_text().replace("function Get-Value", f"{closed}function Get-Value")
    asked = {"Required": [KEY]}
    (seen,) = together(windows, {"name": "program", "script": text, "parameters": asked})["result"]["parts"].values()
    assert (seen["result"], "Access is denied." in seen["problem"]) == ({}, True)
