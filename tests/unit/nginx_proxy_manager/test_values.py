# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that the server would take and that would then not do what they say."""

from __future__ import annotations

import ast
import datetime
import socket
import ssl
import threading
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.errors import InputError
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.http import Api, Endpoint
from ansible_collections.mediverse.pacs.plugins.module_utils.nginx_proxy_manager import _age, _pem, _served
from ansible_collections.mediverse.pacs.plugins.module_utils.nginx_proxy_manager._session import Session
from ansible_collections.mediverse.pacs.plugins.module_utils.nginx_proxy_manager.access_list import ACCESS_LIST
from ansible_collections.mediverse.pacs.plugins.module_utils.nginx_proxy_manager.certificate import CERTIFICATE
from ansible_collections.mediverse.pacs.plugins.module_utils.nginx_proxy_manager.proxy_host import PROXY_HOST

from tests.lab.proxy_manager.pem import openssl
from tests.unit.lab_proxy_manager.test_api import make_pair
from tests.unit.lab_proxy_manager.world import World

from .support import ACCOUNT, DoubleTransport, refuse, settle, succeed, task
from .test_certificate import age, custom

APP = "app.example.com"
HOST: dict[str, Any] = {"domain": APP, "forward_host": "upstream", "forward_port": 8000}


def test_the_log_that_has_the_cause_of_a_failed_request_is_named(npm: World) -> None:
    said = task(CERTIFICATE, npm, domain_names=["b.invalid", "a.invalid"]).result["msg"]
    assert "a.invalid, b.invalid" in said or "b.invalid, a.invalid" in said
    assert "Some challenges have failed. The cause stands in /data/logs/letsencrypt.log on the server" in said


def test_a_reason_is_one_clean_line(npm: World) -> None:
    said = task(PROXY_HOST, npm, **HOST, advanced_config="no_such_directive;").result["msg"]
    assert " )" not in said
    assert "\n" not in said


def test_python_3_9_knows_all_that_is_used(npm: World, monkeypatch: pytest.MonkeyPatch) -> None:
    age(npm, npm.certificate(APP), 10)
    old = types.SimpleNamespace(**{name: value for name, value in vars(datetime).items() if name != "UTC"})
    monkeypatch.setattr(_age, "datetime", old)
    plugins = Path(_age.__file__).parents[2]
    there = [path for folder in ("module_utils", "modules") for path in sorted((plugins / folder).rglob("*.py"))]
    assert len(there) > 50
    for path in there:
        tree = ast.parse(path.read_text(), feature_version=(3, 9))
        assert not [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "UTC"], path
    assert not succeed(CERTIFICATE, npm, domain_names=[APP], renew_before_days=30).changed


def test_a_password_beyond_the_first_plane_is_compared_as_the_server_counts(npm: World) -> None:
    settle(ACCESS_LIST, npm, name="staff", items=[{"username": "ann", "password": "pa\U0001f600ss"}])
    settle(ACCESS_LIST, npm, name="staff", items=[{"username": "ann", "password": "\U0001f600pass"}])
    assert not succeed(
        ACCESS_LIST, npm, name="staff", items=[{"username": "ann", "password": "\U0001f600pass"}]
    ).changed


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"username": "ann", "password": "x" * 257}, "longer than 256 bytes"),
        ({"username": "ann", "password": "\u00fc" * 129}, "longer than 256 bytes"),
        ({"username": "#a", "password": "hunter22"}, "begins with no '#'"),
    ],
)
def test_users_that_could_never_log_in_are_refused(npm: World, item: dict[str, str], message: str) -> None:
    assert message in refuse(ACCESS_LIST, npm, name="staff", items=[item])


def test_the_kind_of_a_key_is_known_without_being_asked_for(npm: World) -> None:
    settle(CERTIFICATE, npm, domain_names=[APP])
    assert not succeed(CERTIFICATE, npm, domain_names=[APP], key_type="ecdsa").changed
    assert "key_type of certificate is 'ecdsa'" in refuse(CERTIFICATE, npm, domain_names=[APP], key_type="rsa")


class Through(DoubleTransport):
    """Another way to the server than the one that is told everywhere else."""

    url = ""

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint("Nginx Proxy Manager", self.url)


