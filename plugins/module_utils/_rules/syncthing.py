# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Syncthing is told: folders, where it listens, whom it lets in."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from . import values

_LISTEN = re.compile(
    r"default|(?:tcp|quic)[46]?://(?:\[[0-9A-Fa-f:.%]*\]|[A-Za-z0-9._-]*):[0-9]{1,5}|(?:dynamic\+https|relay)://\S+"
)
_BCRYPT = re.compile(r"\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{53}")

folder_id = values.plain(64)
"""A folder. One whose ID holds a slash can be created but never be addressed again."""


def listen(value: Any) -> str | None:
    """Where it waits for others."""
    if not isinstance(value, str) or not _LISTEN.fullmatch(value):
        return "is no address to listen at; write 'default' or an address such as 'tcp://0.0.0.0:22000'"
    return None


def network(value: Any) -> str | None:
    """From where a device may come, of either version of IP; one that begins with ``!`` is shut out."""
    try:
        ipaddress.ip_network(value.removeprefix("!") if isinstance(value, str) else "")
    except ValueError:
        return "is no network in CIDR notation such as '10.8.0.0/24'"
    return None


def password_hash(value: Any) -> str | None:
    """The password of its web page. Clear text would be hashed anew by every run, which would never be idempotent."""
    if not isinstance(value, str) or not _BCRYPT.fullmatch(value):
        return "must be a bcrypt hash that begins with $2a$, $2b$ or $2y$, not the password itself"
    return None
