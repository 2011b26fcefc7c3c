# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the tables of probes. What a row may say is checked here, so that a mistake in it is no probe that passes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

TABLES = Path(__file__).resolve().parent / "table"
KINDS = {
    "http": {"send", "raw", "headers", "content", "has", "lacks", "body", "never", "within"},
    "port": set(),
    "tls": {"version", "ciphers", "alpn"},
    "dicom": {"ask", "calling", "called"},
    "rate": {"send", "connections", "span"},
}
_COMMON = {"id", "kind", "from", "who", "to", "expect"}
USERS = ("nobody", "wrong", "viewer", "admin", "gateway", "orthanc-viewer")
"""Or ``name:password``. ``viewer`` is the login of the viewer, the last three are users of the cloud's Orthanc."""
PLACES = ("neighbour", "hub", "cloud", "gateway", "scanner", "own-site", "other-site")
WORDS = {"http": ("refused", "closed"), "port": ("open", "closed")}


@dataclass(frozen=True)
class Row:
    """One probe. ``more`` holds what only its kind knows."""

    id: str
    kind: str
    place: str
    who: str
    to: str
    expect: Any
    source: str
    more: dict[str, Any] = field(default_factory=dict)


def read(tables: Path = TABLES) -> list[Row]:
    """All rows in the order of files and lines; ValueError names every mistake."""
    rows: list[Row] = []
    problems: list[str] = []
    for path in sorted(tables.glob("*.yml")):
        for number, entry in enumerate(yaml.safe_load(path.read_text(encoding="utf-8")), 1):
            where = f"{path.name} row {number} ({entry.get('id', 'without id')})"
            found = _problems(entry)
            problems += [f"{where}: {problem}" for problem in found]
            if not found:
                rows.append(_row(entry, path.name))
    seen: set[str] = set()
    for row in rows:
        if row.id in seen:
            problems.append(f"{row.source}: the id {row.id} stands twice")
        seen.add(row.id)
    if problems:
        raise ValueError("; ".join(problems))
    return rows


def _row(entry: dict[str, Any], source: str) -> Row:
    more = {key: value for key, value in entry.items() if key not in _COMMON}
    return Row(
        id=entry["id"],
        kind=entry.get("kind", "http"),
        place=entry.get("from", "neighbour"),
        who=entry.get("who", "nobody"),
        to=entry["to"],
        expect=entry["expect"],
        source=source,
        more=more,
    )


def _problems(entry: dict[str, Any]) -> list[str]:
    kind = entry.get("kind", "http")
    if kind not in KINDS:
        return [f"kind {kind!r} is none of {', '.join(KINDS)}"]
    found = [f"needs {key}" for key in ("id", "to", "expect") if key not in entry]
    found += [f"{kind} knows no {key!r}" for key in set(entry) - _COMMON - KINDS[kind]]
    if entry.get("from", "neighbour") not in PLACES:
        found.append(f"from {entry['from']!r} is none of {', '.join(PLACES)}")
    who = entry.get("who", "nobody")
    if who not in USERS and ":" not in who:
        found.append(f"who {who!r} is none of {', '.join(USERS)} and no name:password")
    if kind in ("http", "rate") and ("send" in entry) == ("raw" in entry):
        found.append("needs either send or raw")
    if "send" in entry and not re.match(r"[A-Z]+ \S", entry["send"]):
        found.append(f"send {entry['send']!r} is no method and path")
    if kind in ("http", "rate") and "who" not in entry:
        found.append("must say who asks")
    found += _expectation(kind, entry.get("expect"))
    for text in [*entry.get("never", []), *entry.get("has", {}).values(), entry.get("body", "")]:
        try:
            re.compile(str(text))
        except re.error as error:
            found.append(f"{text!r} is no regular expression: {error}")
    return found


def _expectation(kind: str, expect: Any) -> list[str]:
    if kind in WORDS and isinstance(expect, str):
        return [] if expect in WORDS[kind] else [f"expect {expect!r} is none of {', '.join(WORDS[kind])}"]
    if kind == "http":
        statuses = expect if isinstance(expect, list) else [expect]
        good = statuses and all(one == "closed" or (isinstance(one, int) and 100 <= one < 600) for one in statuses)
        return [] if good else [f"expect {expect!r} is no status"]
    if kind == "rate":
        good = isinstance(expect, dict) and set(expect) == {"status", "at_most_a_second"}
        return [] if good else ["expect of a rate is {status, at_most_a_second}"]
    return [] if isinstance(expect, str) and expect else [f"expect {expect!r} is no text"]
