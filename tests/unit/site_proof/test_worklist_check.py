# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module that looks at a worklist folder. What it says about one file is tested in tests/forwarder."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import IO

import pytest
from ansible_collections.mediverse.pacs.plugins.modules import worklist_check

from tests.unit import ad_hoc

from .test_worklist_entry import ENTRY


def write(path: Path, data: bytes, age: float = 600) -> None:
    path.write_bytes(data)
    os.utime(path, (time.time() - age, time.time() - age))


def test_bad_files_are_named_and_nothing_else(tmp_path: Path) -> None:
    ad_hoc.run("worklist_entry", {"path": str(tmp_path / "a1.wl"), **ENTRY})
    good = (tmp_path / "a1.wl").read_bytes()
    write(tmp_path / "a1.wl", good)
    write(tmp_path / "a2.wl", good[:300])
    write(tmp_path / "a3.wl", b"")
    write(tmp_path / "a4.txt", good)
    write(tmp_path / "a5.wl", b"", age=5)  # just being written
    write(tmp_path / ".syncthing.a6.wl.tmp", b"")
    (tmp_path / "folder.wl").mkdir()
    found = ad_hoc.run("worklist_check", {"path": str(tmp_path)}, "--check")
    assert (found["changed"], found["files"]) == (False, 4)
    assert {bad["file"]: bad["reason"].split()[0:2] for bad in found["bad"]} == {
        "a2.wl": ["is", "cut"],
        "a3.wl": ["is", "empty"],
        "a4.txt": ["has", "a"],
    }
    assert [bad["file"] for bad in ad_hoc.run("worklist_check", {"path": str(tmp_path), "min_age": 0})["bad"]] == [
        "a2.wl",
        "a3.wl",
        "a4.txt",
        "a5.wl",
    ]


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    found = ad_hoc.run("worklist_check", {"path": str(tmp_path / "none")})
    assert "cannot be read (No such file or directory" in found["msg"]


def test_an_entry_that_is_taken_away_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a1.wl", b"")
    write(tmp_path / "a2.wl", b"")
    judge = worklist_check.problem

    def takes_away(name: str, file: IO[bytes]) -> str:
        (tmp_path / "a2.wl").unlink(missing_ok=True)
        return str(judge(name, file))

    monkeypatch.setattr(worklist_check, "problem", takes_away)
    assert worklist_check.look(str(tmp_path), 60) == {"files": 1, "bad": [{"file": "a1.wl", "reason": "is empty"}]}
