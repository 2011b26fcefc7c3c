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
import json
import shlex
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from .._engine.errors import NOT_KEPT, STATUS, ApiError, InputError
from .._engine.http import Api, Endpoint
from .._engine.resource import ActionSpec, Params
from ._keep import Keep
from ._plan import Plan, plan, restoration, wish
from ._session import NAMECHEAP, Session, UnclearError, saved
from ._zone import Host, Zone, counted

# How often everything is begun anew when somebody else has a hand in the zone, or a write may not have come through.
_ATTEMPTS = 3
# Seconds before a look: an answer may be older than what was just written.
PAUSES = (0.0, 2.0, 5.0)
# Seconds for which an answer may be older than a write, and for which a write without an answer may still arrive. No
# page of Namecheap says how long; longer than this nothing of theirs is known to take.
SETTLING = 120.0
_LOOKS = 8
# As many records may be gone since our last write, or a tenth of them, before somebody has to say that this is so.
_FEW, _PART = 3, 10
# A write and the looks after it.
_TURNS = 1 + len(PAUSES)
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
    # That a name is gone is believed of an answer in which nothing else is missing.
    doubtful = bool(asked.removed) and _gone(keep, first)
    if check or not (_due(first, made) or doubtful):
        return _told(params, first, made, "")
    with keep.lock(asked.zone):
        return _Write(session, keep, asked.zone, params, planner).run(first)


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
    address = Endpoint("Namecheap", str(params["api_url"]))
    if not str(params["api_url"]).lower().startswith("https://") and not address.is_loopback:
        raise InputError(
            f"api_url is {params['api_url']}, and the key would be sent there for all to read. It begins with https://."
        )
    if params["restore"] and (params["records"] or params["remove"]):
        raise InputError("restore stands beside records or remove. It brings the whole zone back, so it stands alone.")
    if not params["restore"] and not (params["records"] or params["remove"]):
        raise InputError("records and remove are empty; name what the zone shall have, or what shall go.")


def _due(zone: Zone, made: Plan) -> bool:
    return made.changed or made.email_type != zone.email_type


