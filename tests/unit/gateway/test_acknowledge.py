# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who gets through the firewall, and the registry value that makes Windows acknowledge the scanner at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.gateway.test_order import part
from tests.unit.role_tasks import Done, RoleTasks

ADAPTER, VALUE = "Give the scanner's adapter its static address", "Acknowledge the scanner's packets at once"
GUID = "{7B1C2A90-1D2E-4F3A-8B4C-5D6E7F809102}"
MODULES = [f"ansible.windows.{name}" for name in ("win_powershell", "win_regedit", "win_service")]
MODULES += ["community.windows.win_firewall_rule"]
OWNED: dict[str, Any] = {
    "orthanc_windows_gateway_scanner_address": "192.168.0.20/24",
    "orthanc_windows_gateway_scanner_mac": "00:1B:44:11:3A:B7",
}


KNOWN: dict[str, Any] = {"problem": "", "note": "", "adapter": "Ethernet 2", "guid": GUID, "address": "192.168.0.20/24"}


def windows(
    folder: Path, *options: str, changed: bool = True, acknowledges: int = 7, seen: Any = None, **variables: Any
) -> Done:
    """``acknowledges``: what the adapter's key has. ``seen``: parts that were looked at before."""
    answers: dict[str, dict[str, Any]] = {
        ADAPTER: {"result": {**KNOWN, "acknowledges": acknowledges}},
        VALUE: {"changed": changed},
        "Keep the PC awake on mains power": {"result": {"problem": ""}},
    }
    given = {"orthanc_windows_gateway_site_id": "demo", **variables}
    known = {"__orthanc_windows_gateway_seen": {"result": {"parts": seen}}} if seen else {}
    role = RoleTasks(folder, "orthanc_windows_gateway", MODULES)
    return role.run("windows.yml", given, *options, answers=answers, known=known)


def arguments(folder: Path, task: str = VALUE) -> dict[str, Any]:
    calls = [json.loads(line) for line in (folder / "calls.jsonl").read_text().splitlines()]
    return next(dict(call["arguments"]) for call in calls if call["task"] == task)


@pytest.mark.parametrize(
    ("wanted", "state", "sentence"),
    [
        # As -e orthanc_windows_gateway_scanner_ack_at_once=false gives it.
        ("false", "absent", "localhost delays acknowledgements to the scanner again from its next start on; restart"),
        (True, "present", "localhost acknowledges the scanner at once from its next start on; restart the PC when"),
        (False, "absent", "localhost delays acknowledgements to the scanner again from its next start on; restart the"),
    ],
)
def test_value_of_the_scanners_adapter(wanted: bool | str, state: str, sentence: str, tmp_path: Path) -> None:
    done = windows(tmp_path, **OWNED, orthanc_windows_gateway_scanner_ack_at_once=wanted)
    assert done.code == 0, done.text
    assert arguments(tmp_path) == {
        "path": rf"HKLM:\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters\Interfaces\{GUID}",
        "name": "TcpAckFrequency",
        "data": 1,
        "type": "dword",
        "state": state,
    }
    assert sentence in done.text


@pytest.mark.parametrize(("options", "changed"), [((), False), (("--check",), True)], ids=["nothing new", "check mode"])
def test_nothing_to_restart_for(options: tuple[str, ...], changed: bool, tmp_path: Path) -> None:
    done = windows(tmp_path, *options, changed=changed, **OWNED)
    assert (done.code, VALUE in done.tasks, "restart the PC" in done.text) == (0, True, False), done.text


AWAKE = "Keep the PC awake on mains power"


def look(changed: bool = False, awake: bool = True, **adapter: Any) -> dict[str, Any]:
    """``changed``: the adapter differs; ``awake``: the PC stays awake."""
    parts = {"adapter": part({**KNOWN, "acknowledges": 1, **adapter}, changed=changed)}
    return {**parts, "awake": part({"problem": ""}, changed=not awake)}


@pytest.mark.parametrize(
    ("seen", "due"),
    [
        (look(), set()),
        (look(changed=True), {ADAPTER, VALUE}),
        (look(problem="Another device has it."), {ADAPTER, VALUE}),
        (look(acknowledges=0), {VALUE}),
        (look(acknowledges=-1), {VALUE}),
        (look(acknowledges=2), {VALUE}),
        (look(awake=False), {AWAKE}),
        ({"adapter": part({}, problem="no cmdlet"), "awake": part({}, problem="no powercfg")}, {ADAPTER, VALUE, AWAKE}),
    ],
)
def test_what_is_as_it_should_be_costs_no_command(seen: dict[str, Any], due: set[str], tmp_path: Path) -> None:
    done = windows(tmp_path, seen=seen, **OWNED)
    assert (done.code, {ADAPTER, VALUE, AWAKE} & set(done.tasks)) == (0, due), done.text


@pytest.mark.parametrize(("found", "due"), [(0, set()), (1, {VALUE}), (-1, {VALUE})])
def test_a_value_that_is_not_wanted_goes_whatever_it_is(found: int, due: set[str], tmp_path: Path) -> None:
    done = windows(tmp_path, seen=look(acknowledges=found), **OWNED, orthanc_windows_gateway_scanner_ack_at_once=False)
    assert (done.code, {VALUE} & set(done.tasks)) == (0, due), done.text


def test_adapter_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    done = windows(tmp_path)
    assert (done.code, VALUE in done.tasks, "restart the PC" in done.text) == (0, False, False), done.text


@pytest.mark.parametrize("owned", [OWNED, {}], ids=["adapter of its own", "one adapter"])
def test_firewall_admits_the_scanners_alone(owned: dict[str, Any], tmp_path: Path) -> None:
    scanners = {
        name: {"aet": name, "host": host, "port": 104} for name, host in (("b", "10.8.0.9"), ("a", "10.8.0.10"))
    }
    done = windows(tmp_path, **owned, orthanc_windows_gateway_scanners=scanners)
    assert done.code == 0, done.text
    rule = arguments(tmp_path, "Let the scanners through the firewall")
    assert (rule["remoteip"], str(rule["localport"]), rule["state"]) == ("10.8.0.10,10.8.0.9", "4242", "present")
    assert rule["program"].endswith("Orthanc.exe")
