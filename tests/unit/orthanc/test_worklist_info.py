# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""orthanc_worklist_info, on Linux and on Windows."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.modules import orthanc_worklist_info

from ..fake_api import FakeApi

ENTRY = {"PatientName": "SECRET^NAME"}


def found(api: FakeApi, *entries: dict[str, Any]) -> None:
    question = {"Query": {"PatientID": "P1"}}
    api.expect("POST", "/modalities/itself/find-worklist", json=question, harmless=True).reply(json=list(entries))


def ask(api: FakeApi, **options: Any) -> dict[str, Any]:
    return api.run(orthanc_worklist_info, check_mode=True, modality="itself", query={"PatientID": "P1"}, **options)


def test_one_look(both: FakeApi) -> None:
    found(both, ENTRY, ENTRY)
    result = ask(both)
    assert (result["entries"], result["changed"]) == (2, False)
    assert "SECRET" not in both.output


def test_waiting_for_an_entry(both: FakeApi) -> None:
    for entries in ([], [], [ENTRY]):
        found(both, *entries)
    assert ask(both, wait_for="present", wait=40)["entries"] == 1


def test_waiting_for_its_end(both: FakeApi) -> None:
    for entries in ([ENTRY, ENTRY], [ENTRY], []):
        found(both, *entries)
    assert ask(both, wait_for="absent", wait=40)["entries"] == 0


@pytest.mark.parametrize(("wait_for", "entries"), [("any", []), ("any", [ENTRY]), ("present", [])])
def test_waiting_is_over(wait_for: str, entries: list[Any], both: FakeApi) -> None:
    """With nothing to wait for, or no time."""
    found(both, *entries)
    wait = 40 if wait_for == "any" else 0
    assert ask(both, wait_for=wait_for, wait=wait)["entries"] == len(entries)


def test_a_question_that_is_refused(both: FakeApi) -> None:
    refused = both.expect("POST", "/modalities/itself/find-worklist", harmless=True)
    refused.reply(500, json={"Details": "peer aborted"})
    result = ask(both, wait_for="present", wait=40)
    assert (result["failure"]["status"], "peer aborted" in result["msg"]) == (500, True)


def test_something_else_that_answers(both: FakeApi) -> None:
    both.expect("POST", "/modalities/itself/find-worklist", harmless=True).reply(json={"a": 1})
    assert "does not answer like Orthanc" in ask(both)["msg"]


def test_a_name_that_would_be_a_path(both: FakeApi) -> None:
    assert both.run(orthanc_worklist_info, modality="../system")["failure"]["code"] == "input"
