# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's PowerShell scripts on the real engine, with functions in the place of Windows' own cmdlets."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.lab.winrm import scripts
from tests.lab.winrm.__main__ import machine as new_machine

HERE = Path(__file__).parent
SCRIPTS = HERE.parents[2] / "roles" / "orthanc_windows_gateway" / "files"
PWSH = shutil.which("pwsh")
pytestmark = pytest.mark.skipif(PWSH is None, reason="no pwsh on PATH: install PowerShell 7 to run the .ps1 files")

MAC, ADDRESS = "00:1b:44:11:3a:b7", "192.168.0.20/24"
GUID = "{7B1C2A90-1D2E-4F3A-8B4C-5D6E7F809102}"


SESSION: dict[str, Any] = {
    "name": "Ethernet 5",
    "index": 5,
    "guid": "{00000000-1D2E-4F3A-8B4C-5D6E7F809102}",
    "mac": "00:00:00:00:00:05",
    "status": "Up",
    "ipv4": True,
    "dhcp": False,
    "addresses": [{"address": "10.8.0.12", "prefix": 24, "origin": "Manual"}],
    "gateway": "10.8.0.1",
    "stored": {"addresses": [{"address": "10.8.0.12", "prefix": 24}], "gateway": "10.8.0.1"},
    "register_dns": True,
}
FRESH: dict[str, Any] = {
    "name": "Ethernet 7",
    "index": 7,
    "guid": GUID,
    "mac": "00:1B:44:11:3A:B7",
    "status": "Up",
    "ipv4": True,
    "dhcp": True,
    "addresses": [{"address": "169.254.9.9", "prefix": 16, "origin": "WellKnown"}],
    "gateway": None,
    "stored": {"addresses": [], "gateway": None},
    "register_dns": True,
}
LEASE: dict[str, Any] = {
    "addresses": [{"address": "192.168.0.77", "prefix": 24, "origin": "Dhcp"}],
    "gateway": "192.168.0.1",
}
UNPLUGGED: dict[str, Any] = {"status": "Disconnected", "addresses": []}
OWN: dict[str, Any] = {"addresses": [{"address": "192.168.0.20", "prefix": 24}], "gateway": None}
DONE: dict[str, Any] = {
    "dhcp": False,
    "addresses": [{"address": "192.168.0.20", "prefix": 24, "origin": "Manual"}],
    "stored": OWN,
    "register_dns": False,
}
DONE_UNPLUGGED: dict[str, Any] = {**DONE, "status": "Disconnected", "dhcp": True, "dhcp_off_on_connect": True}
OTHER: dict[str, Any] = {
    "dhcp": False,
    "addresses": [{"address": "192.168.0.21", "prefix": 24, "origin": "Manual"}],
    "gateway": "192.168.0.1",
    "stored": {"addresses": [{"address": "192.168.0.21", "prefix": 24}], "gateway": "192.168.0.1"},
}


def machine(scanner: dict[str, Any] | None = None, **change: Any) -> dict[str, Any]:
    """A PC with the office network on adapter 5, which carries the session, and adapter 7: fresh, or changed."""
    state: dict[str, Any] = {
        "parameters": {"MacAddress": MAC, "Address": ADDRESS, "ManagementAddress": ["gateway.example"]},
        "interfaces": [SESSION, {**FRESH, **(scanner or {})}],
        "connections": [
            {"State": "Established", "LocalPort": 5986, "LocalAddress": "::ffff:10.8.0.12", "OwningProcess": 4}
        ],
        "check": False,
    }
    return {**state, **change}


