# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new machine, and module calls on it with the source of the installed modules."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.lab.winrm import models
from tests.lab.winrm.__main__ import machine as new_machine
from tests.lab.winrm.call import Call, run_module
from tests.lab.winrm.windows import Windows
from tests.lint.win_tasks import COLLECTIONS

assert models.__all__  # registered by being imported
UTILITIES = [
    file.read_text(encoding="utf-8-sig")
    for file in sorted((COLLECTIONS / "ansible/windows/plugins/module_utils").glob("*.psm1"))
]


class Run(Protocol):
    """``run("win_file", path=..., check=True)``: the module's result."""

    def __call__(self, name: str, /, *, check: bool = False, **arguments: Any) -> dict[str, Any]: ...


def thrown(result: dict[str, Any]) -> str:
    """What a script died of; the module itself has no sentence for it."""
    assert result["failed"] is True
    assert "msg" not in result
    return str(result["error"][0]["output"])


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Windows]:
    windows = new_machine(tmp_path / "machine", "Administrator", "GATEWAY")
    yield windows
    windows.services.shut_down()


@pytest.fixture
def run(machine: Windows) -> Run:
    def call(name: str, /, *, check: bool = False, **arguments: Any) -> dict[str, Any]:
        folders = [COLLECTIONS / f"{namespace}/windows/plugins/modules" for namespace in ("ansible", "community")]
        source = next(file for file in (folder / f"{name}.ps1" for folder in folders) if file.exists())
        given = {**arguments, "_ansible_check_mode": check}
        return run_module(machine, Call(name, source.read_text(encoding="utf-8-sig"), given, UTILITIES))

    return call
