# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sequences in parts, for requests that take so many at once and for texts that people read in groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

_Some = TypeVar("_Some", bound=Sequence[object])


def pieces(items: _Some, size: int) -> Iterator[_Some]:
    """The items in order, ``size`` at a time; the last piece may be shorter, and of nothing there is none."""
    for start in range(0, len(items), size):
        end = start + size
        yield items[start:end]  # type: ignore[misc]
