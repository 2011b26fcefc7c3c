# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table, the JUnit file and the data of a report, and the plugins that keep its rows."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.mediverse.pacs.plugins.action import site_proof_judge, site_proof_report, site_proof_row
from ansible_collections.mediverse.pacs.plugins.module_utils._rules.containers import SITE_LENGTH
from ansible_collections.mediverse.pacs.plugins.module_utils._site.report import as_data, as_junit, said_by, table
from ansible_collections.mediverse.pacs.plugins.module_utils._site.runs import new_run
from ansible_collections.mediverse.pacs.plugins.module_utils.orthanc import image

ROWS: list[dict[str, Any]] = [
    {"check": "https", "title": "HTTPS", "result": "passed", "detail": "valid for 89 days", "seconds": 0.44},
    {"check": "echo", "title": "Echo to scanners", "result": "failed", "detail": "ct1 is silent " * 12, "seconds": 5},
    {"check": "image", "title": "Image", "result": "skipped", "detail": "check mode", "seconds": 0},
]


def test_the_table_is_aligned_and_counts() -> None:
    lines = table(ROWS, "demo")
    assert lines[0] == "result   check             seconds  detail"
    assert lines[2] == "ok       HTTPS                 0.4  valid for 89 days"
    assert lines[3].startswith("FAILED   Echo to scanners      5.0  ct1 is silent")
    assert lines[4].startswith(" " * 36 + "silent") or lines[4].startswith(" " * 36 + "ct1")
    assert lines[-1] == "Site demo: 1 of 2 checks passed, 1 left out."
    assert all(len(line) <= 120 for line in lines)


def test_junit_can_be_read_back() -> None:
    broken = [*ROWS, {**ROWS[0], "check": "odd", "detail": 'a < b & "c"\x00\n'}]
    suite = ET.fromstring(as_junit(broken, "demo", "2026-01-01T00:00:00"))
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
    report = as_data(ROWS, "demo", "2026-01-01T00:00:00")
    assert (report["passed"], report["failed"], report["skipped"], report["total"]) == (1, 1, 1, 3)
    assert report["seconds"] == 5.4
    assert report["checks"] == ROWS


def test_what_a_failed_task_said() -> None:
    assert said_by({"msg": "one"}) == "one"
    assert said_by({}) == "the task failed without a message"
    items = [{"failed": True, "msg": "a."}, {"msg": "fine"}, {"failed": True, "msg": "b."}]
    assert said_by({"msg": "One or more items failed", "results": items}) == "a. b."
    assert said_by({"msg": "One or more items failed", "results": [*items, *items]}) == "a. b."
    assert said_by("plain") == "plain"


LOGIN = {"username": "admin", "password": 'Pl4nt\'ed "sec" $x'}
CHECK = {"check": "echo", "title": "Echo"}
CHECKS = [{**CHECK, "writes": False}, {"check": "image", "title": "Image", "writes": True}]


def run(plugin: Any, check_mode: bool = False, **options: Any) -> dict[str, Any]:
    """What the action plugin returns; nothing but its options is there."""
    task = mock.MagicMock(args=options, check_mode=check_mode, async_val=0)
    action = plugin.ActionModule(task, mock.MagicMock(), mock.MagicMock(), mock.MagicMock(), None, None)
    result: dict[str, Any] = action.run(task_vars={})
    return result


def keep(so_far: dict[str, Any], **options: Any) -> dict[str, Any]:
    return run(site_proof_row, check=CHECK, so_far=so_far, **options)


def test_a_row_of_each_kind() -> None:
    began = run(site_proof_row)
    assert (began["rows"], began["started"][-6:]) == ([], "+00:00")
    began["clock"] -= 1.5
    good = keep(began, judged={"check": "echo", "msg": "ct1 answered", "changed": False})
    (row,) = good["rows"]
    assert 1.5 <= row.pop("seconds") < 3
    assert row == {"check": "echo", "title": "Echo", "result": "passed", "detail": "ct1 answered"}
    bad = keep(good, failure={"failed": True, "msg": "one\n  two"})
    assert [one["detail"] for one in bad["rows"]] == ["ct1 answered", "one two"]
    assert bad["rows"][1]["result"] == "failed"
    assert bad["rows"][1]["seconds"] < 1.5
    assert (bad["started"], bad["run"]) == (began["started"], began["run"])
    assert keep(began, failure={"msg": "x" * 5000})["rows"][0]["detail"] == "x" * 4000


def test_a_row_names_the_host_on_which_a_module_failed() -> None:
    """An address of its own API does not tell it; a judge says himself which host matters."""
    began = run(site_proof_row)
    msg = "Orthanc at http://127.0.0.1:8042 refused the login."
    (row,) = keep(began, failure={"failed": True, "msg": msg}, failed_on="demo-cloud")["rows"]
    assert row["detail"] == f"demo-cloud: {msg}"
    loop = {"results": [{"failed": True, "msg": msg}, {"failed": False}], "msg": "One or more items failed"}
    assert keep(began, failure=loop, failed_on="demo-cloud")["rows"][0]["detail"] == f"demo-cloud: {msg}"
    named = {"msg": "User 1 cannot write on demo-cloud"}
    assert keep(began, failure=named, failed_on="demo-cloud")["rows"][0]["detail"] == named["msg"]
    judged = {"failed": True, "check": "echo", "msg": "Scanner ct1 is silent."}
    assert keep(began, failure=judged, failed_on="demo-gateway")["rows"][0]["detail"] == "Scanner ct1 is silent."


