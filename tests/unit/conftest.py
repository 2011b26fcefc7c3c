# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures for everything that talks to an API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .fake_api import FakeApi


@pytest.fixture
def api() -> Iterator[FakeApi]:
    """A fake API; every request it expects has to come."""
    fake = FakeApi()
    yield fake
    fake.done()


@pytest.fixture(params=["linux", "windows"])
def both(request: pytest.FixtureRequest, api: FakeApi) -> FakeApi:
    """The fake API, once for a module on Linux and once for its action plugin on Windows."""
    api.windows = request.param == "windows"
    return api
