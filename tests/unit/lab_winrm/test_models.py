# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Models of modules: what the endpoint's play does not show."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest

from tests.lab.winrm.models.powershell import take_over
from tests.lab.winrm.windows import Windows
from tests.lint.win_tasks import installed
from tests.unit.lab_winrm.conftest import Run

VERSION = installed("ansible.windows")
INTERFACES = r"HKLM:\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters\Interfaces"


@pytest.mark.parametrize(
    ("module", "arguments", "key"),
    [
        ("win_file", {"path": r"C:\A\B", "state": "directory"}, None),
        ("win_environment", {"level": "machine", "variables": {"A": "1", "B": "2"}}, "values"),
        ("win_regedit", {"path": r"HKLM:\SOFTWARE\A", "name": "n", "data": "x"}, None),
        (
            "win_regedit",
            {"path": rf"{INTERFACES}\{{4D56-07}}", "name": "TcpAckFrequency", "data": 1, "type": "dword"},
            None,
        ),
        ("win_firewall_rule", {"name": "r", "direction": "in", "protocol": "tcp", "localport": "1-2"}, None),
        ("win_scheduled_task", {"name": "t", "path": "A", "username": "SYSTEM", "actions": [{"path": "x"}]}, None),
        ("win_user_right", {"name": "SeServiceLogonRight", "users": ["SYSTEM"], "action": "set"}, "added"),
        ("win_service", {"name": "W32Time", "start_mode": "delayed"}, "start_mode"),
        ("win_power_plan", {"name": "High performance"}, "power_plan_name"),
        ("win_timezone", {"timezone": "GMT Standard Time"}, "timezone"),
        ("win_user", {"name": "someone", "password": "x", "state": "present"}, "state"),
        ("win_owner", {"path": r"C:\Windows", "user": "Administrator", "recurse": True}, None),
        ("win_acl_inheritance", {"path": r"C:\Windows", "state": "absent"}, None),
    ],
    ids=lambda value: value if isinstance(value, str) and value.startswith("win_") else "",
)
def test_check_then_change_then_nothing(
    run: Run, machine: Windows, module: str, arguments: dict[str, Any], key: str | None
) -> None:
    before = json.dumps(machine.state, sort_keys=True)
    assert run(module, check=True, **arguments)["changed"] is True
    assert json.dumps(machine.state, sort_keys=True) == before
    first, second = run(module, **arguments), run(module, **arguments)
    assert (first["changed"], second["changed"]) == (True, False)
    assert key is None or key in first


def test_absent_removes(run: Run, machine: Windows) -> None:
    run("win_regedit", path=r"HKLM:\SOFTWARE\A", name="n", data="x")
    assert run("win_regedit", path=r"HKLM:\SOFTWARE\A", name="n", state="absent")["changed"]
    assert machine.registry.exists(r"HKLM\SOFTWARE\A")
    assert run("win_regedit", path=r"HKLM:\SOFTWARE\A", state="absent")["changed"]
    assert not machine.registry.exists(r"HKLM\SOFTWARE\A")
    run("win_firewall_rule", name="r", direction="in", action="block")
    assert [run("win_firewall_rule", name="R", state="absent")["changed"] for __ in range(2)] == [True, False]
    machine.path(r"C:\x").write_text("x")
    assert [run("win_file", path=r"c:\X", state="absent")["changed"] for __ in range(2)] == [True, False]


def test_scheduled_task_details(run: Run, machine: Windows) -> None:
    trigger = {"type": "time", "start_boundary": "2000-01-01T00:00:00", "repetition": {"interval": "PT1M"}}
    task: dict[str, Any] = {
        "name": "T",
        "username": "S-1-5-18",
        "logon_type": "service_account",
        "actions": [{"path": "x"}],
    }
    run("win_scheduled_task", **task, triggers=[trigger])
    assert run("win_scheduled_task", name="t", path="\\", triggers=[trigger])["changed"] is False
    assert machine.state["tasks"]["\\T"]["username"] == r"NT AUTHORITY\SYSTEM"
    assert run("win_scheduled_task", name="T", enabled=False)["changed"] is True
    assert "with no actions" in run("win_scheduled_task", name="new")["msg"]
    assert "must be SYSTEM" in run("win_scheduled_task", **{**task, "username": "Administrator"})["msg"]
    late = {**trigger, "repetition": {"interval": "1 minute"}}
    assert "XML duration format" in run("win_scheduled_task", **task, triggers=[late])["msg"]
    assert "does not model a trigger" in run("win_scheduled_task", **task, triggers=[{"type": "boot"}])["msg"]
    assert "does not model the option hidden" in run("win_scheduled_task", **task, hidden=True)["msg"]
    assert [run("win_scheduled_task", name="T", state="absent")["changed"] for __ in range(2)] == [True, False]


