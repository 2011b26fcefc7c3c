# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which login of the cloud a PC that is gone may know, and what a revocation and an acceptance note of it."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.plugin_utils import _cloud_login as logins
from ansible_collections.mediverse.pacs.plugins.plugin_utils._cloud_login import Kept, Plan


def noted(word: str, login: str) -> str:
    return f"{word} {hashlib.sha256(login.encode()).hexdigest()}"


def digest(login: str) -> str:
    return noted("", login).strip()


LOST = noted("lost", "old")
REPLACED = Plan(True, {"gateway_login_state": LOST, "orthanc_gateway_lost": digest("old")})
STAYS = Plan(False)


@pytest.mark.parametrize(
    ("found", "more", "expected"),
    [
        (Kept(), {}, STAYS),
        (Kept(note=LOST, pc="pc"), {}, STAYS),
        # A PC that was never noted may know it, and so may one that was set up by hand or forgotten in between.
        (Kept("old"), {}, REPLACED),
        (Kept("old", pc="pc"), {}, REPLACED),
        (Kept("old", noted("fresh", "old")), {}, STAYS),
        (Kept("old", noted("fresh", "old")), {"by_hand": True}, REPLACED),
        (Kept("old", noted("fresh", "old"), "pc"), {}, REPLACED),
        (Kept("old", noted("fresh", "before")), {}, REPLACED),
        (Kept("old", noted("former", "old"), "pc"), {}, REPLACED),
        # What a cut has left: the first login is the one that is lost, whatever the store has meanwhile.
        (Kept("made", LOST, "pc"), {}, REPLACED),
        (Kept("made", LOST), {}, REPLACED),
        # Of a PC in whose place another one is.
        (Kept("old", noted("former", "old"), "pc"), {"former": True}, REPLACED),
        (Kept("old", "", "pc"), {"former": True}, REPLACED),
        (Kept("old", noted("given", "old"), "pc"), {"former": True}, STAYS),
        (Kept("old", noted("given", "old"), "pc"), {}, REPLACED),
        (Kept("old", noted("given", "old")), {}, REPLACED),
        (Kept("old", noted("given", "before"), "pc"), {"former": True}, REPLACED),
        (Kept("old", noted("fresh", "old"), "pc"), {"former": True}, STAYS),
        (Kept("old", noted("given", "old"), "pc"), {"former": True, "by_hand": True}, REPLACED),
    ],
)
def test_a_login_that_a_pc_may_know_is_replaced(found: Kept, more: dict[str, bool], expected: Plan) -> None:
    assert logins.plan(found, **{"by_hand": False, "former": False, "supplied": "", **more}) == expected


@pytest.mark.parametrize(
    ("found", "supplied", "refused"),
    [
        (Kept("old", pc="pc"), "old", True),
        (Kept("old", pc="pc"), "new", False),
        # Refused before, and the operator has given another one, which a run has stored.
        (Kept("new", LOST, "pc"), "new", False),
        (Kept("made", LOST, "pc"), "old", True),
        (Kept("old", noted("fresh", "old")), "old", False),
        # Lost by a revocation before.
        (Kept("old", "", "pc", digest("first")), "first", True),
    ],
)
def test_a_login_that_an_operator_supplies_must_not_be_the_lost_one(found: Kept, supplied: str, refused: bool) -> None:
    decided = logins.plan(found, by_hand=False, former=False, supplied=supplied)
    assert bool(decided.problem) is refused
    assert not decided.problem or "is a login that the cloud had until now or before, so the PC may" in decided.problem


def test_the_list_of_lost_logins_only_grows() -> None:
    for lost in ("", digest("first"), f"{digest('first')} {digest('old')}"):
        noted_before = Kept("old", "", "pc", lost)
        notes = logins.plan(noted_before, by_hand=False, former=False, supplied="").notes
        assert notes["orthanc_gateway_lost"].split() == [*([digest("first")] if lost else []), digest("old")]


def test_what_was_made_up_for_a_run_is_not_kept() -> None:
    found: dict[str, Any] = {"secrets": dict.fromkeys(logins.PURPOSES, "text"), "generated": logins.PURPOSES}
    assert logins.kept(found) == Kept()
    assert logins.kept({**found, "generated": ["gateway_login_state"]}) == Kept("text", "", "text", "text")
    assert logins.kept({**found, "generated": ["gateway_pc"]}) == Kept("text", "text", "", "text")


def test_one_more_revocation_changes_nothing_until_a_pc_is_accepted() -> None:
    for former in (False, True):
        ended = logins.after_revocation(Kept("made", LOST, "pc"), "made", former, logins.mark("pc"))
        assert (ended.forgets, ended.came) == (not former, False)
        note = ended.notes["gateway_login_state"]
        assert not logins.plan(Kept("made", note, "pc" * former), by_hand=False, former=former, supplied="").replaces
        known = logins.after_acceptance(Kept("made", note, "pc" * former), replaced=former)
        assert logins.plan(Kept("made", known, "pc"), by_hand=False, former=former, supplied="").replaces


@pytest.mark.parametrize(
    ("found", "replaced", "word"),
    [
        (Kept(), True, ""),
        # The site was built when its first PC was there, which is accepted again.
        (Kept("old", pc="pc"), False, ""),
        # Whoever was there before was set up by hand or is forgotten.
        (Kept("old"), False, "former"),
        (Kept("old", noted("fresh", "old")), False, ""),
        (Kept("old", noted("given", "old")), False, ""),
        # Accepted once more: the former one does not know it, and one more revocation of that changes nothing.
        (Kept("old", noted("given", "old"), "pc"), False, "given"),
        (Kept("old"), True, "former"),
        (Kept("old", noted("given", "old")), True, "former"),
        # Until it is revoked each run says so, and no longer than the login lives.
        (Kept("old", noted("former", "old")), False, "former"),
        (Kept("old", noted("former", "before"), "pc"), False, ""),
        # A revocation that was cut off.
        (Kept("old", noted("lost", "before")), False, "former"),
    ],
)
def test_an_acceptance_notes_who_else_knows_the_login(found: Kept, replaced: bool, word: str) -> None:
    assert logins.after_acceptance(found, replaced) == (word and noted(word, "old"))


def test_an_operator_reads_how_a_former_pc_is_locked_out() -> None:
    for note in ("", noted("given", "old")):
        assert logins.comes_next("far", note, ["sites"]).endswith("mediverse.pacs.site builds the site now.")
    said = logins.comes_next("far", noted("former", "old"), ["here/sites", "more"])
    assert "ansible-playbook mediverse.pacs.revoke -i here/sites -i more -l far -e former=true and then" in said
    assert digest("old") not in said
