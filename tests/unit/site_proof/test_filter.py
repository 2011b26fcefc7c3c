# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table, the JUnit file and the data of a proof."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.filter.proof import (
    proof_certificates,
    proof_detail,
    proof_doors,
    proof_junit,
    proof_refusals,
    proof_report,
    proof_table,
    proof_worklists,
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


def served(**change: Any) -> dict[str, Any]:
    """The answer of a probe to a good certificate of 64 days, of which 40 are left."""
    answer = {"url": "https://v/", "status": 200, "error": "", "days": 40, "lifetime": 64}
    answer |= {"not_after": "2027-05-01T12:00:00Z", "headers": {"strict-transport-security": "max-age=63072000"}}
    return {"v": {**answer, **change}}


def wrong(answers: dict[str, Any], held: str | None = None, share: float = 0.2, days: int = 0) -> list[str]:
    """The sentences of the claims that do not hold."""
    kept = [{"item": "v", "certificate": {"expires_on": held} if held else {}}]
    return [one["otherwise"] for one in proof_certificates(answers, kept, share, days) if not one["right"]]


@pytest.mark.parametrize(
    ("lifetime", "enough", "late"), [(90, 18, 17), (64, 13, 12), (45, 9, 8), (6, 2, 1), (365, 73, 72)]
)
def test_what_is_left_of_a_certificate_is_a_share_of_its_lifetime(lifetime: int, enough: int, late: int) -> None:
    """A fixed number of days would be an alarm for ever with 6 days, and none at all with a year."""
    assert wrong(served(days=enough, lifetime=lifetime)) == []
    (sentence,) = wrong(served(days=late, lifetime=lifetime))
    assert sentence.startswith(
        f"https://v/: the certificate, made for {lifetime} days, expires in {late} days; expected"
    )
    assert wrong(served(days=late, lifetime=lifetime), days=late) == []
    assert wrong(served(days=enough, lifetime=lifetime), days=enough + 1) != []


def test_a_certificate_that_was_renewed_and_is_not_served() -> None:
    """The proxy manager tells its time in a zone that nobody knows, as SQLite or as the other databases do."""
    for same in ("2027-05-01 12:00:00", "2027-05-01T12:00:00.000Z", "2027-05-02 02:00:00", "2027-04-30 23:00:00", None):
        assert wrong(served(), same) == []
    for renewed in ("2027-07-01 12:00:00", "2027-07-01T12:00:00.000Z"):
        (sentence,) = wrong(served(), renewed)
        assert "was renewed until 2027-07-01, but the one until 2027-05-01 is still served; run site.yml" in sentence
    # Not our business: the proxy serves a newer one than its database tells.
    assert wrong(served(), "2027-03-01 12:00:00") == []
    assert proof_certificates(served(), [{"item": "v", "skipped": True}], 0.2)


def test_no_answer_and_no_hsts() -> None:
    silent = served(status=0, error="no answer within 10 s", days=None, lifetime=None, not_after=None, headers={})
    assert wrong(silent, "2027-07-01 12:00:00")[0] == "https://v/: no answer within 10 s."
    assert "switch HSTS on" in wrong(served(headers={"strict-transport-security": "max-age=0"}))[0]


def test_what_the_gateway_refused() -> None:
    image = {
        "uid": "1.2.3",
        "status": "A700",
        "reason": "StudyInstanceUID is missing",
        "aet": "CT",
        "address": "192.0.2.1",
    }
    told = proof_refusals({"refused": {"today": 2, "known": True, "images": [{**image, "times": 2}]}})
    assert not told["right"]
    said = "The gateway refused 2 images today: 1.2.3 (A700, StudyInstanceUID is missing) from CT at 192.0.2.1, 2 times"
    assert told["otherwise"].startswith(said)
    nothing = proof_refusals({"refused": {"today": 0, "known": True, "images": []}})
    assert nothing["right"]
    assert nothing["detail"] == "no image of today was refused, as far as the log of its Orthanc tells"
    for unknown in ({}, {"refused": {"today": 0, "known": False, "images": []}}):
        assert proof_refusals(unknown)["detail"] == "what was refused is not known"
    again = proof_refusals({"replaced": {"today": 1, "images": [{"uid": "1.2"}]}, "rejected": {"today": 3}})
    assert again["right"]
    assert again["detail"].endswith("1 came again with other content: 1.2; associations turned away today: 3")


