# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the records of a zone to the records that are sent, without asking anybody: what changes, and what is refused.

A write replaces the whole zone. So a plan begins with everything that was read, as it was read, and changes nothing but
addresses (A, AAAA) of names that the caller owns.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .._engine.errors import InputError
from .._rules.addresses import LABEL
from ._zone import TYPES, Host, Zone, counted

_NAME = re.compile(rf"{LABEL}(?:\.{LABEL})+")
_ADDRESSES = ("A", "AAAA")
# An address cannot stand beside these: they take the name's place, or are answered by Namecheap's own servers.
_EXCLUSIVE = frozenset({"CNAME", "ALIAS", "URL", "URL301", "FRAME", "MXE"})
_SHORTEST_TTL, _LONGEST_TTL = 60, 60000
# As Namecheap's page about the limits of its name servers says. What a write does with more is not known.
_MOST_RECORDS, _LONGEST_NAME = 150, 60
# The EmailType with which a write may carry such a record.
_MAIL = {"MX": ("MX", "OX", "GMAIL"), "MXE": ("MXE",)}


@dataclass(frozen=True)
class Wanted:
    """An address that a name shall have; ``label`` is below the zone. An empty TTL leaves it as it is, or automatic."""

    label: str
    type: str
    value: str
    ttl: str


@dataclass(frozen=True)
class Wish:
    """What the task asks for.

    removed   labels that shall have no other addresses than the wanted ones.
    zone_has_srv   what the operator says of it; None when nothing was said.
    """

    zone: str
    wanted: tuple[Wanted, ...]
    removed: tuple[str, ...]
    zone_has_srv: bool | None


@dataclass(frozen=True)
class Plan:
    """What would be sent, and what that means.

    hosts     the whole zone afterwards, in the order in which it was read, new records last.
    added, removed   records; a changed one stands in both.
    left      addresses of names of the task that nobody asked for, and that nobody said to remove.
    warnings  sentences.
    """

    hosts: tuple[Host, ...]
    email_type: str
    added: tuple[Host, ...] = ()
    removed: tuple[Host, ...] = ()
    left: tuple[Host, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.added or self.removed)


def wish(params: Mapping[str, Any]) -> Wish:
    """The task's options, checked; InputError with a sentence."""
    zone = str(params["zone"]).strip().lower()
    if not _NAME.fullmatch(zone):
        raise InputError(f"zone is {params['zone']!r}; expected a domain as it was registered, such as mediverse.ai.")
    owned = [_pattern(zone, one) for one in params["owned"] or []]
    wanted = tuple(_wanted(zone, one) for one in params["records"] or [])
    removed = tuple(_label(zone, one, "remove") for one in params["remove"] or [])
    for label in (*(one.label for one in wanted), *removed):
        if not any(pattern.fullmatch(label) for pattern in owned):
            raise InputError(
                f"{label}.{zone} is none of the names that owned lists. Add it there if it is yours; all other names "
                "of the zone are left alone."
            )
    keys = [(one.label, one.type) for one in wanted]
    twice = sorted({f"{label}.{zone} ({kind})" for label, kind in keys if keys.count((label, kind)) > 1})
    if twice:
        raise InputError(f"records names {', '.join(twice)} more than once. A name has one address of a type.")
    return Wish(zone, wanted, removed, params["zone_has_srv"])


def _label(zone: str, name: Any, option: str) -> str:
    found = str(name).strip().lower().rstrip(".")
    if not _NAME.fullmatch(found) or not found.endswith(f".{zone}"):
        raise InputError(f"{option} has {str(name)!r}; expected a name below {zone}, such as kanifing.viewer.{zone}.")
    return found[: -len(zone) - 1]


def _pattern(zone: str, given: Any) -> re.Pattern[str]:
    name = str(given).strip().lower()
    star = name.startswith("*.")
    rest = name[2:] if star else name
    if star and rest == zone:
        raise InputError(f"owned has {name!r}, which is every name of the zone. Write what is really yours.")
    label = _label(zone, rest, "owned")
    return re.compile((rf"{LABEL}\." if star else "") + re.escape(label))


def _wanted(zone: str, given: Mapping[str, Any]) -> Wanted:
    label = _label(zone, given["name"], "records")
    kind = given["type"]
    try:
        address = ipaddress.ip_address(str(given["value"]).strip())
    except ValueError:
        address = None
    if address is None or address.version != (4 if kind == "A" else 6):
        expected = "an IPv4 address" if kind == "A" else "an IPv6 address"
        raise InputError(f"records has {str(given['value'])!r} for {label}.{zone} {kind}; expected {expected}.")
    ttl = given["ttl"]
    if ttl is not None and not _SHORTEST_TTL <= ttl <= _LONGEST_TTL:
        raise InputError(
            f"records has the TTL {ttl} for {label}.{zone}; expected {_SHORTEST_TTL} to {_LONGEST_TTL} seconds."
        )
    return Wanted(label, kind, str(address), "" if ttl is None else str(ttl))


