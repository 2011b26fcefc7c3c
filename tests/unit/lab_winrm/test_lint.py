# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of tasks for Windows without a host."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lint import check_ps1
from tests.lint.win_tasks import problem, tasks

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ("ansible.windows.win_uri: {url: x, metod: GET}", "Unsupported parameters"),
        ("ansible.windows.win_uri: {url: x, method: '{{ m }}', status_code: '{{ s }}'}", None),
        ("ansible.windows.win_service: {name: x, state: '{{ s }}'}", None),
        ("ansible.windows.win_service: {name: x, state: runing}", "value of state must be one of"),
        ("ansible.windows.win_copy: {content: x, dest: y, newlines: z}", "Unsupported parameters"),
        ("ansible.windows.win_template: {src: x, dest: y, newline_sequence: '\\n'}", None),
        ("ansible.windows.win_file: {path: x, mode: '0755'}", "ignores what it does not know: mode"),
        ("ansible.windows.win_command: powercfg /hibernate off", None),
        ("win_ping: {}", "write the full name"),
        ("ansible.windows.win_nothing: {}", "could not be read"),
    ],
)
def test_tasks(tmp_path: Path, task: str, message: str | None) -> None:
    file = tmp_path / "main.yml"
    file.write_text(f"- name: one\n  block:\n    - name: two\n      {task}\n")
    (found,) = tasks(file)
    assert found.line in (3, 4)
    text = problem(found)
    assert text is None if message is None else message in (text or "")


def test_module_defaults_require_nothing(tmp_path: Path) -> None:
    file = tmp_path / "main.yml"
    file.write_text(
        "- hosts: x\n  module_defaults:\n    ansible.windows.win_uri: {return_content: true}\n  tasks: []\n"
    )
    (found,) = tasks(file)
    assert problem(found) is None


def test_the_roles_are_right() -> None:
    command = [sys.executable, "-m", "tests.lint.check_win_tasks"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(not shutil.which("pwsh"), reason="pwsh is not on PATH")
def test_powershell_files(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    wrong = tmp_path / "wrong file.ps1"
    wrong.write_text("function Broken { if (\n")
    assert check_ps1._parse(shutil.which("pwsh") or "", [str(wrong)]) == 1
    assert "ParseError" in capfd.readouterr().out
