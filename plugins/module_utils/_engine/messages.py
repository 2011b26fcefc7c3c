# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What travels: a request and its answer. Pure."""

from __future__ import annotations

import json as json_module
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Response:
    """An answer: status, headers with lower-case names, body as bytes.

    seconds    how long it took until it was as it was awaited (see :class:`Until`); of one that was
               repeated for another reason, or made by itself over a long way, 0.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float = 0.0

    @property
    def text(self) -> str:
        """The body as text; undecodable bytes are replaced."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON; raises ValueError when it is none."""
        return json_module.loads(self.body.decode("utf-8"))


@dataclass(frozen=True)
class Until:
    """A request is repeated until the body of its answer matches, or does not, or ``seconds`` have passed.

    pattern    for ``re.search``, and understood in the same way by .NET. matches: whether it shall be found.
    pause      seconds between two requests. An answer with a status outside of 2xx ends the waiting.
    """

    pattern: str
    matches: bool
    seconds: float
    pause: float

    def done(self, answer: Response) -> bool:
        """Whether this is the answer that was awaited."""
        return not 200 <= answer.status < 300 or bool(re.search(self.pattern, answer.text)) is self.matches


@dataclass(frozen=True)
class Taken:
    """What stands in the place of ``{}`` in a path: a piece of an answer that came before, in the same trip.

    source     the number of that answer's request among those asked together, from 0.
    pattern    for ``re.finditer``, understood in the same way by .NET; with one group, which is the piece.
    least      the smallest of all pieces, which are whole numbers; otherwise the first one counts.
    """

    source: int
    pattern: str
    least: bool = False

    def piece(self, text: str) -> str | None:
        """The piece; None when there is none."""
        found = [match[1] for match in re.finditer(self.pattern, text)]
        if not found:
            return None
        return min(found, key=int) if self.least else found[0]


@dataclass(frozen=True)
class Request:
    """A request as a transport performs it; ``headers`` come on top of the endpoint's."""

    method: str
    path: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = None
    until: Until | None = None
    taken: Taken | None = None


NOT_ASKED = Response(-1, {}, b"")
"""In the place of an answer: the request was not made, because what it needs was not in the answer before."""


def filled(one: Request, answers: Sequence[Response]) -> Request | None:
    """The request with what is taken from the answers so far; None when it cannot be made."""
    taken = one.taken
    if taken is None:
        return one
    piece = taken.piece(answers[taken.source].text)
    return None if piece is None else replace(one, path=one.path.replace("{}", piece), taken=None)
