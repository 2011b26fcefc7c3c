# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a failed or refused task leaves behind, and how the next run mends it: each with the fault that was met once."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.errors import ApiError
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.messages import Response
from ansible_collections.mediverse.pacs.plugins.module_utils.nginx_proxy_manager.access_list import ACCESS_LIST
from ansible_collections.mediverse.pacs.plugins.module_utils.nginx_proxy_manager.certificate import (
    CERTIFICATE,
    CertificateClient,
)
from ansible_collections.mediverse.pacs.plugins.module_utils.nginx_proxy_manager.proxy_host import PROXY_HOST

from tests.lab.proxy_manager import acme
from tests.unit.lab_proxy_manager.fake_nginx import CLOSED, LOGIN, OFFLINE, OPEN
from tests.unit.lab_proxy_manager.test_api import make_pair
from tests.unit.lab_proxy_manager.world import World

from .interruptions import AnsibleKilled, Faulty
from .support import DoubleTransport, refuse, settle, succeed, task
from .test_certificate import custom

APP, OTHER, THIRD = "app.example.com", "other.example.com", "third.example.com"
HOST: dict[str, Any] = {"domain": APP, "forward_host": "upstream", "forward_port": 8000}
LIST: dict[str, Any] = {"name": "staff", "items": [{"username": "ann", "password": "hunter22"}]}
BAD = "no_such_directive on;"


@pytest.fixture
def breakage(npm: World) -> Path:
    """A file that makes nginx refuse everything once it has text."""
    path = npm.data / "nginx" / "proxy_host" / "99.conf"
    path.write_text("")
    return path


def test_a_list_that_nginx_did_not_take_is_sent_again(npm: World, breakage: Path) -> None:
    npm.host(APP, access_list_id=npm.access_list(clients=[{"address": "127.0.0.1", "directive": "allow"}]))
    breakage.write_text(BAD)
    revoked: dict[str, Any] = {"name": "staff", "clients": [{"address": "10.9.9.9"}]}
    failed = task(ACCESS_LIST, npm, **revoked)
    assert failed.result["failure"]["status"] == 500
    assert "breaks nginx's whole configuration: its log says which" in failed.result["msg"]
    assert "allow 127.0.0.1;" in npm.nginx.config(APP)
    breakage.write_text("")
    assert settle(ACCESS_LIST, npm, **revoked).changed
    assert "allow 127.0.0.1;" not in npm.nginx.config(APP)
    assert "allow 10.9.9.9;" in npm.nginx.config(APP)


def test_a_host_that_nginx_did_not_let_go_is_disabled_again(npm: World, breakage: Path) -> None:
    npm.host(APP)
    breakage.write_text(BAD)
    assert task(PROXY_HOST, npm, domain=APP, enabled=False).failed
    assert npm.nginx.state(APP) == OPEN
    breakage.write_text("")
    assert settle(PROXY_HOST, npm, domain=APP, enabled=False).changed
    assert npm.nginx.state(APP) == OFFLINE
    assert npm.ok("GET", "/nginx/proxy-hosts/1")["advanced_config"] == ""


def test_a_host_that_nginx_did_not_let_go_is_removed_all_the_same(npm: World, breakage: Path) -> None:
    npm.host(APP)
    breakage.write_text(BAD)
    assert task(PROXY_HOST, npm, domain=APP, state="absent").failed
    breakage.write_text("")
    assert settle(PROXY_HOST, npm, domain=APP, state="absent").changed
    assert npm.nginx.state(APP) == OFFLINE
    assert npm.nginx.as_on_the_disk()


def _never_issued(npm: World, *names: str) -> int:
    """A row as a request leaves it whose server was killed while certbot ran."""
    body = {"is_deleted": False, "owner_user_id": 1, "provider": "letsencrypt", "nice_name": ", ".join(names)}
    row = npm.backend.store.insert("certificate", {**body, "domain_names": sorted(names), "meta": {}})
    npm.backend.store.patch("certificate", row["id"], {"expires_on": row["created_on"]})
    return int(row["id"])


def test_a_certificate_whose_request_died_is_requested_again(npm: World) -> None:
    dead = _never_issued(npm, APP)
    assert f"no certificate '{APP}'" in refuse(PROXY_HOST, npm, **HOST, certificate=APP)
    assert settle(CERTIFICATE, npm, domain_names=[APP]).changed
    assert [row["id"] for row in npm.ok("GET", "/nginx/certificates")] != [dead]
    settle(PROXY_HOST, npm, **HOST, certificate=APP)
    assert npm.nginx.has_tls(APP)


def test_a_certificate_whose_request_died_can_be_removed(npm: World) -> None:
    _never_issued(npm, APP)
    settle(CERTIFICATE, npm, domain_names=[APP], state="absent")
    assert npm.ok("GET", "/nginx/certificates") == []


