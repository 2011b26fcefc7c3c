# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""First process of the container: keeps nginx and the API running, and ends both on SIGTERM."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

from .backend import log
from .nginx_control import Paths

_COMMANDS = {
    "nginx": ["nginx", "-g", "daemon off;"],
    "API": [sys.executable, "-u", "-m", "proxy_manager.server"],
}


def write_resolver(source: Path, target: Path) -> None:
    """Tell nginx to resolve upstream names where the container does, so that containers are found by name."""
    servers = [
        f"[{address}]" if ":" in address else address
        for kind, __, address in (line.strip().partition(" ") for line in source.read_text().splitlines())
        if kind == "nameserver"
    ]
    target.write_text(f"resolver {' '.join(servers or ['127.0.0.11'])} ipv6=off valid=10s;\n", encoding="utf-8")


def keep_running(
    name: str, command: list[str], ending: threading.Event, running: dict[str, subprocess.Popen[bytes]]
) -> None:
    """Start a program and start it again a second after it ends, until the container is told to stop."""
    while not ending.is_set():
        running[name] = subprocess.Popen(command)
        code = running[name].wait()
        if not ending.is_set():
            log(f"{name} ended with {code}; it is started again")
            ending.wait(1)


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    Paths().make()
    write_resolver(Path("/etc/resolv.conf"), Path("/etc/nginx/include/resolver.conf"))
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *__: ending.set())
    running: dict[str, subprocess.Popen[bytes]] = {}
    threads = [
        threading.Thread(target=keep_running, args=(name, command, ending, running))
        for name, command in _COMMANDS.items()
    ]
    for thread in threads:
        thread.start()
    ending.wait()
    for process in running.values():
        process.terminate()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