def test_stat_slurp_and_find(run: Run, machine: Windows) -> None:
    machine.path(r"C:\Data").mkdir()
    machine.path(r"C:\Data\a.JSON").write_bytes(b"{}")
    stat = run("win_stat", path=r"c:\data\A.json", checksum_algorithm="sha256")["stat"]
    assert (stat["path"], stat["size"], stat["extension"]) == (r"C:\Data\a.JSON", 2, ".JSON")
    assert stat["checksum"] == hashlib.sha256(b"{}").hexdigest()
    assert run("win_stat", path=r"C:\nothing")["stat"] == {"exists": False}
    assert base64.b64decode(run("slurp", src=r"C:\Data\a.json")["content"]) == b"{}"
    assert "is not found" in run("slurp", src=r"C:\nothing")["msg"]
    assert [item["path"] for item in run("win_find", paths=[r"C:\Data"], patterns=["*.json"])["files"]] == [
        stat["path"]
    ]


def test_registry_values_by_type(run: Run) -> None:
    key = r"HKLM:\SOFTWARE\Types"
    run("win_regedit", path=key, name="number", data="0x10", type="dword")
    run("win_regedit", path=key, name="list", data=["a", "b"], type="multistring")
    run("win_regedit", path=key, name="path", data=r"%ProgramData%\x", type="expandstring")
    values = run("win_reg_stat", path=key)["properties"]
    assert values["number"] == {"type": "REG_DWORD", "value": 16, "raw_value": 16}
    assert values["list"]["value"] == ["a", "b"]
    assert (values["path"]["value"], values["path"]["raw_value"]) == (r"C:\ProgramData\x", r"%ProgramData%\x")
    changed = run("win_regedit", path=key, name="number", data="16", type="string")
    assert (changed["changed"], changed["data_type_changed"]) == (True, True)


def test_access_rights(run: Run, machine: Windows) -> None:
    rule: dict[str, Any] = {"path": r"C:\Windows\Temp", "user": "Users", "rights": "Modify", "type": "allow"}
    checked = run("win_acl", check=True, **rule)
    # It has check mode from 3.7.0 on.
    assert (checked["changed"], checked.get("skipped")) == ((True, None) if VERSION >= (3, 7, 0) else (False, True))
    assert machine.state["acl"] == {}
    assert [run("win_acl", **rule)["changed"] for __ in range(2)] == [True, False]
    assert run("win_acl", **{**rule, "rights": "Read"})["changed"] is True
    run("win_acl", check=True, **rule, state="absent")
    assert [run("win_acl", **rule, state="absent")["changed"] for __ in range(2)] == [True, False]
    assert "access right" in run("win_acl", **{**rule, "rights": "Everything"})["msg"]
    kept = machine.state["acl"][r"c:\windows\temp"]["entries"]
    assert [entry["rights"] for entry in kept] == [0x120089]


def test_what_older_modules_do_not_know(run: Run, machine: Windows) -> None:
    """Options of the newest module are refused where they would have an effect, and unknown to the oldest one."""
    newer = VERSION >= (3, 8, 0)
    machine.path(r"C:\text").write_text("a\n")
    machine.path(r"C:\bytes").write_bytes(b"a\0")
    peeked = [run("win_file", path=path, _diff_peek=True) for path in (r"C:\text", r"C:\bytes", r"C:\nothing")]
    assert [result.get("state") for result in peeked] == (["file", "file", "absent"] if newer else [None] * 3)
    assert [result.get("appears_binary") for result in peeked] == ([False, True, False] if newer else [None] * 3)
    assert [result.get("failed", False) for result in peeked] == [False, False, not newer]
    touched = run("win_file", path=r"C:\text", state="touch", modification_time="2026-01-01 00:00:00")
    assert touched.get("msg", "") == (
        "The simulated Windows does not model the option modification_time of win_file." if newer else ""
    )
    package = run("win_package", path=r"C:\text", verify_signature=True)
    what = "does not model the option" if newer else "Unsupported parameters for (win_package) module:"
    assert f"{what} verify_signature" in package["msg"]


