# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is expected of a file: the table beside this module names every one that is not simply taken and shown."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

TABLE = Path(__file__).with_name("expectations.yml")
_KEYS = {"file", "sent", "frames", "why"}


@dataclass(frozen=True)
class Expectation:
    """``sent``: status of C-STORE, or "unsent" where a scanner could not send it. ``frames``: status of WADO-RS."""

    sent: tuple[str, ...] = ("0000",)
    frames: tuple[int, ...] = (200,)
    why: str = ""

    @property
    def accepted(self) -> bool:
        """The gateway takes it."""
        return "0000" in self.sent


def read(path: Path = TABLE) -> list[tuple[str, Expectation]]:
    """All rows; ValueError names a row that says nothing or gives no reason."""
    rows = []
    for entry in yaml.safe_load(path.read_text(encoding="utf-8")) or []:
        if set(entry) - _KEYS or "file" not in entry or not entry.get("why") or not {"sent", "frames"} & set(entry):
            raise ValueError(f"{path.name}: {entry} needs file, why, and sent or frames")
        rows.append(
            (
                entry["file"],
                Expectation(_texts(entry.get("sent", "0000")), _numbers(entry.get("frames", 200)), entry["why"]),
            )
        )
    return rows


def expectation(name: str, rows: list[tuple[str, Expectation]]) -> Expectation:
    """That of the first row whose pattern fits."""
    return next((found for pattern, found in rows if fnmatch.fnmatchcase(name, pattern)), Expectation())


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else (str(value),)


def _numbers(value: Any) -> tuple[int, ...]:
    return tuple(map(int, value)) if isinstance(value, list) else (int(value),)
