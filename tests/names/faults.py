# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run: thirty sites come, change and go in a company's zone, while clients are killed, answers are lost, and two
clients work at once. What is counted is what the zone lost.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.names.double import GET, SET, Double, Record, Zone, serving
from tests.names.sample import DOMAIN, zone

SITES = 30
_PATIENCE = 60.0
_FAULTS = (
    *("kill-before", "kill-after", "kill-any-time", "answer", "late", "late-killed", "short", "stale"),
    *("none", "none"),
)
# How late a write arrives, in seconds; less than clients wait for one.
_LATE = 0.25
_ANSWERS = ("drop", "lost", "503", "!503", "html", "!html", "5050900", "!5050900", "405", "500000")

Names = dict[str, str]
"""Addresses by the full name."""


class BrokenError(Exception):
    """A client did not do what it should: it hung, or it failed with nothing in its way."""


@dataclass
class Outcome:
    """Counts of one run, and its faults in words."""

    lost: int
    changed_foreign: int
    notes: list[str]


class Nursery:
    """Starts clients."""

    def __init__(self) -> None:
        # The first makes the checkout importable as a collection.
        program = "import tests.conftest; from tests.names import nursery; nursery.main()"
        self._process = subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self, options: dict[str, Any], result: Path) -> int:
        """The number of a client that has just begun."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"options": options, "result": str(result)}) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """End it; clients that still work are not touched."""
        self._process.communicate()


@contextmanager
def nursery() -> Iterator[Nursery]:
    """A place that starts clients, until the end of the block."""
    made = Nursery()
    try:
        yield made
    finally:
        made.close()


@dataclass
class Client:
    """A client at work. ``address`` tells the double who asks; ``kill`` is (phase, command, how often before)."""

    address: str
    number: int
    result: Path
    kill: tuple[str, str, int] | None = None

    def end(self) -> None:
        """As the machine's failing power would."""
        with suppress(ProcessLookupError):
            os.kill(self.number, signal.SIGKILL)

    def wait(self) -> dict[str, Any] | None:
        """Its result; None when it was killed."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                os.kill(self.number, 0)
            except ProcessLookupError:
                break
            if time.monotonic() > deadline:
                self.end()
                raise BrokenError(f"a client did not end within {_PATIENCE:g} s")
            time.sleep(0.002)
        found: dict[str, Any] | None = json.loads(self.result.read_text()) if self.result.exists() else None
        return found


class Run:
    """One run by its seed."""

    def __init__(self, seed: int, start: Nursery, folder: Path) -> None:
        self._dice, self._nursery, self._folder = random.Random(seed), start, folder
        self._foreign = zone().records
        self._double = Double({DOMAIN: Zone(list(self._foreign), "MX")}, per_minute=1_000_000)
        self._double.addresses = {f"203.0.113.{number}" for number in range(1, 255)}
        self._double.event = self._event
        self._double.delay = _LATE
        self._clients: dict[str, Client] = {}
        self._calls: Counter[tuple[str, str, str]] = Counter()
        self._count = 0
        self._have: Names = {}
        self._outcome = Outcome(0, 0, [])
        self._url = ""
        self._born = threading.Event()
        self._delays = random.Random(seed)
        self._crowded = False

    def perform(self) -> Outcome:
        """Sites come in two halves at once, change, and go."""
        sites = [f"s{number:02}" for number in range(SITES)]
        with serving(self._double) as self._url:
            half = self._dice.randint(1, SITES - 1)
            self._step([self._wish(sites[:half]), self._wish(sites[half:])], [])
            self._panel()
            changed = self._dice.sample(sites, self._dice.randint(1, SITES))
            gone = self._dice.sample(sites, self._dice.randint(1, 10))
            left = [one for one in changed if one not in gone]
            self._step([self._wish(left[::2]), self._wish(left[1::2])], [])
            self._panel()
            kept = [one for one in sites if one not in gone]
            self._step([self._wish(kept[:3]), {}], _names(gone))
            self._step([{}], _names(sites))
        if self._double.zones[DOMAIN].email_type != "MX":
            self._outcome.changed_foreign += 1
        return self._outcome

    def _wish(self, sites: list[str]) -> Names:
        return {name: f"198.51.100.{self._dice.randint(1, 254)}" for name in _names(sites)}

    def _panel(self) -> None:
        """Somebody changes something else in the panel, while nobody is at work."""
        self._count += 1
        self._foreign = [*self._foreign, Record(f"p{self._count}", "TXT", f"number {self._count} of the panel")]
        there = self._double.zones[DOMAIN]
        there.records = [*there.records, self._foreign[-1]]

    def _step(self, wishes: list[Names], remove: list[str]) -> None:
        """Clients at once, a fault each, and each again until it is done; then look at all that was written."""
        wishes = [wish for wish in wishes if wish or remove]
        before, first = dict(self._have), len(self._double.states)
        self._crowded = len(wishes) > 1
        clients = [(wish, self._begin(wish, remove, self._fault())) for wish in wishes]
        for wish, client in clients:
            result = client.wait()
            if result is None or result.get("failed"):
                # What its successor finds is whatever the first one left.
                self._double.trouble.clear()
                again = self._begin(wish, remove, "none")
                result = again.wait()
            if result is None or result.get("failed"):
                raise BrokenError(f"a client with nothing in its way failed: {result and result['msg']}")
        for name in remove:
            self._have.pop(name, None)
        for wish in wishes:
            self._have.update(wish)
        self._judge(before, first, wishes, set(remove))

    def _begin(self, wish: Names, remove: list[str], fault: str) -> Client:
        self._count += 1
        address = f"203.0.113.{self._count % 250 + 1}"
        result = self._folder / f"result-{self._count}.json"
        options = {
            "zone": DOMAIN,
            "owned": [f"*.viewer.{DOMAIN}", f"*.pacs.{DOMAIN}"],
            "records": [{"name": name, "value": value} for name, value in wish.items()],
            "remove": remove,
            "zone_has_srv": False,
            "folder": str(self._folder / "keep"),
            "calls_per_minute": 100_000,
            "api_url": self._url,
            "api_user": self._double.user,
            "api_key": self._double.key,
            "client_ip": address,
        }
        kill = None
        self._spoil(fault)
        if fault == "late-killed":
            # It sent its write, and does not live to see what became of it.
            kill = ("after", SET, 0)
        if fault.startswith("kill-") and fault != "kill-any-time":
            command = self._dice.choice((GET, SET))
            kill = (fault.removeprefix("kill-"), command, self._dice.randint(0, 2 if command == GET else 0))
        if fault == "answer":
            self._double.trouble.append((self._dice.choice((GET, SET)), self._dice.choice(_ANSWERS)))
        self._born.clear()
        client = Client(address, self._nursery.start(options, result), result, kill)
        self._clients[address] = client
        self._born.set()
        if fault == "kill-any-time":
            threading.Timer(self._dice.uniform(0, 0.3), client.end).start()
        self._outcome.notes.append(fault if kill is None else "-".join((*kill[:2], str(kill[2]))))
        return client

    def _fault(self) -> str:
        return self._dice.choice(_FAULTS)

    def _spoil(self, fault: str) -> None:
        """Bad answers, and a write that comes late."""
        if fault in ("late", "late-killed"):
            self._double.trouble.append((SET, "late"))
        if fault == "short":
            # Twice the same is believed where nothing is known of the zone yet.
            self._double.trouble.extend([(GET, "short")] * (self._dice.randint(1, 4) if self._double.states else 1))
        self._double.stale = tuple(self._dice.random() < 0.6 for __ in range(4)) if fault == "stale" else ()

    def _event(self, phase: str, command: str, given: dict[str, str]) -> None:
        self._born.wait(1)
        client = self._clients.get(given.get("ClientIp", ""))
        if client is None:
            return
        if (phase, command) == ("after", GET) and self._crowded:
            # An answer that takes its time lets the other client in between.
            time.sleep(self._delays.choice((0, 0.02, 0.2)))
        key = (client.address, phase, command)
        if client.kill == (phase, command, self._calls[key]):
            client.end()
        self._calls[key] += 1

    def _judge(self, before: Names, first: int, wishes: list[Names], removed: set[str]) -> None:
        """Every state that the zone was in, and the last one most strictly."""
        foreign = Counter(self._foreign)
        moving = {name for wish in wishes for name in wish} | removed
        present = [state for domain, state in self._double.states[first:]]
        for state in [*present, self._double.zones[DOMAIN]]:
            ours = {f"{one.name}.{DOMAIN}": one.address for one in state.records if _is_ours(one)}
            others = Counter(one for one in state.records if not _is_ours(one))
            missing = foreign - others
            self._outcome.lost += missing.total()
            self._outcome.changed_foreign += (others - foreign).total()
            self._outcome.lost += sum(ours.get(name) != value for name, value in before.items() if name not in moving)
        if ours != self._have:
            self._outcome.lost += len(set(self._have.items()) ^ set(ours.items()))


def _is_ours(record: Record) -> bool:
    return record.type == "A" and record.name.startswith("s") and record.name.endswith((".viewer", ".pacs"))


def _names(sites: list[str]) -> list[str]:
    return [f"{site}.{kind}.{DOMAIN}" for site in sites for kind in ("viewer", "pacs")]
