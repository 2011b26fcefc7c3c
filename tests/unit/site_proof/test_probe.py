# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Probes against a real server: status, headers, certificate, and everything that is no answer."""

from __future__ import annotations

import datetime
import http.server
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils._site.probe import Probe, ask
from ansible_collections.mediverse.pacs.plugins.modules.http_probe import run
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Handler(http.server.BaseHTTPRequestHandler):
    """Says what it was asked."""

    def do_GET(self) -> None:
        status = {"/moved": 301, "/secret": 401}.get(self.path, 200)
        if self.path == "/secret" and self.headers.get("Authorization") == "Basic dXNlcjpwdw==":
            status = 200
        body = f"{self.requestline.rsplit(' ', 1)[0]} {self.headers.get('X-Extra', '')}".encode()
        self.send_response(status)
        self.send_header("Location", "https://elsewhere/")
        self.send_header("Content-Length", str(900 if self.path == "/cut" else len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_DELETE = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


def certificate(place: Path) -> Path:
    """A self-signed certificate for 127.0.0.1 that is valid for ten days and a half."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test authority")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=10, hours=12))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    file = place / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + built.public_bytes(serialization.Encoding.PEM))
    return file


def _serve(server: http.server.HTTPServer) -> Iterator[int]:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def plain() -> Iterator[int]:
    yield from _serve(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def secure(authority: Path) -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    yield from _serve(server)


def test_redirects_are_not_followed(plain: int) -> None:
    answer = ask(Probe("x", f"http://127.0.0.1:{plain}/moved"))
    assert (answer["status"], answer["headers"]["location"]) == (301, "https://elsewhere/")


def test_paths_and_headers_go_out_as_written(plain: int) -> None:
    url = f"http://127.0.0.1:{plain}//a/%2e%2e/../b?c=d"
    answer = ask(Probe("x", url, method="DELETE", headers={"X-Extra": "yes"}, content=True))
    assert answer["body"] == "DELETE //a/%2e%2e/../b?c=d yes"


def test_authentication(plain: int) -> None:
    url = f"http://127.0.0.1:{plain}/secret"
    assert ask(Probe("x", url))["status"] == 401
    assert ask(Probe("x", url, username="user", password="pw"))["status"] == 200


def test_the_certificate_is_verified_and_dated(secure: int, authority: Path) -> None:
    trusted = ask(Probe("x", f"https://127.0.0.1:{secure}/"), str(authority))
    assert (trusted["status"], trusted["days"], trusted["issuer"]) == (200, 10, "Test authority")
    stranger = ask(Probe("x", f"https://127.0.0.1:{secure}/"))
    assert stranger["status"] == 0
    assert "certificate is not trusted" in stranger["error"]


def test_the_certificate_that_is_served_is_told(secure: int, authority: Path) -> None:
    answer = ask(Probe("x", f"https://127.0.0.1:{secure}/"), str(authority))
    served = x509.load_pem_x509_certificate(authority.read_bytes())
    assert answer["fingerprint"] == served.fingerprint(hashes.SHA256()).hex()
    assert answer["not_before"] == served.not_valid_before_utc.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert answer["not_after"] == served.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ")
    # Ten days and a half to come, and the one before.
    assert answer["lifetime"] == 12


def test_an_address_replaces_the_name_servers_and_nothing_else(plain: int, secure: int, authority: Path) -> None:
    """The name is asked for as before, and its certificate too: another host behind the address is not believed."""
    answer = ask(Probe("x", f"http://no-such-host.invalid:{plain}/a", content=True), address="127.0.0.1")
    assert (answer["status"], answer["body"]) == (200, "GET /a ")
    assert ask(Probe("x", f"tcp://no-such-host.invalid:{plain}"), address="127.0.0.1")["open"]
    other = ask(Probe("x", f"https://no-such-host.invalid:{secure}/"), str(authority), "127.0.0.1")
    assert (other["status"], "certificate is not trusted" in other["error"]) == (0, True)
    right = ask(Probe("x", f"https://127.0.0.1:{secure}/"), str(authority), "localhost")
    assert right["status"] == 200


def test_no_answer_is_a_result(plain: int) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    closed = ask(Probe("x", f"tcp://127.0.0.1:{port}"))
    assert not closed["open"]
    assert "refused" in closed["error"]
    assert ask(Probe("x", f"tcp://127.0.0.1:{plain}"))["open"]
    assert "unknown" in ask(Probe("x", "ftp://127.0.0.1/"))["error"]
    assert ask(Probe("x", "https://no-such-host.invalid/"))["status"] == 0


def test_an_answer_that_ends_early_is_told_in_words(plain: int) -> None:
    answer = ask(Probe("x", f"http://127.0.0.1:{plain}/cut", content=True))
    assert (answer["status"], answer["error"]) == (200, "the answer ends after 9 of 900 bytes")


def test_a_silent_server_is_left_after_the_timeout() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        answer = ask(Probe("x", f"http://127.0.0.1:{silent.getsockname()[1]}/", timeout=0.2))
    assert answer["error"] == "no answer within 0.2 s"


def test_a_silent_port_is_told_alike_by_a_python_whose_sockets_have_a_timeout_of_their_own() -> None:
    """Up to 3.9, where it would not count as closed."""
    own = type("timeout", (OSError,), {})
    with mock.patch("socket.timeout", own), mock.patch("socket.create_connection", side_effect=own("timed out")):
        answer = ask(Probe("x", "tcp://127.0.0.1:22", timeout=2))
    assert answer["error"] == "no answer within 2 s"


def test_check_mode_leaves_writing_probes_out(plain: int) -> None:
    url = f"http://127.0.0.1:{plain}/"
    base = {"username": "", "password": "", "headers": {}, "body": "", "content": False, "timeout": 2.0}
    probes = [{**base, "name": method, "url": url, "method": method} for method in ("GET", "DELETE")]
    answers = run({"probes": probes, "ca_path": None, "address": None}, check_mode=True)
    assert answers["GET"]["status"] == 200
    assert answers["DELETE"]["skipped"]
    assert (answers["DELETE"]["status"], answers["DELETE"]["url"]) == (0, url)
    assert answers["GET"].keys() == answers["DELETE"].keys()
    assert run({"probes": probes, "ca_path": None, "address": None}, check_mode=False)["DELETE"]["status"] == 200
