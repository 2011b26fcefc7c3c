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
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.mediverse.pacs.plugins.action import gateway_revocation
from ansible_collections.mediverse.pacs.plugins.module_utils._site.secret_store import SecretsError, plan


class Cut(BaseException):
    """The controller loses its power."""


class Cloud:
    """The secrets of a site. ``left``: how much may be written before the cut."""

    def __init__(self, **stored: str) -> None:
        self.stored, self.left, self.down = dict(stored), 99, False
        # What another run does just before something is written.
        self.meanwhile: list[dict[str, str]] = []

    def asks(self, state: str, check: bool = False, **given: Any) -> dict[str, Any]:
        action = object.__new__(gateway_revocation.ActionModule)
        action._task = SimpleNamespace(check_mode=check)
        action.secrets = lambda __, arguments: self._module(arguments, action._task.check_mode)
        defaults = {"site": "far", "former": False, "by_hand": False, "supplied": "", "login": "", "pc": ""}
        action.validate_argument_spec = lambda *__, **___: (None, {"state": state, **defaults, **given})
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(gateway_revocation.SecretsAction, "run", lambda *__: {})
            done: dict[str, Any] = action.run(task_vars={})
        return done

    def _module(self, arguments: dict[str, Any], check: bool) -> dict[str, Any]:
        if self.down:
            return {"failed": True, "msg": "far-cloud does not answer."}
        assert arguments["site"] == "far"
        if "expected" in arguments and self.meanwhile:
            self.stored |= self.meanwhile.pop(0)
        more = {name: value for name, value in arguments.items() if name not in ("site", "purposes")}
        try:
            decided = plan(self.stored, arguments["purposes"], {}, **more)
        except SecretsError as error:
            return {"failed": True, "msg": str(error)}
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
        """The whole of it, in the order of the playbook (``test_revoke_playbook``); whether anything has changed."""
        begun = self.asks("begun", **given)
        if begun["replaces"]:
            self.write({**self.stored, "orthanc_gateway": f"{self.stored['orthanc_gateway']}+"})
        login = self.stored["orthanc_gateway"] if begun["replaces"] else ""
        ended = self.asks("ended", login=login, pc=begun["pc"], **given)
        return bool(begun["changed"] or begun["replaces"] or ended["changed"])


def noted(word: str, login: str) -> str:
    return f"{word} {hashlib.sha256(login.encode()).hexdigest()}"


def digest(text: str) -> str:
    return noted("", text).strip()


PC = "{}"
KNOWN = {"orthanc_gateway": "old", "gateway_pc": "{}", "gateway_enrolment_key": "pem", "viewer_login": "v"}


def test_the_login_is_another_one_and_the_pc_is_forgotten_and_then_nothing_changes() -> None:
    cloud = Cloud(**KNOWN)
    assert cloud.revokes()
    after = {
        "orthanc_gateway": "old+",
        "gateway_login_state": noted("fresh", "old+"),
        "orthanc_gateway_lost": digest("old"),
        "viewer_login": "v",
    }
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
        "orthanc_gateway_lost": digest("old"),
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
        with pytest.raises(AnsibleActionFail, match="orthanc_gateway in mediverse_secrets is a login that"):
            cloud.asks("begun", supplied="old")
    known = {name: value for name, value in KNOWN.items() if name != "gateway_enrolment_key"}
    noted_of_it = {"gateway_login_state": noted("lost", "old"), "orthanc_gateway_lost": digest("old")}
    assert cloud.stored == {**known, **noted_of_it}
    # A run of mediverse.pacs.site has stored it meanwhile.
    cloud.stored["orthanc_gateway"] = "another"
    assert cloud.asks("begun", supplied="another") == {
        "changed": False,
        "replaces": True,
        "built": True,
        "pc": digest(PC),
    }


def test_check_mode_writes_nothing() -> None:
    cloud = Cloud(**KNOWN)
    cloud.left = 0
    begun = cloud.asks("begun", check=True)
    assert begun == {"changed": True, "replaces": True, "built": True, "pc": digest(PC)}
    assert cloud.asks("ended", check=True, login="new", pc=begun["pc"]) == {"changed": True, "came": False}