def test_a_request_that_is_still_under_way_is_waited_for(npm: World) -> None:
    number = _never_issued(npm, APP)
    npm.backend.certbot.acquire()

    def finish(seconds: float) -> None:
        assert npm.backend.certbot.locked()
        npm.backend.certbot.release()
        npm.backend.store.patch("certificate", number, {"expires_on": "2099-01-01 00:00:00"})

    patient = replace(CERTIFICATE, client=partial(CertificateClient, sleep=finish))
    settle(patient, npm, domain_names=[APP])
    assert [row["id"] for row in npm.ok("GET", "/nginx/certificates")] == [number]


def _killed_request(npm: World, folder: Path) -> None:
    """Ansible ends right after the server has handled the request for three hosts, the third with its own TLS."""
    npm.host(APP, access_list_id=npm.access_list())
    npm.host(OTHER)
    number = int(npm.ok("POST", "/nginx/certificates", {"provider": "other", "nice_name": "hospital"})["id"])
    pem, key = make_pair(folder, "/CN=third.example.com")
    npm.call("POST", f"/nginx/certificates/{number}/upload", certificate=pem, certificate_key=key)
    npm.host(THIRD, certificate_id=number, ssl_forced=True)
    plain = Faulty(npm)
    names = [APP, OTHER, THIRD]
    before = npm.backend.store.select("certificate")
    killed = Faulty(npm, fault="ansible-after", at=5)  # four notes, the closing, the request
    with pytest.raises(AnsibleKilled):
        task(CERTIFICATE, npm, transport=killed, domain_names=names)
    assert killed.writes[-1] == ("POST", "/api/nginx/certificates")
    assert len(npm.backend.store.select("certificate")) == len(before) + 5
    assert plain.writes == []
    npm.nginx.reload()
    assert npm.nginx.state(APP) == CLOSED
    assert not npm.nginx.has_tls(THIRD)


def test_every_host_of_a_request_that_died_is_whole_again_after_the_next(npm: World, tmp_path: Path) -> None:
    _killed_request(npm, tmp_path)
    assert settle(CERTIFICATE, npm, domain_names=[APP, OTHER, THIRD]).changed
    assert (npm.nginx.state(APP), npm.nginx.state(OTHER), npm.nginx.has_tls(THIRD)) == (LOGIN, OPEN, True)


def test_the_task_of_such_a_host_alone_makes_it_whole_again(npm: World, tmp_path: Path) -> None:
    _killed_request(npm, tmp_path)
    assert settle(PROXY_HOST, npm, domain=THIRD, certificate="hospital").changed
    assert npm.nginx.has_tls(THIRD)


def test_a_host_that_nginx_refused_at_once_harms_nobody_later(npm: World) -> None:
    access = npm.access_list()
    refused = task(PROXY_HOST, npm, **HOST, access_list="staff", advanced_config=BAD)
    assert "removed again" in refused.result["msg"]
    assert npm.ok("GET", "/nginx/proxy-hosts") == []
    npm.ok("PUT", f"/nginx/access-lists/{access}", {"name": "staff"})


def test_a_host_whose_own_lines_break_nginx_is_corrected(npm: World) -> None:
    access = npm.access_list()
    npm.host(APP, access_list_id=access, advanced_config=BAD)
    assert npm.call("PUT", f"/nginx/access-lists/{access}", {"name": "staff"})[0] == 500
    failed = task(ACCESS_LIST, npm, **LIST, satisfy_any=True)
    assert f"nginx has refused proxy host '{APP}' before." in failed.result["msg"]
    assert settle(PROXY_HOST, npm, **HOST, access_list="staff", advanced_config="gzip off;").changed
    assert npm.nginx.state(APP) == LOGIN
    assert settle(ACCESS_LIST, npm, **LIST, satisfy_any=True).changed


def test_a_host_that_stays_refused_is_switched_off(npm: World) -> None:
    access = npm.access_list()
    npm.host(APP, access_list_id=access, advanced_config=BAD)
    assert "switched off" in task(PROXY_HOST, npm, **HOST, advanced_config="no_such_directive off;").result["msg"]
    npm.ok("PUT", f"/nginx/access-lists/{access}", {"name": "staff"})
    assert settle(PROXY_HOST, npm, **HOST, advanced_config="").changed
    assert npm.nginx.state(APP) == LOGIN


