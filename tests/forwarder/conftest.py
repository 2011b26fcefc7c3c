# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pairs of servers for the tests of this folder."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.forwarder.pair import MakePair, Pair
from tests.kit.images import prepare
from tests.kit.networks import Network, claim
from tests.kit.orthanc import IMAGE


@pytest.fixture(scope="session")
def network() -> Iterator[Network]:
    prepare(IMAGE)
    with contextlib.ExitStack() as stack:
        yield stack.enter_context(claim())


@pytest.fixture
def make(tmp_path: Path, network: Network) -> Iterator[MakePair]:
    pairs: list[Pair] = []

    def factory(**settings: Any) -> Pair:
        pairs.append(Pair(tmp_path, network, **settings))
        return pairs[-1]

    yield factory
    for pair in pairs:
        (tmp_path / "gateway.log").write_text(pair.gateway.logs())
        pair.close()
