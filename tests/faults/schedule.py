# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong in a run, and when: a list of faults drawn from a seed. Pure."""

from __future__ import annotations

import dataclasses
import random
from dataclasses import dataclass

PROCESSES = ("kill_cloud", "kill_gateway", "stop_cloud", "stop_gateway", "freeze_cloud")
LINE = ("cut_line", "black_hole", "reset_line", "pile_up")
ANSWERS = ("wrong_password", "refuse_some", "refuse_all")
DISKS = ("full_cloud", "full_gateway", "unreadable_file", "roll_back", "restore_gateway")
SCANNER = ("send_twice", "loop_images")
KINDS = (*PROCESSES, *LINE, *ANSWERS, *DISKS, *SCANNER, "clock_jump")
"""Each is the name of a method of ``actions.Stage``, which says what happens."""

STATUSES = (400, 403, 413, 429, 500, 502, 503, 507)
JUMPS = (-36000, -90, -3, 5, 600, 36000)
LONG, LONG_EVERY = 50_000, 100
"""Images of a long backlog, and how often a seed has one."""
LINES = ((0, 0.0), (20, 0.0), (50, 0.0), (50, 0.5), (150, 0.0))


@dataclass(frozen=True)
class Fault:
    """``kind`` begins ``after`` seconds of quiet and lasts ``seconds``.

    ``status`` is what the cloud answers to an image that it refuses, ``jump`` how far the clock goes, in seconds.
    A process is killed ``bytes`` later on the line.
    """

    kind: str
    after: float
    seconds: float
    status: int
    jump: int
    bytes: int


@dataclass(frozen=True)
class Run:
    """One run: images in total, in how many associations, and the faults one after the other.

    ``pause`` is the scanner's, in seconds after each image, so that it is at work during a good part of the faults.
    ``rtt`` in milliseconds and ``loss`` in percent are those of the line all the time.
    """

    seed: int
    images: int
    associations: int
    pause: float
    rtt: float
    loss: float
    faults: tuple[Fault, ...]


def draw(seed: int, kinds: tuple[str, ...] = KINDS, images: int = 0) -> Run:
    """The run that belongs to this seed, always the same one; ``images`` instead of the number that it would have.

    Every hundredth seed begins with a long backlog, whatever the kinds.
    """
    dice = random.Random(seed)
    faults = tuple(
        Fault(
            dice.choice(kinds),
            round(dice.uniform(0.1, 1.5), 2),
            round(dice.uniform(0.5, 4.0), 2),
            dice.choice(STATUSES),
            dice.choice(JUMPS),
            dice.randrange(400_000),
        )
        for __ in range(dice.randint(2, 4))
    )
    if not images and seed % LONG_EVERY == 0:
        images, faults = LONG, (dataclasses.replace(faults[0], kind="pile_up", after=0.0), *faults[1:])
    drawn, associations = dice.randint(60, 160), dice.randint(2, 5)
    rtt, loss = dice.choice(LINES)
    duration = sum(fault.after + fault.seconds for fault in faults) * dice.uniform(0.2, 1.0)
    return Run(seed, images or drawn, associations, duration / (images or drawn), rtt, loss, faults)
