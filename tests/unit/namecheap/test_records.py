# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""namecheap_records against the double: what it changes, and that nothing else is."""

from __future__ import annotations

import dataclasses
import json
import shlex
import stat
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from tests.names.double import GET, SET, Double, Record, Zone
from tests.names.sample import DOMAIN, FOREIGN, zone

from .support import KEY, World

SITE = [
    {"name": f"kanifing.viewer.{DOMAIN}", "value": "203.0.113.10"},
    {"name": f"kanifing.pacs.{DOMAIN}", "value": "203.0.113.10"},
]
PLAIN = [Record("@", "A", "198.51.100.1")]


def foreign(world: World) -> list[Record]:
    """What is not ours, in an order of its own."""
    ours = [one for one in world.double.zones[DOMAIN].records if one in FOREIGN]
    return sorted(ours, key=repr)


def test_adds_changes_and_removes_with_one_write_each(world: World) -> None:
    added = world.ok(records=SITE)
    assert added["changed"]
    assert (world.reads, world.writes) == (3, 1)
    assert [one["name"] for one in added["added"]] == [one["name"] for one in reversed(SITE)]
    assert added["removed"] == []
    assert added["others"] == 40

    moved = world.ok(records=[{**SITE[0], "value": "203.0.113.11"}, SITE[1]])
    assert [one["value"] for one in moved["added"]] == ["203.0.113.11"]
    assert [one["value"] for one in moved["removed"]] == ["203.0.113.10"]
    assert world.names()["kanifing.viewer", "A"] == "203.0.113.11"

    gone = world.ok(remove=[one["name"] for one in SITE])
    assert len(gone["removed"]) == 2
    assert world.writes == 3
    assert set(world.names()) == {("old-site.viewer", "A")}
    assert world.double.zones[DOMAIN].email_type == "MX"
    assert sorted(world.double.zones[DOMAIN].records, key=repr) == sorted(FOREIGN, key=repr)


def test_thirty_sites_are_one_write(world: World) -> None:
    records = [
        {"name": f"s{number}.{kind}.{DOMAIN}", "value": f"203.0.113.{number}"}
        for number in range(30)
        for kind in ("viewer", "pacs")
    ]
    assert world.ok(records=records)["changed"]
    assert world.writes == 1
    assert not world.ok(records=records)["changed"]
    assert world.writes == 1
    assert foreign(world) == sorted(FOREIGN, key=repr)


def test_check_mode_and_diff_tell_what_would_be_done(world: World) -> None:
    foretold = world.ok(check=True, records=SITE)
    assert (world.reads, world.writes) == (1, 0)
    done = world.ok(records=SITE)
    assert foretold["diff"] == done["diff"]
    assert foretold["diff"]["before"] == ""
    assert "kanifing.viewer A 203.0.113.10\n" in foretold["diff"]["after"]
    assert foretold["added"] == done["added"]
    assert foretold["undo"] == {}


def test_a_second_run_is_quiet_whatever_the_spelling(world: World) -> None:
    world.ok(records=[{"name": f"Kanifing.Viewer.{DOMAIN}.", "type": "AAAA", "value": "2001:DB8::0:10"}])
    again = world.ok(records=[{"name": SITE[0]["name"], "type": "AAAA", "value": "2001:db8::10", "ttl": 1800}])
    assert not again["changed"]
    assert world.writes == 1


def test_ttl_is_left_alone_unless_it_is_given(world: World) -> None:
    world.ok(records=[{**SITE[0], "ttl": 300}])
    assert not world.ok(records=[SITE[0]])["changed"]
    assert world.ok(records=[{**SITE[0], "ttl": 600}])["changed"]
    found = {one.type: one.ttl for one in world.double.zones[DOMAIN].records if one.name == "kanifing.viewer"}
    assert found["A"] == "600"


def test_an_address_that_nobody_asked_for_stays_and_is_told(world: World) -> None:
    world.ok(records=[*SITE, {"name": SITE[0]["name"], "type": "AAAA", "value": "2001:db8::10"}])
    result = world.ok(records=SITE)
    assert [one["type"] for one in result["left"]] == ["AAAA"]
    assert "remove" in result["warnings"][0]
    assert ("kanifing.viewer", "AAAA") in world.names()
    assert world.ok(records=SITE, remove=[SITE[0]["name"]])["changed"]
    assert set(world.names()) == {("kanifing.viewer", "A"), ("kanifing.pacs", "A"), ("old-site.viewer", "A")}


@pytest.mark.parametrize("email_type", ["NONE", "FWD", "OX", "GMAIL", "MX"])
def test_mail_settings_go_back_as_they_were(world: World, email_type: str) -> None:
    mail = [Record("@", "MX", "mx.example.net.", "10")] if email_type in ("OX", "GMAIL", "MX") else []
    world.double.zones[DOMAIN] = Zone([*PLAIN, *mail], email_type)
    world.ok(records=SITE)
    assert world.double.zones[DOMAIN].email_type == email_type
    assert set(mail) < {*world.double.zones[DOMAIN].records}


