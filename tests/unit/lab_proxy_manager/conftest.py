# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A double in a temporary directory, with an administrator and an authority of its own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.lab.proxy_manager import acme

from .world import World


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with ca.crt and ca.key."""
    folder = tmp_path_factory.mktemp("authority")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=test"
    subprocess.run(
        [*command.split(), "-keyout", str(folder / "ca.key"), "-out", str(folder / "ca.crt")],
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture
def world(tmp_path: Path, authority: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a fresh double without any user; its challenges are answered from the webroot, without a network."""
    world = World(tmp_path, authority)

    def fetch(domain: str, path: str) -> str:
        return (tmp_path / "data" / "letsencrypt-acme-challenge" / path.lstrip("/")).read_text()

    monkeypatch.setattr(acme, "_fetch", fetch)
    monkeypatch.setattr(acme, "RSA_BITS", 1024)  # made in a moment, and nobody connects
    return world


@pytest.fixture
def npm(world: World) -> World:
    """Return a double that is set up and logged in."""
    world.set_up()
    return world
