# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""namecheap_records where the service loses, delays or hides something: nothing of it passes for success."""

from __future__ import annotations

import json
import shlex
import time
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.errors import TLS, ApiError
from ansible_collections.mediverse.pacs.plugins.module_utils.namecheap import records
from ansible_collections.mediverse.pacs.plugins.module_utils.namecheap._keep import Keep

from tests.names.double import GET, SET, Double, Record, Zone
from tests.names.sample import DOMAIN, FOREIGN, zone

from .support import DoubleTransport, World

SITE = [{"name": f"kanifing.viewer.{DOMAIN}", "value": "203.0.113.10"}]
OTHER = [{"name": f"brikama.viewer.{DOMAIN}", "value": "203.0.113.11"}]


def _after_write(world: World, *answers: str) -> None:
    """The reads after the write are answered so."""

    def event(phase: str, command: str, given: dict[str, str]) -> None:
        if (phase, command) == ("after", SET):
            world.double.trouble.extend((GET, what) for what in answers)

    world.double.event = event


def _foreign(world: World) -> set[Record]:
    return {*FOREIGN} - {*world.double.zones[DOMAIN].records}


def test_mail_settings_that_a_write_ends_are_told(world: World) -> None:
    world.double.zones[DOMAIN] = Zone([Record("@", "A", "198.51.100.1")], "FWD")
    world.double.trouble.append((SET, "mail"))
    result = world.task(records=SITE)
    assert result["failed"]
    assert result["changed"]
    assert "the mail settings NONE in the place of FWD" in result["msg"]
    assert '"restore": ' in result["msg"]
    assert world.writes == 1


def test_answers_that_are_one_write_old_do_not_undo_it(world: World) -> None:
    world.double.stale = (False, True, True, True, True)
    world.ok(records=SITE)
    world.double.stale = ()
    world.ok(records=OTHER)
    assert {"kanifing.viewer", "brikama.viewer"} < {name for name, __ in world.names()}


def test_an_old_answer_after_a_write_is_not_taken_for_a_loss(world: World) -> None:
    world.double.stale = (True,) * 6
    assert world.ok(records=SITE)["changed"]
    assert world.writes == 1


def test_a_zone_that_shrank_since_the_last_write_is_not_written(world: World) -> None:
    world.ok(records=SITE)
    world.double.trouble.extend([(GET, "short")] * 50)
    result = world.task(records=OTHER)
    assert "lacks 35 of the 41 records" in result["msg"]
    assert "Nothing was changed." in result["msg"]
    assert world.writes == 1
    world.double.trouble.clear()
    assert world.ok(records=OTHER)["changed"]


def test_a_name_is_not_gone_because_an_answer_was_short(world: World) -> None:
    world.ok(records=SITE)
    world.double.trouble.append((GET, "short"))
    assert world.ok(remove=[SITE[0]["name"]])["changed"]
    assert ("kanifing.viewer", "A") not in world.names()


def test_it_is_written_when_the_operator_says_so(world: World) -> None:
    world.ok(records=SITE)
    world.double.zones[DOMAIN].records = world.double.zones[DOMAIN].records[10:]
    assert world.task(records=OTHER)["failed"]
    assert world.ok(records=OTHER, expect_missing=True)["changed"]
    assert world.ok(records=[{**OTHER[0], "value": "203.0.113.12"}])["changed"]


def test_a_few_records_may_go_in_the_panel(world: World) -> None:
    world.ok(records=SITE)
    world.double.zones[DOMAIN].records = [
        one for one in world.double.zones[DOMAIN].records if one.name not in ("vpn", "git")
    ]
    assert world.ok(records=OTHER)["changed"]
    assert sum(world.waited) == pytest.approx(records.SETTLING, abs=5)


def test_a_write_that_arrives_late_is_waited_for(world: World) -> None:
    """A second one beside it would be undone by it, or undo what came between."""
    world.double.trouble.append((SET, "late"))
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if sum(slept) > 60:
            world.double.arrive()

    with mock.patch.object(world, "sleep", sleep):
        assert world.ok(records=SITE)["changed"]
    assert world.writes == 1


