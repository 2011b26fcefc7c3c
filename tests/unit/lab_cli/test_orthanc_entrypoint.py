# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in for the official Orthanc image merges its configuration as that one does."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from tests.lab.paths import IMAGES


@pytest.fixture(scope="module")
def entrypoint() -> ModuleType:
    spec = importlib.util.spec_from_file_location("orthanc_entrypoint", IMAGES / "orthanc" / "entrypoint.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_secrets_come_after_files_and_the_environment_after_both(entrypoint: ModuleType, tmp_path: Path) -> None:
    write(tmp_path, "etc/orthanc/a.json", '{"Name": "a", "HttpPort": 1, "DicomWeb": {"Root": "/x/", "Enable": true}}')
    write(tmp_path, "run/secrets/b.json", '{"HttpPort": 2, "DicomWeb": {"Root": "/y/"}}')
    merged = entrypoint.configuration({"ORTHANC__NAME": "c"}, tmp_path)
    assert (merged["Name"], merged["HttpPort"]) == ("c", 2)
    assert merged["DicomWeb"] == {"Root": "/y/", "Enable": True}


def test_names_are_replaced_in_files_but_not_in_secrets(entrypoint: ModuleType, tmp_path: Path) -> None:
    write(tmp_path, "etc/orthanc/a.json", '{"Name": "${SITE}", "Other": "${MISSING}"}')
    write(tmp_path, "run/secrets/b.json", json.dumps({"RegisteredUsers": {"admin": "a${SITE}"}}))
    merged = entrypoint.configuration({"SITE": "demo"}, tmp_path)
    assert (merged["Name"], merged["Other"]) == ("demo", "")
    assert merged["RegisteredUsers"] == {"admin": "a${SITE}"}


def test_comments_are_allowed_and_text_that_looks_like_one_is_kept(entrypoint: ModuleType) -> None:
    assert entrypoint.parse('{ /* a */ "Url": "http://x/*y*/", // b\n "N": 1 }') == {"Url": "http://x/*y*/", "N": 1}


def test_a_plugin_is_loaded_for_its_section_or_its_variable(entrypoint: ModuleType, tmp_path: Path) -> None:
    write(tmp_path, "etc/orthanc/a.json", '{"Worklists": {"Enable": true}}')
    plugins = entrypoint.configuration({"DICOM_WEB_PLUGIN_ENABLED": "true"}, tmp_path)["Plugins"]
    assert [Path(plugin).name for plugin in plugins] == ["libOrthancDicomWeb.so", "libModalityWorklists.so"]
    assert entrypoint.configuration({"WORKLISTS_PLUGIN_ENABLED": "false"}, tmp_path)["Plugins"] == []


def test_a_broken_file_is_named(entrypoint: ModuleType, tmp_path: Path) -> None:
    write(tmp_path, "etc/orthanc/bad.json", "{")
    with pytest.raises(ValueError, match=r"bad\.json is not valid JSON"):
        entrypoint.configuration({}, tmp_path)
