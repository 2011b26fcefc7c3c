# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plugin scanner_sheets: what it asks, writes, leaves alone and removes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.action import scanner_sheets as action
from ansible_collections.mediverse.pacs.plugins.modules import scanner_sheets

from tests.unit.fake_api import FakeApi

from .gateway import RAW, SCANNERS, SESSION, SITE, SYNTAXES

PASSWORD = "p$w'ü-of-the-gateway"
SETTINGS = ("/tools/accepted-transfer-syntaxes", "/tools/default-encoding")


@pytest.fixture
def gateway(api: FakeApi) -> FakeApi:
    """A Windows gateway, where the questions are one trip."""
    api.windows = True
    return api


def ask(api: FakeApi, *names: str, **change: Any) -> None:
    """The questions, and what a gateway with these scanners answers."""
    system = {"DicomAet": "MEDIVERSE", "DicomPort": 4242, "Version": "1.13.0"}
    api.expect("GET", "/system").reply(json=system)
    entries = {name: {**RAW, **change} for name in names}
    api.expect("GET", "/modalities?expand").reply(json={**entries, "self-test": {**RAW, "Host": "127.0.0.1"}})
    api.expect("GET", "/plugins").reply(json=["worklists"])
    api.expect("GET", SETTINGS[0]).reply(json=SYNTAXES)
    api.expect("GET", SETTINGS[1]).reply(text="Utf8")


def write(api: FakeApi, folder: Path, check_mode: bool = False, **change: Any) -> dict[str, Any]:
    options: dict[str, Any] = {
        **{"api_username": "admin", "api_password": PASSWORD, "site": SITE.name, "label": SITE.label},
        **{"viewer": SITE.viewer, "aet": SITE.aet, "address": SITE.address, "scanners": SITE.scanners},
        **{"adapters": [SESSION, SCANNERS], "directory": str(folder), **change},
    }
    return api.run(scanner_sheets, check_mode=check_mode, **options)


def test_it_writes_a_page_and_no_second_time(gateway: FakeApi, tmp_path: Path) -> None:
    folder = tmp_path / "sheets" / "kanifing"
    ask(gateway, "ct1")
    first = write(gateway, folder)
    (page,) = first["sheets"]
    path = folder / "kanifing-ct1.html"
    assert (first["changed"], page["path"], page["changed"], first["warnings"]) == (True, str(path), True, [])
    text = path.read_text(encoding="utf-8")
    assert "192.168.0.20" in text
    assert "<svg" in text
    assert (path.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)
    # The day goes by: the page is as right as before, and so is its copy on paper.
    earlier = text.replace(text[text.index('name="date" content="') + 21 :][:10], "2026-01-02")
    path.write_text(earlier, encoding="utf-8")
    ask(gateway, "ct1")
    assert not write(gateway, folder)["changed"]
    assert path.read_text(encoding="utf-8") == earlier


def test_what_changed_is_written_with_its_day(gateway: FakeApi, tmp_path: Path) -> None:
    ask(gateway, "ct1")
    write(gateway, tmp_path)
    path = tmp_path / "kanifing-ct1.html"
    path.write_text(path.read_text(encoding="utf-8").replace("CT_SCANNER", "WRONG"), encoding="utf-8")
    ask(gateway, "ct1")
    again = write(gateway, tmp_path)
    assert again["changed"]
    assert again["diff"][0]["before"] != again["diff"][0]["after"]
    assert "WRONG" not in path.read_text(encoding="utf-8")


def test_check_mode_writes_and_removes_nothing(gateway: FakeApi, tmp_path: Path) -> None:
    ask(gateway, "old")
    write(gateway, tmp_path)
    ask(gateway, "ct1")
    checked = write(gateway, tmp_path, check_mode=True)
    assert (checked["changed"], checked["removed"]) == (True, [str(tmp_path / "kanifing-old.html")])
    assert [path.name for path in tmp_path.iterdir()] == ["kanifing-old.html"]


def test_a_scanner_that_is_gone_takes_its_page_along_and_nothing_else(gateway: FakeApi, tmp_path: Path) -> None:
    ask(gateway, "old", "ct1")
    write(gateway, tmp_path)
    mine = (tmp_path / "kanifing-notes.html", tmp_path / "kanifing-2-old.html", tmp_path / "notes.txt")
    mine[0].write_text("my own notes", encoding="utf-8")
    page = (tmp_path / "kanifing-old.html").read_text(encoding="utf-8")
    mine[1].write_text(page.replace("sheet of kanifing", "sheet of kanifing-2"), encoding="utf-8")
    mine[2].write_text("and more", encoding="utf-8")
    ask(gateway, "ct1")
    assert write(gateway, tmp_path)["removed"] == [str(tmp_path / "kanifing-old.html")]
    assert sorted(tmp_path.iterdir()) == sorted([tmp_path / "kanifing-ct1.html", *mine])


def test_what_differs_is_a_warning(gateway: FakeApi, tmp_path: Path) -> None:
    ask(gateway, "ct1", AET="CT_1")
    result = write(gateway, tmp_path, scanners={**SITE.scanners, "mr1": {"aet": "MR", "host": "h", "port": 104}})
    assert result["warnings"] == [
        "The AE title of ct1 is CT_1, and CT_SCANNER in the site file.",
        "Scanner mr1 stands in the site file and not in the gateway, so it gets no sheet; run the playbook site.",
    ]


def test_no_name_leads_out_of_the_folder(gateway: FakeApi, tmp_path: Path) -> None:
    ask(gateway, "x/../../../evil", "ct1")
    result = write(gateway, tmp_path / "a" / "b")
    assert [one["scanner"] for one in result["sheets"]] == ["ct1"]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / "a" / "b" / "kanifing-ct1.html"]
    (said,) = result["warnings"]
    assert said.startswith("The gateway knows a modality 'x/../../../evil', which is no name of a scanner")


def test_a_note_is_no_warning(gateway: FakeApi, tmp_path: Path) -> None:
    ask(gateway, "ct1")
    result = write(gateway, tmp_path, address="", adapters=[{**SESSION, "default_route": True}])
    assert (result["warnings"], result["differs"]) == ([], [])
    assert "in another network" in result["sheets"][0]["notes"][0]


def test_no_password_anywhere(gateway: FakeApi, tmp_path: Path) -> None:
    ask(gateway, "ct1")
    assert PASSWORD not in str(write(gateway, tmp_path))
    assert "of-the-gateway" not in (tmp_path / "kanifing-ct1.html").read_text(encoding="utf-8")


def test_a_gateway_that_does_not_answer_writes_nothing(gateway: FakeApi, tmp_path: Path) -> None:
    for path in ("/system", "/modalities?expand", "/plugins", *SETTINGS):
        gateway.expect("GET", path).reply(401)
    result = write(gateway, tmp_path)
    assert (result["failed"], result["failure"]["code"]) == (True, "login")
    assert list(tmp_path.iterdir()) == []


def test_refusals_come_before_the_first_question(
    gateway: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = write(gateway, tmp_path, scanners={"ct1": {"aet": "CT", "host": "h"}})
    assert result["msg"] == "The scanner ct1 has no port; give each of its three values."
    monkeypatch.setattr(action, "segno", None)
    assert "pip install segno" in write(gateway, tmp_path)["msg"]


def test_a_folder_that_cannot_be_written(gateway: FakeApi, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ask(gateway, "ct1")
    result = write(gateway, tmp_path / "file" / "sheets")
    assert "Set mediverse_sheets to a folder of the controller" in result["msg"]
