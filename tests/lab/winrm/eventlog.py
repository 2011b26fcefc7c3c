# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module writes to the event log of Windows about its arguments, and that too long an event is a warning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .call import Call

LONGEST = 31_839
"""Characters of an event that Windows takes; .NET alone would take 32,766."""


def warnings(call: Call, params: dict[str, Any]) -> list[str]:
    """What the module adds to its warnings. Those written on the older utilities log nothing."""
    if call.arguments.get("_ansible_no_log") or "Ansible.ModuleUtils.Legacy" in call.source:
        return []
    event = f"{call.full_name} - Invoked with:\r\n  {_shown(params, 2)}"
    if len(event) <= LONGEST:
        return []
    told = "Log entry string is too long. A string written to the event log cannot exceed 32766 characters."
    return [f"Unknown error when creating event log entry: {told}"]


def _shown(data: Any, indent: int) -> str:
    """As Ansible.Basic lays it out: an entry a line, each level two further in."""
    space = " " * indent
    if isinstance(data, list):
        return "".join(f"\r\n{space}- {_shown(one, indent + 2)}" for one in data)
    if isinstance(data, dict):
        return f"\r\n{space}".join(f"{name}: {_shown(one, indent + 2)}" for name, one in data.items())
    return "$null" if data is None else str(data)
