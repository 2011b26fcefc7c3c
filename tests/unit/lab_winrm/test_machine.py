# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths, registry, accounts and the state file."""

from __future__ import annotations

import json

import pytest

from tests.lab.winrm.registry import normal
from tests.lab.winrm.windows import Failure, Windows


def test_paths_do_not_care_about_letter_case_or_slashes(machine: Windows) -> None:
    machine.path(r"C:\ProgramData\Mediverse").mkdir()
    assert machine.path("c:/programdata/MEDIVERSE/x.txt") == machine.root / "C/ProgramData/Mediverse/x.txt"
    assert machine.path(r"%ProgramData%\mediverse\..\Mediverse") == machine.root / "C/ProgramData/Mediverse"
    assert machine.windows_name(machine.path("c:/PROGRAMDATA")) == r"C:\ProgramData"


@pytest.mark.parametrize("name", ["relative", r"C:\a|b", r"C:\a:b", r"\\server\share", "", "C:x"])
def test_illegal_paths(machine: Windows, name: str) -> None:
    with pytest.raises(Failure, match="format is not supported"):
        machine.path(name)


def test_nothing_lies_outside_of_drive_c(machine: Windows) -> None:
    assert machine.path(r"C:\..\..\etc") == machine.root / "C/etc"
    with pytest.raises(Failure, match="drive with the name 'D'"):
        machine.path(r"D:\x")
    with pytest.raises(ValueError, match="state"):
        machine.windows_name(machine.root / "state.json")


def test_registry(machine: Windows) -> None:
    registry = machine.registry
    registry.set(r"HKLM:\SOFTWARE\New\Deep", "Value", "dword", 1)
    assert registry.exists(r"hkey_local_machine\software\new")
    assert registry.children(r"HKLM\SOFTWARE\New") == ["Deep"]
    assert registry.data(r"HKLM\Software\New\Deep", "value") == 1
    registry.delete(r"HKLM\SOFTWARE\New")
    assert not registry.exists(r"HKLM\SOFTWARE\New\Deep")
    assert normal(r"HKCR:\.js") == r"HKLM\SOFTWARE\Classes\.js"
    with pytest.raises(ValueError, match="HKXX"):
        normal(r"HKXX:\A")


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("administrator", r"GATEWAY\Administrator"),
        (r".\Administrator", r"GATEWAY\Administrator"),
        ("SYSTEM", r"NT AUTHORITY\SYSTEM"),
        ("LocalSystem", r"NT AUTHORITY\SYSTEM"),
        ("S-1-5-32-544", r"BUILTIN\Administrators"),
        (r"NT SERVICE\WinRM", r"NT SERVICE\WinRM"),
        ("nobody", None),
    ],
)
def test_accounts(machine: Windows, name: str, full: str | None) -> None:
    assert machine.accounts.find(name) == full


def test_state_changed_from_outside_is_seen(machine: Windows) -> None:
    file = machine.root / "state.json"
    state = json.loads(file.read_text())
    state["defender"]["IsTamperProtected"] = True
    file.write_text(json.dumps(state))
    machine.refresh()
    assert machine.state["defender"]["IsTamperProtected"] is True


def test_state_survives_a_restart(machine: Windows) -> None:
    machine.registry.set(r"HKLM\SOFTWARE\X", "a", "string", "b")
    machine.event("something happened")
    again = Windows(machine.root)
    assert again.registry.data(r"HKLM\SOFTWARE\X", "a") == "b"
    assert again.state["events"] == ["something happened"]