def test_parking_records_of_a_new_zone_go_back_too(world: World) -> None:
    world.double.zones[DOMAIN] = Zone([])
    world.ok(records=SITE)
    assert {one.type for one in world.double.zones[DOMAIN].records} == {"A", "CNAME", "URL"}


# What may not be written.


def _with(**parts: Any) -> Zone:
    return dataclasses.replace(zone(), **parts)


def _besides(record: Record) -> Zone:
    return _with(records=[*FOREIGN, record])


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (_with(ours=False), "other name servers"),
        (_besides(Record("home", "A", "192.0.2.1", ddns="true")), "dynamic DNS"),
        (_besides(Record("off", "A", "192.0.2.1", active="false")), "switched off"),
        (_besides(Record("_sip._tcp", "SRV", "0 0 5060 sip.example.net.")), "type SRV"),
        (_besides(Record("@", "MX", "aspmx.l.google.com.", "20")), "more than once"),
        (_besides(Record("note", "TXT", "gr\xfc\xdfe")), "letters beyond English"),
        (_besides(Record("note", "TXT", "space ")), "spaces around"),
        (_with(email_type="FWD"), "mail settings FWD"),
        (_besides(Record("kanifing.pacs", "CNAME", "elsewhere.example.net.")), "no address can stand"),
        (_besides(Record("kanifing.viewer", "URL", "http://example.net/")), "no address can stand"),
        (_besides(Record("viewer", "NS", "ns1.example.net.")), "delegated to ns1.example.net."),
        (_besides(Record("kanifing.viewer", "NS", "ns1.example.net.")), "delegated"),
    ],
)
def test_a_zone_that_would_lose_something_is_not_written(world: World, there: Zone, said: str) -> None:
    world.double.zones[DOMAIN] = there
    assert said in world.refused(records=SITE)
    assert list((world.folder).glob("*.xml")) == []


def test_two_addresses_are_a_question(world: World) -> None:
    twice = [Record("kanifing.viewer", "A", "192.0.2.1"), Record("kanifing.viewer", "A", "192.0.2.2")]
    world.double.zones[DOMAIN].records.extend(twice)
    assert "192.0.2.1, 192.0.2.2" in world.refused(records=SITE)
    world.ok(records=SITE, remove=[SITE[0]["name"]])
    assert world.names()["kanifing.viewer", "A"] == "203.0.113.10"
    assert sum(one.name == "kanifing.viewer" and one.type == "A" for one in world.double.zones[DOMAIN].records) == 1


def test_srv_records_are_asked_for_before_a_write_and_not_before(world: World) -> None:
    assert "does not show SRV records" in world.refused(records=SITE, zone_has_srv=None)
    assert "Delegate" in world.refused(records=SITE, zone_has_srv=True)
    old = [{"name": f"old-site.viewer.{DOMAIN}", "value": "192.0.2.99"}]
    assert not world.ok(records=old, zone_has_srv=None)["changed"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"records": [{"name": f"www.{DOMAIN}", "value": "203.0.113.10"}]}, "none of the names that owned lists"),
        ({"records": [{"name": f"a.b.viewer.{DOMAIN}", "value": "203.0.113.10"}]}, "none of the names"),
        ({"records": [{"name": f"viewer.{DOMAIN}", "value": "203.0.113.10"}]}, "none of the names"),
        ({"remove": [f"www.{DOMAIN}"]}, "none of the names that owned lists"),
        ({"records": [{"name": DOMAIN, "value": "203.0.113.10"}]}, "expected a name below"),
        ({"records": [{"name": "kanifing.viewer", "value": "203.0.113.10"}]}, "expected a name below"),
        ({"records": [{"name": "kanifing.viewer.other.ai", "value": "203.0.113.10"}]}, "expected a name below"),
        ({"records": [{**SITE[0], "value": "2001:db8::1"}]}, "expected an IPv4 address"),
        ({"records": [{**SITE[0], "type": "AAAA"}]}, "expected an IPv6 address"),
        ({"records": [{**SITE[0], "value": "host.example.net"}]}, "expected an IPv4 address"),
        ({"records": [{**SITE[0], "ttl": 59}]}, "59"),
        ({"records": [{**SITE[0], "ttl": 60001}]}, "60001"),
        ({"records": [SITE[0], SITE[0]]}, "more than once"),
        ({"records": SITE, "owned": [f"*.{DOMAIN}"]}, "every name of the zone"),
        ({"records": SITE, "zone": "dom"}, "expected a domain"),
        ({"records": SITE, "client_ip": "2001:db8::1"}, "client_ip"),
        ({"records": SITE, "calls_per_minute": 3}, "calls_per_minute"),
        ({"records": SITE, "restore": "/x.xml"}, "stands alone"),
        ({"restore": "/does/not/exist.xml"}, "cannot be read"),
        ({}, "name what the zone shall have"),
    ],
)
def test_a_wrong_task_asks_nobody(world: World, options: dict[str, Any], said: str) -> None:
    assert said in world.refused(**options)
    assert world.double.calls == []


