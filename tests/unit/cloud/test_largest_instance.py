# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How large a file may be follows from the memory, in whatever unit that is written."""

from __future__ import annotations

import pytest
from ansible_collections.mediverse.pacs.plugins.plugin_utils._memory import COPIES, OWN, largest_instance


@pytest.mark.parametrize(
    ("memory", "mib"),
    [
        *(("2g", 213), ("2048m", 213), ("2097152k", 213), ("2147483648", 213), ("2147483648b", 213), ("2G", 213)),
        *(("1g", 42), ("3g", 384), ("4g", 554), ("6g", 896), ("8g", 1237), ("768m", 0), ("256m", 0)),
    ],
)
def test_the_size_follows_from_the_memory(memory: str, mib: int) -> None:
    assert largest_instance(memory) == mib


def test_everything_that_happens_at_once_fits() -> None:
    for gibibytes in range(1, 65):
        assert OWN + COPIES * largest_instance(f"{gibibytes}g") <= gibibytes * 1024


@pytest.mark.parametrize("memory", ["", "2t", "-1g", "0g", "two", "1.5g", "2g\n3g"])
def test_what_is_no_limit_takes_nothing(memory: str) -> None:
    assert largest_instance(memory) == 0
