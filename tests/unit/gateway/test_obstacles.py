# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What undoes the role's settings on the PC, told by its script on the real engine over the lab's Windows."""

from __future__ import annotations

import copy
import shutil
import socket
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.winrm import network
from tests.lab.winrm.__main__ import machine
from tests.lab.winrm.call import Call
from tests.lab.winrm.models.firewall import win_firewall_rule
from tests.lab.winrm.models.powershell import win_powershell
from tests.lab.winrm.models.tasks import win_scheduled_task
from tests.lab.winrm.windows import Windows
from tests.unit.gateway.test_wake import SCRIPT as WAKE
from tests.unit.gateway.test_wake import Orthanc, orthanc

pytestmark = pytest.mark.skipif(not shutil.which("pwsh"), reason="no pwsh on PATH: install PowerShell 7")
ROLE = Path(__file__).resolve().parents[3] / "roles" / "orthanc_windows_gateway"
PROGRAM = r"C:\Program Files\Orthanc Server\Orthanc.exe"
LOOK = {"Port": 4242, "Program": PROGRAM, "Scanner": ["198.51.100.7"], "Rule": "Mediverse DICOM"}
RULE = {
    **{"name": "Mediverse DICOM", "direction": "in", "action": "allow", "protocol": "tcp", "localport": "4242"},
    **{"remoteip": "198.51.100.7,203.0.113.9", "program": PROGRAM, "profiles": ["domain", "private", "public"]},
    "enabled": True,
}
BLOCK: dict[str, Any] = {
    **{"Name": "old", "Direction": 1, "Action": 0, "Enabled": True, "Profiles": 0x7FFFFFFF, "Protocol": 6},
    **{"LocalPorts": "4242", "ApplicationName": "", "RemoteAddresses": "*"},
}
__all__ = ["orthanc"]


@pytest.fixture
def windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Windows:
    """A PC whose scanner is on the network of its second adapter."""
    monkeypatch.setenv("MEDIVERSE_LAB_ADDRESS", "192.0.2.30")
    monkeypatch.setattr(network, "apply", lambda __: None)
    windows = machine(tmp_path / "machine", "Administrator", "GATEWAY")
    network.adapters(windows)[1]["addresses"] = [{"address": "198.51.100.20", "prefix": 24, "origin": "Manual"}]
    # As the role makes it.
    assert win_firewall_rule(windows, RULE, Call("win_firewall_rule", "", {}))["changed"]
    return windows


def look(windows: Windows, check: bool = False, **change: Any) -> dict[str, Any]:
    script = (ROLE / "files" / "obstacles.ps1").read_text(encoding="utf-8")
    call = Call("win_powershell", "", {"_ansible_check_mode": check})
    answer = win_powershell(windows, {"script": script, "parameters": {**LOOK, **change}}, call)
    assert answer["changed"] is False, answer
    return dict(answer["result"])


GOOD: dict[str, Any] = {"blocked": [], "open": [], "wake": "", "listens": False}


def test_a_new_windows_is_in_nobodys_way(windows: Windows) -> None:
    assert look(windows) == GOOD


def test_who_takes_connections_is_told(windows: Windows) -> None:
    with socket.create_server(("127.0.0.1", 0)) as orthanc:
        port = orthanc.getsockname()[1]
        assert look(windows, Port=port, Scanner=[], Listening=9) == {**GOOD, "listens": True}
    begun = time.monotonic()
    assert look(windows, Port=port, Scanner=[], Listening=1) == GOOD
    assert time.monotonic() - begun >= 1


