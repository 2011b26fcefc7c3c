# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures for everything that talks to an API."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from .fake_api import FakeApi

try:
    from ansible.module_utils._internal._secrets import _secret_masker
except ImportError:  # before 2.22
    _secret_masker = None

# Helpers that start Ansible, and names of programs.
_PROGRAMS = re.compile(r"\b(?:ad_hoc|role_tasks|hub_programs|ansible-playbook|pwsh)\b")

# There each case takes seconds, and there are hundreds. The usual run has so many of each test.
_OF_MANY_CASES = ("gateway", "sites")
_CASES = 4


@functools.cache
def _starts_programs(file: Path) -> bool:
    return bool(_PROGRAMS.search(file.read_text(encoding="utf-8")))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what takes seconds, because it starts Ansible or PowerShell: on the oldest line only some of it is run.

    What is marked as long is left out, unless MEDIVERSE_LONG is set.
    """
    cases: dict[tuple[Path, str], list[pytest.Item]] = {}
    for item in items:
        if _starts_programs(item.path):
            item.add_marker("program")
            if item.path.parent.name in _OF_MANY_CASES:
                cases.setdefault((item.path, item.name.partition("[")[0]), []).append(item)
    for one in cases.values():
        for item in one[_CASES:]:
            item.add_marker("long")
    if not os.environ.get("MEDIVERSE_LONG"):
        long = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


@pytest.fixture(autouse=True)
def _secrets_of_its_own() -> Iterator[None]:
    """A module's process ends with its secrets; here all tests are one process, and one's secret is another's text."""
    yield
    if _secret_masker is not None:
        _secret_masker._matcher = type(_secret_masker._matcher)()
        for known in (_secret_masker._secrets, _secret_masker._forms, _secret_masker._json_forms):
            known.clear()


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
