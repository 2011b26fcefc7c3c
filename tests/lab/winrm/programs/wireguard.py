# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service of a tunnel of WireGuard for Windows: Debian's wireguard-go with an interface of the container.

It does what the service does with its configuration: keys, peers, addresses, and a route for each allowed network.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import Any

from ..windows import Failure, Windows
from .base import Program, environment, spawn

_SCRIPT = r"""
set -eu
name=$1 settings=$2 addresses=$3 routes=$4
trap 'kill "$driver" 2>/dev/null; wait "$driver"; exit 0' TERM
ip link del "$name" 2>/dev/null || true
WG_PROCESS_FOREGROUND=1 wireguard-go --foreground "$name" &
driver=$!
for look in $(seq 50); do
    [ -S "/run/wireguard/$name.sock" ] && ip link show "$name" >/dev/null 2>&1 && break
    sleep 0.1
done
wg setconf "$name" "$settings"
for address in $addresses; do ip address add "$address" dev "$name"; done
ip link set mtu 1420 up dev "$name"
for route in $routes; do ip route replace "$route" dev "$name"; done
wait "$driver"
"""


class TunnelProgram(Program):
    """``wireguard.exe /tunnelservice <file>``; the file's name is the tunnel's."""

    executable = "wireguard.exe"
    image = r"C:\Program Files\WireGuard\wireguard.exe"

    def launch(self, windows: Windows, key: str, service: dict[str, Any]) -> subprocess.Popen[bytes]:
        found = re.search(r'/tunnelservice "([^"]+\\(\w+)\.conf)"$', service["path"])
        if not found or not shutil.which("wireguard-go"):
            raise Failure(f"The simulated Windows cannot run {service['path']}.")
        text = windows.path(found[1]).read_text(encoding="ascii")
        settings = windows.run_dir / "tunnel.conf"
        settings.touch(mode=0o600)
        settings.write_text("\n".join(line for line in text.splitlines() if not line.startswith("Address")) + "\n")
        lists = [
            " ".join(re.findall(rf"(?m)^{name} = (\S+)$", text.replace("\r", ""))) for name in ("Address", "AllowedIPs")
        ]
        return spawn(
            ["sh", "-c", _SCRIPT, "tunnel", found[2], settings, *lists],
            folder=windows.run_dir,
            log=windows.run_dir / "tunnel.log",
            environment=environment(windows, key),
        )
