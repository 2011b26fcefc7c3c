# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof's look at the forwarder, against a server that answers as Orthanc does: each destination counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.ledger.orthanc import serving
from tests.unit.role_tasks import Done, RoleTasks

NOW, UPDATED = "20261122T120000", "2026-11-22T11:59:50Z"


def state(**change: str) -> dict[str, str]:
    """What the forwarder shows of one destination."""
    fields = {"State": "idle", "Pending": "0", "Read": "9", "OldestPending": "", "Parked": "0", "ParkedImages": "[]"}
    fields |= {"Sent": "5", "Skipped": "0", "JobsInFlight": "0", "LastSuccess": "", "LastError": "", "Updated": UPDATED}
    return {**fields, **change}


class Gateway:
    """``busy``: after how many questions a destination has nothing left that has something now."""

    def __init__(self, busy: int = 0, **states: dict[str, str]) -> None:
        self._states, self._busy = states, busy

    def answer(self, path: str, question: Any) -> Any:
        if path == "/tools/now":
            return NOW
        if path.startswith("/changes"):
            return {"Changes": [], "Done": True}
        self._busy -= 1
        states = {name: state() if self._busy == 0 else one for name, one in self._states.items()}
        return {f"{name}-status": one for name, one in states.items()}


def look(folder: Path, gateway: Any, *more: str) -> tuple[Done, dict[str, Any]]:
    """The run of a proof with this check alone, and its row in the report."""
    with serving(gateway) as address:
        variables = {
            "site_proof_gateway_url": address,
            "site_proof_gateway_password": "x",
            "site_proof_peer": "cloud",
            "site_proof_more_peers": more,
            "site_proof_backlog_patience": 2,
            "site_proof_checks": ["backlog"],
            "site_proof_directory": str(folder / "proof"),
            "site_proof_site": "demo",
            **{f"site_proof_{name}_password": "not-asked-here" for name in ("viewer", "cloud")},
        }
        done = RoleTasks(folder, "site_proof", []).run("verify.yml", variables)
    (row,) = json.loads((folder / "proof" / "proof.json").read_text(encoding="utf-8"))["checks"]
    return done, row


def test_nothing_is_left_anywhere(tmp_path: Path) -> None:
    done, row = look(tmp_path, Gateway(cloud=state(), archive=state(Sent="7")), "archive")
    assert done.code == 0, done.text
    said = "backlog 0, parked 0, images sent since the start of the forwarder: 5 to cloud, 7 to archive"
    assert (row["result"], row["detail"]) == ("passed", said)


def test_one_moment_without_a_backlog_is_enough(tmp_path: Path) -> None:
    done, row = look(tmp_path, Gateway(busy=2, cloud=state(Pending="3")))
    assert (done.code, row["result"]) == (0, "passed")


PARKED = json.dumps([{"ID": "i", "Reason": "2026-11-22T11:00:00Z cannot be read"}])


@pytest.mark.parametrize(
    ("archive", "sentence"),
    [
        (
            state(Pending="3", OldestPending="2026-11-22T11:58:00Z", State="paused", LastError="refused"),
            "3 images wait for archive, the oldest for 120 s (the forwarder is paused; refused).",
        ),
        (
            state(Parked="1", ParkedImages=PARKED),
            "parked 1 image that does not pass to archive although others do, because: cannot be read.",
        ),
        (state(Updated="2026-11-22T11:00:00Z"), "told its state for archive 3600 s ago"),
    ],
    ids=["backlog", "parked", "dead"],
)
def test_a_further_destination_counts(archive: dict[str, str], sentence: str, tmp_path: Path) -> None:
    done, row = look(tmp_path, Gateway(cloud=state(), archive=archive), "archive")
    assert done.code != 0
    assert row["result"] == "failed"
    assert sentence in row["detail"]
    assert sentence in done.text


def test_a_destination_that_nobody_serves_is_said(tmp_path: Path) -> None:
    done, row = look(tmp_path, Gateway(cloud=state()), "archive")
    assert done.code != 0
    assert "runs no forwarder for archive" in row["detail"]
    assert "Forwarder has nothing left: see the table above" in done.text
