# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must never come of a task: a server left off, something of another site written, one more object each run."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.http import Endpoint

from tests.lab.digitalocean.world import World

from .support import NAME, SITE, TABLES, TAG, Clock, DoubleTransport, Killed, Once, account, ours, task


@pytest.fixture
def world() -> World:
    """An account with the servers of other sites, in pages of two."""
    return account()


def done(kind: str, world: World, **options: Any) -> dict[str, Any]:
    """Run a task that must not fail."""
    result = task(kind, world, **options)
    assert not result.get("failed"), result
    return result


def refused(kind: str, world: World, *words: str, **options: Any) -> None:
    """Run a task that must end in a sentence, and without a write."""
    transport = DoubleTransport(world)
    result = task(kind, world, transport=transport, **options)
    assert result.get("failed"), result
    for word in words:
        assert word in result["msg"]
    assert transport.writes == []
    assert not result["changed"]


# A server that is left off


@pytest.mark.parametrize(
    ("size", "region", "word"),
    [("s-9vcpu", "fra1", "no such size"), ("s-1vcpu-1gb", "fra1", "smaller"), ("s-4vcpu-8gb", "nyc3", "not to be had")],
)
def test_a_size_that_cannot_be_is_refused_before_the_server_is_off(
    world: World, size: str, region: str, word: str
) -> None:
    done("droplet", world, region=region)
    for check_mode in (True, False):
        refused("droplet", world, word, region=region, size=size, allow_resize=True, check_mode=check_mode)


@pytest.mark.parametrize("kind", ["resize", "shutdown", "power_off"])
def test_a_resize_that_fails_leaves_the_server_on_and_is_a_change(world: World, kind: str) -> None:
    done("droplet", world)
    (row,) = ours(world, "droplet")
    row["_deaf"] = kind == "power_off"
    world.failing.append(kind)
    result = task("droplet", world, size="s-4vcpu-8gb", allow_resize=True, name="renamed")
    assert row["status"] == "active"
    assert result["changed"]
    assert row["size_slug"] == "s-4vcpu-8gb" or result["failed"]


def test_a_resize_that_was_killed_is_taken_up_without_the_word(world: World) -> None:
    done("droplet", world)
    (row,) = ours(world, "droplet")
    for number in range(100):
        row.update(size_slug="s-2vcpu-4gb", status="active", _busy=False)
        transport = DoubleTransport(world, killed_after=number)
        try:
            task("droplet", world, transport=transport, size="s-4vcpu-8gb", allow_resize=True)
        except Killed:
            world.pass_time()
        else:
            break
        if row["status"] == "off":
            done("droplet", world, size="s-4vcpu-8gb")
            assert row["size_slug"] == "s-4vcpu-8gb"
            assert row["status"] == "active"
    assert number > 5


@pytest.mark.parametrize("interval", [0.2, 3.0])
def test_a_server_has_its_time_to_shut_down_and_is_asked_once(world: World, interval: float) -> None:
    done("droplet", world)
    (row,) = ours(world, "droplet")
    row["_deaf"] = True
    moments: dict[str, float] = {}
    transport = DoubleTransport(world)

    def between(number: int) -> None:
        if transport.writes and "first" not in moments:
            moments["first"] = world.clock()
        moments["off"] = moments.get("off") or (world.clock() if row["status"] == "off" else 0.0)

    transport.between = between
    options: dict[str, Any] = {"size": "s-4vcpu-8gb", "allow_resize": True, "wait_interval": interval}
    result = task("droplet", world, transport=transport, **options)
    assert not result.get("failed"), result
    assert "shutdown_timeout" in result["warnings"][0]
    assert moments["off"] - moments["first"] >= 180
    # Shutdown, switching off, resize, switching on.
    assert len(transport.writes) == 4


def test_a_server_is_shut_down_before_it_is_removed(world: World) -> None:
    done("droplet", world)
    (row,) = ours(world, "droplet")
    transport = DoubleTransport(world)
    assert task("droplet", world, transport=transport, state="absent", confirm=SITE)["changed"]
    assert row["status"] == "off"
    assert [one.split()[0] for one in transport.writes] == ["POST", "DELETE"]


# What is others'


def _shared(world: World) -> dict[str, Any]:
    other = "mediverse-site:brikama"
    rules = [{"protocol": "tcp", "ports": "443", "sources": {"addresses": ["0.0.0.0/0"]}}]
    world.tag([TAG, other, "web"])
    row = {"id": "all", "name": "all-sites", "tags": [TAG, other, "web"], "droplet_ids": [], "inbound_rules": rules}
    return world.add("firewalls", {**row, "status": "succeeded", "outbound_rules": [], "pending_changes": []})


