# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules that the simulated Windows knows; importing the package registers all of them."""

from __future__ import annotations

from . import (
    accounts,
    acl,
    commands,
    copy,
    environment,
    facts,
    files,
    firewall,
    jobs,
    packages,
    power,
    powershell,
    registry,
    services,
    tasks,
    uri,
    wait,
)

__all__ = [
    "accounts",
    "acl",
    "commands",
    "copy",
    "environment",
    "facts",
    "files",
    "firewall",
    "jobs",
    "packages",
    "power",
    "powershell",
    "registry",
    "services",
    "tasks",
    "uri",
    "wait",
]
