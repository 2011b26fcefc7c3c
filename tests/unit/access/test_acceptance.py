# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Acceptance against the hub's real program, beside stand-ins for what that asks: what is shown, asked, admitted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure, AnsiblePromptNoninteractive
from ansible.utils.display import Display
from ansible_collections.mediverse.pacs.plugins.action import gateway_acceptance
from ansible_collections.mediverse.pacs.plugins.module_utils._access import report as reports
from ansible_collections.mediverse.pacs.plugins.module_utils._access.report import ReportError
from ansible_collections.mediverse.pacs.plugins.module_utils._access.store import AccessError, Places
from ansible_collections.mediverse.pacs.plugins.module_utils._site.secret_store import SecretsError, plan
from ansible_collections.mediverse.pacs.plugins.modules import hub_access
from ansible_collections.mediverse.pacs.plugins.plugin_utils import _enrolled as enrolled

from tests.unit.access.certificates import certificate
from tests.unit.access.hub_programs import TOKEN, Hub, fingerprint, moment, short, ssh_key
from tests.unit.access.hub_programs import report as reported
from tests.unit.access.test_enrolled import KEY, encrypted

CERTIFICATE = certificate("10.98.0.2", "127.0.0.1")[0]


# Encrypted once, as each time gives another text and so another fingerprint.
FIRST = [encrypted(f"first of {number}") for number in range(4)]


def report(number: int = 1, **change: Any) -> dict[str, Any]:
    """What PC ``number`` reports; its first password is for the key that the secrets of the site have."""
    return reported(number=number, **{"password": FIRST[number], **change})