def test_a_firewall_of_several_sites_is_left_alone(world: World) -> None:
    shared = _shared(world)
    before = dict(shared)
    result = done("firewall", world)
    assert "all-sites" in result["warnings"][0]
    assert result["firewall"]["name"] == NAME
    assert not done("firewall", world)["changed"]
    done("firewall", world, state="absent", allow_open=True)
    assert shared == before


@pytest.mark.parametrize("kind", ["reserved_ip", "volume"])
@pytest.mark.parametrize("wanted", [True, False])
def test_nothing_is_taken_from_a_foreign_server(world: World, kind: str, wanted: bool) -> None:
    done(kind, world)
    done("droplet", world)
    foreign = world.there("droplets")[0]
    row = ours(world, kind)[0]
    row.update({"_droplet": foreign["id"]} if kind == "reserved_ip" else {"droplet_ids": [foreign["id"]]})
    refused(kind, world, str(foreign["id"]), **{"assigned" if kind == "reserved_ip" else "attached": wanted})


def test_a_tag_of_another_site_cannot_be_given(world: World) -> None:
    refused("droplet", world, "whose server it is", tags=["Mediverse-Site:brikama"])


# One more each run


def test_a_droplet_whose_tag_does_not_come_back_is_given_back(world: World) -> None:
    world.tags_kept = False
    for _again in range(2):
        there = len(world.there("droplets"))
        assert "tag:create" in task("droplet", world)["msg"]
        assert len(world.there("droplets")) == there


def test_a_tag_of_the_site_in_another_spelling_makes_no_second_one(world: World) -> None:
    world.tag([TAG.replace("kanifing", "Kanifing")])
    refused("droplet", world, "spelling", "Kanifing")
    assert done("volume", world)["changed"]
    assert not done("volume", world)["changed"]


def test_a_droplet_that_lost_its_tag_is_not_doubled(world: World) -> None:
    done("droplet", world)
    (row,) = ours(world, "droplet")
    row["tags"] = ["theirs"]
    refused("droplet", world, str(row["id"]), TAG)
    row["tags"] = ["mediverse-site:brikama"]
    assert done("droplet", world)["droplet"]["id"] != row["id"]


def test_tags_are_taken_in_the_spelling_of_the_account(world: World) -> None:
    world.tag(["PACS"])
    done("droplet", world)
    assert done("droplet", world, tags=["pacs"])["changed"]
    assert "PACS" in ours(world, "droplet")[0]["tags"]
    assert not done("droplet", world, tags=["pacs"])["changed"]


# The address


def test_the_address_outlives_each_server(world: World) -> None:
    """It goes to the project of its droplet when it is assigned, and stays there when that is gone."""
    address = done("reserved_ip", world)["reserved_ip"]["ip"]
    for __ in range(2):
        done("droplet", world)
        found = done("reserved_ip", world, assigned=True)["reserved_ip"]
        assert found["ip"] == address
        done("droplet", world, state="absent", confirm=SITE)
        assert not done("reserved_ip", world)["changed"]


@pytest.mark.parametrize("kind", ["droplet", "volume"])
def test_a_site_with_a_server_gets_no_second_address_in_silence(world: World, kind: str) -> None:
    done(kind, world)
    (row,) = [done("reserved_ip", world, allow_new=True)["reserved_ip"]]
    next(one for one in world.there("projects") if one["name"] == NAME)["name"] = "renamed"
    refused("reserved_ip", world, "allow_new", NAME)
    assert done("reserved_ip", world, address=row["ip"])["changed"]
    assert done("reserved_ip", world)["reserved_ip"]["ip"] == row["ip"]


def test_an_address_of_another_site_is_not_taken_by_its_number(world: World) -> None:
    other = world.there("reserved_ips")[0]["ip"]
    refused("reserved_ip", world, other, address=other)


def test_an_assignment_that_is_refused_after_the_reservation_is_a_change(world: World) -> None:
    done("droplet", world, region="lon1")
    result = task("reserved_ip", world, assigned=True, allow_new=True)
    assert result["failed"]
    assert result["changed"]


