"""The study list as OHIF reads it: what empties it is found, what does not is left alone."""

from __future__ import annotations

import gzip
import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils import _viewer_list
from ansible_collections.mediverse.pacs.plugins.modules.viewer_list_info import run


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
    assert _viewer_list.problems([row(**changes), row()]) == []


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
    said = _viewer_list.problems([row(), row(**changes)])
    assert said == [sentence]
    assert "secret" not in _viewer_list.summary(said).lower()


def test_many_problems_are_summed_up() -> None:
    said = _viewer_list.problems(["x"] * 12)
    assert _viewer_list.summary(said).endswith("row 5 is no study; and 7 more")


class Viewer(http.server.BaseHTTPRequestHandler):
    """Answers what the test says, to who logs in."""

    body: bytes = b"[]"
    kind = "application/dicom+json"
    packed = True
    asked = ""

    def do_GET(self) -> None:
        if self.headers.get("Authorization") != "Basic dmlld2VyOnB3":
            self.send_response(401)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        Viewer.asked = self.path
        pack = self.packed and "gzip" in self.headers.get("Accept-Encoding", "")
        body = gzip.compress(self.body) if pack else self.body
        self.send_response(200)
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
            **{"username": "viewer", "password": "pw", "ca_path": None, "timeout": 5.0},
        }
    finally:
        server.shutdown()
        server.server_close()


def test_the_list_is_asked_for_as_ohif_does(viewer: dict[str, Any]) -> None:
    seen = run(viewer)
    assert (seen["studies"], seen["problems"], seen["compressed"]) == (50, [], True)
    assert "limit=101" in Viewer.asked
    assert "includefield=00081030%2C00080060" in Viewer.asked


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
