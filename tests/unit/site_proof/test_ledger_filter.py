"""The delivery ledger's days, portions, comparison and words."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.filter.ledger import (
    ledger_add,
    ledger_compare,
    ledger_days,
    ledger_forwarder,
    ledger_groups,
    ledger_results,
)
from ansible_collections.mediverse.pacs.plugins.filter.proof import proof_table

NOW = datetime(2026, 11, 23, 12)
EMPTY: dict[str, Any] = {
    "series": 0,
    "images": 0,
    "missing": 0,
    "different": 0,
    "unchecked": 0,
    "sent": 0,
    "seconds": 1,
}


def day(text: str = "2026-11-22", **numbers: Any) -> dict[str, Any]:
    """A day of the ledger."""
    return {**EMPTY, "named": [], "day": text, **numbers}


def test_days() -> None:
    assert ledger_days("yesterday", now=NOW) == ["2026-11-22", "2026-11-23"]
    assert ledger_days("2026-10-31", "2026-11-01", NOW) == ["2026-10-31", "2026-11-01"]
    for first, last in (("22.11.2026", "today"), ("today", "yesterday"), ("1999-01-01", "today")):
        with pytest.raises(ValueError, match="expected"):
            ledger_days(first, last, NOW)


def test_groups_keep_the_order_and_the_size() -> None:
    series = [{"series": str(number), "images": images} for number, images in enumerate((600, 400, 1, 5000, 2))]
    assert ledger_groups(series) == [["0", "1"], ["2"], ["3"], ["4"]]
    assert ledger_groups([]) == []


def test_compare_names_missing_and_different() -> None:
    here = {"s": {"a": {"md5": "1", "id": "A"}, "b": {"md5": "2", "id": "B"}, "c": {"md5": "", "id": "C"}}, "t": {}}
    there = {"s": {"b": {"md5": "x", "id": "B"}, "c": {"md5": "3", "id": "C"}, "extra": {"md5": "4", "id": "D"}}}
    found = ledger_compare(here, there)
    assert found["missing"] == [{"series": "s", "sop": "a", "id": "A"}]
    assert found["different"] == [{"series": "s", "sop": "b", "id": "B"}]
    assert found["unchecked"] == 1
    assert ledger_compare(here, there, md5=False)["different"] == []


def test_a_day_names_some_and_counts_all() -> None:
    missing = [{"series": "s", "sop": str(number), "id": "i"} for number in range(5)]
    found = {"missing": missing, "different": missing[:1], "unchecked": 2}
    total = ledger_add(ledger_add(day(), found, sent=5, at_most=7), found, at_most=7)
    assert (total["missing"], total["different"], total["unchecked"], total["sent"]) == (10, 2, 4, 5)
    assert [one["problem"] for one in total["named"]] == ["missing"] * 5 + ["different", "missing"]


def test_a_finished_day_is_proved() -> None:
    done, running = ledger_results([day(images=4, series=2), day("2026-11-23", images=1, series=1)], now=NOW)
    assert (done["result"], done["proved"], running["result"], running["proved"]) == ("passed", True, "passed", False)
    assert done["detail"] == "All 4 images of 2 series are in the cloud with the same MD5: the day is proved."
    assert "so far" in running["detail"]
    assert ledger_results([day(images=1, unchecked=1)], now=NOW)[0]["proved"] is False
    assert ledger_results([day(images=1)], md5=False, now=NOW)[0]["proved"] is False


def test_a_day_with_losses_fails_and_says_which() -> None:
    named = [{"sop": f"1.{number}", "problem": "missing"} for number in range(5)]
    result = ledger_results([day(images=9, missing=5, different=1, named=named, sent=2)], now=NOW)[0]
    assert result["result"] == "failed"
    assert result["detail"].startswith("5 missing and 1 different of 9 images: 1.0 (missing), 1.1 (missing)")
    assert result["detail"].endswith("and others. Sent again: 2.")
    assert proof_table([result], "demo")[-1] == "Site demo: 0 of 1 checks passed."


def test_an_empty_day() -> None:
    assert ledger_results([day()], now=NOW)[0]["detail"] == "The gateway got no image that it still has."


def test_the_forwarder_explains_what_is_missing() -> None:
    began = NOW.timestamp() - 2
    waiting = ledger_forwarder({"backlog": 3, "oldest_age": 9, "parked": 1}, began, NOW)
    assert waiting["detail"] == "3 images wait, the oldest for 9 s; 1 are parked."
    assert (waiting["result"], waiting["seconds"]) == ("passed", 2.0)
    idle = ledger_forwarder({"backlog": 0, "oldest_age": 0, "parked": 0}, began, NOW)
    assert idle["detail"] == "No image waits; 0 are parked."
    silent = ledger_forwarder({"failed": True, "msg": "it is not running"}, began, NOW)
    assert (silent["result"], silent["detail"]) == ("skipped", "it is not running")
