# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The script that stops and starts Orthanc: never for ever, and only where something is owed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
SCRIPT = HERE.parents[2] / "roles" / "orthanc_windows_gateway" / "files" / "orthanc_service.ps1"
PWSH = shutil.which("pwsh")
pytestmark = pytest.mark.skipif(PWSH is None, reason="no pwsh on PATH: install PowerShell 7 to run the .ps1 files")

RUNNING = {"Status": "Running", "pending": 1, "process": 100}
STUCK = {**RUNNING, "pending": 9999}
PROCESSES = [
    {"id": 7, "parent": 3, "name": "Orthanc.exe"},
    {"id": 100, "parent": 3, "name": "OrthancService.exe"},
    {"id": 101, "parent": 100, "name": "Orthanc.exe"},
    {"id": 102, "parent": 100, "name": "conhost.exe"},
]


def run(
    action: str,
    folder: Path,
    service: dict[str, Any] | None,
    *,
    check: bool = False,
    processes: list[dict[str, Any]] | None = None,
    **more: Any,
) -> dict[str, Any]:
    state = folder / "state.json"
    services = [{"Name": "Orthanc", **service}] if service else []
    parameters = {"Service": "Orthanc", "Action": action, "Patience": 1, "Grace": 1, **more}
    given = {"parameters": parameters, "check": check, "services": services, "processes": processes or PROCESSES}
    state.write_text(json.dumps(given))
    command = [str(PWSH), "-NoProfile", "-NonInteractive", "-File", str(HERE / "harness.ps1"), str(SCRIPT), str(state)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return dict(json.loads(done.stdout[done.stdout.index("{") :]))


@pytest.mark.parametrize(
    ("action", "service", "calls"),
    [
        ("restart", RUNNING, ["stop Orthanc", "stopped Orthanc", "start Orthanc"]),
        ("restart", {**RUNNING, "Status": "Stopped"}, ["start Orthanc"]),
        ("restart", {**RUNNING, "Status": "Paused"}, ["stop Orthanc", "stopped Orthanc", "start Orthanc"]),
        ("restart", {**RUNNING, "Status": "StopPending"}, ["stopped Orthanc", "start Orthanc"]),
        ("restart", {**RUNNING, "Status": "StartPending"}, ["stop Orthanc", "stopped Orthanc", "start Orthanc"]),
        ("stop", RUNNING, ["stop Orthanc", "stopped Orthanc"]),
        ("stop", {**RUNNING, "Status": "Stopped"}, []),
        ("stop", None, []),
        ("start", {**RUNNING, "Status": "Stopped"}, ["start Orthanc"]),
        ("start", RUNNING, []),
        ("look", RUNNING, []),
    ],
)
def test_what_is_done(action: str, service: dict[str, Any] | None, calls: list[str], tmp_path: Path) -> None:
    done = run(action, tmp_path, service)
    assert (done["result"]["problem"], done["calls"], done["changed"]) == ("", calls, bool(calls))
    assert done["result"]["exists"] is (service is not None)
    assert done["result"]["state"] == (service["Status"] if service else "")
    checked = run(action, tmp_path, service, check=True)
    assert (checked["calls"], checked["changed"]) == ([], bool(calls))


def test_an_orthanc_on_a_silent_line_is_ended(tmp_path: Path) -> None:
    for service in (STUCK, {**STUCK, "Status": "StopPending"}):
        done = run("restart", tmp_path, service)
        assert (done["result"]["problem"], done["changed"]) == ("", True)
        end = ["end process 101", "wait for process 101", "stopped Orthanc", "start Orthanc"]
        assert done["calls"] == ([] if service["Status"] == "StopPending" else ["stop Orthanc"]) + end


def test_an_orthanc_that_stays_is_said(tmp_path: Path) -> None:
    processes = [{**process, "immortal": True} for process in PROCESSES]
    done = run("stop", tmp_path, STUCK, processes=processes)
    assert done["result"]["problem"].startswith("The service Orthanc does not stop, not even without Orthanc; ")
    assert done["changed"]


def test_a_service_that_does_not_come_back_is_said(tmp_path: Path) -> None:
    done = run("restart", tmp_path, {**RUNNING, "refusals": 999})
    assert done["result"]["problem"].startswith("The service Orthanc does not start again, so the scanner is refused; ")


def test_a_service_that_is_not_there_cannot_be_restarted(tmp_path: Path) -> None:
    done = run("restart", tmp_path, None)
    assert done["result"]["problem"].startswith("There is no service Orthanc to restart; ")
    assert not done["changed"]


@pytest.fixture
def settings(tmp_path: Path) -> list[Path]:
    """Two folders of settings with which Orthanc was started."""
    folders = [tmp_path / "Configuration", tmp_path / "Forwarder"]
    for folder in folders:
        (folder / "below").mkdir(parents=True)
        (folder / "below" / "one.json").write_text("{}")
    done = run("restart", tmp_path, RUNNING, **look(tmp_path, folders))
    assert (done["result"]["problem"], len((tmp_path / "stamp").read_text().strip())) == ("", 64)
    return folders


def look(folder: Path, settings: list[Path]) -> dict[str, Any]:
    return {"Settings": [*map(str, settings), str(folder / "none")], "Stamp": str(folder / "stamp")}


def owed(folder: Path, settings: list[Path], service: dict[str, Any] | None = None) -> bool:
    done = run("look", folder, service or RUNNING, **look(folder, settings))
    assert (done["result"]["problem"], done["calls"], done["changed"]) == ("", [], False)
    return bool(done["result"]["owed"])


def test_nothing_is_owed_with_the_same_settings(settings: list[Path], tmp_path: Path) -> None:
    """Whenever they were written: a copied folder has the controller's times, and clocks are set."""
    for time in (0, 4102444800):
        os.utime(settings[0] / "below" / "one.json", (time, time))
        assert not owed(tmp_path, settings)


@pytest.mark.parametrize("change", ["another text", "a new file", "a file less", "another name"])
def test_a_restart_is_owed_with_other_settings(change: str, settings: list[Path], tmp_path: Path) -> None:
    file = settings[1] / "below" / "one.json"
    stat = file.stat()
    if change == "another text":
        file.write_text("[]")
        os.utime(file, (stat.st_atime, stat.st_mtime))
    elif change == "a new file":
        (settings[1] / "two.json").write_text("{}")
    elif change == "a file less":
        file.unlink()
    else:
        file.rename(file.with_name("two.json"))
    assert owed(tmp_path, settings)
    # One that stands reads them when it starts, and the role starts it.
    assert not owed(tmp_path, settings, {**RUNNING, "Status": "Stopped"})
    assert not run("restart", tmp_path, RUNNING, check=True, **look(tmp_path, settings))["result"]["owed"]
    assert owed(tmp_path, settings)
    assert run("restart", tmp_path, RUNNING, **look(tmp_path, settings))["changed"]
    assert not owed(tmp_path, settings)


def test_nobody_knows_what_an_orthanc_of_before_was_started_with(settings: list[Path], tmp_path: Path) -> None:
    (tmp_path / "stamp").unlink()
    assert not owed(tmp_path, settings)


def test_a_start_that_fails_leaves_it_owed(settings: list[Path], tmp_path: Path) -> None:
    (settings[0] / "two.json").write_text("{}")
    assert run("restart", tmp_path, {**RUNNING, "refusals": 999}, **look(tmp_path, settings))["result"]["problem"]
    assert owed(tmp_path, settings)


@pytest.mark.parametrize("state", ["StopPending", "Paused", "PausePending", "ContinuePending"])
def test_a_service_that_neither_runs_nor_stands_is_owed_a_restart(state: str, tmp_path: Path) -> None:
    assert owed(tmp_path, [], {**STUCK, "Status": state})
