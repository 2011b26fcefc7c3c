# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixed runs of the fault suite that meet every kind of fault, and the proof that the suite can fail."""

from __future__ import annotations

import contextlib

from tests.faults.lanes import results
from tests.faults.schedule import KINDS, draw
from tests.kit.images import SITE, prepare

# All kinds; and 207, where a clock that was set back leaves the forwarder without any event but the task of the PC.
SEEDS = (207, 554, 1381, 1893, 1940, 2074)
LANES = 2
# A killed cloud and a cut line: what the manual's script hands over meanwhile is gone.
LOSING = draw(1, ("kill_cloud", "cut_line"))


def test_nothing_is_lost_whatever_happens() -> None:
    prepare(*SITE)
    happened: set[str] = set()
    # A failure ends the runs that still go on, too.
    with contextlib.closing(results([draw(seed) for seed in SEEDS], LANES, manual=False, logs=None)) as found:
        for result in found:
            assert result.outcome is not None, f"seed {result.run.seed}: {result.problem}"
            counts = vars(result.outcome)
            assert counts == {"sent": result.run.images, "lost": 0, "twice": 0, "backlog_wrong": 0}, result
            happened |= {note.removesuffix("(died)") for note in result.notes}
    assert happened == set(KINDS)


def test_suite_notices_a_forwarder_that_loses_images() -> None:
    prepare(*SITE)
    (result,) = results([LOSING], 1, manual=True, logs=None)
    assert result.outcome is not None, result.problem
    assert result.outcome.sent == LOSING.images
    assert result.outcome.lost > 0