def run(script: str, state: dict[str, Any], folder: Path) -> dict[str, Any]:
    file = folder / "state.json"
    file.write_text(json.dumps(state))
    command = [str(PWSH), "-NoProfile", "-NonInteractive", "-File", str(HERE / "harness.ps1")]
    done = subprocess.run(
        [*command, str(SCRIPTS / script), str(file)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return dict(json.loads(done.stdout[done.stdout.index("{") :]))


def own(done: dict[str, Any]) -> dict[str, Any]:
    """The scanner's adapter afterwards; the one of the session is as it was."""
    session, scanner = done["interfaces"]
    assert session == SESSION
    return dict(scanner)


def in_use(adapter: dict[str, Any]) -> list[str]:
    return [f"{item['address']}/{item['prefix']}" for item in adapter["addresses"]]


@pytest.mark.parametrize(
    "scanner",
    [
        {},
        LEASE,
        OTHER,
        {**LEASE, "stored": OTHER["stored"]},
        {**LEASE, "stored": OWN},
        {**DONE, "dhcp": True},
        {**DONE, "gateway": "192.168.0.1", "stored": {**OWN, "gateway": "192.168.0.1"}},
        {**DONE, "gateway": "192.168.0.1"},
        {**DONE, "dhcp": True, "dhcp_off_on_connect": True},
    ],
    ids=[
        "fresh",
        "lease and route",
        "another address and gateway",
        "lease, and another address stored",
        "lease, and the address stored",
        "address beside DHCP",
        "gateway stored",
        "gateway in use",
        "note about DHCP outlived the plug",
    ],
)
def test_adapter_gets_its_address_and_nothing_else(scanner: dict[str, Any], tmp_path: Path) -> None:
    done = run("scanner_adapter.ps1", machine(scanner), tmp_path)
    result = {
        "problem": "",
        "note": "",
        "adapter": "Ethernet 7",
        "guid": GUID,
        "address": ADDRESS,
        "link": True,
        "acknowledges": 0,
    }
    assert (done["result"], done["changed"]) == (result, True)
    found = own(done)
    assert (found["dhcp"], found["stored"], found["gateway"]) == (False, OWN, None)
    assert (in_use(found), found["register_dns"]) == ([ADDRESS], False)


@pytest.mark.parametrize(
    "scanner",
    [
        UNPLUGGED,
        {**UNPLUGGED, "dhcp_off_on_connect": True},
        {**OTHER, "status": "Disconnected"},
        {**DONE, "status": "Disconnected", "stored": {**OWN, "gateway": "192.168.0.1"}},
    ],
    ids=["on DHCP", "DHCP off from the next plug on", "another address and gateway", "gateway stored"],
)
def test_adapter_without_link_gets_its_address_for_later(scanner: dict[str, Any], tmp_path: Path) -> None:
    state = machine({"register_dns": False, **scanner})
    done = run("scanner_adapter.ps1", state, tmp_path)
    result = {
        "problem": "",
        "note": "",
        "adapter": "Ethernet 7",
        "guid": GUID,
        "address": ADDRESS,
        "link": False,
        "acknowledges": 0,
    }
    assert (done["result"], done["changed"]) == (result, True)
    found = own(done)
    assert found["stored"] == OWN
    assert not found["dhcp"] or found["dhcp_off_on_connect"]
    again = run("scanner_adapter.ps1", {**state, "interfaces": done["interfaces"]}, tmp_path)
    assert (again["result"], again["changed"]) == (result, False)
    assert own(again) == found


@pytest.mark.parametrize("scanner", [{}, LEASE, OTHER, UNPLUGGED], ids=["fresh", "lease", "other", "unplugged"])
def test_check_mode_changes_nothing(scanner: dict[str, Any], tmp_path: Path) -> None:
    done = run("scanner_adapter.ps1", machine(scanner, check=True), tmp_path)
    assert done["changed"]
    assert (own(done), done["result"]["guid"]) == ({**FRESH, **scanner}, GUID)
    assert done["diff"]["after"]["addresses"] == [ADDRESS]
    assert done["diff"]["before"] != done["diff"]["after"]


@pytest.mark.parametrize("scanner", [DONE, DONE_UNPLUGGED], ids=["plugged", "unplugged"])
def test_finished_adapter_is_left_alone(scanner: dict[str, Any], tmp_path: Path) -> None:
    done = run("scanner_adapter.ps1", machine(scanner), tmp_path)
    assert (done["changed"], done["result"]["problem"], done["result"]["guid"]) == (False, "", GUID)
    assert own(done) == {**FRESH, **scanner}
    assert done["diff"]["before"] == done["diff"]["after"]


@pytest.mark.parametrize(
    ("scanner", "change", "expected"),
    [
        (
            {},
            {"parameters": {"MacAddress": "00:00:00:00:00:05", "Address": ADDRESS}},
            "carries the management session at 10.8.0.12",
        ),
        (
            {},
            {"parameters": {"MacAddress": "aa:aa:aa:aa:aa:aa", "Address": ADDRESS}},
            "No network adapter has the hardware address",
        ),
        ({}, {"parameters": {"MacAddress": MAC, "Address": "10.8.0.20/28"}}, "overlaps with 10.8.0.12/24"),
        (LEASE, {"connections": []}, "has the default gateway and no other adapter carries the management session"),
        (
            {**OTHER, "status": "Disconnected"},
            {"connections": []},
            "has the default gateway and no other adapter carries the management session",
        ),
        ({"status": "Disabled"}, {}, f"Network adapter 'Ethernet 7' ({MAC}) is disabled; enable it with"),
        ({"status": "Not Present"}, {}, f"Network adapter 'Ethernet 7' ({MAC}) is not in the computer; plug it in"),
        ({"ipv4": False}, {}, f"Network adapter 'Ethernet 7' ({MAC}) does not speak IPv4; switch it on with"),
        (
            {**DONE, "duplicates": ["192.168.0.20"]},
            {},
            "Another device in the scanner's network has the address 192.168.0.20 already; give one of the two another",
        ),
    ],
)
def test_refusals_are_one_sentence_and_change_nothing(
    scanner: dict[str, Any], change: dict[str, Any], expected: str, tmp_path: Path
) -> None:
    for check in (True, False):
        done = run("scanner_adapter.ps1", machine(scanner, check=check, **change), tmp_path)
        assert expected in done["result"]["problem"]
        assert (done["changed"], own(done), done["result"]["guid"]) == (False, {**FRESH, **scanner}, "")


def test_taken_address_is_reported(tmp_path: Path) -> None:
    done = run("scanner_adapter.ps1", machine({"duplicates": ["192.168.0.20"]}), tmp_path)
    assert "Another device in the scanner's network has the address 192.168.0.20" in done["result"]["problem"]
    assert done["result"]["guid"] == ""


@pytest.mark.parametrize(
    ("scanner", "change", "sentence"),
    [
        (
            {"deaf": "all"},
            {},
            "Windows did not take the address 192.168.0.20/24 for adapter 'Ethernet 7' and has DHCP on, no address, "
            "no gateway; netsh ended with 0 and said nothing.",
        ),
        (
            {**OTHER, "deaf": "all"},
            {},
            "Windows did not take the address 192.168.0.20/24 for adapter 'Ethernet 7' and has DHCP off, "
            "192.168.0.21/24, no gateway; netsh ended with 0 and said nothing.",
        ),
        (
            {"deaf": "active"},
            {},
            "Windows has the address 192.168.0.20/24 of adapter 'Ethernet 7' in its registry and does not use it; "
            "disable and enable the adapter, or restart the PC when the scanner is idle.",
        ),
        ({**DONE, "addresses": OTHER["addresses"]}, {}, "of adapter 'Ethernet 7' in its registry and does not use it;"),
        (
            UNPLUGGED,
            {"interfaces": [{**SESSION, "stored": OWN}, {**FRESH, **UNPLUGGED}]},
            "netsh ended with 1 and said 'Das Objekt ist bereits vorhanden.'.",
        ),
    ],
    ids=["deaf", "another address stays", "not in use", "another address lingers", "netsh says no"],
)
def test_address_that_does_not_stick_is_a_sentence(
    scanner: dict[str, Any], change: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    done = run("scanner_adapter.ps1", machine(scanner, **change), tmp_path)
    assert sentence in done["result"]["problem"]
    assert done["result"]["guid"] == ""


def test_port_owners(tmp_path: Path) -> None:
    state = {
        "parameters": {"Port": [4242, 8042, 50001, 5000]},
        "connections": [
            {"State": "Listen", "LocalPort": 4242, "OwningProcess": 77},
            {"State": "Listen", "LocalPort": 80, "OwningProcess": 78},
            {"State": "Established", "LocalPort": 8042, "OwningProcess": 78},
        ],
        "processes": [{"Id": 77, "ProcessName": "vpn", "Path": r"C:\vpn.exe"}],
        "excluded_ports": [
            {"first": 4200, "last": 4299},
            {"first": 8042, "last": 8042},
            {"first": 8043, "last": 8142},
            {"first": 50000, "last": 50059, "administered": True},
        ],
    }
    done = run("port_owners.ps1", state, tmp_path)
    assert done["result"] == {
        "owners": [{"port": 4242, "program": "vpn", "path": r"C:\vpn.exe"}],
        "excluded": [{"port": 8042, "first": 8042, "last": 8042}],
        "problem": "",
        "firewall": "",
        "app_control": "",
    }
    assert not done["changed"]


@pytest.mark.parametrize(
    ("state", "enforced", "control"), [(0, 0, ""), (0, 2, "policy"), (0, 1, ""), (1, 2, "on"), (2, 1, "evaluation")]
)
def test_what_may_keep_a_program_from_running(state: int, enforced: int, control: str, tmp_path: Path) -> None:
    value = {"name": "VerifiedAndReputablePolicyState", "data": state}
    key = r"hklm\system\currentcontrolset\control\ci\policy"
    machine = {
        "parameters": {"Port": [4242]},
        "registry": {key: {"values": {"verifiedandreputablepolicystate": value}}},
        "device_guard": {"UsermodeCodeIntegrityPolicyEnforcementStatus": enforced},
        "services": [{"Name": "mpssvc", "Status": "Running"}],
    }
    result = run("port_owners.ps1", machine, tmp_path)["result"]
    assert (result["app_control"], result["firewall"]) == (control, "Running")


def test_ports_that_windows_says_nothing_about(tmp_path: Path) -> None:
    done = run("port_owners.ps1", {"parameters": {"Port": [4242]}, "netsh_broken": True}, tmp_path)
    assert "ended with 1 and said 'Der Vorgang wird nicht unterstützt.'; try it on the PC" in done["result"]["problem"]
    assert (done["result"]["owners"], done["result"]["excluded"], done["changed"]) == ([], [], False)


@pytest.mark.parametrize(("seconds", "check", "calls"), [(1800, False, 2), (1800, True, 0), (0, False, 0)])
def test_stay_awake(seconds: int, check: bool, calls: int, tmp_path: Path) -> None:
    power = {"STANDBYIDLE": seconds, "HIBERNATEIDLE": 0}
    done = run("stay_awake.ps1", {"parameters": {}, "power": power, "check": check}, tmp_path)
    assert done["changed"] is (seconds != 0)
    assert len(done["calls"]) == calls
    assert done["result"] == {"problem": "", "standby_seconds": seconds, "hibernate_seconds": 0}


def test_a_power_scheme_that_does_not_change_is_said(tmp_path: Path) -> None:
    state = {"parameters": {}, "power": {"STANDBYIDLE": 1800, "HIBERNATEIDLE": 0}, "check": False, "policy": True}
    done = run("stay_awake.ps1", state, tmp_path)
    assert done["result"]["problem"].startswith(
        "This computer still sleeps after 1800 s and hibernates after 0 s (0 means never) on mains power; "
    )


TUNNEL: dict[str, Any] = {**SESSION, "name": "WireGuard", "tunnel": True, "gateway": None, "stored": OWN}
TUNNEL["stored"] = {"addresses": [{"address": "10.8.0.12", "prefix": 24}], "gateway": None}
CABLE: dict[str, Any] = {
    **SESSION,
    "name": "Ethernet 6",
    "index": 6,
    "guid": "{00000000-1D2E-4F3A-8B4C-5D6E7F809106}",
    "mac": "00:00:00:00:00:06",
    "addresses": [{"address": "172.20.1.5", "prefix": 16, "origin": "Manual"}],
    "gateway": "172.20.0.1",
    "stored": {"addresses": [{"address": "172.20.1.5", "prefix": 16}], "gateway": "172.20.0.1"},
}


@pytest.mark.parametrize("check", [True, False])
def test_the_adapter_under_the_tunnel_is_not_the_scanners(check: bool, tmp_path: Path) -> None:
    """The session arrives at the tunnel's own adapter; taking the gateway of the one below cuts the PC off."""
    state = machine(LEASE, interfaces=[TUNNEL, {**FRESH, **LEASE}], check=check)
    done = run("scanner_adapter.ps1", state, tmp_path)
    assert "has the only default gateway, through which the tunnel of the management" in done["result"]["problem"]
    assert (done["changed"], done["interfaces"][1]["dhcp"], done["interfaces"][1]["gateway"]) == (
        False,
        True,
        "192.168.0.1",
    )


def test_a_lease_of_the_scanners_adapter_goes_when_the_tunnel_has_another_way(tmp_path: Path) -> None:
    state = machine(interfaces=[TUNNEL, {**FRESH, **LEASE}, CABLE])
    done = run("scanner_adapter.ps1", state, tmp_path)
    assert (done["result"]["problem"], done["changed"]) == ("", True)
    assert done["interfaces"][1]["gateway"] is None


@pytest.mark.parametrize(
    ("kind", "data", "told"),
    [
        ("dword", 1, 1),
        ("dword", 2, 2),
        ("dword", 0, -1),
        ("string", "1", -1),
        ("string", "yes", -1),
        ("binary", [1], -1),
    ],
)
def test_an_acknowledgement_that_windows_ignores_is_none(kind: str, data: Any, told: int, tmp_path: Path) -> None:
    key = rf"hklm\system\currentcontrolset\services\tcpip\parameters\interfaces\{GUID}".lower()
    value = {"name": "TcpAckFrequency", "type": kind, "data": data}
    done = run("scanner_adapter.ps1", machine(DONE, registry={key: {"values": {"tcpackfrequency": value}}}), tmp_path)
    assert (done["result"]["acknowledges"], done["result"]["problem"]) == (told, "")
    simulated = new_machine(tmp_path / "pc", "Administrator", "GATEWAY")
    simulated.registry.set(key, "TcpAckFrequency", kind, data)
    assert scripts.acknowledges(simulated, GUID) == told


def test_what_netsh_refuses_is_not_done_by_half(tmp_path: Path) -> None:
    state = machine(interfaces=[{**SESSION, "stored": OWN}, {**FRESH, **LEASE}])
    done = run("scanner_adapter.ps1", state, tmp_path)
    assert "netsh ended with 1" in done["result"]["problem"]
    scanner = done["interfaces"][1]
    assert (scanner["gateway"], scanner["dhcp"], scanner["register_dns"]) == ("192.168.0.1", True, True)
