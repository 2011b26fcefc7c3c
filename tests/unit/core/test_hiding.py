# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What leaves a module holds no secret, whatever version of ansible-core looks after it."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils._engine import hiding
from ansible_collections.mediverse.pacs.plugins.modules import orthanc_peer, syncthing_info

from tests.conftest import COLLECTIONS

from ..fake_api import FakeApi

PASSWORD = "Pl4nted-in-the-answer"


def test_each_text_is_masked_and_the_rest_stays() -> None:
    result = {"msg": f"not {PASSWORD}", "list": [{"a": PASSWORD}], "port": 8042, "names": {"ab": "x", "abc": "ab"}}
    shown = hiding.without_secrets(result, {"password": PASSWORD, "name": "x"}, {PASSWORD, "ab", ""})
    assert shown == {
        "msg": "not ********",
        "list": [{"a": "********"}],
        "port": 8042,
        # A short one would make texts unreadable, but nothing may be that one. Names of keys are no secrets.
        "names": {"ab": "x", "abc": "********"},
        "invocation": {"module_args": {"password": "********", "name": "x"}},
    }


def test_hiding_reaches_the_set_of_the_task_and_the_core(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(hiding, "register_secrets", told.append)
    hidden = {"a"}
    hiding.hide(iter(["b", "c"]), hidden)
    assert (hidden, told) == ({"a", "b", "c"}, [{"b", "c"}])
    monkeypatch.setattr(hiding, "register_secrets", None)
    hiding.hide(["d"], hidden)
    assert hidden == {"a", "b", "c", "d"}


def test_an_answer_that_repeats_the_password_is_masked_in_the_result(both: FakeApi) -> None:
    both.expect("GET", "/peers/cloud/configuration").reply(500, text=f"user admin, password {PASSWORD}")
    result = both.run(orthanc_peer, name="cloud", url="http://c:1", api_username="admin", api_password=PASSWORD)
    assert result["failed"]
    assert PASSWORD not in json.dumps(result)


def test_the_key_of_an_api_is_masked_in_the_result(both: FakeApi) -> None:
    both.expect("GET", "/rest/config").reply(403, text=f"no such key: {PASSWORD}")
    result = both.run(syncthing_info, api_key=PASSWORD)
    assert result["failed"]
    assert PASSWORD not in json.dumps(result)


class _Echo(http.server.BaseHTTPRequestHandler):
    """Refuses whoever asks, and repeats the key that was shown."""

    def do_GET(self) -> None:
        self.send_response(403)
        self.end_headers()
        self.wfile.write(f"no such key: {self.headers['X-API-Key']}".encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""


def test_a_file_made_of_a_registered_failure_holds_no_secret(tmp_path: Path) -> None:
    """Through Ansible itself: from 2.22 on it masks what it shows, and not what it keeps."""
    with http.server.HTTPServer(("127.0.0.1", 0), _Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        tasks: list[dict[str, Any]] = [
            {
                "mediverse.pacs.syncthing_info": {
                    "api_url": f"http://127.0.0.1:{server.server_port}",
                    "api_key": PASSWORD,
                },
                "register": "answer",
                "ignore_errors": True,
            },
            {"ansible.builtin.copy": {"content": "{{ answer | to_json }}", "dest": str(tmp_path / "report.json")}},
        ]
        play = {"hosts": "localhost", "gather_facts": False, "tasks": tasks}
        (tmp_path / "play.json").write_text(json.dumps([play]), encoding="utf-8")
        command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", "-c", "local"]
        command += ["-e", f"ansible_python_interpreter={sys.executable}", "-vvv", "play.json"]
        environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS)}
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
        server.shutdown()
    written = (tmp_path / "report.json").read_text(encoding="utf-8")
    assert "no such key: ********" in written, done.stdout + done.stderr
    assert PASSWORD not in written
