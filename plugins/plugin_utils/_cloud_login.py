# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who knows the login by which PCs send images to the cloud of a site, and when it has to be another one. Pure.

A PC that is gone goes on knowing it. So the secrets of the site hold a note beside it: a word, a blank, and the SHA-256
of the login that it speaks of. A note of another login than the present one says nothing any more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from ._enrolled import PURPOSE as PC

LOGIN = "orthanc_gateway"
NOTE = "gateway_login_state"
"""Under which the secrets of the site keep the login and the note."""
PURPOSES = [LOGIN, NOTE, PC]
"""What has to be known of a site to decide."""

# A revocation has begun, and a PC that is gone may know that login.
_LOST = "lost"
# A revocation has made it, and no PC was accepted since.
_FRESH = "fresh"
# A PC that was replaced knows it, and so does the one in its place.
_FORMER = "former"
# It was made because of such a former PC, and the one in its place is to get it.
_GIVEN = "given"

SUPPLIED = (
    f"{LOGIN} in mediverse_secrets is the login that the cloud had when this began, so the PC may know it; give it "
    "another value there."
)


class Kept(NamedTuple):
    """What the secrets of the site have: login, note, and what is kept of a PC; empty for none."""

    login: str = ""
    note: str = ""
    pc: str = ""


class Plan(NamedTuple):
    """What a revocation does about the login.

    replaces   whether the cloud gets another one
    note       what is noted before that
    problem    a sentence that ends the revocation there, or empty
    """

    replaces: bool
    note: str = ""
    problem: str = ""


def kept(found: Mapping[str, Any]) -> Kept:
    """From the result of ``site_secrets`` for :data:`PURPOSES`; what it has made up for the run is not there."""
    made_up = found.get("generated", ())
    stored = {name: value for name, value in found.get("secrets", {}).items() if name not in made_up}
    return Kept(*(stored.get(name, "") for name in PURPOSES))


def plan(found: Kept, by_hand: bool, former: bool, supplied: str) -> Plan:
    """Whether a PC that is gone may know the login.

    found      what the secrets have
    by_hand    whether the site's PC was set up by hand, and may then have got the login at any time
    former     whether another PC was accepted in its place, which stays
    supplied   the login that the operator brings, or empty
    """
    if not found.login or (not by_hand and _is_unknown(found, former)):
        return Plan(False)
    # The login that a run before this one has found, where that was cut off or refused.
    note = found.note if found.note.startswith(f"{_LOST} ") else _noted(_LOST, found.login)
    return Plan(True, note, SUPPLIED if supplied and _noted(_LOST, supplied) == note else "")


def _is_unknown(found: Kept, former: bool) -> bool:
    """Whether nobody who is gone can know it. A PC that is kept may have got it, whatever the note says."""
    fresh = found.note == _noted(_FRESH, found.login)
    if former:
        return fresh or found.note == _noted(_GIVEN, found.login)
    return fresh and not found.pc


def after_revocation(login: str, former: bool) -> str:
    """The note when the cloud has the login that was made."""
    return _noted(_GIVEN if former else _FRESH, login)


def after_acceptance(found: Kept, replaced: bool) -> str:
    """The note when a PC was accepted, which gets to know the login; empty for none.

    replaced   whether another one was kept until now

    A revocation that was begun and not ended leaves as many who know it as a PC that was replaced.
    """
    told = _noted(_FORMER, found.login)
    if found.login and (replaced or found.note == told or found.note.startswith(f"{_LOST} ")):
        return told
    return ""


def comes_next(site: str, note: str, inventories: Collection[str]) -> str:
    """What an operator reads who has accepted a PC.

    note          from :func:`after_acceptance`
    inventories   of the run, as they are given with ``-i``
    """
    said = f"The PC of {site} is accepted and answers; mediverse.pacs.site builds the site now."
    if not note:
        return said
    given = "".join(f" -i {place}" for place in inventories)
    return (
        f"{said} The PC before it still knows the login by which images are sent to the cloud. As soon as it has "
        "delivered what it holds, and at once if it is lost, run ansible-playbook mediverse.pacs.revoke"
        f"{given} -l {site} -e former=true and then mediverse.pacs.site."
    )


def _noted(word: str, login: str) -> str:
    return f"{word} {hashlib.sha256(login.encode()).hexdigest()}"