@pytest.mark.parametrize(
    "url",
    [
        f"https://{APP.upper()}",
        f"http://{APP}",
        f"https://{APP}:8443",
        f"http://{APP}:8080/",
        f"https://someone@{APP}:444/api",
    ],
)
def test_the_way_to_the_api_must_not_lead_through_the_host_itself(npm: World, url: str) -> None:
    """Whatever ports the server's own are published at."""
    npm.host(APP)
    transport = Through(npm)
    transport.url = url
    outcome = task(CERTIFICATE, npm, transport=transport, domain_names=[APP])
    assert f"api_url goes through {APP}" in outcome.result["msg"]
    assert outcome.result["failure"]["code"] == "input"
    assert npm.ok("GET", "/nginx/certificates") == []


@pytest.mark.parametrize("url", [f"http://{APP}:81", "http://127.0.0.1:8081", "https://other.example.com:8443"])
def test_the_admin_port_and_other_names_lead_to_the_api(npm: World, url: str) -> None:
    npm.host(APP)
    transport = Through(npm)
    transport.url = url
    assert not task(CERTIFICATE, npm, transport=transport, domain_names=[APP]).failed


def test_thresholds_are_shares_of_the_lifetime(npm: World) -> None:
    number = npm.certificate(APP)
    settle(CERTIFICATE, npm, domain_names=[APP])
    age(npm, number, 66)  # of 90
    assert not succeed(CERTIFICATE, npm, domain_names=[APP]).changed
    assert succeed(CERTIFICATE, npm, check_mode=True, domain_names=[APP], renew_before_share=0.3).changed
    age(npm, number, 2)
    assert not succeed(CERTIFICATE, npm, domain_names=[APP], renew_before_share=0).changed
    done = settle(CERTIFICATE, npm, domain_names=[APP])
    assert done.changed
    assert done.result["certificate"]["lifetime_days"] == 90
    row = npm.backend.store.get("certificate", number)
    assert row is not None
    start = datetime.datetime.fromisoformat(row["modified_on"])
    npm.backend.store.patch("certificate", number, {"expires_on": str(start + datetime.timedelta(days=45))})
    age(npm, number, 33)
    assert not succeed(CERTIFICATE, npm, domain_names=[APP]).changed
    age(npm, number, 1)
    assert settle(CERTIFICATE, npm, domain_names=[APP]).changed


def test_more_days_than_a_certificate_lives_are_refused(npm: World) -> None:
    settle(CERTIFICATE, npm, domain_names=[APP])
    said = refuse(CERTIFICATE, npm, domain_names=[APP], renew_before_days=90)
    assert "lives 90 days, so that every run would renew it" in said
    assert not succeed(CERTIFICATE, npm, domain_names=[APP], renew_before_days=89).changed


@pytest.mark.parametrize("share", [-0.1, 1, 25])
def test_a_share_is_a_share(npm: World, share: float) -> None:
    assert "renew_before_share is" in refuse(CERTIFICATE, npm, domain_names=[APP], renew_before_share=share)


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("::1", "brackets"),
        ("fd00::7", "brackets"),
        ("127.0.0.1:1", "without scheme, port or path"),
        ("[::1", "without scheme"),
        ("[nonsense]", "IPv6 address between its brackets"),
        ("two words", "without scheme"),
    ],
)
def test_an_upstream_that_nginx_cannot_ask_is_refused(npm: World, host: str, message: str) -> None:
    assert message in refuse(PROXY_HOST, npm, **{**HOST, "forward_host": host})
    location = {"path": "/x", "forward_host": host, "forward_port": 1}
    assert message in refuse(PROXY_HOST, npm, **HOST, locations=[location])


@pytest.mark.parametrize("host", ["[::1]", "127.0.0.1", "pacs-kanifing-ohif", "a_b.example.com"])
def test_an_upstream_that_nginx_can_ask_is_taken(npm: World, host: str) -> None:
    settle(PROXY_HOST, npm, **{**HOST, "forward_host": host})


@pytest.mark.parametrize("path", ["/ { auth_basic off; } location /x", "/x;", "", "/a\n/b"])
def test_a_path_is_a_path(npm: World, path: str) -> None:
    location = {"path": path, "forward_host": "upstream", "forward_port": 1}
    assert "locations.path" in refuse(PROXY_HOST, npm, **HOST, locations=[location])


