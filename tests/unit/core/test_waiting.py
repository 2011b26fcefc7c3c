# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking again until something is so: how often, and for how long."""

from __future__ import annotations

from unittest import mock

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils._engine import waiting


class Clock:
    """Time passes by sleeping, and by looking."""

    def __init__(self, look: float) -> None:
        self.now, self.looks, self._look = 100.0, 0, look

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def look(self) -> int:
        self.now += self._look
        self.looks += 1
        return self.looks


@pytest.mark.parametrize(
    ("done_at", "seconds", "look", "looks", "took"),
    [
        (1, 0, 0.25, 1, 0.25),
        (3, 60, 0.0, 3, 1.0),
        (9, 2, 0.0, 5, 2.0),
        # A look of a Windows target that takes longer than there is time is made all the same.
        (9, 2, 4.0, 1, 4.0),
    ],
)
def test_how_often(done_at: int, seconds: float, look: float, looks: int, took: float) -> None:
    clock = Clock(look)
    with mock.patch.object(waiting, "time", clock):
        assert waiting.wait_until(clock.look, lambda seen: seen >= done_at, seconds, 0.5) == (looks, took)
    assert clock.looks == looks
