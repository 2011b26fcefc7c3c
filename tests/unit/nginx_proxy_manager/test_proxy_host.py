# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nginx_proxy_manager_proxy_host against the traps of the server."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils.nginx_proxy_manager.proxy_host import PROXY_HOST

from tests.unit.lab_proxy_manager.fake_nginx import CLOSED, LOGIN, OFFLINE, OPEN
from tests.unit.lab_proxy_manager.world import World

from .support import refuse, settle, succeed, task

APP = "app.example.com"
HOST: dict[str, Any] = {"domain": APP, "forward_host": "upstream", "forward_port": 8000}
TLS = {"certificate": APP, "ssl_forced": True, "http2_support": True, "hsts_enabled": True}


def test_a_host_is_made_once_with_names_resolved(npm: World) -> None:
    npm.access_list()
    npm.certificate(APP)
    done = settle(PROXY_HOST, npm, **HOST, **TLS, access_list="staff", allow_websocket_upgrade=True)
    shown = done.result["proxy_host"]
    assert (shown["access_list"], shown["certificate"], shown["nginx_accepts"]) == ("staff", APP, True)
    assert npm.nginx.state(APP) == LOGIN
    assert npm.nginx.has_tls(APP)
    assert done.transport.work == [("POST", "/api/nginx/proxy-hosts")]


def test_only_what_the_task_names_is_changed(npm: World) -> None:
    settle(PROXY_HOST, npm, **HOST, block_exploits=True, advanced_config="gzip off;")
    settle(PROXY_HOST, npm, domain=APP, forward_port=9)
    row = npm.ok("GET", "/nginx/proxy-hosts/1")
    assert (row["forward_port"], row["block_exploits"], row["advanced_config"]) == (9, True, "gzip off;")


def test_names_are_compared_without_order_and_case(npm: World) -> None:
    npm.host("B.example.com", domain_names=["B.example.com", APP], forward_port=8000)
    done = succeed(PROXY_HOST, npm, **HOST, domain_names=[APP, "b.example.com"])
    assert not done.changed


def test_enabling_never_shows_a_protected_host_to_anybody(npm: World) -> None:
    npm.access_list()
    settle(PROXY_HOST, npm, **HOST, access_list="staff", advanced_config="gzip off;")
    settle(PROXY_HOST, npm, domain=APP, enabled=False)
    assert npm.nginx.state(APP) == OFFLINE
    npm.nginx.watch, npm.nginx.seen = APP, []
    settle(PROXY_HOST, npm, domain=APP, enabled=True)
    assert npm.nginx.seen[-1] == LOGIN
    assert set(npm.nginx.seen) <= {OFFLINE, CLOSED, LOGIN}
    assert npm.ok("GET", "/nginx/proxy-hosts/1")["advanced_config"] == "gzip off;"


def test_enabled_is_never_part_of_a_put(npm: World) -> None:
    settle(PROXY_HOST, npm, **HOST)
    done = settle(PROXY_HOST, npm, domain=APP, enabled=False, forward_port=9)
    assert ("POST", "/api/nginx/proxy-hosts/1/disable") in done.transport.writes
    assert npm.nginx.state(APP) == OFFLINE


def test_a_new_host_may_start_disabled(npm: World) -> None:
    settle(PROXY_HOST, npm, **HOST, enabled=False)
    assert npm.nginx.state(APP) == OFFLINE


def test_a_host_that_a_dead_run_left_closed_is_opened_again(npm: World) -> None:
    npm.access_list()
    settle(PROXY_HOST, npm, **HOST, access_list="staff", advanced_config="gzip off;")
    line = "deny all; # mediverse.pacs: closed until its access list is back\ngzip off;"
    npm.ok("PUT", "/nginx/proxy-hosts/1", {"advanced_config": line})
    assert npm.nginx.state(APP) == CLOSED
    assert settle(PROXY_HOST, npm, domain=APP).changed
    assert npm.nginx.state(APP) == LOGIN


def test_what_nginx_refuses_fails_although_the_server_said_201(npm: World) -> None:
    outcome = task(PROXY_HOST, npm, **HOST, advanced_config="no_such_directive;")
    assert outcome.failed
    assert outcome.changed
    assert "unknown directive" in outcome.result["msg"]
    assert outcome.result["failure"]["code"] == "not_kept"
    assert settle(PROXY_HOST, npm, **HOST, advanced_config="").changed
    assert npm.nginx.state(APP) == OPEN


def test_a_refused_change_leaves_the_former_configuration_in_force(npm: World) -> None:
    npm.access_list()
    settle(PROXY_HOST, npm, **HOST, access_list="staff")
    outcome = task(PROXY_HOST, npm, domain=APP, advanced_config="no_such_directive;")
    assert outcome.failed
    assert "former configuration" in outcome.result["msg"]
    assert npm.nginx.state(APP) == LOGIN