def test_a_proxy_in_front_is_not_trusted_in_locations(npm: World) -> None:
    npm.certificate(APP)
    more: dict[str, Any] = {"certificate": APP, "ssl_forced": True, "trust_forwarded_proto": True}
    location = {"path": "/x", "forward_host": "upstream", "forward_port": 1}
    assert "redirects visitors for ever" in refuse(PROXY_HOST, npm, **HOST, **more, locations=[location])


def test_a_chain_that_was_uploaded_by_itself_does_not_stay(npm: World, tmp_path: Path) -> None:
    number = int(npm.ok("POST", "/nginx/certificates", {"provider": "other", "nice_name": "hospital"})["id"])
    old, key = make_pair(tmp_path, "/CN=old.example.com")
    chain, __ = make_pair(tmp_path, "/CN=old-authority.example.com")
    parts = {"certificate": old, "certificate_key": key, "intermediate_certificate": chain}
    assert npm.call("POST", f"/nginx/certificates/{number}/upload", **parts)[0] == 200
    mine = custom(tmp_path, "new")
    assert "does not forget" in refuse(CERTIFICATE, npm, **mine)
    authority, __ = make_pair(tmp_path, "/CN=new-authority.example.com")
    mine["certificate"] += authority
    settle(CERTIFICATE, npm, **mine)
    served = (npm.data / "custom_ssl" / f"npm-{number}" / "fullchain.pem").read_text()
    assert _pem.canonical(served) == _pem.canonical(mine["certificate"])


def test_two_brought_certificates_of_one_name_are_refused(npm: World, tmp_path: Path) -> None:
    for __ in range(2):
        npm.ok("POST", "/nginx/certificates", {"provider": "other", "nice_name": "hospital"})
    assert "2 certificates called 'hospital'" in refuse(CERTIFICATE, npm, **custom(tmp_path, "one"))
    assert "2 certificates" in refuse(CERTIFICATE, npm, provider="custom", name="hospital", state="absent")


def test_all_that_were_requested_for_the_same_names_go_at_once(npm: World) -> None:
    npm.certificate(APP)
    npm.certificate(APP)
    settle(CERTIFICATE, npm, domain_names=[APP], state="absent")
    assert npm.ok("GET", "/nginx/certificates") == []


def test_a_location_that_was_saved_without_a_path_is_no_difference(npm: World) -> None:
    location = {"path": "/x", "forward_scheme": "http", "forward_host": "upstream", "forward_port": 1}
    npm.host(APP, locations=[location])
    assert not succeed(PROXY_HOST, npm, domain=APP, locations=[location]).changed


def test_a_weak_key_is_not_called_a_wrong_one(npm: World, tmp_path: Path) -> None:
    files = tmp_path / "weak.pem", tmp_path / "weak.key"
    arguments = ("req", "-x509", "-newkey", "rsa:512", "-nodes", "-days", "30", "-subj", "/CN=weak")
    openssl(*arguments, "-out", str(files[0]), "-keyout", str(files[1]))
    weak: dict[str, Any] = {"certificate": files[0].read_text(), "certificate_key": files[1].read_text()}
    said = refuse(CERTIFICATE, npm, provider="custom", name="weak", **weak)
    assert "too weak for nginx" in said
    assert "that this certificate was made for" not in said


def test_what_is_too_large_for_the_server_is_said_so(npm: World) -> None:
    outcome = task(PROXY_HOST, npm, **HOST, advanced_config="# long\n" * 20_000)
    assert outcome.result["failure"]["status"] == 413
    assert "100 kB of JSON at most" in outcome.result["msg"]
    assert npm.ok("GET", "/nginx/certificates") == []


