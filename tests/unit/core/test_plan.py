# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""plan(): what is decided, from two dictionaries."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.errors import InputError
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.fields import Field
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.reconcile import (
    ALWAYS,
    WHEN_CHANGED,
    Plan,
    matches,
    not_kept,
    plan,
    seal_of,
)

FIELDS = (
    Field("name", key=True),
    Field("host", "Host", needed=True),
    Field("port", "Port", type="int", default=104),
    Field("kind", "Kind", immutable=True),
    Field("token", "Token", secret=True),
    Field("password", "Password", secret=True, write_only=True),
    Field("seen", "Seen", read_only=True),
    Field("online", "Online", constant=True),
)
CURRENT: dict[str, Any] = {"Host": "h", "Port": 11112, "Kind": "a", "Token": "t0", "Seen": 5, "Online": True, "X": 1}


def _plan(params: dict[str, Any], current: dict[str, Any] | None, **more: Any) -> Plan:
    return plan(FIELDS, {"name": "n", **params}, current, noun="thing 'n'", **more)


def test_nothing_to_do() -> None:
    planned = _plan({"host": "h"}, CURRENT)
    assert planned.action == "none"
    assert not planned.changed
    assert planned.delta == {}
    assert planned.before == planned.after == {"name": "n", "host": "h", "online": True}


def test_creation_has_defaults_constants_and_secrets() -> None:
    planned = _plan({"host": "h", "password": "pw"}, None)
    assert planned.action == "create"
    assert planned.desired == planned.delta == {"Host": "h", "Port": 104, "Password": "pw", "Online": True}
    assert planned.before == {}
    assert planned.after == {"name": "n", "host": "h", "port": 104, "password": "******** (new)", "online": True}


def test_a_default_is_not_compared_with_an_existing_object() -> None:
    assert _plan({"host": "h", "port": None}, CURRENT).action == "none"


def test_creation_without_a_needed_option() -> None:
    with pytest.raises(InputError, match=r"^thing 'n' does not exist yet, and creating it needs: host\.$"):
        _plan({}, None)


def test_update_has_the_difference_and_the_whole() -> None:
    planned = _plan({"host": "h2", "port": 11112}, CURRENT)
    assert planned.action == "update"
    assert planned.delta == {"Host": "h2"}
    assert planned.desired == {**CURRENT, "Host": "h2"}
    assert planned.differs == ("host",)
    assert planned.before == {"name": "n", "host": "h", "port": 11112, "online": True}
    assert planned.after == {"name": "n", "host": "h2", "port": 11112, "online": True}


def test_a_constant_repairs() -> None:
    planned = _plan({"host": "h"}, {**CURRENT, "Online": False})
    assert planned.delta == {"Online": True}
    assert planned.before["online"] is False


def test_secrets_are_masked_before_and_after() -> None:
    planned = _plan({"host": "h", "token": "t1"}, CURRENT)
    assert planned.delta == {"Token": "t1"}
    assert planned.before["token"] == "********"
    assert planned.after["token"] == "******** (new)"


def test_immutable() -> None:
    with pytest.raises(InputError, match=r"kind of thing 'n' is 'a' and cannot be changed to 'b'.*state=absent"):
        _plan({"host": "h", "kind": "b"}, CURRENT)
    assert _plan({"host": "h", "kind": "a"}, CURRENT).action == "none"


def test_write_only_on_create_is_silent_later_but_rides_along() -> None:
    assert _plan({"host": "h", "password": "pw"}, CURRENT).action == "none"
    planned = _plan({"host": "h2", "password": "pw"}, CURRENT)
    assert planned.delta == {"Host": "h2"}
    assert planned.desired["Password"] == "pw"


def test_write_only_always() -> None:
    assert _plan({"host": "h", "password": "pw"}, CURRENT, update_secret=ALWAYS).delta == {"Password": "pw"}
    assert _plan({"host": "h"}, CURRENT, update_secret=ALWAYS).action == "none"


def test_write_only_when_changed() -> None:
    sealed = {**CURRENT, "Seal": seal_of({"Password": "pw"}, b"s", 10)}
    how: dict[str, Any] = {"update_secret": WHEN_CHANGED, "fingerprint": "Seal", "salt": b"new"}
    assert _plan({"host": "h", "password": "pw"}, sealed, **how).action == "none"
    planned = _plan({"host": "h", "password": "pw2"}, sealed, **how)
    assert planned.delta["Password"] == "pw2"
    assert matches({"Password": "pw2"}, planned.delta["Seal"])
    assert _plan({"host": "h", "password": "pw"}, CURRENT, **how).changed
    assert _plan({"host": "h"}, sealed, **how).action == "none"


@pytest.mark.parametrize("stored", [None, "", "x", "pbkdf2-sha256$10$zz$00", "a$1$00$00", 7])
def test_damaged_fingerprints_match_nothing(stored: Any) -> None:
    assert not matches({"Password": "pw"}, stored)


def test_fingerprint_does_not_hold_the_value() -> None:
    assert "hunter22" not in seal_of({"Password": "hunter22"}, b"salt")


def test_absent() -> None:
    assert _plan({"state": "absent"}, None).action == "none"
    planned = _plan({"state": "absent", "host": "other"}, CURRENT)
    assert planned.action == "delete"
    assert planned.before == {
        "name": "n", "host": "h", "port": 11112, "kind": "a", "token": "********", "seen": 5, "online": True,
    }  # fmt: skip
    assert planned.after == {}


def test_plan_changes_neither_input() -> None:
    params = {"name": "n", "host": "h2"}
    current = {**CURRENT}
    plan(FIELDS, params, current).desired["Host"] = "other"
    assert params == {"name": "n", "host": "h2"}
    assert current == CURRENT


def test_not_kept() -> None:
    planned = _plan({"host": "h2", "token": "t1", "password": "x"}, CURRENT)
    assert not_kept(FIELDS, planned, {**CURRENT, "Host": "h2", "Token": "t1"}) == []
    assert not_kept(FIELDS, planned, CURRENT) == [("host", "h2", "h"), ("token", "********", "********")]
    assert not_kept(FIELDS, planned, None) == [("state", "present", "absent")]
    gone = _plan({"state": "absent"}, CURRENT)
    assert not_kept(FIELDS, gone, None) == []
    assert not_kept(FIELDS, gone, CURRENT) == [("state", "absent", "present")]
