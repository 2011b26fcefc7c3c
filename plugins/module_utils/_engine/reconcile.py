# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide what has to be done, without doing it.

:func:`plan` compares what the task asks for with what the server has and returns a :class:`Plan`. Nothing here
performs I/O, so check mode is simply a plan that nobody carries out, and every rule can be tested with two
dictionaries.

Secrets that a server never returns (``write_only``) follow ``update_secret``:

on_create     sent when the object is created, and whenever the whole object has to be sent anyway.
always        sent by every run, which therefore always reports a change.
when_changed  needs a place in the object where a fingerprint can be kept (``fingerprint``, an API name). The
              fingerprint is a salted PBKDF2 hash of all write-only values of the task; a run whose values do not
              match it sends them again.
"""

from __future__ import annotations

import copy
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import InputError
from .fields import MASK, MASK_NEW, Field, merge, same, show, show_all, to_api

NONE = "none"
CREATE = "create"
UPDATE = "update"
DELETE = "delete"

ON_CREATE = "on_create"
ALWAYS = "always"
WHEN_CHANGED = "when_changed"

_ITERATIONS = 100_000


@dataclass(frozen=True)
class Plan:
    """What to do, and what it means.

    action   none, create, update or delete.
    delta    API names and values that differ; for create, everything. The body of a PATCH.
    desired  API names and values of the whole object as it should be afterwards; the body of a PUT. Write-only values
             are in it whenever the task gave them, because a PUT without them would erase them.
    before, after  the diff, in option names, masked; restricted to what the task manages.
    differs  the options that change.
    """

    action: str
    delta: dict[str, Any]
    desired: dict[str, Any]
    before: dict[str, Any]
    after: dict[str, Any]
    differs: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether carrying the plan out would change the server."""
        return self.action != NONE


def wanted_values(fields: Sequence[Field], params: Mapping[str, Any]) -> dict[str, Any]:
    """What the task asks for, canonical and in API names; options that were left out do not appear.

    Raises InputError when a field's own check refuses the value.
    """
    wanted: dict[str, Any] = {}
    for field in fields:
        value = field.constant if field.is_constant else params.get(field.option) if field.is_option else None
        if not field.key and (value is not None or field.is_constant):
            wanted[field.api] = checked(field, value)
    return wanted


def checked(field: Field, value: Any) -> Any:
    """The canonical value; raises InputError when the field's own check refuses it."""
    try:
        return to_api(field, value)
    except ValueError as error:
        raise InputError(f"{error}.") from None


def plan(
    fields: Sequence[Field],
    params: Mapping[str, Any],
    current: Mapping[str, Any] | None,
    update_secret: str = ON_CREATE,
    noun: str = "object",
    fingerprint: str = "",
    salt: bytes = b"",
) -> Plan:
    """Compare and decide.

    params   the task's options with ``state`` (present when missing); None means "not given".
    current  the object as the client returned it, in API names, or None when it does not exist.
    noun     how messages call it, for example ``Orthanc peer 'cloud'``.
    Raises InputError for a missing or refused value and for a change of something immutable.
    """
    identity = {f.option: params.get(f.option) for f in fields if f.key}
    if params.get("state", "present") == "absent":
        if current is None:
            return Plan(NONE, {}, {}, {}, {})
        return Plan(DELETE, {}, {}, {**identity, **show_all(fields, current)}, {})
    wanted = wanted_values(fields, params)
    one_way = {f.api: wanted[f.api] for f in fields if f.write_only and f.api in wanted}
    if current is None:
        return _creation(fields, wanted, identity, noun, _sealed(fingerprint, one_way, salt))

    stored = current.get(fingerprint) if fingerprint else None
    resend = update_secret == ALWAYS or (update_secret == WHEN_CHANGED and not matches(one_way, stored))
    differing = [
        f
        for f in fields
        if f.api in wanted and (resend if f.write_only else not same(f, wanted[f.api], current.get(f.api)))
    ]
    _refuse_immutable(differing, wanted, current, noun)
    desired = {**copy.deepcopy(dict(current))}
    desired.update({f.api: merge(f, wanted[f.api], current.get(f.api)) for f in fields if f.api in wanted})
    seal = _sealed(fingerprint, one_way, salt) if differing else {}
    return Plan(
        action=UPDATE if differing else NONE,
        delta={**{f.api: desired[f.api] for f in differing}, **(seal if resend else {})},
        desired={**desired, **seal},
        before={**identity, **{f.option: _shown(f, current.get(f.api)) for f in fields if f.api in wanted}},
        after={**identity, **{f.option: _shown(f, desired[f.api], f in differing) for f in fields if f.api in wanted}},
        differs=tuple(f.option for f in differing),
    )


