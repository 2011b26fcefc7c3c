# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The row of statistics that Orthanc's SQLite index needs.

Orthanc 1.13.0 asks for one image by ``resourceType = 4 AND publicId = ?``. Without statistics SQLite looks through
all images of the index for it, and with them it goes to the one (measured; docs/decisions/0016). The row says: about
a million rows, a quarter of them to each of the four types.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from urllib.parse import quote

try:
    import sqlite3
except ImportError:  # some builds of Python leave it out
    HAS_SQLITE = False
else:
    HAS_SQLITE = True

STATISTICS = ("Resources", "ResourceTypeIndex", "1000000 250000")
_TIMEOUT = 1.0
"""Seconds to wait for a lock. A running Orthanc keeps its lock as long as it runs."""
_ROOM = 16 * 2**20
"""Bytes that must be free on the disk. The row itself needs a few pages, and so does the journal of writing it."""


def has_statistics(path: Path) -> bool:
    """Whether the index has exactly that row for its resources; also while Orthanc runs.

    False for a file that does not exist; ``sqlite3.Error`` for one that is no database.
    """
    if not path.exists():
        return False
    # Immutable: Orthanc has the file locked. The row was written while it had not, so it is not in its log either.
    address = f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1"
    with contextlib.closing(sqlite3.connect(address, uri=True)) as index:
        if not index.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'").fetchone():
            return False
        rows = index.execute("SELECT tbl, idx, stat FROM sqlite_stat1 WHERE tbl = ?", STATISTICS[:1]).fetchall()
        return rows == [STATISTICS]


def obstacle(path: Path) -> str:
    """Why the row cannot be written even when Orthanc is stopped, as far as that can be known while it runs.

    Empty when nothing is known; then it is worth stopping Orthanc.
    """
    if not path.parent.exists():
        return ""
    for place in (path.parent, path):
        if place.exists() and not os.access(place, os.W_OK):
            return f"{place} is read-only; make it writable and run again"
    if shutil.disk_usage(path.parent).free < _ROOM:
        return f"its disk has less than {_ROOM // 2**20} MB left; make room and run again"
    return ""


def write_statistics(path: Path) -> None:
    """Writes the row, into a new file if there is none: Orthanc then makes its tables beside it.

    ``sqlite3.OperationalError`` while Orthanc runs.
    """
    with contextlib.closing(sqlite3.connect(path, timeout=_TIMEOUT, isolation_level=None)) as index:
        index.execute("BEGIN IMMEDIATE")
        # The table of statistics cannot be made by name.
        index.execute("CREATE TABLE mediverse_seed (value)")
        index.execute("ANALYZE mediverse_seed")
        index.execute("DROP TABLE mediverse_seed")
        index.execute("DELETE FROM sqlite_stat1 WHERE tbl = ?", STATISTICS[:1])
        index.execute("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?, ?, ?)", STATISTICS)
        index.execute("COMMIT")
