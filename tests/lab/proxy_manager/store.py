# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of the double: tables of dicts in one JSON file that survives a restart of the container."""

from __future__ import annotations

import copy
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Row = dict[str, Any]

TABLES = ("user", "auth", "access_list", "access_list_auth", "access_list_client", "certificate", "proxy_host")


def now() -> str:
    """Return the time as the real server writes it on SQLite: local, without zone."""
    return time.strftime("%Y-%m-%d %H:%M:%S")


class Store:
    """Tables of rows with increasing ids. Every write goes to disk before it returns.

    Rows come and go as copies, so a caller may change what it gets. The caller serialises access.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tables: dict[str, list[Row]] = {name: [] for name in TABLES}
        self._last: dict[str, int] = dict.fromkeys(TABLES, 0)
        if path.exists():
            saved = json.loads(path.read_text(encoding="utf-8"))
            self._tables.update(saved["tables"])
            self._last.update(saved["last"])

    def insert(self, table: str, values: Row) -> Row:
        """Add a row; ``id`` and both dates are set here."""
        self._last[table] += 1
        stamp = now()
        row = {"id": self._last[table], "created_on": stamp, "modified_on": stamp, **copy.deepcopy(values)}
        self._tables[table].append(row)
        self._save()
        return copy.deepcopy(row)

    def select(self, table: str, where: Callable[[Row], bool] = lambda row: True) -> list[Row]:
        """Return the rows that are not soft-deleted and satisfy ``where``, in order of id."""
        return [copy.deepcopy(row) for row in self._tables[table] if not row.get("is_deleted") and where(row)]

    def get(self, table: str, row_id: int) -> Row | None:
        """Return one row that is not soft-deleted."""
        found = self.select(table, lambda row: bool(row["id"] == row_id))
        return found[0] if found else None

    def patch(self, table: str, row_id: int, values: Row) -> None:
        """Change columns of one row, soft-deleted or not."""
        for row in self._tables[table]:
            if row["id"] == row_id:
                row.update({"modified_on": now(), **copy.deepcopy(values)})
        self._save()

    def delete(self, table: str, where: Callable[[Row], bool]) -> None:
        """Remove rows for good."""
        self._tables[table] = [row for row in self._tables[table] if not where(row)]
        self._save()

    def _save(self) -> None:
        beside = self._path.with_suffix(".new")
        beside.write_text(json.dumps({"tables": self._tables, "last": self._last}), encoding="utf-8")
        with beside.open("rb") as handle:
            os.fsync(handle.fileno())
        beside.replace(self._path)
