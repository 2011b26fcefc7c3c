# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nginx_proxy_manager_admin, and the login that all modules share."""

from __future__ import annotations

from typing import Any

import pyotp
import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils.nginx_proxy_manager.access_list import ACCESS_LIST
from ansible_collections.mediverse.pacs.plugins.module_utils.nginx_proxy_manager.admin import ADMIN
from ansible_collections.mediverse.pacs.plugins.module_utils.nginx_proxy_manager.certificate import CERTIFICATE
from ansible_collections.mediverse.pacs.plugins.module_utils.nginx_proxy_manager.proxy_host import PROXY_HOST

from tests.unit.lab_proxy_manager.world import EMAIL, PASSWORD, World

from .support import refuse, settle, succeed, task

LIST: dict[str, Any] = {"name": "staff", "clients": [{"address": "10.8.0.0/24"}]}


def test_the_first_administrator_can_log_in(world: World) -> None:
    done = settle(ADMIN, world, api_email=f" {EMAIL.upper()}")
    assert done.result["admin"] | {"id": 1} == {
        "full_name": "Administrator",
        "nickname": "Admin",
        "login_works": True,
        "email": EMAIL,
        "id": 1,
    }
    world.log_in()
    assert PASSWORD not in str(done.result)


def test_an_administrator_who_exists_is_left_alone(npm: World) -> None:
    assert not succeed(ADMIN, npm).changed
    assert settle(ADMIN, npm, full_name="Ada Lovelace").result["diff"]["before"]["full_name"] == "Ada"


def test_password_and_address_change_together(npm: World) -> None:
    change = {"api_email": "new@example.com", "api_password": "a'nother$ecret"}
    done = settle(ADMIN, npm, **change, current_email=EMAIL, current_password=PASSWORD)
    assert done.result["diff"]["before"]["login_works"] is False
    npm.log_in("new@example.com", "a'nother$ecret")


def test_the_address_alone_changes(npm: World) -> None:
    settle(ADMIN, npm, api_email="new@example.com", current_email=EMAIL)
    npm.log_in("new@example.com", PASSWORD)


def test_without_the_present_password_nothing_is_tried(npm: World) -> None:
    said = refuse(ADMIN, npm, api_password="not-the-one")
    assert "current_email and current_password" in said
    assert "not-the-one" not in said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"api_password": "short"}, "api_password has 5 characters; expected 8 to 64."),
        ({"api_password": "x" * 65}, "api_password has 65 characters; expected 8 to 64."),
        ({"api_password": "\u00fc" * 37}, "not printable ASCII"),
        ({"api_password": "changeme"}, "a well-known default"),
        ({"api_email": "nobody"}, "api_email is 'nobody', which is not an e-mail address"),
    ],
)
def test_what_the_server_would_accept_and_lock_out_is_refused(
    world: World, options: dict[str, Any], message: str
) -> None:
    assert message in refuse(ADMIN, world, **options)
    assert not world.backend.is_set_up()


def test_other_modules_say_what_is_missing(world: World) -> None:
    assert "nginx_proxy_manager_admin first" in refuse(ACCESS_LIST, world, **LIST)
    assert succeed(ACCESS_LIST, world, check_mode=True, **LIST).changed


def test_a_refused_login_is_a_login_failure(npm: World) -> None:
    outcome = task(ACCESS_LIST, npm, **LIST, api_password="wrong-one")
    assert outcome.result["failure"]["code"] == "login"
    assert "api_email and api_password" in outcome.result["msg"]


def test_a_second_factor_is_an_error_of_its_own(npm: World) -> None:
    secret = npm.ok("POST", "/users/me/2fa", {})["secret"]
    npm.ok("POST", "/users/me/2fa/enable", {"code": pyotp.TOTP(secret).now()})
    outcome = task(ACCESS_LIST, npm, **LIST)
    assert outcome.result["failure"]["code"] == "login"
    assert "two-factor" in outcome.result["msg"]


def test_an_account_that_is_no_administrator_is_not_believed(npm: World) -> None:
    auth = {"type": "password", "secret": "bobs-password"}
    npm.ok("POST", "/users", {"name": "Bob", "nickname": "Bob", "email": "bob@example.com", "auth": auth})
    said = refuse(ACCESS_LIST, npm, **LIST, api_email="bob@example.com", api_password="bobs-password")
    assert "is no administrator" in said


def test_one_login_serves_a_whole_run(npm: World) -> None:
    done = succeed(ACCESS_LIST, npm, **LIST)
    assert done.transport.calls.count(("POST", "/api/tokens")) == 1


def test_something_else_behind_the_address_is_recognised(npm: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for said in ((200, {"status": "fine"}), (404, {"error": "no such page"})):
        monkeypatch.setattr(npm, "respond", lambda *args, said=said: said)
        assert "admin port (81)" in refuse(ACCESS_LIST, npm, **LIST)


def test_a_run_that_ended_between_the_two_changes_is_finished(npm: World) -> None:
    npm.ok("PUT", "/users/me", {"email": "new@example.com"})
    new = {"api_email": "new@example.com", "api_password": "a'nother$ecret"}
    settle(ADMIN, npm, **new, current_email=EMAIL, current_password=PASSWORD)
    npm.log_in(new["api_email"], new["api_password"])


@pytest.mark.parametrize("version", [(2, 12, 6), (2, 13, 2), (2, 14, 0)])
def test_an_older_server_is_refused_in_one_sentence(npm: World, version: tuple[int, int, int]) -> None:
    npm.restart(version)
    said = refuse(ACCESS_LIST, npm, **LIST)
    assert f"is version {'.'.join(map(str, version))}, and this collection needs 2.15.0 or newer" in said
    assert refuse(ADMIN, npm) == said
    assert refuse(PROXY_HOST, npm, domain="a.example.com", forward_host="x", forward_port=1) == said
    assert refuse(CERTIFICATE, npm, domain_names=["a.example.com"]) == said
