# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module that writes worklist entries: in one step, as the right user, and only where something changes."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pydicom
import pytest
from ansible_collections.mediverse.pacs.plugins.modules.worklist_entry import acting_as, write

from tests.unit import ad_hoc

ENTRY = {
    "patient_id": "P1",
    "patient_name": "DOE^JANE",
    "accession_number": "A1",
    "station_aet": "CT_SCANNER",
    "date": "20260101",
}


def run(path: Path, *options: str, **arguments: Any) -> dict[str, Any]:
    return ad_hoc.run("worklist_entry", {"path": str(path), **arguments}, *options)


def test_written_once_and_removed_once(tmp_path: Path) -> None:
    path = tmp_path / "a1.wl"
    assert run(path, "--check", **ENTRY)["changed"]
    assert not path.exists()
    assert run(path, **ENTRY)["changed"]
    assert pydicom.dcmread(path).PatientID == "P1"
    assert path.stat().st_mode & 0o777 == 0o640
    assert not run(path, **ENTRY)["changed"]
    assert run(path, state="absent")["changed"]
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_goes_hours_later_and_nothing_else(tmp_path: Path) -> None:
    """By name and age: an entry of a run that goes on stays, and so does one of the LIMS, however old."""
    old, young = 7 * 3600, 5 * 3600
    ages = {
        "mediverse-proof-demo-1.wl": old,
        ".syncthing.mediverse-proof-demo-2.wl.tmp": old,
        "mediverse-proof-demo-3.wl": young,
        "mediverse-proof-demo-4.txt": old,
        "a1.wl": 90 * 86400,
    }
    for name, age in ages.items():
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    own = tmp_path / "mediverse-proof-demo-5.wl"
    own.touch()
    absent = {"state": "absent", "stale_prefix": "mediverse-proof-demo"}
    assert run(own, "--check", **absent)["changed"]
    assert len(list(tmp_path.iterdir())) == len(ages) + 1
    assert run(own, **absent)["changed"]
    assert {path.name for path in tmp_path.iterdir()} == {*list(ages)[2:]}
    assert not run(own, **absent)["changed"]
    assert not run(tmp_path / "missing" / "a.wl", **absent)["changed"]


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("A1.WL", {}, "no name of a worklist entry"),
        ("a1.dcm", {}, "no name of a worklist entry"),
        ("a1.wl", {"state": "absent", "stale_prefix": "a"}, "stale_prefix is 'a'; expected at least 8 characters"),
        ("a1.wl", {"station_aet": "A" * 17}, "cannot hold 'AAAAAAAAAAAAAAAAA' as AE"),
        ("missing/a1.wl", {}, "Check the owner of the directory"),
    ],
)
def test_refusals(tmp_path: Path, name: str, changes: dict[str, str], words: str) -> None:
    found = run(tmp_path / name, **{**ENTRY, **changes})
    assert words in found["msg"]
    assert list(tmp_path.glob("**/*.wl*")) == []


def test_nothing_is_left_when_the_rename_fails(tmp_path: Path) -> None:
    (tmp_path / "a1.wl").mkdir()
    with pytest.raises(OSError, match="directory"):
        write(tmp_path / "a1.wl", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["a1.wl"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
def test_it_is_written_with_the_rights_of_its_owner(tmp_path: Path) -> None:
    closed, own = tmp_path / "closed", tmp_path / "own"
    for place in (closed, own):
        place.mkdir(mode=0o700)
    os.chown(own, 1000, 1000)
    for parent in tmp_path.parents[:3]:
        parent.chmod(parent.stat().st_mode | 0o011)
    tmp_path.chmod(0o711)
    with acting_as(1000):
        write(own / "a1.wl", b"x")
        with pytest.raises(PermissionError):
            write(closed / "a1.wl", b"x")
    assert (own / "a1.wl").stat().st_uid == 1000
    assert os.geteuid() == 0
