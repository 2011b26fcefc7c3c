# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""WS-Management messages, manifests and the command line, without Ansible."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.lab.winrm import manifest, rawcommands, wsman
from tests.lab.winrm.auth import Account, Denied
from tests.lab.winrm.windows import Failure, Windows

ROOT = Path(__file__).resolve().parents[3]


def _soap(action: str, body: str = "", shell: str = "") -> bytes:
    spaces = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in wsman.NS.items())
    selector = f'<w:SelectorSet><w:Selector Name="ShellId">{shell}</w:Selector></w:SelectorSet>' if shell else ""
    head = f"<a:Action>x/{action}</a:Action><a:MessageID>uuid:1</a:MessageID>{selector}"
    return f"<s:Envelope {spaces}><s:Header>{head}</s:Header><s:Body>{body}</s:Body></s:Envelope>".encode()


def test_a_command_is_read() -> None:
    body = "<rsp:CommandLine><rsp:Command>a</rsp:Command><rsp:Arguments>b c</rsp:Arguments></rsp:CommandLine>"
    request = wsman.read(_soap("Command", body, "S"))
    assert (request.action, request.shell, request.command_line, request.timeout) == ("Command", "S", "a b c", 20.0)


def test_input_of_a_command_is_read() -> None:
    data = base64.b64encode(b"input").decode()
    body = f'<rsp:Send><rsp:Stream Name="stdin" CommandId="C" End="true">{data}</rsp:Stream></rsp:Send>'
    request = wsman.read(_soap("Send", body, "S"))
    assert (request.command_id, request.stdin) == ("C", (b"input", True))


def test_output_and_faults_are_escaped() -> None:
    request = wsman.read(_soap("Receive"))
    answer = wsman.output(request, "C", "ä", "", 3).decode()
    assert "<rsp:ExitCode>3</rsp:ExitCode>" in answer
    assert base64.b64encode("ä".encode()).decode() in answer
    assert "a &lt; b" in wsman.fault("uuid:1", wsman.REFUSED, "a < b").decode()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (b"{}", "holds no exec_wrapper"),
        (b'{"name":"exec_wrapper"}\n\0\0\0\0\n{"actions":[]}', "is not readable"),
        (
            b'{"name":"exec_wrapper"}\n\0\0\0\0\n{"scripts":{},"actions":[{"name":"new.ps1"}]}',
            "no model for the action",
        ),
    ],
)
def test_what_another_ansible_would_send_is_refused(machine: Windows, given: bytes, message: str) -> None:
    with pytest.raises(Failure, match=message):
        manifest.run(machine, given)


def test_files_go_there_and_back(machine: Windows) -> None:
    def stdin(action: str, data: str = "", **params: object) -> bytes:
        inner = json.dumps({"scripts": {}, "actions": [{"name": action, "params": params}]})
        return manifest.SEPARATOR.join(['{"name":"exec_wrapper"}', inner, data]).encode()

    name = r"C:\Windows\Temp\x.bin"
    lines = "\n".join(base64.b64encode(part).decode() for part in (b"one", b"two"))
    assert manifest.run(machine, stdin("winrm_put_file.ps1", lines, Path=name))[1] == 0
    fetched = manifest.run(machine, stdin("winrm_fetch_file.ps1", Path=name, Offset=3, BufferSize=100))
    assert base64.b64decode(fetched[2]) == b"two"
    assert manifest.run(machine, stdin("winrm_fetch_file.ps1", Path=r"C:\no", Offset=0, BufferSize=1))[1] == 1


def test_clean_up_commands(machine: Windows) -> None:
    folder = machine.path(r"C:\Windows\Temp\it's")
    folder.mkdir()
    command = (
        r"Set-StrictMode -Version Latest Remove-Item 'C:\Windows\Temp\it''s' -Force -Recurse; If (-not $?) { exit 1 }"
    )
    assert rawcommands.run(machine, command) == (0, "", "")
    assert not folder.exists()
    folder.with_name("plain").mkdir()  # as ansible-core 2.21 writes it
    assert rawcommands.run(machine, r"Remove-Item C:\Windows\Temp\plain\. -Force -Recurse")[0] == 0
    assert not folder.with_name("plain").exists()
    for other in ("Restart-Computer", "Remove-Item C:\\Windows; Restart-Computer"):
        with pytest.raises(Failure, match="no model for this command"):
            rawcommands.run(machine, other)


def test_basic_authentication(tmp_path: Path) -> None:
    session = Account("user", "pässwort:x", "basic", "PC", tmp_path).session()
    session.authenticate("Basic " + base64.b64encode("user:pässwort:x".encode()).decode())
    for header in ("", "Basic ???", "Basic " + base64.b64encode(b"user:wrong").decode(), "Negotiate abc"):
        with pytest.raises(Denied):
            session.authenticate(header)


def test_started_from_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret\n")
    command = [
        sys.executable,
        "-m",
        "winrm",
        "--root",
        str(tmp_path / "machine"),
        "--address",
        "127.0.0.1",
        "--port",
        "0",
    ]
    command += ["--password-file", str(tmp_path / "password"), "--auth", "basic"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests/lab")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=tmp_path) as process:
        assert process.stdout is not None
        port = process.stdout.readline().split(",")[0].rpartition(":")[2]
        url = f"http://127.0.0.1:{port}/wsman"
        created = requests.post(url, data=_soap("Create"), auth=("Administrator", "secret"), timeout=10)
        refused = requests.post(url, data=_soap("Create"), auth=("Administrator", "wrong"), timeout=10)
        process.terminate()
        assert process.wait(20) == 0
    assert (created.status_code, refused.status_code) == (200, 401)
    assert "ShellId" in created.text
