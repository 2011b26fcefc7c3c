# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run: a site, a scanner, the faults of a seed, and the count of what got lost."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from pathlib import Path

import requests
from pydicom.dataset import Dataset

from tests.faults.actions import Stage, uids
from tests.faults.scanner import Scanner
from tests.faults.schedule import LONG, Run
from tests.faults.wake_task import wake_task
from tests.kit import product
from tests.kit.dicom import make_study
from tests.kit.networks import Network
from tests.wan.clock import Clock
from tests.wan.site import Plan, Site

DRAIN = 180.0
"""Seconds until all has to be in the cloud. Far more than a good run takes, even beside others on a small machine."""
SLOWEST = 20
"""Images a second that a long backlog must drain at, at least."""
MANUAL = Path(__file__).parent / "on_stored.lua"
_MANUAL_DRAIN = 15.0
# Small chunks and short pauses: more happens in a short run. The product's own would only make the same run longer.
FORWARDER = {"longest_pause": 4, "park_after": 3, "retry_parked": 5}
FEW_JOBS = {"jobs": 3, "batch": 4}
"""Not for a long backlog: on a long line three jobs would take an hour for it."""
TIMEOUT = 20


@dataclass(frozen=True)
class Outcome:
    """Counts of one run; ``backlog_wrong`` is the number of times that the backlog said less than was missing."""

    sent: int
    lost: int
    twice: int
    backlog_wrong: int


def make_images(run: Run) -> list[Dataset]:
    """Images of different lengths: the cloud that refuses some of them knows them by that."""
    dice = random.Random(run.seed)
    long = run.images >= LONG // 10
    images = make_study(run.images, 16 if long else 128)
    for image in images:
        image.ImageComments = "." * 2 * dice.randint(1, 200 if long else 2000)
    return images


def settled(site: Site, expected: int, ask_backlog: bool) -> bool:
    """All images are in the cloud and the backlog says so; without a backlog, only the first."""
    try:
        if site.cloud.count() < expected:
            return False
        return not ask_backlog or (site.gateway.backlog() == 0 and site.gateway.status()["Parked"] == "0")
    except requests.RequestException:
        return False


def perform(run: Run, network: Network, folder: Path, manual: bool) -> tuple[Outcome, list[str]]:
    """The outcome, and the faults as they happened. ``folder`` is empty, and holds the gateway's log afterwards.

    ``manual``: the manual's script in the place of the forwarder.
    """
    clock = Clock(folder / "clock")
    long = run.images >= LONG // 10
    plan = Plan(
        forwarder=FORWARDER if long else FORWARDER | FEW_JOBS,
        script=MANUAL if manual else None,
        timeout=TIMEOUT,
        disk=64 + run.images // 20,
        environment=clock.environment,
        mounts=clock.mounts,
    )
    site = Site(folder, network, plan)
    patience = DRAIN + run.images / SLOWEST
    try:
        rest = product.GATEWAY_ADMIN if long else None
        scanner = Scanner(site.gateway.address, make_images(run), run.associations, run.pause, patience, rest)
        stage = Stage(site, scanner, clock, run, ask_backlog=not manual)
        with wake_task(site.gateway, product.GATEWAY_ADMIN):
            scanner.start()
            for fault in run.faults:
                stage.apply(fault)
            scanner.finish()
            end = time.monotonic() + (_MANUAL_DRAIN if manual else patience)
            while not settled(site, len(scanner.acknowledged), not manual) and time.monotonic() < end:
                time.sleep(0.3)
        there = uids(site.cloud)
        if not manual:
            stage.backlog_wrong += site.gateway.backlog() != 0 or site.gateway.status()["Parked"] != "0"
        twice = len(there) - len(set(there)) + len(stage.loops & set(there))
        lost = len(scanner.acknowledged - set(there))
        return Outcome(len(scanner.acknowledged), lost, twice, stage.backlog_wrong), stage.notes
    finally:
        (folder / "gateway.log").write_text(site.gateway.logs())
        site.close()
