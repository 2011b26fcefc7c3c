# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One remote command: what powershell.exe would have been.

Ansible sends one of three things: its bootstrap with a manifest on standard input (modules, file transfer,
temporary directories), a plain encoded command (raw tasks and clean-up), or a command line for cmd.exe.
"""

from __future__ import annotations

import base64
import concurrent.futures
import json
import re
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from . import manifest, rawcommands
from .windows import Failure, Windows

CMDLINE_MAX = 8191  # cmd.exe; the shell runs every command through it
_CONSTRAINED = "Cannot invoke method. Method invocation is supported only on core types in this language mode."
_POOL = concurrent.futures.ThreadPoolExecutor(32, thread_name_prefix="command")
Trace = Callable[[str, int, float], None]


@dataclass
class Result:
    """What the command left behind."""

    code: int = 0
    stdout: str = ""
    stderr: str = ""


class Process:
    """Collects standard input, then runs once in a thread of its own."""

    def __init__(self, windows: Windows, command_line: str, trace: Trace) -> None:
        self.windows, self.line, self._trace = windows, command_line, trace
        self.stdin = b""
        self._future: concurrent.futures.Future[Result] | None = None

    def feed(self, data: bytes, last: bool) -> None:
        self.stdin += data
        if last:
            self.start()

    def start(self) -> None:
        if self._future is None:
            self._future = _POOL.submit(self._run)

    def wait(self, seconds: float) -> Result:
        """Raises concurrent.futures.TimeoutError while the command still runs."""
        self.start()
        assert self._future is not None
        return self._future.result(timeout=seconds)

    def _run(self) -> Result:
        begun = time.monotonic()
        what = "command"
        try:
            what, result = self.dispatch()
        except Failure as failure:
            result = Result(1, "", f"{failure}\r\n")
        except Exception as error:  # a defect of the endpoint itself must be seen by whoever runs the play
            traceback.print_exc()
            message = f"The simulated Windows failed: {type(error).__name__}: {error}"
            result = Result(1, json.dumps({"failed": True, "changed": False, "msg": message}), message)
        self._trace(what, result.code, time.monotonic() - begun)
        return result

    def dispatch(self) -> tuple[str, Result]:
        """Runs the command: (what ran, its result). Raises Failure for what has no model."""
        if len(self.line) > CMDLINE_MAX:
            return "command line too long", Result(1, "", "The command line is too long.\r\n")
        match = re.match(r"(?is)(?:type \S+ \| )?powershell(?:\.exe)?\b.*-EncodedCommand (\S+)", self.line)
        if not match:
            return f"cmd {self.line[:80]}", Result(*rawcommands.run(self.windows, self.line))
        script = base64.b64decode(match.group(1)).decode("utf-16-le")
        bootstrap = "$codeJson = foreach (" in script
        if bootstrap and self.windows.state["language_mode"] != "FullLanguage":
            return "no module", Result(1, "", f"{_CONSTRAINED}\r\n")
        if bootstrap:  # that of ansible-core 2.19 to 2.21
            what, code, out, err = manifest.run(self.windows, self.stdin)
            return what, Result(code, out, err)
        return "raw", Result(*rawcommands.run(self.windows, script))
