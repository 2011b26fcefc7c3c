"""The table, the JUnit file and the data of a proof."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

from ansible_collections.mediverse.pacs.plugins.filter.proof import (
    proof_detail,
    proof_junit,
    proof_report,
    proof_table,
)

RESULTS: list[dict[str, Any]] = [
    {"check": "https", "title": "HTTPS", "result": "passed", "detail": "valid for 89 days", "seconds": 0.44},
    {"check": "echo", "title": "Echo to scanners", "result": "failed", "detail": "ct1 is silent " * 12, "seconds": 5},
    {"check": "image", "title": "Image", "result": "skipped", "detail": "check mode", "seconds": 0},
]


def test_the_table_is_aligned_and_counts() -> None:
    lines = proof_table(RESULTS, "demo")
    assert lines[0] == "result   check             seconds  detail"
    assert lines[2] == "ok       HTTPS                 0.4  valid for 89 days"
    assert lines[3].startswith("FAILED   Echo to scanners      5.0  ct1 is silent")
    assert lines[4].startswith(" " * 36 + "silent") or lines[4].startswith(" " * 36 + "ct1")
    assert lines[-1] == "Site demo: 1 of 2 checks passed, 1 left out."
    assert all(len(line) <= 120 for line in lines)


def test_junit_can_be_read_back() -> None:
    broken = [*RESULTS, {**RESULTS[0], "check": "odd", "detail": 'a < b & "c"\x00\n'}]
    suite = ET.fromstring(proof_junit(broken, "demo", "2026-01-01T00:00:00"))
    assert {key: suite.get(key) for key in ("tests", "failures", "skipped", "errors", "time")} == {
        "tests": "4",
        "failures": "1",
        "skipped": "1",
        "errors": "0",
        "time": "5.9",
    }
    assert [case.get("name") for case in suite] == ["https", "echo", "image", "odd"]
    assert suite[1].find("failure") is not None
    assert suite[2].find("skipped") is not None
    assert suite[3].find("failure") is None


def test_the_report_counts() -> None:
    report = proof_report(RESULTS, "demo", "2026-01-01T00:00:00")
    assert (report["passed"], report["failed"], report["skipped"], report["total"]) == (1, 1, 1, 3)
    assert report["seconds"] == 5.4
    assert report["checks"] == RESULTS


def test_details_of_failed_tasks_are_one_short_line() -> None:
    assert proof_detail({"msg": "one\n  two"}) == "one two"
    assert proof_detail({"msg": "x" * 400}) == "x" * 300
    assert proof_detail({}) == "the task failed without a message"
    items = [{"failed": True, "msg": "a."}, {"msg": "fine"}, {"failed": True, "msg": "b."}]
    assert proof_detail({"msg": "One or more items failed", "results": items}) == "a. b."
    assert proof_detail("plain") == "plain"
