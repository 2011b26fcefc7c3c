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


class Run:
    """One run of the playbook: exit code, everything that was printed, and what later tasks saw."""

    def __init__(self, place: Path, *options: str, secret: str = SUPPLIED) -> None:
        (place / "play.json").write_text(json.dumps(PLAYBOOK), encoding="utf-8")
        variables = {"mediverse_secrets": {"viewer_login": secret}, "store": str(place / "store")}
        variables["seen"] = str(place / "seen.json")
        (place / "vars.json").write_text(json.dumps(variables), encoding="utf-8")
        environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_LOCALHOST_WARNING": "false"}
        command = [str(Path(sys.executable).with_name("ansible-playbook")), "play.json", "-e", "@vars.json", *options]
        command += ["-e", f"ansible_python_interpreter={sys.executable}"]
        done = subprocess.run(command, env=environment, cwd=place, capture_output=True, text=True, check=False)
        self.code = done.returncode
        self.output = done.stdout + done.stderr
        seen = place / "seen.json"
        self.seen: dict[str, str] = json.loads(seen.read_text()) if seen.exists() else {}
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