def test_a_site_that_was_never_built_has_nothing_to_replace() -> None:
    cloud = Cloud()
    assert not cloud.revokes()
    assert cloud.stored == {}
    assert cloud.asks("begun")["built"] is False


def test_a_cloud_that_does_not_answer_is_told() -> None:
    cloud = Cloud(**KNOWN)
    cloud.down = True
    for state in ("begun", "ended"):
        with pytest.raises(AnsibleActionFail, match="far-cloud does not answer"):
            cloud.asks(state)


@pytest.mark.parametrize("meanwhile", [False, True], ids=["before the end", "between its look and its write"])
def test_a_pc_that_was_accepted_meanwhile_stays(meanwhile: bool) -> None:
    cloud = Cloud(**KNOWN)
    begun = cloud.asks("begun")
    came = {"gateway_pc": "B", "gateway_enrolment_key": "of its stick", "gateway_login_state": noted("former", "old")}
    cloud.stored["orthanc_gateway"] = "new"
    if meanwhile:
        cloud.meanwhile = [came]
    else:
        cloud.stored |= came
    assert cloud.asks("ended", login="new", pc=begun["pc"]) == {"changed": True, "came": True}
    assert cloud.stored["gateway_pc"] == "B"
    assert cloud.stored["gateway_enrolment_key"] == "of its stick"
    assert cloud.stored["gateway_login_state"] == noted("given", "new")
    # It is that one which is gone, and the next run is about it.
    assert cloud.revokes()
    assert "gateway_pc" not in cloud.stored


def test_where_others_never_cease_to_come_between_it_fails() -> None:
    cloud = Cloud(**KNOWN)
    cloud.meanwhile = [{"gateway_pc": str(number)} for number in range(9)]
    with pytest.raises(AnsibleActionFail, match="Another run has changed gateway_pc of this site"):
        cloud.asks("ended", login="new", pc=digest(PC))
    assert len(cloud.meanwhile) == 6


def test_a_stick_that_is_made_meanwhile_keeps_its_key() -> None:
    cloud = Cloud(**KNOWN)
    begun = cloud.asks("begun")
    assert "gateway_enrolment_key" not in cloud.stored
    cloud.stored |= {"orthanc_gateway": "new", "gateway_enrolment_key": "of the next stick"}
    cloud.asks("ended", login="new", pc=begun["pc"])
    assert cloud.stored["gateway_enrolment_key"] == "of the next stick"
    assert "gateway_pc" not in cloud.stored


def test_a_lost_login_comes_back_by_nobody() -> None:
    supplied = {"orthanc_gateway": "login-of-an-operator"}
    cloud = Cloud(**KNOWN | supplied)
    assert cloud.revokes()
    # And once more, as it is the list that remembers.
    cloud.stored["gateway_pc"] = "next"
    assert cloud.revokes()
    with pytest.raises(SecretsError, match="supplied for orthanc_gateway is refused: a PC that was locked out"):
        plan(cloud.stored, ["orthanc_gateway"], dict(supplied))
    assert plan(cloud.stored, ["orthanc_gateway"], {"orthanc_gateway": "another-of-an-operator"}).changed


def test_a_cloud_that_has_got_a_lost_login_again_forgets_nothing() -> None:
    cloud = Cloud(**KNOWN)
    begun = cloud.asks("begun")
    with pytest.raises(AnsibleActionFail, match="has got a login again that the PC may know; nothing was forgotten"):
        cloud.asks("ended", login="old", pc=begun["pc"])
    assert cloud.stored["gateway_pc"] == PC


def test_the_end_needs_what_the_beginning_has_said_of_the_pc() -> None:
    rules = ArgumentSpecValidator(gateway_revocation.ARGUMENTS, required_if=gateway_revocation.REQUIRED)
    for more, missing in (({}, 1), ({"pc": ""}, 0), ({"pc": "mark"}, 0)):
        assert len(rules.validate({"site": "far", "state": "ended", **more}).error_messages) == missing
    assert not rules.validate({"site": "far", "state": "begun"}).error_messages
