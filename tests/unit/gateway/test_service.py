# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role says when Orthanc's service is there and Orthanc is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.unit.role_tasks import Done, RoleTasks

WAIT = "Wait for Orthanc"


def service(folder: Path, answer: dict[str, Any]) -> Done:
    modules = ["win_regedit", "win_service", "win_wait_for", "win_powershell"]
    role = RoleTasks(folder, "orthanc_windows_gateway", [f"ansible.windows.{name}" for name in modules])
    present = {"__orthanc_windows_gateway_version": {"exists": True, "value": "26.8.1"}}
    return role.run("service.yml", present, answers={WAIT: answer})


def test_orthanc_that_does_not_come_up_is_said(tmp_path: Path) -> None:
    answer = {"failed": True, "msg": "timeout while waiting for 127.0.0.1:8042 to start listening", "elapsed": 60}
    done = service(tmp_path, answer)
    assert done.code != 0, done.text
    assert "Orthanc does not answer on port 8042 of localhost 60 s after the start of its service" in done.text


def test_orthanc_that_comes_up_is_no_error(tmp_path: Path) -> None:
    done = service(tmp_path, {"elapsed": 1, "wait_attempts": 1})
    assert (done.code, WAIT in done.tasks) == (0, True), done.text