def plan(zone: Zone, asked: Wish) -> Plan:
    """What to send; InputError for what may not be written.

    A zone that is as it should be is refused only when nobody is answered from it.
    """
    _refuse_foreign(zone, asked)
    wanted = {(one.label, one.type): one for one in asked.wanted}
    # What stands in the place of a record afterwards; None for nothing.
    instead: dict[int, Host | None] = {}
    new: list[Host] = []
    left: list[Host] = []
    for label in sorted({*(one.label for one in asked.wanted), *asked.removed}):
        for kind in _ADDRESSES:
            places = [place for place, host in enumerate(zone.hosts) if (host.label, host.kind) == (label, kind)]
            want = wanted.get((label, kind))
            if want is not None and not places:
                new.append(Host(label, kind, want.value, "10", want.ttl or "1799"))
            elif want is not None:
                best = next((place for place in places if zone.hosts[place].value == want.value), places[0])
                if len(places) > 1 and label not in asked.removed:
                    raise InputError(_several(asked.zone, label, [zone.hosts[place] for place in places]))
                places.remove(best)
                made = _changed(zone.hosts[best], want)
                if made.same != zone.hosts[best].same:
                    instead[best] = made
            if label in asked.removed:
                instead.update(dict.fromkeys(places))
            else:
                left += [zone.hosts[place] for place in places]
    stays = [instead.get(place, host) for place, host in enumerate(zone.hosts)]
    made_new = [host for host in instead.values() if host is not None] + new
    result = Plan(
        hosts=(*(host for host in stays if host is not None), *new),
        email_type=zone.email_type,
        added=tuple(made_new),
        removed=tuple(zone.hosts[place] for place in instead),
        left=tuple(left),
    )
    if result.changed:
        _refuse_zone(zone, result, asked)
        _refuse_names(zone, asked)
        _sound(zone, result)
    return result


def restoration(zone: Zone, saved: Zone, asked: Wish) -> Plan:
    """The zone as it was when ``saved`` was read."""
    before, after = zone.counted, saved.counted
    result = Plan(
        hosts=saved.hosts,
        email_type=saved.email_type,
        added=_those(saved.hosts, after - before),
        removed=_those(zone.hosts, before - after),
        warnings=tuple(_replaced(zone, asked)),
    )
    _refuse_foreign(zone, asked)
    if result.changed or zone.email_type != saved.email_type:
        # What is there is what went wrong; it is not asked whether it may go.
        _refuse(_unsendable(result, asked))
    return result


def _those(hosts: tuple[Host, ...], number: Counter[Any]) -> tuple[Host, ...]:
    found = []
    for host in hosts:
        if number[host.same] > 0:
            number[host.same] -= 1
            found.append(host)
    return tuple(found)


def _changed(host: Host, want: Wanted) -> Host:
    return replace(host, address=host.address if host.value == want.value else want.value, ttl=want.ttl or host.ttl)


def _several(zone: str, label: str, hosts: list[Host]) -> str:
    listed = ", ".join(sorted(host.value for host in hosts))
    return (
        f"{label}.{zone} has {len(hosts)} records of type {hosts[0].kind} ({listed}), and one is expected. Name it in "
        "remove to have the wanted one alone."
    )


def _replaced(zone: Zone, asked: Wish) -> Iterator[str]:
    for host in zone.hosts:
        marks = [word for word, there in (("dynamic DNS", host.dynamic), ("switched off", not host.active)) if there]
        if marks or host.kind not in TYPES:
            what = " and ".join(marks or [f"type {host.kind}"])
            yield f"{host.label}.{asked.zone} ({what}) is there now, and the file takes its place."


def _refuse(faults: Iterator[str]) -> None:
    for wrong in faults:
        raise InputError(wrong)


def _refuse_foreign(zone: Zone, asked: Wish) -> None:
    if not zone.ours:
        raise InputError(
            f"{asked.zone} is served by other name servers than Namecheap's, so a write would have no effect. Make the "
            "names there."
        )


def _refuse_zone(zone: Zone, made: Plan, asked: Wish) -> None:
    _refuse(_faults(zone, asked))
    _refuse(_unsendable(made, asked))


