# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of sites in a zone at Namecheap: read, plan, read again, write once, and look.

There is no other way to change a record there than to send the whole zone. Whoever writes between our last look and
our write is undone by it, and nothing of theirs can prevent that; so that time is kept to a moment, runs on one machine
wait for each other, and what was there is kept in a file.
"""

from __future__ import annotations

import ipaddress
import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from .._engine.errors import NOT_KEPT, STATUS, ApiError, InputError
from .._engine.http import Api
from .._engine.resource import ActionSpec, Params
from ._keep import Keep
from ._plan import Plan, plan, restoration, wish
from ._session import NAMECHEAP, Session, UnclearError, saved
from ._zone import Host, Zone, counted

# How often everything is begun anew when somebody else has a hand in the zone, or a write may not have come through.
_ATTEMPTS = 3
# Seconds before a look: an answer may be older than what was just written.
PAUSES = (0.0, 2.0, 5.0)
_SHORTEST_PACE, _LONGEST_PACE = 4, 100_000

Planner = Callable[[Zone], Plan]


def act(api: Api, params: Params, check: bool) -> dict[str, Any]:
    """Carry the task out; see the module for the result."""
    _checked(params)
    asked = wish(params)
    before = saved(params["restore"], asked.zone) if params["restore"] else None
    keep = Keep(params["folder"])
    keep.make()
    session = Session(api, params, keep)

    def planner(zone: Zone) -> Plan:
        return plan(zone, asked) if before is None else restoration(zone, before, asked)

    first = session.read()
    made = planner(first)
    if check or not _due(first, made):
        return _told(asked.zone, first, made, "")
    with keep.lock(asked.zone):
        return _Write(session, keep, asked.zone, planner).run(first)


def _checked(params: Params) -> None:
    pace = params["calls_per_minute"]
    if not _SHORTEST_PACE <= pace <= _LONGEST_PACE:
        raise InputError(f"calls_per_minute is {pace}; expected {_SHORTEST_PACE} or more.")
    try:
        ipaddress.IPv4Address(str(params["client_ip"]))
    except ValueError:
        raise InputError(
            f"client_ip is {params['client_ip']!r}; expected the public IPv4 address of this machine, as the panel "
            "allows it."
        ) from None
    if params["restore"] and (params["records"] or params["remove"]):
        raise InputError("restore stands beside records or remove. It brings the whole zone back, so it stands alone.")
    if not params["restore"] and not (params["records"] or params["remove"]):
        raise InputError("records and remove are empty; name what the zone shall have, or what shall go.")


def _due(zone: Zone, made: Plan) -> bool:
    return made.changed or made.email_type != zone.email_type


class _Write:
    """One write under the lock, with what surrounds it. ``planner`` is asked anew for each zone that was read."""

    def __init__(self, session: Session, keep: Keep, zone: str, planner: Planner) -> None:
        self._session, self._keep, self._zone, self._planner = session, keep, zone, planner
        # What was there before the first write of this run, what was to become of it, and where it is kept.
        self._began: tuple[Zone, Plan, Path] | None = None

    def run(self, seen: Zone) -> dict[str, Any]:
        """The result. ``seen`` is what was read before the lock was had."""
        problem = ""
        for __ in range(_ATTEMPTS):
            before = self._agreed(seen)
            made = self._planner(before)
            if not _due(before, made):
                # Another run did it, or a write came through whose answer did not.
                return self._result(before, made)
            kept = self._keep.save(self._zone, self._session.raw)
            self._began = self._began or (before, made, kept)
            problem = self._written(before, made)
            seen = self._look(made)
            if _as_sent(seen, made):
                return self._result(before, made)
            self._refuse_loss(before, made, seen)
            problem = problem or f"there is {_difference(made, seen)}, although Namecheap took the records."
        raise ApiError(f"{self._zone} could not be brought in order: {problem} {self._help()}", kind=NOT_KEPT)

    def _agreed(self, seen: Zone) -> Zone:
        """The zone at this moment, when two looks in a row found the same."""
        for __ in range(_ATTEMPTS):
            again = self._session.read()
            if (again.counted, again.email_type) == (seen.counted, seen.email_type):
                return again
            seen = again
        raise ApiError(
            f"Somebody else is at work on {self._zone}: its records differ from one look to the next. {self._help()} "
            "Run it again when they are ready.",
            kind=STATUS,
        )

    def _written(self, before: Zone, made: Plan) -> str:
        """Why it is not sure that the write was carried out; empty when Namecheap says so. ApiError when it refused."""
        try:
            self._session.write(made)
        except UnclearError as unclear:
            return str(unclear)
        except ApiError as error:
            try:
                untouched = self._session.read().counted == before.counted
            except ApiError:
                untouched = False
            told = "Nothing was changed." if untouched else self._help()
            raise ApiError(f"{error.msg} {told}", error.kind, error.status, error.path) from None
        return ""

    def _look(self, made: Plan) -> Zone:
        for pause in PAUSES:
            self._session.sleep(pause)
            seen = self._session.read()
            if _as_sent(seen, made):
                break
        return seen

    def _refuse_loss(self, before: Zone, made: Plan, seen: Zone) -> None:
        """What was to stay and is not there any more is told at once; to go on would make it worse."""
        stays = before.counted & counted(made.hosts)
        lost = stays - seen.counted
        if lost:
            named = ", ".join(str(host) for host in before.hosts if host.same in lost)
            raise ApiError(
                f"After the write {self._zone} lacks records that were to stay: {named}. {self._help()}", kind=NOT_KEPT
            )

    def _result(self, before: Zone, made: Plan) -> dict[str, Any]:
        if self._began is None:
            return _told(self._zone, before, made, "")
        return _told(self._zone, *self._began[:2], str(self._began[2]))

    def _help(self) -> str:
        if self._began is None:
            return "Nothing was changed."
        file = self._began[2]
        return f"What was there before is in {file}; this brings it back: {undo_command(self._zone, str(file))}"


def _as_sent(zone: Zone, made: Plan) -> bool:
    return zone.counted == counted(made.hosts) and zone.email_type == made.email_type


def _difference(made: Plan, seen: Zone) -> str:
    if seen.email_type != made.email_type:
        return f"the mail settings {seen.email_type} in the place of {made.email_type}"
    missing, extra = counted(made.hosts) - seen.counted, seen.counted - counted(made.hosts)
    parts = [
        *(f"not {host}" for host in made.hosts if host.same in missing),
        *(f"{host} besides" for host in seen.hosts if host.same in extra),
    ]
    return ", ".join(parts[:10])


def undo_command(zone: str, file: str) -> str:
    """What brings a zone back to what a file says; the login comes from the environment."""
    given = shlex.quote(f"zone={zone} restore={file} zone_has_srv=false")
    return f"ansible localhost -m mediverse.pacs.namecheap_records -a {given}"


def _told(zone: str, before: Zone, made: Plan, undo: str) -> dict[str, Any]:
    changed = _due(before, made)
    gone, come = counted(made.removed), counted(made.added)
    lines = sorted(str(host) for host in before.hosts if host.same in gone)
    after = sorted(str(host) for host in made.added if host.same in come)
    if before.email_type != made.email_type:
        lines, after = [f"mail settings {before.email_type}", *lines], [f"mail settings {made.email_type}", *after]
    left = [_item(zone, host) for host in made.left]
    result: dict[str, Any] = {
        "changed": changed,
        "added": [_item(zone, host) for host in made.added],
        "removed": [_item(zone, host) for host in made.removed],
        "left": left,
        "others": len(before.hosts) - len(made.removed),
        "undo": {"file": undo, "command": undo_command(zone, undo)} if undo else {},
        "diff": {"before_header": zone, "after_header": zone, "before": _text(lines), "after": _text(after)},
    }
    if left:
        names = ", ".join(f"{one['name']} {one['type']} {one['value']}" for one in left)
        result["warnings"] = [
            f"These addresses of your names were left as they are: {names}. List a name in remove to end them."
        ]
    return result


def _item(zone: str, host: Host) -> dict[str, Any]:
    name = zone if host.label == "@" else f"{host.label}.{zone}"
    return {"name": name, "type": host.kind, "value": host.address, "ttl": host.ttl}


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


RECORDS = ActionSpec(
    service=NAMECHEAP,
    act=act,
    options={
        "zone": {"type": "str", "required": True},
        "records": {
            "type": "list",
            "elements": "dict",
            "options": {
                "name": {"type": "str", "required": True},
                "type": {"type": "str", "choices": ["A", "AAAA"], "default": "A"},
                "value": {"type": "str", "required": True},
                "ttl": {"type": "int"},
            },
        },
        "owned": {"type": "list", "elements": "str"},
        "remove": {"type": "list", "elements": "str"},
        "restore": {"type": "path"},
        "zone_has_srv": {"type": "bool"},
        "folder": {"type": "path", "default": "~/.local/state/mediverse.pacs/namecheap"},
        "calls_per_minute": {"type": "int", "default": 15},
    },
)
