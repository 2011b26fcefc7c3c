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

HERE = Path(__file__).parent
SCRIPTS = HERE.parents[2] / "roles" / "orthanc_windows_gateway" / "files"
PWSH = shutil.which("pwsh")
pytestmark = pytest.mark.skipif(PWSH is None, reason="no pwsh on PATH: install PowerShell 7 to run the .ps1 files")

MAC, ADDRESS = "00:1b:44:11:3a:b7", "192.168.0.20/24"
GUID = "{7B1C2A90-1D2E-4F3A-8B4C-5D6E7F809102}"


def address(index: int, text: str, prefix: int) -> dict[str, Any]:
    return {
        "InterfaceIndex": index,
        "InterfaceAlias": f"Ethernet {index}",
        "IPAddress": text,
        "PrefixLength": prefix,
        "AddressState": "Preferred",
    }


def machine(**change: Any) -> dict[str, Any]:
    """A PC with the office network on adapter 5, which carries the session, and a fresh adapter 7."""
    state: dict[str, Any] = {
        "parameters": {"MacAddress": MAC, "Address": ADDRESS, "ManagementAddress": ["gateway.example"]},
        "adapters": [
            {
                "Name": "Ethernet 5",
                "InterfaceIndex": 5,
                "InterfaceGuid": "{00000000-1D2E-4F3A-8B4C-5D6E7F809102}",
                "MacAddress": "00-00-00-00-00-05",
                "Dhcp": "Disabled",
                "Dns": True,
            },
            {
                "Name": "Ethernet 7",
                "InterfaceIndex": 7,
                "InterfaceGuid": GUID,
                "MacAddress": "00-1B-44-11-3A-B7",
                "Dhcp": "Enabled",
                "Dns": True,
            },
        ],
        "addresses": [address(5, "10.8.0.12", 24), address(1, "127.0.0.1", 8), address(7, "169.254.9.9", 16)],
        "routes": [{"InterfaceIndex": 5, "NextHop": "10.8.0.1"}],
        "connections": [
            {"State": "Established", "LocalPort": 5986, "LocalAddress": "::ffff:10.8.0.12", "OwningProcess": 4}
        ],
        "new_state": "Preferred",
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


def test_fresh_adapter_gets_its_address(tmp_path: Path) -> None:
    done = run("scanner_adapter.ps1", machine(), tmp_path)
    assert done["result"] == {"problem": "", "adapter": "Ethernet 7", "guid": GUID, "address": ADDRESS}
    assert done["changed"]
    assert done["calls"] == ["dhcp 7 Disabled", "remove 7 169.254.9.9", f"add 7 {ADDRESS}", "dns 7 False"]


def test_check_mode_changes_nothing(tmp_path: Path) -> None:
    done = run("scanner_adapter.ps1", machine(check=True), tmp_path)
    assert done["changed"]
    assert (done["calls"], done["result"]["guid"]) == ([], GUID)
    assert done["diff"]["after"]["addresses"] == [ADDRESS]


def test_finished_adapter_is_left_alone(tmp_path: Path) -> None:
    state = machine(addresses=[address(5, "10.8.0.12", 24), address(7, "192.168.0.20", 24)])
    state["adapters"][1].update(Dhcp="Disabled", Dns=False)
    done = run("scanner_adapter.ps1", state, tmp_path)
    assert (done["changed"], done["calls"], done["result"]["problem"]) == (False, [], "")
    assert done["result"]["guid"] == GUID


def test_old_address_and_gateway_go(tmp_path: Path) -> None:
    state = machine(
        addresses=[address(5, "10.8.0.12", 24), address(7, "192.168.0.21", 24)],
        routes=[{"InterfaceIndex": 5, "NextHop": "10.8.0.1"}, {"InterfaceIndex": 7, "NextHop": "192.168.0.1"}],
    )
    done = run("scanner_adapter.ps1", state, tmp_path)
    assert done["calls"] == [
        "dhcp 7 Disabled",
        "remove-route 7",
        "remove 7 192.168.0.21",
        f"add 7 {ADDRESS}",
        "dns 7 False",
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"parameters": {"MacAddress": "00:00:00:00:00:05", "Address": ADDRESS}},
            "carries the management session at 10.8.0.12",
        ),
        (
            {"parameters": {"MacAddress": "aa:aa:aa:aa:aa:aa", "Address": ADDRESS}},
            "No network adapter has the hardware address",
        ),
        ({"parameters": {"MacAddress": MAC, "Address": "10.8.0.20/28"}}, "overlaps with 10.8.0.12/24"),
        (
            {"connections": [], "routes": [{"InterfaceIndex": 7, "NextHop": "192.168.0.1"}]},
            "has the default gateway and no other adapter carries the management session",
        ),
    ],
)
def test_refusals_are_one_sentence_and_change_nothing(change: dict[str, Any], expected: str, tmp_path: Path) -> None:
    done = run("scanner_adapter.ps1", machine(**change), tmp_path)
    assert expected in done["result"]["problem"]
    assert (done["changed"], done["calls"], done["result"]["guid"]) == (False, [], "")


def test_taken_address_is_reported(tmp_path: Path) -> None:
    done = run("scanner_adapter.ps1", machine(new_state="Duplicate"), tmp_path)
    assert "Another device in the scanner's network has the address 192.168.0.20" in done["result"]["problem"]
    assert done["result"]["guid"] == ""


def test_port_owners(tmp_path: Path) -> None:
    state = {
        "parameters": {"Port": [4242, 8042]},
        "connections": [
            {"State": "Listen", "LocalPort": 4242, "OwningProcess": 77},
            {"State": "Listen", "LocalPort": 80, "OwningProcess": 78},
            {"State": "Established", "LocalPort": 8042, "OwningProcess": 78},
        ],
        "processes": [{"Id": 77, "ProcessName": "vpn", "Path": r"C:\vpn.exe"}],
    }
    done = run("port_owners.ps1", state, tmp_path)
    assert done["result"]["owners"] == [{"port": 4242, "program": "vpn", "path": r"C:\vpn.exe"}]
    assert not done["changed"]


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
