# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The delivery ledger: the days of a range, the portions of a comparison, what differs, and how it is told.

A *day* of the ledger is ``{day, series, images, missing, different, unchecked, sent, named, seconds}``: numbers, and in
``named`` up to a certain number of ``{series, sop, id, problem}`` with ``problem`` one of ``missing``, ``different``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta, timezone
from typing import Any

DOCUMENTATION = r"""
name: ledger
short_description: Compare the images of two ends and tell the outcome
version_added: 1.0.0
author: mediverse.pacs contributors
description:
  - C(ledger_days) gives the days of a range, from its first day and its last one, also C(today) and C(yesterday).
  - C(ledger_groups) puts series together whose images are compared at once.
  - C(ledger_compare) tells which images of one end are missing or different at the other, C(ledger_add) adds that to a
    day, C(ledger_results) turns days into results for C(proof_table) and C(proof_report), and C(ledger_forwarder) adds
    what the forwarder says.
positional: _input
options:
  _input:
    description: The first day, the series, the images of one end, the day or the days.
    type: raw
    required: true
"""

RETURN = r"""
_value:
  description: A list or a dictionary, depending on the filter.
  type: raw
"""

Image = Mapping[str, str]
Images = Mapping[str, Mapping[str, Image]]
Found = dict[str, Any]
_SHOWN = 3
_LONGEST = 3660


def _day(text: Any, today: date) -> date:
    words = {"today": today, "yesterday": today - timedelta(days=1)}
    if str(text) in words:
        return words[str(text)]
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        raise ValueError(f"{text!r} is no day; expected a date such as 2026-11-22, today or yesterday") from None


def ledger_days(first: Any, last: Any = "today", now: datetime | None = None) -> list[str]:
    """All days from ``first`` to ``last``, both included, by UTC; raises ValueError with a sentence."""
    today = (now or datetime.now(timezone.utc)).date()  # noqa: UP017 (Python 3.9)
    start, end = _day(first, today), _day(last, today)
    count = (end - start).days + 1
    if not 1 <= count <= _LONGEST:
        raise ValueError(f"from {start} to {end} are {count} days; expected 1 to {_LONGEST}")
    return [(start + timedelta(days=number)).isoformat() for number in range(count)]


def ledger_groups(series: Sequence[Mapping[str, Any]], size: int = 1000) -> list[list[str]]:
    """UIDs of the series in groups of at most ``size`` images; a larger series is a group of its own."""
    groups: list[list[str]] = []
    images = 0
    for entry in series:
        if not groups or images + entry["images"] > size:
            groups.append([])
            images = 0
        groups[-1].append(entry["series"])
        images += entry["images"]
    return groups


def ledger_compare(here: Images, there: Images, md5: bool = True) -> Found:
    """Images of ``here`` that are ``missing`` there, or ``different`` by their MD5, each ``{series, sop, id}``.

    ``unchecked`` is the number of those whose checksum one end does not keep. What only ``there`` has is no fault.
    """
    found: Found = {"missing": [], "different": [], "unchecked": 0}
    for series, images in here.items():
        others = there.get(series, {})
        for sop, image in images.items():
            other = others.get(sop)
            entry = {"series": series, "sop": sop, "id": image["id"]}
            if other is None:
                found["missing"].append(entry)
            elif not md5:
                continue
            elif not (image["md5"] and other["md5"]):
                found["unchecked"] += 1
            elif image["md5"] != other["md5"]:
                found["different"].append(entry)
    return found


def ledger_add(day: Mapping[str, Any], found: Found, sent: int = 0, at_most: int = 1000) -> Found:
    """The day with the outcome of one comparison; images are named up to ``at_most`` a day, and counted always."""
    named = list(day["named"])
    for problem in ("missing", "different"):
        named += [{**entry, "problem": problem} for entry in found[problem][: max(0, at_most - len(named))]]
    return {
        **day,
        "missing": day["missing"] + len(found["missing"]),
        "different": day["different"] + len(found["different"]),
        "unchecked": day["unchecked"] + found["unchecked"],
        "sent": day["sent"] + sent,
        "named": named,
    }


def _detail(day: Mapping[str, Any], finished: bool, md5: bool) -> str:
    sent = f" Sent again: {day['sent']}." if day["sent"] else ""
    if not (day["missing"] or day["different"]):
        if not day["images"]:
            return "The gateway got no image that it still has."
        how = "with the same MD5" if md5 else "by SOP Instance UID"
        unchecked = f", {day['unchecked']} of them without a checksum to compare" if day["unchecked"] else ""
        proved = "the day is proved" if finished else "so far; the day is not over"
        return (
            f"All {day['images']} images of {day['series']} series are in the cloud {how}{unchecked}: {proved}.{sent}"
        )
    parts = [f"{day[kind]} {kind}" for kind in ("missing", "different") if day[kind]]
    shown = ", ".join(f"{one['sop']} ({one['problem']})" for one in day["named"][:_SHOWN])
    more = " and others" if day["missing"] + day["different"] > _SHOWN else ""
    return f"{' and '.join(parts)} of {day['images']} images: {shown}{more}.{sent}"


def ledger_results(days: Sequence[Mapping[str, Any]], md5: bool = True, now: datetime | None = None) -> list[Found]:
    """One result of the proof for each day, with the day itself under ``ledger``.

    ``proved`` is true for a day that is over and of which nothing is missing, different or unchecked.
    """
    today = (now or datetime.now(timezone.utc)).date().isoformat()  # noqa: UP017 (Python 3.9)
    results = []
    for day in days:
        whole = not (day["missing"] or day["different"])
        finished = day["day"] < today
        results.append(
            {
                "check": f"day-{day['day']}",
                "title": day["day"],
                "result": "passed" if whole else "failed",
                "detail": _detail(day, finished, md5),
                "seconds": day["seconds"],
                "proved": whole and finished and md5 and not day["unchecked"],
                "ledger": dict(day),
            }
        )
    return results


def ledger_forwarder(answer: Mapping[str, Any], began: float, now: datetime | None = None) -> Found:
    """What the module ``orthanc_delivery_info`` answered, as one more result: it explains what is missing.

    A forwarder that does not answer is *skipped*: the comparison stands without it. ``began``: seconds since 1970.
    """
    seconds = max(0.0, (now or datetime.now(timezone.utc)).timestamp() - float(began))  # noqa: UP017 (Python 3.9)
    result, detail = "skipped", str(answer.get("msg") or "The forwarder was not asked.")
    if "backlog" in answer:
        waiting = f"{answer['backlog']} images wait, the oldest for {answer['oldest_age']} s"
        detail = f"{waiting if answer['backlog'] else 'No image waits'}; {answer['parked']} are parked."
        result = "passed"
    return {
        "check": "forwarder",
        "title": "Forwarder",
        "result": result,
        "detail": detail,
        "seconds": round(seconds, 1),
    }


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Names and functions."""
        return {
            "ledger_days": ledger_days,
            "ledger_groups": ledger_groups,
            "ledger_compare": ledger_compare,
            "ledger_add": ledger_add,
            "ledger_results": ledger_results,
            "ledger_forwarder": ledger_forwarder,
        }