@pytest.mark.parametrize("text", ["a = 'x'; touch /tmp/x", "$(id)", "`id`", "a = x & id", 'a = "x"'])
def test_nothing_for_a_shell_is_sent_as_credentials_of_a_dns_provider(npm: World, text: str) -> None:
    transport = DoubleTransport(npm)
    session = Session(Api(transport), ACCOUNT)
    meta = {"dns_challenge": True, "dns_provider": "cloudflare"}
    body = {"provider": "letsencrypt", "domain_names": [APP], "meta": {**meta, "dns_provider_credentials": text}}
    with pytest.raises(InputError, match="gives them to a shell"):
        session.send("POST", "certificates", body)
    assert transport.writes == []
    body["meta"] = {**meta, "dns_provider_credentials": "dns_cloudflare_api_token = a-B_9."}
    session.api.send("GET", "/api/")
    assert npm.call("GET", "/nginx/certificates")[1] == []


@pytest.mark.parametrize("late", [0, 2], ids=["at once", "a worker of before answers after a new one did"])
def test_a_renewed_certificate_that_visitors_do_not_get_is_taken_up(
    npm: World, monkeypatch: pytest.MonkeyPatch, late: int
) -> None:
    number = npm.certificate(APP)
    npm.host(APP, certificate_id=number)
    given: list[bytes | None] = []
    changed: list[int] = []

    def at(where: str, name: str) -> bytes | None:
        assert (where, name) == ("127.0.0.1:443", APP)
        texts = [text for path, text in npm.nginx._certificates.items() if f"npm-{number}/" in path]
        given.append(ssl.PEM_cert_to_DER_cert(_pem.parts(texts[0])[0]) if texts else None)
        if len(given) > 1 and given[-1] != given[-2]:
            changed.append(len(given) - 1)
        former = changed and 0 < len(given) - 1 - changed[-1] <= late
        return given[changed[-1] - 1] if former else given[-1]

    monkeypatch.setattr(_served, "certificate_at", at)
    look = {"domain_names": [APP], "served_at": "127.0.0.1:443"}
    done = settle(CERTIFICATE, npm, **look)
    assert not done.changed
    assert done.result["certificate"]["served"] is True
    sign = ["-days", "91"]
    monkeypatch.setattr("tests.lab.proxy_manager.acme.openssl", lambda *a: openssl(*_with_days(a, sign)))
    npm.ok("POST", f"/nginx/certificates/{number}/renew")
    assert "NOT AS ON THE DISK" in str(npm.nginx.served())
    assert not succeed(CERTIFICATE, npm, domain_names=[APP]).changed
    done = settle(CERTIFICATE, npm, **look)
    assert done.changed
    assert done.transport.work == [("PUT", "/api/nginx/proxy-hosts/1")]
    assert "NOT AS ON THE DISK" not in str(npm.nginx.served())


def _with_days(arguments: tuple[str, ...], days: list[str]) -> list[str]:
    place = arguments.index("-days")
    return [*arguments[:place], *days, *arguments[place + 2 :]]


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A server with a certificate: its address, and the PEM text."""
    pem, _key = make_pair(tmp_path, "/CN=app.example.com")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pair.pem", tmp_path / "pair.key")
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                raw, __ = listener.accept()
                context.wrap_socket(raw, server_side=True).close()
            except ssl.SSLError:
                continue
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    yield f"127.0.0.1:{listener.getsockname()[1]}", pem
    listener.close()


def test_the_certificate_that_is_given_is_read_to_its_end(tls: tuple[str, str]) -> None:
    where, pem = tls
    der = _served.certificate_at(where, APP)
    assert der == ssl.PEM_cert_to_DER_cert(pem)
    told = openssl("x509", "-noout", "-enddate", text=pem).strip().partition("=")[2]
    end = datetime.datetime.strptime(told, "%b %d %H:%M:%S %Y GMT").replace(tzinfo=datetime.UTC)
    assert _pem.end_of(der) == end
    hour = datetime.timedelta(hours=1)
    assert _served.same_end(der, end - 11 * hour)
    assert not _served.same_end(der, end - 11 * hour - datetime.timedelta(seconds=1))
    assert not _served.same_end(der, end - 48 * hour)


def test_an_address_where_nobody_answers_is_said_so(npm: World) -> None:
    npm.host(APP, certificate_id=npm.certificate(APP))
    said = refuse(CERTIFICATE, npm, domain_names=[APP], served_at="127.0.0.1:9")
    assert "127.0.0.1:9 does not answer" in said
    assert "served_at is 'nowhere'" in refuse(CERTIFICATE, npm, domain_names=[APP], served_at="nowhere")
