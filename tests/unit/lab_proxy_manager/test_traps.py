# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The double has the traps of the real server; a client that is tested on it has met them all."""

from __future__ import annotations

import pytest

from tests.lab.proxy_manager.errors import NeverAnswers

from .fake_nginx import LOGIN, OFFLINE, OPEN
from .world import EMAIL, World

APP = "app.example.com"


def test_enable_loses_the_access_list_until_the_next_put(npm: World) -> None:
    host = npm.host(APP, access_list_id=npm.access_list())
    assert npm.nginx.state(APP) == LOGIN
    npm.ok("POST", f"/nginx/proxy-hosts/{host}/disable")
    assert npm.nginx.state(APP) == OFFLINE
    npm.ok("POST", f"/nginx/proxy-hosts/{host}/enable")
    assert npm.nginx.state(APP) == OPEN
    npm.ok("PUT", f"/nginx/proxy-hosts/{host}", {"forward_port": 8000})
    assert npm.nginx.state(APP) == LOGIN


def test_a_new_certificate_takes_hosts_offline_and_brings_them_back_open(npm: World) -> None:
    host = npm.host(APP, access_list_id=npm.access_list())
    npm.certificate(APP)
    assert npm.nginx.state(APP) == OFFLINE
    npm.nginx.reload()
    assert npm.nginx.state(APP) == OPEN
    assert not npm.nginx.has_tls(APP)
    npm.ok("PUT", f"/nginx/proxy-hosts/{host}", {"forward_port": 8000})
    assert npm.nginx.state(APP) == LOGIN


def test_a_failed_certificate_opens_hosts_at_once_and_leaves_no_row(npm: World) -> None:
    npm.host("a.invalid", access_list_id=npm.access_list())
    status, said = npm.call("POST", "/nginx/certificates", {"provider": "letsencrypt", "domain_names": ["a.invalid"]})
    assert status == 500
    assert "Some challenges have failed." in said["debug"]["stack"]
    assert npm.ok("GET", "/nginx/certificates") == []
    assert npm.nginx.state("a.invalid") == OPEN


def test_deleting_a_list_in_use_opens_its_hosts_and_drops_their_tls(npm: World) -> None:
    access = npm.access_list()
    npm.host(APP, access_list_id=access, certificate_id=npm.certificate(APP))
    npm.ok("DELETE", f"/nginx/access-lists/{access}")
    assert npm.nginx.state(APP) == OPEN
    assert not npm.nginx.has_tls(APP)


def test_deleting_a_certificate_in_use_breaks_every_write_until_the_host_is_switched_off(npm: World) -> None:
    certificate = npm.certificate(APP)
    host = npm.host(APP, certificate_id=certificate, ssl_forced=True)
    other = npm.host("other.example.com")
    npm.ok("DELETE", f"/nginx/certificates/{certificate}")
    assert npm.call("PUT", f"/nginx/proxy-hosts/{other}", {"forward_port": 1})[0] == 500
    assert npm.call("PUT", f"/nginx/proxy-hosts/{host}", {"certificate_id": 0})[0] == 500
    assert npm.ok("GET", f"/nginx/proxy-hosts/{host}")["certificate_id"] == 0  # stored all the same
    npm.ok("POST", f"/nginx/proxy-hosts/{host}/disable")
    npm.ok("POST", f"/nginx/proxy-hosts/{host}/enable")
    npm.ok("PUT", f"/nginx/proxy-hosts/{other}", {"forward_port": 1})


def test_enabled_in_a_put_is_stored_and_has_no_effect(npm: World) -> None:
    host = npm.host(APP)
    npm.ok("PUT", f"/nginx/proxy-hosts/{host}", {"enabled": False})
    assert npm.nginx.state(APP) == OPEN
    status, said = npm.call("POST", f"/nginx/proxy-hosts/{host}/disable")
    assert (status, said["error"]["message"]) == (400, "Host is already disabled")


def test_post_answers_201_although_nginx_refused_and_only_a_get_tells(npm: World) -> None:
    said = npm.ok(
        "POST",
        "/nginx/proxy-hosts",
        {"domain_names": [APP], "forward_scheme": "http", "forward_host": "x", "forward_port": 1}
        | {"advanced_config": "no_such_directive;", "meta": {"mine": 1}},
    )
    assert said["meta"] == {"mine": 1}
    meta = npm.ok("GET", f"/nginx/proxy-hosts/{said['id']}")["meta"]
    assert meta["nginx_online"] is False
    assert "unknown directive" in meta["nginx_err"]


def test_a_refused_put_removes_the_good_configuration(npm: World) -> None:
    host = npm.host(APP)
    said = npm.ok("PUT", f"/nginx/proxy-hosts/{host}", {"advanced_config": "no_such_directive;"})
    assert said["meta"]["nginx_online"] is False
    assert npm.nginx.state(APP) == OFFLINE


