# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module inside Ansible: check mode, a second run, and no secret in any output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import COLLECTIONS

ROOT = Path(__file__).resolve().parents[3]
SUPPLIED = "a-$upplied 'secret' of the operator"

PLAYBOOK: list[dict[str, Any]] = [
    {
        "hosts": "localhost",
        "gather_facts": False,
        "tasks": [
            {
                "mediverse.pacs.site_secrets": {
                    "site": "kanifing",
                    "purposes": ["orthanc_admin", "viewer_login"],
                    "supplied": "{{ mediverse_secrets }}",
                    "directory": "{{ store }}",
                },
                "register": "site",
            },
            {
                "ansible.builtin.copy": {
                    "content": "{{ site.secrets | combine({'stored': site.stored}) | to_json }}",
                    "dest": "{{ seen }}",
                },
                "check_mode": False,
                "no_log": True,
            },
        ],
    }
]


# Both stores as the playbooks read them, on this machine: only ever in check mode, which changes nothing.
STORES: list[dict[str, Any]] = [
    {
        "hosts": "localhost",
        "gather_facts": False,
        "vars_files": [str(ROOT / "playbooks" / "vars" / "roles.yml")],
        "vars": {"mediverse_site": "no-such-site", "mediverse_cloud": "localhost"},
        "tasks": [
            {"ansible.builtin.include_tasks": str(ROOT / "playbooks" / "tasks" / "secrets.yml")},
            {
                "ansible.builtin.copy": {
                    "content": "{{ dict(site=mediverse_site_secrets, machine=mediverse_machine_secrets) | to_json }}",
                    "dest": "{{ seen }}",
                },
                "check_mode": False,
                "no_log": True,
            },
        ],
    }
]


class Run:
    """One run of the playbook: exit code, everything that was printed, and what later tasks saw."""

    def __init__(
        self,
        place: Path,
        *options: str,
        secret: str = SUPPLIED,
        plays: list[dict[str, Any]] | None = None,
        supplied: dict[str, str] | None = None,
    ) -> None:
        (place / "play.json").write_text(json.dumps(plays or PLAYBOOK), encoding="utf-8")
        variables: dict[str, Any] = {"mediverse_secrets": supplied or {"viewer_login": secret}}
        variables |= {"store": str(place / "store"), "seen": str(place / "seen.json")}
        (place / "vars.json").write_text(json.dumps(variables), encoding="utf-8")
        environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_LOCALHOST_WARNING": "false"}
        command = [str(Path(sys.executable).with_name("ansible-playbook")), "play.json", "-e", "@vars.json", *options]
        command += ["-e", f"ansible_python_interpreter={sys.executable}"]
        done = subprocess.run(command, env=environment, cwd=place, capture_output=True, text=True, check=False)
        self.code = done.returncode
        self.output = done.stdout + done.stderr
        seen = place / "seen.json"
        self.seen: dict[str, Any] = json.loads(seen.read_text()) if seen.exists() else {}
        self.stored = self.seen.pop("stored", None)


def test_first_run_second_run_and_their_output(tmp_path: Path) -> None:
    first = Run(tmp_path, "-vvv", "--diff")
    assert first.code == 0, first.output
    assert first.seen["viewer_login"] == SUPPLIED
    assert len(first.seen["orthanc_admin"]) == 32
    stored = json.loads((tmp_path / "store" / "kanifing.json").read_text())
    assert stored == first.seen
    second = Run(tmp_path, "-vvv", "--diff")
    assert second.code == 0, second.output
    assert "changed=0" in second.output
    assert second.seen == first.seen
    assert first.stored is True
    assert second.stored is True
    assert Run(tmp_path, "--check").stored is True
    for secret in first.seen.values():
        assert secret not in first.output + second.output


def test_check_mode_gives_values_and_writes_nothing(tmp_path: Path) -> None:
    checked = Run(tmp_path, "--check", "--diff", "-vvv")
    assert checked.code == 0, checked.output
    assert set(checked.seen) == {"orthanc_admin", "viewer_login"}
    assert checked.stored is False
    assert not (tmp_path / "store").exists()
    assert checked.seen["orthanc_admin"] not in checked.output


@pytest.mark.parametrize("secret", ["tiny", "substituted-${HOME}"])
def test_a_refusal_is_readable_and_holds_no_secret(tmp_path: Path, secret: str) -> None:
    refused = Run(tmp_path, "-vvv", secret=secret)
    assert refused.code == 2
    assert "the secret supplied for viewer_login is refused" in refused.output
    assert f'"{secret}"' not in refused.output
    assert not (tmp_path / "store" / "kanifing.json").exists()


def test_what_is_supplied_for_another_store_is_left_to_it(tmp_path: Path) -> None:
    (task, *__) = PLAYBOOK[0]["tasks"]
    module = {**task["mediverse.pacs.site_secrets"], "others": ["proxy_admin"]}
    plays = [{**PLAYBOOK[0], "tasks": [{**task, "mediverse.pacs.site_secrets": module}, *PLAYBOOK[0]["tasks"][1:]]}]
    supplied = {"viewer_login": SUPPLIED, "proxy_admin": "tiny"}
    run = Run(tmp_path, "-vvv", plays=plays, supplied=supplied)
    assert run.code == 0, run.output
    stored = json.loads((tmp_path / "store" / "kanifing.json").read_text())
    assert set(stored) == {"orthanc_admin", "viewer_login"}
    assert "'nobody' is supplied" in Run(tmp_path, plays=plays, supplied={**supplied, "nobody": SUPPLIED}).output


def test_the_playbooks_give_each_store_what_is_its_own(tmp_path: Path) -> None:
    supplied = {"viewer_login": SUPPLIED, "proxy_admin": f"{SUPPLIED} too"}
    run = Run(tmp_path, "--check", "-vvv", plays=STORES, supplied=supplied)
    assert run.code == 0, run.output
    site, machine = run.seen["site"]["secrets"], run.seen["machine"]["secrets"]
    assert (site["viewer_login"], machine) == (SUPPLIED, {"proxy_admin": f"{SUPPLIED} too"})
    assert "proxy_admin" not in site
    assert SUPPLIED not in run.output


def test_an_ssh_that_does_not_answer_says_why_and_what_to_do(tmp_path: Path) -> None:
    """By Ansible's real connection, which keeps its reason to itself as soon as a task is not for showing."""
    away = {"ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_user": "root", "ansible_connection": "ssh"}
    add = {"ansible.builtin.add_host": {"name": "kanifing-cloud", **away}}
    task = {**PLAYBOOK[0]["tasks"][0], "delegate_to": "kanifing-cloud"}
    plays = [{"hosts": "localhost", "gather_facts": False, "tasks": [add, task]}]
    done = Run(tmp_path, "-vvv", plays=plays)
    assert done.code == 2
    assert "kanifing-cloud (127.0.0.1:1) does not answer by SSH; check that it is switched on" in done.output
    assert "<error censored" not in done.output
    assert SUPPLIED not in done.output
