# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs real Ansible against an endpoint and returns what each task reported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

Task = dict[str, Any]
Result = dict[str, Any]


class Controller:
    """An inventory with one gateway, in a folder of its own."""

    def __init__(self, folder: Path, port: int, password: str, authority: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        (folder / "ansible.cfg").write_text("[defaults]\ngathering = explicit\n[inventory]\nenable_plugins = yaml\n")
        self._host = {
            "ansible_host": "127.0.0.1",
            "ansible_connection": "winrm",
            "ansible_port": port,
            "ansible_winrm_scheme": "https",
            "ansible_winrm_transport": "ntlm",
            "ansible_winrm_message_encryption": "always",
            "ansible_winrm_ca_trust_path": str(authority),
            "ansible_user": "Administrator",
            "ansible_password": password,
        }

    def run(self, tasks: list[Task], *, check: bool = False, **host: Any) -> list[Result]:
        """Results of all tasks in order; a failed task does not end the run. ``host`` overrides host variables."""
        play = {"hosts": "gateway", "gather_facts": False, "ignore_errors": True, "tasks": tasks}
        inventory = self.folder / "inventory.yml"
        # Strings of the inventory are templates; the password is not.
        variables = {**self._host, **host}
        text = yaml.safe_dump({"all": {"hosts": {"gateway": variables}}}, allow_unicode=True)
        inventory.write_text(text, encoding="utf-8")
        inventory.chmod(0o600)
        playbook = self.folder / "play.yml"
        playbook.write_text(yaml.safe_dump([play], allow_unicode=True, sort_keys=False), encoding="utf-8")
        command = [
            str(Path(sys.executable).with_name("ansible-playbook")),
            "-i",
            str(inventory),
            str(playbook),
            "--diff",
        ]
        environment = {
            **os.environ,
            "ANSIBLE_CONFIG": str(self.folder / "ansible.cfg"),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
            "ANSIBLE_HOME": str(self.folder / "home"),
        }
        done = subprocess.run(
            [*command, *(["--check"] if check else [])],
            capture_output=True,
            text=True,
            timeout=1800,
            cwd=self.folder,
            env=environment,
            check=False,
        )
        start = done.stdout.find("{\n")
        assert start >= 0, f"ansible-playbook gave no result: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        report = json.JSONDecoder().raw_decode(done.stdout[start:])[0]
        return [task["hosts"]["gateway"] for play in report["plays"] for task in play["tasks"]]
