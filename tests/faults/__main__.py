# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.faults --runs N --seed S``: random faults on real servers; exit code 0 when all is well.

Run ``i`` uses the seed ``S + i``; a single run is repeated with ``--runs 1 --seed <its seed>`` and
the same other options.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import requests
from pydicom.dataset import Dataset

from tests.faults.actions import Stage, uids
from tests.faults.scanner import Scanner
from tests.faults.schedule import KINDS, Run, draw
from tests.forwarder import pair as kit
from tests.wan.clock import Clock
from tests.wan.site import Plan, Site, network

DRAIN = 90.0
SLOWEST = 20
"""Images a second that a long backlog must drain at, at least."""
MANUAL = Path(__file__).parent / "on_stored.lua"
# Small chunks and short pauses: more happens in a short run. The product's own would only make the same run longer.
FORWARDER = {"jobs": 3, "batch": 4, "longest_pause": 4, "park_after": 3, "retry_parked": 5}
TIMEOUT = 20


@dataclass
class Outcome:
    """Counts of one run; ``backlog_wrong`` is the number of times that the backlog said less than was missing."""

    sent: int
    lost: int
    twice: int
    backlog_wrong: int


def make_images(run: Run) -> list[Dataset]:
    """Images of different lengths: the cloud that refuses some of them knows them by that."""
    dice = random.Random(run.seed)
    images = kit.make_study(run.images, 128 if run.images < 1000 else 16)
    for image in images:
        image.ImageComments = "." * 2 * dice.randint(1, 2000)
    return images


def settled(site: Site, expected: int, ask_backlog: bool) -> bool:
    """All images are in the cloud and the backlog says so; without a backlog, only the first."""
    try:
        if site.cloud.count() < expected:
            return False
        return not ask_backlog or (site.backlog() == 0 and site.status()["Parked"] == "0")
    except requests.RequestException:
        return False


def perform(run: Run, folder: Path, manual: bool) -> tuple[Outcome, list[str]]:
    """The outcome, and the faults as they happened."""
    clock = Clock(folder / "clock")
    plan = Plan(
        forwarder=FORWARDER,
        script=MANUAL if manual else None,
        timeout=TIMEOUT,
        disk=64 + run.images // 20,
        environment=clock.environment,
        volumes=clock.volumes,
    )
    site = Site(folder, plan)
    patience = DRAIN + run.images / SLOWEST
    try:
        scanner = Scanner(site.gateway.address, make_images(run), run.associations, run.pause, patience)
        stage = Stage(site, scanner, clock, run, ask_backlog=not manual)
        scanner.start()
        for fault in run.faults:
            stage.apply(fault)
        scanner.finish()
        end = time.monotonic() + (15 if manual else patience)
        while not settled(site, len(scanner.acknowledged), not manual) and time.monotonic() < end:
            time.sleep(0.3)
        there = uids(site.cloud)
        if not manual:
            stage.backlog_wrong += site.backlog() != 0 or site.status()["Parked"] != "0"
        twice = len(there) - len(set(there)) + len(stage.loops & set(there))
        lost = len(scanner.acknowledged - set(there))
        return Outcome(len(scanner.acknowledged), lost, twice, stage.backlog_wrong), stage.notes
    finally:
        (folder / "gateway.log").write_text(site.gateway.logs())
        site.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
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
    total, broken = Outcome(0, 0, 0, 0), 0
    with network():
        for number in range(options.runs):
            run = draw(options.seed + number, kinds, options.images)
            with tempfile.TemporaryDirectory() as folder:
                try:
                    done, notes = perform(run, Path(folder), options.manual)
                except (requests.RequestException, AssertionError) as error:
                    broken += 1
                    said = " ".join(str(error).split())[:300]
                    print(
                        f"run={number + 1} seed={run.seed} did not reach its end: {said}", file=sys.stderr, flush=True
                    )
                    continue
                finally:
                    _keep_log(Path(folder), options.logs, run.seed)
            print(
                f"FAULT run={number + 1} seed={run.seed} sent={done.sent} lost={done.lost} twice={done.twice} "
                f"backlog_wrong={done.backlog_wrong} faults={','.join(notes)}",
                flush=True,
            )
            total = Outcome(*(a + b for a, b in zip(vars(total).values(), vars(done).values(), strict=True)))
    print(
        f"FAULTS runs={options.runs - broken} lost={total.lost} twice={total.twice} backlog_wrong={total.backlog_wrong}"
    )
    return 0 if (total.lost, total.twice, total.backlog_wrong, broken) == (0, 0, 0, 0) else 1


def _keep_log(folder: Path, target: Path | None, seed: int) -> None:
    log = folder / "gateway.log"
    if target and log.exists():
        target.mkdir(parents=True, exist_ok=True)
        (target / f"gateway-{seed}.log").write_text(log.read_text())


if __name__ == "__main__":
    raise SystemExit(main())
