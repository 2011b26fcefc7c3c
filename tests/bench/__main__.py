# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.bench``: the forwarder against the manual's script, a bulk transfer and the scanner alone.

All that a line compares is measured in the same run. Lines "bench" are what was measured, lines "BENCH" the results.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench import sites
from tests.bench.images import write_study
from tests.bench.measured import STREAMS, TINY, MeasuredSite, measured
from tests.bench.noop import Noop, compared
from tests.faults.run import MANUAL
from tests.kit import product
from tests.kit.images import SITE, prepare
from tests.kit.networks import Network, claim
from tests.lab.paths import REPOSITORY
from tests.wan.line import Mode
from tests.wan.site import Plan

RTTS = (0, 50, 150)
JPEG_LS = "1.2.840.10008.1.2.4.80"
UPLINK = 50.0
"""Mbit/s of the thin line."""
NO_FORWARDER: dict[str, object] = {"LuaScripts": []}
FILL = 10_000
"""Images stored between two signs of life."""
SETTLE = 10.0
"""Seconds after which the memory of an Orthanc that was just started is looked at."""
PARTS = ("forward", "drain", "uplink", "backlog")
NOOP, NOOP_SITES = "noop", "noop-sites"
"""Parts of their own: the one needs the lab of ``make demo``, the other makes a lab of many sites."""
ALONE = f"{NOOP}, {NOOP_SITES}"


Values = dict[str, float]
Step = tuple[Plan, Callable[[MeasuredSite], Values]]


