# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gateway's side of a ledger, in four steps: find the days, sum up, compare and send again, settle.

Each step takes what the one before returned. Between them the cloud is asked, by whoever can: a step returns the
portions that the cloud has to answer next, and the following one takes these answers as well. So nothing here knows how
the cloud is reached, and a whole range of days takes the cloud one question, unless it is large.

The gateway is asked by the modules of this collection, wherever they have to run for it; that is ``ask``. All that a
step returns survives JSON. Held in memory are a sum for each series of the range, the images of one group
(:func:`groups`), those that differ, up to ``named`` a day, and those that are sent again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from ..module_utils._ledger.compare import chosen, compare, lacking, leave_out, resent, spared
from ..module_utils._ledger.days import (
    Answer,
    Found,
    days_between,
    groups,
    new_day,
    of_each_day,
    portions,
    with_answer,
    with_outcome,
)
from ..module_utils._site.tally import many

# Series of a day in one answer of the gateway: about 1 MB. Almost every day takes one.
_PAGE = 5000
# A cloud that took nothing so many times in a row is not tried again: each time takes a while.
_REFUSALS = 3


class AskError(Exception):
    """The gateway did not answer a question; ``answer`` is the failed result of the module."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(str(answer.get("msg") or "the module failed without a message"))
        self.answer = answer


class Ask(Protocol):
    """Runs a module of this collection on the gateway and returns its result, a failed one included."""

    def __call__(self, module: str, **options: Any) -> Answer:
        """``module`` without the name of the collection."""


class Rules(NamedTuple):
    """What a ledger is made by.

    md5           whether checksums are compared.
    leave_out     by a key of the origins, whose images the forwarder leaves out.
    skip_patients whose images are not looked at at all: how their IDs begin, with a ``*`` behind it.
    peer          the cloud's name at the gateway.
    resend        whether missing images are sent again; replace, whether different ones are.
    named         images of a day that are named, at most.
    patience      seconds for sending a group of images.
    """

    md5: bool
    leave_out: Mapping[str, Sequence[str]]
    peer: str = ""
    resend: bool = False
    replace: bool = False
    named: int = 1000
    patience: int = 3600
    skip_patients: Sequence[str] = ()


class Ledger:
    """``say`` is told what is being done now; it decides who hears it. ``clock``: seconds, for durations."""

    def __init__(
        self,
        ask: Ask,
        rules: Rules,
        say: Callable[[str], None] = lambda text: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._ask, self._rules, self._say, self._clock = ask, rules, say, clock
        self._refusals = 0
        self._changed = False

    def _answer(self, module: str, **options: Any) -> Answer:
        answer = self._ask(module, **options)
        if answer.get("failed"):
            raise AskError(answer)
        return answer

    def open(self, first: Any, last: Any) -> Found:
        """``{now, days}`` by the gateway's clock, such as ``2026-11-22``.

        The gateway is asked for its time before anything else, so that a day which is over by then gets no image any
        more. Raises ValueError with a sentence for a range that cannot be.
        """
        now = str(self._answer("orthanc_ledger_info", clock=True)["now"])
        return {"now": now, "days": days_between(first, last, now)}

    def sum_up(self, opened: Answer) -> Found:
        """``{now, ended, days, portions}``: what the gateway received, as questions to the cloud.

        It is asked before the cloud is: what it has by then may well have arrived when the cloud is asked.
        """
        found: list[tuple[str, list[Answer]]] = []
        days = []
        for number, day in enumerate(opened["days"], start=1):
            began = self._clock()
            entries = self._entries(day, f"day {number} of {len(opened['days'])}")
            found.append((day, entries))
            days.append(new_day(day, entries, round(self._clock() - began, 1)))
        return {"now": opened["now"], "ended": self._clock(), "days": days, "portions": portions(found)}

    def _entries(self, day: str, place: str) -> list[Answer]:
        entries: list[Answer] = []
        images, after = 0, ""
        while True:
            so_far = f", {many(images, 'image')} so far" if images else ""
            self._say(f"{day} ({place}): sums up what the gateway received{so_far}")
            options: dict[str, Any] = {"day": day, "after": after, "limit": _PAGE, "md5": self._rules.md5}
            options["skip_patients"] = list(self._rules.skip_patients)
            page = self._answer("orthanc_ledger_info", **options)
            entries += page["series"]
            images, after = images + page["images"], page["next"]
            if not after:
                return entries

    def compare(self, summed: Answer, answers: Iterable[Answer], send: bool = True) -> Found:
        """``{changed, now, days, portions, pending}``: the days as far as they are known, and what has been sent since.

        ``answers`` are those of ``orthanc_ledger_info`` to the portions, in their order. Where something was sent, the
        cloud has to be asked once more, and the outcome waits in ``pending``. Nothing is sent when ``send`` is false,
        as in check mode, but ``changed`` says whether something would be.
        """
        days = {day["day"]: day for day in summed["days"]}
        _share(summed, days, self._clock())
        pending: list[Found] = []
        for portion, answer in zip(summed["portions"], answers, strict=True):
            for day, entries in of_each_day(portion):
                began = self._clock()
                days[day] = with_answer(days[day], entries, answer)
                differing = {one["series"] for one in answer["differing"]}
                for group in groups(entry for entry in entries if entry["series"] in differing):
                    self._examine(days, day, group, answer, pending, send)
                days[day] = {**days[day], "seconds": round(days[day]["seconds"] + self._clock() - began, 1)}
        again = [(one["day"], one["entries"]) for one in pending]
        return {
            "changed": self._changed,
            "now": summed["now"],
            "days": list(days.values()),
            "portions": portions(again, begins=False),
            "pending": pending,
        }

    def _examine(
        self, days: dict[str, Found], day: str, group: Sequence[Answer], there: Answer, pending: list[Found], send: bool
    ) -> None:
        found = self._look(day, group, there)
        wanted = chosen(found, self._rules.resend, self._rules.replace)
        self._changed |= bool(wanted) and not send
        if wanted and send:
            answer = self._send(day, wanted)
            pending.append({"day": day, "entries": group, "before": found, "chosen": wanted, "answer": answer})
        else:
            days[day] = with_outcome(days[day], spared(found, wanted), self._rules.named)

    def _look(self, day: str, group: Sequence[Answer], there: Answer) -> Found:
        """The outcome for the series of one group, of which ``there`` lists the cloud's images."""
        images = {entry["series"]: entry["images"] for entry in group}
        differ = many(len(images), "series that differs", "series that differ")
        self._say(f"{day}: looks at {many(sum(images.values()), 'image')} of {differ}")
        here = self._answer("orthanc_ledger_info", images_of=list(images))
        unread = [series for series in there["unread"] if series in images]
        found = compare(here, {"found": there["found"], "unread": unread}, self._rules.md5, images)
        ids, origins = lacking(found), {}
        if ids and any(self._rules.leave_out.values()):
            origins = self._answer("orthanc_ledger_info", origins_of=ids)["origins"]
        # Sent to the cloud, an image that came from there would go in circles.
        return leave_out(found, origins, self._rules.leave_out)

    def _send(self, day: str, wanted: Sequence[Mapping[str, str]]) -> Found:
        """What cannot be sent is told at the end, together with everything else; so a failure is an answer here."""
        if self._refusals >= _REFUSALS:
            return {"skipped": True}
        self._say(f"{day}: sends {many(len(wanted), 'image')} again")
        images = [one["id"] for one in wanted]
        answer = self._ask("orthanc_peer_store", peer=self._rules.peer, images=images, wait=self._rules.patience)
        self._changed |= bool(answer.get("changed"))
        nothing = answer.get("sent", 0) + answer.get("unknown", 0) == 0
        self._refusals = self._refusals + 1 if nothing and answer.get("stopped", "server") else 0
        return {key: answer[key] for key in ("unsent", "msg") if key in answer}

    def settle(self, compared: Answer, answers: Iterable[Answer]) -> list[Found]:
        """The days with all that is known. ``answers`` are those to the portions of :meth:`compare`."""
        days = {day["day"]: day for day in compared["days"]}
        there: dict[str, Any] = {"found": {}, "unread": []}
        differing: dict[str, set[str]] = {}
        for portion, answer in zip(compared["portions"], answers, strict=True):
            there["found"].update(answer["found"])
            there["unread"] += answer["unread"]
            for day, entries in of_each_day(portion):
                # What was sent may be there under another patient already.
                days[day] = with_answer(days[day], entries, answer)
                differing.setdefault(day, set()).update(one["series"] for one in answer["differing"])
        for one in compared["pending"]:
            day = one["day"]
            left = [entry for entry in one["entries"] if entry["series"] in differing[day]]
            nothing: Answer = {"found": {}, "unread": []}
            found = self._look(day, left, there) if left else compare(nothing, nothing)
            outcome = resent(found, one["before"], one["chosen"], one["answer"])
            days[day] = with_outcome(days[day], outcome, self._rules.named)
        return list(days.values())


def _share(summed: Answer, days: dict[str, Found], now: float) -> None:
    """The time that the cloud took, to the days by their images."""
    waited, images = max(0.0, now - summed["ended"]), sum(day["images"] for day in days.values())
    for name, day in days.items():
        days[name] = {**day, "seconds": day["seconds"] + waited * day["images"] / max(1, images)}