def _creation(
    fields: Sequence[Field], wanted: Mapping[str, Any], identity: Mapping[str, Any], noun: str, seal: Mapping[str, Any]
) -> Plan:
    missing = [f.option for f in fields if f.needed and f.api not in wanted]
    if missing:
        raise InputError(f"{noun} does not exist yet, and creating it needs: {', '.join(missing)}.")
    defaults = {f.api: copy.deepcopy(f.default) for f in fields if f.default is not None}
    desired = {**defaults, **copy.deepcopy(dict(wanted))}
    after = {**identity, **{f.option: _shown(f, desired[f.api], True) for f in fields if f.api in desired}}
    differs = tuple(f.option for f in fields if f.api in desired)
    return Plan(CREATE, {**desired, **seal}, {**desired, **seal}, {}, after, differs)


def _refuse_immutable(
    differing: Sequence[Field], wanted: Mapping[str, Any], current: Mapping[str, Any], noun: str
) -> None:
    for field in differing:
        if field.immutable:
            have, want = show(field, current.get(field.api)), show(field, wanted[field.api])
            raise InputError(
                f"{field.option} of {noun} is {have!r} and cannot be changed to {want!r} on an existing one. "
                "Remove it with state=absent and create it again, or leave the option out."
            )


def not_kept(
    fields: Sequence[Field], planned: Plan, current: Mapping[str, Any] | None, fingerprint: str = ""
) -> list[tuple[str, Any, Any]]:
    """What the server did not keep: (option, asked for, found), masked. Compares only what the plan changed."""
    found: list[tuple[str, Any, Any]] = []
    if planned.action == DELETE:
        return [] if current is None else [("state", "absent", "present")]
    if current is None:
        return [("state", "present", "absent")]
    for field in fields:
        if field.api in planned.delta and not field.write_only:
            asked, got = planned.delta[field.api], current.get(field.api)
            if not same(field, asked, got):
                found.append((field.option, _shown(field, asked), _shown(field, got)))
    if fingerprint in planned.delta and current.get(fingerprint) != planned.delta[fingerprint]:
        found.append((fingerprint, "the fingerprint of the secrets", "something else"))
    return found


def _shown(field: Field, value: Any, new: bool = False) -> Any:
    if field.write_only:
        return MASK_NEW if new else MASK
    # A current value of another shape (null for an empty list) is shown the way it is compared.
    return show(field, field.normalise(value) if field.normalise else value, new)


def _sealed(name: str, one_way: Mapping[str, Any], salt: bytes) -> dict[str, str]:
    return {name: seal_of(one_way, salt)} if name and one_way else {}


def seal_of(values: Mapping[str, Any], salt: bytes, iterations: int = _ITERATIONS) -> str:
    """A fingerprint from which the values cannot be read back: ``pbkdf2-sha256$iterations$salt$hash``."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=True).encode("ascii")
    digest = hashlib.pbkdf2_hmac("sha256", text, salt, iterations)
    return f"pbkdf2-sha256${iterations}${salt.hex()}${digest.hex()}"


def matches(values: Mapping[str, Any], stored: Any) -> bool:
    """Whether the stored fingerprint was made from these values. No values match anything: nothing is to be sent."""
    if not values:
        return True
    try:
        scheme, iterations, salt, _digest = str(stored).split("$")
        expected = seal_of(values, bytes.fromhex(salt), int(iterations))
    except ValueError:
        return False
    return scheme == "pbkdf2-sha256" and hmac.compare_digest(expected, str(stored))
