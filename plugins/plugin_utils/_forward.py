# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps a forward of SSH open for as long as a playbook runs, and ends it however that ends.

Started as a program, with Python's own library alone: ``_forward.py <pid> <file for what ssh says> <command of ssh>``.
Imported, it starts that program. Where the line breaks in the middle of a run, the forward comes back.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

LOOPBACK = "127.0.0.1"
# ssh says it when the forward is there. Nothing else proves that the port is its own, as anybody may listen on one.
_LISTENS = "mediverse: the forward is there"
# Ours come first, because ssh takes what it reads first. A session that others share would outlive the run.
_OWN = [
    *("-N", "-T", "-o", "ControlMaster=no", "-o", "ControlPath=none", "-o", "ExitOnForwardFailure=yes"),
    *("-o", "ForwardAgent=no", "-o", "LogLevel=INFO"),
    *("-o", "PermitLocalCommand=yes", "-o", f"LocalCommand=echo '{_LISTENS}' >&2"),
]
# Behind those of the operator, whose own count.
_ALIVE = ["-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=3"]
_PATIENCE, _HANDSHAKE = 45.0, 10.0
_TRIES = 3
# Seconds between two looks, and before ssh is started again: at first, and at most.
_PAUSE, _AGAIN, _LONGEST = 0.5, 1.0, 10.0


class ForwardError(Exception):
    """There is no forward; the text is what ssh said."""


def start(ssh: Sequence[str], target: str, owner: int, said: Path) -> int:
    """The port of 127.0.0.1 that leads to ``target`` (``address:port``) until the process ``owner`` has ended.

    ssh    the command that logs in, without anything to do there; its last word is the host
    said   a file for what ssh says; it is written anew
    Raises :class:`ForwardError`.
    """
    for __ in range(_TRIES):
        port = _free_port()
        command = [ssh[0], *_OWN, "-L", f"{LOOPBACK}:{port}:{target}", *ssh[1:-1], *_ALIVE, ssh[-1]]
        said.write_bytes(b"")
        with said.open("ab") as errors:
            program = subprocess.Popen(
                [sys.executable, "-I", __file__, str(owner), str(said), *command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )
        if _comes_up(program, said):
            return port
        # Somebody else was faster to take the port.
        if "cannot listen to port" not in words(said):
            break
    raise ForwardError(words(said) or "ssh said nothing")


def words(said: Path) -> str:
    """What ssh said until now."""
    with contextlib.suppress(OSError):
        return said.read_text(encoding="utf-8", errors="replace").replace(f"{_LISTENS}\n", "")
    return ""


def prohibited(said: Path) -> bool:
    """Whether the server has said that it forwards nothing."""
    return "administratively prohibited" in words(said)


def answers(port: int, authority: Path) -> None:
    """Raises OSError unless a server with a certificate of this file answers there; ssl.SSLError is one."""
    context = ssl.create_default_context(cafile=str(authority))
    with (
        socket.create_connection((LOOPBACK, port), _HANDSHAKE) as raw,
        context.wrap_socket(raw, server_hostname=LOOPBACK),
    ):
        pass


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _comes_up(program: subprocess.Popen[bytes], said: Path) -> bool:
    deadline = time.monotonic() + _PATIENCE
    while program.poll() is None:
        if _LISTENS.encode() in said.read_bytes():
            return True
        if time.monotonic() > deadline:
            program.terminate()
            break
        time.sleep(0.1)
    return False


def _watch(owner: int) -> Callable[[float], bool]:
    """A question that waits up to so many seconds and says whether the process still runs."""
    try:
        # Also right when the number is given to another process later.
        handle = os.pidfd_open(owner)
    except ProcessLookupError:
        raise
    except (AttributeError, OSError):
        # Only Linux has it, since 5.3, and some containers forbid it.
        return lambda seconds: _sleeps_beside(owner, seconds)
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return lambda seconds: not poll.poll(seconds * 1000)


def _sleeps_beside(owner: int, seconds: float) -> bool:
    time.sleep(seconds)
    try:
        os.kill(owner, 0)
    except (ProcessLookupError, PermissionError):
        # A process of another account has got the number since.
        return False
    return True


def _die_together() -> None:
    """ssh ends with this program, even when that is killed; on Linux."""
    with contextlib.suppress(Exception):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def _keep(owner: int, said: Path, command: Sequence[str]) -> int:
    signal.signal(signal.SIGTERM, _leave)
    try:
        runs = _watch(owner)
    except ProcessLookupError:
        return 0
    again, worked = _AGAIN, False
    while True:
        before = said.stat().st_size
        with said.open("ab") as words_:
            ssh = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=words_, preexec_fn=_die_together)
        try:
            while ssh.poll() is None:
                if not runs(_PAUSE):
                    return 0
        finally:
            _end(ssh)
        with said.open("rb") as words_:
            words_.seek(before)
            listened = _LISTENS.encode() in words_.read()
        # A login that is refused at once will be refused again. What has worked once is only away, for a boot of the
        # hub or a line that is broken.
        worked, again = worked or listened, _AGAIN if listened else min(2 * again, _LONGEST)
        if not worked:
            return 1
        if not runs(again):
            return 0


def _leave(*__: Any) -> None:
    raise SystemExit(0)


def _end(ssh: subprocess.Popen[Any]) -> None:
    ssh.terminate()
    try:
        ssh.wait(2)
    except subprocess.TimeoutExpired:
        ssh.kill()
        ssh.wait()


if __name__ == "__main__":
    sys.exit(_keep(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))