@pytest.mark.parametrize("kind", ["droplet", "reserved_ip", "volume"])
def test_the_rate_limit_before_the_making_is_no_way_to_two(world: World, kind: str) -> None:
    """Another run is whole while the first one waits for the limit; whatever the order of their identities."""
    for twin_first in range(6):
        world = account()
        for __ in range(twin_first):
            world.number()
        world.throttled = {f"POST /v2/{TABLES[kind]}": 60}
        other, transport = Once(partial(done, kind, world)), DoubleTransport(world)

        def between(__: int, other: Once = other, transport: DoubleTransport = transport) -> None:
            if transport.asked[-1:] == [f"POST /v2/{TABLES[kind]}"]:
                other()

        transport.between = between
        assert not task(kind, world, transport=transport).get("failed")
        assert other.result
        assert len(ours(world, kind)) == 1


def test_a_second_one_of_a_run_that_is_over_is_not_left(world: World) -> None:
    """It shows up after this run has made its own, and nobody gives it back any more."""
    for number in range(6):
        world = account()
        for __ in range(number):
            world.number()
        done("reserved_ip", world)
        (first,) = ours(world, "reserved_ip")
        first["_listed"] = world.now + 22
        transport = DoubleTransport(world)
        assert not task("reserved_ip", world, transport=transport).get("failed")
        assert "POST /v2/reserved_ips" in transport.writes
        world.pass_time()
        assert len(ours(world, "reserved_ip")) == 1


# Rules of firewalls


def test_a_rule_that_denies_is_not_the_wanted_one(world: World) -> None:
    done("firewall", world)
    (row,) = ours(world, "firewall")
    row["inbound_rules"][0]["action"] = "deny"
    result = done("firewall", world)
    assert "inbound_rules" in result["diff"]["before"]
    assert "'action': 'deny'" in result["warnings"][0]
    assert row["inbound_rules"][0]["action"] == "allow"
    assert not done("firewall", world)["changed"]


def test_a_network_that_somebody_typed_is_drift_and_no_crash(world: World) -> None:
    done("firewall", world)
    (row,) = ours(world, "firewall")
    row["inbound_rules"][0]["sources"]["addresses"] = ["192.168.1.5/24", "nonsense"]
    assert done("firewall", world)["changed"]
    row["inbound_rules"][0]["sources"]["addresses"] = ["192.168.1.5/24"]
    assert done("firewall", world, state="absent", allow_open=True)["changed"]


def test_a_firewall_that_failed_is_sent_again(world: World) -> None:
    done("droplet", world)
    world.failing.append("firewall")
    assert task("firewall", world)["failed"]
    assert done("firewall", world)["changed"]
    assert not done("firewall", world)["changed"]


def test_the_same_rule_twice_is_sent_once(world: World) -> None:
    rule = {"protocol": "tcp", "ports": "all", "addresses": ["192.0.2.7"]}
    same = {"protocol": "tcp", "ports": "0", "addresses": ["192.0.2.7/32"]}
    done("firewall", world, inbound_rules=[rule, same, rule])
    assert not done("firewall", world, inbound_rules=[same])["changed"]


# Waiting


def test_a_server_error_while_waiting_is_no_end(world: World) -> None:
    world.broken = {"/v2/actions": 2}
    assert done("droplet", world)["droplet"]["running"]
    assert world.broken == {}


def test_the_time_limit_is_one_of_the_clock(world: World) -> None:
    done("droplet", world)
    world.settings.action_ticks = 10**6
    began = world.clock()

    def between(number: int) -> None:
        assert isinstance(world.clock, Clock)
        world.clock.seconds += 10

    transport = DoubleTransport(world, between=between)
    assert task("droplet", world, transport=transport, name="other", wait_timeout=30)["failure"]["code"] == "timeout"
    assert world.clock() - began < 100


def test_a_missing_value_is_not_taken_for_none(world: World) -> None:
    for kind in ("firewall", "droplet"):
        done(kind, world)
    world.hidden = {"firewalls": ["tags"], "droplets": ["volume_ids"], "reserved_ips": ["droplet"]}
    refused("reserved_ip", world, "droplet:read")
    refused("firewall", world, "tag:read")
    refused("droplet", world, "block_storage:read")


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("http://127.0.0.1:1", True),
        ("http://[::1]", True),
        ("http://localhost", True),
        ("http://127.0.0.1.evil.example", False),
        ("http://127.evil.example", False),
        ("http://192.0.2.1", False),
    ],
)
def test_only_the_machine_itself_is_loopback(url: str, own: bool) -> None:
    assert Endpoint("x", url).is_loopback is own