def test_firewall_details(run: Run) -> None:
    rule: dict[str, Any] = {
        "name": "r",
        "direction": "in",
        "action": "allow",
        "protocol": "tcp",
        "remoteip": "192.0.2.1,192.0.2.2",
    }
    run("win_firewall_rule", **rule)
    assert run("win_firewall_rule", **{**rule, "remoteip": "192.0.2.2,192.0.2.1"})["changed"] is False
    assert run("win_firewall_rule", name="r", enabled=False)["changed"] is True
    assert "need a protocol" in run("win_firewall_rule", name="new", direction="in", localport="1")["msg"]
    assert "does not model the option edge" in run("win_firewall_rule", name="r", edge="yes")["msg"]
    profiles = run("win_firewall", state="disabled", profiles=["Public"])
    assert (profiles["changed"], profiles["Public"]["enabled"], profiles["Domain"]["enabled"]) == (True, False, True)


def test_commands(run: Run, machine: Windows) -> None:
    assert run("win_command", _raw_params="powercfg /change standby-timeout-ac 0")["rc"] == 0
    assert run("win_command", _raw_params="powercfg.exe /hibernate off")["changed"] is True
    assert machine.state["power"]["timeouts"]["standby-timeout-ac"] == 0
    assert machine.state["power"]["hibernate"] is False
    assert run("win_command", _raw_params="powercfg /change nap-timeout-ac 0")["failed"] is True
    assert run("win_command", check=True, _raw_params="powercfg /hibernate on")["skipped"] is True
    assert "no model for this command" in run("win_shell", _raw_params="del C:\\")["msg"]
    assert run("win_command", _raw_params="anything", creates=r"C:\Windows")["skipped"] is True


def test_wait_for_a_file(run: Run, machine: Windows) -> None:
    machine.path(r"C:\Windows\log.txt").write_text("all is ready\n")
    assert "failed" not in run("win_wait_for", path=r"C:\Windows\log.txt", regex="re.dy", timeout=2)
    assert (
        run("win_wait_for", path=r"C:\never", timeout=1)["msg"]
        == r"timeout while waiting for file C:\never to be present"
    )
    said = run("win_wait_for", path=r"C:\Windows\log.txt", regex="gone", timeout=1)["msg"]
    assert said == r"timeout while waiting for string regex gone in file C:\Windows\log.txt to match"
    assert run("win_wait_for", port=1, timeout=1)["msg"] == "timeout while waiting for 127.0.0.1:1 to start listening"
    assert "can not both be passed" in run("win_wait_for", path="x", port=1)["msg"]


def test_no_secret_comes_back(run: Run) -> None:
    result = run("win_service", name="W32Time", username="SYSTEM", password="Geheim!")
    assert "Geheim!" not in json.dumps(result)


def test_unknown_module_and_option(run: Run) -> None:
    assert "no model of the module win_whoami" in run("win_whoami")["msg"]
    assert "does not model the option hive" in run("win_regedit", path=r"HKLM:\A", hive=r"C:\x")["msg"]


def test_script_without_powershell(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.lab.winrm.models.powershell.engine", lambda: None)
    result = run("win_powershell", script="Get-Date")
    assert result["failed"] is True
    assert "put pwsh on PATH" in result["msg"]


def test_what_scripts_may_change(machine: Windows) -> None:
    take_over(machine, {"defender": {"ExclusionPath": [r"C:\Orthanc"]}, "registry": {"lost": True}})
    assert machine.state["defender"] == {"ExclusionPath": [r"C:\Orthanc"]}
    assert "lost" not in machine.state["registry"]
