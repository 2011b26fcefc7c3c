# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The forwarder's parts in a plain Lua interpreter, without Orthanc: pure functions, and the engine against a model."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.kit.product import FORWARDER, ROOT

LUA = next(filter(None, map(shutil.which, ("lua5.3", "lua5.4", "lua"))), None)
SUITES = sorted((Path(__file__).parent / "lua").glob("*_test.lua"))


def _has_luaunit() -> bool:
    return LUA is not None and subprocess.run([LUA, "-e", "require('luaunit')"], check=False).returncode == 0


@pytest.mark.skipif(
    not _has_luaunit(), reason="no Lua interpreter with luaunit: install Debian's packages lua5.3 and lua-unit"
)
@pytest.mark.parametrize("suite", SUITES, ids=lambda path: path.stem)
def test_suite(suite: Path) -> None:
    done = subprocess.run(
        [str(LUA), str(suite), str(FORWARDER)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("script", sorted(ROOT.glob("roles/*/files/**/*.lua")), ids=lambda path: path.name)
def test_orthanc_hands_no_script_the_elements_of_an_image(script: Path) -> None:
    """It would write beyond Lua's stack for an image with deep sequences (decision 0037)."""
    names = "OnStoredInstance|ReceivedInstanceFilter|ReceivedCStoreInstanceFilter|OutgoingCStoreInstanceFilter"
    assert not re.search(rf"^\s*(function\s+({names})\b|({names})\s*=)", script.read_text(encoding="utf-8"), re.M)