def _faults(zone: Zone, asked: Wish) -> Iterator[str]:
    """Why what is there may not be replaced, the first reason first."""
    name = asked.zone
    if not zone.hosts:
        yield (
            f"{name} has no record at all, by the answer of Namecheap, which may be a failed one, and a write replaces "
            "the zone. Make any record in the panel first."
        )
    for host in zone.hosts:
        if host.dynamic:
            yield f"{host.label}.{name} is set by dynamic DNS, which a write ends. Make the names of {name} by hand."
        if not host.active:
            yield (
                f"{host} in {name} is switched off, and a write would switch it on. Remove it in the panel, or switch "
                "it on."
            )


def _unsendable(made: Plan, asked: Wish) -> Iterator[str]:
    """Why these records may not be sent."""
    name = asked.zone
    if not made.hosts:
        yield f"{name} would have no record any more. Remove the last ones in the panel."
    if len(made.hosts) > _MOST_RECORDS:
        yield (
            f"{name} would have {len(made.hosts)} records, and Namecheap names {_MOST_RECORDS} as its limit. Delegate "
            "a zone below it, or remove some in the panel."
        )
    for host in made.hosts:
        yield from _unclear(name, host)
    yield from _mail(name, made)
    twins = Counter((one.label, one.kind, one.value) for one in made.hosts)
    for label, kind, value in (key for key, number in twins.items() if number > 1):
        yield (
            f"{label}.{name} has {kind} {value} more than once, and a write keeps one of them alone. Remove the others "
            "in the panel."
        )
    if asked.zone_has_srv is None:
        yield (
            f"Namecheap does not show SRV records, and every write deletes them. Look at {name} in the panel, and set "
            "zone_has_srv to false if there is none."
        )
    if asked.zone_has_srv:
        yield f"{name} has SRV records, which every write deletes. Delegate a zone below it, or make the names by hand."


def _unclear(name: str, host: Host) -> Iterator[str]:
    """Why it is not known that this record comes through a write as it is."""
    if host.kind not in TYPES:
        yield (
            f"{host.label}.{name} has a record of type {host.kind}, which a write cannot carry. Make the names of "
            f"{name} by hand."
        )
    for text, what in ((host.name, "in its name"), (host.address, "around its value")):
        spaced = " " in text if text is host.name else text != text.strip()
        if spaced or not (text.isascii() and text.isprintable()):
            yield (
                f"{host.label}.{name} has a {host.kind} record with letters beyond English or with spaces {what}, and "
                "what a write makes of them is not known. Change it in the panel."
            )
    if len(host.name) > _LONGEST_NAME:
        yield (
            f"{host.label}.{name} is {len(host.name)} letters long without the zone, and Namecheap takes "
            f"{_LONGEST_NAME}. Choose a shorter name."
        )
    if host.kind == "TXT" and '"' in host.address:
        yield (
            f"{host.label}.{name} has a TXT record with quotation marks, and others found that a write does not keep "
            "these. Enter it in the panel without them."
        )
    if host.kind == "MX" and not host.value:
        yield (
            f"{host.label}.{name} has an MX record without a server, and others found that a write does not keep it. "
            f"Make the names of {name} by hand."
        )


def _mail(name: str, made: Plan) -> Iterator[str]:
    for host in made.hosts:
        allowed = _MAIL.get(host.kind)
        if allowed and made.email_type not in allowed:
            yield (
                f"{name} has the record {host}, and the mail settings {made.email_type}, with which a write may lose "
                "it. Look at the mail settings in the panel."
            )


def _refuse_names(zone: Zone, asked: Wish) -> None:
    """An address where something else answers would have no effect, or end what is there."""
    for label in (one.label for one in asked.wanted):
        for host in zone.hosts:
            if host.label == label and host.kind in _EXCLUSIVE:
                raise InputError(
                    f"{label}.{asked.zone} has {host.kind} {host.address}, beside which no address can stand. Remove "
                    "it in the panel if the name is yours."
                )
            if host.kind == "NS" and host.label != "@" and f".{label}".endswith(f".{host.label}"):
                raise InputError(
                    f"{host.label}.{asked.zone} is delegated to {host.address}, so {label}.{asked.zone} has to be made "
                    "there."
                )


def _sound(zone: Zone, made: Plan) -> None:
    """Look once more, by another way than the plan was made: nothing but what is told may differ."""
    expected = zone.counted - counted(made.removed) + counted(made.added)
    others = [host for host in zone.hosts if host.kind not in _ADDRESSES]
    if counted(made.hosts) != expected or [host for host in made.hosts if host.kind not in _ADDRESSES] != others:
        raise RuntimeError("the plan would change more than it says")
