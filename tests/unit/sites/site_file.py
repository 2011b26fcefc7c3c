# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A correct site file to start from, and a way to change it in one place. Mistakes stand in the corpus, as text."""

from __future__ import annotations

import copy
from typing import Any

import yaml

GOOD: dict[str, Any] = {
    "plugin": "mediverse.pacs.sites",
    "domain": "mediverse.ai",
    "hub": {"host": "clfy.mediverse.ai"},
    "sites": {
        "kanifing": {
            "cloud": {"host": "203.0.113.10"},
            "gateway": {
                "host": "10.8.0.12",
                "user": "Administrator",
                "scanner_address": "192.168.0.20/24",
                "scanner_mac": "00:1B:44:11:3A:B7",
            },
            "scanners": {"ct1": {"aet": "CT_SCANNER", "host": "192.168.0.10", "port": 104}},
        }
    },
}

SECOND: dict[str, Any] = {
    "cloud": {"host": "203.0.113.11"},
    "gateway": {
        "host": "10.8.0.13",
        "user": "Administrator",
        "scanner_address": "192.168.0.20/24",
        "scanner_mac": "00:1B:44:11:3A:B8",
    },
    "scanners": {"ct1": {"aet": "CT_SCANNER", "host": "192.168.0.10", "port": 104}},
}

REMOVED = object()


def changed(*changes: tuple[str, Any], second: bool = False) -> str:
    """The text of the good file after setting dotted paths; ``REMOVED`` takes the key away."""
    data = copy.deepcopy(GOOD)
    if second:
        data["sites"]["brikama"] = copy.deepcopy(SECOND)
    for path, value in changes:
        *parents, last = path.split(".")
        place = data
        for parent in parents:
            place = place[parent]
        if value is REMOVED:
            del place[last]
        else:
            place[last] = value
    return yaml.safe_dump(data, sort_keys=False)
