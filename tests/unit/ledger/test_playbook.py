# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks' ledger leaves out whose uploads the gateway leaves out: one more, and a loss counts as proved."""

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
ROLE = ROOT / "roles" / "orthanc_windows_gateway"


def left_out(folder: Path, files: list[Path], variable: str, given: dict[str, Any]) -> Any:
    """The variable, as Ansible sees it with these files."""
    place = folder / "value.json"
    task = {"ansible.builtin.copy": {"content": f"{{{{ {variable} | to_json }}}}", "dest": str(place), "mode": "0600"}}
    head = {"hosts": "localhost", "gather_facts": False, "vars_files": [str(file) for file in files]}
    (folder / "play.yml").write_text(json.dumps([{**head, "tasks": [task]}]))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    environment |= {"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_NOCOLOR": "1"}
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", "-c", "local", "play.yml"]
    extra = {"ansible_python_interpreter": sys.executable, **given}
    done = subprocess.run(
        [*command, "-e", json.dumps(extra)], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(place.read_text())


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ["gateway"]),
        ({"orthanc_windows_gateway_admin_user": "gateway"}, []),
        (
            {
                "orthanc_windows_gateway_admin_user": "gateway",
                "orthanc_windows_gateway_forwarder": {"skip_http_users": ["gateway"]},
            },
            ["gateway"],
        ),
    ],
)
def test_both_leave_out_the_same_users(tmp_path: Path, given: dict[str, Any], expected: list[str]) -> None:
    given = {"orthanc_windows_gateway_peer": {"name": "cloud", "username": "gateway"}, **given}
    ledger = left_out(tmp_path, [ROOT / "playbooks/vars/roles.yml"], "delivery_ledger_skip_http_users", given)
    files = [ROLE / "defaults/main.yml", ROLE / "vars/main.yml"]
    gateway = left_out(tmp_path, files, "__orthanc_windows_gateway_forwarder.Destinations[0].SkipHttpUsers", given)
    assert (ledger, gateway) == (expected, expected)