def test_worklist_files_that_reach_no_scanner() -> None:
    good = proof_worklists({"files": 12, "bad": []})
    assert (good["right"], good["detail"]) == (True, "all 12 files of the LIMS can be read")
    assert proof_worklists({"files": 0, "bad": []})["detail"] == "there is no file"
    bad = [{"file": f"a{number}.wl", "reason": "is cut off, it ends early"} for number in range(1, 6)]
    told = proof_worklists({"files": 12, "bad": bad[:1]})
    assert not told["right"]
    assert told["otherwise"] == (
        "1 of 12 worklist files reach no scanner, or not rightly: a1.wl is cut off, it ends early. "
        "Have the LIMS write them again."
    )
    assert "a3.wl is cut off, it ends early and others." in proof_worklists({"files": 12, "bad": bad})["otherwise"]


CALL = "mediverse-proof-1"
DOORS: dict[str, Any] = {
    "addresses": ["172.20.0.2:8042", "172.20.0.3:80", "172.20.0.4:81"],
    "viewer": {"name": "pacs-demo-ohif-1", "address": "172.20.0.3"},
    "from_host": {"172.20.0.2:8042": 401, "172.20.0.3:80": 403},
    "others": [],
    "from_others": [],
    "guard": "",
}


def doors(heard: str = "", **change: Any) -> dict[str, Any]:
    """What the proof says of the answers, with some of them changed."""
    said: dict[str, Any] = proof_doors({**DOORS, **change}, heard, CALL, "demo", "hub", "demo-cloud")
    return said


def open_doors(heard: str = "", **change: Any) -> list[str]:
    """The sentences of the claims that do not hold."""
    return [one["otherwise"] for one in doors(heard, **change)["claims"] if not one["right"]]


def test_closed_doors() -> None:
    assert open_doors('172.20.0.1 - 200 GET "/"') == []
    assert doors()["detail"] == "3 addresses of containers refuse the host and hub"
    assert doors(others=["pacs-a-ohif-1", "pacs-b-ohif-1"])["detail"] == (
        "3 addresses of containers refuse the host, pacs-a-ohif-1, pacs-b-ohif-1 and hub"
    )


@pytest.mark.parametrize("status", [200, 204])
def test_a_container_that_lists_studies_past_the_proxy(status: int) -> None:
    (sentence,) = open_doors(from_host={"172.20.0.2:8042": 401, "172.20.0.3:80": status, "172.20.0.3:443": status})
    assert sentence == (
        "A container of demo lists studies without a login and without the proxy (172.20.0.3:80, 172.20.0.3:443); "
        "run the playbook again, and take the site off the net until this check passes."
    )
    # What is refused, sent elsewhere or broken lists nothing.
    assert open_doors(from_host=dict(zip(("a:1", "b:1", "c:1", "d:1"), (301, 401, 404, 502), strict=True))) == []


def test_another_site_s_container_that_gets_through() -> None:
    (sentence,) = open_doors(from_others=["172.20.0.3:80 from pacs-other-ohif-1", "172.20.0.2:8042 from x"])
    assert sentence == (
        "Another site's container reaches 172.20.0.3:80 from pacs-other-ohif-1, 172.20.0.2:8042 from x; the site has "
        "to have a network of its own, so run the playbook again for both."
    )


def test_a_call_from_outside_that_was_heard() -> None:
    (sentence,) = open_doors(f'2026 404 GET "/{CALL}" [-]')
    assert sentence == (
        "hub reaches the container pacs-demo-ohif-1 at 172.20.0.3; containers must be reached through the proxy only, "
        "so look at the routes and the firewall of demo-cloud."
    )
    assert open_doors("a call of another run: mediverse-proof-2") == []


def test_the_word_of_the_guard() -> None:
    said = "Container addresses are not closed (iptables lacks rules or passes them by); run the playbook again."
    assert open_doors(guard=said) == [said]


def test_the_worst_of_several_is_told_first() -> None:
    first, *others = open_doors(CALL, from_host={"a:80": 200}, from_others=["b"], guard="The rules are gone.")
    assert first.startswith("A container of demo lists studies")
    assert len(others) == 3
