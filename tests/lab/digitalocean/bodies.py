# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bodies of requests: what may stand in them, and of what type."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .errors import Refusal, unprocessable

TAG = re.compile(r"[A-Za-z0-9_:-]{1,255}")


def body_of(body: Any, known: Mapping[str, Any], needed: tuple[str, ...] = ()) -> dict[str, Any]:
    """A body with nothing but what is known; ``known`` has the type of each key. Raises Refusal."""
    if not isinstance(body, dict):
        raise Refusal(400, "Unable to parse JSON at given position.")
    for name, value in body.items():
        if name not in known:
            raise unprocessable(f"{name} is not a known attribute.")
        if not isinstance(value, known[name]) or (isinstance(value, bool) and known[name] is not bool):
            raise unprocessable(f"{name} is of the wrong type.")
    for name in needed:
        if body.get(name) in (None, ""):
            raise unprocessable(f"{name} is required.")
    return dict(body)


def tags_of(body: Mapping[str, Any]) -> list[str]:
    """The tags of a body; raises Refusal for one that cannot be."""
    tags = list(body.get("tags") or [])
    for tag in tags:
        if not isinstance(tag, str) or not TAG.fullmatch(tag):
            raise unprocessable(f"Tag name {tag} may only contain letters, numbers, colons, dashes and underscores")
    return tags
