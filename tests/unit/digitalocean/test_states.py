# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever an account looks like, a task ends in what it asks for, or in a sentence and without a change."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.digitalocean.world import World

from .support import NAME, SITE, TABLES, TAG, DoubleTransport, account, ours, task

ALL = tuple(TABLES)
OF_A_SITE = tuple(kind for kind in ALL if kind != "ssh_key")


@pytest.fixture
def world() -> World:
    """An account with the servers of other sites, in pages of two."""
    return account()


def done(kind: str, world: World, **options: Any) -> dict[str, Any]:
    """Run a task that must not fail."""
    result = task(kind, world, **options)
    assert not result.get("failed"), result
    return result


def refused(kind: str, world: World, *words: str, transport: DoubleTransport | None = None, **options: Any) -> None:
    """Run a task that must end in a sentence, and without a write."""
    transport = transport or DoubleTransport(world)
    result = task(kind, world, transport=transport, **options)
    assert result.get("failed"), result
    for word in words:
        assert word in result["msg"]
    assert transport.writes == []
    assert not result["changed"]


@pytest.mark.parametrize("kind", ALL)
def test_it_is_made_once_and_then_left_alone(world: World, kind: str) -> None:
    before = {name: len(world.there(table)) for name, table in TABLES.items()}
    assert done(kind, world, check_mode=True)["changed"]
    assert done(kind, world)["changed"]
    assert not done(kind, world)["changed"]
    assert len(ours(world, kind)) == 1
    after = {name: len(world.there(table)) for name, table in TABLES.items()}
    assert after == {**before, kind: before[kind] + 1}


@pytest.mark.parametrize("kind", OF_A_SITE)
def test_a_list_that_is_behind_makes_no_second_one(kind: str) -> None:
    world = account(lag=4)
    assert done(kind, world)["changed"]
    assert not done(kind, world)["changed"]
    assert len(ours(world, kind)) == 1


@pytest.mark.parametrize("kind", OF_A_SITE)
def test_two_of_one_site_are_named_and_left_alone(world: World, kind: str) -> None:
    done(kind, world)
    row = ours(world, kind)[0]
    twin = {**row, "id": "twin", "ip": "198.51.100.255"} if "ip" in row else {**row, "id": 4711, "name": "twin"}
    world.add(TABLES[kind], twin)
    refused(kind, world, "198.51.100.255" if "ip" in row else "4711", str(row.get("ip") or row["id"]))


@pytest.mark.parametrize(
    ("kind", "word"), [("droplet", "droplet"), ("volume", "volume"), ("reserved_ip", "address"), ("firewall", "open")]
)
def test_nothing_goes_without_a_word(world: World, kind: str, word: str) -> None:
    done(kind, world)
    for confirm in (None, "another"):
        options: dict[str, Any] = {} if kind == "firewall" else {"confirm": confirm}
        refused(kind, world, word, state="absent", **options)
        refused(kind, world, word, state="absent", check_mode=True, **options)
    options = {"allow_open": True} if kind == "firewall" else {"confirm": SITE}
    assert done(kind, world, state="absent", check_mode=True, **options)["changed"]
    assert len(ours(world, kind)) == 1
    assert done(kind, world, state="absent", **options)["changed"]
    assert ours(world, kind) == []
    assert not done(kind, world, state="absent", **options)["changed"]


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("token", ["reading-token", "unknown"])
def test_a_token_without_rights_changes_nothing(world: World, kind: str, token: str) -> None:
    transport = DoubleTransport(world, token=token)
    result = task(kind, world, transport=transport)
    assert result["failure"]["code"] == "login"
    if kind != "ssh_key":
        assert ours(world, kind) == []


def test_the_quota_is_said(world: World) -> None:
    world.settings.droplet_limit = 3
    assert "exceed your droplet limit" in task("droplet", world)["msg"]
    assert ours(world, "droplet") == []


def test_a_failed_creation_is_said_and_the_next_run_makes_it(world: World) -> None:
    world.failing.append("create")
    result = task("droplet", world)
    assert "ended in an error" in result["msg"]
    assert done("droplet", world)["droplet"]["status"] == "active"


def test_a_slow_action_has_a_limit_with_a_name(world: World) -> None:
    done("droplet", world)
    world.settings.action_ticks = 1000
    result = task("droplet", world, name="other", wait_timeout=30)
    assert result["failure"]["code"] == "timeout"
    assert "wait_timeout" in result["msg"]
    world.pass_time(1000)
    world.settings.action_ticks = 3
    assert not done("droplet", world, name="other")["changed"]


@pytest.mark.parametrize("kind", ALL)
def test_requests_without_an_answer_make_no_second_one(world: World, kind: str) -> None:
    for status in (0, 502):
        path = {"ssh_key": "/v2/account/keys"}.get(kind, f"/v2/{TABLES[kind]}")
        world.lose(f"POST {path}", status)
        task(kind, world)
        done(kind, world)
        assert len(ours(world, kind)) == 1