class _Write:
    """One write under the lock, with what surrounds it. ``planner`` is asked anew for each zone that was read."""

    def __init__(self, session: Session, keep: Keep, zone: str, params: Params, planner: Planner) -> None:
        self._session, self._keep, self._zone = session, keep, zone
        self._params, self._planner = params, planner
        # What was there before the first write of this run, what was to become of it, and where it is kept.
        self._began: tuple[Zone, Plan, Path] | None = None
        # Whether a write went out that was not refused, and whether the zone was seen after the last one.
        self._sent, self._refused, self._seen = False, False, True

    def run(self, seen: Zone) -> dict[str, Any]:
        """The result. ``seen`` is what was read before the lock was had."""
        try:
            return self._attempts(seen)
        except InputError as error:
            # A sentence about the zone or the task; before a write it needs no other.
            if not self._sent:
                raise
            raise self._with_help(error) from None
        except ApiError as error:
            raise self._with_help(error) from None
        finally:
            self._session.release()

    def _attempts(self, seen: Zone) -> dict[str, Any]:
        self._let_arrive()
        problem = ""
        for __ in range(_ATTEMPTS):
            before = self._agreed(seen)
            made = self._planner(before)
            if not _due(before, made):
                # Another run did it, or a write came through whose answer did not.
                self._keep.remember(self._zone, self._session.raw)
                return self._result(before, made)
            # Whatever the pace has to say is said before the write, and not between it and the look.
            self._session.reserve(_TURNS)
            kept = self._keep.save(self._zone, self._session.raw)
            self._keep.remember(self._zone, self._session.raw, counted(made.removed).elements())
            self._began = self._began or (before, made, kept)
            problem = self._written(before, made)
            seen = self._look(made)
            self._keep.done(self._zone)
            if _as_sent(seen, made):
                self._keep.remember(self._zone, self._session.raw)
                return self._result(before, made)
            self._refuse_loss(before, made, seen)
            problem = problem or f"there is {_difference(made, seen)}, although Namecheap took the records."
        raise ApiError(f"{self._zone} could not be brought in order: {problem}", kind=NOT_KEPT)

    def _let_arrive(self) -> None:
        """A run that was ended may have sent a write that arrives only now."""
        age = self._keep.on_its_way(self._zone)
        if age is not None:
            self._session.sleep(max(0.0, min(SETTLING, SETTLING - age)))
            self._keep.done(self._zone)

    def _agreed(self, seen: Zone) -> Zone:
        """The zone at this moment, when two looks in a row found the same."""
        for __ in range(_ATTEMPTS):
            again = self._session.read()
            if (again.counted, again.email_type) == (seen.counted, seen.email_type):
                return again if self._params["restore"] else self._whole(again)
            seen = again
        raise ApiError(
            f"Somebody else is at work on {self._zone}: its records differ from one look to the next. Run it again "
            "when they are ready.",
            kind=STATUS,
        )

    def _whole(self, zone: Zone) -> Zone:
        """The zone, when what was there after our last write still is; looked at again while an answer may be old."""
        path = self._keep.remembered(self._zone)
        age = self._keep.age(path)
        if age is None:
            return zone
        left = max(0.0, min(SETTLING, SETTLING - age))
        for __ in range(_LOOKS if left else 0):
            if not _gone(self._keep, zone):
                break
            self._session.sleep(left / _LOOKS)
            zone = self._session.read()
        gone, number = _gone(self._keep, zone), len(saved(str(path), self._zone).hosts)
        if len(gone) > max(_FEW, number // _PART) and not self._params["expect_missing"]:
            raise ApiError(
                f"{self._zone} lacks {len(gone)} of the {number} records that it had after the last write from here: "
                f"{', '.join(gone[:10])}. It is kept in {path}. Look at it in the panel; if they are to be gone, "
                "set expect_missing to true for one run.",
                kind=STATUS,
            )
        return zone

    def _written(self, before: Zone, made: Plan) -> str:
        """Why it is not sure that the write was carried out; empty when Namecheap says so. ApiError when it refused."""
        self._keep.begin(self._zone)
        earlier, self._sent, self._seen = self._sent, True, False
        try:
            self._session.write(made)
        except UnclearError as unclear:
            return str(unclear)
        except ApiError:
            if self._untouched(before):
                self._keep.done(self._zone)
                self._sent, self._refused, self._seen = earlier, True, True
            raise
        return ""

    def _untouched(self, before: Zone) -> bool:
        """Whether some looks in a row find the zone as it was."""
        for pause in PAUSES:
            self._session.sleep(pause)
            try:
                zone = self._session.read()
            except ApiError:
                return False
            self._seen = True
            if (zone.counted, zone.email_type) != (before.counted, before.email_type):
                return False
        return True

    def _look(self, made: Plan) -> Zone:
        """The zone after a write, looked at until it is as it was sent, or for as long as that may take."""
        for pause in (*PAUSES, *[SETTLING / _LOOKS] * _LOOKS):
            self._session.sleep(pause)
            seen = self._session.read()
            self._seen = True
            if _as_sent(seen, made):
                break
        return seen

    def _refuse_loss(self, before: Zone, made: Plan, seen: Zone) -> None:
        """What was to stay and is not there any more is told at once; to go on would make it worse."""
        stays = before.counted & counted(made.hosts)
        lost = stays - seen.counted
        if lost:
            named = ", ".join(str(host) for host in before.hosts if host.same in lost)
            raise ApiError(f"After the write {self._zone} lacks records that were to stay: {named}.", kind=NOT_KEPT)
        if seen.email_type not in (made.email_type, before.email_type):
            raise ApiError(
                f"After the write {self._zone} has the mail settings {seen.email_type} in the place of "
                f"{made.email_type}.",
                kind=NOT_KEPT,
            )

    def _result(self, before: Zone, made: Plan) -> dict[str, Any]:
        if self._began is None:
            return _told(self._params, before, made, "")
        return _told(self._params, *self._began[:2], str(self._began[2]))

    def _with_help(self, error: ApiError) -> ApiError:
        told = ApiError(f"{error.msg} {self._help()}", error.kind, error.status, error.path)
        told.changed = self._sent
        return told

    def _help(self) -> str:
        if self._began is None or not self._sent:
            return f"{self._zone} was found as it was." if self._refused else "Nothing was changed."
        file = self._began[2]
        unseen = "" if self._seen else "A write was sent, and what became of it was not seen. "
        command = undo_command(self._params, str(file))
        return f"{unseen}What was there before is in {file}; this brings it back: {command}"


def _gone(keep: Keep, zone: Zone) -> list[str]:
    """What of the last known zone is not there, but for what the write at that time was to take away."""
    path = keep.remembered(zone.domain)
    if keep.age(path) is None:
        return []
    last = saved(str(path), zone.domain)
    going: Counter[Any] = Counter(keep.going(zone.domain))
    missing = last.counted - zone.counted - going
    mail = [f"mail settings {last.email_type}"] if last.email_type != zone.email_type else []
    return mail + [str(host) for host in last.hosts if host.same in missing]


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


def undo_command(params: Params, file: str) -> str:
    """What brings a zone back to what a file says; the login comes from the environment.

    It goes to the same service and waits for the same lock. Whether there are SRV records is for the operator to say.
    """
    given: dict[str, Any] = {"zone": str(params["zone"]).strip().lower(), "restore": file}
    standard = RECORDS.argument_spec()
    for name in ("folder", "ca_path"):
        if params[name] != standard[name].get("default"):
            given[name] = str(Path(params[name]).expanduser().absolute())
    for name in ("api_url", "validate_certs"):
        if params[name] != standard[name].get("default"):
            given[name] = params[name]
    return f"ansible localhost -m mediverse.pacs.namecheap_records -a {shlex.quote(json.dumps(given))}"


def _told(params: Params, before: Zone, made: Plan, undo: str) -> dict[str, Any]:
    zone = before.domain
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
        "undo": {"file": undo, "command": undo_command(params, undo)} if undo else {},
        "diff": {"before_header": zone, "after_header": zone, "before": _text(lines), "after": _text(after)},
    }
    warnings = list(made.warnings)
    if left:
        names = ", ".join(f"{one['name']} {one['type']} {one['value']}" for one in left)
        warnings.append(
            f"These addresses of your names were left as they are: {names}. List a name in remove to end them."
        )
    if warnings:
        result["warnings"] = warnings
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
        "expect_missing": {"type": "bool", "default": False},
        "folder": {"type": "path", "default": "~/.local/state/mediverse.pacs/namecheap"},
        "calls_per_minute": {"type": "int", "default": 15},
    },
)
