# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from tests.faults.schedule import KINDS, draw


def test_a_seed_always_gives_the_same_run() -> None:
    assert draw(7) == draw(7)
    assert draw(7) != draw(8)


def test_every_kind_of_fault_is_drawn() -> None:
    drawn = {fault.kind for seed in range(50) for fault in draw(seed).faults}
    assert drawn == set(KINDS)
