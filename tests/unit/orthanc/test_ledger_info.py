# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""orthanc_ledger_info: its questions, series that change while they are read, and the memory that it takes."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.http import Api, Endpoint
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.messages import Response
from ansible_collections.mediverse.pacs.plugins.module_utils.orthanc import ledger
from ansible_collections.mediverse.pacs.plugins.modules import orthanc_ledger_info

from ..fake_api import FakeApi

ROOT = Path(__file__).resolve().parents[3]


def series(uid: str, images: int) -> dict[str, Any]:
    """A series as Orthanc finds it."""
    tags = {"SeriesInstanceUID": uid, "NumberOfSeriesRelatedInstances": str(images), "StudyInstanceUID": f"study-{uid}"}
    return {"ID": f"s-{uid}", "RequestedTags": tags, "Type": "Series"}


def image(uid: str, number: int, md5: str = "m") -> dict[str, Any]:
    """An instance as Orthanc finds it; a second attachment must not be mistaken for the image."""
    parts = [{"ContentType": 3, "UncompressedMD5": "other"}, {"ContentType": 1, "UncompressedMD5": f"{md5}{number}"}]
    tags = {"SeriesInstanceUID": uid, "SOPInstanceUID": f"{uid}.{number}"}
    return {"ID": f"i-{uid}.{number}", "Attachments": parts, "RequestedTags": tags, "Type": "Instance"}


def find(api: FakeApi, *answer: dict[str, Any]) -> None:
    """One search."""
    api.expect("POST", "/tools/find", harmless=True).reply(json=list(answer))


def test_patients_whose_images_nobody_looks_at(both: FakeApi) -> None:
    find(both, series("1.1", 1), series("1.2", 2))
    find(both, {"RequestedTags": {"SeriesInstanceUID": "1.2"}})
    find(both, image("1.1", 1))
    here = both.run(orthanc_ledger_info, check_mode=True, day="2026-11-22", skip_patients=["proof-*"])
    assert (here["images"], [one["series"] for one in here["series"]]) == (1, ["1.1"])
    asked = both.requests[1].json
    assert (asked["Query"], asked["MetadataQuery"]) == ({"PatientID": "proof-*"}, {"LastUpdate": "20261122*"})
    # Whose image it is does not leave the server.
    assert asked["RequestedTags"] == ["SeriesInstanceUID"]
    # Of a day without series nobody asks further.
    find(both)
    assert both.run(orthanc_ledger_info, day="2026-11-22", skip_patients=["proof-*"])["series"] == []


def test_a_day_and_its_comparison(both: FakeApi) -> None:
    find(both, series("1.2", 2), series("1.1", 1))
    find(both, image("1.1", 1), image("1.2", 1), image("1.2", 2))
    here = both.run(orthanc_ledger_info, check_mode=True, day="2026-11-22")
    assert (here["images"], here["next"], [one["series"] for one in here["series"]]) == (3, "", ["1.1", "1.2"])
    assert both.requests[0].json["MetadataQuery"] == {"LastUpdate": "20261122*"}
    assert both.requests[1].json["Query"] == {"SeriesInstanceUID": "1.1\\1.2"}

    # In another order, and one image differs.
    find(both, image("1.2", 2, "x"), image("1.2", 1), image("1.1", 1))
    find(both)
    there = both.run(orthanc_ledger_info, compare=here["series"])
    assert (there["same"], there["differing"]) == (1, [{"series": "1.2", "images": 2}])

    find(both, image("1.2", 2, "x"), image("1.2", 1))
    found = both.run(orthanc_ledger_info, images_of=["1.2", "1.3"])["found"]
    assert found["1.2"]["i-1.2.2"] == {"md5": "x2", "sop": "1.2.2"}
    assert found["1.3"] == {}


def test_the_same_series_under_two_patients(both: FakeApi) -> None:
    """It is one entry with the images of both, and each of them counts."""
    first, second = image("1.1", 1), {**image("1.1", 1), "ID": "other"}
    find(both, series("1.1", 1), {**series("1.1", 1), "ID": "other"})
    find(both, first, second)
    here = both.run(orthanc_ledger_info, day="2026-11-22")
    assert (here["images"], [one["images"] for one in here["series"]]) == (2, [2])

    find(both, first)
    find(both)
    there = both.run(orthanc_ledger_info, compare=here["series"])
    assert (there["same"], there["differing"]) == (0, [{"series": "1.1", "images": 2}])
    # One of them twice is as many, and something else.
    find(both, first, {**first, "ID": "third"})
    find(both)
    assert both.run(orthanc_ledger_info, compare=here["series"], md5=False)["same"] == 0

    find(both, first, second)
    found = both.run(orthanc_ledger_info, images_of=["1.1"])["found"]
    assert {identifier: one["sop"] for identifier, one in found["1.1"].items()} == {
        "i-1.1.1": "1.1.1",
        "other": "1.1.1",
    }