def test_a_write_of_a_run_that_was_ended_is_waited_for(world: World) -> None:
    world.ok(records=[{"name": f"first.viewer.{DOMAIN}", "value": "203.0.113.9"}])
    world.double.trouble.append((SET, "late"))
    with mock.patch.object(records._Write, "_look", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        world.task(records=SITE)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if seconds > 100:
            world.double.arrive()

    with mock.patch.object(world, "sleep", sleep):
        world.ok(records=OTHER)
    assert {"kanifing.viewer", "brikama.viewer"} < {name for name, __ in world.names()}
    assert not list(world.folder.glob("*.writing"))


def test_what_an_ended_run_took_away_is_not_missed(world: World) -> None:
    many = [{"name": f"s{number}.viewer.{DOMAIN}", "value": "203.0.113.1"} for number in range(20)]
    world.ok(records=many)
    with mock.patch.object(records._Write, "_look", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        world.task(remove=[one["name"] for one in many])
    assert world.ok(records=SITE)["changed"]
    assert not _foreign(world)


@pytest.mark.parametrize("what", ["html", "1011150", "drop", "503", "2019166"])
def test_a_look_that_fails_after_the_write_says_that_it_was_written(world: World, what: str) -> None:
    _after_write(world, *[what] * 60)
    result = world.task(records=SITE)
    assert result["failed"]
    assert result["changed"]
    assert "what became of it was not seen" in result["msg"]
    assert '"restore": ' in result["msg"]
    assert ("kanifing.viewer", "A") in world.names()


def test_the_pace_ends_a_run_before_the_write_and_not_after_it(world: World) -> None:
    now = time.time()
    world.folder.mkdir()
    (world.folder / "requests.json").write_text(str([now - 100 - number for number in range(597)]))
    result = world.task(records=SITE, calls_per_minute=15)
    assert "Run it again in" in result["msg"]
    assert result["msg"].endswith("Nothing was changed.")
    assert not result["changed"]
    assert world.writes == 0


def test_turns_that_were_not_used_are_given_back(world: World) -> None:
    world.ok(records=SITE)
    assert len(json.loads((world.folder / "requests.json").read_text())) == len(world.double.calls)


def test_nobody_holds_the_lock_of_the_pace_while_waiting(tmp_path: Path) -> None:
    keep = Keep(str(tmp_path))
    (tmp_path / "requests.json").write_text(str([time.time()] * 4))

    def sleep(seconds: float) -> None:
        assert seconds > 50
        with keep.lock("requests"):
            pass

    with mock.patch("time.sleep", side_effect=AssertionError):
        keep.take_turns(1, 4, sleep)


@pytest.mark.parametrize("what", ["!524", "!520", "!507", "!408"])
def test_no_answer_of_a_server_in_between_is_a_refusal(world: World, what: str) -> None:
    world.double.trouble.extend([(GET, what), (SET, what)])
    assert world.ok(records=SITE)["changed"]
    assert world.writes == 1


def test_a_connection_that_breaks_with_garbage_is_no_refusal(world: World) -> None:
    real = DoubleTransport.request

    def request(self: DoubleTransport, method: str, path: str, body: bytes, *rest: Any, **more: Any) -> Any:
        answer = real(self, method, path, body, *rest, **more)
        if SET.encode() in body:
            raise ApiError("it does not speak TLS on this port. Use http:// in api_url", kind=TLS, path=path)
        return answer

    with mock.patch.object(DoubleTransport, "request", request):
        assert world.ok(records=SITE)["changed"]
    assert world.writes == 1


def test_a_connection_without_tls_is_told_without_the_advice_to_do_without(world: World) -> None:
    error = ApiError("it does not speak TLS on this port. Use http:// in api_url", kind=TLS)
    with mock.patch.object(DoubleTransport, "request", side_effect=error):
        result = world.task(records=SITE)
    assert "something other than TLS" in result["msg"]
    assert "http://" not in result["msg"].replace("https://", "")


def test_mail_settings_that_a_refused_write_ended_are_told(world: World) -> None:
    world.double.zones[DOMAIN] = Zone([Record("@", "A", "198.51.100.1")], "FWD")
    world.double.trouble.append((SET, "4011103"))

    def event(phase: str, command: str, given: dict[str, str]) -> None:
        if (phase, command) == ("after", SET):
            world.double.zones[DOMAIN].email_type = "NONE"

    world.double.event = event
    result = world.task(records=SITE)
    assert "may not do that" in result["msg"]
    assert result["changed"]
    assert '"restore": ' in result["msg"]


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (Record("m\xfcnchen", "A", "192.0.2.1"), "letters beyond English"),
        (Record("a b", "A", "192.0.2.1"), "in its name"),
        (Record("note", "TXT", '"quoted"'), "quotation marks"),
        (Record("null", "MX", ".", "0"), "MX record without a server"),
        (Record("a" * 61, "TXT", "long"), "61 letters long"),
        (Record("t", "TXT", "a", title="An app"), "AssociatedAppTitle"),
    ],
)
def test_what_may_not_come_through_is_not_sent(world: World, record: Record, said: str) -> None:
    world.double.zones[DOMAIN].records.append(record)
    assert said in world.refused(records=SITE)


