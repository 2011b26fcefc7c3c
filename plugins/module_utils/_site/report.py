# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows the rows of a report: as a table for people, as JUnit XML for CI systems, as data for programs.

A row is ``{check, title, result, detail, seconds}`` with ``result`` one of ``passed``, ``failed``, ``skipped``.
"""

from __future__ import annotations

import textwrap
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from typing import Any

from .tally import many

Row = Mapping[str, Any]

_WIDTH = 72
# The table is for the eye; the files have all of it.
_LINES = 8
_REST = " ... (the rest is in the report's file)"
_MARKS = {"passed": "ok", "failed": "FAILED", "skipped": "skipped"}


def count(rows: Sequence[Row], result: str) -> int:
    """How many rows are of that kind."""
    return sum(1 for row in rows if row["result"] == result)


def table(rows: Sequence[Row], site: str) -> list[str]:
    """The lines of a table; long details continue on further lines."""
    width = max([len("check"), *(len(row["title"]) for row in rows)])
    lines = [f"{'result':8} {'check':{width}} {'seconds':>8}  detail", f"{'-' * 8} {'-' * width} {'-' * 8}  {'-' * 40}"]
    for row in rows:
        first, *more = textwrap.wrap(str(row["detail"]), _WIDTH, max_lines=_LINES, placeholder=_REST) or [""]
        head = f"{_MARKS[row['result']]:8} {row['title']:{width}} {float(row['seconds']):8.1f}"
        lines.append(f"{head}  {first}".rstrip())
        lines += [" " * (len(head) + 2) + line for line in more]
    return [*lines, "", summary(rows, site)]


def summary(rows: Sequence[Row], site: str) -> str:
    """One sentence with the counts."""
    passed, failed, skipped = (count(rows, kind) for kind in ("passed", "failed", "skipped"))
    left_out = f", {skipped} left out" if skipped else ""
    return f"Site {site}: {passed} of {many(passed + failed, 'check')} passed{left_out}."


def as_data(rows: Sequence[Row], site: str, started: str) -> dict[str, Any]:
    """Everything a program wants to know about one report."""
    return {
        "site": site,
        "started": started,
        "passed": count(rows, "passed"),
        "failed": count(rows, "failed"),
        "skipped": count(rows, "skipped"),
        "total": len(rows),
        "seconds": round(sum(float(row["seconds"]) for row in rows), 1),
        "checks": [dict(row) for row in rows],
    }


def as_junit(rows: Sequence[Row], site: str, started: str) -> str:
    """JUnit XML with one test case for each row."""
    suite = ET.Element(
        "testsuite",
        name=f"mediverse.pacs proof of {site}",
        tests=str(len(rows)),
        failures=str(count(rows, "failed")),
        skipped=str(count(rows, "skipped")),
        errors="0",
        time=f"{sum(float(row['seconds']) for row in rows):.1f}",
        timestamp=started,
    )
    for row in rows:
        time = f"{float(row['seconds']):.1f}"
        case = ET.SubElement(suite, "testcase", classname=f"site.{site}", name=row["check"], time=time)
        if row["result"] == "failed":
            ET.SubElement(case, "failure", message=_printable(row["detail"]))
        elif row["result"] == "skipped":
            ET.SubElement(case, "skipped", message=_printable(row["detail"]))
        ET.SubElement(case, "system-out").text = f"{row['title']}: {_printable(row['detail'])}"
    ET.indent(suite)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(suite, encoding="unicode") + "\n"


def _printable(text: Any) -> str:
    return "".join(char if char.isprintable() else " " for char in str(text))


def said_by(result: Any) -> str:
    """What a failed task said; of a loop, what its failed items said, each once. Neither masked nor cut yet."""
    text = result
    if isinstance(result, Mapping):
        failed = [entry.get("msg", "") for entry in result.get("results", ()) if entry.get("failed")]
        text = " ".join(dict.fromkeys(map(str, failed))) or result.get("msg", "")
    return str(text or "the task failed without a message")


def said_on(host: str, result: Any) -> str:
    """The same with the host on which it failed before it, unless it is named or not known (empty)."""
    text = said_by(result)
    return f"{host}: {text}" if host and host not in text else text