def test_a_server_that_was_removed_by_hand_is_made_again_and_gets_its_address_and_volume(world: World) -> None:
    for kind in OF_A_SITE:
        done(kind, world)
    done("volume", world, attached=True)
    address = done("reserved_ip", world, assigned=True)["reserved_ip"]["ip"]
    (row,) = ours(world, "droplet")
    world.drop("droplets", row)
    for one in world.there("volumes"):
        one["droplet_ids"] = [number for number in one["droplet_ids"] if number != row["id"]]
    for one in world.there("reserved_ips"):
        one["_droplet"] = None if one["_droplet"] == row["id"] else one["_droplet"]
    new = done("droplet", world)["droplet"]["id"]
    assert new != row["id"]
    assert done("volume", world, attached=True)["volume"]["droplet_id"] == new
    again = done("reserved_ip", world, assigned=True, address=address)["reserved_ip"]
    assert (again["ip"], again["droplet_id"]) == (address, new)


def test_drift_of_a_droplet_is_put_right(world: World) -> None:
    done("droplet", world, tags=["pacs"])
    (row,) = ours(world, "droplet")
    row.update(name="renamed", status="off", tags=[TAG, "theirs"], features=["backups", "monitoring"])
    result = done("droplet", world, tags=["pacs"], backups=False)
    assert set(result["diff"]["before"]) >= {"name", "running", "tags", "backups"}
    assert result["diff"]["before"]["name"] == "renamed"
    assert (row["name"], row["status"]) == ("kanifing-cloud", "active")
    assert set(row["tags"]) == {TAG, "theirs", "pacs"}
    assert "backups" not in row["features"]
    assert not done("droplet", world, tags=["pacs"], backups=False)["changed"]


@pytest.mark.parametrize("options", [{"region": "lon1"}, {"image": "debian-13-x64"}, {"ipv6": True}])
def test_what_cannot_change_is_refused(world: World, options: dict[str, Any]) -> None:
    done("droplet", world)
    refused("droplet", world, "cannot be changed", next(iter(options)), **options)


def test_a_retired_image_is_a_warning(world: World) -> None:
    done("droplet", world)
    ours(world, "droplet")[0]["image"]["slug"] = None
    result = done("droplet", world)
    assert not result["changed"]
    assert "retired" in result["warnings"][0]


@pytest.mark.parametrize("deaf", [False, True])
def test_a_resize_needs_a_word_and_ends_switched_on(world: World, deaf: bool) -> None:
    done("droplet", world)
    (row,) = ours(world, "droplet")
    row["_deaf"] = deaf
    refused("droplet", world, "allow_resize", size="s-4vcpu-8gb")
    assert done("droplet", world, size="s-4vcpu-8gb", allow_resize=True)["droplet"]["running"]
    assert (row["size_slug"], row["status"], row["disk"]) == ("s-4vcpu-8gb", "active", 80)


def test_drift_of_a_firewall_is_put_right(world: World) -> None:
    done("firewall", world)
    (row,) = ours(world, "firewall")
    assert row["outbound_rules"], "nothing would get out"
    everybody = {"addresses": ["0.0.0.0/0"]}
    row["inbound_rules"].append({"protocol": "tcp", "ports": "8042", "sources": everybody})
    row["inbound_rules"][0]["sources"]["tags"] = ["theirs"]
    row["name"] = "renamed"
    assert done("firewall", world)["changed"]
    assert [one["ports"] for one in row["inbound_rules"]] == ["22"]
    assert row["inbound_rules"][0]["sources"] == {"addresses": ["192.0.2.7"]}
    assert row["name"] == NAME
    row["tags"] = []
    assert done("firewall", world)["changed"]
    assert row["tags"] == [TAG]
    assert not done("firewall", world)["changed"]


def test_a_firewall_that_guards_something_else_is_not_taken(world: World) -> None:
    world.tag(["theirs"])
    world.add("firewalls", {"id": "x", "name": NAME, "tags": ["theirs"], "droplet_ids": [], "inbound_rules": []})
    refused("firewall", world, "applies to something else")


def test_a_firewall_that_cannot_be_applied_is_an_error(world: World) -> None:
    done("droplet", world)
    world.failing.append("firewall")
    assert "could not apply" in task("firewall", world)["msg"]


def test_spellings_of_rules_make_no_difference(world: World) -> None:
    rules = [
        {"protocol": "icmp", "addresses": ["::/0", "0.0.0.0/0"]},
        {"protocol": "udp", "ports": "all", "addresses": ["192.0.2.7/32"]},
    ]
    done("firewall", world, inbound_rules=rules)
    rules[1] = {"protocol": "udp", "ports": "0", "addresses": ["192.0.2.7"]}
    assert not done("firewall", world, inbound_rules=rules[::-1])["changed"]