def test_a_record_without_a_name_is_sent_with_one(world: World) -> None:
    world.double.zones[DOMAIN].records[0] = Record("", "A", "198.51.100.1")
    world.ok(records=SITE)
    assert not _foreign(world)


def test_a_tab_within_a_value_is_not_taken_for_a_space(world: World) -> None:
    world.double.zones[DOMAIN].records.append(Record("t", "TXT", "a b"))
    real = world.double._hosts
    with mock.patch.object(world.double, "_hosts", lambda *given: real(*given).replace('"a b"', '"a\tb"')):
        assert "a tab or a line break" in world.refused(records=SITE)


def test_more_records_than_a_zone_takes_are_refused(world: World) -> None:
    many = [{"name": f"s{number}.viewer.{DOMAIN}", "value": "203.0.113.1"} for number in range(111)]
    assert "151 records" in world.refused(records=many)
    assert world.ok(records=many[1:])["changed"]
    assert not _foreign(world)


def test_names_in_a_zone_that_nobody_asks_are_no_success(world: World) -> None:
    world.ok(records=SITE)
    world.double.zones[DOMAIN].ours = False
    assert "other name servers" in world.task(records=SITE)["msg"]


def test_the_key_is_not_sent_in_the_clear(world: World) -> None:
    assert "for all to read" in world.refused(records=SITE, api_url="http://api.namecheap.com")
    assert world.double.calls == []


def test_an_answer_in_an_unknown_encoding_is_no_answer(world: World) -> None:
    real = world.double.respond

    def respond(method: str, url: str, body: str) -> tuple[int, str]:
        status, said = real(method, url, body)
        return status, said.replace("utf-8", "x-foo") if SET in body else said

    with mock.patch.object(world.double, "respond", respond):
        assert world.ok(records=SITE)["changed"]
    assert world.writes == 1


def test_the_way_back_leads_to_the_same_service_and_lock(tmp_path: Path) -> None:
    world = World(Double({DOMAIN: zone()}, per_minute=10_000), tmp_path / "my keep")
    result = world.ok(records=SITE, api_url="https://api.sandbox.namecheap.com")
    given = json.loads(shlex.split(result["undo"]["command"])[-1])
    assert given.pop("restore") == result["undo"]["file"]
    # Whether there are SRV records has to be looked up again.
    assert given == {"zone": DOMAIN, "folder": str(world.folder), "api_url": "https://api.sandbox.namecheap.com"}
    assert "zone_has_srv" in world.task(restore=result["undo"]["file"], owned=None, zone_has_srv=None)["msg"]


@pytest.mark.parametrize(
    "broken",
    [
        [],
        [Record("@", "A", "192.0.2.1", ddns="true")],
        [Record("@", "A", "192.0.2.1", active="false")],
        [Record("m\xfcnchen", "A", "192.0.2.1")],
    ],
)
def test_a_broken_zone_is_brought_back(world: World, broken: list[Record]) -> None:
    file = world.ok(records=SITE)["undo"]["file"]
    world.double.zones[DOMAIN] = Zone(broken, "NONE")
    with mock.patch("tests.names.double._parking", return_value=[]):
        result = world.ok(restore=file, owned=None)
    assert not _foreign(world)
    assert world.double.zones[DOMAIN].email_type == "MX"
    marked = bool(broken) and broken[0].name == "@"
    assert any("takes its place" in one for one in result.get("warnings", [])) == marked


def test_a_pace_that_cannot_be_read_is_no_pace(world: World) -> None:
    world.folder.mkdir()
    (world.folder / "requests.json").mkdir()
    result = world.task(records=SITE)
    assert "the same folder" in result["msg"]
    assert world.double.calls == []
