# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a judge decides by: that an answer is there, that something is as it should be, and the sentence when it is not.

Answers are results of modules as tasks register them, those of failed tasks and of hosts that could not be reached
included. Numbers may come as text, because variables that are given to a playbook do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .report import said_by
from .tally import many

Answer = Mapping[str, Any]


class CheckFailed(Exception):
    """The sentence for the operator: what is wrong, where, and what to do."""


def require(right: bool, otherwise: str) -> None:
    """Raises CheckFailed with the sentence ``otherwise`` unless it is right."""
    if not right:
        raise CheckFailed(otherwise)


def require_none(sentences: Iterable[str]) -> None:
    """Whatever was looked at in one go is told in one go."""
    said = " ".join(sentences)
    if said:
        raise CheckFailed(said)


def require_answer(answer: Answer, key: str, host: str) -> None:
    """``key`` is what every answer of the module has that was asked; otherwise it failed, or was never reached."""
    if key not in answer:
        # The module names an address of the host itself, which several hosts have; Ansible adds that a task failed.
        said = str(answer.get("msg") or "").removeprefix("Task failed: ")
        raise CheckFailed(f"{host}: {said}" if said else f"{host} did not answer.")


def probes(seen: Answer, host: str) -> Mapping[str, Answer]:
    """The answers of ``http_probe`` by the names of the probes."""
    if "answers" not in seen:
        raise CheckFailed(f"Nothing could be looked at from {host}, which cannot be reached: {said_by(seen)}")
    answers: Mapping[str, Answer] = seen["answers"]
    return answers


def answered(answer: Answer) -> str:
    """What a sentence says that one probe did: ``answers 200``, or why it does not."""
    status, error = answer["status"], answer["error"]
    if not error:
        return f"answers {status}"
    return f"answers {status} and breaks off ({error})" if status > 0 else f"does not answer ({error})"


# What a proxy says when what stands behind it does not answer.
GATEWAY_ERRORS = (502, 503, 504)


def require_service(answers: Mapping[str, Answer], host: str) -> None:
    """Something answers at all. A service that is down neither lets in nor refuses, and is told once, not as a hole."""
    asked = [answer for answer in answers.values() if not answer.get("skipped")]
    if asked and all(answer["status"] <= 0 for answer in asked):
        raise CheckFailed(
            f"Nothing answers {host} at {asked[0]['url']} ({asked[0]['error'] or 'no answer'}), so nothing could be "
            "judged; see that the proxy runs on the cloud host and that the name leads there."
        )
    if asked and all(answer["status"] in GATEWAY_ERRORS for answer in asked):
        raise CheckFailed(
            f"{asked[0]['url']} answers {asked[0]['status']}: the proxy runs, and what stands behind it does not "
            "answer, so nothing could be judged; see that the containers of the site run on the cloud host."
        )


# What the proxy says to a stranger who asks too often at once. It is no refusal of what was asked for.
TOO_OFTEN = 429


def require_unhurried(answers: Mapping[str, Answer], host: str) -> None:
    """Each question was looked at. Ask last: what was let in is worse than what was not looked at."""
    late = [answer["url"] for answer in answers.values() if answer["status"] == TOO_OFTEN]
    require(not late, braked(len(late), len(answers), host))


def braked(late: int, asked: int, host: str) -> str:
    """The sentence about ``late`` of the questions that ``host`` asked, which the proxy did not even look at."""
    return (
        f"The proxy's brake turned {late} of {many(asked, 'question')} of {host} away ({TOO_OFTEN}), because too many "
        "were asked from its address at once, so nothing is known of what was asked; run the proof again in a minute."
    )
