# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking again until something is so."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Seen = TypeVar("Seen")


def wait_until(
    look: Callable[[], Seen], done: Callable[[Seen], bool], seconds: float, pause: float
) -> tuple[Seen, float]:
    """Look at least once, and again after each ``pause`` until it is ``done`` or ``seconds`` have passed.

    Returns what was seen last, and how many seconds it took. On a Windows target a look takes seconds itself.
    """
    began = time.monotonic()
    while True:
        seen = look()
        took = time.monotonic() - began
        if done(seen) or took >= seconds:
            return seen, round(took, 3)
        time.sleep(pause)
