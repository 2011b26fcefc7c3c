# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signs of life of an action that may take an hour."""

from __future__ import annotations

import time
from collections.abc import Callable

# Seconds without a word after which an operator wonders whether anything happens.
EVERY = 15.0


class Progress:
    """What a host is doing now: every stage with ``-v``, otherwise a line each :data:`EVERY` seconds of work.

    Work that is done sooner says nothing, so that a short run looks like any other task.
    """

    def __init__(
        self,
        host: str,
        show: Callable[[str], None],
        verbose: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._host, self._show, self._verbose, self._clock = host, show, verbose, clock
        self._text = ""
        self._began = self._said = clock()

    def stage(self, text: str) -> None:
        """Something else begins."""
        self._text, self._began = text, self._clock()
        if self._verbose:
            self._say(text)
        else:
            self.beat()

    def beat(self) -> None:
        """It goes on; called as often as is convenient."""
        now = self._clock()
        if now - self._said >= EVERY:
            seconds = round(now - self._began)
            self._say(f"{self._text}, for {seconds} s" if seconds else self._text)

    def _say(self, text: str) -> None:
        self._said = self._clock()
        self._show(f"{self._host}: {text}")
