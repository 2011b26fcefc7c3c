# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network adapters of the simulated Windows.

"Ethernet" carries the session: its address is that of the container, in a network of 32 addresses, which leaves
the rest of a lab's network to the scanner's side. "Ethernet 2" is the scanner's side: it has
the hardware address of the site file and, on a new machine, an open DHCP request and no address. A static address
given to it is also put on the container's own interface where that is permitted, so that a scanner can reach it.
"""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

from .programs import find_program
from .windows import Windows

MANAGEMENT, SCANNER = "Ethernet", "Ethernet 2"
MANAGEMENT_PREFIX = 27
SYSTEM_PROCESS, MADE_UP_PROCESS = 4, 9000
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
    """``addresses`` and ``gateway`` are in use, ``stored`` is in the registry, ``dhcp`` is EnableDHCP there."""
    stored = [{"address": address, "prefix": MANAGEMENT_PREFIX}] if address else []
    gateway = address.rpartition(".")[0] + ".1" if address else None
    return {
        "name": name,
        "index": index,
        "description": description,
        "guid": f"{{4D564C41-0000-4000-8000-{index:012X}}}",
        "mac": mac.upper().replace("-", ":"),
        "status": "Up",
        "ipv4": True,
        "dhcp": address is None,
        "dhcp_off_on_connect": False,
        "addresses": [{**item, "origin": "Manual"} for item in stored],
        "gateway": gateway,
        "stored": {"addresses": stored, "gateway": gateway},
        "duplicates": [],
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


def connections(windows: Windows) -> list[dict[str, Any]]:
    """TCP connections and listeners of this machine: {"local_address", "local_port", "state", "process"}.

    ``process`` is the number of a process of the simulated machine; listeners that a test put into the state
    section ``listeners`` ([{"port", "name", "path"}]) come with made-up numbers.
    """
    owners = {windows.services.process_id(key): key for key in windows.state["services"]}
    inodes = {inode: process for process in owners if process for inode in _sockets(process)}
    out = []
    for file in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(file).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            state = {"0A": "Listen", "01": "Established"}.get(fields[3])
            if state:
                address, __, port = fields[1].partition(":")
                process = inodes.get(fields[9], SYSTEM_PROCESS)
                out.append(
                    {
                        "local_address": _address(address),
                        "local_port": int(port, 16),
                        "state": state,
                        "process": process,
                    }
                )
    for number, item in enumerate(windows.state.get("listeners", [])):
        out.append(
            {
                "local_address": "0.0.0.0",
                "local_port": item["port"],
                "state": "Listen",
                "process": MADE_UP_PROCESS + number,
            }
        )
    return out


def processes(windows: Windows) -> list[dict[str, Any]]:
    """Processes that own connections: {"id", "name", "path"} with Windows' paths."""
    out: list[dict[str, Any]] = [{"id": SYSTEM_PROCESS, "name": "System", "path": ""}]
    for key, service in windows.state["services"].items():
        process = windows.services.process_id(key)
        program = find_program(service["path"])
        if process and program:
            out.append(
                {"id": process, "name": program.image.rpartition("\\")[2].removesuffix(".exe"), "path": program.image}
            )
    for number, item in enumerate(windows.state.get("listeners", [])):
        out.append({"id": MADE_UP_PROCESS + number, "name": item["name"], "path": item["path"]})
    return out


def _sockets(process: int) -> list[str]:
    """Inodes of the sockets of a process, and of its children's."""
    out = []
    for number in (process, *_children(process)):
        try:
            targets = [link.readlink() for link in Path(f"/proc/{number}/fd").iterdir()]
        except OSError:
            continue
        out += [str(target)[8:-1] for target in targets if str(target).startswith("socket:[")]
    return out


def _children(process: int) -> list[int]:
    try:
        text = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii")
    except OSError:
        return []
    return [int(number) for number in text.split()]


def _address(text: str) -> str:
    raw = bytes.fromhex(text)
    words = b"".join(raw[index : index + 4][::-1] for index in range(0, len(raw), 4))
    address = ipaddress.ip_address(words)
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def apply(windows: Windows) -> None:
    """Puts the scanner side's static addresses on the container's interface; without the right to do so, nothing."""
    program = shutil.which("ip")
    if program is None or os.geteuid() != 0 or "MEDIVERSE_LAB_ADDRESS" not in os.environ:
        return
    plugged = [item for item in adapters(windows) if item["name"] == SCANNER and item["status"] == "Up"]
    wanted = {f"{item['address']}/32" for adapter in plugged for item in adapter["addresses"]}
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
