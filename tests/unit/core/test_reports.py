# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a report is written, in whatever format, no secret comes into the file, whatever a task was registered with.

Masks stand where texts are made as well; here each writer is given what would come if those had forgotten one. A new
file of reports belongs into :data:`WRITERS`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from ansible_collections.mediverse.pacs.plugins.action import (
    delivery_ledger,
    scanner_sheets,
    site_proof_report,
    site_proof_row,
)
from ansible_collections.mediverse.pacs.plugins.module_utils._ledger.days import new_day

from tests.spellings import shown, spellings

SECRET = 'Pl4nt\'ed "sec"/\\ $x&<y>%41'
LOGIN = {"username": "admin", "password": SECRET}
DAY = "2026-11-22"
HOW = ["as it is", "quoted for a URL", "as JSON", "as JSON in JSON", "as a login of HTTP", "every spelling"]


def planted(how: str) -> str:
    """A text that a server might say, with the secret in it."""
    escaped = json.dumps({"password": SECRET})
    said = {
        "as it is": SECRET,
        "as JSON": escaped,
        "as JSON in JSON": json.dumps(escaped),
        "every spelling": " | ".join(sorted(spellings(SECRET, ["admin"]))),
    }
    urls = [one for one in spellings(SECRET, ["admin"]) if "%22" in one or "%27" in one]
    logins = [one for one in spellings(SECRET, ["admin"]) if one.isalnum()]
    said |= {"quoted for a URL": " ".join(urls), "as a login of HTTP": " ".join(logins)}
    assert said[how], how
    return f"said {said[how]} and ended"


def run(plugin: Any, **options: Any) -> dict[str, Any]:
    """What the action plugin returns. It asks nobody."""
    task = mock.MagicMock(args=options, check_mode=False, async_val=0)
    action = plugin.ActionModule(task, mock.MagicMock(), mock.MagicMock(), mock.MagicMock(), None, None)
    if plugin is delivery_ledger:
        action.ask = lambda module, options, variables: {"failed": True, "msg": options["destinations"][0]}
    result: dict[str, Any] = action.run(task_vars={"inventory_hostname": "gw"})
    return result


def proof(folder: Path, result: dict[str, Any]) -> None:
    """A row that nobody masked: a result of a task that was registered, with its text under each of its names."""
    row = {"check": "echo", "title": result["msg"], "result": "failed", "detail": result["msg"], "seconds": 0.1}
    skipped = {**row, "check": "image", "result": "skipped"}
    so_far = {"rows": [{**row, "extra": {result["msg"]: [result]}}, skipped], "started": result["msg"]}
    checks = [{"check": name, "title": name, "writes": False} for name in ("echo", "image")]
    given = {"site": "demo", "directory": str(folder), "checks": checks, "logins": [LOGIN]}
    run(site_proof_report, so_far=so_far, label=result["msg"], **given)


def proof_of_a_failure(folder: Path, result: dict[str, Any]) -> None:
    """The way of a failed task through its row, of which a part may be cut off."""
    check = {"check": "echo", "title": "Echo"}
    for number in range(3990, 4001):
        failure = {**result, "msg": "x" * (number - len(result["msg"]) // 2) + result["msg"]}
        rows = run(site_proof_row, check=check, so_far=run(site_proof_row), failure=failure, logins=[LOGIN])
        # The report masks as well: here it is given no login, so that the row alone has to.
        checks = [{**check, "writes": False}]
        run(site_proof_report, site="demo", directory=str(folder / str(number)), checks=checks, so_far=rows)


def ledger(folder: Path, result: dict[str, Any]) -> None:
    """Days with images that could not be sent for such a reason, and a forwarder that says so, too."""
    said = result["msg"]
    named = {"series": "1.1", "sop": "1.1.1", "id": "i", "problem": "missing", "reason": said, said: said}
    day = {**new_day(DAY), "images": 1, "missing": 1, "unsent": 1, "reasons": {said: 1}, "named": [named]}
    so_far = {"began": said, "now": f"{DAY}T12:00:00Z", "days": [day], "portions": [], "pending": []}
    given = {"site": "demo", "directory": str(folder), "logins": [LOGIN]}
    run(delivery_ledger, step="report", so_far=so_far, peer=said, **given)


def ledger_that_was_stopped(folder: Path, result: dict[str, Any]) -> None:
    run(delivery_ledger, step="stop", failure=result, site="demo", directory=str(folder), logins=[LOGIN])


def sheets(folder: Path, result: dict[str, Any]) -> None:
    """A gateway that says its login where it should say who it is."""
    said = result["msg"]
    scanner = {"name": "ct1", "aet": said, "host": said, "port": 104}
    deployed: dict[str, Any] = {"modalities": {"ct1": scanner}, "plugins": [said], "transfer_syntaxes": [said]}
    deployed |= {"default_encoding": said, "system": {"DicomAet": said, "DicomPort": 4242, "Version": said}}
    login = {f"api_{name}": value for name, value in LOGIN.items()}
    given = {"site": "demo", "viewer": "v", "aet": "A", "scanners": {}, "adapters": [], "directory": str(folder)}
    with mock.patch.object(scanner_sheets.ActionModule, "ask", return_value=deployed):
        run(scanner_sheets, **login, **given)


WRITERS: dict[Callable[[Path, dict[str, Any]], None], list[str]] = {
    proof: ["proof.json", "proof.xml"],
    proof_of_a_failure: ["proof.json", "proof.xml"],
    ledger: ["ledger.json"],
    ledger_that_was_stopped: ["ledger.json"],
    sheets: ["demo-ct1.html"],
}


@pytest.mark.parametrize("failed", [False, True], ids=["good", "failed"])
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("write", list(WRITERS))
def test_no_file_holds_a_secret(
    write: Callable[[Path, dict[str, Any]], None], how: str, failed: bool, tmp_path: Path
) -> None:
    said = planted(how)
    items = {"results": [{"failed": True, "msg": said}, {"failed": False, "msg": said}]} if failed else {}
    write(tmp_path, {"failed": failed, "msg": said, **items})
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted({path.name for path in files}) == sorted(WRITERS[write])
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert "********" in text or write is proof_of_a_failure, path.name
        assert shown(text, {"secret": SECRET}, ["admin"]) == [], path.name
        assert "Pl4nt" not in text, path.name


def test_nobody_else_writes_a_report() -> None:
    """Whoever writes a file by the writer of reports stands in WRITERS, or plants secrets in a test of its own."""
    plugins = Path(site_proof_report.__file__).parents[1]
    writing = {path.stem for path in plugins.rglob("*.py") if "import write_report" in path.read_text("utf-8")}
    # tests/unit/lab_winrm/test_capture.py
    own = {"windows_capture"}
    assert writing == own | {"site_proof_report", "delivery_ledger", "scanner_sheets"}
