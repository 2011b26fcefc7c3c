# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The script that gives Orthanc's index its row of statistics, on the real engine and a real SQLite."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils.orthanc._index import STATISTICS

from tests.lab.winrm.models.powershell import libraries

HERE = Path(__file__).parent
SCRIPT = HERE.parents[2] / "roles" / "orthanc_windows_gateway" / "files" / "index_statistics.ps1"
SERVICE = SCRIPT.with_name("orthanc_service.ps1")
PWSH = shutil.which("pwsh")
pytestmark = pytest.mark.skipif(PWSH is None, reason="no pwsh on PATH: install PowerShell 7 to run the .ps1 files")

ORTHANC = """
    CREATE TABLE Resources (internalId INTEGER PRIMARY KEY, resourceType INTEGER, publicId TEXT, parentId INTEGER);
    CREATE INDEX ChildrenIndex ON Resources (parentId);
    CREATE INDEX PublicIndex ON Resources (publicId);
    CREATE INDEX ResourceTypeIndex ON Resources (resourceType);
    INSERT INTO Resources (resourceType, publicId) VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd'), (4, 'e');
"""
ONE_IMAGE = (
    "SELECT internalId FROM Resources AS instances WHERE instances.resourceType = 4 AND instances.publicId = 'e'"
)


# The service watches its Orthanc, and a console; another Orthanc was started by hand.
SLOW = {"Status": "Running", "pending": 9999, "process": 100}
PROCESSES = [
    {"id": 7, "parent": 3, "name": "Orthanc.exe"},
    {"id": 100, "parent": 3, "name": "OrthancService.exe"},
    {"id": 101, "parent": 100, "name": "Orthanc.exe"},
    {"id": 102, "parent": 100, "name": "conhost.exe"},
]


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """An index as Orthanc leaves it."""
    file = tmp_path / "index"
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.executescript(ORTHANC)
    return file


def ask(file: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(file)) as database:
        return database.execute(sql).fetchall()


def statistics(file: Path) -> list[Any]:
    return ask(file, "SELECT * FROM sqlite_stat1")


def plan(file: Path) -> str:
    return str(ask(file, f"EXPLAIN QUERY PLAN {ONE_IMAGE}")[0][-1])


