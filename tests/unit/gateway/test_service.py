# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role says when Orthanc's service is there and Orthanc is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.gateway.test_order import first, part, registry
from tests.unit.role_tasks import Done, RoleTasks

WAIT = "Wait for Orthanc"


def service(folder: Path, answer: dict[str, Any], *options: str, **answers: dict[str, Any]) -> Done:
    modules = ["win_regedit", "win_service", "win_wait_for", "win_powershell"]
    role = RoleTasks(folder, "orthanc_windows_gateway", [f"ansible.windows.{name}" for name in modules])
    found = {"problem": "", "exists": True, "state": "Running", "owed": False, **answers.pop("found", {})}
    present = {
        "__orthanc_windows_gateway_first": first(registry("26.8.1"), {"result": found}),
    }
    if (place := answers.pop("seen", None)) is not None:
        present["__orthanc_windows_gateway_seen"] = {"result": {"parts": {"place": part(place)}}}
    if (row := answers.pop("statistics", None)) is not None:
        present["__orthanc_windows_gateway_statistics"] = row
    others = {name.replace("_", " "): answer for name, answer in answers.items()}
    others.setdefault("Restart Orthanc", {"changed": True, "result": {"problem": ""}})
    return role.run("service.yml", present, *options, answers={WAIT: answer, **others})


def test_orthanc_that_does_not_come_up_is_said(tmp_path: Path) -> None:
    answer = {"failed": True, "msg": "timeout while waiting for 127.0.0.1:8042 to start listening", "elapsed": 60}
    done = service(tmp_path, answer)
    assert done.code != 0, done.text
    assert "Orthanc does not answer on port 8042 of localhost 60 s after the start of its service" in done.text


def test_orthanc_that_comes_up_is_no_error(tmp_path: Path) -> None:
    done = service(tmp_path, {"elapsed": 1, "wait_attempts": 1})
    assert (done.code, WAIT in done.tasks) == (0, True), done.text


GOOD = "Running auto restart:5000,restart:30000,restart:60000 86400 True"
KEEP = "Start Orthanc with Windows, and again after a crash"


@pytest.mark.parametrize(
    ("text", "answers", "owed", "due"),
    [
        (GOOD, True, False, []),
        (GOOD, False, False, [WAIT]),
        (GOOD, True, True, [KEEP, "Restart Orthanc", WAIT]),
        (GOOD.replace("auto", "manual"), True, False, [KEEP]),
        (GOOD.replace("30000", "30001"), True, False, [KEEP]),
        (GOOD.replace("True", "False"), True, False, [KEEP]),
        (GOOD.replace("Running", "Stopped"), False, False, [KEEP, WAIT]),
        ("", False, False, [KEEP, WAIT]),
    ],
)
def test_a_service_that_is_as_it_should_be_costs_no_command(
    text: str, answers: bool, owed: bool, due: list[str], tmp_path: Path
) -> None:
    place = {"services": {"Orthanc": text}, "ports": {"8042": answers}}
    done = service(tmp_path, {"elapsed": 1}, found={"owed": owed}, seen=place)
    assert (done.code, [name for name in done.tasks if name in (KEEP, WAIT, "Restart Orthanc")]) == (0, due), done.text


def test_orthanc_that_stood_for_the_row_is_started_and_waited_for(tmp_path: Path) -> None:
    """The look was before that: the script may have failed to start it, and a large index takes its time."""
    place = {"services": {"Orthanc": GOOD}, "ports": {"8042": True}}
    done = service(tmp_path, {"elapsed": 1}, seen=place, statistics={"changed": True})
    assert (done.code, [name for name in done.tasks if name in (KEEP, WAIT)]) == (0, [KEEP, WAIT]), done.text
    done = service(tmp_path, {"elapsed": 1}, seen=place, statistics={"changed": False, "skipped": True})
    assert (done.code, [name for name in done.tasks if name in (KEEP, WAIT)]) == (0, []), done.text


UP: dict[str, Any] = {"elapsed": 1, "wait_attempts": 1}


def test_nothing_is_restarted_when_nothing_is_owed(tmp_path: Path) -> None:
    done = service(tmp_path, UP)
    assert (done.code, "Restart Orthanc" in done.tasks, "changed=0" in done.text) == (0, False, True), done.text


@pytest.mark.parametrize("options", [(), ("--check",)])
def test_a_restart_that_an_earlier_run_owed_is_made_up_for(options: tuple[str, ...], tmp_path: Path) -> None:
    done = service(tmp_path, UP, *options, found={"owed": True})
    assert (done.code, done.tasks.count("Restart Orthanc")) == (0, 1), done.text
    assert done.tasks.index("Answer the scanner without delay") < done.tasks.index("Restart Orthanc")
    assert done.tasks.index("Restart Orthanc") < done.tasks.index(WAIT)


def test_a_service_that_just_stops_is_left_to_the_restart(tmp_path: Path) -> None:
    assert arguments(tmp_path, {"owed": True, "state": "StopPending"}).get("state") is None
    assert arguments(tmp_path, {"owed": False, "state": "Stopped"})["state"] == "started"


def arguments(folder: Path, found: dict[str, Any]) -> dict[str, Any]:
    """Those of the task that keeps the service as it should be."""
    assert service(folder, UP, found=found).code == 0
    calls = [json.loads(line) for line in (folder / "calls.jsonl").read_text().splitlines()]
    return dict(next(call["arguments"] for call in calls if call["name"] == "ansible.windows.win_service"))


def test_a_restart_that_fails_is_said(tmp_path: Path) -> None:
    problem = {"problem": "The service Orthanc does not stop; restart the PC."}
    done = service(
        tmp_path, UP, Answer_the_scanner_without_delay={"changed": True}, Restart_Orthanc={"result": problem}
    )
    assert done.code != 0
    assert "localhost: The service Orthanc does not stop; restart the PC." in done.text
    assert WAIT not in done.tasks