def test_a_refused_change_is_taken_back_whole(npm: World) -> None:
    settle(PROXY_HOST, npm, **HOST)
    former = npm.ok("GET", "/nginx/proxy-hosts/1")
    change: dict[str, Any] = {
        "advanced_config": BAD,
        "trust_forwarded_proto": True,
        "forward_port": 9,
        "block_exploits": True,
    }
    outcome = task(
        PROXY_HOST, npm, domain=APP, **change, locations=[{"path": "/x", "forward_host": "y", "forward_port": 1}]
    )
    assert "former configuration is in force again" in outcome.result["msg"]
    back = npm.ok("GET", "/nginx/proxy-hosts/1")
    assert {**back, "modified_on": "", "locations": back["locations"] or None} == {**former, "modified_on": ""}


def test_a_brought_certificate_that_nginx_did_not_take_is_taken_by_the_next_run(npm: World, breakage: Path) -> None:
    settle(CERTIFICATE, npm, **custom(breakage.parents[3], "one"))
    npm.host(APP, certificate_id=int(npm.ok("GET", "/nginx/certificates")[0]["id"]))
    breakage.write_text(BAD)
    renewed = custom(breakage.parents[3], "two")
    assert task(CERTIFICATE, npm, **renewed).failed
    breakage.write_text("")
    assert "NOT AS ON THE DISK" in str(npm.nginx.served())
    assert settle(CERTIFICATE, npm, **renewed).changed
    assert "NOT AS ON THE DISK" not in str(npm.nginx.served())


def test_a_host_that_goes_during_a_request_does_not_keep_the_others_closed(
    npm: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    access = npm.access_list()
    npm.host(APP, access_list_id=access)
    npm.host(OTHER, access_list_id=access)
    obtain = acme.obtain

    def remove_meanwhile(*arguments: Any) -> None:
        obtain(*arguments)
        npm.ok("DELETE", "/nginx/proxy-hosts/1")

    monkeypatch.setattr(acme, "obtain", remove_meanwhile)
    succeed(CERTIFICATE, npm, domain_names=[APP, OTHER])
    assert npm.nginx.state(OTHER) == LOGIN


def test_a_closing_that_fails_leaves_nobody_closed(npm: World) -> None:
    access = npm.access_list()
    npm.host(APP, access_list_id=access)
    npm.host(OTHER, access_list_id=access)
    closings: list[str] = []

    class SecondClosingFails(DoubleTransport):
        def request(self, method: str, path: str, *rest: Any, **more: Any) -> Response:
            if method == "PUT":
                closings.append(path)
                if len(closings) == 2:
                    raise ApiError("the connection broke", kind="unreachable", path=path)
            return super().request(method, path, *rest, **more)

    failed = task(CERTIFICATE, npm, transport=SecondClosingFails(npm), domain_names=[APP, OTHER])
    assert failed.failed
    assert npm.nginx.state(APP) == LOGIN
    assert not npm.ok("GET", "/nginx/proxy-hosts/1")["advanced_config"]


def test_the_failure_that_is_told_is_that_of_the_request(npm: World, monkeypatch: pytest.MonkeyPatch) -> None:
    npm.host("app.invalid", access_list_id=npm.access_list())
    configure = npm.backend.nginx.configure
    calls: list[int] = []

    def fail_later(host: dict[str, Any]) -> dict[str, Any]:
        calls.append(1)
        if len(calls) == 1:
            return configure(host)
        raise AssertionError  # the double would answer nothing at all

    def cut(host: dict[str, Any]) -> dict[str, Any]:
        try:
            return fail_later(host)
        except AssertionError:
            raise ApiError("no TLS connection that can be trusted", kind="tls") from None

    monkeypatch.setattr(npm.backend.nginx, "configure", cut)
    said = task(CERTIFICATE, npm, domain_names=["app.invalid"]).result["msg"]
    assert said.startswith("The certificate for app.invalid: ")
    assert "Some challenges have failed." in said
    assert "could not be put back, either: run again. (no TLS" in said


def test_a_refusal_leaves_no_note(npm: World) -> None:
    npm.host(OTHER)
    taken = task(PROXY_HOST, npm, **HOST, domain_names=[APP, OTHER])
    assert "is already in use" in taken.result["msg"]
    assert npm.ok("GET", "/nginx/certificates") == []


def test_a_note_of_a_task_that_is_not_wanted_any_more_goes_with_its_object(npm: World) -> None:
    for spec, options in (
        (PROXY_HOST, HOST),
        (ACCESS_LIST, LIST),
        (CERTIFICATE, {"domain_names": [APP]}),
    ):
        with pytest.raises(AnsibleKilled):
            task(spec, npm, transport=Faulty(npm, fault="ansible-after", at=0), **options)
        assert len(npm.ok("GET", "/nginx/certificates")) == 1
        identity = {name: options[name] for name in ("domain", "name", "domain_names") if name in options}
        settle(spec, npm, **identity, state="absent")
        assert npm.ok("GET", "/nginx/certificates") == []
