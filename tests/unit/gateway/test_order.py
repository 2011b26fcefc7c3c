# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When the role writes the row of statistics: never so that an old program meets the new configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.role_tasks import Done, RoleTasks

WRITE = "Write the row of statistics into Orthanc's index"
MODULES = ["win_file", "win_acl", "win_acl_inheritance", "win_copy", "win_find", "win_powershell", "win_service"]
MODULES += ["win_package", "win_reg_stat", "win_wait_for", "win_regedit"]
PEER = {"name": "cloud", "url": "https://cloud.example.org/", "username": "gateway", "password": "cloud-password"}


def install(folder: Path, installed: str, *options: str, answer: dict[str, Any] | None = None) -> Done:
    """What install.yml does on a PC with this version of Orthanc, when 26.8.1 is wanted."""
    found = {"exists": bool(installed), "value": installed}
    variables = {
        "orthanc_windows_gateway_site_id": "demo",
        "orthanc_windows_gateway_admin_password": "a-long-password",
        "orthanc_windows_gateway_installer": {"src": "/x/Orthanc.exe", "sha256": "0" * 64, "version": "26.8.1"},
        "orthanc_windows_gateway_peer": PEER,
        "orthanc_windows_gateway_install_timeout": 0,  # waits for the stand-in itself, which has no job
        "__orthanc_windows_gateway_version": found,
        "__orthanc_windows_gateway_uninstall_entry": {"exists": bool(installed)},
    }
    answers = {
        WRITE: answer or {"result": {"problem": "", "present": False}},
        "Look for configuration files of others": {"files": []},
    }
    role = RoleTasks(folder, "orthanc_windows_gateway", [f"ansible.windows.{name}" for name in MODULES])
    return role.run("install.yml", variables, *options, answers=answers)


def test_an_old_program_is_not_started_with_the_new_configuration(tmp_path: Path) -> None:
    done = install(tmp_path, "25.2.1")
    assert done.tasks.count(WRITE) == 1, done.text
    steps = [name for name in done.tasks if name in ("Place the configuration", "Uninstall", WRITE, "Install Orthanc")]
    assert list(dict.fromkeys(steps)) == ["Place the configuration", "Uninstall", WRITE, "Install Orthanc"]


def test_the_first_program_finds_the_row(tmp_path: Path) -> None:
    done = install(tmp_path, "")
    assert done.tasks.count(WRITE) == 1, done.text
    assert done.tasks.index(WRITE) < done.tasks.index("Install Orthanc")
    assert "Uninstall" not in done.tasks


def test_the_program_that_stays_gets_the_row_at_once(tmp_path: Path) -> None:
    done = install(tmp_path, "26.8.1")
    assert done.tasks.count(WRITE) == 1, done.text
    assert "Install Orthanc" not in done.tasks
    assert (done.code, "no row of statistics" in done.text) == (0, False)


@pytest.mark.parametrize("installed", ["", "25.2.1", "26.8.1"])
def test_check_mode_looks_once(installed: str, tmp_path: Path) -> None:
    done = install(tmp_path, installed, "--check")
    assert (done.code, done.tasks.count(WRITE), "Install Orthanc" in done.tasks) == (0, 1, False), done.text


@pytest.mark.parametrize(
    "answer",
    [
        {"result": {"problem": "SQLite says 'locked'.", "present": False}},
        {"failed": True, "msg": "SQLite says 'locked'.", "result": {}},
    ],
    ids=["problem", "failure"],
)
def test_a_row_that_cannot_be_written_is_said_and_stops_nothing(answer: dict[str, Any], tmp_path: Path) -> None:
    done = install(tmp_path, "26.8.1", answer=answer)
    assert done.code == 0, done.text
    assert "because its index has no row of statistics. SQLite says 'locked'." in done.text
