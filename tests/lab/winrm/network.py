# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network adapters of the simulated Windows.

"Ethernet" carries the session: its address is that of the container. "Ethernet 2" is the scanner's side: it has
the hardware address of the site file and, on a new machine, an open DHCP request and no address. A static address
given to it is also put on the container's own interface where that is permitted, so that a scanner can reach it.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from typing import Any

from .windows import Windows

MANAGEMENT, SCANNER = "Ethernet", "Ethernet 2"
Adapter = dict[str, Any]


def own_address() -> str:
    """The address by which others reach this machine."""
    given = os.environ.get("MEDIVERSE_LAB_ADDRESS")
    if given:
        return given
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing; only chooses a route
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def _adapter(name: str, index: int, description: str, mac: str, address: str | None) -> Adapter:
    return {
        "name": name,
        "index": index,
        "description": description,
        "mac": mac.upper().replace("-", ":"),
        "status": "Up",
        "dhcp": address is None,
        "addresses": [{"address": address, "prefix": 24, "origin": "Manual"}] if address else [],
        "gateway": address.rpartition(".")[0] + ".1" if address else None,
        "register_dns": True,
        "metric": 25,
        "automatic_metric": True,
        "category": "Private" if address else "Public",
        "power_saving": True,
    }


def adapters(windows: Windows) -> list[Adapter]:
    """The adapters of the state; made on first use."""
    found: list[Adapter] = windows.state["interfaces"]
    if not found:
        scanner = os.environ.get("MEDIVERSE_LAB_SCANNER_MAC") or "02:4D:56:00:00:02"
        found.append(_adapter(MANAGEMENT, 5, "Intel(R) Ethernet Connection I219-V", "02:4D:56:00:00:01", own_address()))
        found.append(_adapter(SCANNER, 7, "Realtek PCIe GbE Family Controller", scanner, None))
        windows.save()
    return found


def apply(windows: Windows) -> None:
    """Puts the scanner side's static addresses on the container's interface; without the right to do so, nothing."""
    program = shutil.which("ip")
    if program is None or os.geteuid() != 0 or "MEDIVERSE_LAB_ADDRESS" not in os.environ:
        return
    wanted = {f"{item['address']}/32" for a in adapters(windows) if a["name"] == SCANNER for item in a["addresses"]}
    wanted.discard(f"{own_address()}/32")
    shown = subprocess.run(
        [program, "-o", "-4", "addr", "show", "dev", "eth0", "label", "eth0:lab"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    present = {line.split()[3] for line in shown.splitlines()}
    for verb, addresses in (("del", present - wanted), ("add", wanted - present)):
        for address in sorted(addresses):
            command = [program, "addr", verb, address, "dev", "eth0", "label", "eth0:lab"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                windows.event(f"the container's interface did not take {verb} {address}: {done.stderr.strip()}")
