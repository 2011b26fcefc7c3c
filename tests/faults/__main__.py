# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.faults --runs N --seed S``: random faults on real servers; exit code 0 when all is well.

Run ``i`` uses the seed ``S + i``; a single run is repeated with ``--runs 1 --seed <its seed>`` and
the same other options. ``--lanes`` changes how long the suite takes and nothing else.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
from pathlib import Path
from types import FrameType

from tests.faults.lanes import results
from tests.faults.schedule import KINDS, draw
from tests.kit.images import SITE, prepare

_ENDS = (signal.SIGINT, signal.SIGTERM)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lanes", type=int, default=1, help="runs side by side")
    parser.add_argument(
        "--images", type=int, default=0, help="images of each run, instead of a number drawn by the seed"
    )
    parser.add_argument("--only", default=",".join(KINDS), help="kinds of faults to draw from, separated by commas")
    parser.add_argument("--logs", type=Path, help="directory in which to keep the log of the gateway of each run")
    parser.add_argument("--manual", action="store_true", help="run the manual's script instead of the forwarder")
    options = parser.parse_args()
    kinds = tuple(options.only.split(","))
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        parser.error(f"there is no fault {', '.join(unknown)}; there are {', '.join(KINDS)}")
    if options.lanes < 1 or options.runs < 1:
        parser.error("--runs and --lanes must be 1 or more")
    for number in _ENDS:
        signal.signal(number, _interrupt)
    prepare(*SITE)
    runs = [draw(options.seed + number, kinds, options.images) for number in range(options.runs)]
    total, broken = dict.fromkeys(("lost", "twice", "backlog_wrong"), 0), 0
    with contextlib.closing(results(runs, options.lanes, options.manual, options.logs)) as done:
        for result in done:
            name = f"run={runs.index(result.run) + 1} seed={result.run.seed}"
            if result.outcome is None:
                broken += 1
                print(f"{name} did not reach its end: {result.problem}", file=sys.stderr, flush=True)
                continue
            counts = vars(result.outcome)
            said = " ".join(f"{key}={value}" for key, value in counts.items())
            print(f"FAULT {name} {said} faults={','.join(result.notes)} seconds={result.seconds:.0f}", flush=True)
            total = {key: value + counts[key] for key, value in total.items()}
    said = " ".join(f"{key}={value}" for key, value in total.items())
    print(f"FAULTS runs={options.runs - broken} {said}")
    return 1 if broken or any(total.values()) else 0


def _interrupt(number: int, _frame: FrameType | None) -> None:
    """Ends the suite by way of its `finally` parts, which must not be interrupted in their turn."""
    for one in _ENDS:
        signal.signal(one, signal.SIG_IGN)
    print("Interrupted: the containers of this suite are being removed.", file=sys.stderr, flush=True)
    raise SystemExit(128 + number)


if __name__ == "__main__":
    raise SystemExit(main())
