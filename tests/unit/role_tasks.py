# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks of a role on this machine, with stand-ins for modules: what is called, in which order, and what is said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from tests.conftest import COLLECTIONS

# An action plugin needs no module beside it and runs on the controller, so a target of any kind is this machine.
_ACTION = """
import json
from pathlib import Path
from ansible.plugins.action import ActionBase

FOLDER = Path({folder!r})


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        call = {{"name": self._task.action, "task": self._task.name, "arguments": self._task.args}}
        with (FOLDER / "calls.jsonl").open("a") as calls:
            calls.write(json.dumps(call, default=str) + "\\n")
        answers = json.loads((FOLDER / "answers.json").read_text())
        return {{"changed": False, **answers.get(self._task.name, {{}})}}
"""


class Done(NamedTuple):
    """``tasks``: names of the tasks that reached a stand-in, in their order. ``text``: the whole output in one line."""

    code: int
    tasks: list[str]
    text: str


class RoleTasks:
    """``stand_ins``: full names of the modules that must not run."""

    def __init__(self, folder: Path, role: str, stand_ins: list[str]) -> None:
        self._folder, self._role = folder, role
        for name in stand_ins:
            namespace, collection, module = name.split(".")
            place = folder / "ansible_collections" / namespace / collection
            (place / "plugins" / "action").mkdir(parents=True, exist_ok=True)
            (place / "galaxy.yml").write_text(f"namespace: {namespace}\nname: {collection}\nversion: 1.0.0\n")
            (place / "plugins" / "action" / f"{module}.py").write_text(_ACTION.format(folder=str(folder)))

    def run(
        self,
        file: str,
        variables: dict[str, Any],
        *options: str,
        answers: dict[str, dict[str, Any]] | None = None,
        known: dict[str, Any] | None = None,
    ) -> Done:
        """``answers``: what a stand-in returns, by the name of its task. ``options``: of ``ansible-playbook``.

        ``known``: what tasks before these registered, and these may register anew.
        """
        include = {"ansible.builtin.include_role": {"name": f"mediverse.pacs.{self._role}", "tasks_from": file}}
        play = {
            "hosts": "localhost",
            "gather_facts": False,
            "vars": known or {},
            "tasks": [{"name": "Tasks", **include}],
        }
        (self._folder / "play.yml").write_text(json.dumps([play]))
        (self._folder / "answers.json").write_text(json.dumps(answers or {}))
        calls = self._folder / "calls.jsonl"
        calls.write_text("")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        environment |= {"ANSIBLE_COLLECTIONS_PATH": f"{self._folder}:{COLLECTIONS}", "ANSIBLE_NOCOLOR": "1"}
        command = [str(Path(sys.executable).with_name("ansible-playbook")), str(self._folder / "play.yml"), *options]
        given = {"ansible_python_interpreter": sys.executable, **variables}
        done = subprocess.run(
            [*command, "-e", json.dumps(given)],
            env=environment,
            cwd=COLLECTIONS,
            capture_output=True,
            text=True,
            check=False,
        )
        tasks = [json.loads(line)["task"] for line in calls.read_text().splitlines()]
        return Done(done.returncode, tasks, " ".join((done.stdout + done.stderr).split()))
