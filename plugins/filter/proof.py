# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows the results of a site's proof: as a table for people, as JUnit XML for CI systems, as data for programs.

A result is ``{check, title, result, detail, seconds}`` with ``result`` one of ``passed``, ``failed``, ``skipped``.
"""

from __future__ import annotations

import re
import textwrap
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

DOCUMENTATION = r"""
name: proof
short_description: Show the results of a site's proof
version_added: 1.0.0
author: The mediverse.pacs maintainers
description:
  - C(proof_table) gives the lines of a readable table, C(proof_junit) JUnit XML, C(proof_report) a dictionary with
    counts, C(proof_detail) the first line of whatever a failed task said.
  - C(proof_certificates) gives claims about the certificates that are served, C(proof_refusals) one about the images
    that the gateway refused, C(proof_worklists) one about the worklist files, C(proof_doors) claims about the
    containers past the proxy, C(proof_hidden) takes secrets out of results, in every spelling, before they are written
    to a file.
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

from ..module_utils._engine.secrets import masked, masker  # noqa: E402 (the documentation stands first)
from ..module_utils._site.tally import first_few  # noqa: E402

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


Claim = dict[str, Any]
# The proxy manager tells the end of a certificate in a zone that nobody knows, and a renewal moves it by weeks.
_SAME = timedelta(days=1)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)  # noqa: UP017 (Python 3.9)


def proof_certificates(
    answers: Mapping[str, Result], held: Sequence[Result], share: float, days: int = 0
) -> list[Claim]:
    """Claims ``{right, otherwise}`` about the certificates in the answers of ``http_probe``, by the name of their host.

    held    what the proxy manager has: results of ``nginx_proxy_manager_certificate``, each with the name as ``item``.
    share   of its lifetime that a certificate must still be valid; ``days``, when it is not 0, counts instead.
    """
    ends = {one["item"]: (one.get("certificate") or {}).get("expires_on") for one in held}
    claims: list[Claim] = []
    for name, answer in answers.items():
        url = answer["url"]
        said = answer["error"] or "no answer"
        claims.append({"right": answer["status"] > 0, "otherwise": f"{url}: {said}."})
        left, lifetime = answer.get("days") or 0, answer.get("lifetime") or 0
        least = float(days) or float(share) * lifetime
        text = (
            f"{url}: the certificate, made for {lifetime} days, expires in {left} days; expected at least {least:.0f}, "
            "so look at what the proxy manager says about its renewal."
        )
        claims.append({"right": left >= least, "otherwise": text})
        if ends.get(name) and answer.get("not_after"):
            served, kept = _moment(str(answer["not_after"])), _moment(str(ends[name]))
            text = (
                f"{url}: the certificate was renewed until {kept:%Y-%m-%d}, but the one until {served:%Y-%m-%d} is "
                "still served; run site.yml again, which makes the proxy load it."
            )
            claims.append({"right": kept - served < _SAME, "otherwise": text})
        hsts = re.search(r"max-age=[1-9]", str(answer["headers"].get("strict-transport-security", "")))
        text = f"{url} does not send Strict-Transport-Security; switch HSTS on in its proxy host."
        claims.append({"right": bool(hsts), "otherwise": text})
    return claims


def proof_refusals(answer: Result) -> dict[str, Any]:
    """What the gateway refused, came again or turned away today, of an answer of ``orthanc_delivery_info``.

    ``{right, otherwise, detail}``. A gateway that cannot tell, yet or at all, is no fault, and is never told as 0.
    """
    refused = answer.get("refused") or {}
    today = int(refused.get("today") or 0)
    named = [
        f"{image.get('uid') or 'without a UID'} ({image.get('status') or '?'}, {image.get('reason') or 'unknown'}) "
        f"from {image.get('aet') or '?'} at {image.get('address') or '?'}, {image.get('times', 1)} times"
        for image in refused.get("images") or ()
    ]
    known = bool(refused.get("known"))
    notes = [
        "no image of today was refused, as far as the log of its Orthanc tells"
        if known
        else "what was refused is not known"
    ]
    replaced = answer.get("replaced") or {}
    if replaced.get("today"):
        uids = [str(image.get("uid") or "?") for image in replaced.get("images") or ()]
        notes.append(f"{replaced['today']} came again with other content: {first_few(uids, int(replaced['today']))}")
    rejected = answer.get("rejected") or {}
    if rejected.get("today"):
        notes.append(f"associations turned away today: {rejected['today']}")
    return {
        "right": not today,
        "otherwise": f"The gateway refused {today} images today: {first_few(named, today)}; mend it at the scanner.",
        "detail": "; ".join(notes),
    }


def proof_worklists(answer: Result) -> dict[str, Any]:
    """Whether each worklist file reaches a scanner, by an answer of ``worklist_check``."""
    files, bad = answer.get("files"), [f"{one['file']} {one['reason']}" for one in answer.get("bad") or ()]
    return {
        "right": not bad,
        "otherwise": f"{len(bad)} of {files} worklist files reach no scanner, or not rightly: "
        f"{first_few(bad, len(bad), '; ')}. Have the LIMS write them again.",
        "detail": f"all {files} files of the LIMS can be read" if files else "there is no file",
    }


_LISTS = (200, 204)


def proof_doors(answer: Result, heard: str, call: str, site: str, outside: str, cloud: str) -> dict[str, Any]:
    """Whether the containers of a site answer the proxy alone, by an answer of ``container_doors``.

    ``{claims, detail}``; the first claim that is wrong is the worst.

    heard    what the log of the viewer's container tells; ``call`` is what it must not have heard.
    outside  the host that has called it; ``cloud`` is the one that the containers run on.
    """
    lists = [address for address, status in answer["from_host"].items() if status in _LISTS]
    others, viewer = answer["from_others"], answer["viewer"]
    claims: list[Claim] = [
        {
            "right": not lists,
            "otherwise": f"A container of {site} lists studies without a login and without the proxy "
            f"({', '.join(lists)}); run the playbook again, and take the site off the net until this check passes.",
        },
        {
            "right": not others,
            "otherwise": f"Another site's container reaches {', '.join(others)}; the site has to have a network of "
            "its own, so run the playbook again for both.",
        },
        {
            "right": call not in heard,
            "otherwise": f"{outside} reaches the container {viewer.get('name')} at {viewer.get('address')}; containers "
            f"must be reached through the proxy only, so look at the routes and the firewall of {cloud}.",
        },
        {"right": not answer["guard"], "otherwise": answer["guard"]},
    ]
    asking = ", ".join(["the host", *answer["others"]])
    return {
        "claims": claims,
        "detail": f"{len(answer['addresses'])} addresses of containers refuse {asking} and {outside}",
    }


def proof_hidden(value: Any, logins: Sequence[Mapping[str, str]]) -> Any:
    """``value`` with each secret in it masked, however it is spelled. ``logins``: ``{username, password}``."""
    hide = masker((str(one.get("username") or ""), str(one.get("password") or "")) for one in logins)
    return masked(value, hide, keys=True)


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Names and functions."""
        return {
            "proof_table": proof_table,
            "proof_junit": proof_junit,
            "proof_report": proof_report,
            "proof_certificates": proof_certificates,
            "proof_detail": proof_detail,
            "proof_doors": proof_doors,
            "proof_hidden": proof_hidden,
            "proof_refusals": proof_refusals,
            "proof_worklists": proof_worklists,
        }
