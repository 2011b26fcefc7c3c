# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the settings of a gateway's forwarder before they reach the gateway."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

DOCUMENTATION = r"""
name: forwarder_problems
short_description: Finds mistakes in the settings of a gateway's forwarder
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
description:
  - Checks what the role C(orthanc_windows_gateway) writes into the section C(MediverseForwarder) of Orthanc.
  - The forwarder refuses to run with a wrong setting, so a mistake has to be found before it replaces a good one.
  - All mistakes are found in one pass.
positional: _input
options:
  _input:
    description: The variable C(orthanc_windows_gateway_forwarder).
    type: dict
    required: true
  peers:
    description: The destinations, each with C(name) and optionally C(timeout) and C(largest_mb).
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Refuse wrong settings
  ansible.builtin.assert:
    that: orthanc_windows_gateway_forwarder | mediverse.pacs.forwarder_problems | length == 0
"""

RETURN = r"""
_value:
  description: One sentence for each mistake.
  type: list
  elements: str
"""

BOUNDS = {
    "jobs": (1, 64),
    "in_flight_megabytes": (1, 65536),
    "batch": (1, 500),
    "longest_pause": (1, 3600),
    "job_patience": (15, 86400),
    "park_after": (1, 100),
    "retry_parked": (1, 604800),
    "keep_days": (0, 36500),
}
"""Of whole numbers, as settings.lua of the forwarder checks them again; a test compares the two."""
MBIT = (0.1, 10000)
TIMEOUT = (1, 86400)
LARGEST = (0, 65536)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LISTS: dict[str, tuple[str, ...]] = {
    "skip_http_users": (),
    "skip_remote_aets": (),
    "skip_origins": ("DicomProtocol", "RestApi", "Plugins", "Lua"),
}
"""Lists of strings, and which strings; empty for any."""
LOSSLESS = {
    "1.2.840.10008.1.2": "uncompressed, implicit",
    "1.2.840.10008.1.2.1": "uncompressed, explicit",
    "1.2.840.10008.1.2.1.99": "deflated",
    "1.2.840.10008.1.2.2": "uncompressed, big endian",
    "1.2.840.10008.1.2.4.57": "JPEG lossless",
    "1.2.840.10008.1.2.4.70": "JPEG lossless, first order",
    "1.2.840.10008.1.2.4.80": "JPEG-LS lossless",
    "1.2.840.10008.1.2.4.90": "JPEG 2000 lossless",
}
"""What Orthanc, or its plugin GDCM for JPEG 2000, converts to. With a lossy syntax Orthanc gives an image a new
identity at each attempt, so that none would arrive exactly once."""
_NAME = "orthanc_windows_gateway_forwarder"
_KNOWN = {*BOUNDS, *LISTS, "compress", "transcode", "office_hours"}
_BOOLEANS = {"yes", "no", "on", "off", "true", "false", "1", "0", "y", "n", "t", "f"}


def _is_whole(value: Any, bounds: tuple[int, int]) -> bool:
    text = "" if isinstance(value, bool) else str(value)
    return bool(re.fullmatch(r"[0-9]+", text, re.ASCII)) and bounds[0] <= int(text) <= bounds[1]


def _is_rate(value: Any) -> bool:
    try:
        return not isinstance(value, bool) and MBIT[0] <= float(value) <= MBIT[1]
    except (TypeError, ValueError):
        return False


def _is_time(value: Any) -> bool:
    return isinstance(value, str) and bool(re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", value, re.ASCII))


def _is_list(value: Any, choices: Sequence[str]) -> bool:
    if isinstance(value, str) or not isinstance(value, Sequence):
        return False
    return all(isinstance(item, str) and item and (not choices or item in choices) for item in value)


def _office_hours(given: Any) -> Iterator[str]:
    if not given:
        return
    name = f"{_NAME}.office_hours"
    if not isinstance(given, Mapping):
        yield f"{name} is '{given}'; expected a dictionary with from, to and mbit."
        return
    begin, end, rate = given.get("from", ""), given.get("to", ""), given.get("mbit", "no")
    if not (_is_time(begin) and _is_time(end) and _is_rate(rate)):
        expected = f'two times in quotes, such as "07:00", and a rate from {MBIT[0]} to {MBIT[1]}'
        yield f"{name} goes from '{begin}' to '{end}' with {rate} Mbit/s; expected {expected}."
    if not _is_list(given.get("days", []), DAYS):
        yield f"{name}.days is {given['days']}; expected a list of days out of {', '.join(DAYS)}."


def _transcode(given: Any) -> Iterator[str]:
    if given not in ("", None) and given not in LOSSLESS:
        known = ", ".join(f"{uid} ({text})" for uid, text in LOSSLESS.items())
        yield f"{_NAME}.transcode is '{given}'; expected nothing, or a lossless transfer syntax of Orthanc: {known}."


def forwarder_problems(forwarder: Mapping[str, Any], peers: Sequence[Mapping[str, Any]] = ()) -> list[str]:
    """One sentence for each mistake; an empty list when all is well."""
    problems = [
        f"{_NAME} has the unknown setting '{name}'; expected some of {', '.join(sorted(_KNOWN))}."
        for name in sorted(set(forwarder) - _KNOWN, key=str)
    ]
    for name, bounds in BOUNDS.items():
        if name in forwarder and not _is_whole(forwarder[name], bounds):
            problems.append(
                f"{_NAME}.{name} is {forwarder[name]}; expected a whole number from {bounds[0]} to {bounds[1]}."
            )
    for name, choices in LISTS.items():
        if name in forwarder and not _is_list(forwarder[name], choices):
            expected = f"a list out of {', '.join(choices)}" if choices else "a list of names"
            problems.append(f"{_NAME}.{name} is {forwarder[name]}; expected {expected}.")
    if str(forwarder.get("compress", False)).lower() not in _BOOLEANS:
        problems.append(f"{_NAME}.compress is '{forwarder['compress']}'; expected true or false.")
    problems += _transcode(forwarder.get("transcode", ""))
    problems += _office_hours(forwarder.get("office_hours"))
    for peer in peers:
        if not _is_whole(peer.get("largest_mb", 0), LARGEST):
            expected = f"a whole number of megabytes from {LARGEST[0]} to {LARGEST[1]}"
            problems.append(
                f"The destination '{peer.get('name')}' has the largest_mb {peer['largest_mb']}; expected {expected}."
            )
        if not _is_whole(peer.get("timeout", TIMEOUT[1]), TIMEOUT):
            expected = f"a whole number of seconds from {TIMEOUT[0]} to {TIMEOUT[1]}"
            problems.append(
                f"The destination '{peer.get('name')}' has the timeout {peer['timeout']}; expected {expected}."
            )
    return problems


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"forwarder_problems": forwarder_problems}
