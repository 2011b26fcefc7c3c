# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find out who already holds the TCP ports that a compose project wants to publish."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

DOCUMENTATION = r"""
name: port_conflicts
short_description: Names the programs and containers that hold wanted TCP ports
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
description:
  - Compares the ports that a compose project wants to publish with what listens on the host.
  - A port that a container of the same project publishes already is not a conflict.
positional: _input
options:
  _input:
    description: Output of C(ss -Hltnp) on the host.
    type: str
    required: true
  wanted:
    description: The ports to publish.
    type: list
    elements: dict
    required: true
    suboptions:
      port:
        description: Its number.
        type: int
        required: true
      address:
        description: The address on which alone it is published.
        type: str
  containers:
    description: >-
      Running containers, one a line, as name, compose project and published ports, separated by tabulators.
      Empty without an engine.
    type: str
    default: ""
  project:
    description: Name of the compose project that wants the ports.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Refuse to go on when another program serves HTTPS
  ansible.builtin.assert:
    that: >-
      listeners.stdout | mediverse.pacs.port_conflicts([{'port': 443}], project='nginx-proxy-manager') | length == 0
"""

RETURN = r"""
_value:
  description: One dictionary for each port that is taken.
  type: list
  elements: dict
  contains:
    port: {description: The port., type: int}
    owner: {description: "Who holds it, in words.", type: str}
    forgotten: {description: Whether the Docker engine holds it for a container that it does not list., type: bool}
"""

_EVERYWHERE = {"*", "0.0.0.0", "::"}
_PUBLISHED = re.compile(r"(?P<address>\S+):(?P<first>\d+)(?:-(?P<last>\d+))?->")
_PROGRAM = re.compile(r'\("(?P<name>[^"]+)",pid=(?P<pid>\d+)')


def _listeners(text: str) -> Iterator[tuple[str, int, str]]:
    """Yield (address, port, owner) for each listening socket in the output of ``ss -Hltnp``."""
    for line in text.splitlines():
        columns = line.split()
        if len(columns) < 4:
            continue
        address, __, port = columns[3].rpartition(":")
        if port.isdigit():
            found = _PROGRAM.search(line)
            owner = f"{found['name']} (process {found['pid']})" if found else "another program"
            yield address.strip("[]").partition("%")[0], int(port), owner


def _publishers(text: str) -> Iterator[tuple[str, str, str, range]]:
    """Yield (container, project, address, ports) for each published range of ports."""
    for line in text.splitlines():
        name, project, ports = [*line.split("\t"), "", ""][:3]
        for found in _PUBLISHED.finditer(ports):
            first = int(found["first"])
            yield name, project, found["address"].strip("[]"), range(first, int(found["last"] or first) + 1)


def _clash(wanted: str, held: str) -> bool:
    """Say whether a socket on the address *held* keeps another one from binding *wanted* (empty: every address)."""
    return not wanted or held in _EVERYWHERE or held == wanted


def port_conflicts(
    listeners: str, wanted: list[dict[str, Any]], containers: str = "", project: str = ""
) -> list[dict[str, Any]]:
    """Return ``[{"port": int, "owner": str, "forgotten": bool}]`` for the wanted ports that somebody else holds.

    An engine that was killed while it started a container may take the container's port again when it comes back, and
    hold it for nobody (seen with 26.1.5); only a restart of the engine ends that.
    """
    published = list(_publishers(containers))
    sockets = list(_listeners(listeners))
    conflicts = []
    for want in wanted:
        port, address = int(want["port"]), str(want.get("address") or "")
        holders = [(name, owner) for name, owner, held, ports in published if port in ports and _clash(address, held)]
        if any(owner == project for __, owner in holders):
            continue
        programs = [owner for held, number, owner in sockets if number == port and _clash(address, held)]
        if holders:
            conflicts.append({"port": port, "owner": f"the container {holders[0][0]}", "forgotten": False})
        elif programs and programs[0].startswith("docker-proxy "):
            owner = "the Docker engine for a container that it does not list (a restart of the engine ends that)"
            conflicts.append({"port": port, "owner": owner, "forgotten": True})
        elif programs:
            conflicts.append({"port": port, "owner": programs[0], "forgotten": False})
    return conflicts


class FilterModule:
    """Entry point for Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"port_conflicts": port_conflicts}
