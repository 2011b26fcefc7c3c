# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a row expects beside what was seen."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tests.probes.table import Row

_SHOWN = 160


def surprises(row: Row, seen: Mapping[str, Any], never: Mapping[str, str]) -> list[str]:
    """Every difference, each with what was expected and what was seen.

    ``never``: texts that no answer may hold, by what they are. A secret is not printed because it was seen.
    """
    if row.kind == "http":
        return _http(row, seen, never)
    expected, got = row.expect, ""
    if row.kind == "port":
        got = "open" if seen.get("open") else "closed"
    elif row.kind == "tls":
        if "handshake" not in seen:
            return [f"expected {expected}, seen {seen.get('error')}"]
        both = f"{seen['handshake']} {seen['alpn']}".strip()
        got = both if row.more.get("alpn") else seen["handshake"] or "refused"
    elif row.kind == "dicom":
        got = _association(seen)
    else:
        return _rate(row, seen)
    return [] if got == expected else [f"expected {expected}, seen {got}{_reason(seen)}"]


def _association(seen: Mapping[str, Any]) -> str:
    if "association" not in seen:
        return f"no answer of the prober: {seen.get('error')}"
    if seen["association"] != "accepted" or not re.fullmatch("0000|FF0[01]", seen["status"]):
        # What the scanner is not offered and what it is refused are the same to whoever tries.
        return "refused"
    return f"accepted {seen['status']}"


def _rate(row: Row, seen: Mapping[str, Any]) -> list[str]:
    counts = seen.get("counts")
    if counts is None:
        return [f"expected answers, seen {seen.get('error')}"]
    others = {status for status in counts if status.startswith(("2", "3"))}
    a_second = counts.get(row.expect["status"], 0) / row.more["span"]
    found = [f"expected a refusal, seen {status} {counts[status]} times" for status in sorted(others)]
    if not any(status.isdigit() for status in counts):
        found.append(f"expected answers, seen {counts}")
    if a_second > row.expect["at_most_a_second"]:
        found.append(
            f"expected at most {row.expect['at_most_a_second']} wrong logins a second, seen {a_second:.0f} ({counts})"
        )
    return found


def _http(row: Row, seen: Mapping[str, Any], never: Mapping[str, str]) -> list[str]:
    found = []
    statuses = [status for status in seen.get("statuses", []) if status != 100]
    if "statuses" not in seen or not _fits(row.expect, statuses):
        word = row.expect if isinstance(row.expect, str) else " or ".join(map(str, _list(row.expect)))
        said = " then ".join(map(str, statuses)) if statuses else f"no answer{_reason(seen)}"
        found.append(f"expected {word}, seen {said}")
    elif row.expect != "closed" and row.to.partition(":")[0] in ("viewer", "pacs") and not seen.get("open"):
        # A name that is down refuses everybody, and proves nothing.
        found.append(f"expected a connection, seen none{_reason(seen)}")
    headers: Mapping[str, list[str]] = seen.get("headers", {})
    text = str(seen.get("text", ""))
    for name, pattern in row.more.get("has", {}).items():
        values = headers.get(name, [])
        if len(values) != 1 or not re.search(str(pattern), values[0]):
            found.append(f"expected the header {name} once with {pattern}, seen {values}")
    for name in row.more.get("lacks", []):
        if name in headers:
            found.append(f"expected no header {name}, seen {headers[name]}")
    if "body" in row.more and not re.search(str(row.more["body"]), text):
        found.append(f"expected {row.more['body']} in the answer, seen {text[-_SHOWN:]!r}")
    for pattern in row.more.get("never", []):
        if match := re.search(str(pattern), text):
            found.append(f"expected nothing like {pattern}, seen {match.group(0)!r}")
    found += [f"expected no {name} in the answer, seen it" for name, value in never.items() if value in text]
    if "within" in row.more and seen.get("seconds", 0) > row.more["within"]:
        found.append(f"expected an answer within {row.more['within']} s, seen it after {seen['seconds']} s")
    return found


def _fits(expect: Any, statuses: list[int]) -> bool:
    if expect == "closed":
        return not statuses
    if expect == "refused":
        return all(400 <= status < 500 or status == 501 for status in statuses)
    if not statuses:
        return "closed" in _list(expect)
    return len(statuses) == 1 and statuses[0] in _list(expect)


def _list(expect: Any) -> list[Any]:
    return expect if isinstance(expect, list) else [expect]


def _reason(seen: Mapping[str, Any]) -> str:
    return f" ({seen['error']})" if seen.get("error") else ""