@pytest.mark.parametrize("name", ["Public", "Private"])
@pytest.mark.parametrize(
    ("setting", "kind", "beginning"),
    [
        ({"AllowInboundRules": "False"}, "blocked", "Windows' firewall takes no connection at all from networks of"),
        ({"AllowLocalFirewallRules": "False"}, "blocked", "A policy lets no rule of this computer's own count"),
        ({"Enabled": False}, "open", "Windows' firewall lets everything in from networks of the profile 'Public'"),
        ({"DefaultInboundAction": "Allow"}, "open", "Windows' firewall lets everything in from networks of the"),
    ],
)
def test_the_profile_of_the_scanners_network_counts(
    setting: dict[str, Any], kind: str, beginning: str, name: str, windows: Windows
) -> None:
    windows.state["firewall"]["profiles"][name].update(setting)
    wired: dict[str, Any] = {"Scanner": ["203.0.113.9"], "Address": "198.51.100.20/24"}
    for where in ({}, wired):
        result = look(windows, **where)
        if name == "Private":  # the session's
            assert result == GOOD
            continue
        assert [text[: len(beginning)] for text in result.pop(kind)] == [beginning]
        assert [] in result.values()
    # Without a network of its own the way to the scanner is the one with the gateway.
    assert (look(windows, Scanner=["203.0.113.9"]) == GOOD) == (name == "Public")


def test_an_adapter_without_link_is_public(windows: Windows) -> None:
    network.adapters(windows)[1]["status"] = "Disconnected"
    windows.state["firewall"]["profiles"]["Public"]["AllowInboundRules"] = "False"
    assert len(look(windows, Address="198.51.100.20/24")["blocked"]) == 1


def test_a_firewall_that_does_not_run_is_said(windows: Windows) -> None:
    windows.services.get("mpssvc")["state"] = "stopped"
    result = look(windows)
    assert result["open"][0].startswith("The service of Windows' firewall (mpssvc) does not run, so the rule")
    assert look(windows, Scanner=[]) == GOOD


BLOCKING: list[tuple[dict[str, Any], bool]] = [
    ({}, True),
    ({"LocalPorts": "*", "Protocol": 256}, True),
    ({"LocalPorts": "4000-4300,80"}, True),
    ({"LocalPorts": "*", "ApplicationName": r"%ProgramFiles%\Orthanc Server\Orthanc.exe"}, True),
    ({"RemoteAddresses": "198.51.100.0/24"}, True),
    ({"RemoteAddresses": "203.0.113.0/255.255.255.0,198.51.0.0/255.255.0.0"}, True),
    ({"RemoteAddresses": "198.51.100.1-198.51.100.9"}, True),
    ({"RemoteAddresses": "LocalSubnet"}, True),
    # A list of attackers keeps no scanner out.
    ({"RemoteAddresses": "203.0.113.66,192.0.2.0/24,198.51.100.70-198.51.100.79,2001:db8::/32,DNS"}, False),
    ({"LocalPorts": "4243-4300"}, False),
    ({"Protocol": 17}, False),
    ({"ApplicationName": r"C:\vpn.exe"}, False),
    ({"Enabled": False}, False),
    ({"Direction": 2}, False),
    ({"Profiles": 2}, False),
    ({"Profiles": 6}, True),
    ({"ServiceName": "Spooler"}, False),
    ({"Package": "S-1-15-2-1"}, False),
    ({"Owner": "S-1-5-21-1"}, False),
    ({"RemoteUser": "O:LSD:(A;;CC;;;S-1-5-21-1)"}, False),
    ({"RemotePorts": "80"}, False),
    ({"Authentication": "Required"}, False),
    ({"InterfaceTypes": "Wireless"}, False),
    ({"InterfaceTypes": "Lan"}, True),
    ({"Interfaces": "Ethernet"}, False),
    ({"Interfaces": "Ethernet 2"}, True),
    ({"LocalAddresses": "192.0.2.30"}, False),
    ({"LocalAddresses": "198.51.100.20"}, True),
]


def test_a_rule_that_blocks_is_named(windows: Windows) -> None:
    """All of them stand on one PC, each under the name of its number."""
    rules = [{**BLOCK, **change, "Name": str(number)} for number, (change, __) in enumerate(BLOCKING)]
    windows.state["firewall"]["rules"] += rules
    start = "The firewall rule '{}' keeps scanner 198.51.100.7 from port 4242 of Orthanc, and a rule that blocks wins"
    wanted = [start.format(number) for number, (__, blocks) in enumerate(BLOCKING) if blocks]
    assert [text.partition(" wins")[0] + " wins" for text in look(windows)["blocked"]] == wanted