def test_a_changed_address_is_refused_before_anything(world: World) -> None:
    refused("reserved_ip", world, "has none yet", address="198.51.100.7")
    found = done("reserved_ip", world)["reserved_ip"]["ip"]
    refused("reserved_ip", world, found, "198.51.100.7", address="198.51.100.7")
    refused("reserved_ip", world, "is no IPv4 address", address="pacs.example.org")
    assert not done("reserved_ip", world, address=found)["changed"]


def test_an_address_waits_for_a_droplet_that_is_busy(world: World) -> None:
    done("reserved_ip", world)
    done("droplet", world)
    (row,) = ours(world, "droplet")
    row["_busy"] = True
    world.later(lambda: row.update(_busy=False), 20)
    assert done("reserved_ip", world, assigned=True)["reserved_ip"]["droplet_id"] == row["id"]


@pytest.mark.parametrize("kind", ["reserved_ip", "volume"])
def test_nothing_is_taken_from_a_foreign_server(world: World, kind: str) -> None:
    done(kind, world)
    done("droplet", world)
    foreign = world.there("droplets")[0]
    assert TAG not in foreign["tags"]
    row = ours(world, kind)[0]
    row.update({"_droplet": foreign["id"]} if kind == "reserved_ip" else {"droplet_ids": [foreign["id"]]})
    options: dict[str, Any] = {"assigned" if kind == "reserved_ip" else "attached": True}
    refused(kind, world, str(foreign["id"]), **options)


def test_an_address_without_its_project_is_known_by_its_droplet(world: World) -> None:
    done("reserved_ip", world)
    done("droplet", world)
    done("reserved_ip", world, assigned=True)
    ours(world, "droplet")[0]["_project"] = "another"
    ours(world, "reserved_ip")[0]["project_id"] = "another"
    assert done("reserved_ip", world)["changed"]
    assert len(ours(world, "reserved_ip")) == 1
    assert not done("reserved_ip", world, assigned=True)["changed"]


def test_what_is_in_use_is_not_removed(world: World) -> None:
    for kind in ("reserved_ip", "droplet", "volume"):
        done(kind, world)
    done("volume", world, attached=True)
    done("reserved_ip", world, assigned=True)
    for kind, way in (("volume", "attached"), ("reserved_ip", "assigned")):
        refused(kind, world, f"{way}: false", state="absent", confirm=SITE)
        assert done(kind, world, **{way: False})["changed"]
        assert done(kind, world, state="absent", confirm=SITE)["changed"]


def test_a_volume_grows_and_nothing_else(world: World) -> None:
    done("volume", world)
    assert done("volume", world, size_gigabytes=200)["volume"]["size_gigabytes"] == 200
    refused("volume", world, "cannot become smaller", size_gigabytes=100)
    refused("volume", world, "region", region="lon1", size_gigabytes=200)


def test_a_volume_of_that_name_that_is_not_ours_is_not_taken(world: World) -> None:
    done("volume", world)
    ours(world, "volume")[0]["tags"] = []
    refused("volume", world, "has the name", TAG)


def test_a_volume_elsewhere_is_not_made(world: World) -> None:
    done("droplet", world)
    transport = DoubleTransport(world)
    result = task("volume", world, transport=transport, region="lon1", attached=True)
    assert "Give both the same region" in result["msg"]
    assert transport.writes == []


def test_a_list_that_changes_while_it_is_read_is_read_again(world: World) -> None:
    """Something goes between two pages: what moves up from the second page to the first is not missed."""
    done("volume", world)
    gone: list[int] = []

    def between(number: int) -> None:
        if number == 1 and not gone:
            gone.append(number)
            world.drop("volumes", world.there("volumes")[0])

    transport = DoubleTransport(world, between=between)
    assert not task("volume", world, transport=transport)["changed"]
    assert len(ours(world, "volume")) == 1
    assert gone


def test_a_list_that_never_stands_still_is_an_error(world: World) -> None:
    def between(number: int) -> None:
        if number % 2:
            world.add("volumes", {**world.there("volumes")[0], "id": f"new-{number}", "name": f"n{number}", "tags": []})

    result = task("volume", world, transport=DoubleTransport(world, between=between))
    assert "changed its list" in result["msg"] or "region" in result["msg"]


def test_the_rate_limit_is_kept(world: World) -> None:
    """Two runs with a minute's worth of ten requests: everything is done, and no request is sent too early."""
    world.settings.burst = 10
    transport = DoubleTransport(world)
    assert task("reserved_ip", world, transport=transport)["changed"]
    assert len(ours(world, "reserved_ip")) == 1
    assert len(transport.asked) < 30, "it asked although it was told when to come again"
