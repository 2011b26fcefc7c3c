# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""orthanc_delivery_info, on Linux and on Windows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils.orthanc import delivery
from ansible_collections.mediverse.pacs.plugins.modules import orthanc_delivery_info

from ..fake_api import FakeApi

NOW = "20261123T120000"


def state(**fields: str) -> dict[str, Any]:
    """What the forwarder publishes, as Orthanc returns it."""
    return {
        **{"Url": "http://127.0.0.1:1/", "Timeout": 0, "HttpHeaders": [], "Version": "1", "State": "idle"},
        **{"Cursor": "7", "Read": "7", "Pending": "0", "OldestPending": "", "JobsInFlight": "0", "Sent": "5"},
        **{"Skipped": "0", "Parked": "0", "ParkedImages": "[]", "LastSuccess": "", "LastError": ""},
        "Updated": "2026-11-23T11:59:50Z",
        **fields,
    }


def row(seq: int, minute: int = 59) -> dict[str, Any]:
    """A row of the change log."""
    return {"ChangeType": "NewInstance", "Date": f"20261123T11{minute:02}00", "ID": f"i{seq}", "Seq": seq}


def ask(api: FakeApi, **entries: Any) -> None:
    """The first two requests."""
    api.expect("GET", "/tools/now").reply(text=NOW)
    api.expect("GET", "/peers?expand").reply(json={"cloud": {"Url": "https://c/"}, **entries})


def changes(api: FakeApi, since: int, *rows: dict[str, Any], done: bool = True) -> None:
    """One page of the change log."""
    page = {"Changes": list(rows), "Done": done, "Last": rows[-1]["Seq"] if rows else since}
    api.expect("GET", f"/changes?type=NewInstance&limit={delivery.PAGE}&since={since}").reply(json=page)


def test_nothing_is_left(both: FakeApi) -> None:
    ask(both, **{"cloud-status": state(LastSuccess="2026-11-23T11:00:00Z", Rate="0.0/s")})
    changes(both, 7)
    result = both.run(orthanc_delivery_info, check_mode=True)
    assert (result["changed"], result["backlog"], result["oldest_age"], result["parked"]) == (False, 0, 0, 0)
    cloud = result["destinations"]["cloud"]
    assert (cloud["state"], cloud["sent"], cloud["rate"], cloud["oldest"]) == ("idle", 5, 0.0, "")
    assert (cloud["last_success"], cloud["last_success_age"]) == ("2026-11-23T11:00:00Z", 3600)


def test_backlog_is_what_was_read_and_what_came_in_since(both: FakeApi) -> None:
    parked = [{"ID": "a-b", "Reason": "2026-11-23T10:00:00Z its file cannot be read"}, {"ID": "c", "Reason": "odd"}]
    told = state(
        Pending="3", OldestPending="20261123T115800", Parked="2", ParkedImages=json.dumps(parked), Rate="1.5/s"
    )
    ask(both, **{"cloud-status": told})
    changes(both, 7, row(9), row(12))
    cloud = both.run(orthanc_delivery_info)["destinations"]["cloud"]
    assert (cloud["backlog"], cloud["pending"], cloud["unread"]) == (5, 3, 2)
    assert (cloud["oldest"], cloud["oldest_age"]) == ("2026-11-23T11:58:00Z", 120)
    assert (cloud["parked"], cloud["rate"], cloud["last_success_age"]) == (2, 1.5, None)
    assert cloud["parked_images"] == [
        {"id": "a-b", "since": "2026-11-23T10:00:00Z", "reason": "its file cannot be read"},
        {"id": "c", "since": "", "reason": "odd"},
    ]


@pytest.mark.parametrize(
    ("error", "beginning"),
    [
        ("", ""),
        ("HTTP status 401 (Unauthorized)", "It refuses the login; compare the peer's password"),
        ("HTTP status 403 (Forbidden)", "It answers and lets this gateway do nothing; look at its proxy"),
        ("HTTP status 502 (Bad Gateway)", "Its proxy answers, and the Orthanc behind it does not"),
        ("HTTP status 418 (I'm a teapot)", "It answers and does not take images; look at its log."),
        (
            "Error in the network protocol: libCURL error: SSL peer certificate or SSH remote key was not OK",
            "Look at its certificate and the clocks; where TLS is opened on the way set",
        ),
        ("Error in the network protocol: libCURL error: Couldn't connect to server", "Look at the line; where every"),
        ("no image has passed for 120 seconds; the job was given up", "Look at the line; where everything goes out"),
    ],
)
def test_the_last_error_comes_with_what_to_do_about_it(error: str, beginning: str, both: FakeApi) -> None:
    ask(both, **{"cloud-status": state(LastError=error)})
    changes(both, 7)
    advice = both.run(orthanc_delivery_info)["destinations"]["cloud"]["advice"]
    assert (advice[: len(beginning)], bool(advice)) == (beginning, bool(error))


