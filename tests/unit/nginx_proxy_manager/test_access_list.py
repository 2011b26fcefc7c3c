# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nginx_proxy_manager_access_list against the traps of the server."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils.nginx_proxy_manager.access_list import ACCESS_LIST

from tests.lab.proxy_manager import access_lists
from tests.lab.proxy_manager.errors import Internal
from tests.unit.lab_proxy_manager.fake_nginx import LOGIN
from tests.unit.lab_proxy_manager.world import World

from .support import refuse, settle, succeed, task

ANN = {"username": "ann", "password": "hunter22"}
LIST: dict[str, Any] = {"name": "staff", "items": [ANN]}


def stored(npm: World, host: int = 1) -> dict[str, str]:
    """Return users and passwords as a host gives them away."""
    said = npm.ok("GET", f"/nginx/proxy-hosts/{host}?expand=access_list.[items]")
    return {item["username"]: item["password"] for item in said["access_list"]["items"]}


def test_a_list_is_made_once_and_does_not_pass_logins_on(npm: World) -> None:
    done = settle(ACCESS_LIST, npm, **LIST)
    assert done.result["access_list"]["pass_auth"] is False
    assert "hunter22" not in str(done.result)
    assert (npm.data / "access" / "1").read_text().startswith("ann:$apr1$")


def test_flags_are_sent_together_with_the_name(npm: World) -> None:
    settle(ACCESS_LIST, npm, **LIST)
    assert settle(ACCESS_LIST, npm, **LIST, satisfy_any=True).result["access_list"]["satisfy_any"] is True


def test_another_password_of_the_same_form_is_seen_when_a_host_uses_the_list(npm: World) -> None:
    settle(ACCESS_LIST, npm, **LIST)
    npm.host("app.example.com", access_list_id=1)
    done = settle(ACCESS_LIST, npm, name="staff", items=[{"username": "ann", "password": "hunter23"}])
    assert done.changed
    assert stored(npm) == {"ann": "hunter23"}
    assert "hunter22" in done.secrets  # read back, so it is registered to be masked
    assert npm.nginx.state("app.example.com") == LOGIN


def test_another_password_of_an_unused_list_is_seen_by_its_hint(npm: World) -> None:
    settle(ACCESS_LIST, npm, **LIST)
    assert settle(ACCESS_LIST, npm, name="staff", items=[{"username": "ann", "password": "longer-password"}]).changed


def test_passwords_can_be_left_to_their_users(npm: World) -> None:
    settle(ACCESS_LIST, npm, **LIST)
    npm.host("app.example.com", access_list_id=1)
    items = [{"username": "ann", "password": "other"}, {"username": "bob", "password": "builder1"}]
    settle(ACCESS_LIST, npm, name="staff", items=items, update_password="on_create")
    assert stored(npm) == {"ann": "hunter22", "bob": "builder1"}


def test_users_without_a_password_keep_theirs_and_others_go(npm: World) -> None:
    settle(ACCESS_LIST, npm, name="staff", items=[ANN, {"username": "bob", "password": "builder1"}])
    npm.host("app.example.com", access_list_id=1)
    settle(ACCESS_LIST, npm, name="staff", items=[{"username": "ann"}])
    assert stored(npm) == {"ann": "hunter22"}


def test_a_new_user_needs_a_password(npm: World) -> None:
    settle(ACCESS_LIST, npm, **LIST)
    assert "need a password: bob" in refuse(ACCESS_LIST, npm, name="staff", items=[ANN, {"username": "bob"}])


def test_addresses_alone_leave_the_users_alone(npm: World) -> None:
    settle(ACCESS_LIST, npm, **LIST)
    npm.host("app.example.com", access_list_id=1)
    settle(
        ACCESS_LIST, npm, name="staff", clients=[{"address": "10.8.0.0/24"}, {"address": "all", "directive": "deny"}]
    )
    assert stored(npm) == {"ann": "hunter22"}
    inside = npm.nginx.config("app.example.com")
    assert inside.index("allow 10.8.0.0/24;") < inside.index("deny all;")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"items": [{"username": "ann", "password": ""}]}, "empty"),
        ({"items": [{"username": "ann", "password": "-dash"}]}, "minus"),
        ({"items": [{"username": "a:b", "password": "x"}]}, "no colon"),
        ({"items": [ANN, ANN]}, "each user once"),
        ({"clients": [{"address": "10.0.0.300"}]}, "no address or network"),
        ({"clients": [{"address": "10.0.0.1/8"}]}, "no address or network"),
        ({"items": []}, "let everybody in"),
    ],
)
def test_what_would_break_the_server_is_refused(npm: World, options: dict[str, Any], message: str) -> None:
    said = refuse(ACCESS_LIST, npm, **{**LIST, **options})
    assert message in said
    assert "-dash" not in said


def test_a_list_in_use_is_not_removed(npm: World) -> None:
    settle(ACCESS_LIST, npm, **LIST)
    npm.host("app.example.com", access_list_id=1)
    assert "used by app.example.com" in refuse(ACCESS_LIST, npm, check_mode=True, name="staff", state="absent")
    assert npm.nginx.state("app.example.com") == LOGIN
    npm.ok("DELETE", "/nginx/proxy-hosts/1")
    settle(ACCESS_LIST, npm, name="staff", state="absent")


def test_a_name_that_two_lists_have_is_refused(npm: World) -> None:
    npm.access_list()
    npm.access_list()
    assert "2 access lists called 'staff'" in refuse(ACCESS_LIST, npm, **LIST)


def test_a_failed_creation_leaves_no_row(npm: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(password: str) -> str:
        raise Internal("openssl failed")

    monkeypatch.setattr(access_lists, "_apr1", fail)
    assert task(ACCESS_LIST, npm, **LIST).result["failure"]["status"] == 500
    assert npm.ok("GET", "/nginx/access-lists") == []


def test_an_orphan_of_somebody_else_is_completed(npm: World) -> None:
    npm.call("POST", "/nginx/access-lists", {"name": "staff"})
    assert settle(ACCESS_LIST, npm, **LIST).changed


def test_both_lists_are_masked_in_the_diff(npm: World) -> None:
    settle(ACCESS_LIST, npm, **LIST)
    done = succeed(ACCESS_LIST, npm, name="staff", items=[{"username": "ann", "password": "quite-new-1"}])
    assert done.result["diff"]["before"]["items"] == [{"username": "ann", "password": "********"}]
    assert "quite-new-1" not in str(done.result)