# What goes wrong on the way.


@pytest.mark.parametrize("what", ["503", "drop", "5050900", "3031510", "405", "500000"])
def test_a_read_that_fails_is_asked_again(world: World, what: str) -> None:
    world.double.trouble.extend([(GET, what)] * 2)
    assert world.ok(records=SITE)["changed"]
    assert world.writes == 1
    limit = what in ("405", "500000")
    assert world.waited[:2] == ([20.0, 40.0] if limit else [2.0, 5.0])


@pytest.mark.parametrize("what", ["503", "drop", "html", "5050900", "3031510", "405", "500000"])
def test_a_write_that_did_not_come_through_is_sent_again_after_a_look(world: World, what: str) -> None:
    world.double.trouble.append((SET, what))
    assert world.ok(records=SITE)["changed"]
    assert world.writes == 2
    assert foreign(world) == sorted(FOREIGN, key=repr)


@pytest.mark.parametrize("what", ["!503", "lost", "!html", "!5050900"])
def test_a_write_without_an_answer_is_not_sent_twice(world: World, what: str) -> None:
    world.double.trouble.append((SET, what))
    result = world.ok(records=SITE)
    assert result["changed"]
    assert len(result["added"]) == 2
    assert world.writes == 1


def test_a_write_that_never_comes_through_is_told_with_the_way_back(world: World) -> None:
    world.double.trouble.extend([(SET, "drop")] * 3)
    result = world.task(records=SITE)
    assert result["failed"]
    assert result["failure"]["code"] == "not_kept"
    assert '"restore": ' in result["msg"]
    assert world.names() == {("old-site.viewer", "A"): "192.0.2.99"}


def test_a_refused_write_says_that_nothing_was_changed(world: World) -> None:
    world.double.trouble.append((SET, "2030166"))
    result = world.task(records=SITE)
    assert "cannot be edited" in result["msg"]
    assert result["msg"].endswith(f"{DOMAIN} was found as it was.")
    assert not result["changed"]
    assert world.writes == 1


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        ("1011102", "login", "the key is wrong"),
        ("1011150", "login", "client_ip"),
        ("1010101", "login", "api_user is missing"),
        ("1030408", "login", "authentication"),
        ("1010104", "status", "command"),
        ("1010102", "login", "key is missing"),
        ("1010105", "login", "client_ip is missing"),
        ("1011105", "login", "client_ip is missing"),
        ("1017150", "login", "locked"),
        ("1017105", "login", "client_ip is disabled or locked"),
        ("1017101", "login", "api_user is disabled or locked"),
        ("1017410", "login", "payments"),
        ("1017411", "login", "attempts to log in"),
        ("1019103", "login", "api_user is not available"),
        ("1016103", "login", "api_user is not authorized"),
        ("1017103", "login", "api_user is disabled or locked"),
        ("2030288", "status", "other name servers"),
        ("2019166", "status", "do not know the zone"),
        ("2016166", "status", "not of this account"),
        ("2030166", "status", "other name servers"),
        ("4011103", "login", "may not do that"),
        ("2050900", "status", "Invalid Address"),
        ("9999999", "status", "Unknown exceptions"),
    ],
)
def test_every_number_of_their_pages_has_words(world: World, number: str, code: str, said: str) -> None:
    world.double.trouble.append((GET, number))
    result = world.task(records=SITE)
    assert said in result["msg"]
    assert f"error {number}" in result["msg"]
    assert result["failure"]["code"] == code
    assert world.double.calls == [("POST", GET)]


@pytest.mark.parametrize(("number", "pauses"), [("500000", [20.0, 40.0, 60.0]), ("5050900", [2.0, 5.0, 15.0])])
def test_what_stays_so_ends(world: World, number: str, pauses: list[float]) -> None:
    world.double.trouble.extend([(GET, number)] * 4)
    result = world.task(records=SITE)
    assert result["failed"]
    assert "in a few minutes" in result["msg"]
    assert world.waited == pauses


def test_wrong_account_by_the_double(world: World) -> None:
    assert "the key is wrong" in world.task(records=SITE, api_key="f" * 32)["msg"]
    assert "not allowed" in world.task(records=SITE, client_ip="203.0.113.6")["msg"]
    assert "do not know the zone" in world.task(records=[], remove=["x.v.a.ai"], zone="a.ai", owned=["*.v.a.ai"])["msg"]
    world.double.strangers.add(DOMAIN)
    assert "not of this account" in world.task(records=SITE)["msg"]


