# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The delivery ledger: the days of a range, the portions of a comparison, what differs, and how it is told.

A *day* of the ledger is ``{day, series, images, missing, different, elsewhere, left_out, unchecked, sent, unsent,
reasons, named, pairs, replaced, seconds}``: numbers, in ``reasons`` how many images could not be sent again for which
reason, and in ``named`` up to a certain number of ``{series, sop, id, problem, reason}`` with ``problem`` one of
:data:`PROBLEMS`; ``reason`` is there when it was to be sent again and did not arrive. ``pairs`` are studies that stand
under more than one patient in the cloud, ``replaced`` images that took another one's place there.

An image is what Orthanc takes for one: the same UIDs under two patients are two images. An image is ``elsewhere`` when
the cloud has its UID under another patient only, as after a correction there: to send it would make a pair.

Days and their end are those of the gateway's clock. What time it is comes in as ``now``, as the gateway told it before
it was asked for anything else; nothing here looks at a clock to decide about a day.
"""

from __future__ import annotations

from collections import Counter
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
  - C(ledger_compare) tells which images of one end are missing or different at the other, C(ledger_leave_out) takes
    those from it that are not to be delivered, and C(ledger_resent) enters what sending them again has done.
  - C(ledger_add) adds that to a day, C(ledger_results) turns days into results for C(proof_table) and C(proof_report),
    C(ledger_unsent) tells in a sentence what could not be sent again, and C(ledger_forwarder) adds what the forwarder
    says. C(ledger_chosen) gives the images to send again, C(ledger_seen) enters a page of a day,
    C(ledger_patients) names studies under two patients, and C(ledger_verdict) says what ends the play.
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

from ..module_utils._site.tally import first_few, tally  # noqa: E402 (the documentation stands first)

Answer = Mapping[str, Any]
Found = dict[str, Any]
PROBLEMS = ("missing", "different", "elsewhere")
_WORDS = {"missing": "missing", "different": "different", "elsewhere": "under another patient"}
_LONGEST = 3660
_NOT_TRIED = "not tried any more, because nothing could be sent before"


def _today(now: str) -> date:
    return date.fromisoformat(now[:10])


def _day(text: Any, today: date) -> date:
    words = {"today": today, "yesterday": today - timedelta(days=1)}
    if str(text) in words:
        return words[str(text)]
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        raise ValueError(f"{text!r} is no day; expected a date such as 2026-11-22, today or yesterday") from None


def ledger_days(first: Any, last: Any, now: str) -> list[str]:
    """All days from ``first`` to ``last``, both included, by UTC; raises ValueError with a sentence."""
    today = _today(now)
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


def ledger_seen(day: Answer, page: Answer, answer: Answer) -> Found:
    """The day with one more page of the gateway, and with what the cloud told of it besides the sums."""
    pairs = {one["study"]: one for one in (*day["pairs"], *answer.get("pairs", ()))}
    return {
        **day,
        "series": day["series"] + len(page["series"]),
        "images": day["images"] + page["images"],
        "pairs": [pairs[study] for study in sorted(pairs)],
        "replaced": [*day["replaced"], *answer.get("replaced", ())],
    }


def ledger_compare(here: Answer, there: Answer, md5: bool = True) -> Found:
    """Images of ``here`` that are missing there, different by their MD5, or elsewhere, each ``{series, sop, id}``.

    Both are answers of ``orthanc_ledger_info``. ``unchecked`` is the number of images whose checksum one end does not
    keep, and of those in series that one end could not read (``unread``). What only ``there`` has is no fault.
    """
    unread = {*here["unread"], *there["unread"]}
    found: Found = {problem: [] for problem in PROBLEMS}
    found.update(left_out=0, unchecked=0, sent=0, reasons={}, unread=sorted(unread))
    for series in unread:
        found["unchecked"] += max(1, *(len(end["found"].get(series, ())) for end in (here, there)))
    for series, images in here["found"].items():
        others = there["found"].get(series, {})
        # Copies there that have no counterpart here stand for an image whose patient was corrected there.
        strangers = Counter(image["sop"] for identifier, image in others.items() if identifier not in images)
        for identifier, image in sorted(images.items()) if series not in unread else ():
            other = others.get(identifier)
            entry = {"series": series, "sop": image["sop"], "id": identifier}
            if other is None and strangers[image["sop"]]:
                strangers[image["sop"]] -= 1
                found["elsewhere"].append(entry)
            elif other is None:
                found["missing"].append(entry)
            elif not md5:
                continue
            elif not (image["md5"] and other["md5"]):
                found["unchecked"] += 1
            elif image["md5"] != other["md5"]:
                found["different"].append(entry)
    return found


def ledger_chosen(found: Answer, resend: bool, replace: bool) -> list[dict[str, str]]:
    """The images that are sent again. One that is elsewhere never is: the cloud would have it under two patients."""
    return [*(found["missing"] if resend else ()), *(found["different"] if replace else ())]


def ledger_leave_out(found: Answer, origins: Mapping[str, Answer], rules: Mapping[str, Sequence[str]]) -> Found:
    """Without the images that the forwarder leaves out on purpose; they are counted as ``left_out``.

    ``rules``: by a key of the origins, the values to leave out. As with the forwarder, an image of which nobody knows
    where it came from is one to deliver.
    """

    def wanted(entry: Mapping[str, str]) -> bool:
        origin = origins.get(entry["id"], {})
        return not any(origin.get(key) in values for key, values in rules.items())

    kept = {problem: [entry for entry in found[problem] if wanted(entry)] for problem in PROBLEMS}
    gone = sum(len(found[problem]) - len(kept[problem]) for problem in PROBLEMS)
    return {**found, **kept, "left_out": found["left_out"] + gone}


def ledger_resent(found: Answer, before: Answer, chosen: Sequence[Mapping[str, str]], answer: Answer) -> Found:
    """What was found after the ``chosen`` images were sent again; each that did not arrive has its reason.

    ``before`` is what was found before that. A series that could not be read since keeps what was found in it, except
    for the images that were sent: they are unchecked. ``answer`` is that of ``orthanc_peer_store``, or of its task when
    it failed as a whole or was skipped.
    """
    ids = {entry["id"] for entry in chosen}
    reasons = {entry["id"]: str(entry["reason"]) for entry in answer.get("unsent", ())}
    if answer.get("skipped"):
        reasons = dict.fromkeys(ids, _NOT_TRIED)
    elif "unsent" not in answer:
        reasons = dict.fromkeys(ids, str(answer.get("msg") or "the task that sends images failed"))
    known = {
        problem: [
            entry
            for entry in before[problem]
            if entry["series"] in found["unread"] and (entry["id"] not in ids or entry["id"] in reasons)
        ]
        for problem in PROBLEMS
    }
    told = {entry["id"]: reasons[entry["id"]] for entry in chosen if entry["id"] in reasons}
    entered: Found = {}
    for problem in PROBLEMS:
        entered[problem] = [dict(entry) for entry in (*found[problem], *known[problem])]
        for entry in entered[problem]:
            if entry["id"] in ids:
                entry["reason"] = told.setdefault(entry["id"], f"it was sent, and is still {problem}")
    arrived = [one for one in chosen if one["id"] not in told and one["series"] not in found["unread"]]
    unchecked = found["unchecked"] - sum(len(entries) for entries in known.values())
    return {**found, **entered, "unchecked": unchecked, "sent": len(arrived), "reasons": dict(Counter(told.values()))}


def ledger_add(day: Answer, found: Found, at_most: int = 1000) -> Found:
    """The day with the outcome of one comparison; images are named up to ``at_most`` a day, and counted always."""
    named = list(day["named"])
    for problem in PROBLEMS:
        named += [{**entry, "problem": problem} for entry in found[problem][: max(0, at_most - len(named))]]
    return {
        **day,
        "missing": day["missing"] + len(found["missing"]),
        "different": day["different"] + len(found["different"]),
        "elsewhere": day["elsewhere"] + len(found["elsewhere"]),
        "left_out": day["left_out"] + found["left_out"],
        "unchecked": day["unchecked"] + found["unchecked"],
        "sent": day["sent"] + found["sent"],
        "unsent": day["unsent"] + sum(found["reasons"].values()),
        "reasons": dict(Counter(day["reasons"]) + Counter(found["reasons"])),
        "named": named,
    }


def _tally(day: Answer) -> str:
    """Reasons of one day, with the images that are named."""
    named: dict[str, list[str]] = {}
    for entry in day["named"]:
        named.setdefault(entry.get("reason", ""), []).append(entry["sop"])
    return tally(day["reasons"], named)


def _outcome(day: Answer, proved: bool, finished: bool, md5: bool) -> str:
    images, lost = day["images"] - day["left_out"], sum(day[kind] for kind in PROBLEMS)
    if lost:
        parts = [f"{day[kind]} {_WORDS[kind]}" for kind in PROBLEMS if day[kind]]
        named = [f"{entry['sop']} ({_WORDS[entry['problem']]})" for entry in day["named"]]
        return f"{' and '.join(parts)} of {images} images: {first_few(named, lost)}."
    if not images:
        return "No images to deliver." if day["images"] else "No images: the gateway has none of this day."
    if day["unchecked"]:
        return (
            f"Of {images} images of {day['series']} series none is known to be missing, but {day['unchecked']} could "
            "not be compared: the day is not proved."
        )
    how = "with the same MD5" if md5 else "by SOP Instance UID"
    end = "the day is proved" if proved else "not proved without the MD5" if finished else "so far; the day is not over"
    return f"All {images} images of {day['series']} series are in the cloud {how}: {end}."


def _detail(day: Answer, proved: bool, finished: bool, md5: bool) -> str:
    sentences = [_outcome(day, proved, finished, md5)]
    if day["left_out"]:
        sentences.append(f"{day['left_out']} are left out on purpose.")
    if day["sent"]:
        sentences.append(f"Sent again: {day['sent']}.")
    if day["unsent"]:
        sentences.append(f"Could not be sent again: {_tally(day)}.")
    if day["replaced"]:
        names = first_few([entry["sop"] for entry in day["replaced"]], len(day["replaced"]))
        sentences.append(f"{len(day['replaced'])} replaced an image of the same UID in the cloud: {names}.")
    return " ".join(sentences)


def ledger_results(days: Sequence[Answer], now: str, md5: bool = True) -> list[Found]:
    """One result of the proof for each day, with the day itself under ``ledger``.

    ``proved`` is true for a day that was over at ``now``, has images to deliver, and of which nothing is missing,
    different or unchecked. A day without images is ``skipped``: no fault, and no proof.
    """
    today = _today(now).isoformat()
    results = []
    for day in days:
        whole = not any(day[kind] for kind in PROBLEMS)
        some = day["images"] > day["left_out"]
        finished = day["day"] < today
        proved = bool(some and whole and finished and md5 and not day["unchecked"])
        results.append(
            {
                "check": f"day-{day['day']}",
                "title": day["day"],
                "result": "failed" if not whole else "passed" if some else "skipped",
                "detail": _detail(day, proved, finished, md5),
                "seconds": day["seconds"],
                "proved": proved,
                "ledger": dict(day),
            }
        )
    return results


def ledger_patients(days: Sequence[Answer]) -> list[Found]:
    """One more result when studies stand under more than one patient in the cloud; it names them. No result otherwise.

    Named by Study Instance UID and by Orthanc's identifiers, never by patient: this is printed, and ends up in logs.
    """
    pairs = {one["study"]: one["ids"] for day in days for one in day["pairs"]}
    if not pairs:
        return []
    names = first_few([f"{study} ({' and '.join(ids)})" for study, ids in sorted(pairs.items())], len(pairs))
    return [
        {
            "check": "patients",
            "title": "One patient a study",
            "result": "failed",
            "detail": (
                f"{len(pairs)} studies stand under more than one patient in the cloud, and the viewer opens none of "
                f"their copies: {names}. Delete the wrong copy at the gateway and in the cloud."
            ),
            "seconds": 0.0,
            "pairs": [{"study": study, "ids": ids} for study, ids in sorted(pairs.items())],
        }
    ]


def ledger_unsent(days: Sequence[Answer]) -> str:
    """How many images could not be sent again, and why; empty when there are none."""
    reasons: Counter[str] = Counter()
    for day in days:
        reasons.update(day["reasons"])
    return f"{sum(reasons.values())} images could not be sent again: {tally(reasons)}." if reasons else ""


def ledger_verdict(results: Sequence[Answer], days: Sequence[Answer]) -> str:
    """What ends the play, in a few sentences; empty when nothing is wrong."""
    wrong = [entry for entry in results if entry["result"] == "failed"]
    lost = [entry["title"] for entry in wrong if "ledger" in entry]
    sentences = []
    if lost:
        hint = "Images that still wait at the forwarder are no loss; otherwise run again with delivery_ledger_resend."
        sentences = [f"{', '.join(lost)}: the cloud does not have everything.", ledger_unsent(days) or hint]
    sentences += [f"{entry['title']}: {entry['detail']}" for entry in wrong if "pairs" in entry]
    return " ".join(sentences)


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
            "ledger_chosen": ledger_chosen,
            "ledger_compare": ledger_compare,
            "ledger_leave_out": ledger_leave_out,
            "ledger_resent": ledger_resent,
            "ledger_add": ledger_add,
            "ledger_results": ledger_results,
            "ledger_patients": ledger_patients,
            "ledger_seen": ledger_seen,
            "ledger_unsent": ledger_unsent,
            "ledger_verdict": ledger_verdict,
            "ledger_forwarder": ledger_forwarder,
        }
