# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the forwarder of a gateway still has to deliver.

The forwarder shows its state as an entry ``<peer>-status`` among the peers. The exact backlog is its field ``Pending``
plus the rows of Orthanc's change log after its field ``Read``, the images that came in since. All times are those of
the gateway's clock, and ages are taken against that same clock, so that the controller's does not matter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from .._engine.errors import NOT_RUNNING, ApiError
from .._engine.http import Api, Ask
from .._engine.messages import NOT_ASKED, Response, Taken
from .._engine.resource import InfoSpec, Params
from .._engine.waiting import wait_until
from ._service import ORTHANC

SUFFIX = "-status"
# Rows of the change log in one answer: about 1.5 MB. A backlog of 100,000 images takes twenty requests.
PAGE = 5000
_PAUSE = 1.0
_PEERS = "/peers?expand"
_CHANGES = f"/changes?type=NewInstance&limit={PAGE}&since={{}}"
# How far each destination's forwarder has read, in the answer about the peers.
_READ = Taken(1, r'"Read"\s*:\s*"(\d+)"', least=True)
_ASK_CLOCK, _ASK_PEERS = Ask("GET", "/tools/now"), Ask("GET", _PEERS)
_ASK_CHANGES = Ask("GET", _CHANGES, taken=_READ)

Row = Mapping[str, Any]

# What to do about the HTTP status with which a destination answered an image.
_STATUS = {
    401: "It refuses the login; compare the peer's password with the one that it knows.",
    403: "It answers and lets this gateway do nothing; look at its proxy and at who may come there.",
    413: "It finds an image too large; compare its limit with the largest images.",
    507: "It has no room; make some there.",
    **dict.fromkeys((502, 503, 504), "Its proxy answers, and the Orthanc behind it does not; look at the cloud."),
}
_OTHER_STATUS = "It answers and does not take images; look at its log."
_CERTIFICATE = (
    "Look at its certificate and the clocks; where TLS is opened on the way set orthanc_windows_gateway_ca_file."
)
_LINE = "Look at the line; where everything goes out through a proxy set orthanc_windows_gateway_http_proxy."


def parse_time(text: str) -> datetime | None:
    """Both spellings, ``2026-11-23T18:55:35Z`` of the forwarder and ``20261123T185535`` of Orthanc, are UTC.

    None for anything else.
    """
    for form in ("%Y-%m-%dT%H:%M:%SZ", "%Y%m%dT%H%M%S"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=timezone.utc)
        except ValueError:
            continue
    return None


