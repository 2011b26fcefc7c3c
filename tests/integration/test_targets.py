# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs every target: a play of real tasks, through ansible-playbook, against a real server."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from .servers import Server

ROOT = Path(__file__).resolve().parents[2]
TARGETS = Path(__file__).resolve().parent / "targets"
# How these reach Windows the whole site and the contract with its modules show as well.
_LONG_ON_WINDOWS = {
    "delivery_ledger",
    "orthanc_delivery_info",
    "orthanc_echo_info",
    "orthanc_info",
    "orthanc_ledger_info",
}
# Characters of a failed run that are worth reading.
_SHOWN = 8000


def _settings(target: str) -> dict[str, Any]:
    settings: dict[str, Any] = yaml.safe_load((TARGETS / target / "server.yml").read_text())
    return settings


def _runs() -> Iterator[Any]:
    """Each target from Linux, and from Windows what works there: some of it only with MEDIVERSE_LONG."""
    left_out = set() if os.environ.get("MEDIVERSE_LONG") else _LONG_ON_WINDOWS
    for path in sorted(TARGETS.glob("*/server.yml")):
        target = path.parent.name
        yield pytest.param(target, False, id=target)
        if _settings(target).get("windows") and target not in left_out:
            yield pytest.param(target, True, id=f"{target}-windows")


@pytest.mark.parametrize(("target", "windows"), list(_runs()))
def test_target(target: str, windows: bool, server: Callable[[str], Server], tmp_path: Path) -> None:
    """The target's tasks pass, and not even ``-vvv --diff`` shows a secret of its servers."""
    servers = [server(name) for name in _settings(target)["servers"]]
    host = server("gateway").variables() if windows else None
    done = _play(target, servers, host, tmp_path)
    output = done.stdout + done.stderr
    assert done.returncode == 0, output[-_SHOWN:]
    assert "[WARNING]" not in output, output[-_SHOWN:]
    assert "DEPRECATION" not in output, output[-_SHOWN:]
    # A server's 'Basic realm="…"' is no login.
    assert not re.search(r"Basic [A-Za-z0-9+/]{8}", output), f"{target} shows a login"
    for secret in {text for one in servers for text in one.secrets}:
        # As it is, and as JSON or Python would print it.
        for form in (secret, json.dumps(secret)[1:-1], repr(secret)[1:-1]):
            assert form not in output, f"{target} shows a secret"


def _play(
    target: str, servers: list[Server], host: dict[str, Any] | None, folder: Path
) -> subprocess.CompletedProcess[str]:
    tasks = TARGETS / target / "tasks"
    block: dict[str, Any] = {
        "name": f"Target {target}",
        "block": [{"name": "Tasks", "ansible.builtin.include_tasks": {"file": str(tasks / "main.yml")}}],
    }
    if (tasks / "cleanup.yml").is_file():
        block["always"] = [{"name": "Cleanup", "ansible.builtin.include_tasks": {"file": str(tasks / "cleanup.yml")}}]
    inside = host is not None
    play = {
        "name": target,
        "hosts": "target",
        "gather_facts": False,
        "module_defaults": {group: value for one in servers for group, value in one.module_defaults(inside).items()},
        "tasks": [block],
    }
    inventory = {
        "all": {
            "hosts": {"target": host or {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}},
            "vars": {"servers": {one.name: one.variables(inside) for one in servers}},
        }
    }
    (folder / "ansible.cfg").touch()
    _write(folder / "play.yml", [play])
    _write(folder / "inventory.yml", inventory)
    environment = {
        **os.environ,
        # An empty one, so that no configuration of this machine takes part.
        "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_PIPELINING": "true",
    }
    command = [sys.executable, "-m", "ansible", "playbook", "-vvv", "--diff", "-i", "inventory.yml", "play.yml"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def _write(path: Path, content: Any) -> None:
    """Readable by us alone: there are passwords in it."""
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(content, allow_unicode=True))
