# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which images of the gateway the cloud lacks, which of them are sent again, and what came of that.

An image is what Orthanc takes for one: the same UIDs under two patients are two images.

An *outcome* is ``{missing, different, elsewhere, left_out, unchecked, sent, reasons, unread}``: lists of
``{series, sop, id}`` for each of the problems, numbers, how often which reason kept an image from being sent again, and
the series that one end could not read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from .days import PROBLEMS, Answer, Found

_NOT_TRIED = "not tried any more, because nothing could be sent before"


def compare(here: Answer, there: Answer, md5: bool = True, images: Mapping[str, int] | None = None) -> Found:
    """The outcome of one comparison. Both are answers of ``orthanc_ledger_info`` about the images of series.

    ``unchecked`` is the number of images whose checksum one end does not keep, and of those in series that one end
    could not read; ``images`` tells how many these had when they were summed up. What only ``there`` has is no fault.
    """
    unread = {*here["unread"], *there["unread"]}
    found: Found = {problem: [] for problem in PROBLEMS}
    found.update(left_out=0, unchecked=0, sent=0, reasons={}, unread=sorted(unread))
    for series in unread:
        listed = (len(end["found"].get(series, ())) for end in (here, there))
        found["unchecked"] += max(1, (images or {}).get(series, 0), *listed)
    for series, own in here["found"].items():
        others = there["found"].get(series, {})
        # Copies there that have no counterpart here stand for an image whose patient was corrected there.
        strangers = Counter(image["sop"] for identifier, image in others.items() if identifier not in own)
        for identifier, image in sorted(own.items()) if series not in unread else ():
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


def lacking(found: Answer) -> list[str]:
    """Orthanc's identifiers of all images that are not the same in the cloud."""
    return [entry["id"] for problem in PROBLEMS for entry in found[problem]]


def leave_out(found: Answer, origins: Mapping[str, Answer], rules: Mapping[str, Sequence[str]]) -> Found:
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


def chosen(found: Answer, resend: bool, replace: bool) -> list[dict[str, str]]:
    """The images that are sent again. One that is elsewhere never is: the cloud would have it under two patients."""
    return [*(found["missing"] if resend else ()), *(found["different"] if replace else ())]


def spared(found: Answer, wanted: Iterable[Mapping[str, str]]) -> Found:
    """The outcome when the images ``wanted`` would be sent again, were this not check mode."""
    ids = {entry["id"] for entry in wanted}
    return {
        **found,
        **{
            kind: [{**one, **({"would_send": True} if one["id"] in ids else {})} for one in found[kind]]
            for kind in PROBLEMS
        },
    }


def resent(found: Answer, before: Answer, sent: Iterable[Mapping[str, str]], answer: Answer) -> Found:
    """The outcome after the images ``sent`` were sent again; each that did not arrive has its reason.

    ``before`` is the outcome before that. A series that could not be read since keeps what was found in it, except for
    the images that were sent: they are unchecked. ``answer`` is that of ``orthanc_peer_store``, a failed one included,
    or ``{skipped: true}`` when nothing was tried.
    """
    sent = list(sent)
    ids = {entry["id"] for entry in sent}
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
    told = {entry["id"]: reasons[entry["id"]] for entry in sent if entry["id"] in reasons}
    entered: Found = {}
    for problem in PROBLEMS:
        entered[problem] = [dict(entry) for entry in (*found[problem], *known[problem])]
        for entry in entered[problem]:
            if entry["id"] in ids:
                entry["reason"] = told.setdefault(entry["id"], f"it was sent, and is still {problem}")
    arrived = [one for one in sent if one["id"] not in told and one["series"] not in found["unread"]]
    unchecked = max(0, found["unchecked"] - sum(len(entries) for entries in known.values()))
    return {**found, **entered, "unchecked": unchecked, "sent": len(arrived), "reasons": dict(Counter(told.values()))}
