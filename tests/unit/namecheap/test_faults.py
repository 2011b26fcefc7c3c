# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One of the runs of ``make faults-dns``: clients that are killed, answers that are lost, and two clients at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.names.faults import Nursery, Run, nursery


@pytest.fixture(scope="module")
def start() -> Iterator[Nursery]:
    """Return a place that starts clients."""
    with nursery() as made:
        yield made


def test_nothing_is_lost(start: Nursery, tmp_path: Path) -> None:
    # One that tells when there is no lock.
    outcome = Run(4, start, tmp_path).perform()
    assert (outcome.lost, outcome.changed_foreign) == (0, 0), outcome.notes