class Bench:
    """Sizes from the command line, medians of what was measured in seconds, and the results by name."""

    def __init__(self, options: argparse.Namespace, network: Network, files: Path) -> None:
        self.options = options
        self.network = network
        self.files = files
        self.forwarder: dict[str, object] = json.loads(options.forwarder)
        self.ours = Plan(forwarder=self.forwarder)
        self.median: Values = {}
        self.results: Values = {}
        self.begin = time.monotonic()

    def say(self, text: str) -> None:
        print(f"bench {time.monotonic() - self.begin:5.0f} s: {text}", file=sys.stderr, flush=True)

    def measure(self, repeat: int, *steps: Step) -> None:
        """Each step on a new site, all in turn and ``repeat`` times: what is compared is measured side by side."""
        found: dict[str, list[float]] = {}
        for __ in range(repeat):
            for plan, action in steps:
                with measured(self.files, self.network, plan) as one:
                    values = action(one)
                for name, value in values.items():
                    found.setdefault(name, []).append(value)
                self.say(", ".join(f"{name} {value:.2f} s" for name, value in values.items()))
        for name, all_values in found.items():
            self.median[name] = statistics.median(all_values)
            print(f"bench {name} {self.median[name]:.2f} s of {', '.join(f'{v:.2f}' for v in all_values)}", flush=True)

    def forward(self) -> None:
        """While the scanner sends: ours, the manual's script, and the scanner with nobody behind it."""
        repeat = self.options.repeat
        alone, stock = Plan(options=NO_FORWARDER), Plan(stock=True)
        self.measure(
            repeat,
            (alone, self._alone),
            (stock, lambda one: {"scanner_stock": one.store("ct")}),
            (self.ours, lambda one: self._forwarded(one, 150)),
        )
        for rtt in RTTS[:-1]:
            self.measure(1, (self.ours, lambda one, rtt=rtt: self._forwarded(one, rtt)))  # type: ignore[misc]
        for rtt in RTTS:
            self.measure(1, (Plan(script=MANUAL), lambda one, rtt=rtt: self._manual(one, rtt)))  # type: ignore[misc]
            each = self.median[f"manual_rtt{rtt}"] / self.options.manual_images
            total = self.median[f"forward_rtt{rtt}"]
            self.results[f"forward_rtt{rtt}_vs_scanner_floor"] = total / self.median["scanner_alone"]
            paced = self.median[f"forward_paced_rtt{rtt}"]
            self.results[f"forward_rtt{rtt}_vs_paced_scanner"] = paced / self.median["scanner_alone_paced"]
            self.results[f"forward_rtt{rtt}_vs_bulk"] = total / self.median[f"forward_bulk{STREAMS}_rtt{rtt}"]
            self.results[f"forward_rtt{rtt}_speedup_vs_manual"] = each / (total / self.options.images)
        received = self.median["scanner_forwarding_rtt150"]
        self.results["reception_vs_stock_orthanc"] = self.median["scanner_stock"] / received
        self.results["scanner_forwarding_vs_alone"] = received / self.median["scanner_alone"]
        for kind in ("small", "paced"):
            found = self.median[f"scanner_forwarding_{kind}_rtt150"] / self.median[f"scanner_alone_{kind}"]
            self.results[f"scanner_forwarding_vs_alone_{kind}"] = found

    def _alone(self, one: MeasuredSite) -> Values:
        with self._processors(one, "scanner_alone"):
            large = one.store("ct")
        return {
            "scanner_alone": large,
            "scanner_alone_small": one.store("small"),
            "scanner_alone_paced": one.paced("paced"),
        }

    @contextlib.contextmanager
    def _processors(self, one: MeasuredSite, name: str) -> Iterator[None]:
        """Says how much of the machine the block took, and who did: on a small one this decides the time."""
        before, begin = one.work(), time.monotonic()
        yield
        seconds, cores = time.monotonic() - begin, os.cpu_count() or 1
        spent = {part: value - before.get(part, 0) for part, value in one.work().items()}
        total = spent.pop("all")
        rest = {**spent, "others": total - sum(spent.values())}
        said = ", ".join(f"{part} {value:.1f}" for part, value in sorted(rest.items()) if value >= 0.05)
        share = 100 * total / cores / seconds
        print(f"bench processors {name}: {total:.1f} s ({said}), {share:.0f} % of {cores} cores", flush=True)

    def _forwarded(self, one: MeasuredSite, rtt: float) -> Values:
        one.site.line.set(rtt=rtt)
        with self._processors(one, f"forward_rtt{rtt}"):
            scanner, total = one.forward("ct")
        small, __ = one.forward("small")
        scanner_paced, paced = one.forward("paced", paced=True)
        return {
            f"forward_rtt{rtt}": total,
            f"scanner_forwarding_rtt{rtt}": scanner,
            f"scanner_forwarding_small_rtt{rtt}": small,
            f"scanner_forwarding_paced_rtt{rtt}": scanner_paced,
            f"forward_paced_rtt{rtt}": paced,
            f"forward_bulk{STREAMS}_rtt{rtt}": one.bulk("ct"),
        }

    def _manual(self, one: MeasuredSite, rtt: float) -> Values:
        """It sends one image after the other, each on a connection of its own: a part of the study is enough."""
        one.site.line.set(rtt=rtt)
        return {f"manual_rtt{rtt}": one.forward("manual")[1]}

    def drain(self) -> None:
        for rtt in RTTS:
            self._against_bulk(self.options.repeat if rtt == RTTS[-1] else 1, rtt, 0, self.ours, f"rtt{rtt}")
            self.results[f"drain_rtt{rtt}_vs_bulk"] = self._share(f"rtt{rtt}")

    def uplink(self) -> None:
        name = f"uplink{UPLINK:.0f}"
        plan = Plan(forwarder={**self.forwarder, "transcode": JPEG_LS})
        self._against_bulk(self.options.repeat, 50, UPLINK, plan, name)
        self.results[f"{name}_vs_bulk"] = self._share(name)

    def _share(self, name: str) -> float:
        return self.median[f"drain_{name}"] / self.median[f"bulk{STREAMS}_{name}"]

    def _against_bulk(self, repeat: int, rtt: float, up: float, plan: Plan, name: str) -> None:
        def both(one: MeasuredSite) -> Values:
            drained = one.drain("ct", rtt, up)
            return {f"drain_{name}": drained, f"bulk{STREAMS}_{name}": one.bulk("ct")}

        self.measure(repeat, (plan, both))

    def backlog(self) -> None:
        """What lies on the gateway when the line comes back: the rate at which it goes, and the memory it takes."""
        long, short = self.options.backlog, max(self.options.backlog // 100, 1)
        short_rate, *__ = self._recover(short)
        rate, plain, held, peak = self._recover(long)
        self.results[f"backlog{_short(long)}_rate_vs_{_short(short)}"] = rate / short_rate
        self.results[f"memory_backlog{_short(long)}_above_plain_mb"] = held - plain
        self.results[f"memory_peak_backlog{_short(long)}_above_plain_mb"] = peak - plain

    def _recover(self, count: int) -> tuple[float, float, float, float]:
        """Images per second, and memory in MB: without a forwarder, with one that has the backlog, and at most.

        The same store twice, with an Orthanc that was just started.
        """
        with measured(self.files, self.network, Plan(options=NO_FORWARDER)) as one:
            self._fill(one, count)
            one.site.gateway.reconfigure()
            time.sleep(SETTLE)
            plain, count = one.memory(), one.site.gateway.count()
            one.site.line.set(mode=Mode.CUT)
            one.site.gateway.reconfigure(**product.gateway(self.forwarder))
            time.sleep(SETTLE)
            held = one.memory()
            one.site.line.set(rtt=50)
            first = one.arrival(1)
            before = one.site.cloud.count()
            rate = (count - before) / (one.arrival(count, self.say) - first)
            peak = one.memory("VmHWM")
        print(
            f"bench backlog {count}: {rate:.0f} images/s, {plain:.0f} MB without forwarder, {held:.0f} MB, "
            f"at most {peak:.0f} MB",
            flush=True,
        )
        return rate, plain, held, peak

    def _fill(self, one: MeasuredSite, count: int) -> None:
        begin = time.monotonic()
        while (here := one.site.gateway.count()) < count:
            one.store_more("tiny", min(count - here, FILL))
            self.say(f"{one.site.gateway.count()} of {count} images stored")
        self.say(f"{count} images stored in {time.monotonic() - begin:.0f} s")


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
    parser.add_argument(
        "--repeat",
        type=int,
        default=3,
        help="runs of which the median is taken; RTT 0 and 50 and the manual's script run once",
    )
    parser.add_argument(
        "--forwarder", default="{}", help="settings of the forwarder that differ from the role's, as JSON"
    )
    parser.add_argument(
        "--only", default=",".join(PARTS), help=f"parts to run: {', '.join(PARTS)}, or one of {ALONE} alone"
    )
    parser.add_argument("--inventory", type=Path, default=Path("inventories/lab"), help=f"the lab of {NOOP}")
    parser.add_argument("--tree", type=Path, default=REPOSITORY, help=f"the checkout whose site.yml {NOOP} runs")
    parser.add_argument("--sites", default="1,5,20", help=f"how many sites the runs of {NOOP_SITES} have")
    options = parser.parse_args()
    parts = options.only.split(",")
    if parts == [NOOP]:
        print(compared(), flush=True)
        return _print(Noop(options.inventory, options.tree.absolute()).measure())
    if parts == [NOOP_SITES]:
        return _print(sites.measure([int(number) for number in options.sites.split(",")]))
    if unknown := [part for part in parts if part not in PARTS]:
        parser.error(f"there is no part {', '.join(unknown)}; there are {', '.join(PARTS)}, and alone {ALONE}")
    signal.signal(signal.SIGTERM, lambda number, __: sys.exit(128 + number))
    prepare(*SITE)
    with tempfile.TemporaryDirectory(prefix="mediverse-bench-files-") as name, claim() as network:
        files = Path(name)
        write_study(files / "ct", options.images, 512)
        write_study(files / "manual", min(options.manual_images, options.images), 512, 2)
        write_study(files / "paced", options.images, 512, 3)
        write_study(files / "small", options.small, 48)
        write_study(files / "tiny", TINY, 16)
        bench = Bench(options, network, files)
        for part in parts:
            getattr(bench, part)()
    bench.say("done")
    return _print(bench.results)


def _print(results: Values) -> int:
    for line, value in results.items():
        print(f"BENCH {line} {value:.2f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
