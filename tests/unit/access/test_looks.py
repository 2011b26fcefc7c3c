# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What enrol.ps1 looks at before it changes anything: a good PC is met with silence, a bad one with one sentence."""

from __future__ import annotations

import base64
import datetime
import functools
import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.unit.access.machine import PWSH, Machine, fresh, somebody, stamp, stick_data

pytestmark = pytest.mark.skipif(PWSH is None, reason="no pwsh on PATH: install PowerShell 7 to run the .ps1 files")

WINRM_POLICY = r"HKLM\SOFTWARE\Policies\Microsoft\Windows\WinRM\Service"
CODE_POLICY = r"HKLM\SYSTEM\CurrentControlSet\Control\CI\Policy"
VERSION = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion"
ENVIRONMENT = r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Environment"
NTLM = r"HKLM\SYSTEM\CurrentControlSet\Control\Lsa\MSV1_0"
ORTHANC = r"HKLM\SOFTWARE\WOW6432Node\Orthanc\Orthanc Server"
RUNNING = {"start_mode": "manual", "state": "started"}
DISABLED = {"start_mode": "disabled", "state": "stopped"}
GONE = {"made": stamp(-60), "ends": stamp(-12)}


def key(path: str, **values: Any) -> dict[str, Any]:
    made = {"path": path, "values": {name.lower(): {"name": name, "data": data} for name, data in values.items()}}
    return {"registry": {**fresh()["registry"], path.lower(): made}}


def public(**change: Any) -> dict[str, Any]:
    firewall = fresh()["firewall"]
    firewall["profiles"]["Public"] |= change
    return {"firewall": firewall}


def services(**change: dict[str, str]) -> dict[str, Any]:
    known = fresh()["services"]
    return {"services": {**known, **{name: {**known[name], **values} for name, values in change.items()}}}


def denied(*sids: str) -> dict[str, Any]:
    return {"rights": {**fresh()["rights"], "SeDenyNetworkLogonRight": list(sids)}}


def listening(port: int, process: int, program: str) -> dict[str, Any]:
    return {"listeners": [{"port": port, "process": process, "name": program}]}


def excluded(first: int, last: int, *, administered: bool = False) -> dict[str, Any]:
    return {"excluded_ports": [{"first": first, "last": last, "administered": administered}]}


def address(address: str, prefix: int, name: str = "Ethernet") -> dict[str, Any]:
    adapter = {**fresh()["interfaces"][0], "name": name}
    adapter["addresses"] = [{"address": address, "prefix": prefix, "origin": "Dhcp"}]
    return {"interfaces": [adapter]}


