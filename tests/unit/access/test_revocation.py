# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``gateway_revocation`` with the real rules of the store, cut off before and after each thing that it writes."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.mediverse.pacs.plugins.action import gateway_revocation
from ansible_collections.mediverse.pacs.plugins.module_utils._site.secret_store import plan


class Cut(BaseException):
    """The controller loses its power."""


class Cloud:
    """The secrets of a site. ``left``: how much may be written before the cut."""

    def __init__(self, **stored: str) -> None:
        self.stored, self.left, self.down = dict(stored), 99, False

    def asks(self, state: str, check: bool = False, **given: Any) -> dict[str, Any]:
        action = object.__new__(gateway_revocation.ActionModule)
        action._task = SimpleNamespace(check_mode=check)
        action.secrets = lambda __, arguments: self._module(arguments, action._task.check_mode)
        defaults = {"site": "far", "former": False, "by_hand": False, "supplied": "", "login": ""}
        action.validate_argument_spec = lambda __: (None, {"state": state, **defaults, **given})
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(gateway_revocation.SecretsAction, "run", lambda *__: {})
            done: dict[str, Any] = action.run(task_vars={})
        return done

    def _module(self, arguments: dict[str, Any], check: bool) -> dict[str, Any]:
        if self.down:
            return {"failed": True, "msg": "far-cloud does not answer."}
        assert arguments["site"] == "far"
        more = {name: value for name, value in arguments.items() if name not in ("site", "purposes")}
        decided = plan(self.stored, arguments["purposes"], {}, **more)
        if decided.changed and not check:
            self.write(decided.secrets)
        secrets = {name: decided.secrets[name] for name in arguments["purposes"]}
        return {"changed": decided.changed, "generated": decided.generated, "secrets": secrets}

    def write(self, values: dict[str, str]) -> None:
        if self.left == 0:
            raise Cut
        self.left -= 1
        self.stored = dict(values)

    def revokes(self, **given: Any) -> bool:
        """The whole of it, as the playbook has it; whether anything has changed."""
        begun = self.asks("begun", **given)
        if begun["replaces"]:
            self.write({**self.stored, "orthanc_gateway": f"{self.stored['orthanc_gateway']}+"})
        login = self.stored["orthanc_gateway"] if begun["replaces"] else ""
        ended = self.asks("ended", login=login, **given)
        return bool(begun["changed"] or begun["replaces"] or ended["changed"])


def noted(word: str, login: str) -> str:
    return f"{word} {hashlib.sha256(login.encode()).hexdigest()}"


KNOWN = {"orthanc_gateway": "old", "gateway_pc": "{}", "gateway_enrolment_key": "pem", "viewer_login": "v"}


def test_the_login_is_another_one_and_the_pc_is_forgotten_and_then_nothing_changes() -> None:
    cloud = Cloud(**KNOWN)
    assert cloud.revokes()
    after = {"orthanc_gateway": "old+", "gateway_login_state": noted("fresh", "old+"), "viewer_login": "v"}
    assert cloud.stored == after
    assert not cloud.revokes()
    assert cloud.stored == after


def test_of_a_former_pc_the_one_in_its_place_stays() -> None:
    cloud = Cloud(**KNOWN)
    assert cloud.revokes(former=True)
    assert cloud.stored == {
        **KNOWN,
        "orthanc_gateway": "old+",
        "gateway_login_state": noted("given", "old+"),
    }
    assert not cloud.revokes(former=True)
    # The one in its place knows the new login.
    assert cloud.revokes()
    assert "gateway_pc" not in cloud.stored


@pytest.mark.parametrize("former", [False, True])
@pytest.mark.parametrize("writes", [0, 1, 2])
def test_after_a_cut_the_next_run_ends_with_another_login(writes: int, former: bool) -> None:
    cloud = Cloud(**KNOWN)
    cloud.left = writes
    with pytest.raises(Cut):
        cloud.revokes(former=former)
    cloud.left = 99
    assert cloud.revokes(former=former)
    login = cloud.stored["orthanc_gateway"]
    assert login != "old"
    assert cloud.stored["gateway_login_state"] == noted("given" if former else "fresh", login)
    assert ("gateway_pc" in cloud.stored) is former


def test_a_supplied_login_that_is_lost_is_refused_and_stays_refused_until_it_is_another() -> None:
    cloud = Cloud(**KNOWN)
    for __ in range(2):
        with pytest.raises(AnsibleActionFail, match="orthanc_gateway in mediverse_secrets is the login that"):
            cloud.asks("begun", supplied="old")
    assert cloud.stored == {**KNOWN, "gateway_login_state": noted("lost", "old")}
    # A run of mediverse.pacs.site has stored it meanwhile.
    cloud.stored["orthanc_gateway"] = "another"
    assert cloud.asks("begun", supplied="another") == {"changed": False, "replaces": True}


def test_check_mode_writes_nothing() -> None:
    cloud = Cloud(**KNOWN)
    cloud.left = 0
    assert cloud.asks("begun", check=True) == {"changed": True, "replaces": True}
    assert cloud.asks("ended", check=True, login="old")["changed"] is True


def test_a_site_that_was_never_built_has_nothing_to_replace() -> None:
    cloud = Cloud()
    assert not cloud.revokes()
    assert cloud.stored == {}


def test_a_cloud_that_does_not_answer_is_told() -> None:
    cloud = Cloud(**KNOWN)
    cloud.down = True
    for state in ("begun", "ended"):
        with pytest.raises(AnsibleActionFail, match="far-cloud does not answer"):
            cloud.asks(state)
