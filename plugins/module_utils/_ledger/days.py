# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The days of a ledger, and in which portions the cloud is asked about them.

A *day* of the ledger is ``{day, series, images, missing, different, elsewhere, left_out, unchecked, sent, unsent,
would_send, reasons, named, pairs, replaced, seconds}``: numbers, in ``reasons`` how many images could not be sent again
for which reason, and in ``named`` up to a certain number of ``{series, sop, id, problem, reason, would_send}`` with
``problem`` one of :data:`PROBLEMS`; ``reason`` is there when it was to be sent again and did not arrive, and
``would_send``, true, when it was not sent because of check mode. ``pairs`` are studies that stand
under more than one patient in the cloud, ``replaced`` images that took another one's place there.

An *entry* is what the gateway sums up for a series: ``{series, images, digest, study}``. A *portion* is
``{label, begins, days, series}``: entries of one or more days, one after the other; ``days`` says how many of them are
of which day, and ``begins`` which days have their first entry there. It is a question to the cloud, in a form that
survives JSON.

Days and their end are those of the gateway's clock. What time it is comes in as ``now``, as the gateway told it before
it was asked for anything else; nothing here looks at a clock.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from .._site.tally import many

Answer = Mapping[str, Any]
Found = dict[str, Any]
Entries = Sequence[Answer]

# What an image of the gateway can be in the cloud. It is elsewhere when the cloud has its UID under another patient
# only, as after a correction there: to send it would make a pair.
PROBLEMS = ("missing", "different", "elsewhere")
# Images that the cloud is asked about at once: a few seconds of its work, and at most 4 MB of answer.
PORTION = 20_000
_LONGEST = 3660


def today(now: str) -> date:
    """The day of a time such as ``2026-11-22T19:54:13Z``."""
    return date.fromisoformat(now[:10])


def _day(text: Any, this: date) -> date:
    words = {"today": this, "yesterday": this - timedelta(days=1)}
    if str(text) in words:
        return words[str(text)]
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        raise ValueError(f"{text!r} is no day; expected a date such as 2026-11-22, today or yesterday") from None


def require_order(first: Any, last: Any, this: date) -> None:
    """Raises ValueError with a sentence for a range that ends before it begins, whatever day it is at the gateway.

    this    today by some clock, which may be a day away from the gateway's.
    """
    words = {str(first), str(last)} <= {"today", "yesterday"}
    leeway = timedelta(days=0 if words else 1)
    if _day(first, this - leeway) > _day(last, this + leeway):
        raise ValueError(f"from {first} is later than until {last}")


def days_between(first: Any, last: Any, now: str) -> list[str]:
    """All days from ``first`` to ``last``, both included, by UTC; raises ValueError with a sentence."""
    this = today(now)
    start, end = _day(first, this), _day(last, this)
    count = (end - start).days + 1
    if count < 1:
        raise ValueError(f"from {start} is later than until {end}")
    if count > _LONGEST:
        raise ValueError(f"from {start} to {end} are {count} days; expected at most {_LONGEST}")
    return [(start + timedelta(days=number)).isoformat() for number in range(count)]


def new_day(text: str, entries: Entries = (), seconds: float = 0.0) -> Found:
    """A day of which nothing is known but what the gateway received."""
    numbers = dict.fromkeys((*PROBLEMS, "left_out", "unchecked", "sent", "unsent", "would_send"), 0)
    counted = {"series": len(entries), "images": sum(entry["images"] for entry in entries)}
    lists: Found = {"reasons": {}, "named": [], "pairs": [], "replaced": []}
    return {"day": text, **counted, **numbers, **lists, "seconds": seconds}


def portions(days: Iterable[tuple[str, Entries]], size: int = PORTION, begins: bool = True) -> list[Found]:
    """The entries of these days in portions of at most ``size`` images; a larger series is a portion of its own.

    ``begins`` is false for a second question, in which no day begins any more.
    """
    found: list[Found] = []
    images = 0
    for day, entries in days:
        fresh = begins
        for entry in entries:
            if not found or images + entry["images"] > size:
                found.append({"label": "", "begins": [], "days": {}, "series": []})
                images = 0
            portion = found[-1]
            portion["series"].append(entry)
            portion["days"][day] = portion["days"].get(day, 0) + 1
            images += entry["images"]
            if fresh:
                portion["begins"].append(day)
                fresh = False
    for portion in found:
        count, names = sum(entry["images"] for entry in portion["series"]), list(portion["days"])
        span = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
        portion["label"] = f"{span}: {many(count, 'image')} of {len(portion['series'])} series"
    return found


def of_each_day(portion: Answer) -> Iterator[tuple[str, list[Answer]]]:
    """The days of a portion with their entries."""
    entries = iter(portion["series"])
    for day, count in portion["days"].items():
        yield day, list(itertools.islice(entries, count))


def groups(entries: Iterable[Answer], size: int = 1000) -> list[list[Answer]]:
    """Entries in groups of at most ``size`` images, to be held in memory; a larger series is a group of its own."""
    found: list[list[Answer]] = []
    images = 0
    for entry in entries:
        if not found or images + entry["images"] > size:
            found.append([])
            images = 0
        found[-1].append(entry)
        images += entry["images"]
    return found


def with_answer(day: Answer, entries: Entries, answer: Answer) -> Found:
    """The day with what the cloud told of it besides the sums: studies under two patients, and replaced images.

    ``entries`` are those of that day in the portion which the cloud answered.
    """
    studies = {entry.get("study") for entry in entries}
    pairs = {one["study"]: one for one in day["pairs"]}
    pairs.update({one["study"]: one for one in answer.get("pairs", ()) if one["study"] in studies})
    replaced = [{"sop": one["sop"], "id": one["id"]} for one in answer.get("replaced", ()) if one["day"] == day["day"]]
    return {**day, "pairs": [pairs[study] for study in sorted(pairs)], "replaced": [*day["replaced"], *replaced]}


def with_outcome(day: Answer, found: Answer, at_most: int = 1000) -> Found:
    """The day with the outcome of one comparison; images are named up to ``at_most`` a day, and counted always."""
    named = list(day["named"])
    for problem in PROBLEMS:
        named += [{**entry, "problem": problem} for entry in found[problem][: max(0, at_most - len(named))]]
    return {
        **day,
        **{problem: day[problem] + len(found[problem]) for problem in PROBLEMS},
        **{number: day[number] + found[number] for number in ("left_out", "unchecked", "sent")},
        "would_send": day["would_send"] + sum("would_send" in entry for kind in PROBLEMS for entry in found[kind]),
        "unsent": day["unsent"] + sum(found["reasons"].values()),
        "reasons": dict(Counter(day["reasons"]) + Counter(found["reasons"])),
        "named": named,
    }
