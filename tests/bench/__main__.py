# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.bench``: the forwarder against the manual's script, a bulk transfer and the scanner alone.

All that a line compares is measured in the same run. Lines "bench" are what was measured, lines "BENCH" the results.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench.images import write_study
from tests.bench.stand import STREAMS, Stand, stand
from tests.faults.run import MANUAL
from tests.wan.line import Mode
from tests.wan.place import Place, build_images, claim
from tests.wan.site import Plan

RTTS = (0, 50, 150)
JPEG_LS = "1.2.840.10008.1.2.4.80"
UPLINK = 50.0
"""Mbit/s of the thin line."""
NO_FORWARDER: dict[str, object] = {"LuaScripts": []}
PARTS = ("forward", "drain", "uplink", "backlog")


class Bench:
    """Sizes from the command line, and the results by name."""

    def __init__(self, options: argparse.Namespace, place: Place, files: Path) -> None:
        self.options = options
        self.place = place
        self.files = files
        self.forwarder: dict[str, object] = json.loads(options.forwarder)
        self.seconds: dict[str, float] = {}
        self.results: dict[str, float] = {}

    def measure(self, name: str, plan: Plan, action: Callable[[Stand], float], repeat: int | None = None) -> float:
        """The median of some runs, each on a new site."""
        found = []
        for _ in range(repeat or self.options.repeat):
            with stand(self.files, self.place, plan) as one:
                found.append(action(one))
        self.seconds[name] = statistics.median(found)
        print(f"bench {name} {self.seconds[name]:.2f} s of {', '.join(f'{value:.2f}' for value in found)}", flush=True)
        return self.seconds[name]

    def result(self, name: str, value: float) -> None:
        self.results[name] = value

    def forward(self) -> None:
        """While the scanner sends: ours, the manual's script, and the scanner with nobody behind it."""
        alone = Plan(options=NO_FORWARDER)
        floor = self.measure("scanner_alone", alone, lambda one: one.store("ct"))
        small = self.measure("scanner_alone_small", alone, lambda one: one.store("small"))
        stock = self.measure("scanner_stock", Plan(stock=True), lambda one: one.store("ct"))
        ours, scanner = 0.0, []
        for rtt in RTTS:

            def forwarded(one: Stand, rtt: float = rtt) -> float:
                one.site.line.set(rtt=rtt)
                own, total = one.forward("ct")
                scanner.append(own)
                return total

            ours = self.measure(f"forward_rtt{rtt}", Plan(forwarder=self.forwarder), forwarded)
        received = statistics.median(scanner)
        manual = self.measure("manual_rtt150", Plan(script=MANUAL), self._manual, 1)

        def small_ones(one: Stand) -> float:
            one.site.line.set(rtt=50)
            return one.forward("small")[0]

        busy = self.measure("scanner_forwarding_small", Plan(forwarder=self.forwarder), small_ones)
        self.result("forward_rtt150_vs_scanner_floor", ours / floor)
        self.result("reception_vs_stock_orthanc", stock / received)
        each = manual / self.options.manual_images
        self.result("forward_rtt150_speedup_vs_manual", each / (ours / self.options.images))
        self.result("scanner_forwarding_vs_alone", received / floor)
        self.result("scanner_forwarding_vs_alone_small", busy / small)

    def _manual(self, one: Stand) -> float:
        """It sends one image after the other, each on a connection of its own: a part of the study is enough."""
        one.site.line.set(rtt=150)
        return one.forward("manual")[1]

    def drain(self) -> None:
        for rtt in RTTS:
            ours, bulk = self._against_bulk(rtt, 0, self.forwarder, f"rtt{rtt}")
        self.result("drain_rtt150_vs_bulk", ours / bulk)

    def uplink(self) -> None:
        ours, bulk = self._against_bulk(50, UPLINK, {**self.forwarder, "transcode": JPEG_LS}, f"uplink{UPLINK:.0f}")
        self.result(f"uplink{UPLINK:.0f}_vs_bulk", ours / bulk)

    def _against_bulk(self, rtt: float, up: float, forwarder: dict[str, object], name: str) -> tuple[float, float]:
        def bulk(one: Stand) -> float:
            one.site.line.set(rtt=rtt, up=up)
            return one.bulk("ct")

        plan = Plan(forwarder=forwarder)
        ours = self.measure(f"drain_{name}", plan, lambda one: one.drain("ct", rtt, up))
        return ours, self.measure(f"bulk{STREAMS}_{name}", plan, bulk)

    def backlog(self) -> None:
        """What piles up during an outage: the rate at which it goes when the line is back, and the memory it takes."""
        long, short = self.options.backlog, max(self.options.backlog // 100, 1)
        rates = {}
        for count in (short, long):
            with stand(self.files, self.place, Plan(forwarder=self.forwarder)) as one:
                one.site.line.set(mode=Mode.CUT)
                self._fill(one, count)
                held = one.memory()
                one.site.line.set(rtt=50)
                first = one.arrival(1)
                before = one.site.cloud.count()
                rates[count] = (count - before) / (one.arrival(count) - first)
                print(
                    f"bench backlog {count}: {rates[count]:.0f} images/s, {held:.0f} MB, at most "
                    f"{one.memory('VmHWM'):.0f} MB",
                    flush=True,
                )
                peak = one.memory("VmHWM")
        with stand(self.files, self.place, Plan(options=NO_FORWARDER)) as one:
            self._fill(one, long)
            plain, plain_peak = one.memory(), one.memory("VmHWM")
        print(f"bench no forwarder {long}: {plain:.0f} MB, at most {plain_peak:.0f} MB", flush=True)
        self.result(f"backlog{_short(long)}_rate_vs_{_short(short)}", rates[long] / rates[short])
        self.result(f"memory_backlog{_short(long)}_above_plain_mb", held - plain)
        self.result(f"memory_peak_backlog{_short(long)}_above_plain_mb", peak - plain_peak)

    def _fill(self, one: Stand, count: int) -> None:
        begin = time.monotonic()
        per_round = len(list((self.files / "tiny").iterdir()))
        one.store("tiny", max(count // per_round, 2))
        while (here := one.site.gateway.count()) < count:
            one.store("tiny", max((count - here) // per_round, 2))
        print(f"bench {count} images stored in {time.monotonic() - begin:.0f} s", flush=True)


def _short(count: int) -> str:
    return f"{count // 1000}k" if count % 1000 == 0 else str(count)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--images", type=int, default=300, help="images of the study, 512 x 512 pixels each")
    parser.add_argument("--manual-images", type=int, default=60, help="of these, for the manual's script")
    parser.add_argument("--small", type=int, default=1000, help="small images, 48 x 48 pixels each")
    parser.add_argument(
        "--backlog", type=int, default=100_000, help="images of the long backlog; the short one is 1/100"
    )
    parser.add_argument("--repeat", type=int, default=3, help="runs of which the median is taken")
    parser.add_argument(
        "--forwarder", default="{}", help="settings of the forwarder that differ from the role's, as JSON"
    )
    parser.add_argument("--only", default=",".join(PARTS), help=f"parts to run: {', '.join(PARTS)}")
    options = parser.parse_args()
    parts = options.only.split(",")
    if unknown := [part for part in parts if part not in PARTS]:
        parser.error(f"there is no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    build_images()
    with tempfile.TemporaryDirectory(prefix="mediverse-bench-files-") as name, claim() as place:
        files = Path(name)
        write_study(files / "ct", options.images, 512)
        write_study(files / "manual", min(options.manual_images, options.images), 512, 2)
        write_study(files / "small", options.small, 48)
        write_study(files / "tiny", min(max(options.backlog // 100, 1), 500), 16)
        bench = Bench(options, place, files)
        for part in parts:
            getattr(bench, part)()
    for line, value in bench.results.items():
        print(f"BENCH {line} {value:.2f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
