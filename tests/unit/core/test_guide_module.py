# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module that the guide adds in ten minutes works as it stands there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
GUIDE = ROOT / "docs" / "docsite" / "rst" / "guide_module.rst"
_BLOCK = re.compile(r"^\.\. code-block:: python\n   :caption: (\S+)\n\n((?:   .*\n|\n)+)", re.MULTILINE)


def files() -> dict[str, str]:
    """The files that the guide shows, by path."""
    return {path: textwrap.dedent(body).strip("\n") + "\n" for path, body in _BLOCK.findall(GUIDE.read_text())}


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the collection with the files of the guide."""
    parent = tmp_path_factory.mktemp("guide")
    root = parent / "ansible_collections" / "mediverse" / "pacs"
    for part in ("plugins", "meta", "tests/unit"):
        shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns("__pycache__", "sites", "lab_*"))
    for name in ("galaxy.yml", "pyproject.toml", "tests/__init__.py"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, root / name)
    for path, text in files().items():
        assert not (root / path).exists(), f"{path} exists; the guide needs another example"
        (root / path).write_text(text)
    return root


def _run(collection: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    environment["ANSIBLE_COLLECTIONS_PATH"] = str(collection.parents[2])
    environment["PYTHONPATH"] = str(collection.parents[2])
    return subprocess.run(command, cwd=collection, env=environment, capture_output=True, text=True, check=False)


def test_the_guide_shows_four_files() -> None:
    assert [Path(path).parts[:2] for path in files()] == [
        ("plugins", "module_utils"),
        ("plugins", "modules"),
        ("plugins", "action"),
        ("tests", "unit"),
    ]


def test_its_tests_pass(collection: Path) -> None:
    path = next(path for path in files() if path.startswith("tests/"))
    done = _run(collection, sys.executable, "-m", "pytest", "-p", "no:cacheprovider", path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "10 passed" in done.stdout


def test_its_documentation_can_be_shown(collection: Path) -> None:
    tool = str(Path(sys.executable).with_name("ansible-doc"))
    done = _run(collection, tool, "mediverse.pacs.orthanc_dicomweb_server")
    assert done.returncode == 0, done.stderr
    assert "A research archive" in done.stdout


def test_its_files_keep_the_rules(collection: Path) -> None:
    tool = str(Path(sys.executable).with_name("ruff"))
    done = _run(collection, tool, "check", "--no-cache", *files())
    assert done.returncode == 0, done.stdout
    done = _run(collection, tool, "format", "--no-cache", "--check", *files())
    assert done.returncode == 0, done.stdout + done.stderr
