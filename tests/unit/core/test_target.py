# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Python target has to have, and what it is told when it has not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils._engine import runner
from ansible_collections.mediverse.pacs.plugins.modules import orthanc_info, orthanc_peer

from tests.conftest import COLLECTIONS

from ..fake_api import FakeApi

PLUGINS = Path(__file__).resolve().parents[3] / "plugins"
ENTRY = {
    "patient_id": "p",
    "patient_name": "A^B",
    "accession_number": "a",
    "station_aet": "CT",
    "date": "20260101",
}
# Those that run on a target; what runs on the controller alone has no more than its documentation there.
MODULES = sorted(path.stem for path in PLUGINS.glob("modules/[!_]*.py") if "def main(" in path.read_text())


def _oldest() -> str | None:
    """Python 3.9 (Debian 11, RHEL 9), if this machine has it: on the PATH, or installed by pyenv."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for candidate in ["python3.9", *map(str, root.glob("versions/3.9.*/bin/python3"))]:
        try:
            done = subprocess.run([candidate, "--version"], capture_output=True, text=True, check=False)
        except OSError:
            continue
        if done.stdout.startswith("Python 3.9."):
            return candidate
    return None


def test_every_module_starts_on_the_oldest_python(tmp_path: Path) -> None:
    """Each as a real task, without options: what it says is about them, or about what it did not reach."""
    python = _oldest()
    if python is None:
        pytest.skip("there is no Python 3.9 here")
    tasks = [{f"mediverse.pacs.{name}": {}, "ignore_errors": True} for name in MODULES]
    # One with options: a file is written, found, and looked at.
    entry = {"path": str(tmp_path / "a.wl"), **ENTRY}
    tasks.append({"mediverse.pacs.worklist_entry": entry, "ignore_errors": True})
    play = {"hosts": "localhost", "gather_facts": False, "connection": "local", "tasks": tasks}
    (tmp_path / "play.json").write_text(json.dumps([play]), encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    environment |= {"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"}
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", "play.json"]
    command += ["-e", f"ansible_python_interpreter={python}"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    report = json.loads(done.stdout[done.stdout.index("{") :])
    results = [task["hosts"]["localhost"] for task in report["plays"][0]["tasks"]]
    *without, written = results
    said = {name: result.get("msg", "") for name, result in zip(MODULES, without, strict=True)}
    expected = ("missing required arguments", "one of the following is required", "(requests)", "Cannot reach")
    assert {name: text for name, text in said.items() if not any(part in text for part in expected)} == {}
    assert written.get("changed") is True, written


def test_without_requests(api: FakeApi) -> None:
    with mock.patch.object(runner, "HAS_REQUESTS", False):
        result = api.run(orthanc_peer, name="c", state="absent")
    assert result["failed"]
    assert "(requests)" in result["msg"]
    assert "interpreter" in result["msg"]


def test_a_bug_is_one_readable_failure(api: FakeApi) -> None:
    with mock.patch.object(runner, "run", side_effect=KeyError("x")):
        result = api.run(orthanc_info)
    assert result["msg"] == "Unexpected KeyError: 'x'"
