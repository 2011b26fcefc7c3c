# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare what name servers say about names with what they should say."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

DOCUMENTATION = r"""
name: names_disagreements
short_description: Tells which name servers give other addresses than wanted
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
description:
  - Compares each answer of each name server with the addresses that a name shall have. More addresses than wanted are
    as wrong as too few, because anybody may be sent to them.
  - A name of which no name server is known, or of which one did not answer, is wrong as well.
positional: _input
options:
  _input:
    description: What C(community.dns.nameserver_record_info) returns as C(results), for the type of record.
    type: list
    elements: dict
    required: true
  records:
    description: The records that are wanted, of any type, with C(name), C(type) (V(A) when left out) and C(value).
    type: list
    elements: dict
    required: true
  type:
    description: The type that was asked for. Names without a wanted record of it must have none.
    type: str
    choices: [A, AAAA]
    required: true
"""

EXAMPLES = r"""
- name: Refuse to go on before all name servers agree
  ansible.builtin.assert:
    that: asked.results | mediverse.pacs.names_disagreements(records, 'A') | length == 0
"""

RETURN = r"""
_value:
  description: A sentence for each disagreement. Empty when all agree.
  type: list
  elements: str
"""


def names_disagreements(
    results: Sequence[Mapping[str, Any]], records: Sequence[Mapping[str, Any]], type: str
) -> list[str]:
    """Return a sentence for each name server that gives other addresses than ``records``; see the documentation."""
    answers = {str(one["name"]).lower().rstrip("."): one.get("result") or [] for one in results}
    found: list[str] = []
    for name in dict.fromkeys(str(one["name"]).lower().rstrip(".") for one in records):
        wanted = {_address(one["value"]) for one in records if _is_for(one, name, type)}
        found += _of_name(name, answers.get(name, []), wanted, type)
    return found


def _is_for(record: Mapping[str, Any], name: str, type: str) -> bool:
    return str(record["name"]).lower().rstrip(".") == name and record.get("type", "A") == type


def _of_name(name: str, answers: Sequence[Mapping[str, Any]], wanted: set[str], type: str) -> Iterator[str]:
    shall = f"{type} {' and '.join(sorted(wanted))}" if wanted else f"no {type} record"
    if not answers:
        yield f"{name} shall have {shall}, and nothing is known of its name servers."
    for one in answers:
        if "entries" not in one and "values" not in one:
            yield f"{name} shall have {shall}, and {one['nameserver']} did not answer."
            continue
        said = {_address(entry["address"]) for entry in one.get("entries", one.get("values")) if "address" in entry}
        if said != wanted:
            has = " and ".join(sorted(said)) or "none"
            yield f"{name} shall have {shall}, and {one['nameserver']} has {has}."


def _address(text: Any) -> str:
    """One spelling of an address; what is none stays as it is, and equals no answer."""
    try:
        return str(ipaddress.ip_address(str(text).strip()))
    except ValueError:
        return str(text)


class FilterModule:
    """Entry point for Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"names_disagreements": names_disagreements}
