# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One play over the modules that the roles use: first run, second run, check mode, wrong arguments."""

from __future__ import annotations

import shutil

import pytest

from tests.contract.controller import Controller, Result, Task
from tests.contract.endpoints import RunningEndpoint
from tests.lint.win_tasks import installed

Gateway = tuple[Controller, RunningEndpoint]
SERVICE_KEY = r"HKLM:\SYSTEM\CurrentControlSet\Services\W32Time"

READS: list[Task] = [
    {"ansible.builtin.setup": {"gather_subset": ["min"]}},
    {"ansible.windows.win_ping": {}},
    {"ansible.windows.win_stat": {"path": r"C:\Windows", "get_checksum": False}},
    {"ansible.windows.win_reg_stat": {"path": r"HKLM:\SOFTWARE\Classes\.js", "name": ""}},
    {"ansible.windows.win_service_info": {"name": "WinRM"}},
    {"community.windows.win_disk_facts": {}},
    {"community.windows.win_product_facts": {}},
]
CHANGES: list[Task] = [
    {"ansible.windows.win_file": {"path": r"C:\Data\Sub", "state": "directory"}},
    {"ansible.windows.win_copy": {"content": "ä\n", "dest": r"C:\Windows\a.txt"}},
    {"ansible.windows.win_template": {"src": "t.j2", "dest": r"C:\Windows\t.txt", "newline_sequence": "\r\n"}},
    {
        "ansible.windows.win_regedit": {
            "path": SERVICE_KEY,
            "name": "Environment",
            "data": ["A=1", "B=2"],
            "type": "multistring",
        }
    },
    {"ansible.windows.win_environment": {"name": "TCP_NODELAY", "value": "1", "level": "machine"}},
    {
        "community.windows.win_firewall_rule": {
            "name": "DICOM",
            "direction": "in",
            "action": "allow",
            "protocol": "tcp",
            "localport": 4242,
            "remoteip": "192.0.2.10,192.0.2.11",
            "profiles": ["domain", "private", "public"],
        }
    },
    {"ansible.windows.win_firewall": {"state": "enabled", "profiles": ["Public"], "inbound_action": "block"}},
    {"ansible.windows.win_acl_inheritance": {"path": r"C:\Windows\Temp", "state": "absent", "reorganize": True}},
    {"ansible.windows.win_owner": {"path": r"C:\Windows\Temp", "user": "SYSTEM"}},
    {"ansible.windows.win_user_right": {"name": "SeServiceLogonRight", "users": ["Administrator"], "action": "add"}},
    {
        "ansible.windows.win_service": {
            "name": "w32time",
            "start_mode": "auto",
            "state": "started",
            "failure_actions": [{"type": "restart", "delay_ms": 5000}],
            "failure_reset_period_sec": 86400,
        }
    },
    {
        "community.windows.win_scheduled_task": {
            "name": "wake",
            "username": "SYSTEM",
            "logon_type": "service_account",
            "actions": [{"path": "powershell.exe", "arguments": "-File x.ps1"}],
            "triggers": [
                {"type": "time", "start_boundary": "2000-01-01T00:00:00", "repetition": {"interval": "PT1M"}},
            ],
            "multiple_instances": 2,
        }
    },
    {"community.windows.win_power_plan": {"guid": "8c5e7fda-e8bf-4a96-9a85-a6e23a8c635c"}},
    {"community.windows.win_timezone": {"timezone": "Romance Standard Time"}},
]
# The module has check mode from 3.7.0 on; older ones are skipped in it.
RIGHTS: Task = {
    "ansible.windows.win_acl": {"path": r"C:\Windows\Temp", "user": "Users", "rights": "Modify", "type": "allow"}
}


def _module(task: Task) -> str:
    return next(iter(task)).rsplit(".", 1)[-1]


@pytest.fixture(scope="module", autouse=True)
def _template(gateway: Gateway) -> None:
    (gateway[0].folder / "t.j2").write_text("{{ 1 + 1 }}\nx\n")


def test_check_mode_then_two_runs(gateway: Gateway) -> None:
    controller, endpoint = gateway
    everything = [*READS, *CHANGES, RIGHTS]
    controller.run(READS)  # the adapters of the machine are made on first use
    before = endpoint.picture()
    checked = controller.run(everything, check=True)
    assert endpoint.picture() == before, "check mode changed the machine"
    first, second = controller.run(everything), controller.run(everything)
    names = [_module(task) for task in everything]
    failed = {
        name: result["msg"]
        for name, result in zip(names * 3, [*checked, *first, *second], strict=True)
        if result.get("failed")
    }
    assert not failed
    expected = [False] * len(READS) + [True] * len(CHANGES)
    assert dict(zip(names, [r["changed"] for r in checked], strict=True)) == dict(
        zip(names, [*expected, installed("ansible.windows") >= (3, 7, 0)], strict=True)
    )
    assert dict(zip(names, [r["changed"] for r in first], strict=True)) == dict(
        zip(names, [*expected, True], strict=True)
    )
    assert [name for name, result in zip(names, second, strict=True) if result["changed"]] == []