def _certificate(name: str) -> dict[str, str]:
    """One as Windows has it in its store, under that friendly name."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(who, who, key.public_key(), x509.random_serial_number(), now, now + YEAR)
    made = builder.sign(key, hashes.SHA256())
    der = made.public_bytes(serialization.Encoding.DER)
    thumbprint = hashlib.sha1(der).hexdigest().upper()
    return {"thumbprint": thumbprint, "name": name, "der": base64.b64encode(der).decode(), "key": "there"}


YEAR = datetime.timedelta(days=365)
THEIRS = _certificate("IT department")
HTTPS = {
    "Address": "*",
    "Transport": "HTTPS",
    "Port": "5986",
    "Enabled": "true",
    "Hostname": "",
    "CertificateThumbprint": THEIRS["thumbprint"],
}
HTTP = {**HTTPS, "Transport": "HTTP", "Port": "5985", "CertificateThumbprint": ""}

# Machine, stick, and the beginning and the way out of the only sentence; none where nothing is said.
STOPS: dict[str, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    "not elevated": ({"elevated": False}, {}, "This window has no rights of an administrator", "start enrol.cmd again"),
    "old": (key(VERSION, CurrentBuildNumber="10586"), {}, "This Windows (build 10586) is too old", "update it"),
    "arm": (key(ENVIRONMENT, PROCESSOR_ARCHITECTURE="ARM64"), {}, "This Windows is of the kind ARM64", "another PC"),
    "domain controller": ({"product_type": 2}, {}, "This PC is a domain controller", "another PC"),
    "smart app control": (
        key(CODE_POLICY, VerifiedAndReputablePolicyState=1),
        {},
        "Smart App Control is on",
        "switch it",
    ),
    "policy of WinRM": (
        key(WINRM_POLICY, AllowAutoConfig=1, IPv4Filter="*"),
        {},
        "A group policy sets WinRM (AllowAutoConfig, IPv4Filter)",
        "ask the IT",
    ),
    "policy of shells": (
        key(WINRM_POLICY + r"\WinRS", AllowRemoteShellAccess=0),
        {},
        "A group policy sets WinRM (AllowRemoteShellAccess)",
        "ask the IT",
    ),
    "WinRM disabled": (
        services(WinRM=DISABLED),
        {},
        "The service WinRM is disabled",
        "services.msc",
    ),
    "no firewall": (
        services(mpssvc=DISABLED),
        {},
        "The service of Windows' firewall",
        "start it",
    ),
    "firewall off": (
        public(Enabled=False),
        {},
        "Windows' firewall is off for networks of the kind Public",
        "switch it on",
    ),
    "firewall shut": (
        public(AllowInboundRules="False"),
        {},
        "Windows' firewall blocks everything that comes in",
        "tick",
    ),
    "firewall of the domain": (
        public(AllowLocalFirewallRules="False"),
        {},
        "A group policy makes Windows' firewall ignore",
        "TCP 5986 from 127.98.0.1",
    ),
    "NTLM": (key(NTLM, RestrictReceivingNTLMTraffic=2), {}, "A policy forbids logons by NTLM", "ask the IT"),
    "local administrators": (
        denied("S-1-5-114"),
        {},
        "A policy denies local administrators (S-1-5-114)",
        "take this entry away",
    ),
    "local accounts": (denied("S-1-5-113"), {}, "A policy denies local accounts (S-1-5-113)", "take this entry away"),
    "clock a year behind": (
        {},
        {"made": stamp(365 * 24), "ends": stamp(367 * 24)},
        "The clock of this PC says",
        "set date, time and time zone",
    ),
    "clock ahead, or token ended": (
        {},
        GONE,
        "The clock of this PC says",
        "ask the operator for a new stick, else set it",
    ),
    "full disk": ({"free_space": 1024**3}, {}, "The disk of Windows has 1024 MB left", "make room"),
    "port taken": (listening(5986, 4321, "httpd"), {}, "The program httpd holds TCP port 5986", "stop it"),
    "somebody's listener": (
        {**services(WinRM=RUNNING), "winrm_listeners": [HTTPS], "certificates": [THEIRS]},
        {},
        "WinRM already listens by HTTPS",
        "ask the IT",
    ),
    "excluded": (
        excluded(5900, 5999),
        {},
        "Windows keeps the TCP ports 5900 to 5999 from everybody",
        "restart the PC",
    ),
    "overlap": (
        address("10.98.3.7", 24),
        {"network": "10.98.0.0/16", "address": "10.98.0.12"},
        "The network 10.98.3.7/24 of the adapter 'Ethernet' overlaps the tunnel's 10.98.0.0/16",
        "tell the operator",
    ),
    "overlap of a wide one": (
        address("10.1.1.1", 8, "Büro"),
        {"network": "10.98.0.0/16", "address": "10.98.0.12"},
        "The network 10.1.1.1/8 of the adapter 'Büro' overlaps",
        "tell the operator",
    ),
    "somebody's account": (
        {"users": {"mediverse": somebody("x")}},
        {},
        "There is an account mediverse that this script did not make",
        "ask the IT",
    ),
    "no adapter": ({"interfaces": []}, {}, "Windows knows no network adapter", "plug one in"),
}
ADVICE: dict[str, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    "smart app control tries": (
        key(CODE_POLICY, VerifiedAndReputablePolicyState=2),
        {},
        "Smart App Control is trying out",
        "switch it off",
    ),
    "little room": ({"free_space": 9 * 1024**3}, {}, "The disk of Windows has only 9 GB left", "make room"),
    "another Orthanc": (
        key(ORTHANC, InstallDir="D:\\Orthanc"),
        {},
        "An Orthanc is installed in D:\\Orthanc",
        "tell the operator",
    ),
    "port of Orthanc": (listening(4242, 77, "vpn"), {}, "The program vpn holds TCP port 4242", "tell the operator"),
    "excluded for Orthanc": (
        excluded(8000, 8099),
        {},
        "Windows keeps the TCP ports 8000 to 8099",
        "gateway needs 8042",
    ),
    "own way down": ({}, {"way": "own", "address": "10.7.0.2"}, "No adapter has the address 10.7.0.2", "VPN is up"),
}
SILENT: dict[str, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    "fresh": ({}, {}, "", ""),
    "Windows' own port": (listening(5986, 4, "System"), {}, "", ""),
    "our Orthanc": (listening(4242, 77, "Orthanc"), {}, "", ""),
    "NTLM of domains": (key(NTLM, RestrictReceivingNTLMTraffic=1), {}, "", ""),
    "set apart by an administrator": (excluded(5900, 5999, administered=True), {}, "", ""),
    "taken before it was excluded": ({**listening(5986, 4, "System"), **excluded(5986, 5986)}, {}, "", ""),
    "HTTP of somebody": ({**services(WinRM=RUNNING), "winrm_listeners": [HTTP]}, {}, "", ""),
    "the tunnel itself": (
        address("10.98.0.12", 32, "mediverse"),
        {"network": "10.98.0.0/16", "address": "10.98.0.12"},
        "",
        "",
    ),
    "neighbour of the tunnel": (
        address("10.97.255.1", 16),
        {"network": "10.98.0.0/16", "address": "10.98.0.12"},
        "",
        "",
    ),
    "no tunnel": (address("10.98.3.7", 24), {"way": "own", "address": "10.98.3.7"}, "", ""),
    "ours after a crash": (
        {"users": {"mediverse": somebody("Mediverse PACS: remote set-up of this gateway")}},
        {},
        "",
        "",
    ),
}
ALL = {**STOPS, **ADVICE, **SILENT}


@functools.cache
def said() -> dict[str, dict[str, list[str]]]:
    """The sentences of all cases, by one process: each puts its machine in place, reads the facts and judges them."""
    with tempfile.TemporaryDirectory() as name:
        pc = Machine(Path(name) / "pc")
        cases = [[title, {**fresh(), **case[0]}, stick_data(**case[1])] for title, case in ALL.items()]
        file = Path(name) / "cases.json"
        file.write_text(json.dumps(cases), encoding="utf-8")
        answers = pc.ask(
            f"""$cases = Get-Content -LiteralPath '{file}' -Raw | ConvertFrom-Json -AsHashtable -NoEnumerate
            foreach ($case in $cases) {{
                ConvertTo-Json -InputObject $case[1] -Depth 12 | Set-Content -LiteralPath $env:SIMULATED_MACHINE
                $global:SimulatedWindows = $case[1]
                $settings = ConvertTo-Json -InputObject $case[2] -Depth 6 | ConvertFrom-Json
                $fact = Get-Fact $settings
                @{{ stop = @(Get-Obstacle $fact $settings); advice = @(Get-Advice $fact $settings) }}
            }}"""
        )
    return dict(zip(ALL, answers, strict=True))


@pytest.mark.parametrize("title", STOPS)
def test_what_stands_in_the_way_is_one_sentence_with_the_way_out(title: str) -> None:
    __, __, begins, way_out = STOPS[title]
    (sentence,) = said()[title]["stop"]
    assert sentence.startswith(begins)
    assert way_out in sentence
    assert sentence.endswith((".", ")."))


@pytest.mark.parametrize("title", ADVICE)
def test_what_only_hinders_the_gateway_later_stops_nobody(title: str) -> None:
    __, __, begins, way_out = ADVICE[title]
    assert said()[title]["stop"] == []
    (sentence,) = said()[title]["advice"]
    assert sentence.startswith(begins)
    assert way_out in sentence


@pytest.mark.parametrize("title", SILENT)
def test_a_good_pc_is_met_with_silence(title: str) -> None:
    assert said()[title] == {"stop": [], "advice": []}


def test_a_windows_without_an_ssh_client_is_told_so(tmp_path: Path) -> None:
    pc = Machine(tmp_path / "pc", ssh=False)
    (tmp_path / "stick.json").write_text(json.dumps(stick_data()))
    (sentence,) = pc.ask(f"$settings = Read-Json '{tmp_path}/stick.json'; Get-Obstacle (Get-Fact $settings) $settings")
    assert sentence.startswith("This Windows has no SSH client, by which the PC reports to the hub; let somebody")


@pytest.mark.parametrize(
    ("host", "endpoint"), [("2001:db8::5", "[2001:db8::5]:51820"), ("203.0.113.5", "203.0.113.5:51820")]
)
def test_wireguard_is_told_the_hub_as_it_reads_it(tmp_path: Path, host: str, endpoint: str) -> None:
    pc = Machine(tmp_path)
    hub = f"@{{ host = '{host}'; wireguard_port = 51820; wireguard_key = 'k'; address = '10.98.0.1' }}"
    said = pc.ask(f"$settings = @{{ hub = {hub}; address = '10.98.0.2' }}; Get-TunnelConfiguration 'own'")
    assert f"Endpoint = {endpoint}" in "\n".join(said).splitlines()