def test_only_the_scanners_that_are_kept_out_are_named(windows: Windows) -> None:
    windows.state["firewall"]["rules"].append({**BLOCK, "RemoteAddresses": "203.0.113.9"})
    (text,) = look(windows, Scanner=["198.51.100.7", "203.0.113.9"])["blocked"]
    assert text.startswith("The firewall rule 'old' keeps scanner 203.0.113.9 from port 4242")


ADMITTING: list[tuple[dict[str, Any], bool]] = [
    ({}, True),
    ({"Enabled": False}, False),
    ({"LocalPorts": "4243"}, False),
    ({"ApplicationName": r"C:\old\Orthanc.exe"}, False),
    ({"ApplicationName": ""}, True),
    ({"Profiles": 3}, False),
    ({"Profiles": 4}, True),
    ({"Protocol": 17}, False),
    ({"RemoteAddresses": "203.0.113.9"}, False),
    ({"RemoteAddresses": "198.51.100.39-198.51.100.39"}, True),
    ({"Authentication": "Required"}, False),
]


def test_a_scanner_that_no_rule_admits_is_named(windows: Windows) -> None:
    """Each scanner has a rule of its own."""
    (ours,) = windows.state["firewall"]["rules"]
    scanners = [f"198.51.100.{number}" for number in range(30, 30 + len(ADMITTING))]
    windows.state["firewall"]["rules"] = [
        {**ours, "RemoteAddresses": scanner, **change}
        for scanner, (change, __) in zip(scanners, ADMITTING, strict=True)
    ]
    kept = ", ".join(scanner for scanner, (__, admits) in zip(scanners, ADMITTING, strict=True) if not admits)
    (text,) = look(windows, Scanner=scanners)["blocked"]
    start = f"No firewall rule in force admits scanner {kept} to port 4242 of Orthanc, as 'Mediverse DICOM' should; run"
    assert text[: len(start)] == start


def test_without_the_rule_each_scanner_is_named_and_without_scanners_nobody(windows: Windows) -> None:
    windows.state["firewall"]["rules"].clear()
    (text,) = look(windows, Scanner=["198.51.100.7", "203.0.113.9"])["blocked"]
    assert text.startswith("No firewall rule in force admits scanner 198.51.100.7, 203.0.113.9 to port 4242")
    assert look(windows, Scanner=[]) == GOOD
    # Where everything is let in no rule is needed; that is said.
    windows.state["firewall"]["profiles"]["Public"]["DefaultInboundAction"] = "Allow"
    result = look(windows)
    assert (result["blocked"], len(result["open"])) == ([], 1)


def test_a_rule_of_the_policy_counts_where_no_other_does(windows: Windows) -> None:
    windows.state["firewall"]["profiles"]["Public"]["AllowLocalFirewallRules"] = "False"
    # A rule of this computer's own that blocks does not count either.
    windows.state["firewall"]["rules"].append(BLOCK)
    (text,) = look(windows)["blocked"]
    assert "have TCP port 4242 admitted from 198.51.100.7 by that policy" in text
    rule = {**windows.state["firewall"]["rules"][0], "Name": "of the hospital", "Source": "GroupPolicy"}
    windows.state["firewall"]["rules"].append(rule)
    assert look(windows) == GOOD


@pytest.mark.parametrize(
    ("state", "start"),
    [
        (
            0x41000,
            "'Northern Shield' has the place of Windows' firewall for networks of the profile 'Public', where the",
        ),
        (0x40000, "Windows' firewall lets everything in from networks of the profile 'Public', where the scanners are"),
    ],
)
def test_the_firewall_of_another_vendor_is_named(state: int, start: str, windows: Windows) -> None:
    windows.state["firewall"]["products"] = [{"name": "Northern Shield", "state": state}]
    windows.state["firewall"]["profiles"]["Public"]["Enabled"] = False
    result = look(windows)
    assert (result["blocked"], [text[: len(start)] for text in result["open"]]) == ([], [start])


