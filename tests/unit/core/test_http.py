# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP layer: repetition, and what becomes of answers that are none."""

from __future__ import annotations

import http.server
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.errors import UNREACHABLE, ApiError
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.http import (
    Api,
    Endpoint,
    RequestsTransport,
    basic_auth,
    repeat,
)
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.messages import Response

from ..fake_api import FakeApi


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.naps: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds


def _server(*statuses: int, headers: dict[str, str] | None = None) -> tuple[list[int], Callable[[], Response]]:
    left = list(statuses)

    def once() -> Response:
        status = left.pop(0) if len(left) > 1 else left[0]
        if status == 0:
            raise ApiError("refused", kind=UNREACHABLE)
        return Response(status, headers or {}, b"")

    return left, once


@pytest.mark.parametrize("busy", [0, 429, 502, 503, 504])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_safe_requests_are_repeated(busy: int, method: str) -> None:
    clock = Clock()
    __, once = _server(busy, busy, 200)
    assert repeat(once, method, 10, clock, clock.sleep).status == 200
    assert clock.naps == [0.2, 0.4]


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_others_are_not(method: str) -> None:
    clock = Clock()
    __, once = _server(503, 200)
    assert repeat(once, method, 10, clock, clock.sleep).status == 503
    __, once = _server(0, 200)
    with pytest.raises(ApiError):
        repeat(once, method, 10, clock, clock.sleep)
    assert clock.naps == []


def test_a_plain_error_is_final() -> None:
    clock = Clock()
    __, once = _server(500, 200)
    assert repeat(once, "GET", 10, clock, clock.sleep).status == 500


def test_the_budget_ends_it() -> None:
    clock = Clock()
    __, once = _server(503)
    assert repeat(once, "GET", 10, clock, clock.sleep).status == 503
    assert clock.now <= 10


def test_retry_after_is_honoured_up_to_a_limit() -> None:
    clock = Clock()
    __, once = _server(429, 200, headers={"retry-after": "2"})
    repeat(once, "GET", 10, clock, clock.sleep)
    assert clock.naps == [2.0]
    clock = Clock()
    __, once = _server(429, 200, headers={"retry-after": "3600"})
    repeat(once, "GET", 10, clock, clock.sleep)
    assert clock.naps == [5.0]


def test_basic_auth_is_utf_8() -> None:
    assert basic_auth("u", "ü") == {"Authorization": "Basic dTrDvA=="}
    assert basic_auth(None, "x") == {}


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers by path."""

    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "https://elsewhere.test/")
        elif self.path == "/slow":
            threading.Event().wait(1.5)
            self.send_response(200)
        elif self.path == "/html":
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
        else:
            self.send_response(404 if self.path == "/absent" else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[http.server.ThreadingHTTPServer]:
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield httpd
    httpd.shutdown()
    httpd.server_close()


def _api(port: int, scheme: str = "http", timeout: float = 5, ca_path: str | None = None) -> Api:
    point = Endpoint("Thing", f"{scheme}://127.0.0.1:{port}", {"Authorization": "Basic x"}, True, ca_path, timeout, 0)
    return Api(RequestsTransport(point), login_help="Check the key.")


def test_absent_is_none(server: http.server.ThreadingHTTPServer) -> None:
    assert _api(server.server_port).read("/absent") is None


def test_redirects_are_not_followed(server: http.server.ThreadingHTTPServer) -> None:
    with pytest.raises(ApiError, match=r"redirects /moved to https://elsewhere\.test/\. Set api_url") as caught:
        _api(server.server_port).read("/moved")
    assert caught.value.failure == {"status": 302, "code": "status", "path": "/moved"}


def test_time_out(server: http.server.ThreadingHTTPServer) -> None:
    with pytest.raises(ApiError, match=r"did not answer /slow within 0\.3 s") as caught:
        _api(server.server_port, timeout=0.3).read("/slow")
    assert caught.value.kind == "timeout"


def test_no_json(server: http.server.ThreadingHTTPServer) -> None:
    with pytest.raises(ApiError, match="answered /html with text/html instead of JSON"):
        _api(server.server_port).read("/html")


def test_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(ApiError, match=r"cannot be reached \(.*refused\)") as caught:
        _api(port).read("/")
    assert caught.value.kind == "unreachable"


def test_https_to_a_port_without_tls(server: http.server.ThreadingHTTPServer) -> None:
    with pytest.raises(ApiError, match="does not speak TLS on this port"):
        _api(server.server_port, "https").read("/")


def test_ca_path_that_does_not_exist(server: http.server.ThreadingHTTPServer) -> None:
    with pytest.raises(ApiError, match="/nowhere/ca"):
        _api(server.server_port, "https", ca_path="/nowhere/ca.pem").read("/")


def test_certificate_of_an_unknown_authority(server: http.server.ThreadingHTTPServer, certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with pytest.raises(ApiError, match="Set ca_path") as caught:
        _api(server.server_port, "https").read("/")
    assert caught.value.kind == "tls"
    assert _api(server.server_port, "https", ca_path=str(certificate)).read("/absent") is None


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Key and self-signed certificate for 127.0.0.1 in one file."""
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(1)).not_valid_after(now + datetime.timedelta(1))
    made = builder.add_extension(names, False).sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path / "server.pem"
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


def test_no_proxy_stands_before_loopback(
    server: http.server.ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert _api(server.server_port).read("/absent") is None


def test_netrc_does_not_replace_the_login(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, api: FakeApi) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine pacs.test login other password other\n")
    monkeypatch.setenv("NETRC", str(netrc))
    api.expect("GET", "/x", headers={"Authorization": "Basic mine"}).reply(404)
    transport = RequestsTransport(Endpoint("Thing", "http://pacs.test", {"Authorization": "Basic mine"}))
    with api._network():
        assert transport.request("GET", "/x").status == 404


def test_a_dropped_connection_is_unreachable(api: FakeApi) -> None:
    api.expect("POST", "/x").fail(requests.exceptions.ConnectionError("Connection aborted."))
    with api._network(), pytest.raises(ApiError, match="cannot be reached"):
        Api(RequestsTransport(Endpoint("Thing", "http://pacs.test"))).send("POST", "/x")


def test_writing_in_check_mode_is_a_bug() -> None:
    api = Api(RequestsTransport(Endpoint("Thing", "http://pacs.test")), read_only=True)
    with pytest.raises(RuntimeError, match="PUT /x in check mode"):
        api.send("PUT", "/x")
