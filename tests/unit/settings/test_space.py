# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Room on a machine: what host_space measures, and the sentence where it is too little."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils._site.space import GIB, complaint
from ansible_collections.mediverse.pacs.plugins.modules.host_space import free


@pytest.mark.parametrize(
    ("measured", "minimum"),
    [({"/": 5 * GIB}, 5), ({"/": 6 * GIB, "/var/lib": 5 * GIB + 1}, 5), ({"/": 0}, 0)],
)
def test_enough(measured: dict[str, int], minimum: int) -> None:
    assert complaint(measured, minimum, "x") is None


@pytest.mark.parametrize(
    ("measured", "minimum", "begin"),
    [
        ({"/": 5 * GIB - 1}, 5, "/ has 4 GB free; at least 5 GB are needed (mediverse_minimum_free_gb), so make room"),
        ({"/": 99 * GIB, "/var/lib": 0}, 1, "/var/lib has 0 GB free; at least 1 GB are needed"),
        ({"/": 3 * GIB, "/var/lib": 2 * GIB}, 5, "/var/lib has 2 GB free; at least 5 GB are needed"),
    ],
)
def test_too_little(measured: dict[str, int], minimum: int, begin: str) -> None:
    said = complaint(measured, minimum, "mediverse_minimum_free_gb")
    assert said is not None
    assert said.startswith(begin)
    assert said.endswith("Nothing was changed.")


def test_a_folder_that_does_not_exist_yet(tmp_path: Path) -> None:
    there = shutil.disk_usage(tmp_path).free
    assert abs(free(str(tmp_path / "not" / "yet")) - there) < GIB
