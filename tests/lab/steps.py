# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress lines: which step, of how many, and how long it took."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO


class Steps:
    """Counts the steps of a run; each prints one line when it ends (``[3/9] image orthanc ... built, 21 s``)."""

    def __init__(self, total: int, out: TextIO = sys.stdout) -> None:
        self._total = total
        self._done = 0
        self._out = out

    def run(self, title: str, work: Callable[[Progress], str]) -> None:
        """Run ``work``; it gets a ``Progress`` for remarks on the way and returns what to say at the end."""
        self._done += 1
        started = time.monotonic()
        head = f"[{self._done}/{self._total}] {title}"
        progress = Progress(head, self._out)
        outcome = work(progress)
        print(f"{head}: {outcome}, {time.monotonic() - started:.0f} s", file=self._out, flush=True)


class Progress:
    """Remarks inside a long step, at most one every ten seconds unless forced."""

    def __init__(self, head: str, out: TextIO, interval: float = 10.0) -> None:
        self._head = head
        self._out = out
        self._interval = interval
        self._started = self._last = time.monotonic()

    def say(self, remark: str, *, always: bool = False) -> None:
        """Print ``remark`` with the seconds since the step began."""
        now = time.monotonic()
        if not always and now - self._last < self._interval:
            return
        self._last = now
        print(f"{self._head} … {remark} ({now - self._started:.0f} s)", file=self._out, flush=True)
