# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a machine has room for what will be built on it. Pure."""

from __future__ import annotations

from collections.abc import Mapping

GIB = 2**30


def complaint(free: Mapping[str, int], minimum: int, setting: str) -> str | None:
    """The sentence about the file system with the least room; None when that is enough.

    free     bytes that anybody may still write, by the path of a folder.
    minimum  GiB that are needed on each of them.
    setting  the name of what says so.
    """
    path = min(free, key=lambda one: free[one])
    if free[path] >= minimum * GIB:
        return None
    return (
        f"{path} has {free[path] // GIB} GB free; at least {minimum} GB are needed ({setting}), so make room or attach "
        "a larger disk. Nothing was changed."
    )
