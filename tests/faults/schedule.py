# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong in a run, and when: a list of faults drawn from a seed. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass

KINDS = ("kill_cloud", "kill_gateway", "stop_cloud", "stop_gateway", "freeze_cloud", "wrong_password", "send_twice")


@dataclass(frozen=True)
class Fault:
    """``kind`` begins ``after`` seconds of quiet and lasts ``seconds``."""

    kind: str
    after: float
    seconds: float


@dataclass(frozen=True)
class Run:
    """One run: images in total, in how many associations, and the faults one after the other."""

    seed: int
    images: int
    associations: int
    faults: tuple[Fault, ...]


def draw(seed: int) -> Run:
    """The run that belongs to this seed; always the same one."""
    dice = random.Random(seed)
    faults = tuple(
        Fault(dice.choice(KINDS), round(dice.uniform(0.1, 1.5), 2), round(dice.uniform(0.5, 4.0), 2))
        for _ in range(dice.randint(2, 4))
    )
    return Run(seed, dice.randint(60, 160), dice.randint(2, 5), faults)
