# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The study list as OHIF reads it: what empties it is found, what does not is left alone."""

from __future__ import annotations

import gzip
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.mediverse.pacs.plugins.module_utils._site import viewer_list
from ansible_collections.mediverse.pacs.plugins.modules.viewer_list_info import run

ROOT = Path(__file__).resolve().parents[3]


def row(**changes: Any) -> dict[str, Any]:
    """A row as Orthanc writes it; None takes an attribute away."""
    found: dict[str, Any] = {
        "00080020": {"vr": "DA", "Value": ["20261129"]},
        "00080061": {"vr": "CS", "Value": ["CT"]},
        "00080090": {"vr": "PN"},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Secret^Name"}]},
        "00100020": {"vr": "LO", "Value": ["SECRET-ID"]},
        "0020000D": {"vr": "UI", "Value": ["1.2.3"]},
        "00201208": {"vr": "IS", "Value": [1]},
    }
    for tag, value in changes.items():
        found[tag.lstrip("_")] = value
    return {tag: value for tag, value in found.items() if value is not None}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"_00080061": None},
        {"_00080061": {"vr": "CS", "Value": []}},
        {"_00080061": {"vr": "CS", "Value": [None, "CT"]}},
        {"_00100010": {"vr": "PN"}},
        {"_00100010": {"vr": "PN", "Value": [{}, {"Alphabetic": "A"}]}},
        {"_00100010": {"vr": "PN", "Value": [{"Ideographic": "A"}]}},
        {"_00080020": None, "_00201208": {"vr": "IS"}},
    ],
)
def test_what_ohif_reads_is_no_problem(changes: dict[str, Any]) -> None:
    assert viewer_list.problems([row(**changes), row()]) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"_00080061": {"vr": "CS"}}, "study 1.2.3: ModalitiesInStudy has no value"),
        ({"_00080061": {"vr": "CS", "Value": None}}, "study 1.2.3: ModalitiesInStudy has no value"),
        ({"_00080061": {"vr": "CS", "BulkDataURI": "/x"}}, "study 1.2.3: ModalitiesInStudy has no value"),
        (
            {"_00100010": {"vr": "PN", "Value": [None]}},
            "study 1.2.3: the first PatientName is neither a name nor a text",
        ),
        ({"_00100010": {"vr": "PN", "Value": [5]}}, "study 1.2.3: the first PatientName is neither a name nor a text"),
        ({"_00100020": {"vr": "LO", "Value": "x"}}, "study 1.2.3: the value of 00100020 is no list"),
        ({"_0020000D": None}, "study in row 2: it has no StudyInstanceUID"),
    ],
)
def test_what_empties_the_list_is_said_without_the_patient(changes: dict[str, Any], sentence: str) -> None:
    said = viewer_list.problems([row(), row(**changes)])
    assert said == [sentence]
    assert "secret" not in viewer_list.summary(said).lower()


def test_many_problems_are_summed_up() -> None:
    said = viewer_list.problems(["x"] * 12)
    assert viewer_list.summary(said).endswith("row 5 is no study; and 7 more")


