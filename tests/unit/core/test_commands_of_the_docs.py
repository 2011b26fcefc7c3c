# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every command that a reader is shown finds the hosts it is meant for, and one without a site file says so."""

from __future__ import annotations

import functools
import itertools
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


def _asked(command: str) -> tuple[str, tuple[str, ...]]:
    """The playbook of a command as the reader types it, and all the rest."""
    for word, value in _READER.items():
        command = command.replace(word, value)
    words = shlex.split(command)[1:]
    (playbook,) = [word for last, word in zip(["", *words], words, strict=False) if word[0] != "-" and last[:1] != "-"]
    return playbook, tuple(word for word in words if word != playbook)


@functools.cache
def _listed(options: tuple[str, ...]) -> dict[str, str]:
    """What Ansible lists for each playbook that is shown with these options; one run, as each begins in seconds."""
    playbooks = sorted({name for name, others in map(_asked, shown()) if others == options})
    environment = elsewhere(ROOT) | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    command = [PLAYBOOK, *options, *playbooks, "--list-hosts"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    parts = done.stdout.split("\nplaybook: ")[1:]
    assert len(parts) == len(playbooks), done.stdout
    return dict(zip(playbooks, parts, strict=True))


@pytest.mark.parametrize("command", shown())
def test_a_command_of_the_docs_finds_its_hosts(command: str) -> None:
    assert " -i " in command, "without an inventory the reader runs against the lab of the checkout, or against nothing"
    playbook, options = _asked(command)
    # What is fetched for all sites concerns the controller alone, and one playbook the hub.
    others = [host for name, host in (("fetch_installers", "localhost"), ("-l hub", "hub")) if name in command]
    hosts = others[0] if others else "(kanifing|demo)-gateway"
    listed = _listed(options)[playbook]
    assert re.search(rf"^ +{hosts}$", listed, re.MULTILINE), listed


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
    *ROOT.glob("molecule/**/README.md"),
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


def _commands(*programs: str) -> list[str]:
    """Whole commands of these programs: between backticks, behind a prompt or in indented lines, without comments."""
    found: dict[str, None] = {}
    for page in _PAGES:
        said = re.findall(r"`([^`\n]+)`|^ *\$ (.+)$|^ {4}(\S.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
        for line in ("".join(parts) for parts in said):
            for command in re.sub(r"\s+#.*", "", line).split(" && "):
                if (words := command.removeprefix(".venv/bin/")).startswith(tuple(f"{one} " for one in programs)):
                    found[words.strip()] = None
    return list(found)


def _said(*command: str) -> str:
    """What a program says that has to end well."""
    environment = elsewhere(ROOT) | {"COLUMNS": "200"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _program(name: str) -> str:
    return sys.executable if name == "python" else str(Path(PLAYBOOK).with_name(name))


def test_the_texts_run_tests() -> None:
    assert len(_commands("pytest", "python -m pytest")) >= 6


@pytest.mark.parametrize("command", _commands("pytest", "python -m pytest"))
def test_a_test_that_the_texts_run_is_there(command: str) -> None:
    """What stands behind -k is found by pytest: a word that is in no name would select nothing."""
    words = shlex.split(command.removeprefix("python -m "))[1:]
    if "dicomweb" in words[0]:
        pytest.skip("the reader of the guide makes it")
    assert (ROOT / words[0]).exists()
    if len(words) > 1:
        _said(sys.executable, "-m", "pytest", *words, "--collect-only", "-q", "-p", "no:cacheprovider")


def _options() -> dict[tuple[str, ...], set[str]]:
    """The options that the texts show, by the program with the words that name what it does."""
    found: dict[tuple[str, ...], set[str]] = {}
    programs = ("ansible-playbook", "ansible-inventory", "ansible-vault", "ansible-galaxy", "ansible-doc", "python -m")
    for command in _commands(*programs):
        words = shlex.split(command)
        begin = words[:3] if words[0] == "python" else words[:1]
        begin += itertools.takewhile(lambda word: re.fullmatch("[a-z]+", word), words[len(begin) :])
        found.setdefault(tuple(begin), set()).update(word for word in words[len(begin) :] if word.startswith("-"))
    # A word that is no option may still be none of the program's: "ansible-vault make".
    return {
        begin: options for begin, options in found.items() if options or begin[0] in ("ansible-vault", "ansible-galaxy")
    }


def test_the_texts_show_options() -> None:
    assert {("ansible-galaxy", "collection", "install"), ("ansible-doc",)} <= set(_options())


@pytest.mark.parametrize(
    ("program", "options"), [pytest.param(*one, id=" ".join(one[0])) for one in _options().items()]
)
def test_a_program_of_the_texts_knows_its_options(program: tuple[str, ...], options: set[str]) -> None:
    known = _said(_program(program[0]), *program[1:], "--help")
    assert [one for one in sorted(options) if not re.search(rf"(?<![\w-]){re.escape(one)}(?![\w-])", known)] == []


@pytest.mark.parametrize("command", _commands("ansible-doc"))
def test_the_documentation_that_the_texts_ask_for_is_there(command: str) -> None:
    program, *words = shlex.split(command.replace("<module>", "orthanc_info"))
    assert words[-1] in _said(_program(program), *words)


def test_the_scenarios_of_the_texts_exist() -> None:
    named = re.findall(r"(?:-s |SCENARIO=)(\w+)", "\n".join(_commands("molecule", "make molecule")))
    assert len(named) >= 3
    assert [name for name in named if not (ROOT / "molecule" / name / "converge.yml").is_file()] == []
