# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role says about destinations, and what nothing of the product may ask an Orthanc."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
VERIFY = ROOT / "roles" / "orthanc_windows_gateway" / "tasks" / "verify.yml"
SAY = "Say which destination takes nothing"


def test_no_orthanc_is_asked_for_its_peer() -> None:
    """It would keep its configuration locked until the peer answers, and each scanner that calls would wait with it."""
    files = [
        file
        for folder in ("plugins", "roles", "playbooks")
        for file in (ROOT / folder).rglob("*")
        if file.suffix in (".yml", ".j2", ".ps1", ".py", ".lua", ".cmd") and file.parent.name != "pc"
    ]
    asks = re.compile(r"/peers/[^\n]{0,60}/system\b")
    assert len(files) > 100
    assert [str(file.relative_to(ROOT)) for file in files if asks.search(file.read_text(encoding="utf-8"))] == []
    assert asks.search("{{ api }}/peers/{{ item }}/system")


def destination(name: str, **more: Any) -> dict[str, Any]:
    """As orthanc_delivery_info returns it."""
    return {"name": name, "state": "idle", "backlog": 0, "last_error": "", "advice": "", **more}


def _run(folder: Path, name: str, known: dict[str, Any]) -> tuple[int, str]:
    """Exit code and output of one task of verify.yml."""
    task = next(one for one in yaml.safe_load(VERIFY.read_text(encoding="utf-8"))[0]["block"] if one["name"] == name)
    play = [{"hosts": "localhost", "gather_facts": False, "vars": known, "tasks": [task]}]
    (folder / "play.yml").write_text(json.dumps(play))
    command = [str(Path(sys.executable).with_name("ansible-playbook")), str(folder / "play.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, " ".join(done.stdout.split())


def test_a_destination_that_takes_nothing_is_said_with_what_to_do(tmp_path: Path) -> None:
    refused = {"last_error": "HTTP status 401 (Unauthorized)", "advice": "It refuses the login."}
    told = [
        destination("waits", state="paused", backlog=3, **refused),
        destination("probes", state="probing", **refused),
        # One bad image says nothing about the line.
        destination("parked", **refused),
        destination("new", backlog=3),
    ]
    known = {"__orthanc_windows_gateway_delivery": {"destinations": {one["name"]: one for one in told}}}
    code, said = _run(tmp_path, SAY, known)
    assert code == 0, said
    for name in ("waits", "probes"):
        assert (
            f"localhost could not send to the destination '{name}' (HTTP status 401 (Unauthorized)); images wait on "
            "the gateway. It refuses the login."
        ) in said
    assert said.count("could not send") == 2


NO_SCRIPT = "The computer does not run the script that asks Orthanc at http://127.0.0.1:8042 (blocked). Look there."
REFUSED = "Orthanc at http://127.0.0.1:8042 refused the login."


@pytest.mark.parametrize(
    ("answer", "said", "hint"),
    [
        ({"msg": NO_SCRIPT, "failure": {"status": None, "code": "no_script", "path": "/system"}}, NO_SCRIPT, False),
        ({"msg": REFUSED, "failure": {"status": 401, "code": "login", "path": "/system"}}, REFUSED, True),
        ({"msg": REFUSED, "failure": {"status": 500, "code": "status", "path": "/other"}}, REFUSED, False),
        ({"msg": "Wrong option."}, "Wrong option.", False),
        ({}, "gave no reason", False),
    ],
)
def test_why_orthanc_was_not_asked_is_said(tmp_path: Path, answer: dict[str, Any], said: str, hint: bool) -> None:
    variables = yaml.safe_load((VERIFY.parents[1] / "vars" / "main.yml").read_text(encoding="utf-8"))
    hints = "__orthanc_windows_gateway_hints"
    code, text = _run(
        tmp_path, "Check the answer", {"__orthanc_windows_gateway_answer": answer, hints: variables[hints]}
    )
    assert code == 2
    assert said in text
    assert ("another configuration is in place" in text) is hint