class Viewer(http.server.BaseHTTPRequestHandler):
    """Answers what the test says, to who logs in."""

    body: bytes = b"[]"
    kind = "application/dicom+json"
    packed = True
    status = 200
    asked = ""
    dated: dict[str, bytes] = {}  # noqa: RUF012 (each test sets its own)
    """What it answers instead where the studies begin with that day."""

    def do_GET(self) -> None:
        if self.headers.get("Authorization") != "Basic dmlld2VyOnB3":
            self.send_response(401)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        Viewer.asked = self.path
        since = self.path.partition("&StudyDate=")[2]
        text = self.dated.get(since.removesuffix("-"), self.body) if since else self.body
        pack = self.packed and "gzip" in self.headers.get("Accept-Encoding", "")
        body = gzip.compress(text) if pack else text
        self.send_response(self.status)
        self.send_header("Content-Type", self.kind)
        if pack:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def viewer(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    monkeypatch.setattr(Viewer, "body", json.dumps([row()] * 50).encode())
    server = http.server.HTTPServer(("127.0.0.1", 0), Viewer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield {
            **{"url": f"http://viewer.example:{server.server_address[1]}", "address": "127.0.0.1"},
            **{"username": "viewer", "password": "pw", "ca_path": None, "timeout": 5.0, "days": []},
        }
    finally:
        server.shutdown()
        server.server_close()


def test_the_list_is_asked_for_as_ohif_does(viewer: dict[str, Any]) -> None:
    seen = run(viewer)
    assert (seen["studies"], seen["problems"], seen["compressed"]) == (50, [], True)
    assert "limit=101" in Viewer.asked
    assert "includefield=00081030%2C00080060" in Viewer.asked


BAD = row(_00080061={"vr": "CS"}, _0020000D={"vr": "UI", "Value": ["9.9"]})
NOON = 1796212800.0
"""2 December 2026, 12:00 UTC."""


@pytest.mark.parametrize(
    ("counts", "begun", "days", "recent"),
    [
        # The longest span that the viewer can sort; the last one, however many studies it holds.
        ([100, 9, 9, 9], "20261103", 30, 100),
        ([101, 100, 9, 9], "20261126", 7, 100),
        ([101, 101, 2, 1], "20261201", 2, 2),
        ([101, 101, 101, 101], "20261202", 1, 101),
    ],
)
def test_the_days_that_the_list_begins_with_are_looked_at(
    viewer: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    counts: list[int],
    begun: str,
    days: int,
    recent: int,
) -> None:
    spans = ["20261103", "20261126", "20261201", "20261202"]
    pages = {day: [row()] * count for day, count in zip(spans, counts, strict=True)}
    # A study of today that is not among the 101 that come without a date.
    pages[begun][-1] = BAD
    monkeypatch.setattr(Viewer, "dated", {day: json.dumps(page).encode() for day, page in pages.items()})
    monkeypatch.setattr("time.time", lambda: NOON)
    seen = run({**viewer, "days": [30, 7, 2, 1]})
    assert (seen["studies"], seen["days"], seen["recent"]) == (50, days, recent)
    assert seen["problems"] == ["study 9.9: ModalitiesInStudy has no value"]
    assert f"&StudyDate={begun}-" in Viewer.asked


def test_a_problem_of_both_pages_is_said_once(viewer: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Viewer, "body", json.dumps([BAD]).encode())
    seen = run({**viewer, "days": [30]})
    assert (seen["studies"], seen["recent"]) == (1, 1)
    assert seen["problems"] == ["study 9.9: ModalitiesInStudy has no value"]
    assert run(viewer)["days"] == 0
    assert run({**viewer, "days": [30], "password": "wrong"})["summary"].count("HTTP 401") == 1


def test_questions_that_the_proxy_turned_away_are_counted(
    viewer: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [run({**viewer, "days": [30]})[name] for name in ("asked", "turned_away")] == [2, 0]
    monkeypatch.setattr(Viewer, "status", 429)
    seen = run({**viewer, "days": [30]})
    assert (seen["asked"], seen["turned_away"], len(seen["problems"])) == (2, 2, 1)
    assert run(viewer)["turned_away"] == 1


def test_the_proof_looks_at_the_days_of_the_viewer() -> None:
    """One list of spans in the site file reaches both; else the proof would look at days that nobody sees first."""
    role = yaml.safe_load((ROOT / "roles" / "site_proof" / "defaults" / "main.yml").read_text(encoding="utf-8"))
    cloud = yaml.safe_load((ROOT / "roles" / "cloud_pacs" / "defaults" / "main.yml").read_text(encoding="utf-8"))
    site = yaml.safe_load((ROOT / "playbooks" / "vars" / "roles.yml").read_text(encoding="utf-8"))
    assert role["site_proof_list_days"] == cloud["cloud_pacs_list_days"]
    assert site["site_proof_list_days"] == f"{{{{ cloud_pacs_list_days | default({cloud['cloud_pacs_list_days']}) }}}}"
    check = yaml.safe_load(
        (ROOT / "roles" / "site_proof" / "tasks" / "checks" / "list.yml").read_text(encoding="utf-8")
    )
    assert check[0]["mediverse.pacs.viewer_list_info"]["days"] == "{{ site_proof_list_days }}"


def test_an_answer_that_is_not_compressed_is_told(viewer: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Viewer, "packed", False)
    assert run(viewer)["compressed"] is False
    monkeypatch.setattr(Viewer, "body", b"[]")
    assert run(viewer)["compressed"] is True


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"password": "wrong"}, "answers HTTP 401 instead of HTTP 200"),
        ({"url": "http://viewer.example:1"}, "refused"),
    ],
)
def test_no_list_is_a_problem(viewer: dict[str, Any], changes: dict[str, Any], sentence: str) -> None:
    seen = run({**viewer, **changes})
    assert len(seen["problems"]) == 1
    assert sentence in seen["problems"][0]


def test_a_page_or_half_an_answer_is_a_problem(viewer: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Viewer, "body", b"[{")
    assert "something that is no JSON" in run(viewer)["problems"][0]
    monkeypatch.setattr(Viewer, "kind", "text/html")
    assert "answers with text/html" in run(viewer)["problems"][0]