def test_the_machine_after_it(gateway: Gateway) -> None:
    windows = gateway[1].windows
    assert windows.path(r"C:\Windows\t.txt").read_bytes() == b"2\r\nx\r\n"
    assert windows.registry.data(SERVICE_KEY, "environment") == ["A=1", "B=2"]
    assert windows.environment()["TCP_NODELAY"] == "1"
    rule = windows.state["firewall"]["rules"][0]
    assert (rule["RemoteAddresses"], rule["LocalPorts"], rule["Protocol"]) == ("192.0.2.10,192.0.2.11", "4242", 6)
    assert windows.services.get("W32Time")["failure_actions"] == [{"type": "restart", "delay_ms": 5000}]
    entries = windows.state["acl"]["c:\\windows\\temp"]["entries"]
    assert {"account": r"BUILTIN\Users", "rights": 0x1301BF}.items() <= entries[-1].items()


WRONG: list[tuple[Task, str]] = [
    (
        {"ansible.windows.win_uri": {"url": "http://127.0.0.1:1/", "metod": "GET"}},
        "Unsupported parameters for (ansible.windows.win_uri) module: metod",
    ),
    (
        {"ansible.windows.win_service": {"name": "W32Time", "state": "runing"}},
        "value of state must be one of: started, stopped",
    ),
    ({"ansible.windows.win_stat": {"follow": True}}, "missing required arguments: path"),
    ({"ansible.windows.win_regedit": {"path": r"X:\A"}}, "is not a valid powershell path"),
    ({"ansible.windows.win_service": {"name": "Nope", "state": "started"}}, "Service 'Nope' is not installed"),
    ({"ansible.windows.win_copy": {"content": "x", "dest": r"C:\nowhere\x.txt"}}, "does not exist"),
    ({"ansible.windows.win_file": {"path": r"C:\a|b", "state": "directory"}}, "format is not supported"),
    (
        {"ansible.windows.win_acl": {"path": r"C:\Windows", "user": "nobody", "rights": "Read", "type": "allow"}},
        "nobody is not a valid user",
    ),
    (
        {"ansible.windows.win_service": {"name": "W32Time", "failure_actions": [{"typ": "restart"}]}},
        "typ found in failure_actions",
    ),
    (
        {"ansible.windows.win_file": {"path": r"D:\x", "state": "directory"}},
        "A drive with the name 'D' does not exist",
    ),
]


@pytest.fixture(scope="module")
def refusals(gateway: Gateway) -> list[Result]:
    return gateway[0].run([task for task, __ in WRONG])


@pytest.mark.parametrize("number", range(len(WRONG)), ids=[_module(task) for task, __ in WRONG])
def test_wrong_arguments(refusals: list[Result], number: int) -> None:
    assert refusals[number]["failed"] is True
    assert WRONG[number][1] in refusals[number]["msg"]


SCRIPT = """[CmdletBinding(SupportsShouldProcess)]
param([string] $Mac, [string] $Address)
$adapter = Get-NetAdapter | Where-Object { $_.MacAddress -eq $Mac }
$known = @(Get-NetIPAddress -InterfaceIndex $adapter.ifIndex -ErrorAction SilentlyContinue)
$Ansible.Changed = $known.Count -eq 0
$Ansible.Result = @{ name = $adapter.Name }
$Ansible.Diff = @{ before = $known.Count; after = 1 }
if ($Ansible.Changed -and $PSCmdlet.ShouldProcess($adapter.Name)) {
    Set-NetIPInterface -InterfaceIndex $adapter.ifIndex -Dhcp Disabled
    $null = New-NetIPAddress -InterfaceIndex $adapter.ifIndex -IPAddress $Address -PrefixLength 24
}
"""


@pytest.mark.skipif(not shutil.which("pwsh"), reason="pwsh is not on PATH")
def test_scripts_run_on_a_real_engine(gateway: Gateway) -> None:
    controller, endpoint = gateway
    parameters = {"Mac": "02-4D-56-00-00-02", "Address": "192.0.2.20"}
    task = {"ansible.windows.win_powershell": {"script": SCRIPT, "parameters": parameters}}
    checked = controller.run([task], check=True)[0]
    assert (checked["changed"], checked["result"]) == (True, {"name": "Ethernet 2"})
    assert endpoint.windows.state["interfaces"][1]["addresses"] == []
    failing = ["Get-NoSuchThing", "throw 'no cable'", "$Ansible.Failed = $true"]
    others = [{"ansible.windows.win_powershell": {"script": text}} for text in failing]
    first, second, *failed = controller.run([task, task, *others])
    assert (first["changed"], second["changed"]) == (True, False)
    assert endpoint.windows.state["interfaces"][1]["addresses"][0]["address"] == "192.0.2.20"
    assert all(result["failed"] for result in failed)
    assert "no stand-in for a command of this script" in failed[0]["msg"]
    assert failed[1]["error"][0]["exception"]["message"] == "no cable"


THROWING = [
    {"name": text, "ansible.windows.win_powershell": {"script": text}}
    for text in ("throw 'no cable'", "if (", "$x = 1")
]


def test_a_script_that_throws_is_reported_as_by_the_module_itself(gateway: Gateway, real_code: Gateway) -> None:
    """There is no sentence, which ansible-core makes up for, but the words of the script are in the errors."""
    simulated, real = (
        [
            (one.get("failed"), one.get("msg"), [error["exception"]["message"] for error in one["error"]])
            for one in pair[0].run(THROWING)
        ]
        for pair in (gateway, real_code)
    )
    assert simulated == real
    assert real[0][2] == ["no cable"]
    assert "no cable" not in str(real[0][1])
