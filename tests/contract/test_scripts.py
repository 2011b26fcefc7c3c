# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles' PowerShell scripts: the stand-ins for machines without PowerShell give what the engine gives."""

from __future__ import annotations

import copy
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.lab.winrm import network
from tests.lab.winrm.__main__ import machine as new_machine
from tests.lab.winrm.call import Call
from tests.lab.winrm.models.powershell import win_powershell
from tests.lab.winrm.windows import Windows

pytestmark = pytest.mark.skipif(not shutil.which("pwsh"), reason="pwsh is not on PATH")
FILES = Path(__file__).resolve().parents[2] / "roles/orthanc_windows_gateway/files"
MAC = "02:4D:56:00:00:02"
GOOD = {"MacAddress": MAC, "Address": "198.51.100.20/24", "ManagementAddress": ["192.0.2.30"]}
ADAPTER = "scanner_adapter.ps1"
# Of a playbook.
ADAPTERS = str(FILES.parents[2] / "playbooks/files/adapters.ps1")
INDEX = "index_statistics.ps1"
# The script sees a name only. This service runs on every new machine.
SERVICE = "orthanc_service.ps1"
ORTHANC = {"Service": "WinDefend"}
# What is done to a service, by the one script for it.
TEXT = {"ServiceScript": (FILES / SERVICE).read_text(encoding="utf-8")}
MESSY: dict[str, Any] = {
    "dhcp": False,
    "gateway": "198.51.100.1",
    "addresses": [{"address": "198.51.100.9", "prefix": 24, "origin": "Manual"}],
    "stored": {"addresses": [{"address": "198.51.100.9", "prefix": 24}], "gateway": "198.51.100.1"},
}
# What undoes the settings; "machine" is what of the whole PC is otherwise.
OBSTACLES = "obstacles.ps1"
LOOK = {
    **{"Port": 4242, "Program": r"C:\Program Files\Orthanc Server\Orthanc.exe", "Rule": "Mediverse DICOM"},
    "Scanner": ["198.51.100.7", "203.0.113.1"],
}
RULE = {
    **{"Name": "old", "Direction": 1, "Action": 0, "Enabled": True, "Profiles": 6, "Protocol": 256},
    **{"LocalPorts": "*", "ApplicationName": r"%ProgramFiles%\Orthanc Server\orthanc.exe"},
    "RemoteAddresses": "198.51.100.7,198.51.100.8",
}
PROFILE = {"Enabled": True, "DefaultInboundAction": "NotConfigured", "DefaultOutboundAction": "NotConfigured"}
SHUT: dict[str, Any] = {
    "machine": {
        "firewall": {
            "profiles": {
                "Domain": PROFILE,
                "Private": {**PROFILE, "DefaultInboundAction": "Allow", "AllowLocalFirewallRules": "False"},
                "Public": {**PROFILE, "AllowInboundRules": "False"},
            },
            "rules": [RULE, {**RULE, "Name": "other", "LocalPorts": "1-80,104", "Protocol": 6}],
        }
    }
}
DEAF = {"profiles": {key: {**PROFILE, "AllowLocalFirewallRules": "False"} for key in ("Domain", "Private", "Public")}}
OURS = {**RULE, "Name": "Mediverse DICOM", "Action": 1, "Profiles": 0x7FFFFFFF, "RemoteAddresses": "198.51.100.7"}
RULES: dict[str, Any] = {
    "machine": {
        "firewall": {
            "profiles": dict.fromkeys(("Domain", "Private", "Public"), PROFILE),
            "rules": [
                OURS,
                {
                    **OURS,
                    "Name": "of a policy",
                    "Source": "GroupPolicy",
                    "RemoteAddresses": "203.0.113.0/255.255.255.0",
                },
                {**RULE, "Name": "here", "RemoteAddresses": "LocalSubnet,192.0.2.9"},
                {**RULE, "Name": "range", "RemoteAddresses": "203.0.113.1-203.0.113.3", "Interfaces": "Ethernet"},
                {**RULE, "Name": "other", "RemoteAddresses": "203.0.113.4-203.0.113.9,2001:db8::/32,DNS"},
                {**RULE, "Name": "service", "ServiceName": "Spooler"},
                {**RULE, "Name": "local", "LocalAddresses": "198.51.100.200"},
                {**RULE, "Name": "radio", "InterfaceTypes": "Wireless"},
            ],
        }
    }
}
VENDOR: dict[str, Any] = {
    "machine": {
        "firewall": {
            "profiles": {key: {**PROFILE, "Enabled": False} for key in ("Domain", "Private", "Public")},
            "rules": [],
            "products": [{"name": "Northern Shield", "state": 0x41000}, {"name": "Off", "state": 0x40000}],
        }
    }
}
STRICT: dict[str, Any] = {
    "machine": {"code_integrity": "enforced"},
    "stopped": "mpssvc",
}
UNPLUGGED = {"status": "Disconnected"}
CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any], bool]] = {
    "new adapter": (ADAPTER, GOOD, {}, False),
    "new adapter, check mode": (ADAPTER, GOOD, {}, True),
    "another address and a gateway": (ADAPTER, GOOD, MESSY, False),
    "unplugged": (ADAPTER, GOOD, UNPLUGGED, False),
    "unplugged, check mode": (ADAPTER, GOOD, UNPLUGGED, True),
    "unplugged, another address and a gateway": (ADAPTER, GOOD, {**MESSY, **UNPLUGGED}, False),
    "unplugged, nobody known manages": (ADAPTER, {**GOOD, "ManagementAddress": []}, {**MESSY, **UNPLUGGED}, False),
    "disabled adapter": (ADAPTER, GOOD, {"status": "Disabled"}, False),
    "adapter without IPv4": (ADAPTER, GOOD, {"ipv4": False}, False),
    "adapter that is away": (ADAPTER, GOOD, {"status": "Not Present"}, False),
    "no such adapter": (ADAPTER, {**GOOD, "MacAddress": "02-00-00-00-00-99"}, {}, False),
    "the adapter of the session": (ADAPTER, {**GOOD, "MacAddress": "02:4d:56:00:00:01"}, {}, False),
    "overlapping networks": (ADAPTER, {**GOOD, "Address": "192.0.2.20/24"}, {}, False),
    "nobody known manages": (ADAPTER, {**GOOD, "ManagementAddress": []}, MESSY, False),
    "all adapters": (ADAPTERS, {}, MESSY, False),
    "all adapters, one unplugged": (ADAPTERS, {}, {**MESSY, **UNPLUGGED}, False),
    "all adapters, one disabled": (ADAPTERS, {}, {"status": "Disabled"}, False),
    "who listens": ("port_owners.ps1", {"Port": [4242, 8042]}, {}, False),
    "who listens in an excluded range": ("port_owners.ps1", {"Port": [4242, 5357, 50001]}, {}, False),
    "nothing in the way": (OBSTACLES, LOOK, {}, False),
    "nothing in the way of the role's adapter": (OBSTACLES, {**LOOK, "Address": GOOD["Address"]}, {}, False),
    "a rule, and others": (OBSTACLES, LOOK, RULES, False),
    "the same and a policy": (
        OBSTACLES,
        LOOK,
        {"machine": {"firewall": {**RULES["machine"]["firewall"], **DEAF}}},
        False,
    ),
    "a firewall of another vendor": (OBSTACLES, LOOK, VENDOR, False),
    "a rule and a policy in the way": (OBSTACLES, LOOK, SHUT, False),
    "the same for the role's adapter": (OBSTACLES, {**LOOK, "Address": "198.51.100.9/24"}, {**MESSY, **SHUT}, False),
    "no task": (OBSTACLES, {**LOOK, "Task": "none"}, {}, False),
    "no task, check mode": (OBSTACLES, {**LOOK, "Task": "none"}, {}, True),
    "firewall stands, smart app control": ("port_owners.ps1", {"Port": [4242]}, STRICT, False),
    "firewall that stands": (OBSTACLES, LOOK, STRICT, False),
    "awake": ("stay_awake.ps1", {}, {}, False),
    "awake, check mode": ("stay_awake.ps1", {}, {}, True),
    "no index": (INDEX, {"Path": r"C:\Orthanc\none", **ORTHANC, **TEXT}, {}, False),
    "no index, check mode": (INDEX, {"Path": r"C:\Orthanc\none", **ORTHANC, **TEXT}, {}, True),
    "index without the row": (INDEX, {"Path": r"C:\Orthanc\old", **ORTHANC, **TEXT}, {}, False),
    "index without the row, check mode": (INDEX, {"Path": r"C:\Orthanc\old", **ORTHANC, **TEXT}, {}, True),
    "index without the row, Orthanc stands": (
        INDEX,
        {"Path": r"C:\Orthanc\old", "Service": "W32Time", **TEXT},
        {},
        False,
    ),
    "index without the row, no Orthanc": (INDEX, {"Path": r"C:\Orthanc\old", "Service": "Nothing", **TEXT}, {}, False),
    "index without the row, no room": (INDEX, {"Path": r"C:\Orthanc\old", "Room": 2**60, **ORTHANC, **TEXT}, {}, False),
    "index that somebody holds": (INDEX, {"Path": r"C:\Orthanc\held", **ORTHANC, **TEXT}, {}, False),
    "index with the row": (INDEX, {"Path": r"C:\Orthanc\new", **ORTHANC, **TEXT}, {}, False),
    "no database": (INDEX, {"Path": r"C:\Orthanc\letter", **ORTHANC, **TEXT}, {}, False),
    "service": (SERVICE, {**ORTHANC, "Action": "restart"}, {}, False),
    "service, check mode": (SERVICE, {**ORTHANC, "Action": "restart"}, {}, True),
    "service that stands": (SERVICE, {"Service": "W32Time", "Action": "restart"}, {}, False),
    "service that stands is stopped": (SERVICE, {"Service": "W32Time", "Action": "stop"}, {}, False),
    "service that is not there": (SERVICE, {"Service": "Nothing", "Action": "restart"}, {}, False),
    "look at a service": (SERVICE, {**ORTHANC, "Action": "look", "Settings": [r"C:\Orthanc", r"C:\None"]}, {}, False),
    "no folder": (INDEX, {"Path": r"C:\Nowhere\index", **ORTHANC, **TEXT}, {}, False),
}
OLD = "CREATE TABLE Resources (a); CREATE INDEX ResourceTypeIndex ON Resources (a); INSERT INTO Resources VALUES (4);"
NEW = f"{OLD} ANALYZE; UPDATE sqlite_stat1 SET stat = '1000000 250000';"


