# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run may end at any moment, and another one may begin at any moment: the next one ends in what is wanted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from tests.lab.digitalocean.world import World

from .support import SITE, TABLES, DoubleTransport, Killed, Once, account, ours, task

Prepare = Callable[[World], None]


def _nothing(world: World) -> None:
    """The account as it is."""


def _with(*kinds: str) -> Prepare:
    def prepare(world: World) -> None:
        for kind in kinds:
            assert not task(kind, world).get("failed")

    return prepare


def _drifted(world: World) -> None:
    _with("droplet")(world)
    ours(world, "droplet")[0].update(name="renamed", status="off")


# What is there, what is done, and what is true of the site's object afterwards.
CASES: dict[str, tuple[Prepare, str, dict[str, Any], Callable[[dict[str, Any]], bool]]] = {
    "droplet": (_nothing, "droplet", {}, lambda row: row["status"] == "active"),
    "droplet-resize": (
        _with("droplet"),
        "droplet",
        {"size": "s-4vcpu-8gb", "allow_resize": True},
        lambda row: (row["size_slug"], row["status"]) == ("s-4vcpu-8gb", "active"),
    ),
    "droplet-drift": (_drifted, "droplet", {"tags": ["a"]}, lambda row: row["name"] == "kanifing-cloud"),
    "firewall": (_nothing, "firewall", {}, lambda row: row["status"] == "succeeded"),
    "address": (_nothing, "reserved_ip", {}, lambda row: True),
    "address-assigned": (
        _with("droplet"),
        "reserved_ip",
        {"assigned": True, "allow_new": True},
        lambda row: bool(row["_droplet"]),
    ),
    "volume": (_nothing, "volume", {}, lambda row: True),
    "volume-attached": (_with("droplet"), "volume", {"attached": True}, lambda row: len(row["droplet_ids"]) == 1),
    "volume-grows": (_with("volume"), "volume", {"size_gigabytes": 200}, lambda row: row["size_gigabytes"] == 200),
    "key": (_nothing, "ssh_key", {}, lambda row: row["name"] == "ann"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_run_that_is_killed_after_any_request(name: str) -> None:
    prepare, kind, options, right = CASES[name]
    for number in range(200):
        world = account(lag=2)
        prepare(world)
        there = len(world.there(TABLES[kind]))
        try:
            task(kind, world, transport=DoubleTransport(world, killed_after=number), **options)
            break
        except Killed:
            result = task(kind, world, **options)
        assert not result.get("failed"), f"killed after request {number}: {result['msg']}"
        (row,) = ours(world, kind)
        assert right(row), f"killed after request {number}: {row}"
        assert len(world.there(TABLES[kind])) <= there + 1
        again = task(kind, world, **options)
        assert not again["changed"], f"killed after request {number}: {again}"
    assert number > 2, "the task was never killed"


@pytest.mark.parametrize("kind", ["droplet", "volume", "reserved_ip"])
def test_a_removal_that_is_killed_after_any_request(kind: str) -> None:
    for number in range(200):
        world = account()
        _with(kind)(world)
        options: dict[str, Any] = {"state": "absent", "confirm": SITE}
        try:
            task(kind, world, transport=DoubleTransport(world, killed_after=number), **options)
        except Killed:
            assert not task(kind, world, **options).get("failed")
        else:
            break
        assert ours(world, kind) == []
    assert number > 1


@pytest.mark.parametrize("lag", [0, 3])
@pytest.mark.parametrize("kind", ["droplet", "firewall", "reserved_ip", "volume", "ssh_key"])
def test_another_run_at_any_moment_makes_no_second_one(kind: str, lag: int) -> None:
    """The other run begins before a request of the first one, and is through before it."""
    for number in range(200):
        world = account(lag=lag)
        other = Once(partial(task, kind, world))
        result = task(kind, world, transport=DoubleTransport(world, between=other.before(number)))
        if other.result is None:
            break
        assert not result.get("failed"), f"before request {number}: {result['msg']}"
        assert not other.result.get("failed"), f"before request {number}: {other.result['msg']}"
        world.pass_time()
        assert len(ours(world, kind)) == 1, f"before request {number}"
        assert not task(kind, world)["changed"]
    assert number > 2


@pytest.mark.parametrize("name", CASES)
def test_another_run_of_the_same_task_at_any_moment(name: str) -> None:
    """What one of them has done already is refused to the other one, which is no failure."""
    prepare, kind, options, right = CASES[name]
    for number in range(200):
        world = account(burst=10**6)
        prepare(world)
        other = Once(partial(task, kind, world, **options))
        result = task(kind, world, transport=DoubleTransport(world, between=other.before(number)), **options)
        if other.result is None:
            break
        assert not result.get("failed"), f"before request {number}: {result['msg']}"
        assert not other.result.get("failed"), f"before request {number}: {other.result['msg']}"
        world.pass_time()
        (row,) = ours(world, kind)
        assert right(row), f"before request {number}: {row}"
    assert number > 2


@pytest.mark.parametrize("kind", ["droplet", "reserved_ip"])
def test_runs_side_by_side_make_one(kind: str) -> None:
    """Three runs, whose requests come in an order of chance; their pauses are real and short."""
    for _each in range(2):
        world = account(burst=10**6, hour=10**6)
        start, one_at_a_time = threading.Barrier(3), threading.Lock()

        def run(
            __: int, world: World = world, start: threading.Barrier = start, lock: threading.Lock = one_at_a_time
        ) -> dict[str, Any]:
            start.wait()
            pauses: dict[str, Any] = {"settle_seconds": 1.0, "wait_interval": 0.05, "wait_timeout": 60}
            return task(kind, world, transport=DoubleTransport(world, lock=lock), asleep=False, **pauses)

        with ThreadPoolExecutor(3) as pool:
            results = list(pool.map(run, range(3)))
        assert [one.get("msg") for one in results] == [None] * 3
        assert len(ours(world, kind)) == 1
