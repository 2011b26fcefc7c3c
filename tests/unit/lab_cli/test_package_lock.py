# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set-up and roles wait for the package lock of another program.

The lock is a real one, of apt's own kind, in a directory of the test.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
_HOLD = """
import fcntl, sys, time
file = open(sys.argv[1], "w"); fcntl.lockf(file, fcntl.LOCK_EX); print(1, flush=True); time.sleep(99)
"""


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """Settings that make apt-get work in ``tmp_path`` alone: no package source, no package."""
    for name in ("dpkg/updates", "dpkg/info", "lists/partial", "cache/archives/partial", "etc", "log"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "dpkg/status").touch()
    settings = {
        "Dir::State": tmp_path,
        "Dir::State::status": tmp_path / "dpkg/status",
        "Dir::State::lists": tmp_path / "lists",
        "Dir::Cache": tmp_path / "cache",
        "Dir::Etc": tmp_path / "etc",
        "Dir::Log": tmp_path / "log",
    }
    lines = [f'{name} "{value}";' for name, value in settings.items()]
    (tmp_path / "apt.conf").write_text(
        "\n".join(["#clear DPkg::Post-Invoke;", "#clear APT::Update::Post-Invoke;", *lines])
    )
    return tmp_path


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Another process has the lock, as one that installs would."""
    holder = subprocess.Popen(
        [
            "python3",
            "-c",
            _HOLD,
            str(path),
        ],
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline()
        yield
    finally:
        holder.kill()
        holder.wait()


def start(private: Path, patience: int, *arguments: str) -> subprocess.Popen[str]:
    script = f'set -euo pipefail; . tests/tools/apt.sh; apt_get "{private}/apt.log" "$@"'
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "APT_CONFIG": f"{private}/apt.conf",
        "APT_PATIENCE": str(patience),
        "LC_ALL": "C.UTF-8",
    }
    return subprocess.Popen(
        ["bash", "-c", script, "bash", *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize(
    ("lock", "arguments"), [("dpkg/lock-frontend", ("-y", "autoremove")), ("lists/lock", ("update",))]
)
def test_set_up_waits_for_the_lock_and_says_so(private: Path, lock: str, arguments: tuple[str, ...]) -> None:
    with held(private / lock):
        running = start(private, 60, *arguments)
        assert running.stdout is not None
        assert "waiting for process" in running.stdout.readline()
        time.sleep(1.2)
        assert running.poll() is None
    output, __ = running.communicate(timeout=60)
    assert running.returncode == 0, (private / "apt.log").read_text()
    assert output == ""


def test_set_up_does_not_wait_for_ever(private: Path) -> None:
    with held(private / "dpkg/lock-frontend"):
        running = start(private, 1, "-y", "autoremove")
        output, __ = running.communicate(timeout=60)
    assert running.returncode != 0
    assert "still holds the package lock after 1 s" in output


def test_another_failure_is_told_at_once(private: Path) -> None:
    running = start(private, 60, "-y", "install", "no-such-package")
    output, __ = running.communicate(timeout=60)
    assert running.returncode != 0
    assert output == ""
    assert "Unable to locate package" in (private / "apt.log").read_text()


def test_scripts_of_the_checkout_call_apt_in_one_place() -> None:
    for name in ("setup", "engine"):
        text = (ROOT / "tests" / "tools" / name).read_text()
        calls = [
            line for line in text.splitlines() if "apt-get " in line and not line.lstrip().startswith(("#", "fail"))
        ]
        assert calls == [], name


def test_every_role_waits_for_the_lock() -> None:
    """``package`` hands the defaults of ``apt`` on; a repository is a template and needs no lock."""
    found = []
    for path in sorted(
        [*ROOT.glob("roles/*/tasks/*.yml"), *ROOT.glob("roles/*/handlers/*.yml"), *ROOT.glob("playbooks/**/*.yml")]
    ):
        for task in _tasks(yaml.safe_load(path.read_text(encoding="utf-8"))):
            defaults = task.get("module_defaults", {}).get("ansible.builtin.apt", {})
            for module, arguments in (("apt", task), ("package", {"ansible.builtin.package": defaults})):
                if f"ansible.builtin.{module}" in task:
                    found.append(task["name"])
                    assert "lock_timeout" in arguments[f"ansible.builtin.{module}"], f"{path}: {task['name']}"
                    assert "lock" in task["name"], f"{path}: {task['name']} does not say what it may wait for"
    assert len(found) >= 2


def _tasks(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, list):
        for one in node:
            yield from _tasks(one)
    elif isinstance(node, dict):
        yield node
        for key in ("block", "rescue", "always", "tasks", "pre_tasks", "post_tasks"):
            yield from _tasks(node.get(key))
