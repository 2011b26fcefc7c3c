# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the collection says it needs is what it is tested with."""

from __future__ import annotations

from typing import Any

import yaml
from ansible.release import __version__ as core

from tests.lint.win_tasks import installed
from tests.tools.parts import ROOT

OLDEST = core.startswith("2.19.")


def _read(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def _number(floor: str) -> tuple[int, ...]:
    assert floor.startswith(">=")
    return tuple(int(part) for part in floor.removeprefix(">=").split("."))


def test_floors_are_the_oldest_line() -> None:
    for name, floor in _read("galaxy.yml")["dependencies"].items():
        version = installed(name)
        assert version == _number(floor) if OLDEST else version > _number(floor), name


def test_core_is_the_oldest_line() -> None:
    floor = _number(_read("meta/runtime.yml")["requires_ansible"])
    assert floor[:2] == (2, 19)
    version = tuple(int(part) for part in core.split(".")[:2])
    assert version == floor[:2] if OLDEST else version > floor[:2]


def test_the_list_for_core_alone_is_the_same() -> None:
    listed = {one["name"]: one["version"] for one in _read("requirements.yml")["collections"]}
    assert listed == _read("galaxy.yml")["dependencies"]
