# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The row of statistics: SQLite's way to an image with and without it, and what becomes of other files."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils.orthanc import _index
from ansible_collections.mediverse.pacs.plugins.module_utils.orthanc._index import (
    has_statistics,
    obstacle,
    write_statistics,
)

from tests.unit import ad_hoc

ONE_IMAGE = "SELECT internalId FROM Resources AS instances WHERE instances.resourceType = 4 AND instances.publicId = ?"


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """The part of Orthanc's tables that the statement is about, in the order in which Orthanc makes them."""
    path = tmp_path / "a site's #1 100% index"
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.executescript(
            """
            PRAGMA journal_mode = WAL;
            CREATE TABLE Resources(internalId INTEGER PRIMARY KEY, resourceType, publicId TEXT, parentId INTEGER);
            CREATE INDEX ChildrenIndex ON Resources(parentId);
            CREATE INDEX PublicIndex ON Resources(publicId);
            CREATE INDEX ResourceTypeIndex ON Resources(resourceType);
            INSERT INTO Resources VALUES (1, 1, 'p', NULL), (2, 2, 't', 1), (3, 3, 's', 2), (4, 4, 'i', 3);
            """
        )
    return path


def task(index: Path, *options: str) -> dict[str, Any]:
    return ad_hoc.run("pacs_index_statistics", {"path": str(index)}, *options)


def way(index: Path) -> str:
    with contextlib.closing(sqlite3.connect(index)) as database:
        return str(database.execute(f"EXPLAIN QUERY PLAN {ONE_IMAGE}", ["i"]).fetchone()[3])


def test_sqlite_goes_to_one_image_instead_of_all(index: Path) -> None:
    assert "INDEX ResourceTypeIndex" in way(index)
    assert not has_statistics(index)
    write_statistics(index)
    assert "INDEX PublicIndex" in way(index)
    assert has_statistics(index)


def test_a_new_file_has_the_row_before_it_has_tables(tmp_path: Path) -> None:
    path = tmp_path / "index"
    assert not has_statistics(path)
    assert not path.exists()
    write_statistics(path)
    assert has_statistics(path)
    with contextlib.closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'").fetchall() == []


def test_other_statistics_of_the_table_are_replaced_and_those_of_others_stay(index: Path) -> None:
    with contextlib.closing(sqlite3.connect(index)) as database:
        database.executescript(
            "CREATE TABLE Others(a); CREATE INDEX OthersIndex ON Others(a); INSERT INTO Others VALUES (1);"
        )
        database.execute("ANALYZE")
    assert not has_statistics(index)
    write_statistics(index)
    assert has_statistics(index)
    with contextlib.closing(sqlite3.connect(index)) as database:
        assert database.execute("SELECT COUNT(*) FROM sqlite_stat1 WHERE tbl = 'Others'").fetchone() == (1,)


def test_a_running_orthanc_can_be_looked_at_and_not_written_to(index: Path) -> None:
    with contextlib.closing(sqlite3.connect(index, isolation_level=None)) as orthanc:
        orthanc.execute("PRAGMA locking_mode = EXCLUSIVE")
        orthanc.execute("UPDATE Resources SET parentId = 3 WHERE internalId = 4")
        assert not has_statistics(index)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            write_statistics(index)
    write_statistics(index)
    with contextlib.closing(sqlite3.connect(index, isolation_level=None)) as orthanc:
        orthanc.execute("PRAGMA locking_mode = EXCLUSIVE")
        orthanc.execute("UPDATE Resources SET parentId = 3 WHERE internalId = 4")
        assert has_statistics(index)


def test_a_file_that_is_no_database_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "index"
    path.write_text("Not a database at all. " * 50)
    with pytest.raises(sqlite3.DatabaseError):
        has_statistics(path)
    with pytest.raises(sqlite3.DatabaseError):
        write_statistics(path)
    assert path.read_text() == "Not a database at all. " * 50


def test_what_is_in_the_way_is_known_beforehand(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert obstacle(index) == ""
    assert obstacle(index.parent / "new") == ""
    assert obstacle(index.parent / "missing" / "index") == ""
    with monkeypatch.context() as patch:
        patch.setattr(_index.os, "access", lambda place, mode: place != index)
        assert obstacle(index) == f"{index} is read-only; make it writable and run again"
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage(2**30, 2**30 - 2**20, 2**20))
    assert obstacle(index) == "its disk has less than 16 MB left; make room and run again"


def test_the_module_changes_once_and_nothing_in_check_mode(tmp_path: Path) -> None:
    path = tmp_path / "index"
    planned = task(path, "--check")
    assert (planned["changed"], planned["existed"], path.exists()) == (True, False, False)
    assert task(path)["changed"]
    again = task(path)
    assert (again["changed"], again["existed"]) == (False, True)


def test_the_module_says_what_to_do(index: Path, tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(index, isolation_level=None)) as orthanc:
        orthanc.execute("PRAGMA locking_mode = EXCLUSIVE")
        orthanc.execute("UPDATE Resources SET parentId = 3 WHERE internalId = 4")
        assert "Stop Orthanc" in task(index)["msg"]
    (tmp_path / "text").write_text("Not a database at all. " * 50)
    assert "not an index of Orthanc" in task(tmp_path / "text")["msg"]
    assert "cannot be changed" in task(tmp_path / "missing" / "index")["msg"]