class Operator:
    """Runs the action as a task would, and does on the PC's side what ``meanwhile`` has, one thing at each look."""

    def __init__(self, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        self.hub, self.meanwhile, self.says, self.shown, self.asked = hub, list[Any](), b"", list[str](), 0
        self.looks, self.secrets = 0, {"gateway_enrolment_key": KEY}
        # What a hub says that somebody has taken over, by the state that it is asked for.
        self.lies: dict[str, Callable[[dict[str, Any]], None]] = {}
        monkeypatch.setattr(Display, "display", lambda __, text, *___, **____: self.shown.append(text))
        monkeypatch.setattr(Display, "prompt_until", self._prompt)
        monkeypatch.setattr(gateway_acceptance, "_PAUSE", 0.0)

    def _prompt(self, *__: Any) -> bytes:
        self.asked += 1
        if not self.says:
            raise AnsiblePromptNoninteractive("no terminal")
        return self.says

    def _module(self, module_name: str, module_args: dict[str, Any], task_vars: Any) -> dict[str, Any]:
        assert (module_name, task_vars) == ("mediverse.pacs.hub_access", {})
        if module_args["state"] == "look":
            self.looks += 1
            if self.meanwhile and self.looks > 1:
                self.meanwhile.pop(0)()
        given = {"token": None, "fingerprint": None, "text": None, **module_args}
        try:
            done: dict[str, Any] = hub_access.run(given, False, Places(str(self.hub.root)))
            done = json.loads(json.dumps(done))
            if lie := self.lies.get(module_args["state"]):
                lie(done["access"])
            return done
        except (AccessError, ReportError) as error:
            return {"failed": True, "msg": str(error)}

    def accepts(self, check: bool = False, pc: str = "", **given: Any) -> dict[str, Any]:
        """``pc``: what is kept until now. The result has what is to be kept of it under that name, too."""
        self.looks = 0
        action = object.__new__(gateway_acceptance.ActionModule)
        action._task = SimpleNamespace(check_mode=check, async_val=False, diff=False)
        action._execute_module = self._module
        defaults = {
            "scanner_mac": "",
            "fingerprint": "",
            "text": "",
            "timeout": 600,
            "kind": "own",
            "state": "accepted",
        }
        secrets = {"gateway_pc": pc, **self.secrets} if pc else self.secrets
        made = {"orthanc_gateway": "made up", "gateway_enrolment_key": "made up"}
        found = {"secrets": {**made, **secrets}, "generated": set(made) - set(secrets)}
        action.validate_argument_spec = lambda __: (None, {"site": "kanifing", "found": found, **defaults, **given})
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(gateway_acceptance.ActionBase, "run", lambda *__: {})
            done: dict[str, Any] = action.run(task_vars={})
        if "keeps" in done:
            note = self.secrets.get("gateway_login_state", "")
            assert done["expects"] == {"gateway_pc": pc, "gateway_login_state": note}
            done["pc"] = done["keeps"]["gateway_pc"]
        return done


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    made = Hub(tmp_path)
    monkeypatch.setenv("PATH", made.environment["PATH"])
    return made


@pytest.fixture
def operator(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Operator:
    return Operator(hub, monkeypatch)


def stick(hub: Hub, ends: int = 48) -> None:
    token = {"token": TOKEN, "key": ssh_key(7), "made": moment(0), "ends": moment(ends), "way": "tunnel"}
    given = {"site": "kanifing", "state": "token", "token": token, "fingerprint": None, "text": None}
    hub_access.run(given, False, Places(str(hub.root)))


PC = report(certificate=CERTIFICATE)


def test_nothing_is_there_yet(hub: Hub, operator: Operator) -> None:
    with pytest.raises(AnsibleActionFail, match="There is no stick for kanifing; make one"):
        operator.accepts()
    stick(hub)
    with pytest.raises(AnsibleActionFail, match=r"No PC has reported for kanifing yet; run enrol\.cmd"):
        operator.accepts()
    assert "The time of the stick for kanifing was over at x" in enrolled.nothing_came(
        "k", {"ended": 1, "ends": "x"}
    ).replace("for k ", "for kanifing ")
    assert operator.asked == 0


def test_the_fingerprint_is_asked_for_and_the_same_pc_is_no_change(hub: Hub, operator: Operator) -> None:
    stick(hub)
    hub.send(PC)
    operator.says = b"YES\n"
    done = operator.accepts()
    assert (done["changed"], operator.asked) == (True, 1)
    assert f"Fingerprint: {fingerprint(PC)}" in operator.shown[0]
    pc = enrolled.kept(done["pc"], "kanifing")
    assert pc
    assert (pc.fingerprint, pc.certificate) == (reports.fingerprint(PC), CERTIFICATE)
    known: list[dict[str, Any]] = [{}, {"fingerprint": fingerprint(PC)}]
    for given in known:
        again = operator.accepts(pc=done["pc"], **given)
        assert (again["changed"], again["pc"], operator.asked) == (False, done["pc"], 1)
    with pytest.raises(
        AnsibleActionFail, match=r"has another fingerprint than was given.* A new PC has to report first"
    ):
        operator.accepts(fingerprint=fingerprint(report(number=2)))


@pytest.mark.parametrize("says", [b"", b"no", b"\n"])
def test_without_a_yes_nothing_changes(hub: Hub, operator: Operator, says: bytes) -> None:
    stick(hub)
    hub.send(PC)
    before, operator.says = hub.state(), says
    with pytest.raises(AnsibleActionFail, match=r"Nobody has said that .* Nothing was changed\."):
        operator.accepts()
    assert hub.state() == before


def test_a_wrong_fingerprint_admits_nobody(hub: Hub, operator: Operator) -> None:
    stick(hub)
    hub.send(PC)
    before = hub.state()
    for check in (True, False):
        with pytest.raises(AnsibleActionFail, match="fingerprint"):
            operator.accepts(check=check, fingerprint=fingerprint(report(number=2)))
    assert (hub.state(), operator.asked) == (before, 0)


def test_check_mode_shows_and_admits_nobody(hub: Hub, operator: Operator) -> None:
    stick(hub)
    hub.send(PC)
    before = hub.state()
    known: list[dict[str, Any]] = [{}, {"fingerprint": fingerprint(PC)}, {"text": short(PC)}]
    for given in known:
        assert operator.accepts(check=True, **given)["changed"] is True
    assert (hub.state(), operator.asked) == (before, 0)


def test_a_new_pc_takes_the_place_of_another(hub: Hub, operator: Operator) -> None:
    stick(hub)
    hub.send(PC)
    first = operator.accepts(fingerprint=fingerprint(PC))["pc"]
    stick(hub)
    new = report(number=2, certificate=CERTIFICATE)
    hub.send(new)
    done = operator.accepts(fingerprint=fingerprint(new), pc=first)
    assert "take the place of CT-PC" in operator.shown[-1]
    kept = [enrolled.kept(text, "kanifing") for text in (first, done["pc"])]
    assert kept[0]
    assert kept[1]
    assert (kept[1].fingerprint, kept[1].password == kept[0].password) == (reports.fingerprint(new), False)


def test_a_pc_that_was_replaced_knows_the_login_until_it_is_revoked(hub: Hub, operator: Operator) -> None:
    stick(hub)
    hub.send(PC)
    first = operator.accepts(fingerprint=fingerprint(PC))
    assert (list(first["keeps"]), "former=true" in first["next"]) == (["gateway_pc"], False)
    # The site was built, and another PC comes.
    operator.secrets["orthanc_gateway"] = "known"
    stick(hub)
    new = report(number=2, certificate=CERTIFICATE)
    hub.send(new)
    done = operator.accepts(fingerprint=fingerprint(new), pc=first["pc"])
    assert "mediverse.pacs.revoke -l kanifing -e former=true" in done["next"]
    operator.secrets["gateway_login_state"] = done["keeps"]["gateway_login_state"]
    again = operator.accepts(pc=done["pc"])
    assert (again["changed"], again["keeps"], again["next"]) == (False, done["keeps"], done["next"])
    # Another login, and nobody but the accepted one knows it.
    operator.secrets["orthanc_gateway"] = "made"
    assert "former=true" not in operator.accepts(pc=done["pc"])["next"]


def test_a_text_is_enough_to_begin_with(hub: Hub, operator: Operator) -> None:
    stick(hub)

    def away() -> None:
        raise AnsibleConnectionFailure("the hub restarts")

    operator.meanwhile = [lambda: None, away, lambda: hub.send(PC)]
    done = operator.accepts(text=short(PC))
    assert (done["changed"], done["accepted"]["report"]["computer"]) == (True, "CT-PC")
    assert operator.accepts(text=short(PC), pc=done["pc"])["changed"] is False


def test_a_run_that_was_cut_off_after_the_text_is_finished_by_the_next(hub: Hub, operator: Operator) -> None:
    stick(hub)
    with pytest.raises(AnsibleActionFail, match="its report has not come"):
        operator.accepts(text=short(PC), timeout=0)
    hub.send(PC)
    # That the hub has taken a text is only the hub's word.
    with pytest.raises(AnsibleActionFail, match="Nobody has said"):
        operator.accepts()
    operator.says = b"yes"
    assert operator.accepts()["accepted"]["report"]["computer"] == "CT-PC"
    assert operator.asked == 2


def test_a_text_of_another_site_is_refused(hub: Hub, operator: Operator) -> None:
    stick(hub)
    with pytest.raises(AnsibleActionFail, match="check sum of the text is wrong"):
        operator.accepts(text=short(report(site="brikama")))


def test_a_pc_that_does_not_come_is_told_of(hub: Hub, operator: Operator) -> None:
    stick(hub)
    hub.send(PC)
    with pytest.raises(AnsibleActionFail, match=r"accepted and does not come to the hub at 10\.98\.0\.2"):
        operator.accepts(fingerprint=fingerprint(PC), kind="tunnel", timeout=0)


@pytest.mark.parametrize("accepted", [None, {"fingerprint": "f" * 64}], ids=["revoked", "replaced"])
def test_a_pc_that_is_not_the_accepted_one_any_more_is_not_waited_for(
    hub: Hub, operator: Operator, accepted: dict[str, str] | None
) -> None:
    stick(hub)
    hub.send(PC)

    def comes() -> None:
        # There is a way to the address, by which another one comes.
        operator.lies["look"] = lambda found: found.update(accepted=accepted, way="tunnel")

    operator.meanwhile = [comes]
    with pytest.raises(AnsibleActionFail, match="was replaced or revoked meanwhile; run accept"):
        operator.accepts(fingerprint=fingerprint(PC), kind="tunnel", timeout=0)


def test_a_stick_whose_key_is_forgotten_is_found_before_anything_changes(hub: Hub, operator: Operator) -> None:
    stick(hub)
    hub.send(PC)
    before = hub.state()
    del operator.secrets["gateway_enrolment_key"]
    for check in (True, False):
        with pytest.raises(AnsibleActionFail, match="was encrypted for another key than that of the site's secrets"):
            operator.accepts(check=check, fingerprint=fingerprint(PC))
    assert hub.state() == before
    operator.secrets["gateway_enrolment_key"] = KEY
    done = operator.accepts(fingerprint=fingerprint(PC))
    del operator.secrets["gateway_enrolment_key"]
    # It has got its password already.
    assert operator.accepts(pc=done["pc"])["changed"] is False


def test_a_note_that_another_run_has_written_meanwhile_is_not_overwritten(hub: Hub, operator: Operator) -> None:
    stick(hub)
    hub.send(PC)
    operator.secrets |= {"orthanc_gateway": "known", "gateway_login_state": "fresh of-it"}
    done = operator.accepts(fingerprint=fingerprint(PC))
    wanted: dict[str, Any] = {"replaced": done["keeps"], "forgotten": ["gateway_login_state"]}
    assert plan(operator.secrets, ["gateway_pc"], {}, **wanted, expected=done["expects"]).changed
    stored = {**operator.secrets, "gateway_login_state": "lost by-a-revocation"}
    with pytest.raises(SecretsError, match="Another run has changed gateway_login_state"):
        plan(stored, ["gateway_pc"], {}, **wanted, expected=done["expects"])


EVIL = report(certificate=certificate("10.98.0.2", "127.0.0.1")[0])
WRONG = (
    "has another fingerprint than was given|was changed on the hub|cannot be used|Nobody has said|has admitted another|"
    "There is no stick for a tunnel"
)


def swaps(entry: dict[str, Any], to: dict[str, Any], fingerprint: str) -> None:
    entry["report"], entry["fingerprint"], entry["shown"] = dict(to), fingerprint, fingerprint[:24]


TAKEN_OVER: dict[str, Callable[[dict[str, Any]], None]] = {
    "another report under the true fingerprint": lambda entry: swaps(entry, EVIL, reports.fingerprint(PC)),
    "another report and its own fingerprint": lambda entry: swaps(entry, EVIL, reports.fingerprint(EVIL)),
    "another first password": lambda entry: entry["report"].update(password=report(number=2)["password"]),
    "another key": lambda entry: entry["report"].update(wireguard=report(number=2)["wireguard"]),
    "another fingerprint": lambda entry: entry.update(fingerprint="f" * 64),
    "signs for a terminal": lambda entry: entry["report"].update(computer="\x1b[2J"),
}


@pytest.mark.parametrize("lie", TAKEN_OVER)
def test_a_hub_that_was_taken_over_gets_nothing_pinned(hub: Hub, operator: Operator, lie: str) -> None:
    stick(hub)
    hub.send(PC)
    kept = operator.accepts(fingerprint=fingerprint(PC))["pc"]
    places: list[dict[str, Any]] = [{"pc": kept}, {"pc": kept, "fingerprint": fingerprint(PC)}, {}, {"text": short(PC)}]
    for given in places:
        operator.lies = {"look": lambda found: TAKEN_OVER[lie](found["accepted"])}
        with pytest.raises(AnsibleActionFail, match=WRONG):
            operator.accepts(**given)
    # The same of the answer to the first acceptance.
    stick(hub)
    hub.send(PC)
    operator.lies = {"accept": TAKEN_OVER[lie]}
    with pytest.raises(AnsibleActionFail, match=WRONG):
        operator.accepts(fingerprint=fingerprint(PC))
    stick(hub)
    hub.send(PC)
    operator.lies = {"look": lambda found: TAKEN_OVER[lie](found["report"])}
    with pytest.raises(AnsibleActionFail, match=WRONG):
        operator.accepts(fingerprint=fingerprint(PC))
    assert not any("\x1b" in line for line in operator.shown)


def test_where_the_secrets_are_lost_somebody_is_asked_again(hub: Hub, operator: Operator) -> None:
    stick(hub)
    hub.send(PC)
    operator.accepts(fingerprint=fingerprint(PC))
    with pytest.raises(AnsibleActionFail, match="Nobody has said"):
        operator.accepts()
    assert operator.accepts(check=True)["changed"] is True
    operator.says = b"yes"
    assert operator.accepts()["changed"] is True


def test_check_mode_waits_for_no_pc(hub: Hub, operator: Operator) -> None:
    stick(hub)
    hub.send(PC)
    kept = operator.accepts(fingerprint=fingerprint(PC))["pc"]
    assert operator.accepts(check=True, pc=kept, kind="tunnel", timeout=0)["changed"] is False


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"fingerprint": "3fa2"}, "has 4 of 24 digits; give it in one word with dashes"),
        ({"fingerprint": "3fa2-xyz"}, "has other signs than 0 to 9 and a to f"),
        ({"text": "MV1"}, r"has 0 letters after MV1 instead of 80; .* in one word with dashes"),
    ],
)
def test_what_is_not_whole_is_refused_before_a_hub_is_asked(
    operator: Operator, given: dict[str, Any], sentence: str
) -> None:
    for state in ("typed", "accepted"):
        with pytest.raises(AnsibleActionFail, match=sentence):
            operator.accepts(state=state, **given)
    assert operator.looks == 0
