# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.faults --runs N --seed S``: random faults on real servers; exit code 0 when no count is wrong.

Run ``i`` uses the seed ``S + i``; a single run is repeated with ``--runs 1 --seed <its seed>``.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.faults.scanner import Scanner
from tests.faults.schedule import Fault, Run, draw
from tests.forwarder import pair as kit

DRAIN = 90.0
MANUAL = Path(__file__).parent / "on_stored.lua"


@dataclass
class Outcome:
    """Counts of one run; ``backlog_wrong`` is the number of times that the backlog said less than was missing."""

    sent: int
    lost: int
    twice: int
    backlog_wrong: int


class Stage:
    """A pair of servers and what can be done to them."""

    def __init__(self, pair: kit.Pair, scanner: Scanner, ask_backlog: bool) -> None:
        self.pair = pair
        self.scanner = scanner
        self.ask_backlog = ask_backlog
        self.backlog_wrong = 0

    def apply(self, fault: Fault) -> None:
        time.sleep(fault.after)
        action: Callable[[float], None] = getattr(self, fault.kind)
        action(fault.seconds)

    def kill_cloud(self, seconds: float) -> None:
        there = self.pair.cloud.count()
        self.pair.cloud.kill()
        self._cloud_is_down(seconds, there)

    def stop_cloud(self, seconds: float) -> None:
        self.pair.cloud.stop()
        time.sleep(seconds)
        self.pair.cloud.start()

    def _cloud_is_down(self, seconds: float, there: int) -> None:
        time.sleep(max(seconds, 3.0))  # the state is published every two seconds
        if self.ask_backlog:
            backlog, here = self.pair.backlog(), self.pair.gateway.count()
            self.backlog_wrong += backlog > here
        self.pair.cloud.start()
        if self.ask_backlog and there:
            self.backlog_wrong += here - self.pair.cloud.count() > backlog + self._slack(here)

    def _slack(self, here: int) -> int:
        """Images that arrived at the gateway between the two questions."""
        return max(0, self.pair.gateway.count() - here)

    def kill_gateway(self, seconds: float) -> None:
        self.pair.gateway.kill()
        time.sleep(seconds)
        self.pair.gateway.start()

    def stop_gateway(self, seconds: float) -> None:
        self.pair.gateway.stop()
        time.sleep(seconds)
        self.pair.gateway.start()

    def freeze_cloud(self, seconds: float) -> None:
        self.pair.cloud.freeze()
        time.sleep(seconds)
        self.pair.cloud.thaw()

    def wrong_password(self, seconds: float) -> None:
        self.pair.set_peer("wrong")
        time.sleep(seconds)
        self.pair.set_peer(kit.CLOUD[1])

    def send_twice(self, seconds: float) -> None:
        again = [image for image in self.scanner.images if image.SOPInstanceUID in self.scanner.acknowledged][:10]
        Scanner(self.pair.gateway.address, again, 1).run()


def settled(pair: kit.Pair, expected: int, ask_backlog: bool) -> bool:
    """All images are in the cloud and the backlog says so; without a backlog, the number of images stands still."""
    try:
        return pair.cloud.count() >= expected and (not ask_backlog or pair.backlog() == 0)
    except requests.RequestException:
        return False


def perform(run: Run, folder: Path, manual: bool) -> Outcome:
    pair = kit.Pair(folder, script=MANUAL if manual else None, Jobs=3, Batch=4)
    try:
        scanner = Scanner(pair.gateway.address, kit.make_study(run.images, 128), run.associations)
        stage = Stage(pair, scanner, ask_backlog=not manual)
        scanner.start()
        for fault in run.faults:
            stage.apply(fault)
        scanner.join()
        end = time.monotonic() + (15 if manual else DRAIN)
        while not settled(pair, len(scanner.acknowledged), not manual) and time.monotonic() < end:
            time.sleep(0.3)
        found = pair.cloud.find({"Expand": True})
        uids = [item["MainDicomTags"]["SOPInstanceUID"] for item in found]
        if not manual:
            stage.backlog_wrong += pair.backlog() != 0 or pair.status()["Parked"] != "0"
        return Outcome(
            len(scanner.acknowledged),
            len(scanner.acknowledged - set(uids)),
            len(uids) - len(set(uids)),
            stage.backlog_wrong,
        )
    finally:
        pair.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--manual", action="store_true", help="run the manual's script instead of the forwarder")
    options = parser.parse_args()
    kit.make_image()
    kit.make_network()
    total = Outcome(0, 0, 0, 0)
    try:
        for number in range(options.runs):
            run = draw(options.seed + number)
            with tempfile.TemporaryDirectory() as folder:
                done = perform(run, Path(folder), options.manual)
            print(
                f"FAULT run={number + 1} seed={run.seed} sent={done.sent} lost={done.lost} twice={done.twice} "
                f"backlog_wrong={done.backlog_wrong} faults={','.join(fault.kind for fault in run.faults)}",
                flush=True,
            )
            total = Outcome(*(a + b for a, b in zip(vars(total).values(), vars(done).values(), strict=True)))
    finally:
        kit.remove_network()
    print(f"FAULTS runs={options.runs} lost={total.lost} twice={total.twice} backlog_wrong={total.backlog_wrong}")
    return 0 if (total.lost, total.twice, total.backlog_wrong) == (0, 0, 0) else 1


if __name__ == "__main__":
    raise SystemExit(main())