def test_the_oldest_may_be_one_that_nobody_has_read(both: FakeApi) -> None:
    ask(both, **{"cloud-status": state()})
    changes(both, 7, row(8, minute=50), row(9))
    result = both.run(orthanc_delivery_info)
    assert (result["backlog"], result["oldest_age"]) == (2, 600)
    assert result["destinations"]["cloud"]["rate"] is None


def test_a_long_backlog_is_read_in_pages(both: FakeApi) -> None:
    ask(both, **{"cloud-status": state()})
    changes(both, 7, row(8), row(20), done=False)
    changes(both, 20, row(21))
    assert both.run(orthanc_delivery_info)["backlog"] == 3


def test_several_destinations_share_one_reading_of_the_log(both: FakeApi) -> None:
    ask(both, **{"cloud-status": state(), "copy-status": state(Read="3", Pending="2", OldestPending="20261123T115900")})
    changes(both, 3, row(5), row(8))
    result = both.run(orthanc_delivery_info)
    found = {name: entry["backlog"] for name, entry in result["destinations"].items()}
    assert (found, result["backlog"]) == ({"cloud": 1, "copy": 4}, 5)


def test_one_destination_of_several(both: FakeApi) -> None:
    ask(both, **{"cloud-status": state(), "copy-status": state(Read="3", Updated="2020-01-01T00:00:00Z")})
    if both.windows:  # asked in the same trip, it begins where the slowest has read, and that one is none of ours
        changes(both, 3)
    changes(both, 7)
    assert list(both.run(orthanc_delivery_info, destinations=["cloud"])["destinations"]) == ["cloud"]


def test_no_forwarder(both: FakeApi) -> None:
    ask(both, **{"not-status": {"Url": "https://elsewhere/"}})
    result = both.run(orthanc_delivery_info)
    assert result["failure"]["code"] == "not_running"
    assert "runs no forwarder: there is no state" in result["msg"]


def test_no_forwarder_for_that_destination(both: FakeApi) -> None:
    ask(both, **{"cloud-status": state()})
    if both.windows:  # asked in the same trip
        changes(both, 7)
    result = both.run(orthanc_delivery_info, destinations=["cloud", "other"])
    assert "runs no forwarder for other" in result["msg"]
    assert "It has one for cloud." in result["msg"]


def test_a_forwarder_that_died(both: FakeApi) -> None:
    ask(both, **{"cloud-status": state(Updated="2026-11-23T11:50:00Z")})
    if both.windows:  # asked in the same trip
        changes(both, 7)
    result = both.run(orthanc_delivery_info)
    assert result["failure"]["code"] == "not_running"
    assert "told its state for cloud 600 s ago (2026-11-23T11:50:00Z). It is not running" in result["msg"]


def test_a_forwarder_that_died_is_told_before_a_log_that_cannot_be_read(both: FakeApi) -> None:
    """A stuck Orthanc is just when the forwarder is dead."""
    dead = {"cloud-status": state(Updated="2026-11-23T11:00:00Z")}
    ask(both, **dead)
    if both.windows:  # the page was asked in the same trip
        both.expect("GET", f"/changes?type=NewInstance&limit={delivery.PAGE}&since=7").reply(500)
        ask(both, **dead)
    assert "It is not running; restart Orthanc" in both.run(orthanc_delivery_info)["msg"]


def test_a_log_that_cannot_be_read_is_told_when_the_forwarder_runs(both: FakeApi) -> None:
    for __ in range(2 if both.windows else 1):
        ask(both, **{"cloud-status": state()})
        both.expect("GET", f"/changes?type=NewInstance&limit={delivery.PAGE}&since=7").reply(500)
    result = both.run(orthanc_delivery_info)
    assert result["failure"]["status"] == 500


def test_a_clock_that_was_set_back(both: FakeApi) -> None:
    ask(both, **{"cloud-status": state(Updated="2026-11-23T13:00:00Z")})
    if both.windows:  # asked in the same trip
        changes(both, 7)
    assert "3600 s in the future (2026-11-23T13:00:00Z). The clock" in both.run(orthanc_delivery_info)["msg"]