def test_dangling_ids_are_accepted(npm: World) -> None:
    npm.host(APP, access_list_id=999, certificate_id=999, ssl_forced=True)
    assert npm.nginx.state(APP) == OPEN
    assert not npm.nginx.has_tls(APP)


def test_flags_need_a_certificate_but_for_an_explicit_0(npm: World) -> None:
    assert npm.ok("GET", f"/nginx/proxy-hosts/{npm.host(APP, ssl_forced=True)}")["ssl_forced"] is False
    host = npm.host("b.example.com", ssl_forced=True, certificate_id=0)
    assert npm.ok("GET", f"/nginx/proxy-hosts/{host}")["ssl_forced"] is True
    assert npm.ok("PUT", f"/nginx/proxy-hosts/{host}", {"forward_port": 9})["ssl_forced"] is False


def test_a_list_without_items_fails_and_leaves_a_row(npm: World) -> None:
    assert npm.call("POST", "/nginx/access-lists", {"name": "x"})[0] == 500
    assert [row["name"] for row in npm.ok("GET", "/nginx/access-lists")] == ["x"]


def test_an_empty_password_is_never_answered(npm: World) -> None:
    with pytest.raises(NeverAnswers):
        npm.call("POST", "/nginx/access-lists", {"name": "x", "items": [{"username": "a", "password": ""}]})


def test_a_password_with_a_minus_leaves_half_a_file(npm: World) -> None:
    items = [{"username": "a", "password": "good"}, {"username": "b", "password": "-bad"}]
    assert npm.call("POST", "/nginx/access-lists", {"name": "x", "items": items})[0] == 500
    assert (npm.data / "access" / "1").read_text().startswith("a:$apr1$")


def test_an_impossible_address_passes_and_breaks_every_write(npm: World) -> None:
    access = npm.access_list(clients=[{"address": "10.0.0.300", "directive": "allow"}])
    npm.host(APP)
    npm.host("b.example.com", access_list_id=access)  # refused by nginx and taken out again
    status, __ = npm.call("PUT", f"/nginx/access-lists/{access}", {"name": "staff"})
    assert status == 500


def test_flags_of_a_list_count_only_with_its_name(npm: World) -> None:
    access = npm.access_list()
    assert npm.ok("PUT", f"/nginx/access-lists/{access}", {"satisfy_any": True})["satisfy_any"] is False
    assert npm.ok("PUT", f"/nginx/access-lists/{access}", {"satisfy_any": True, "name": "s"})["satisfy_any"] is True


def test_passwords_are_masked_on_the_list_and_clear_through_a_host(npm: World) -> None:
    access = npm.access_list()
    host = npm.host(APP, access_list_id=access)
    item = npm.ok("GET", f"/nginx/access-lists/{access}?expand=items")["items"][0]
    assert (item["password"], item["hint"]) == ("", "h*******")
    through = npm.ok("GET", f"/nginx/proxy-hosts/{host}?expand=access_list.[items]")
    assert through["access_list"]["items"][0]["password"] == "hunter22"
    nested = npm.ok("GET", f"/nginx/access-lists/{access}?expand=proxy_hosts.access_list.items")
    assert nested["proxy_hosts"][0]["access_list"]["items"][0]["password"] == "hunter22"


def test_without_a_token_nothing_says_so(world: World) -> None:
    world.set_up()
    world.token = None
    assert world.call("GET", "/nginx/proxy-hosts")[0] == 404
    assert world.call("GET", "/users/me")[0] == 500
    body = {"domain_names": [APP], "forward_scheme": "http", "forward_host": "x", "forward_port": 1}
    assert world.call("POST", "/nginx/proxy-hosts", body)[0] == 500
    world.token = "rubbish"
    assert world.call("GET", "/nginx/proxy-hosts")[0] == 500


def test_the_first_admin_may_lock_everybody_out(world: World) -> None:
    world.ok("POST", "/users", {"name": "A", "nickname": "A", "email": "Ada@Example.com", "auth": {"secret": "x"}})
    assert world.call("POST", "/tokens", {"identity": "Ada@Example.com", "secret": "x"})[0] == 400
    assert world.call("POST", "/users", {"name": "A", "nickname": "A", "email": "b@example.com"})[0] == 404


def test_of_an_administrators_password_the_first_72_bytes_count(world: World) -> None:
    auth = {"type": "password", "secret": "x" * 72 + "mine"}
    world.ok("POST", "/users", {"name": "Ada", "nickname": "Ada", "email": EMAIL, "auth": auth})
    world.log_in(password="x" * 72 + "another")
    assert world.call("POST", "/tokens", {"identity": EMAIL, "secret": "x" * 71 + "another"})[0] == 400
