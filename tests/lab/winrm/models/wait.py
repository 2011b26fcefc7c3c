# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""win_wait_for (ansible.windows 3.3.0 to 3.8.0): ports and files."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable
from typing import Any

from ..call import Call, Result, model
from ..windows import Failure, Windows


def _open(host: str, port: int, seconds: float) -> bool:
    try:
        socket.create_connection((host, port), seconds).close()
    except OSError:
        return False
    return True


def _condition(windows: Windows, params: dict[str, Any]) -> tuple[Callable[[], bool], str]:
    state, host, port, path = params["state"], params.get("host") or "127.0.0.1", params.get("port"), params.get("path")
    if port is not None and path is not None:
        raise Failure("port and path parameter can not both be passed to win_wait_for")
    if state == "drained":
        raise Failure("The simulated Windows does not model win_wait_for with state=drained.")
    if port is not None:
        wanted = state in ("started", "present")
        text = "start listening" if wanted else "stop listening"
        limit = params.get("connect_timeout") or 5
        return lambda: _open(host, port, limit) == wanted, f"timeout while waiting for {host}:{port} to {text}"
    if path is None:
        return lambda: False, ""
    regex = params.get("regex")

    def found() -> bool:
        file = windows.path(path)
        if not regex:
            return file.exists()
        return file.is_file() and re.search(regex, file.read_text("utf-8", "replace")) is not None

    wanted_path = state in ("started", "present")
    what = f"string regex {regex} in file {path}" if regex else f"file {path}"
    text = ("match" if wanted_path else "not match") if regex else ("be present" if wanted_path else "be absent")
    return lambda: found() == wanted_path, f"timeout while waiting for {what} to {text}"


@model("win_wait_for", unlocked=True)
def win_wait_for(windows: Windows, params: dict[str, Any], call: Call) -> Result:
    begun = time.monotonic()
    holds, message = _condition(windows, params)
    time.sleep(params.get("delay") or 0)
    if not message:  # neither port nor path: the module only waits
        time.sleep(params["timeout"])
        return {"elapsed": time.monotonic() - begun}
    if call.check:
        return {"elapsed": time.monotonic() - begun}
    attempts = 0
    while time.monotonic() - begun < params["timeout"]:
        attempts += 1
        if holds():
            return {"elapsed": time.monotonic() - begun, "wait_attempts": attempts}
        time.sleep(min(params.get("sleep") or 1, 1) / 2)
    raise Failure(message, elapsed=time.monotonic() - begun, wait_attempts=attempts)