def test_studies_under_two_patients_and_images_that_replaced_others(both: FakeApi) -> None:
    wanted = [{"series": f"1.{one}", "images": 0, "digest": "", "study": f"9.{one}"} for one in (1, 2)]
    copies = [
        {"ID": one, "RequestedTags": {"StudyInstanceUID": uid}}
        for one, uid in (("b", "9.1"), ("a", "9.1"), ("c", "9.2"))
    ]
    find(both)
    find(both, *copies)
    find(both, {"ID": "i", "RequestedTags": {"SOPInstanceUID": "1.1.1"}})
    find(both)
    days = ["2026-11-22", "2026-11-23"]
    there = both.run(orthanc_ledger_info, check_mode=True, compare=wanted, replaced=days)
    assert both.requests[1].json["Query"] == {"StudyInstanceUID": "9.1\\9.2"}
    assert both.requests[2].json["MetadataQuery"] == {"Replaced": "20261122*"}
    assert there["pairs"] == [{"study": "9.1", "ids": ["a", "b"]}]
    assert both.requests[3].json["MetadataQuery"] == {"Replaced": "20261123*"}
    assert there["replaced"] == [{"day": "2026-11-22", "sop": "1.1.1", "id": "i"}]


def test_a_server_that_does_not_mark_what_replaced_others(both: FakeApi) -> None:
    find(both)
    both.expect("POST", "/tools/find", harmless=True).reply(404, json={"Message": "Inexistent item"})
    wanted = [{"series": "1.1", "images": 0, "digest": ""}]
    assert both.run(orthanc_ledger_info, compare=wanted, replaced=["2026-11-22"])["replaced"] == []
    assert "must be a date" in both.run(orthanc_ledger_info, compare=wanted, replaced=["today"])["msg"]


def test_what_differs_is_listed_in_the_same_answer(both: FakeApi) -> None:
    """A request for the sums, one for the studies, and one for the images of those that differ."""
    find(both, series("1.1", 1), series("1.2", 2))
    find(both, image("1.1", 1), image("1.2", 1), image("1.2", 2))
    here = both.run(orthanc_ledger_info, day="2026-11-22")
    find(both, image("1.1", 1), image("1.2", 2))
    find(both)
    find(both, image("1.2", 2))
    there = both.run(orthanc_ledger_info, compare=here["series"], list_differing=True)
    assert both.requests[-1].json["Query"] == {"SeriesInstanceUID": "1.2"}
    assert there["found"] == {"1.2": {"i-1.2.2": {"md5": "m2", "sop": "1.2.2"}}}
    assert there["unread"] == []


def test_a_series_that_is_not_there(both: FakeApi) -> None:
    find(both)
    wanted = [{"series": "1.1", "images": 1, "digest": "0" * 32}]
    assert both.run(orthanc_ledger_info, compare=wanted)["differing"] == [{"series": "1.1", "images": 1}]


def test_without_checksums_only_the_identifiers_count(both: FakeApi) -> None:
    find(both, series("1.1", 1))
    find(both, image("1.1", 1, "a"))
    here = both.run(orthanc_ledger_info, day="2026-11-22", md5=False)
    find(both, image("1.1", 1, "b"))
    find(both)
    assert both.run(orthanc_ledger_info, compare=here["series"], md5=False)["differing"] == []


def test_a_long_day_comes_in_pages(both: FakeApi) -> None:
    everything = [series(f"1.{number}", 1) for number in (1, 2, 3)]
    find(both, *everything)
    find(both, image("1.1", 1), image("1.2", 1))
    first = both.run(orthanc_ledger_info, day="2026-11-22", limit=2)
    assert first["next"] == "1.2"
    find(both, *everything)
    find(both, image("1.3", 1))
    second = both.run(orthanc_ledger_info, day="2026-11-22", limit=2, after="1.2")
    assert ([one["series"] for one in second["series"]], second["next"]) == (["1.3"], "")


def test_no_series_are_no_question(both: FakeApi) -> None:
    """Orthanc would take it for a question about everything."""
    assert both.run(orthanc_ledger_info, images_of=[])["found"] == {}