def test_how_old_is_too_old_can_be_said(both: FakeApi) -> None:
    ask(both, **{"cloud-status": state(Updated="2026-11-23T11:50:00Z")})
    changes(both, 7)
    assert both.run(orthanc_delivery_info, stale_after=700)["backlog"] == 0


def test_something_else_that_answers(both: FakeApi) -> None:
    both.expect("GET", "/tools/now").reply(text="hello")
    both.expect("GET", "/peers?expand").reply(json={})
    assert "does not answer like an Orthanc" in both.run(orthanc_delivery_info)["msg"]


def test_a_state_of_another_shape(both: FakeApi) -> None:
    ask(both, **{"cloud-status": {"Read": "x", "OldestPending": "", "Updated": ""}})
    assert "run the gateway's role again" in both.run(orthanc_delivery_info)["msg"]


ROW = {
    "Kind": "image",
    "Day": "2026-11-23",
    "Uid": "1.2.3",
    "Status": "A700",
    "Reason": "StudyInstanceUID is missing",
    "Aet": "CT",
    "Address": "192.168.0.10",
    "Times": "2",
    "Last": "2026-11-23T11:00:00Z",
}


def test_what_the_gateway_refused(both: FakeApi) -> None:
    told = {"Journal": "read", "Refused": "2", "RefusedImages": json.dumps([ROW]), "Rejected": "1", "Replaced": "1"}
    told |= {
        "RejectedAssociations": json.dumps([{**ROW, "Uid": "", "Status": ""}]),
        "ReplacedImages": json.dumps([ROW]),
    }
    ask(both, **{"cloud-status": state(**told), "copy-status": state(**told)})
    changes(both, 7)
    result = both.run(orthanc_delivery_info)
    shown = {
        "uid": "1.2.3",
        "status": "A700",
        "reason": "StudyInstanceUID is missing",
        "aet": "CT",
        "address": "192.168.0.10",
        "times": 2,
        "last": "2026-11-23T11:00:00Z",
    }
    assert result["refused"] == {"known": True, "today": 2, "images": [shown]}
    assert result["rejected"] == {"known": True, "today": 1, "associations": [{**shown, "uid": "", "status": ""}]}
    assert result["replaced"] == {"today": 1, "images": [shown]}


def test_a_log_that_is_not_read_is_no_zero(both: FakeApi) -> None:
    ask(both, **{"cloud-status": state(Journal="unread", Refused="0", RefusedImages="[]")})
    changes(both, 7)
    assert both.run(orthanc_delivery_info)["refused"] == {"known": False, "today": 0, "images": []}


def test_a_forwarder_without_a_journal(both: FakeApi) -> None:
    ask(both, **{"cloud-status": state()})
    changes(both, 7)
    assert both.run(orthanc_delivery_info)["refused"]["known"] is False


def test_waiting_for_a_moment_without_a_backlog_of_each_destination(both: FakeApi) -> None:
    """They need not have it at the same moment, and what is told of one is how it was then."""
    for cloud, archive in (("0", "2"), ("3", "1"), ("4", "0")):
        ask(both, **{"cloud-status": state(Pending=cloud, Sent=f"1{cloud}"), "archive-status": state(Pending=archive)})
        changes(both, 7)
    result = both.run(orthanc_delivery_info, wait=60)
    assert (result["backlog"], result["oldest_age"]) == (0, 0)
    assert {name: one["backlog"] for name, one in result["destinations"].items()} == {"cloud": 0, "archive": 0}
    assert result["destinations"]["cloud"]["sent"] == 10


def test_waiting_in_vain_tells_how_it_was_at_last(both: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([0.0, 0.5, 1.5])
    monkeypatch.setattr(
        "ansible_collections.mediverse.pacs.plugins.module_utils._engine.waiting.time", Moments(moments)
    )
    for pending in ("2", "1"):
        ask(both, **{"cloud-status": state(Pending=pending)})
        changes(both, 7)
    assert both.run(orthanc_delivery_info, wait=1)["backlog"] == 1


class Moments:
    """A clock that shows these moments, one after the other."""

    def __init__(self, moments: Iterator[float]) -> None:
        self._moments = moments

    def monotonic(self) -> float:
        return next(self._moments)

    def sleep(self, seconds: float) -> None:
        """No time is lost."""
