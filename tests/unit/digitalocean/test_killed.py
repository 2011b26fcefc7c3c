# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module as a process of its own, over real HTTP, that a real SIGKILL ends while it waits for an answer."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.lab.digitalocean import neighbours
from tests.lab.digitalocean.server import serving
from tests.lab.digitalocean.world import Settings, World

from .support import SITE, TOKEN, WANTED, ours

_ROOT = Path(__file__).resolve().parents[3]
_PROGRAM = """
import json, sys
import tests.conftest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mediverse.pacs.plugins.modules import digitalocean_droplet
with patch_module_args(json.load(sys.stdin)):
    digitalocean_droplet.main()
"""


def _begin(port: int) -> subprocess.Popen[str]:
    """Start the module; its token is in its environment and not among its arguments."""
    quick = {"settle_seconds": 0.05, "wait_interval": 0.05, "wait_timeout": 20}
    arguments = {"api_url": f"http://127.0.0.1:{port}", "site": SITE, **WANTED["droplet"], **quick}
    environment = {**os.environ, "PYTHONPATH": str(_ROOT), "DIGITALOCEAN_TOKEN": TOKEN}
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=_ROOT,
        text=True,
        env=environment,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(arguments))
    process.stdin.close()
    return process


@pytest.mark.parametrize("moment", ["POST /v2/droplets", "GET /v2/actions/"])
def test_a_killed_process_leaves_one_droplet_for_the_next_run(moment: str) -> None:
    world = World(Settings())
    neighbours.settle_in(world, TOKEN)
    running: list[subprocess.Popen[str]] = []

    def watch(request: str) -> None:
        if len(running) == 1 and request.startswith(moment):
            running[0].send_signal(signal.SIGKILL)
            running[0].wait()

    with serving(world, watch=watch) as port:
        running.append(_begin(port))
        assert running[0].wait(30) == -signal.SIGKILL
        assert len(ours(world, "droplet")) == 1
        running.append(_begin(port))
        assert running[1].stdout is not None
        result: dict[str, Any] = json.loads(running[1].stdout.read())
        assert running[1].wait(30) == 0, result
    (row,) = ours(world, "droplet")
    assert (row["status"], result["droplet"]["id"]) == ("active", row["id"])
    for process in running:
        assert process.stdout is not None
        process.stdout.close()