def show_time(moment: datetime | None) -> str:
    """ISO 8601 with Z; empty for None."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else ""


def _advice(error: str) -> str:
    """What to do about an error of the forwarder; empty for none."""
    status = re.search(r"HTTP status (\d+)", error)
    if status:
        return _STATUS.get(int(status[1]), _OTHER_STATUS)
    return (_CERTIFICATE if "SSL" in error else _LINE) if error else ""


def _new_images(api: Api, since: int, first: Response | None) -> Iterator[Row]:
    """Rows ``NewInstance`` of the change log after ``since``, oldest first, one page in memory at a time.

    first    the page right after ``since``, if it was asked for already.
    """
    while True:
        path = _CHANGES.format(since)
        page = api.read(path, absent=()) if first is None else api.parse(first, path)
        first = None
        rows = page["Changes"]
        yield from rows
        if page["Done"] or not rows:
            return
        since = int(rows[-1]["Seq"])


def _parked(text: str) -> list[dict[str, str]]:
    """The list that the forwarder publishes: at most 20 images, each with the time and the reason in one text."""
    shown = []
    for entry in json.loads(text or "[]"):
        since, __, reason = str(entry["Reason"]).partition(" ")
        known = parse_time(since) is not None
        shown.append(
            {
                "id": str(entry["ID"]),
                "since": since if known else "",
                "reason": reason if known else str(entry["Reason"]),
            }
        )
    return shown


def _rows(text: str) -> list[dict[str, Any]]:
    """What the forwarder publishes about refusals, as the module returns it: newest first."""
    return [
        {
            "uid": str(row["Uid"]),
            "status": str(row["Status"]),
            "reason": str(row["Reason"]),
            "aet": str(row["Aet"]),
            "address": str(row["Address"]),
            "times": int(row["Times"]),
            "last": str(row["Last"]),
        }
        for row in json.loads(text or "[]")
    ]


def _refusals(fields: Mapping[str, str]) -> dict[str, Any]:
    """What the gateway itself refused or replaced; the same in the entry of each destination."""
    known = fields.get("Journal") == "read"
    return {
        "refused": {
            "known": known,
            "today": int(fields.get("Refused", 0)),
            "images": _rows(fields.get("RefusedImages", "")),
        },
        "rejected": {
            "known": known,
            "today": int(fields.get("Rejected", 0)),
            "associations": _rows(fields.get("RejectedAssociations", "")),
        },
        "replaced": {"today": int(fields.get("Replaced", 0)), "images": _rows(fields.get("ReplacedImages", ""))},
    }


class _Destination:
    """One entry of the forwarder, being completed with the rows that it has not read."""

    def __init__(self, name: str, fields: Mapping[str, str], now: datetime) -> None:
        self.name = name
        self._fields, self._now = fields, now
        self.read = int(fields["Read"])
        self.unread = 0
        self._oldest = parse_time(fields["OldestPending"])
        self.age = self._age(parse_time(fields["Updated"]))

    def _age(self, moment: datetime | None) -> int | None:
        return None if moment is None else int((self._now - moment).total_seconds())

    def add(self, row: Row) -> None:
        """A row of the change log."""
        if int(row["Seq"]) > self.read:
            self.unread += 1
            self._oldest = self._oldest or parse_time(row["Date"])

    def result(self) -> dict[str, Any]:
        """As the module returns it."""
        fields, success = self._fields, parse_time(self._fields["LastSuccess"])
        pending = int(fields["Pending"])
        oldest = self._oldest if pending + self.unread else None
        return {
            "name": self.name,
            "state": fields["State"],
            "backlog": pending + self.unread,
            "pending": pending,
            "unread": self.unread,
            "oldest": show_time(oldest),
            "oldest_age": max(0, self._age(oldest) or 0),
            "parked": int(fields["Parked"]),
            "parked_images": _parked(fields["ParkedImages"]),
            "sent": int(fields["Sent"]),
            "skipped": int(fields["Skipped"]),
            "jobs_in_flight": int(fields["JobsInFlight"]),
            "rate": float(fields["Rate"].replace("/s", "")) if "Rate" in fields else None,
            "last_success": show_time(success),
            "last_success_age": self._age(success),
            "last_error": fields["LastError"],
            "advice": _advice(fields["LastError"]),
            "updated": fields["Updated"],
            "updated_age": self.age,
        }


def _chosen(api: Api, params: Params, entries: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of the forwarder by the name of their destination."""
    found = {
        name[: -len(SUFFIX)]: entry for name, entry in entries.items() if name.endswith(SUFFIX) and "Read" in entry
    }
    wanted = params["destinations"] or sorted(found)
    missing = [name for name in wanted if name not in found]
    if missing or not wanted:
        for_whom = f" for {', '.join(missing)}" if missing else ""
        has = f" It has one for {', '.join(sorted(found))}." if found else ""
        raise ApiError(
            f"{api.where} runs no forwarder{for_whom}: there is no state of one among its peers.{has} "
            'Look for lines with "forwarder:" in the newest log of that Orthanc, and run its role again.',
            kind=NOT_RUNNING,
            path=_PEERS,
        )
    return {name: found[name] for name in wanted}


