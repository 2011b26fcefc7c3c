# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The row of statistics is for speed only: whatever is wrong with it, the cloud's containers come up."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils.orthanc._index import has_statistics

from tests.unit.role_tasks import Done, RoleTasks

STOP = "Stop Orthanc, which has its index locked"
SLOW = "gets slower with every image that it stores, because its index has no row of statistics."


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """An index of Orthanc from before, in the place where the role looks for it."""
    file = tmp_path / "cloud" / "pacs-demo" / "storage" / "index"
    file.parent.mkdir(parents=True)
    with closing(sqlite3.connect(file)) as database:
        database.executescript("PRAGMA journal_mode = WAL; CREATE TABLE Resources (a);")
    return file


@pytest.fixture
def holder(index: Path) -> Iterator[None]:
    """Somebody who does not let go of the index, such as a backup."""
    with closing(sqlite3.connect(index, isolation_level=None)) as backup:
        backup.execute("BEGIN IMMEDIATE")
        yield


def run(folder: Path, *options: str, **stop: str | bool) -> Done:
    """Runs index.yml, after which the role brings the containers up. ``stop``: what stopping Orthanc answers."""
    variables = {"cloud_pacs_site_id": "demo", "cloud_pacs_root": str(folder / "cloud"), "__cloud_pacs_reachable": True}
    role = RoleTasks(folder, "cloud_pacs", ["community.docker.docker_compose_v2"])
    return role.run("index.yml", variables, *options, answers={STOP: stop})


def test_orthanc_is_stopped_once(index: Path, tmp_path: Path) -> None:
    done = run(tmp_path)
    assert (done.code, done.tasks) == (0, [STOP]), done.text
    assert has_statistics(index)
    again = run(tmp_path)
    assert (again.code, again.tasks, SLOW in again.text) == (0, [], False), again.text


def test_a_new_archive_has_nothing_to_stop(index: Path, tmp_path: Path) -> None:
    index.unlink()
    assert run(tmp_path, "--check").tasks == []
    done = run(tmp_path)
    assert (done.code, done.tasks) == (0, []), done.text
    assert has_statistics(index)


@pytest.mark.usefixtures("holder")
def test_a_failed_write_is_said_and_the_role_goes_on(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert (done.code, done.tasks) == (0, [STOP]), done.text
    assert SLOW in done.text
    assert "database is locked" in done.text.partition(SLOW)[2]


def test_a_failed_stop_is_said_and_the_role_goes_on(index: Path, tmp_path: Path) -> None:
    done = run(tmp_path, failed=True, msg="The daemon does not answer.")
    assert done.code == 0, done.text
    assert f"{SLOW} The daemon does not answer." in done.text
    assert not has_statistics(index)


def test_a_connection_that_breaks_after_the_stop_is_tried_again(index: Path, tmp_path: Path) -> None:
    done = run(tmp_path, unreachable=True, msg="Connection timed out")
    assert done.code == 0, done.text
    assert has_statistics(index)


def test_an_index_that_cannot_be_read_is_said_and_nothing_stops(index: Path, tmp_path: Path) -> None:
    index.write_text("This is a letter. " * 50)
    done = run(tmp_path)
    assert (done.code, done.tasks) == (0, []), done.text
    assert SLOW in done.text
    assert "is not an index of Orthanc" in done.text.partition(SLOW)[2]
