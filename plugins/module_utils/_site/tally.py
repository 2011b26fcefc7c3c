# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many things are told in one sentence: how often which reason was given, and the first few of many names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

_SHOWN = 3


def many(count: int, one: str, more: str = "") -> str:
    """``1 image`` and ``2 images``; ``more`` where it is not ``one`` with an s. Numbers may come as text."""
    return f"{count} {one if int(count) == 1 else more or one + 's'}"


def first_few(names: Sequence[str], count: int, between: str = ", ") -> str:
    """``a, b, c and others``, when there are ``count`` in all, of which not each needs to have a name here."""
    shown = names[:_SHOWN]
    return between.join(shown) + (" and others" if count > len(shown) else "")


def tally(counts: Mapping[str, int], names: Mapping[str, Sequence[str]] | None = None) -> str:
    """The most frequent reasons: ``2 (no answer); 1 (unreadable)``, each followed by its ``names`` if it has some."""
    parts = []
    for reason, count in Counter(counts).most_common(_SHOWN):
        named = (names or {}).get(reason)
        parts.append(f"{count} ({reason})" + (f": {first_few(named, count)}" if named else ""))
    return "; ".join(parts) + (" and others" if len(counts) > _SHOWN else "")
