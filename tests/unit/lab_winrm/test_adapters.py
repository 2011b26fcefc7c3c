# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network adapters of the simulated Windows are as awkward as real ones: without link, disabled, on DHCP."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from tests.lab.winrm import network
from tests.lab.winrm.windows import Windows
from tests.unit.lab_winrm.conftest import Run, thrown

pytestmark = pytest.mark.skipif(not shutil.which("pwsh"), reason="pwsh is not on PATH")

LEASE: dict[str, Any] = {
    "addresses": [{"address": "198.51.100.77", "prefix": 24, "origin": "Dhcp"}],
    "gateway": "198.51.100.1",
}
UNPLUGGED: dict[str, Any] = {"status": "Disconnected"}
KEY = r"HKLM:\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters\Interfaces\{4D564C41-0000-4000-8000-000000000007}"
SET = "interface ipv4 set address name={name} source=static address=198.51.100.20 mask=255.255.255.0"
NETSH = f"netsh.exe {SET} gateway=none store=persistent; $Ansible.Result = $LASTEXITCODE"


def adapter(machine: Windows, **change: Any) -> dict[str, Any]:
    """The scanner's adapter of the state, changed."""
    machine.state["interfaces"] = []
    found = network.adapters(machine)[1]
    found.update(change)
    return found


def script(run: Run, text: str) -> dict[str, Any]:
    return run("win_powershell", script=text, error_action="stop")


def scanner(machine: Windows) -> dict[str, Any]:
    return dict(machine.state["interfaces"][1])


@pytest.mark.parametrize(
    ("text", "change", "error"),
    [
        ("Remove-NetRoute -InterfaceIndex 7 -Confirm:$false", {}, "No matching MSFT_NetRoute objects found"),
        ("Remove-NetIPAddress -InterfaceIndex 7 -Confirm:$false", {}, "No matching MSFT_NetIPAddress objects found"),
        ("New-NetIPAddress 192.0.2.9 -InterfaceIndex 7", {}, "PolicyStore PersistentStore and Dhcp Enabled"),
        ("Get-NetIPInterface -InterfaceIndex 7", {"status": "Disabled"}, "No matching MSFT_NetIPInterface"),
        ("Get-NetIPInterface -InterfaceIndex 7", {"ipv4": False}, "No matching MSFT_NetIPInterface"),
        ("Get-NetIPAddress -InterfaceIndex 7", {**LEASE, "status": "Disabled"}, "No matching MSFT_NetIPAddress"),
        ("Get-DnsClient -InterfaceIndex 7", UNPLUGGED, "No matching MSFT_DNSClient objects found"),
        ("Get-NetRoute -InterfaceIndex 7", {**LEASE, **UNPLUGGED}, "No matching MSFT_NetRoute objects found"),
        (r"Get-ItemProperty -LiteralPath HKLM:\SOFTWARE\X", {}, r"Cannot find path 'HKLM:\SOFTWARE\X' because it does"),
        ("netsh.exe interface ipv4 set address name=7 source=dhcp", {}, "has no model for this command"),
    ],
)
def test_what_windows_refuses(run: Run, machine: Windows, text: str, change: dict[str, Any], error: str) -> None:
    adapter(machine, **change)
    assert error in thrown(script(run, text))


def test_dhcp_off_takes_lease_and_route_along(run: Run, machine: Windows) -> None:
    adapter(machine, **LEASE)
    script(run, "Set-NetIPInterface -InterfaceIndex 7 -Dhcp Disabled")
    found = scanner(machine)
    assert (found["dhcp"], found["addresses"], found["gateway"]) == (False, [], None)


def test_dhcp_off_is_only_noted_without_a_link(run: Run, machine: Windows) -> None:
    adapter(machine, **UNPLUGGED)
    text = f"""
        Set-NetIPInterface -InterfaceIndex 7 -Dhcp Disabled
        $Ansible.Result = Get-ItemProperty -LiteralPath '{KEY}' | Select-Object EnableDHCP, DisableDhcpOnConnect
        New-NetIPAddress 192.0.2.9 -InterfaceIndex 7
    """
    done = script(run, text)
    assert "PolicyStore PersistentStore and Dhcp Enabled" in thrown(done)
    assert done["result"] == {"EnableDHCP": 1, "DisableDhcpOnConnect": 1}


@pytest.mark.parametrize("change", [LEASE, UNPLUGGED], ids=["lease", "unplugged"])
def test_netsh_sets_an_address_with_and_without_link(run: Run, machine: Windows, change: dict[str, Any]) -> None:
    adapter(machine, **change)
    assert script(run, NETSH.format(name=7))["result"] == 0
    found = scanner(machine)
    assert found["stored"] == {"addresses": [{"address": "198.51.100.20", "prefix": 24}], "gateway": None}
    assert (found["dhcp"], found["dhcp_off_on_connect"]) == ((False, False) if change is LEASE else (True, True))
    assert [item["address"] for item in found["addresses"]] == ["198.51.100.20"]


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("7", {"status": "Disabled"}, "Die Syntax"),
        ("8", {}, "Die Syntax"),
        ("7", {"ipv4": False}, "Die Syntax"),
        (
            "7",
            {"dhcp": False, "stored": {"addresses": [{"address": "198.51.100.20", "prefix": 24}], "gateway": None}},
            "Das Objekt ist bereits vorhanden",
        ),
    ],
    ids=["disabled", "no such adapter", "no IPv4", "the same again"],
)
def test_netsh_says_no_in_the_language_of_windows(
    run: Run, machine: Windows, name: str, change: dict[str, Any], words: str
) -> None:
    before = dict(adapter(machine, **change))
    done = script(run, NETSH.format(name=name))
    assert (done["result"], scanner(machine)) == (1, before)
    assert words in " ".join(done["output"])


def test_ranges_of_ports(run: Run) -> None:
    lines = script(run, "netsh.exe interface ipv4 show excludedportrange protocol=tcp")["output"]
    assert [line.split() for line in lines if line.strip()[:1].isdigit()] == [["5357", "5357"], ["50000", "50059", "*"]]
