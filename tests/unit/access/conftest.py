# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hub that listens, and a PC, fresh or enrolled: both at one place for all tests, and as new for each."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.access.hub import Hub
from tests.unit.access.machine import Machine, prepare


@pytest.fixture(scope="session")
def _hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    server = Hub(tmp_path_factory.mktemp("access") / "hub")
    yield server
    server.stop()


@pytest.fixture
def hub(_hub: Hub) -> Iterator[Hub]:
    """It knows the key of the stick, and no PC yet."""
    for name in ("report.json", "deliveries"):
        (_hub.folder / name).unlink(missing_ok=True)
    _hub.admit()
    _hub.start()
    yield _hub
    _hub.stop()


def _end(machine: Machine) -> None:
    for process in machine.state["processes"]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process["id"], signal.SIGKILL)


@pytest.fixture
def pc(tmp_path: Path) -> Iterator[Machine]:
    """A fresh one."""
    machine = Machine(tmp_path / "pc")
    yield machine
    _end(machine)


@pytest.fixture(scope="session")
def _first(_hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> tuple[Machine, Path, str]:
    """The PC after its first run, a picture of it, and what that run said."""
    folder = tmp_path_factory.mktemp("enrolled")
    machine = Machine(folder / "pc")
    prepare(machine, _hub)
    _hub.admit()
    _hub.start()
    done = machine.enrol()
    _hub.stop()
    assert done.returncode == 0, done.stdout + done.stderr
    shutil.copytree(machine.folder, folder / "picture", symlinks=True)
    shutil.copy(_hub.folder / "report.json", folder / "report.json")
    shutil.copy(_hub.folder / "deliveries", folder / "deliveries")
    return machine, folder, done.stdout


@pytest.fixture
def enrolled(_first: tuple[Machine, Path, str], hub: Hub) -> Iterator[Machine]:
    """One that was enrolled by one run, whose report the hub has; ``said`` is what that run showed."""
    machine, folder, said = _first
    machine.back_to(folder / "picture")
    for name in ("report.json", "deliveries"):
        shutil.copy(folder / name, hub.folder / name)
    machine.said = said
    yield machine
    _end(machine)
