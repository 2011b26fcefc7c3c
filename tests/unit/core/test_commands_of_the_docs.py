# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every command that a reader is shown finds the hosts it is meant for, and one without a site file says so."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PLAYBOOK = str(Path(sys.executable).with_name("ansible-playbook"))
_EXAMPLE = "inventories/example/mediverse.sites.yml"
# What a reader puts in the place of the words in the text.
_READER = {
    "<siteid>": "kanifing",
    "<site>": "kanifing",
    "<sites file>": _EXAMPLE,
    "inventories/production": _EXAMPLE,
    # The example has no encrypted file, and nobody is there to type.
    " --ask-vault-pass": "",
}


def shown() -> list[str]:
    """The commands in all texts for readers, without what stands behind a comment sign."""
    found: dict[str, None] = {}
    for path in sorted(
        [
            *ROOT.glob("*.md"),
            *ROOT.glob("docs/**/*.md"),
            *ROOT.glob("docs/**/*.rst"),
            *ROOT.glob("roles/*/README.md"),
            *ROOT.glob("playbooks/*.yml"),
        ]
    ):
        text = path.read_text(encoding="utf-8")
        for command in re.findall(
            r"`(ansible-playbook [^`]+)`|^ *(?:\$ |# .*?: )(ansible-playbook .+?)(?:\s+#.*)?$", text, re.MULTILINE
        ):
            found[" ".join("".join(command).split())] = None
    return list(found)


def elsewhere(path: Path) -> dict[str, str]:
    """The environment of a user with the collection installed: nothing of this checkout's settings."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    return clean | {"ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"), "HOME": str(path), "ANSIBLE_NOCOLOR": "1"}


def test_the_texts_show_commands() -> None:
    assert len(shown()) >= 6


@pytest.mark.parametrize("command", shown())
def test_a_command_of_the_docs_finds_its_hosts(command: str) -> None:
    assert " -i " in command, "without an inventory the reader runs against the lab of the checkout, or against nothing"
    for word, value in _READER.items():
        command = command.replace(word, value)
    words = [PLAYBOOK, *shlex.split(command)[1:], "--list-hosts"]
    environment = elsewhere(ROOT) | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^ +(kanifing|demo)-gateway$", done.stdout, re.MULTILINE), done.stdout


@pytest.mark.parametrize("playbook", ["site", "verify", "reconcile"])
def test_a_run_that_knows_no_site_is_an_error(tmp_path: Path, playbook: str) -> None:
    command = [PLAYBOOK, f"mediverse.pacs.{playbook}", "-l", "kanifing"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=elsewhere(tmp_path),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode != 0
    assert "This run knows no site: name your sites file with -i" in " ".join((done.stdout + done.stderr).split())


_PAGES = [
    *ROOT.glob("*.md"),
    *ROOT.glob("docs/**/*.md"),
    *ROOT.glob("docs/**/*.rst"),
    *ROOT.glob("roles/*/README.md"),
    *ROOT.glob("tests/**/README.md"),
]


def _named(pattern: str) -> list[tuple[str, str]]:
    """Page and word of everything that the pages show between backticks or behind a prompt and that begins so."""
    shown_there = re.compile(rf"(?:`|^ *\$ (?:.*&& )?){pattern}", re.MULTILINE)
    found = [(page, word) for page in _PAGES for word in shown_there.findall(page.read_text(encoding="utf-8"))]
    return sorted({(str(page.relative_to(ROOT)), word) for page, word in found})


def test_the_make_targets_of_the_texts_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = _named(r"make ([a-z-]+)")
    assert len(named) >= 10
    assert [(page, target) for page, target in named if target not in targets] == []


def test_the_programs_of_the_texts_exist() -> None:
    named = _named(r"(?:\.venv/bin/)?python -m (tests[\w.]+)")
    assert named
    places = [(page, ROOT / module.replace(".", "/")) for page, module in named]
    assert [page for page, place in places if not (place.is_dir() or place.with_suffix(".py").is_file())] == []


def test_the_files_of_the_texts_exist() -> None:
    named = _named(r"((?:docs|inventories|molecule|playbooks|plugins|roles|tests)/[\w./-]+)`")
    assert len(named) >= 20
    # These are what a reader makes.
    own = re.compile(r"inventories/production|plugins/(?:module_utils/orthanc|modules|action)/\w*dicomweb")
    assert [(page, path) for page, path in named if not own.match(path) and not (ROOT / path).exists()] == []


def test_the_inventory_of_the_texts_can_be_shown() -> None:
    named = _named(r"(ansible-inventory -i [^`\n]+)")
    assert named
    for __, command in named:
        words = shlex.split(command.replace("inventories/production", _EXAMPLE))
        words[0] = str(Path(PLAYBOOK).with_name(words[0]))
        environment = elsewhere(ROOT) | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
        done = subprocess.run(
            words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "@kanifing:" in done.stdout
