# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""win_uri: the model of the simulated Windows gives what the module's own code gives on a real PowerShell."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.controller import Controller
from tests.contract.endpoints import RunningEndpoint

Gateway = tuple[Controller, RunningEndpoint]
# Header names that the two HTTP clients choose by themselves, and what changes from call to call.
_OWN = {"connection", "host", "user-agent", "accept-encoding", "accept", "expect", "traceparent", "request-id"}
COMPARED = (
    "changed",
    "failed",
    "skipped",
    "status_code",
    "content",
    "json",
    "url",
    "method",
    "content_type",
    "content_length",
    "x_answer",
    "status_description",
)


class _Echo(http.server.BaseHTTPRequestHandler):
    """Answers with what it was sent; ``/status/404`` chooses the status, ``/text`` the type."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in sorted(self.headers.items()) if name.lower() not in _OWN}
        text = body.decode("utf-8", "replace")
        if text.startswith("{"):  # the order of keys does not matter
            text = json.dumps(json.loads(text), sort_keys=True, ensure_ascii=False)
        seen = {"method": self.command, "path": self.path, "headers": headers, "body": text}
        code = int(self.path.rsplit("/", 1)[-1]) if self.path.startswith("/status/") else 200
        content = b"" if code == 204 else json.dumps(seen, ensure_ascii=False).encode()
        kind = "text/plain" if self.path.startswith("/text") else "application/json"
        if self.path.startswith("/empty"):
            content = b""
        self.send_response(code)
        if content:
            self.send_header("Content-Type", kind)
        self.send_header("X-Answer", "yes")
        if code != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer


@pytest.fixture(scope="module")
def echo() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()


JSON = {"content_type": "application/json", "return_content": True}
# Each row starts a PowerShell and takes seconds, so every row shows several things at once.
TABLE: dict[str, dict[str, Any]] = {
    "get": {"url": "/get?a=%C3%A4&b=1", "return_content": True},
    "text": {"url": "/text", "return_content": True},
    "empty answer": {"url": "/empty"},
    "post text": {"url": "/p", "method": "POST", "body": "ä \"quoted\" $x 'y'", **JSON},
    "put mapping": {"url": "/p", "method": "PUT", "body": {"a": "ü", "n": 1, "t": True, "l": [1, None, {}]}, **JSON},
    "post nothing": {"url": "/p", "method": "POST", "return_content": True},
    "header": {
        "url": "/h",
        "headers": {"X-API-Key": "k'\"$1", "Authorization": "Basic cCR3OsO8"},
        "return_content": True,
    },
    "password": {
        "url": "/a",
        "url_username": "gate",
        "url_password": "p$w'ü",
        "force_basic_auth": True,
        "return_content": True,
    },
    "404 refused": {"url": "/status/404", "return_content": True},
    "409 allowed": {"url": "/status/409", "method": "PATCH", "body": "[]", "status_code": [200, 409], **JSON},
    "204": {"url": "/status/204", "method": "DELETE", "status_code": [204], "return_content": True},
    "nobody listens": {"url": "http://127.0.0.1:1/"},
    "wrong option": {"url": "/get", "metod": "GET"},
}


def _all(controller: Controller, echo: str) -> list[dict[str, Any]]:
    arguments = [
        {**row, "url": row["url"] if row["url"].startswith("http") else echo + row["url"]} for row in TABLE.values()
    ]
    return controller.run(
        [{"name": name, "ansible.windows.win_uri": row} for name, row in zip(TABLE, arguments, strict=True)]
    )


@pytest.fixture(scope="module")
def modelled(gateway: Gateway, echo: str) -> dict[str, dict[str, Any]]:
    return dict(zip(TABLE, _all(gateway[0], echo), strict=True))


@pytest.fixture(scope="module")
def real(real_code: Gateway, echo: str) -> dict[str, dict[str, Any]]:
    return dict(zip(TABLE, _all(real_code[0], echo), strict=True))


@pytest.mark.parametrize("name", TABLE)
def test_same_result(name: str, modelled: dict[str, dict[str, Any]], real: dict[str, dict[str, Any]]) -> None:
    wanted = {key: real[name].get(key) for key in COMPARED}
    assert {key: modelled[name].get(key) for key in COMPARED} == wanted
    assert str(modelled[name].get("msg")).startswith(str(real[name].get("msg"))[:60])


def test_credentials_beyond_ascii_are_damaged_by_the_module(modelled: dict[str, dict[str, Any]]) -> None:
    # cCR3OsO8 is the header of the row "header"; the module's own would be p$w'? in ASCII.
    assert modelled["password"]["json"]["headers"]["authorization"] == "Basic Z2F0ZTpwJHcnPw=="
