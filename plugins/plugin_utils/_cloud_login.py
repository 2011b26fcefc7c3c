# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who knows the login by which PCs send images to the cloud of a site, and when it has to be another one. Pure.

A PC that is gone goes on knowing it. So the secrets of the site hold a note beside it: a word, a blank, and the SHA-256
of the login that it speaks of. A note of another login than the present one says nothing any more. And they hold a list
that only grows, of the SHA-256 of every login that such a PC may know, so that no operator brings one back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from ..module_utils._site.secret_store import digest, lost_of
from ._enrolled import PURPOSE as PC

LOGIN = "orthanc_gateway"
NOTE = "gateway_login_state"
"""Under which the secrets of the site keep the login and the note."""
LOST = lost_of(LOGIN)
"""Under which they keep the list of logins that are lost, digests with blanks between them."""
PURPOSES = [LOGIN, NOTE, PC, LOST]
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
    f"{LOGIN} in mediverse_secrets is a login that the cloud had until now or before, so the PC may know it; give it "
    "another value there."
)
AGAIN = "The cloud has got a login again that the PC may know; nothing was forgotten."


class Kept(NamedTuple):
    """What the secrets of the site have: login, note, what is kept of a PC, and the lost logins; empty for none."""

    login: str = ""
    note: str = ""
    pc: str = ""
    lost: str = ""


class Plan(NamedTuple):
    """What a revocation does about the login.

    replaces   whether the cloud gets another one
    notes      what is noted before that, by purpose
    problem    a sentence that ends the revocation there, or empty
    """

    replaces: bool
    notes: Mapping[str, str] = {}
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
    known = found.lost.split()
    first = note.removeprefix(f"{_LOST} ")
    lost = known if first in known else [*known, first]
    return Plan(True, {NOTE: note, LOST: " ".join(lost)}, SUPPLIED if supplied and digest(supplied) in lost else "")


def _is_unknown(found: Kept, former: bool) -> bool:
    """Whether nobody who is gone can know it. A PC that is kept may have got it, whatever the note says."""
    fresh = found.note == _noted(_FRESH, found.login)
    if former:
        return fresh or found.note == _noted(_GIVEN, found.login)
    return fresh and not found.pc


def mark(pc: str) -> str:
    """By which what is kept of a PC is recognised, without a secret in it; empty for none."""
    return digest(pc) if pc else ""


class End(NamedTuple):
    """How a revocation ends: what is noted, by purpose, whether the PC is forgotten, and whether another one came."""

    notes: Mapping[str, str]
    forgets: bool
    came: bool


def after_revocation(found: Kept, login: str, former: bool, pc: str) -> End:
    """What is noted and forgotten when the cloud has the login that was made.

    found    what the secrets have now
    login    that was made, or empty where the cloud has kept its own
    former   whether it is about a PC in whose place another one was accepted
    pc       :func:`mark` of the PC that was kept when this began

    A PC that was accepted meanwhile stays: it is the next one.
    """
    came = not former and found.pc != "" and mark(found.pc) != pc
    notes = {NOTE: _noted(_GIVEN if former or came else _FRESH, login)} if login else {}
    return End(notes, not former and not came, came)


def is_lost(found: Kept, login: str) -> bool:
    """Whether a PC that is gone may know that login."""
    return digest(login) in found.lost.split()


def after_acceptance(found: Kept, replaced: bool) -> str:
    """The note when a PC was accepted, which gets to know the login; empty for none.

    replaced   whether another one was kept until now

    A revocation that was begun and not ended leaves as many who know it as a PC that was replaced. Where no PC is kept,
    one that was set up by hand may have got the login, unless a revocation has made it and nobody has got it since.
    """
    if not found.login:
        return ""
    given, told = _noted(_GIVEN, found.login), _noted(_FORMER, found.login)
    if found.pc and not replaced and found.note == given:
        return given
    unknown = found.note in (given, _noted(_FRESH, found.login))
    if replaced or found.note == told or found.note.startswith(f"{_LOST} ") or not (found.pc or unknown):
        return told
    return ""


def comes_next(site: str, note: str, inventories: Collection[str]) -> str:
    """What an operator reads who has accepted a PC.

    note          from :func:`after_acceptance`
    inventories   of the run, as they are given with ``-i``
    """
    said = f"The PC of {site} is accepted and answers; mediverse.pacs.site builds the site now."
    if not note.startswith(f"{_FORMER} "):
        return said
    given = "".join(f" -i {place}" for place in inventories)
    return (
        f"{said} The PC before it, where there was one, still knows the login by which images are sent to the cloud. "
        "As soon as it has delivered what it holds, and at once if it is lost, run ansible-playbook "
        "mediverse.pacs.revoke"
        f"{given} -l {site} -e former=true and then mediverse.pacs.site."
    )


def _noted(word: str, login: str) -> str:
    return f"{word} {digest(login)}"