def _require_alive(api: Api, params: Params, destination: _Destination, updated: str) -> None:
    limit, age = params["stale_after"], destination.age
    if age is not None and -limit <= age <= limit:
        return
    told = "at no time that can be read" if age is None else f"{age} s ago" if age > 0 else f"{-age} s in the future"
    cause = (
        "The clock of that machine was set back; restart Orthanc, or wait until it has caught up."
        if age is not None and age < 0
        else 'It is not running; restart Orthanc, and look for lines with "forwarder:" in its newest log file.'
    )
    raise ApiError(
        f"The forwarder of {api.where} told its state for {destination.name} {told} ({updated or 'never'}). {cause}",
        kind=NOT_RUNNING,
        path=f"/peers/{destination.name}{SUFFIX}/configuration",
    )


def read(api: Api, params: Params) -> dict[str, Any]:
    """What the forwarder has left, or how it was at the first moment when a destination had nothing left.

    While a scanner sends, something is always on its way to each of several destinations, so that they need not have
    nothing left at the same moment.
    """
    settled: dict[str, dict[str, Any]] = {}

    def ask() -> dict[str, Any]:
        seen = _look(api, params)
        for name, one in seen["destinations"].items():
            if one["backlog"] == 0:
                settled.setdefault(name, one)
        return seen

    seen, __ = wait_until(ask, lambda answer: set(settled) == set(answer["destinations"]), params["wait"], _PAUSE)
    return {**seen, **_summed([settled.get(name, one) for name, one in seen["destinations"].items()])}


def _asked(api: Api) -> tuple[Response, Response, Response]:
    """The clock, the peers and, where the way is long, the page of the change log after what was read.

    Without that page the others are told alone: whether the forwarder runs is said first, and who asks for the page
    then hears what is wrong with it.
    """
    if api.transport.far:
        try:
            clock, peers, page = api.together(_ASK_CLOCK, _ASK_PEERS, _ASK_CHANGES)
            return clock, peers, page
        except ApiError as error:
            if not (error.path or "").startswith("/changes"):
                raise
    clock, peers = api.together(_ASK_CLOCK, _ASK_PEERS)
    return clock, peers, NOT_ASKED


def _look(api: Api, params: Params) -> dict[str, Any]:
    """The time, the state and the page of what came in since, together; another page for each 5000 images more."""
    try:
        clock, peers, page = _asked(api)
        now = parse_time(clock.text.strip())
        if now is None:
            raise ValueError("no time")
        entries = _chosen(api, params, api.parse(peers, _PEERS))
        found = [_Destination(name, entry, now) for name, entry in entries.items()]
        for destination in found:
            _require_alive(api, params, destination, entries[destination.name]["Updated"])
        since = min(destination.read for destination in found)
        # Of destinations that nobody asked for, one may have read less.
        fits = page is not NOT_ASKED and _READ.piece(peers.text) == str(since)
        for row in _new_images(api, since, page if fits else None):
            for destination in found:
                destination.add(row)
        results = [destination.result() for destination in found]
        refusals = _refusals(next(iter(entries.values())))
    except (TypeError, AttributeError, KeyError, ValueError) as error:
        raise ApiError(
            f"{api.where} does not answer like an Orthanc with the forwarder of this collection "
            f"({type(error).__name__}: {error}). Check api_url, and run the gateway's role again.",
            path=_PEERS,
        ) from None
    return {**_summed(results), **refusals}


def _summed(results: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "backlog": sum(entry["backlog"] for entry in results),
        "oldest_age": max(entry["oldest_age"] for entry in results),
        "parked": sum(entry["parked"] for entry in results),
        "destinations": {entry["name"]: entry for entry in results},
    }


DELIVERY = InfoSpec(
    service=ORTHANC,
    read=read,
    options={
        "destinations": {"type": "list", "elements": "str"},
        "stale_after": {"type": "int", "default": 120},
        "wait": {"type": "int", "default": 0},
    },
)
