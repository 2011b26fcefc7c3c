# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a ledger says: the rows of its table and report, and the sentences that end the play.

A row is a result of the proof, ``{check, title, result, detail, seconds}`` with ``result`` one of ``passed``,
``failed``, ``skipped``. Studies are named by Study Instance UID and by Orthanc's identifiers, never by patient: this is
printed, and ends up in logs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from .._site.tally import first_few, many, tally
from .days import PROBLEMS, Answer, Found, today

_WORDS = {"missing": "missing", "different": "different", "elsewhere": "under another patient"}


def _outcome(day: Answer, proved: bool, finished: bool, md5: bool) -> str:
    images, lost = day["images"] - day["left_out"], sum(day[kind] for kind in PROBLEMS)
    if lost:
        parts = [f"{day[kind]} {_WORDS[kind]}" for kind in PROBLEMS if day[kind]]
        named = [f"{entry['sop']} ({_WORDS[entry['problem']]})" for entry in day["named"]]
        return f"{' and '.join(parts)} of {many(images, 'image')}: {first_few(named, lost)}."
    if not images:
        return "No images to deliver." if day["images"] else "No images: the gateway has none of this day."
    if day["unchecked"]:
        return (
            f"Of {many(images, 'image')} of {day['series']} series none is known to be missing, but {day['unchecked']} "
            "could not be compared: the day is not proved."
        )
    how = "with the same MD5" if md5 else "by SOP Instance UID"
    end = "the day is proved" if proved else "not proved without the MD5" if finished else "so far; the day is not over"
    there = "The one image is" if images == 1 else f"All {images} images of {day['series']} series are"
    return f"{there} in the cloud {how}: {end}."


def _unsent(day: Answer) -> str:
    """Reasons of one day, with the images that are named."""
    named: dict[str, list[str]] = {}
    for entry in day["named"]:
        named.setdefault(entry.get("reason", ""), []).append(entry["sop"])
    return tally(day["reasons"], named)


def _detail(day: Answer, proved: bool, finished: bool, md5: bool) -> str:
    sentences = [_outcome(day, proved, finished, md5)]
    if day["left_out"]:
        sentences.append(f"{many(day['left_out'], 'is', 'are')} left out on purpose.")
    if day["sent"]:
        sentences.append(f"Sent again: {day['sent']}.")
    if day["unsent"]:
        sentences.append(f"Could not be sent again: {_unsent(day)}.")
    if day["would_send"]:
        names = first_few([entry["sop"] for entry in day["named"] if "would_send" in entry], day["would_send"])
        sentences.append(f"Not sent again, because this is check mode: {day['would_send']}: {names}.")
    if day["replaced"]:
        names = first_few([entry["sop"] for entry in day["replaced"]], len(day["replaced"]))
        sentences.append(f"{len(day['replaced'])} replaced an image of the same UID in the cloud: {names}.")
    return " ".join(sentences)


def rows_of_days(days: Sequence[Answer], now: str, md5: bool = True) -> list[Found]:
    """A row for each day, with the day itself under ``ledger``.

    ``proved`` is true for a day that was over at ``now``, has images to deliver, and of which nothing is missing,
    different or unchecked. A day without images is ``skipped``: no fault, and no proof. A day that is over and was
    asked for by MD5 is ``failed`` when some could not be compared: a timer that sees the exit code would take it for
    proved.
    """
    this = today(now).isoformat()
    rows = []
    for day in days:
        whole = not any(day[kind] for kind in PROBLEMS)
        some = day["images"] > day["left_out"]
        finished = day["day"] < this
        unsure = bool(finished and md5 and day["unchecked"])
        proved = bool(some and whole and finished and md5 and not unsure)
        rows.append(
            {
                "check": f"day-{day['day']}",
                "title": day["day"],
                "result": "failed" if not whole or unsure else "passed" if some else "skipped",
                "detail": _detail(day, proved, finished, md5),
                "seconds": day["seconds"],
                "proved": proved,
                "ledger": dict(day),
            }
        )
    return rows