def _indexes(windows: Windows) -> sqlite3.Connection:
    """A folder with a file of each kind that the script may find; one of them is held by the connection."""
    folder = windows.path(r"C:\Orthanc")
    folder.mkdir()
    for name, sql in (("old", OLD), ("new", NEW), ("held", f"PRAGMA journal_mode = WAL; {OLD}")):
        with closing(sqlite3.connect(folder / name)) as index:
            index.executescript(sql)
    (folder / "letter").write_text("This is a letter. " * 50)
    holder = sqlite3.connect(folder / "held", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    return holder


def _statistics(file: Path) -> list[Any]:
    with closing(sqlite3.connect(file)) as index:
        try:
            return index.execute("SELECT * FROM sqlite_stat1").fetchall()
        except sqlite3.Error as error:
            return [str(error)]


def _result(windows: Windows, name: str, parameters: dict[str, Any], check: bool) -> dict[str, Any]:
    script = (FILES / name).read_text(encoding="utf-8")
    call = Call("win_powershell", "", {"_ansible_check_mode": check})
    answer = win_powershell(windows, {"script": script, "parameters": parameters}, call)
    problem = answer["result"].get("problem")
    if problem:  # the advice after the semicolon is the script's own
        answer["result"]["problem"] = problem.partition(";")[0]
    for kind in ("blocked", "open"):
        if kind in answer["result"]:
            answer["result"][kind] = [text.partition(";")[0] for text in answer["result"][kind]]
    if "wake" in answer["result"]:
        answer["result"]["wake"] = answer["result"]["wake"].partition(";")[0]
    return {
        "changed": answer["changed"],
        "result": answer["result"],
        "diff": answer.get("diff") or {},
        "machine": copy.deepcopy({key: windows.state[key] for key in ("interfaces", "power", "services", "events")}),
        "indexes": {
            file.name: _statistics(file)
            for file in sorted(windows.path(r"C:\Orthanc").glob("[!.]*"))
            if "-" not in file.name
        },
    }


@pytest.mark.parametrize("name", CASES)
def test_stand_in_and_engine_agree(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script, parameters, scanner_side, check = CASES[name]
    monkeypatch.setenv("MEDIVERSE_LAB_ADDRESS", "192.0.2.30")
    results = []
    for kind in ("engine", "stand-in"):
        windows = new_machine(tmp_path / kind, "Administrator", "GATEWAY")
        change = copy.deepcopy(scanner_side)
        windows.state.update(change.pop("machine", {}))
        if stopped := change.pop("stopped", ""):
            windows.services.get(stopped)["state"] = "stopped"
        network.adapters(windows)[1].update(change)
        windows.state["listeners"] = [{"port": 4242, "name": "vpn", "path": r"C:\vpn.exe"}]
        with monkeypatch.context() as patch, closing(_indexes(windows)):
            if kind == "stand-in":
                patch.setattr("tests.lab.winrm.models.powershell.engine", lambda: None)
            patch.setattr(network, "apply", lambda windows: None)
            results.append(_result(windows, script, parameters, check))
    engine, stand_in = results
    assert stand_in == engine, json.dumps(results, indent=1)