def test_a_host_that_nginx_lost_is_sent_again(npm: World) -> None:
    settle(PROXY_HOST, npm, **HOST)
    npm.ok("PUT", "/nginx/proxy-hosts/1", {"advanced_config": "no_such_directive;"})
    assert npm.nginx.state(APP) == OFFLINE
    assert settle(PROXY_HOST, npm, **HOST, advanced_config="").changed
    assert npm.nginx.state(APP) == OPEN


def test_a_change_that_the_server_could_not_apply_is_not_taken_for_done(npm: World) -> None:
    settle(PROXY_HOST, npm, **HOST)
    breakage = npm.data / "nginx" / "proxy_host" / "99.conf"
    breakage.write_text("no_such_directive;")
    outcome = task(PROXY_HOST, npm, domain=APP, forward_port=9)
    assert outcome.result["failure"]["status"] == 500
    assert npm.ok("GET", "/nginx/proxy-hosts/1")["forward_port"] == 9  # stored, and not served
    breakage.unlink()
    assert settle(PROXY_HOST, npm, domain=APP, forward_port=9).changed
    assert "$port 9;" in npm.nginx.config(APP)


def test_a_failed_creation_leaves_no_row(npm: World) -> None:
    breakage = npm.data / "nginx" / "proxy_host" / "99.conf"
    breakage.write_text("no_such_directive;")
    assert task(PROXY_HOST, npm, **HOST).failed
    assert npm.ok("GET", "/nginx/proxy-hosts") == []


def test_names_that_do_not_exist_are_refused_before_anything_is_written(npm: World) -> None:
    assert "no access list called 'staff'" in refuse(PROXY_HOST, npm, **HOST, access_list="staff")
    assert f"no certificate '{APP}'" in refuse(PROXY_HOST, npm, **HOST, certificate=APP)


def test_check_mode_warns_of_names_that_earlier_tasks_would_have_made(npm: World) -> None:
    outcome = succeed(PROXY_HOST, npm, check_mode=True, **HOST, access_list="staff")
    assert outcome.changed
    assert "no access list called 'staff'" in outcome.result["warnings"][0]


def test_a_dangling_id_is_a_difference(npm: World) -> None:
    npm.access_list()
    npm.host(APP, access_list_id=999)
    assert settle(PROXY_HOST, npm, **HOST, access_list="staff").changed
    assert npm.nginx.state(APP) == LOGIN


def test_of_two_lists_with_one_name_none_is_chosen(npm: World) -> None:
    npm.access_list()
    npm.access_list()
    assert "2 access lists called 'staff'" in refuse(PROXY_HOST, npm, **HOST, access_list="staff")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ssl_forced": True}, "ssl_forced of proxy host 'app.example.com' needs certificate"),
        ({"certificate": APP, "hsts_enabled": True}, "needs ssl_forced"),
        ({"certificate": APP, "ssl_forced": True, "hsts_subdomains": True}, "needs hsts_enabled"),
        ({"access_list": "staff", "caching_enabled": True}, "without a login"),
        ({"access_list": "staff", "advanced_config": "location / { return 200; }"}, "has 'location /' to which"),
        ({"forward_host": "http://upstream"}, "without scheme"),
        ({"forward_port": 70000}, "from 1 to 65535"),
        ({"domain_names": ["other.example.com"]}, "must contain its domain"),
        ({"domain_names": [APP, "two words"]}, "must be a host name"),
    ],
)
def test_what_the_server_would_accept_and_not_do_is_refused(npm: World, options: dict[str, Any], message: str) -> None:
    npm.access_list()
    npm.certificate(APP)
    assert message in refuse(PROXY_HOST, npm, **{**HOST, **options})


def test_flags_do_not_flap_when_a_certificate_is_taken_away(npm: World) -> None:
    npm.certificate(APP)
    settle(PROXY_HOST, npm, **HOST, **TLS)
    settle(PROXY_HOST, npm, domain=APP, certificate="")
    row = npm.ok("GET", "/nginx/proxy-hosts/1")
    assert [row[name] for name in ("certificate_id", "ssl_forced", "http2_support", "hsts_enabled")] == [0] + [
        False
    ] * 3
    assert not settle(PROXY_HOST, npm, domain=APP, forward_port=9, ssl_forced=False).result["proxy_host"]["ssl_forced"]


def test_paths_are_lists_of_their_own(npm: World) -> None:
    location = {"path": "/api", "forward_host": "other", "forward_port": 81}
    settle(PROXY_HOST, npm, **HOST, locations=[location])
    settle(PROXY_HOST, npm, domain=APP, locations=[])


def test_removing_a_host_keeps_the_rest(npm: World) -> None:
    npm.access_list()
    settle(PROXY_HOST, npm, **HOST, access_list="staff")
    assert settle(PROXY_HOST, npm, domain=APP, state="absent").result["proxy_host"] == {}
    assert npm.nginx.state(APP) == OFFLINE
    assert len(npm.ok("GET", "/nginx/access-lists")) == 1


def test_passwords_that_hosts_give_away_do_not_reach_the_result(npm: World) -> None:
    npm.access_list(password="very-secret")
    done = succeed(PROXY_HOST, npm, **HOST, access_list="staff")
    assert "very-secret" not in str(done.result)
