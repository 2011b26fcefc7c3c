# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plugin inside Ansible: what ``ansible-inventory`` shows of a right file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import COLLECTIONS
from tests.unit.sites.site_file import changed


def inventory(file: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Runs ``ansible-inventory`` without any configuration file, as an operator with the installed collection does."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    environment |= {"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "COLUMNS": "500"}
    environment |= {"ANSIBLE_NOCOLOR": "1"}
    command = [str(Path(sys.executable).with_name("ansible-inventory")), "-i", str(file), *options]
    return subprocess.run(command, env=environment, cwd=file.parent, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    file = tmp_path_factory.mktemp("inventory") / "mediverse.sites.yml"
    file.write_text(changed(("sites.kanifing.label", "Kanifing {general}"), second=True), encoding="utf-8")
    done = inventory(file, "--list")
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_groups(listed: dict[str, Any]) -> None:
    assert listed["kanifing"]["hosts"] == ["kanifing-cloud", "kanifing-gateway"]
    assert listed["cloud_pacs"]["hosts"] == ["kanifing-cloud", "brikama-cloud"]
    assert listed["orthanc_gateways"]["hosts"] == ["kanifing-gateway", "brikama-gateway"]
    assert listed["worklist_hub"]["hosts"] == ["hub"]


def test_variables_reach_the_hosts(listed: dict[str, Any]) -> None:
    variables = listed["_meta"]["hostvars"]["kanifing-gateway"]
    assert variables["mediverse_label"] == {"__ansible_unsafe": "Kanifing {general}"}
    assert variables["ansible_host"] == "10.8.0.12"
    assert variables["ansible_connection"] == "winrm"
    assert variables["mediverse_scanners"]["ct1"]["port"] == 104


def test_our_own_templates_are_rendered_and_free_text_is_not(tmp_path: Path) -> None:
    file = tmp_path / "mediverse.sites.yml"
    file.write_text(changed(("sites.kanifing.label", "Kanifing {general}")), encoding="utf-8")
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS)}
    command = [str(Path(sys.executable).with_name("ansible")), "-i", str(file), "kanifing-gateway"]
    # In capitals, because from 2.22 on Ansible shows no password of a connection.
    command += ["-m", "ansible.builtin.debug", "-a", "msg=[{{ mediverse_label }}][{{ ansible_password | upper }}]"]
    command += ["-e", "mediverse_winrm_password=from-vault"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "[Kanifing {general}][FROM-VAULT]" in done.stdout
