# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""REST modules on a Windows target, through WinRM and win_uri: the module's own code, and the model of it."""

from __future__ import annotations

import base64
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.controller import Controller
from tests.contract.endpoints import RunningEndpoint

PASSWORD = "p$w'ü\"x"
LOGIN = "Basic " + base64.b64encode(f"admin:{PASSWORD}".encode()).decode()


class _Peers(http.server.BaseHTTPRequestHandler):
    """Of Orthanc, what orthanc_peer uses. Remembers every request as ``METHOD path``."""

    protocol_version = "HTTP/1.1"
    peers: dict[str, dict[str, Any]]
    seen: list[str]

    def _reply(self, status: int, answer: Any = None) -> None:
        content = json.dumps(answer).encode() if answer is not None else b""
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if content else "text/plain")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.seen.append(f"{self.command} {self.path}")
        name = self.path.split("/")[2]
        if self.headers.get("Authorization") != LOGIN:
            self._reply(401)
        elif self.command == "PUT":
            self.peers[name] = json.loads(body)
            self._reply(200)
        elif name not in self.peers:
            self._reply(404, {"Details": "No peer with symbolic name", "HttpStatus": 404})
        elif self.command == "DELETE":
            del self.peers[name]
            self._reply(200)
        else:
            self._reply(200, {"HttpHeaders": [], "Pkcs11": False, **self.peers[name], "Password": None})

    do_PUT = do_DELETE = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def orthanc(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, type[_Peers]]]:
    """Address and handler of an empty server."""
    collections = Path(__file__).resolve().parents[2] / ".collections"
    monkeypatch.setenv("ANSIBLE_COLLECTIONS_PATH", str(collections))
    handler = type("Peers", (_Peers,), {"peers": {}, "seen": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", handler
    server.shutdown()


@pytest.fixture(params=["gateway", "real_code"])
def windows(request: pytest.FixtureRequest) -> Controller:
    """Once with the model, once with the real code of win_uri."""
    pair: tuple[Controller, RunningEndpoint] = request.getfixturevalue(request.param)
    return pair[0]


def test_peer(windows: Controller, orthanc: tuple[str, type[_Peers]]) -> None:
    """Few tasks, because each request takes seconds here; the rest is in the integration targets."""
    url, server = orthanc
    secret = "ü$'\"\\"
    peer = {
        "name": "cloud",
        "url": "http://ä.test/",
        "password": secret,
        "http_headers": {"X-Ä": secret},
        "api_url": url,
        "api_username": "admin",
        "api_password": PASSWORD,
    }
    module = "mediverse.pacs.orthanc_peer"
    results = windows.run(
        [
            {"name": "check", module: peer, "check_mode": True},
            {"name": "create", module: peer},
            {"name": "wrong login", module: {**peer, "api_password": "wrong"}},
            {"name": "nobody listens", module: {**peer, "api_url": "http://127.0.0.1:1"}},
        ]
    )
    check, create, wrong, nobody = results
    get = "GET /peers/cloud/configuration"
    assert server.seen == [get, get, "PUT /peers/cloud", get, get]
    assert server.peers["cloud"]["Password"] == secret
    assert server.peers["cloud"]["HttpHeaders"] == {"X-Ä": secret}
    assert [bool(result.get("changed")) for result in results] == [True, True, False, False]
    assert check["peer"]["url"] == create["peer"]["url"] == "http://ä.test/"
    assert create["diff"]["after"]["password"] == "******** (new)"
    assert wrong["failure"] == {"status": 401, "code": "login", "path": "/peers/cloud/configuration"}
    assert nobody["failure"]["code"] == "unreachable"
    printed = json.dumps(results, ensure_ascii=False)
    assert PASSWORD not in printed
    assert LOGIN not in printed
