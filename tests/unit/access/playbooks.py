# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A playbook of the collection on this machine, with stand-ins for whatever asks a host."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.unit.role_tasks import Done

ROOT = Path(__file__).resolve().parents[3]
_ACTION = """
import json
from pathlib import Path
from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

FOLDER = Path({folder!r})


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        name = self._task.get_name().split(" : ")[-1]
        with (FOLDER / "calls.jsonl").open("a") as calls:
            calls.write(json.dumps([name, self._task.args], default=str) + "\\n")
        answer = json.loads((FOLDER / "answers.json").read_text()).get(name, {{}})
        if answer.get("lost"):
            raise AnsibleConnectionFailure("its power is gone")
        return {{"changed": False, **answer}}
"""
_STAND_INS = (
    *("host_reach", "hub_access", "site_secrets", "gateway_revocation", "site_settings"),
    *("syncthing_info", "syncthing_device", "gateway_acceptance", "gateway_way", "gateway_login"),
)
# Modules that are not the collection's and ask a host.
_FOREIGN = re.compile(r"(?:ansible\.builtin\.(?:stat|slurp)|ansible\.windows\.win_ping):")
_SITES = """
plugin: mediverse.pacs.sites
domain: clinic.gm
hub: {host: 192.0.2.1}
sites:
  far:
    cloud: {host: 192.0.2.2}
    scanners: {ct1: {aet: CT1, host: 192.0.2.3, port: 104}}
  near:
    cloud: {host: 192.0.2.4}
    gateway: {host: 192.0.2.5, user: Administrator}
    scanners: {ct2: {aet: CT2, host: 192.0.2.6, port: 104}}
"""
CONFIGURATION = base64.b64encode(b"<configuration><gui><apikey>key-of-it</apikey></gui></configuration>").decode()
"""Of the hub's Syncthing, as ``slurp`` has it."""


def build(made: Path, roles: tuple[str, ...] = ()) -> Path:
    """The collection with stand-ins in it, also for roles, and a site file."""
    collection = made / "ansible_collections" / "mediverse" / "pacs"
    for part in ("playbooks", "plugins", "meta"):
        shutil.copytree(ROOT / part, collection / part)
    shutil.copy(ROOT / "galaxy.yml", collection)
    stand_in = _ACTION.format(folder=str(made))
    for name in _STAND_INS:
        (collection / "plugins" / "action" / f"{name}.py").write_text(stand_in)
    for role in roles:
        (collection / "roles" / role / "tasks").mkdir(parents=True)
        (collection / "roles" / role / "tasks" / "main.yml").write_text(
            json.dumps([{"name": f"Role {role}", "mediverse.pacs.host_reach": {}}])
        )
    for file in ("revoke", "accept", "tasks/worklists"):
        playbook = collection / "playbooks" / f"{file}.yml"
        text, found = _FOREIGN.subn("mediverse.pacs.host_reach:", playbook.read_text())
        assert found, file
        playbook.write_text(text)
    (made / "mediverse.sites.yml").write_text(_SITES)
    return made


def play(folder: Path, playbook: str, site: str, options: tuple[str, ...], answers: dict[str, dict[str, Any]]) -> Done:
    """``answers``: of stand-ins, by the name of their task."""
    (folder / "answers.json").write_text(json.dumps(answers))
    calls = folder / "calls.jsonl"
    calls.write_text("")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    environment |= {"ANSIBLE_COLLECTIONS_PATH": str(folder), "ANSIBLE_NOCOLOR": "1"}
    command = [str(Path(sys.executable).with_name("ansible-playbook")), f"mediverse.pacs.{playbook}"]
    done = subprocess.run(
        [*command, "-i", "mediverse.sites.yml", "-l", site, *options],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    tasks = [json.loads(line)[0] for line in calls.read_text().splitlines()]
    return Done(done.returncode, tasks, " ".join((done.stdout + done.stderr).split()))


def given(folder: Path, task: str) -> list[dict[str, Any]]:
    """With which arguments it was called in the last run, each time."""
    calls = [json.loads(line) for line in (folder / "calls.jsonl").read_text().splitlines()]
    return [arguments for name, arguments in calls if name == task]
