# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scripts that change something only look when they are run together, also in a run that may change things."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from copy import deepcopy
from typing import Any

import pytest

from tests.lab.winrm import network
from tests.lab.winrm.models import powershell
from tests.lab.winrm.windows import Windows
from tests.unit.gateway.test_index_statistics import ORTHANC
from tests.unit.gateway.test_look import LOOK, module, together, windows

__all__ = ["windows"]  # the fixture

pytestmark = pytest.mark.skipif(powershell.engine() is None, reason="no pwsh on PATH")

MAC, INDEX, STAMP = "02:4D:56:00:00:02", r"C:\Orthanc\index", r"C:\ProgramData\stamp"
SERVICE = LOOK.with_name("orthanc_service.ps1").read_text(encoding="utf-8")


def part(script: str, **parameters: Any) -> dict[str, Any]:
    return {
        "name": "one",
        "script": LOOK.with_name(f"{script}.ps1").read_text(encoding="utf-8"),
        "parameters": parameters,
    }


def with_index(machine: Windows) -> None:
    place = machine.path(INDEX)
    place.parent.mkdir()
    with closing(sqlite3.connect(place)) as database:
        database.executescript(ORTHANC)


def with_stamp(machine: Windows) -> None:
    machine.path(STAMP).write_text("of other settings")


def unchanged(__machine: Windows) -> None:
    """Nothing is prepared."""


CASES: list[tuple[str, Callable[[Windows], None], dict[str, Any], bool]] = [
    ("index_statistics", with_index, {"Path": INDEX, "Service": "Orthanc", "ServiceScript": SERVICE}, True),
    ("scanner_adapter", unchanged, {"MacAddress": MAC, "Address": "198.51.100.20/24"}, True),
    ("stay_awake", unchanged, {}, True),
    ("orthanc_service", with_stamp, {"Service": "Orthanc", "Action": "restart", "Stamp": STAMP}, True),
    ("orthanc_service", with_stamp, {"Service": "Orthanc", "Action": "stop"}, True),
    ("orthanc_service", with_stamp, {"Service": "Orthanc", "Action": "look", "Stamp": STAMP}, False),
    ("port_owners", unchanged, {"Port": [4242]}, False),
]


@pytest.mark.parametrize(("script", "prepare", "parameters", "differs"), CASES)
def test_a_script_that_looks_together_with_others_writes_nothing(
    script: str,
    prepare: Callable[[Windows], None],
    parameters: dict[str, Any],
    differs: bool,
    windows: Windows,
) -> None:
    network.adapters(windows)
    windows.state["power"]["timeouts"]["standby-timeout-ac"] = 30
    prepare(windows)
    before, files = deepcopy(windows.state), contents(windows)
    found = together(windows, part(script, **parameters))
    seen = found["result"]["parts"]["one"]
    assert (found["changed"], seen["problem"], seen["changed"]) == (False, "", differs), seen
    assert seen["result"].get("problem", "") == ""
    assert (windows.state, contents(windows)) == (before, files)


def contents(machine: Windows) -> dict[str, bytes]:
    """What is in the files that a script could write."""
    places = [machine.path(name) for name in (INDEX, STAMP)]
    return {str(place): place.read_bytes() for place in places if place.exists()}


def test_a_script_by_itself_does_change_it(windows: Windows) -> None:
    """The counter-check: what is looked at above is there to be changed."""
    network.adapters(windows)
    with_index(windows)
    one = part("index_statistics", **CASES[0][2])
    found = module(windows, "win_powershell", script=one["script"], parameters=one["parameters"], depth=5)
    assert (found["changed"], found["result"]["problem"]) == (True, "")
    assert b"1000000 250000" in windows.path(INDEX).read_bytes()
