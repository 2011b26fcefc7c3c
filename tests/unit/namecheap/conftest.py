# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A double with a company's zone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.names.double import Double
from tests.names.sample import DOMAIN, zone

from .support import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a double that takes any number of requests, and a machine that has not asked it yet."""
    return World(Double({DOMAIN: zone()}, per_minute=10_000), tmp_path / "keep")
