# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run of the fault suite is what its seed says."""

from __future__ import annotations

from tests.faults.actions import Stage
from tests.faults.schedule import KINDS, LONG, draw


def test_same_seed_same_run() -> None:
    assert draw(7) == draw(7)
    assert draw(7) != draw(8)


def test_every_kind_is_drawn_and_known() -> None:
    drawn = {fault.kind for seed in range(300) for fault in draw(seed).faults}
    assert drawn == set(KINDS)
    assert all(callable(getattr(Stage, kind)) for kind in KINDS)


def test_kinds_and_images_can_be_given() -> None:
    run = draw(3, ("cut_line",), 5000)
    assert {fault.kind for fault in run.faults} == {"cut_line"}
    assert run.images == 5000
    assert 0 < run.pause < 0.01


def test_every_hundredth_seed_begins_with_a_long_backlog() -> None:
    long = [seed for seed in range(1, 301) if draw(seed).images == LONG]
    assert long == [100, 200, 300]
    assert {draw(seed).faults[0].kind for seed in long} == {"pile_up"}
    assert draw(100, images=70).images == 70
