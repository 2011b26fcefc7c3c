# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clock by which tasks run that a script on the PC registered by XML, those of every minute.

Tasks of win_scheduled_task are not run by it. A minute may be made shorter, for tests.
"""

from __future__ import annotations

import re
import subprocess
import threading
import time
from typing import Any

from . import local
from .models.powershell import engine
from .windows import Windows

_LIMIT = 600
_COMMAND = re.compile(r'-NoProfile -NonInteractive -Command "(?P<text>[^"]+)"')


class Clock:
    """``minute``: how many seconds it has here."""

    def __init__(self, windows: Windows, minute: float = 60) -> None:
        self._windows, self._minute = windows, minute
        # A machine that comes up begins with what a trigger of the boot starts.
        self._last = -1
        self._running: set[str] = set()

    def look(self) -> None:
        """Starts what is due; a task that still runs is left alone."""
        now = int(time.time() // self._minute)
        if now == self._last:
            return
        self._last = now
        for name, task in list(self._windows.state["tasks"].items()):
            if task.get("xml") and task["enabled"] and task["interval"] == "PT1M" and name not in self._running:
                self._running.add(name)
                threading.Thread(target=self._run, args=(name, task), daemon=True, name=name).start()

    def _run(self, name: str, task: dict[str, Any]) -> None:
        try:
            code = self._act(task)
        except subprocess.TimeoutExpired:
            code = -1
        finally:
            self._running.discard(name)
        if code:
            self._windows.event(f"the task {name} ended with {code}")

    def _act(self, task: dict[str, Any]) -> int:
        action, program = task["actions"][0], engine()
        found = _COMMAND.fullmatch(action["arguments"])
        if program is None or not found or not action["path"].lower().endswith("powershell.exe"):
            self._windows.event(f"the simulated Windows cannot run {action}")
            return 1
        root = self._windows.root
        command = local.command(program, "-Command", found["text"])
        environment = local.environment(root, SIMULATED_LIVE="yes")
        with (root / "run" / "tasks.log").open("ab") as log:
            done = subprocess.run(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                timeout=_LIMIT,
                umask=0o077,
                check=False,
            )
        return done.returncode
