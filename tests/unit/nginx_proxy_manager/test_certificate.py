# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nginx_proxy_manager_certificate against the traps of the server."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.http import Api
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.reconcile import plan
from ansible_collections.mediverse.pacs.plugins.module_utils.nginx_proxy_manager.certificate import (
    CERTIFICATE,
    FIELDS,
    CertificateClient,
)

from tests.unit.lab_proxy_manager.fake_nginx import CLOSED, LOGIN, OFFLINE, OPEN
from tests.unit.lab_proxy_manager.test_api import make_pair
from tests.unit.lab_proxy_manager.world import EMAIL, PASSWORD, World

from .support import DoubleTransport, refuse, settle, succeed, task

APP, OTHER = "app.example.com", "other.example.com"


def test_a_certificate_is_requested_once_whatever_the_order_of_names(npm: World) -> None:
    done = settle(CERTIFICATE, npm, domain_names=[OTHER, APP], key_type="ecdsa")
    requests = zip(done.transport.calls, done.transport.timeouts, strict=True)
    assert [seconds for call, seconds in requests if call == ("POST", "/api/nginx/certificates")] == [None, 900]
    assert not succeed(CERTIFICATE, npm, domain_names=[APP.upper(), OTHER]).changed
    assert len(npm.ok("GET", "/nginx/certificates")) == 1


def test_hosts_of_the_names_stay_protected_throughout(npm: World) -> None:
    npm.host(APP, access_list_id=npm.access_list(), advanced_config="gzip off;")
    npm.host(OTHER)
    npm.nginx.watch, npm.nginx.seen = APP, []
    succeed(CERTIFICATE, npm, domain_names=[APP, OTHER])
    assert npm.nginx.seen[-1] == LOGIN
    assert OPEN not in npm.nginx.seen
    assert set(npm.nginx.seen) == {CLOSED, OFFLINE, LOGIN}
    assert npm.nginx.state(OTHER) == OPEN  # it had no list before, and it is served again
    assert npm.ok("GET", "/nginx/proxy-hosts/1")["advanced_config"] == "gzip off;"


def test_a_refused_request_says_why_and_leaves_hosts_as_they_were(npm: World) -> None:
    npm.host("app.invalid", access_list_id=npm.access_list())
    npm.nginx.watch, npm.nginx.seen = "app.invalid", []
    outcome = task(CERTIFICATE, npm, domain_names=["app.invalid"])
    assert "Some challenges have failed" in outcome.result["msg"]
    assert outcome.result["failure"] == {"status": 500, "code": "status", "path": "/api/nginx/certificates"}
    assert npm.nginx.seen[-1] == LOGIN
    assert OPEN not in npm.nginx.seen


def test_another_request_under_way_is_waited_for(npm: World) -> None:
    params = {"provider": "letsencrypt", "domain_names": [APP], "key_type": None, "renew_before_days": 0}
    params |= {"api_email": EMAIL, "api_password": PASSWORD, "state": "present", "certificate": None}
    pauses: list[float] = []

    def wait(seconds: float) -> None:
        pauses.append(seconds)
        npm.backend.certbot.release()

    client = CertificateClient(Api(DoubleTransport(npm)), params, sleep=wait)
    npm.backend.certbot.acquire()
    client.create(None, plan(FIELDS, params, None))
    assert pauses == [5]
    assert len(npm.ok("GET", "/nginx/certificates")) == 1


def test_renewal_is_served_at_once(npm: World) -> None:
    npm.host(APP, certificate_id=npm.certificate(APP))
    done = succeed(CERTIFICATE, npm, domain_names=[APP], renew_before_days=80)
    assert not done.changed
    certificate = npm.ok("GET", "/nginx/certificates")[0]
    age(npm, certificate["id"], 100)
    done = settle(CERTIFICATE, npm, domain_names=[APP], renew_before_days=30)
    assert done.transport.work == [
        ("POST", "/api/nginx/certificates/1/renew"),
        ("PUT", "/api/nginx/proxy-hosts/1"),
    ]