# Others at work.


def test_a_record_that_somebody_makes_meanwhile_stays(world: World) -> None:
    """It comes between the first look and the second."""
    new = Record("fresh", "A", "192.0.2.50")
    done: list[bool] = []

    def event(phase: str, command: str, given: dict[str, str]) -> None:
        if (phase, command) == ("after", GET) and not done:
            done.append(True)
            world.double.zones[DOMAIN].records.append(new)

    world.double.event = event
    world.ok(records=SITE)
    assert new in world.double.zones[DOMAIN].records
    assert world.writes == 1


def test_a_zone_that_does_not_stand_still_is_left_alone(world: World) -> None:
    def event(phase: str, command: str, given: dict[str, str]) -> None:
        if (phase, command) == ("after", GET):
            number = len(world.double.calls)
            world.double.zones[DOMAIN].records.append(Record(f"n{number}", "A", "192.0.2.50"))

    world.double.event = event
    result = world.task(records=SITE)
    assert "Somebody else is at work" in result["msg"]
    assert "Nothing was changed." in result["msg"]
    assert world.writes == 0


def test_whoever_writes_right_after_us_does_not_take_our_names(world: World) -> None:
    done: list[bool] = []

    def event(phase: str, command: str, given: dict[str, str]) -> None:
        if (phase, command) == ("after", SET) and not done:
            done.append(True)
            world.double.zones[DOMAIN] = zone()

    world.double.event = event
    assert world.ok(records=SITE)["changed"]
    assert ("kanifing.viewer", "A") in world.names()
    assert world.writes == 2


def test_a_loss_after_the_write_is_told_with_the_way_back(world: World) -> None:
    def event(phase: str, command: str, given: dict[str, str]) -> None:
        if (phase, command) == ("after", SET):
            records = world.double.zones[DOMAIN].records
            world.double.zones[DOMAIN].records = [one for one in records if one.name != "vpn"]

    world.double.event = event
    result = world.task(records=SITE)
    assert result["failure"]["code"] == "not_kept"
    assert "vpn A 203.0.113.7" in result["msg"]
    assert '"restore": ' in result["msg"]
    assert world.writes == 1


# The way back.


def test_the_file_of_a_write_brings_the_zone_back(world: World) -> None:
    undo = world.ok(records=SITE)["undo"]
    file = Path(undo["file"])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(world.folder.stat().st_mode) == 0o700
    given = json.loads(shlex.split(undo["command"])[-1])
    assert given == {"zone": DOMAIN, "restore": str(file), "folder": str(world.folder)}
    assert KEY not in file.read_text()
    world.double.zones[DOMAIN].records = world.double.zones[DOMAIN].records[5:]
    result = world.ok(restore=str(file), owned=None)
    assert result["changed"]
    assert sorted(world.double.zones[DOMAIN].records, key=repr) == sorted(FOREIGN, key=repr)
    assert not world.ok(restore=str(file), owned=None)["changed"]


def test_mail_settings_come_back_too(world: World) -> None:
    world.double.zones[DOMAIN] = Zone(list(PLAIN), "FWD")
    file = world.ok(records=SITE[:1])["undo"]["file"]
    world.ok(remove=[SITE[0]["name"]])
    world.double.zones[DOMAIN].email_type = "NONE"
    result = world.ok(restore=file, owned=None)
    assert "mail settings FWD" in result["diff"]["after"]
    assert world.double.zones[DOMAIN].email_type == "FWD"


def test_a_file_of_another_zone_is_refused(world: World) -> None:
    file = world.ok(records=SITE)["undo"]["file"]
    result = world.task(restore=file, owned=None, zone="other.ai")
    assert "is no saved answer about other.ai" in result["msg"]


# The pace.


def test_the_pace_is_kept_over_several_runs(world: World) -> None:
    now = [1_800_000_000.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    world.double = Double({DOMAIN: zone()}, per_minute=20, clock=lambda: now[0])
    with mock.patch("time.time", side_effect=lambda: now[0]), mock.patch.object(world, "sleep", sleep):
        for number in range(12):
            world.ok(records=[{**SITE[0], "value": f"203.0.113.{number}"}], calls_per_minute=15)
    assert len(world.double.calls) == 48
    assert 180 <= now[0] - 1_800_000_000 < 250


def test_a_pace_that_would_take_hours_is_told(world: World) -> None:
    now = 1_800_000_000.0
    world.folder.mkdir()
    (world.folder / "requests.json").write_text(str([now - 100 - number for number in range(600)]))
    with mock.patch("time.time", return_value=now):
        said = world.task(records=SITE, calls_per_minute=15)["msg"]
    assert "Run it again in 48 minutes" in said
    assert world.double.calls == []
