# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows the results of a site's proof: as a table for people, as JUnit XML for CI systems, as data for programs.

A result is ``{check, title, result, detail, seconds}`` with ``result`` one of ``passed``, ``failed``, ``skipped``.
"""

from __future__ import annotations

import textwrap
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from typing import Any

DOCUMENTATION = r"""
name: proof
short_description: Show the results of a site's proof
version_added: 1.0.0
author: The mediverse.pacs maintainers
description:
  - C(proof_table) gives the lines of a readable table, C(proof_junit) JUnit XML, C(proof_report) a dictionary with
    counts, C(proof_detail) the first line of whatever a failed task said.
positional: _input
options:
  _input:
    description: Results, each with C(check), C(title), C(result), C(detail) and C(seconds).
    type: list
    elements: dict
    required: true
"""

RETURN = r"""
_value:
  description: Lines, text or a dictionary, depending on the filter.
  type: raw
"""

Result = Mapping[str, Any]
_WIDTH = 72
_MARKS = {"passed": "ok", "failed": "FAILED", "skipped": "skipped"}


def count(results: list[Result], result: str) -> int:
    """How many results are of that kind."""
    return sum(1 for entry in results if entry["result"] == result)


def proof_table(results: list[Result], site: str) -> list[str]:
    """The lines of a table; long details continue on further lines."""
    width = max([len("check"), *(len(entry["title"]) for entry in results)])
    lines = [f"{'result':8} {'check':{width}} {'seconds':>8}  detail", f"{'-' * 8} {'-' * width} {'-' * 8}  {'-' * 40}"]
    for entry in results:
        first, *more = textwrap.wrap(str(entry["detail"]), _WIDTH) or [""]
        head = f"{_MARKS[entry['result']]:8} {entry['title']:{width}} {float(entry['seconds']):8.1f}"
        lines.append(f"{head}  {first}".rstrip())
        lines += [" " * (len(head) + 2) + line for line in more]
    return [*lines, "", summary(results, site)]


def summary(results: list[Result], site: str) -> str:
    """One sentence with the counts."""
    passed, failed, skipped = (count(results, kind) for kind in ("passed", "failed", "skipped"))
    left_out = f", {skipped} left out" if skipped else ""
    return f"Site {site}: {passed} of {passed + failed} checks passed{left_out}."


def proof_report(results: list[Result], site: str, started: str) -> dict[str, Any]:
    """Everything a program wants to know about one proof."""
    return {
        "site": site,
        "started": started,
        "passed": count(results, "passed"),
        "failed": count(results, "failed"),
        "skipped": count(results, "skipped"),
        "total": len(results),
        "seconds": round(sum(float(entry["seconds"]) for entry in results), 1),
        "checks": [dict(entry) for entry in results],
    }


def proof_junit(results: list[Result], site: str, started: str) -> str:
    """JUnit XML with one test case for each check."""
    suite = ET.Element(
        "testsuite",
        name=f"mediverse.pacs proof of {site}",
        tests=str(len(results)),
        failures=str(count(results, "failed")),
        skipped=str(count(results, "skipped")),
        errors="0",
        time=f"{sum(float(entry['seconds']) for entry in results):.1f}",
        timestamp=started,
    )
    for entry in results:
        case = ET.SubElement(
            suite, "testcase", classname=f"site.{site}", name=entry["check"], time=f"{float(entry['seconds']):.1f}"
        )
        if entry["result"] == "failed":
            ET.SubElement(case, "failure", message=_printable(entry["detail"]))
        elif entry["result"] == "skipped":
            ET.SubElement(case, "skipped", message=_printable(entry["detail"]))
        ET.SubElement(case, "system-out").text = f"{entry['title']}: {_printable(entry['detail'])}"
    ET.indent(suite)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _printable(text: Any) -> str:
    return "".join(char if char.isprintable() else " " for char in str(text))


def proof_detail(result: Any) -> str:
    """What a failed task said, on one line of at most 300 characters; of a loop, what its failed items said."""
    text = result
    if isinstance(result, Mapping):
        failed = [entry.get("msg", "") for entry in result.get("results", ()) if entry.get("failed")]
        text = " ".join(map(str, failed)) or result.get("msg", "")
    return " ".join(str(text or "the task failed without a message").split())[:300]


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Names and functions."""
        return {
            "proof_table": proof_table,
            "proof_junit": proof_junit,
            "proof_report": proof_report,
            "proof_detail": proof_detail,
        }
