# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the whole site share: one study of the scanner, and the runs that are looked at."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios import site_lab


@pytest.fixture(scope="session")
def study() -> dict[str, Any]:
    """A CT study of 20 images that the scanner has sent to the gateway by C-STORE."""
    sent: dict[str, Any] = json.loads(
        site_lab.inside(site_lab.SCANNER, "send-study", "--host", site_lab.GATEWAY_ADDRESS, "--count", "20")
    )
    assert sent["ok"], sent
    return sent


@pytest.fixture(scope="session")
def installed_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[site_lab.Run, str]:
    """A real run of the collection, built, installed and started elsewhere, and every process seen meanwhile."""
    place = tmp_path_factory.mktemp("installed")
    galaxy = str(Path(sys.executable).with_name("ansible-galaxy"))
    build = [galaxy, "collection", "build", "--output-path", str(place / "archive")]
    clean = site_lab.environment_of_an_operator()
    subprocess.run(build, cwd=site_lab.REPOSITORY, env=clean, check=True, capture_output=True)
    archive = next((place / "archive").glob("mediverse-pacs-*.tar.gz"))
    install = [
        galaxy,
        "collection",
        "install",
        str(archive),
        "-p",
        str(place / "collections"),
        "--no-deps",
        "--offline",
    ]
    subprocess.run(install, cwd=place, env=clean, check=True, capture_output=True)
    elsewhere = place / "elsewhere"
    elsewhere.mkdir()
    with site_lab.watching_processes() as seen:
        run = site_lab.ansible(
            *("mediverse.pacs.site", "-i", str(site_lab.SITES_FILE), "-l", "demo", "-vvv", "--diff"),
            cwd=elsewhere,
            environment={
                "ANSIBLE_COLLECTIONS_PATH": str(place / "collections"),
                **site_lab.as_failures("installed-as-failures.log"),
            },
        )
    shutil.rmtree(place / "collections")
    (site_lab.STATE / "installed.log").write_text(run.output, encoding="utf-8")
    return run, "\n".join(seen)
