# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the DICOM side of a gateway: application entity titles, addresses, ports."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

DOCUMENTATION = r"""
name: gateway_problems
short_description: Finds mistakes in the DICOM settings of a gateway
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
description:
  - Checks the scanners of a gateway against DICOM's rules, against each other and against the gateway's own address.
  - All mistakes are found in one pass.
positional: _input
options:
  _input:
    description: Scanners by name, each with C(aet), C(host), C(port) and optionally C(manufacturer).
    type: dict
    required: true
  aet:
    description: AE title of the gateway.
    type: str
    required: true
  address:
    description:
      - IPv4 address with prefix length of the adapter beside the scanners, such as V(192.168.0.20/24).
      - Empty when it is not managed.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Refuse wrong scanners
  ansible.builtin.assert:
    that: scanners | mediverse.pacs.gateway_problems(aet='MEDIVERSE', address='192.168.0.20/24') | length == 0
"""

RETURN = r"""
_value:
  description: One sentence for each mistake.
  type: list
  elements: str
"""

_NAME = re.compile(r"[A-Za-z0-9_-]+")
_RESERVED = {"self-test"}


def _aet_problem(aet: Any) -> str | None:
    if not isinstance(aet, str) or not aet.strip():
        return "is empty"
    if len(aet) > 16:
        return f"has {len(aet)} characters; DICOM allows 16"
    if aet != aet.strip() or "\\" in aet or not all(" " <= character <= "~" for character in aet):
        return "has a character that an AE title may not contain; use letters, digits, space, '-' and '_'"
    return None


def _host(value: Any) -> ipaddress.IPv4Address | None:
    try:
        return ipaddress.IPv4Address(str(value))
    except ValueError:
        return None


def _own_network(address: str) -> tuple[ipaddress.IPv4Interface | None, list[str]]:
    if not address:
        return None, []
    try:
        own = ipaddress.IPv4Interface(address)
    except ValueError:
        own = None
    ends = own and (own.network.network_address, own.network.broadcast_address)
    if own is None or "/" not in address or own.network.prefixlen > 30 or own.ip in (ends or ()):
        example = "an address of a host with its prefix length, such as 192.168.0.20/24"
        return None, [f"scanner_address is '{address}'; expected {example}."]
    return own, []


def _scanner(name: str, given: Mapping[str, Any], own: ipaddress.IPv4Interface | None) -> Iterator[str]:
    if not _NAME.fullmatch(name) or name in _RESERVED:
        yield f"Scanner '{name}': the name may contain letters, digits, '-' and '_' only, and must not be 'self-test'."
    if problem := _aet_problem(given.get("aet")):
        yield f"Scanner '{name}': the AE title '{given.get('aet')}' {problem}."
    host = _host(given.get("host"))
    if host is None:
        reason = "is not an IPv4 address; the firewall and Orthanc compare addresses, not names"
        yield f"Scanner '{name}': the host '{given.get('host')}' {reason}."
    elif own is not None and host not in own.network:
        reason = f"is outside {own.network}, the network of the gateway's adapter {own}; correct one of the two"
        yield f"Scanner '{name}': {host} {reason}."
    elif own is not None and host == own.ip:
        yield f"Scanner '{name}': {host} is the address of the gateway itself."
    port = given.get("port")
    if not str(port).isdigit() or not 1 <= int(str(port)) <= 65535:
        yield f"Scanner '{name}': the port '{port}' is not a number from 1 to 65535."


def gateway_problems(scanners: Mapping[str, Mapping[str, Any]], aet: str, address: str = "") -> list[str]:
    """One sentence for each mistake; an empty list when all is well."""
    own, problems = _own_network(address)
    if problem := _aet_problem(aet):
        problems.append(f"The gateway's AE title '{aet}' {problem}.")
    titles: dict[str, str] = {}
    for name, given in scanners.items():
        problems += _scanner(str(name), given, own)
        title = str(given.get("aet"))
        if title == aet:
            problems.append(f"Scanner '{name}': the AE title '{title}' is the gateway's own.")
        elif title in titles:
            problems.append(f"Scanner '{name}': the AE title '{title}' belongs to '{titles[title]}' already.")
        titles.setdefault(title, str(name))
    return problems


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"gateway_problems": gateway_problems}