def test_each_run_has_a_name_that_fits_an_accession_number_and_behind_the_longest_site_a_patient_id() -> None:
    names = {run(site_proof_row)["run"] for __ in range(3)}
    assert len(names) == 3
    assert all(re.fullmatch(r"[0-9]{10}[0-9a-f]{5}", name) for name in names)
    assert new_run(datetime(2026, 11, 30, 10, 6, 47, tzinfo=UTC), b"\xab\x12\xcd") == "2611301006ab12c"
    longest = f"mediverse-proof-{'s' * SITE_LENGTH}-{names.pop()}"
    assert image.act(mock.Mock(), {"patient_id": longest, "stale_prefix": None, "state": "present"}, True)["changed"]


@pytest.mark.parametrize("judged", [None, {}, {"check": "link", "msg": "m"}, {"check": "echo", "failed": True}])
def test_a_check_that_nobody_judged_has_not_passed(judged: Any) -> None:
    with pytest.raises(AnsibleActionFail, match="echo ended without being judged"):
        keep(run(site_proof_row), judged=judged)


def test_a_judge_says_what_is_wrong_and_repeats_nothing() -> None:
    seen = {"answers": {"ct1": {"answered": False, "reason": f"refused {LOGIN['password']}"}}}
    told = run(site_proof_judge, check="echo", given={"seen": seen, "aet": "GW", "gateway": "gw"}, logins=[LOGIN])
    assert told["failed"]
    assert told["msg"].startswith("Scanner ct1 does not answer an echo of the gateway: refused ********. Check")
    assert set(told) == {"changed", "check", "failed", "msg"}
    seen = {"answers": {"ct1": {"answered": True}}}
    good = run(site_proof_judge, check="echo", given={"seen": seen, "aet": "GW", "gateway": "gw"})
    assert (good["msg"], good["check"], good["changed"]) == ("ct1 answered", "echo", False)


def test_no_secret_comes_into_a_row_not_even_half_of_one() -> None:
    """From core 2.22 on a result is masked where it is shown, and not where it is copied to a file."""
    for length in range(270, 305):
        failure = {"msg": "x" * length + LOGIN["password"] + json.dumps(LOGIN)}
        (row,) = keep(run(site_proof_row), failure=failure, logins=[LOGIN])["rows"]
        assert "Pl4" not in row["detail"]


def report(folder: Path, *rows: dict[str, Any], check_mode: bool = False) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the plugin returned, and what it wrote as JSON."""
    so_far = {"rows": list(rows), "started": "2026-01-01T00:00:00+00:00"}
    told = run(
        site_proof_report, check_mode, site="demo", directory=str(folder / "a" / "b"), checks=CHECKS, so_far=so_far
    )
    data = json.loads((folder / "a" / "b" / "proof.json").read_text(encoding="utf-8"))
    suite = ET.fromstring((folder / "a" / "b" / "proof.xml").read_bytes())
    assert [case.get("name") for case in suite] == ["echo", "image"]
    return told, data


ECHO = {**CHECK, "result": "passed", "detail": "Zürich answered", "seconds": 1.0}
IMAGE = {"check": "image", "title": "Image", "result": "failed", "detail": "not there", "seconds": 2.5}


def test_the_reports_are_written(tmp_path: Path) -> None:
    told, data = report(tmp_path, ECHO, IMAGE)
    assert told["verdict"] == f"Image: see the table above and {tmp_path}/a/b/proof.json."
    assert told["table"] == table([ECHO, IMAGE], "demo")
    assert told["table"][-1] == "Site demo: 1 of 2 checks passed."
    assert data["checks"] == [ECHO, IMAGE]
    places = [tmp_path / "a", tmp_path / "a" / "b", *(tmp_path / "a" / "b").iterdir()]
    assert [oct(place.stat().st_mode & 0o777) for place in places] == ["0o700", "0o700", "0o600", "0o600"]
    assert sorted(path.name for path in (tmp_path / "a" / "b").iterdir()) == ["proof.json", "proof.xml"]
    assert report(tmp_path, ECHO, {**IMAGE, "result": "passed"})[0]["verdict"] == ""
    so_far = {"rows": [ECHO], "started": "2026-01-01T00:00:00+00:00"}
    named: dict[str, Any] = {
        "site": "demo",
        "label": "Kanifing (demo)",
        "directory": str(tmp_path / "c"),
        "checks": CHECKS[:1],
    }
    assert run(site_proof_report, so_far=so_far, **named)["table"][-1] == "Site Kanifing (demo): 1 of 1 check passed."


def test_a_check_without_a_row_is_left_out_in_check_mode_only_and_only_when_it_writes(tmp_path: Path) -> None:
    told, data = report(tmp_path, ECHO, check_mode=True)
    assert (told["verdict"], data["failed"], data["skipped"]) == ("", 0, 1)
    assert data["checks"][1]["detail"] == "it writes, and this is check mode"
    told, data = report(tmp_path, ECHO)
    assert (data["failed"], data["skipped"]) == (1, 0)
    assert "ended without a result" in data["checks"][1]["detail"]
    assert report(tmp_path, {**IMAGE, "result": "passed"}, check_mode=True)[1]["failed"] == 1


def test_a_directory_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a file")
    with pytest.raises(AnsibleActionFail, match="Check site_proof_directory"):
        report(tmp_path, ECHO)