def test_a_certificate_in_use_is_not_removed(npm: World) -> None:
    npm.host(APP, certificate_id=npm.certificate(APP))
    assert f"used by {APP}" in refuse(CERTIFICATE, npm, domain_names=[APP], state="absent")
    npm.ok("DELETE", "/nginx/proxy-hosts/1")
    settle(CERTIFICATE, npm, domain_names=[APP], state="absent")
    assert npm.ok("GET", "/nginx/certificates") == []


def test_a_key_of_another_kind_is_an_error_with_the_way_out(npm: World) -> None:
    settle(CERTIFICATE, npm, domain_names=[APP], key_type="ecdsa")
    assert "state=absent" in refuse(CERTIFICATE, npm, domain_names=[APP], key_type="rsa")


@pytest.mark.parametrize(
    ("names", "message"),
    [(["*.example.com"], "DNS challenge"), (["two words"], "no host name"), ([""], "no host name")],
)
def test_names_that_cannot_be_requested_are_refused(npm: World, names: list[str], message: str) -> None:
    assert message in refuse(CERTIFICATE, npm, domain_names=names)


def test_a_brought_certificate_is_compared_exactly_and_its_key_hidden(npm: World, tmp_path: Path) -> None:
    mine = custom(tmp_path, "one")
    done = settle(CERTIFICATE, npm, **mine)
    npm.host(APP, certificate_id=done.result["certificate"]["id"])
    assert mine["certificate_key"].splitlines()[1] not in str(done.result)
    done = settle(CERTIFICATE, npm, **custom(tmp_path, "two"))
    assert ("PUT", "/api/nginx/proxy-hosts/1") in done.transport.writes
    assert len(npm.ok("GET", "/nginx/certificates")) == 1


def test_line_ends_make_no_other_certificate(npm: World, tmp_path: Path) -> None:
    mine = custom(tmp_path, "one")
    settle(CERTIFICATE, npm, **mine)
    dos = {**mine, "certificate": mine["certificate"].replace("\n", "\r\n") + "\r\n"}
    assert not succeed(CERTIFICATE, npm, **dos).changed


def test_key_and_certificate_must_belong_together(npm: World, tmp_path: Path) -> None:
    mixed = {**custom(tmp_path, "one"), "certificate_key": custom(tmp_path, "two")["certificate_key"]}
    assert "cannot be used together" in refuse(CERTIFICATE, npm, **mixed)


def test_a_key_with_a_passphrase_never_reaches_the_server(npm: World, tmp_path: Path) -> None:
    mine = custom(tmp_path, "one")
    mine["certificate_key"] = mine["certificate_key"].replace("PRIVATE", "ENCRYPTED PRIVATE")
    assert "passphrase" in refuse(CERTIFICATE, npm, **mine)


def test_a_row_without_an_upload_is_completed(npm: World, tmp_path: Path) -> None:
    npm.ok("POST", "/nginx/certificates", {"provider": "other", "nice_name": "hospital"})
    assert settle(CERTIFICATE, npm, **custom(tmp_path, "one")).changed


def test_a_new_one_must_be_given(npm: World) -> None:
    assert "needs certificate and certificate_key" in refuse(CERTIFICATE, npm, provider="custom", name="hospital")


def age(npm: World, number: int, days: int) -> None:
    """Let so many days pass for a certificate."""
    row = npm.backend.store.get("certificate", number)
    assert row is not None
    times = {name: datetime.datetime.fromisoformat(row[name]) for name in ("created_on", "modified_on", "expires_on")}
    passed = {name: str(time - datetime.timedelta(days=days)) for name, time in times.items()}
    npm.backend.store.patch("certificate", number, passed)


def custom(folder: Path, subject: str) -> dict[str, Any]:
    """Return the options of a brought certificate."""
    certificate, key = make_pair(folder, f"/CN={subject}.example.com")
    return {"provider": "custom", "name": "hospital", "certificate": certificate, "certificate_key": key}
