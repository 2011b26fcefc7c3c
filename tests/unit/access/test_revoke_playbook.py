# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook of a revocation, with stand-ins for what it asks of hosts: in which order, and what its end says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.role_tasks import Done

ROOT = Path(__file__).resolve().parents[3]
ACTION = """
import json
from pathlib import Path
from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

FOLDER = Path({folder!r})


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        name = self._task.get_name().split(" : ")[-1]
        with (FOLDER / "calls.jsonl").open("a") as calls:
            calls.write(json.dumps(name) + "\\n")
        answer = json.loads((FOLDER / "answers.json").read_text()).get(name, {{}})
        if answer.get("lost"):
            raise AnsibleConnectionFailure("its power is gone")
        return {{"changed": False, **answer}}
"""
STAND_INS = ("host_reach", "hub_access", "site_secrets", "gateway_revocation", "site_settings")
ROLES = ("cloud_pacs", "nginx_proxy_manager")
SITES = """
plugin: mediverse.pacs.sites
domain: clinic.gm
hub: {host: 192.0.2.1}
sites:
  far:
    cloud: {host: 192.0.2.2}
    scanners: {ct1: {aet: CT1, host: 192.0.2.3, port: 104}}
"""
SECRETS = {"secrets": {"orthanc_gateway": "made"}}
GOOD: dict[str, dict[str, Any]] = {
    "Compare the settings with what the roles know": {"problems": []},
    "See whether the PC may know the login": {"replaces": True},
    "Make another login": SECRETS,
    # No Syncthing at the hub.
    "Look for the hub's Syncthing": {"stat": {"exists": False}},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection with stand-ins in it, and a site file."""
    made = tmp_path_factory.mktemp("revoke")
    collection = made / "ansible_collections" / "mediverse" / "pacs"
    for part in ("playbooks", "plugins", "meta"):
        shutil.copytree(ROOT / part, collection / part)
    shutil.copy(ROOT / "galaxy.yml", collection)
    stand_in = ACTION.format(folder=str(made))
    for name in STAND_INS:
        (collection / "plugins" / "action" / f"{name}.py").write_text(stand_in)
    for role in ("docker_host", *ROLES):
        (collection / "roles" / role / "tasks").mkdir(parents=True)
        (collection / "roles" / role / "tasks" / "main.yml").write_text(
            json.dumps([{"name": f"Role {role}", "mediverse.pacs.host_reach": {}}])
        )
    # The one module of Ansible's own that asks the hub.
    playbook = collection / "playbooks" / "revoke.yml"
    text = playbook.read_text()
    assert text.count("ansible.builtin.stat:") == 1
    playbook.write_text(text.replace("ansible.builtin.stat:", "mediverse.pacs.host_reach:"))
    (made / "mediverse.sites.yml").write_text(SITES)
    return made


def revoke(folder: Path, *options: str, answers: dict[str, dict[str, Any]] | None = None) -> Done:
    """``answers``: of stand-ins, by the name of their task."""
    (folder / "answers.json").write_text(json.dumps({**GOOD, **(answers or {})}))
    calls = folder / "calls.jsonl"
    calls.write_text("")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    environment |= {"ANSIBLE_COLLECTIONS_PATH": str(folder), "ANSIBLE_NOCOLOR": "1"}
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "mediverse.pacs.revoke"]
    done = subprocess.run(
        [*command, "-i", "mediverse.sites.yml", "-l", "far", *options],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    tasks = [json.loads(line) for line in calls.read_text().splitlines()]
    return Done(done.returncode, tasks, " ".join((done.stdout + done.stderr).split()))


def test_the_hub_is_first_and_the_pc_is_forgotten_last(folder: Path) -> None:
    done = revoke(folder)
    assert done.code == 0, done.text
    assert done.tasks == [
        "Reach the hub",
        "Take its keys and its token away, and end what is open",
        "Look for the hub's Syncthing",
        "Compare the settings with what the roles know",
        "Reach the host",
        "See whether the PC may know the login",
        "Make another login",
        "Secrets of the machine",
        "Role cloud_pacs",
        "Role nginx_proxy_manager",
        "Forget what was kept of the PC",
    ]
    assert "The PC of far is locked out of the hub and of the cloud. A new one begins with a stick" in done.text


def test_of_a_former_pc_the_cloud_alone_is_asked(folder: Path) -> None:
    done = revoke(folder, "-e", "former=true", answers={"See whether the PC may know the login": {"replaces": False}})
    assert done.code == 0, done.text
    assert done.tasks == [
        "Compare the settings with what the roles know",
        "Reach the host",
        "See whether the PC may know the login",
        "Forget what was kept of the PC",
    ]
    assert "The former PC of far is locked out of the hub and of the cloud. The one in its place" in done.text


CLOUD = (
    "The PC of far is NOT locked out of everything. The cloud: the PC still knows the login by which it sends images."
)


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"Role nginx_proxy_manager": {"lost": True}}, f"{CLOUD} Its host was lost in between. Mend that"),
        (
            {"Compare the settings with what the roles know": {"problems": ["x is no number."]}},
            f"{CLOUD} Nothing was changed, because 1 of the settings",
        ),
        (
            {
                "Reach the hub": {"failed": True, "msg": "It does not answer."},
                "Look for the hub's Syncthing": {"lost": True},
                "Role cloud_pacs": {"lost": True},
            },
            "everything. The hub: It does not answer. The worklists: the hub's Syncthing may still know the PC.",
        ),
    ],
    ids=["lost in a role", "wrong settings", "nobody answers"],
)
def test_whatever_becomes_of_the_parts_the_end_says_what_is_left(
    folder: Path, answers: dict[str, dict[str, Any]], said: str
) -> None:
    done = revoke(folder, answers=answers)
    assert done.code != 0
    assert said in done.text, done.text
    assert "Forget what was kept of the PC" not in done.tasks
