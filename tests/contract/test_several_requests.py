# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several requests in one trip get what each of them gets from win_uri, and fail as it fails.

The script runs on a real PowerShell: once as the simulated Windows runs it, once in win_powershell's own code.
"""

from __future__ import annotations

import base64
import http.server
import json
import re
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.errors import ApiError
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.http import Endpoint
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.messages import (
    NOT_ASKED,
    Request,
    Response,
    Taken,
    Until,
)
from ansible_collections.mediverse.pacs.plugins.plugin_utils import _win_transport
from ansible_collections.mediverse.pacs.plugins.plugin_utils._win_transport import Execute, WinTransport

from tests.contract.controller import Controller
from tests.contract.endpoints import RunningEndpoint
from tests.lint.messages import module_source
from tests.lint.win_tasks import COLLECTIONS

# What the two clients choose by themselves.
_OWN = {"connection", "host", "accept-encoding", "expect", "traceparent", "request-id"}


class _Echo(http.server.BaseHTTPRequestHandler):
    """Answers with what it was sent. ``/status/404`` chooses the status, ``/third`` is ``[]`` twice and then full."""

    protocol_version = "HTTP/1.1"
    times = 0

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("utf-8", "replace")
        headers = {name.lower(): value for name, value in sorted(self.headers.items()) if name.lower() not in _OWN}
        seen = {"method": self.command, "path": self.path, "headers": headers, "body": body}
        code = int(self.path.rsplit("/", 1)[-1]) if self.path.startswith("/status/") else 200
        content = json.dumps(seen, ensure_ascii=False).encode() if code not in (204, 304) else b""
        if self.path == "/third":
            type(self).times += 1
            content = b"[]\n" if type(self).times < 3 else b'[{"a": 1}]'
        if self.path == "/slow":
            time.sleep(3)
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Syncthing-Id", "ID")
        if code == 302:
            self.send_header("Location", "/get")
        if code not in (204, 304):
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer


@pytest.fixture
def echo() -> Iterator[str]:
    handler = type("Echo", (_Echo,), {"times": 0})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


@pytest.fixture
def untrusted(tls_files: tuple[Path, Path]) -> Iterator[str]:
    """HTTPS with a certificate that no machine trusts."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*tls_files)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


@pytest.fixture(params=["gateway", "real_code"])
def windows(request: pytest.FixtureRequest) -> Controller:
    pair: tuple[Controller, RunningEndpoint] = request.getfixturevalue(request.param)
    return pair[0]


def _transport(windows: Controller, url: str, **more: Any) -> WinTransport:
    def execute(module: str, arguments: dict[str, Any]) -> Mapping[str, Any]:
        return windows.run([{"name": module, f"ansible.windows.{module}": arguments}])[0]

    secret = "Basic " + base64.b64encode("admin:p$w'ü\"".encode()).decode()
    return WinTransport(Endpoint("Thing", url, {"Authorization": secret}, retry_for=0, **more), execute)


REQUESTS = [
    Request("GET", "/get?a=%C3%A4&b=1"),
    Request("POST", "/p", '{"a": "ü \\"q\\" $x \'y\'"}'.encode(), {"Content-Type": "application/json"}),
    Request("PUT", "/p", b"", {"X-API-Key": "k'\"$1"}),
    Request("DELETE", "/p"),
    Request("PATCH", "/status/409", b"[]", {"Content-Type": "text/plain"}),
    Request("GET", "/status/404"),
    Request("GET", "/status/302"),
    Request("DELETE", "/status/204"),
    Request("GET", "/status/500"),
]


def test_each_gets_what_it_gets_alone(windows: Controller, echo: str) -> None:
    transport = _transport(windows, echo)
    together = list(transport.exchange(REQUESTS))
    for asked, answer, alone in zip(REQUESTS, together, _alone(windows, transport), strict=True):
        assert (answer.status, answer.text) == (alone.status, alone.text), asked
        kept = {name: answer.headers[name] for name in alone.headers}
        assert kept == alone.headers, asked


def _alone(windows: Controller, like: WinTransport) -> list[Response]:
    """The answers of win_uri to each request, all made in one play because a play takes seconds."""
    tasks: list[dict[str, Any]] = []
    point = like.endpoint

    def note(module: str, arguments: dict[str, Any]) -> Mapping[str, Any]:
        tasks.append({"name": module, f"ansible.windows.{module}": arguments})
        return {"status_code": 200}

    def each(execute: Execute) -> list[Response]:
        single = WinTransport(point, execute)
        return [single.request(one.method, one.path, one.body, one.headers) for one in REQUESTS]

    each(note)
    results = iter(windows.run(tasks))
    return each(lambda __, ___: next(results))


def test_it_waits_there_until_the_answer_is_the_awaited_one(windows: Controller, echo: str) -> None:
    until = Until(r"^\s*\[\s*\]\s*$", False, 20, 0.1)
    (answer,) = _transport(windows, echo).exchange([Request("POST", "/third", b"{}", until=until)])
    assert answer.text == '[{"a": 1}]'
    assert 0.2 <= answer.seconds < 20
    (late,) = _transport(windows, echo).exchange([Request("GET", "/get", until=Until("^never$", True, 0.3, 0.1))])
    assert late.seconds >= 0.3
    (refused,) = _transport(windows, echo).exchange([Request("GET", "/status/404", until=Until("^never$", True, 9, 1))])
    assert (refused.status, refused.seconds < 9) == (404, True)