def test_an_empty_day(both: FakeApi) -> None:
    find(both)
    assert both.run(orthanc_ledger_info, day="20261122")["series"] == []


def test_where_images_came_from(both: FakeApi) -> None:
    known = {"Origin": "RestApi", "HttpUsername": "gateway", "ReceptionDate": "20261122T120000"}
    body = {"Resources": ["a", "b", "gone"], "Level": "Instance", "Metadata": True}
    both.expect("POST", "/tools/bulk-content", json=body, harmless=True).reply(
        json=[
            {"ID": "a", "Metadata": known},
            {"ID": "b", "Metadata": {"Origin": "DicomProtocol", "RemoteAET": "CT"}},
        ]
    )
    result = both.run(orthanc_ledger_info, check_mode=True, origins_of=["a", "b", "gone"])
    assert result["origins"] == {
        "a": {"origin": "RestApi", "http_user": "gateway", "remote_aet": ""},
        "b": {"origin": "DicomProtocol", "http_user": "", "remote_aet": "CT"},
    }
    for __ in range(2):
        both.expect("POST", "/tools/bulk-content", harmless=True).reply(json=[])
    assert both.run(orthanc_ledger_info, origins_of=[str(number) for number in range(501)])["origins"] == {}
    assert [len(request.json["Resources"]) for request in both.requests[1:]] == [500, 1]


def test_origins_in_another_form(both: FakeApi) -> None:
    both.expect("POST", "/tools/bulk-content", harmless=True).reply(json=[{"ID": "a"}])
    assert both.run(orthanc_ledger_info, origins_of=["a"])["failure"]["path"] == "/tools/bulk-content"


def test_the_clock_of_the_server(both: FakeApi) -> None:
    both.expect("GET", "/tools/now").reply(text="20261122T235959")
    assert both.run(orthanc_ledger_info, clock=True)["now"] == "2026-11-22T23:59:59Z"
    both.expect("GET", "/tools/now").reply(text="hello")
    result = both.run(orthanc_ledger_info, clock=True)
    assert "does not answer like Orthanc 1.13" in result["msg"]
    assert result["failure"]["path"] == "/tools/now"


def test_refusals(both: FakeApi) -> None:
    assert "must be a date" in both.run(orthanc_ledger_info, day="yesterday")["msg"]
    assert "one of the following is required" in both.run(orthanc_ledger_info)["msg"]


def test_an_old_server(both: FakeApi) -> None:
    both.expect("POST", "/tools/find", harmless=True).reply(json=["id"])
    assert "does not answer like Orthanc 1.13" in both.run(orthanc_ledger_info, day="2026-11-22")["msg"]


def test_portions() -> None:
    entries = [ledger.Entry(str(number), images) for number, images in enumerate((2, 2, 9, 1, 1))]
    found = [[entry.uid for entry in portion] for portion in ledger.portions(entries, 4)]
    assert found == [["0", "1"], ["2"], ["3", "4"]]
    many = [ledger.Entry(str(number), 1) for number in range(ledger.TERMS + 1)]
    assert [len(portion) for portion in ledger.portions(many)] == [ledger.TERMS, 1]


