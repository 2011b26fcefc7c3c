# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a real Windows answered, call by call, and what the simulated one answers to the same.

Fixtures come from ``playbooks/capture.yml`` on a real PC; there are none yet. That recording and repeating work is
shown with fixtures that the simulated Windows itself makes, in a temporary folder.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.secrets import MASK
from ansible_collections.mediverse.pacs.plugins.plugin_utils._capture import differences, fixture, shape

from tests.conftest import COLLECTIONS
from tests.contract.conftest import PASSWORD
from tests.contract.controller import Controller, Task
from tests.contract.endpoints import RunningEndpoint
from tests.spellings import shown

Gateway = tuple[Controller, RunningEndpoint]
RECORDED = Path(__file__).resolve().parents[1] / "fixtures" / "windows"
PCS = sorted(path for path in RECORDED.iterdir() if path.is_dir())
PLANTED = "pl4nted-0ne 'x'"
TASKS: list[Task] = [
    {"ansible.windows.win_stat": {"path": r"C:\Windows", "get_checksum": False}},
    {"ansible.windows.win_file": {"path": r"C:\Captured", "state": "directory"}, "check_mode": True},
    {"ansible.windows.win_file": {"path": r"C:\Captured\{{ item }}", "state": "directory"}, "loop": ["a", "b"]},
    {"ansible.windows.win_service_info": {"name": "WinRM"}},
    {"ansible.windows.win_regedit": {"path": r"HKLM:\SOFTWARE\Captured", "name": "n", "data": "{{ own_password }}"}},
    {"ansible.windows.win_reg_stat": {"path": r"HKLM:\SOFTWARE\Captured"}},
    {"ansible.windows.win_user": {"name": "captured", "password": PLANTED, "state": "present"}},
    {"ansible.windows.win_regedit": {"path": r"HKLM:\SOFTWARE\Hidden", "name": "n", "data": PLANTED}, "no_log": True},
    {"ansible.windows.win_stat": {"path": r"C:\{{ own_password }}"}},
]


def replayed(folder: Path, controller: Controller) -> dict[str, list[str]]:
    """Differences of each recorded call, by the name of its file."""
    files = sorted(folder.glob("*.json"))
    # A mask is no name of a file.
    calls = [json.loads(file.read_text(encoding="utf-8").replace(MASK, "masked")) for file in files]
    # Contents are not recorded, so such a call cannot be made again.
    whole = [call["arguments"].get("content") is None and call["arguments"].get("body") is None for call in calls]
    tasks: list[Task] = [
        {
            call["module"]: {key: value for key, value in call["arguments"].items() if value is not None},
            "check_mode": call["check_mode"],
        }
        if again
        else {"ansible.builtin.debug": {"msg": "not repeated"}}
        for call, again in zip(calls, whole, strict=True)
    ]
    found: dict[str, list[str]] = {}
    results = controller.run(tasks)
    for file, call, again, answer in zip(files, calls, whole, results, strict=True):
        kept = {key: value for key, value in answer.items() if key not in ("action", "invocation")}
        made = fixture(call["module"], {}, call["check_mode"], kept, [], [])
        found[file.name] = differences(shape(call["result"]), shape(made["result"])) if again else []
    return found


@pytest.mark.parametrize("pc", PCS or [None])
def test_the_models_answer_as_a_real_pc_did(pc: Path | None, gateway: Gateway) -> None:
    if pc is None:
        pytest.skip("no PC has sent what its modules answered: docs/first-real-pc.md says how")
    assert {name: said for name, said in replayed(pc, gateway[0]).items() if said} == {}


def test_what_is_recorded_holds_no_secret_and_can_be_repeated(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    controller, __ = gateway
    folder = tmp_path / "made-by-the-lab"
    for name, value in {
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_CALLBACKS_ENABLED": "mediverse.pacs.windows_capture",
        "MEDIVERSE_CAPTURE": str(folder),
    }.items():
        monkeypatch.setenv(name, value)
    results = controller.run(TASKS, own_password=PLANTED)
    assert not [result for result in results if result.get("failed")], results
    monkeypatch.delenv("MEDIVERSE_CAPTURE")
    files = sorted(folder.iterdir())
    modules = [file.stem.partition("-gateway-")[2] for file in files]
    assert modules == [
        *("win_stat", "win_file", "win_file", "win_file", "win_service_info", "win_regedit", "win_reg_stat"),
        *("win_user", "win_stat"),
    ]
    everything = "\n".join(file.read_text(encoding="utf-8") for file in files)
    assert shown(everything, {"own": PLANTED, "winrm": PASSWORD}, ["Administrator"]) == []
    assert [json.loads(file.read_text())["check_mode"] for file in files[:3]] == [False, True, False]
    # Once more on the same machine: an answer has the same keys whether something changed or not.
    assert {name: said for name, said in replayed(folder, controller).items() if said} == {}
    recorded: dict[str, Any] = json.loads(files[0].read_text())
    recorded["result"]["stat"]["isdir"] = "yes"
    recorded["result"]["stat"]["quota"] = 1
    files[0].write_text(json.dumps(recorded))
    said = replayed(folder, controller)[files[0].name]
    assert said == ["stat.isdir is bool; Windows answers str", "stat.quota is missing; Windows answers int"]