def rows_of_pairs(days: Sequence[Answer]) -> list[Found]:
    """One row that names the studies which stand under more than one patient in the cloud; none without such."""
    pairs = {one["study"]: one["ids"] for day in days for one in day["pairs"]}
    if not pairs:
        return []
    names = first_few([f"{study} ({' and '.join(ids)})" for study, ids in sorted(pairs.items())], len(pairs))
    stand = many(len(pairs), "study stands", "studies stand")
    return [
        {
            "check": "patients",
            "title": "One patient a study",
            "result": "failed",
            "detail": (
                f"{stand} under more than one patient in the cloud, and the viewer opens none of "
                f"{'its' if len(pairs) == 1 else 'their'} copies: {names}. Delete the wrong copy at the gateway and in "
                "the cloud."
            ),
            "seconds": 0.0,
            "pairs": [{"study": study, "ids": ids} for study, ids in sorted(pairs.items())],
        }
    ]


def row_of_forwarder(answer: Answer, seconds: float) -> Found:
    """What ``orthanc_delivery_info`` answered: it explains what is missing.

    A forwarder that does not answer is ``skipped``: the comparison stands without it.
    """
    result, detail = "skipped", str(answer.get("msg") or "The forwarder was not asked.")
    if "backlog" in answer:
        waits = many(answer["backlog"], "image waits", "images wait")
        waiting = f"{waits}, the oldest for {answer['oldest_age']} s" if answer["backlog"] else "No image waits"
        detail = f"{waiting}; {many(answer['parked'], 'is', 'are')} parked."
        result = "passed"
    return {
        "check": "forwarder",
        "title": "Forwarder",
        "result": result,
        "detail": detail,
        "seconds": round(seconds, 1),
    }


def unsent(days: Sequence[Answer]) -> str:
    """How many images could not be sent again, and why; empty when there are none."""
    reasons: Counter[str] = Counter()
    for day in days:
        reasons.update(day["reasons"])
    images = many(sum(reasons.values()), "image")
    return f"{images} could not be sent again: {tally(reasons)}." if reasons else ""


def _advice(days: Sequence[Answer], check_mode: bool) -> str:
    """What to do about images that the cloud does not have."""
    would_send = sum(day["would_send"] for day in days)
    if would_send:
        return (
            f"This is check mode, so nothing was sent; {many(would_send, 'image')} would be sent again. Run without "
            f"--check to send {'it' if would_send == 1 else 'them'}."
        )
    return (
        "Images that still wait at the forwarder are no loss; otherwise run again "
        f"{'without --check and ' if check_mode else ''}with delivery_ledger_resend (of playbooks/reconcile.yml: "
        "-e mediverse_reconcile_resend=true)."
    )


def stopped(site: str, host: str, said: str) -> Found:
    """The only row of a ledger that could not be made. ``said`` names the ``host`` or not, as it likes."""
    return {
        "check": "ledger",
        "title": "Ledger",
        "result": "failed",
        "detail": f"Site {site}: the ledger could not be made. {said if host in said else f'{host}: {said}'}",
        "seconds": 0.0,
    }


def verdict(rows: Sequence[Answer], days: Sequence[Answer], check_mode: bool = False) -> str:
    """What ends the play, in a few sentences; empty when nothing is wrong."""
    wrong = [row for row in rows if row["result"] == "failed"]
    judged = [row for row in wrong if "ledger" in row]
    lost = [row["title"] for row in judged if any(row["ledger"][kind] for kind in PROBLEMS)]
    unsure = [row["title"] for row in judged if row["title"] not in lost]
    sentences = []
    if lost:
        advice = unsent(days) or _advice(days, check_mode)
        sentences = [f"{', '.join(lost)}: the cloud does not have everything.", advice]
    if unsure:
        sentences.append(
            f"{', '.join(unsure)}: some images could not be compared, so nothing is proved. Run again; when it stays "
            "so, one end keeps no MD5 of them (StoreMD5ForAttachments of Orthanc)."
        )
    sentences += [f"{row['title']}: {row['detail']}" for row in wrong if "pairs" in row]
    return " ".join(sentences)