class Synthetic:
    """An Orthanc with ``count`` series of ``size`` images, which exist only while they are asked for."""

    def __init__(self, count: int, size: int) -> None:
        self.endpoint = Endpoint("Orthanc", "http://127.0.0.1:8042")
        self.count, self.size, self.requests = count, size, 0

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: Any = 0,
    ) -> Response:
        """Answers searches."""
        self.requests += 1
        question = json.loads(body or b"")
        if question["Level"] == "Series":
            return self._answer([series(f"1.{number}", self.size) for number in range(self.count)])
        uids, since = question["Query"]["SeriesInstanceUID"].split("\\"), question["Since"]
        chosen = range(since, min(since + question["Limit"], len(uids) * self.size))
        return self._answer([image(uids[place // self.size], place % self.size) for place in chosen])

    @staticmethod
    def _answer(found: Any) -> Response:
        return Response(200, {"content-type": "application/json"}, json.dumps(found).encode())


class Moving(Synthetic):
    """One series of ``size`` images, of which the first goes, or one comes before it, after the first answer."""

    def __init__(self, size: int, step: int, times: int) -> None:
        super().__init__(1, size)
        self.numbers = list(range(size))
        self.step, self.times = step, times

    def request(self, method: str, path: str, body: bytes | None = None, *__: Any, **more: Any) -> Response:
        """Answers searches."""
        question = json.loads(body or b"")
        if question["Level"] == "Study":
            return self._answer([])
        if question["Level"] == "Series":
            return self._answer([series("1.0", len(self.numbers))])
        chosen = self.numbers[question["Since"] : question["Since"] + question["Limit"]]
        if question["Since"] == 0 and self.times:
            self.times -= 1
            self.numbers = self.numbers[1:] if self.step < 0 else [self.numbers[0] - 1, *self.numbers]
        return self._answer([image("1.0", number) for number in chosen])


def ask(server: Synthetic, **question: Any) -> dict[str, Any]:
    """One question to a synthetic server."""
    params = {"day": None, "compare": None, "images_of": None, "origins_of": None, "md5": True, "limit": 9, "after": ""}
    params["skip_patients"] = None
    params |= {"replaced": None, "list_differing": False}
    return dict(ledger.read(Api(server, read_only=True), {**params, **question}))


@pytest.mark.parametrize("step", [-1, 1])
def test_images_that_come_or_go_between_two_answers_hide_none(step: int) -> None:
    """With answers that simply follow each other, one image would be in none or in both."""
    found = ask(Moving(7000, step, 1), images_of=["1.0"])
    moved = Moving(7000, step, 1)
    assert len(found["found"]["1.0"]) == 7000 + step
    assert found["unread"] == []
    sums = ask(moved, day="2026-11-22")["series"]
    still = Moving(0, 0, 0)
    still.numbers = moved.numbers
    assert sums == ask(still, day="2026-11-22")["series"]


def test_a_series_that_never_holds_still_is_told_as_such() -> None:
    assert ask(Moving(7000, -1, 99), images_of=["1.0"]) == {"found": {}, "unread": ["1.0"]}
    page = ask(Moving(7000, -1, 99), day="2026-11-22")
    assert page["series"] == [{"series": "1.0", "images": 7000, "digest": "", "study": "study-1.0"}]
    # Not even two of that kind are the same.
    there = ask(Moving(7000, -1, 99), compare=page["series"], list_differing=True)
    assert (there["same"], there["found"], there["unread"]) == (0, {}, ["1.0"])


@pytest.mark.parametrize("size", [2999, 3000, 3001, 6000, 6001])
def test_every_size_is_read_to_its_end(size: int) -> None:
    assert len(ask(Synthetic(1, size), images_of=["1.0"])["found"]["1.0"]) == size


def _peak(count: int, size: int) -> tuple[int, int, int]:
    """Peak of memory in bytes, images and requests of one comparison of a server with itself, page after page."""
    server = Synthetic(count, size)
    total, after = 0, ""
    tracemalloc.start()
    while True:
        page = ask(server, day="2026-11-22", after=after, limit=500)
        total += page["images"]
        after = page["next"]
        if not after:
            break
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak, total, server.requests


def test_memory_does_not_grow_with_the_number_of_images() -> None:
    small, images, __ = _peak(2, 3000)
    assert images == 6000
    large, images, requests = _peak(10, 3000)
    assert images == 30_000
    assert large < small * 1.2
    assert requests <= 25


def measure_a_million_images() -> None:
    """Below HTTP and JSON, which would take most of the time. Prints images, digests, and how memory grew in kB."""
    size, uids = 4000, [f"1.{number}" for number in range(250)]

    def find_images(api: Any, question: Mapping[str, Any]) -> list[Any]:
        uid, since = question["Query"]["SeriesInstanceUID"], question["Since"]
        return [image(uid, number) for number in range(since, min(since + question["Limit"], size))]

    vars(ledger)["_find"] = find_images
    before, api = _highest(), cast(Any, None)
    sums = list(ledger.digests(api, (ledger.Entry(uid, size) for uid in uids)))
    print(sum(one["images"] for one in sums), len({one["digest"] for one in sums}), _highest() - before)


def _highest() -> int:
    """The most memory that this program ever had, in kB. What getrusage says begins with that of the parent."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def test_a_million_images() -> None:
    """One portion lives at a time, whatever the day's size. In a process of its own, for a peak never falls."""
    program = f"import tests.conftest; from {__name__} import *; measure_a_million_images()"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    images, digests, grown = map(int, done.stdout.split())
    assert (images, digests) == (1_000_000, 250)
    assert grown < 50_000, "kilobytes; the rows themselves would take more than 300,000"