def test_a_piece_of_an_answer_comes_into_a_later_request(windows: Controller, echo: str) -> None:
    numbers = b'{"Read": "40", "Other": "1", "Read": "9", "Read": "100"}'
    read = r'Read\\": \\"(\d+)'  # as the echo repeats it
    asked = [
        Request("POST", "/p", numbers),
        Request("GET", "/first?since={}", taken=Taken(0, read)),
        Request("GET", "/least?since={}", taken=Taken(0, read, least=True)),
        Request("GET", "/none?since={}", taken=Taken(0, "never (.)")),
        Request("GET", "/again?{}", taken=Taken(2, r"/(least)\?since=9\b")),
        Request("GET", "/no?{}", taken=Taken(3, "(.)")),
    ]
    first, *rest = list(_transport(windows, echo).exchange(asked))
    assert first.status == 200
    paths = [answer.json()["path"] if answer is not NOT_ASKED else "" for answer in rest]
    assert paths == ["/first?since=40", "/least?since=9", "", "/again?least", ""]


def test_without_an_answer(windows: Controller, echo: str, untrusted: str) -> None:
    """A POST, because the others are repeated."""
    cases = [
        ("http://127.0.0.1:1", "/", 30.0, "unreachable"),
        (echo, "/slow", 1.0, "timeout"),
        (untrusted, "/", 30.0, "tls"),
    ]
    for url, path, timeout, kind in cases:
        transport = _transport(windows, url, timeout=timeout)
        with pytest.raises(ApiError) as caught:
            next(transport.exchange([Request("POST", path), Request("POST", "/get")]))
        assert (caught.value.kind, caught.value.path) == (kind, path)


def test_a_certificate_is_not_looked_at_when_nobody_wants_it(windows: Controller, untrusted: str) -> None:
    answers = _transport(windows, untrusted, validate_certs=False).exchange(REQUESTS[:2])
    assert [answer.status for answer in answers] == [200, 200]


# Each cmdlet of a script with its pipeline. The script's own functions are none: Windows can log what is bound to the
# commands of modules, and those are of no module.
_CMDLETS = r"""
$tree = [System.Management.Automation.Language.Parser]::ParseFile($args[0], [ref]$null, [ref]$null)
$functions = $tree.FindAll({ $args[0] -is [System.Management.Automation.Language.FunctionDefinitionAst] }, $true)
$own = @($functions | ForEach-Object { $_.Name })
$calls = $tree.FindAll({ $args[0] -is [System.Management.Automation.Language.CommandAst] }, $true)
$bound = @($calls | Where-Object { $_.GetCommandName() -notin $own } | ForEach-Object { $_.Parent.Extent.Text })
ConvertTo-Json -InputObject $bound
"""


def _cmdlets(script: Path, folder: Path) -> list[str]:
    program = shutil.which("pwsh")
    if program is None:
        pytest.skip("pwsh is not on PATH, so nobody reads the scripts")
    (folder / "cmdlets.ps1").write_text(_CMDLETS)
    command = [program, "-NoProfile", "-NonInteractive", "-File", str(folder / "cmdlets.ps1"), str(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found: list[str] = json.loads(done.stdout)
    return found


def test_no_cmdlet_of_the_module_gets_the_lines(tmp_path: Path) -> None:
    """A policy of Windows (module logging, event 4103) records what cmdlets get. Neither that nor ours is asked to."""
    module = COLLECTIONS / "ansible/windows/plugins/modules/win_powershell.ps1"
    bound = _cmdlets(module, tmp_path)
    assert any("ConvertTo-SecureString" in one and "$paramDetails.value" in one for one in bound), (
        "sensitive_parameters"
    )
    parameters = re.compile(r"\$parameters\b|\$kvp\b|\.parameters\b|\$module\.Params(?![.\w])|\$ps\b(?!\.Streams)")
    assert parameters.search(module.read_text(encoding="utf-8-sig"))
    assert [one for one in bound if parameters.search(one)] == []
    assert "if (!NoLog)" in module_source("ansible.windows.win_powershell"), "its arguments, in the event log"


def test_no_cmdlet_of_the_script_gets_a_line(tmp_path: Path) -> None:
    """Those that there are make empty objects, look at .NET's own types, and wait."""
    bound = _cmdlets(Path(_win_transport.__file__).with_name("_requests.ps1"), tmp_path)
    made = re.compile(r"New-Object -TypeName ([\w.]+|'[^'$]+')")
    others = [one for one in bound if not made.fullmatch(one)]
    assert len(bound) > len(others)
    assert others == [
        "$kinds | ForEach-Object { [System.Linq.Expressions.Expression]::Parameter($_) }",
        "New-Object -TypeName System.IO.Compression.GZipStream -ArgumentList $memory, "
        "([System.IO.Compression.CompressionMode]::Compress)",
        "Start-Sleep -Milliseconds ([int](1000 * $asked.Pause))",
    ]