def run(
    file: Path,
    folder: Path,
    *,
    check: bool = False,
    library: bool = True,
    service: dict[str, Any] | None = None,
    processes: list[dict[str, Any]] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """What the script answers; ``folder`` is an empty place for this run, ``more`` are parameters of the script."""
    folder.mkdir()
    environment = {**os.environ, **(libraries(folder) if library else {})}
    if library and "LD_LIBRARY_PATH" not in environment:
        pytest.skip("no libsqlite3.so.0 below /usr/lib")
    state = folder / "state.json"
    services = [{"Name": "Orthanc", "pending": 2, **service}] if service else []
    script = SERVICE.read_text(encoding="utf-8")
    parameters = {"Path": str(file), "Service": "Orthanc", "ServiceScript": script, "Patience": 1, **more}
    given = {"parameters": parameters, "check": check, "services": services, "watch": str(file)}
    state.write_text(json.dumps({**given, "processes": processes or []}))
    command = [str(PWSH), "-NoProfile", "-NonInteractive", "-File", str(HERE / "harness.ps1"), str(SCRIPT), str(state)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert done.returncode == 0, done.stderr + done.stdout
    return dict(json.loads(done.stdout[done.stdout.index("{") :]))


def test_one_image_is_found_by_its_name(index: Path, tmp_path: Path) -> None:
    assert "ResourceTypeIndex" in plan(index)
    done = run(index, tmp_path / "first")
    assert (done["changed"], done["result"]) == (True, {"problem": "", "present": False})
    assert done["diff"] == {"before": {"present": False}, "after": {"present": True}}
    assert "PublicIndex" in plan(index)
    assert statistics(index) == [STATISTICS]
    assert len(ask(index, "SELECT * FROM Resources")) == 5
    assert ask(index, "PRAGMA integrity_check") == [("ok",)]
    again = run(index, tmp_path / "second")
    assert (again["changed"], again["result"]) == (False, {"problem": "", "present": True})


@pytest.mark.parametrize("name", ["index", "a b", "50%20 #1 & ü?", "[x]"])
def test_index_that_is_not_there_yet(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    assert run(file, tmp_path / "check", check=True)["changed"]
    assert not file.exists()
    assert run(file, tmp_path / "first")["changed"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["check", "first", name])
    assert ask(file, "SELECT name FROM sqlite_master") == [("sqlite_stat1",)]
    assert ask(file, "PRAGMA encoding") == [("UTF-8",)]
    assert not run(file, tmp_path / "second")["changed"]
    with closing(sqlite3.connect(file)) as database:
        database.executescript(ORTHANC)
    assert "PublicIndex" in plan(file)


def test_check_mode_writes_nothing(index: Path, tmp_path: Path) -> None:
    before = index.read_bytes()
    done = run(index, tmp_path / "run", check=True)
    assert (done["changed"], done["result"]) == (True, {"problem": "", "present": False})
    assert index.read_bytes() == before


def test_statistics_of_others_are_replaced(index: Path, tmp_path: Path) -> None:
    ask(index, "ANALYZE")
    assert len(statistics(index)) > 1
    assert run(index, tmp_path / "run")["changed"]
    assert statistics(index) == [STATISTICS]


def test_looking_needs_no_lock_and_writing_does(index: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(index, isolation_level=None)) as orthanc:
        orthanc.execute("PRAGMA locking_mode = EXCLUSIVE")
        orthanc.execute("INSERT INTO Resources (resourceType, publicId) VALUES (4, 'f')")
        assert run(index, tmp_path / "check", check=True)["result"] == {"problem": "", "present": False}
        done = run(index, tmp_path / "run")
    assert done["result"]["problem"].startswith(f"SQLite says 'database is locked' about Orthanc's index {index}; end ")
    assert not done["changed"]
    assert len(ask(index, "SELECT * FROM Resources")) == 6
    assert "ResourceTypeIndex" in plan(index)


def test_other_file_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "index"
    file.write_text("This is a letter, and longer than the head of a database. " * 20)
    before = file.read_bytes()
    done = run(file, tmp_path / "run")
    assert done["result"]["problem"].startswith(f"SQLite says 'file is not a database' about Orthanc's index {file};")
    assert not done["changed"]
    assert file.read_bytes() == before


@pytest.mark.parametrize("check", [True, False])
def test_old_windows_without_the_library(index: Path, tmp_path: Path, check: bool) -> None:
    before = index.read_bytes()
    done = run(index, tmp_path / "run", check=check, library=False)
    assert "has no winsqlite3.dll" in done["result"]["problem"]
    assert not done["changed"]
    assert index.read_bytes() == before


def test_folder_that_is_not_there(tmp_path: Path) -> None:
    done = run(tmp_path / "none" / "index", tmp_path / "run")
    assert done["result"]["problem"].startswith("SQLite says 'unable to open database file'")
    assert not done["changed"]


def test_service_is_stopped_for_the_writing_only(index: Path, tmp_path: Path) -> None:
    done = run(index, tmp_path / "run", service={"Status": "Running"})
    assert done["result"] == {"problem": "", "present": False}
    assert done["calls"] == ["stop Orthanc, row False", "stopped Orthanc, row False", "start Orthanc, row True"]
    again = run(index, tmp_path / "again", service={"Status": "Running"})
    assert (again["changed"], again["calls"]) == (False, [])


def test_service_that_does_not_run_is_not_started(index: Path, tmp_path: Path) -> None:
    done = run(index, tmp_path / "run", service={"Status": "Stopped"})
    assert (done["changed"], done["calls"]) == (True, [])
    assert statistics(index) == [STATISTICS]


def test_service_runs_on_in_check_mode_and_beside_an_index_of_nobody(index: Path, tmp_path: Path) -> None:
    assert run(index, tmp_path / "check", check=True, service={"Status": "Running"})["calls"] == []
    beside = run(tmp_path / "new", tmp_path / "run", service={"Status": "Running"})
    assert (beside["changed"], beside["calls"]) == (True, [])


def test_service_starts_again_when_the_row_cannot_be_written(index: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(index, isolation_level=None)) as backup:
        backup.execute("BEGIN IMMEDIATE")
        done = run(index, tmp_path / "run", service={"Status": "Running"})
    assert "database is locked" in done["result"]["problem"]
    assert done["changed"]
    assert [call.partition(" ")[0] for call in done["calls"]] == ["stop", "stopped", "start"]
    assert "ResourceTypeIndex" in plan(index)


def test_orthanc_that_waits_for_a_silent_line_is_ended_and_comes_back_with_the_row(index: Path, tmp_path: Path) -> None:
    done = run(index, tmp_path / "run", service=SLOW, processes=PROCESSES)
    assert (done["changed"], done["result"]) == (True, {"problem": "", "present": False})
    assert done["calls"] == [
        "stop Orthanc, row False",
        "end process 101, row False",
        "wait for process 101, row False",
        "stopped Orthanc, row False",
        "start Orthanc, row True",
    ]


def test_orthanc_that_cannot_be_ended_is_not_written_under_and_comes_back(index: Path, tmp_path: Path) -> None:
    processes = [{**process, "immortal": True} for process in PROCESSES]
    late = {**SLOW, "refusals": 2}
    done = run(index, tmp_path / "run", service=late, processes=processes, Grace=1, Patience=2)
    assert done["result"]["problem"].startswith("The service Orthanc does not stop, not even without Orthanc; ")
    assert done["calls"][-1] == "start Orthanc, row False"


def test_index_of_an_orthanc_that_was_ended_keeps_what_it_had(index: Path, tmp_path: Path) -> None:
    left = tmp_path / "left"
    with closing(sqlite3.connect(index, isolation_level=None)) as orthanc:
        orthanc.execute("PRAGMA locking_mode = EXCLUSIVE")
        orthanc.execute("INSERT INTO Resources (resourceType, publicId) VALUES (4, 'f')")
        for end in ("", "-wal"):
            shutil.copy(f"{index}{end}", f"{left}{end}")
    assert run(left, tmp_path / "run")["result"] == {"problem": "", "present": False}
    assert len(ask(left, "SELECT * FROM Resources")) == 6
    assert statistics(left) == [STATISTICS]


@pytest.mark.parametrize("state", ["StopPending", "Paused", "PausePending", "ContinuePending"])
def test_service_in_between_is_left_alone(state: str, index: Path, tmp_path: Path) -> None:
    for check in (True, False):
        done = run(index, tmp_path / str(check), check=check, service={**SLOW, "Status": state}, processes=PROCESSES)
        assert done["result"]["problem"].startswith(f"The service Orthanc is in the state {state}; start or stop it ")
        assert (done["changed"], done["calls"]) == (False, [])
    assert "ResourceTypeIndex" in plan(index)


def test_service_that_does_not_come_back_is_said(index: Path, tmp_path: Path) -> None:
    done = run(index, tmp_path / "run", service={"Status": "Running", "refusals": 999})
    assert done["result"]["problem"].startswith("The service Orthanc does not start again, so the scanner is refused; ")
    assert done["changed"]


def test_service_that_does_not_come_back_does_not_hide_why_there_is_no_row(index: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(index, isolation_level=None)) as backup:
        backup.execute("BEGIN IMMEDIATE")
        done = run(index, tmp_path / "run", service={"Status": "Running", "refusals": 999})
    assert done["result"]["problem"].startswith("SQLite says 'database is locked' about ")
    assert " and run the role again. The service Orthanc does not start again, " in done["result"]["problem"]
    assert done["changed"]


def test_full_drive_is_known_before_anything_stops(index: Path, tmp_path: Path) -> None:
    before = index.read_bytes()
    for check in (True, False):
        folder = tmp_path / str(check)
        done = run(index, folder, check=check, service={"Status": "Running"}, Room=2**60)
        assert " MB left; make room and run the role again." in done["result"]["problem"]
        assert (done["changed"], done["calls"]) == (False, [])
    assert index.read_bytes() == before