def wake_task(windows: Windows, orthanc: Orthanc) -> None:
    """The task as the role makes it."""
    tasks = yaml.safe_load((ROLE / "tasks" / "wake.yml").read_text(encoding="utf-8"))
    given = next(task["community.windows.win_scheduled_task"] for task in tasks if "Wake" in task["name"])
    values = {
        "__orthanc_windows_gateway_wake_script": r"C:\Program Files\Mediverse\wake.ps1",
        "__orthanc_windows_gateway_api_url": f"http://127.0.0.1:{orthanc.port}",
        "__orthanc_windows_gateway_configuration_dir": r"C:\Program Files\Orthanc Server\Configuration",
        "__orthanc_windows_gateway_logs": r"C:\Program Files\Orthanc Server\Logs",
    }
    action = copy.deepcopy(given["actions"][0])
    for name, value in values.items():
        action["arguments"] = action["arguments"].replace("{{ " + name + " }}", value)
    assert "{{" not in action["arguments"]
    for folder in ("Program Files/Mediverse", "Program Files/Orthanc Server/Configuration"):
        (windows.root / "C" / folder).mkdir(parents=True)
    shutil.copy(WAKE, windows.path(r"C:\Program Files\Mediverse\wake.ps1"))
    orthanc.credentials(windows.path(values["__orthanc_windows_gateway_configuration_dir"]))
    task = {"name": "wake", "path": "\\", "username": "S-1-5-18", "logon_type": "service_account", "actions": [action]}
    assert win_scheduled_task(windows, task, Call("win_scheduled_task", "", {}))["changed"]


@pytest.mark.parametrize("policy", ["Undefined", "AllSigned", "Restricted"])
def test_the_wake_task_runs_whatever_the_policy_about_scripts(policy: str, windows: Windows, orthanc: Orthanc) -> None:
    windows.state["machine_policy"] = policy
    wake_task(windows, orthanc)
    assert look(windows, check=True, Task="wake")["wake"] == ""
    assert orthanc.asked == []
    assert look(windows, Task="wake") == GOOD
    assert orthanc.asked == ["/system"]
    assert windows.state["tasks"]["\\wake"]["last_result"] == 0
    # A run that went well is not repeated.
    assert look(windows, Task="wake") == GOOD
    assert orthanc.asked == ["/system"]


def test_a_wake_task_that_cannot_do_its_work_is_said(windows: Windows, orthanc: Orthanc) -> None:
    wake_task(windows, orthanc)
    orthanc.credentials(windows.path(r"C:\Program Files\Orthanc Server\Configuration"), "another")
    said = look(windows, Task="wake")["wake"]
    assert said.startswith("The task 'wake', which keeps images going after the clock was set back, ends with 0x1; run")
    assert "another" not in said
    assert look(windows, check=True, Task="wake")["wake"] == said


def test_a_wake_task_that_ended_well_at_last_is_not_judged_by_its_run_before(
    windows: Windows, orthanc: Orthanc
) -> None:
    wake_task(windows, orthanc)
    windows.state["tasks"]["\\wake"] |= {"last_result": 1, "last_run": 630000000000000000}
    assert look(windows, Task="wake") == GOOD
    assert orthanc.asked == ["/system"]


def test_a_wake_task_without_its_script_is_said(windows: Windows, orthanc: Orthanc) -> None:
    wake_task(windows, orthanc)
    windows.path(r"C:\Program Files\Mediverse\wake.ps1").unlink()
    assert ", ends with 0x1; run it in the Task Scheduler" in look(windows, Task="wake")["wake"]


def test_a_wake_task_that_does_not_start_is_said(windows: Windows, orthanc: Orthanc) -> None:
    wake_task(windows, orthanc)
    windows.state["tasks"]["\\wake"]["never_starts"] = True
    said = look(windows, Task="wake", Patience=1)["wake"]
    assert said.startswith(
        "The task 'wake', which keeps images going after the clock was set back, was started and does"
    )
    assert orthanc.asked == []


def test_a_wake_task_that_is_not_there(windows: Windows) -> None:
    assert look(windows, check=True, Task="wake") == GOOD
    assert "is not there although it was just made" in look(windows, Task="wake")["wake"]
