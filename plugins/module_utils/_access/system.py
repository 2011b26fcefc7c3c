# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hub's own programs (ip, wg, nft, ss, iptables), asked and told."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import pwd
import re
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from . import lines
from .store import AccessError, Settings

_SECONDS = 30
_DOCKER = "DOCKER-USER"


def run(*command: str, data: str | None = None) -> subprocess.CompletedProcess[str]:
    """What a command said; AccessError when there is no such command or when it does not end."""
    try:
        return subprocess.run(command, input=data, capture_output=True, text=True, check=False, timeout=_SECONDS)
    except FileNotFoundError:
        raise AccessError(f"{command[0]} is missing on this hub; run the role gateway_access on it.") from None
    except subprocess.TimeoutExpired:
        raise AccessError(f"{command[0]} has not ended after {_SECONDS} s; look why, and run again.") from None


def must(*command: str, data: str | None = None) -> str:
    """What a command said; AccessError with its last words when it failed."""
    done = run(*command, data=data)
    if done.returncode:
        said = (done.stderr.strip() or "no reason given").splitlines()[-1]
        raise AccessError(f"{' '.join(command[:4])} failed ({said}); mend that on the hub and run again.")
    return done.stdout


def new_key() -> str:
    """A private key of WireGuard's."""
    return must("wg", "genkey").strip()


def public_key(private: str) -> str:
    """What belongs to a private key of WireGuard's."""
    return must("wg", "pubkey", data=private + "\n").strip()


def rules_loaded(text: str) -> bool:
    """Whether the table is in force as this text has it."""
    listed = run("nft", "list", "table", "inet", lines.TABLE)
    found = re.search(r'comment "([0-9a-f]{16})"', text)
    return listed.returncode == 0 and found is not None and f'comment "{found.group(1)}"' in listed.stdout


def load_rules(path: Path) -> None:
    """Puts the table in force, in one transaction."""
    must("nft", "-f", str(path))


def interface_up(settings: Settings) -> bool:
    """Whether WireGuard's interface is there with the hub's address."""
    return settings.address in addresses(settings.interface)


def raise_interface(settings: Settings) -> None:
    """Makes WireGuard's interface: the kernel's, or that of wireguard-go where the kernel has none."""
    name = settings.interface
    _refuse_overlap(settings)
    if run("ip", "link", "show", "dev", name).returncode:
        kernel = run("ip", "link", "add", "dev", name, "type", "wireguard")
        if kernel.returncode:
            must("wireguard-go", name)
    must("ip", "address", "replace", f"{settings.address}/{settings.network.prefixlen}", "dev", name)
    must("ip", "link", "set", "dev", name, "up")


def _refuse_overlap(settings: Settings) -> None:
    for route in json.loads(must("ip", "-j", "-4", "route", "show", "table", "main") or "[]"):
        if route.get("dev") == settings.interface or route["dst"] == "default":
            continue
        if ipaddress.IPv4Network(route["dst"]).overlaps(settings.network):
            raise AccessError(
                f"The tunnel's network {settings.network} overlaps {route['dst']}, which this hub reaches by "
                f"{route.get('dev')}; choose another with gateway_access_network."
            )


def addresses(device: str) -> set[str]:
    """The IPv4 addresses of a device; none where there is no such device."""
    listed = run("ip", "-j", "-4", "address", "show", "dev", device)
    if listed.returncode:
        return set()
    found = json.loads(listed.stdout or "[]")
    return {entry["local"] for one in found for entry in one.get("addr_info", [])}


def own_addresses(network: ipaddress.IPv4Network) -> set[str]:
    """The addresses of gateways that the hub has taken for their reverse tunnels."""
    return {one for one in addresses("lo") if ipaddress.IPv4Address(one) in network}


def take_address(address: str) -> None:
    """The hub answers to it: a reverse tunnel listens there."""
    must("ip", "address", "replace", f"{address}/32", "dev", "lo")


def leave_address(address: str) -> None:
    """The address is WireGuard's again."""
    must("ip", "address", "del", f"{address}/32", "dev", "lo")


def peers_set(settings: Settings, key: str, wanted: Mapping[str, str]) -> bool:
    """Whether WireGuard has this key, this port and these peers."""
    if not interface_up(settings):
        return False
    listed = run("wg", "show", settings.interface, "dump")
    rows = [line.split("\t") for line in listed.stdout.splitlines()]
    if listed.returncode or not rows:
        return False
    found = {row[0]: row[3] for row in rows[1:]}
    return (rows[0][0], rows[0][2]) == (key, str(settings.wireguard_port)) and found == dict(wanted)


def set_peers(settings: Settings, key: str, wanted: Mapping[str, str]) -> None:
    """Peers that stay keep their connections."""
    text = lines.wireguard(key, settings, wanted)
    must("wg", "syncconf", settings.interface, "/dev/stdin", data=text)


def drop_peers(settings: Settings, wanted: Mapping[str, str]) -> None:
    """Removes those that are not wanted."""
    for key in must("wg", "show", settings.interface, "peers").split():
        if key not in wanted:
            must("wg", "set", settings.interface, "peer", key, "remove")


def handshakes(settings: Settings) -> dict[str, int]:
    """Seconds of the epoch of each peer's last handshake, 0 for none, by public key."""
    listed = run("wg", "show", settings.interface, "latest-handshakes").stdout.splitlines()
    return {key: int(when) for key, __, when in (line.partition("\t") for line in listed)}


def listening(network: ipaddress.IPv4Network) -> set[str]:
    """The addresses of the network on which a reverse tunnel listens."""
    found = re.findall(rf"\s([0-9.]+):{lines.WINRM_PORT}\s", must("ss", "-Hltn"))
    return {one for one in found if ipaddress.IPv4Address(one) in network}


def docker_lets_through(settings: Settings) -> bool:
    """Whether Docker's chain, where there is one, leaves the tunnel to our own table.

    Docker sets the policy of forwarded packets to drop, and no other table can overrule that.
    """
    return not _docker_missing(settings.interface)


def _docker_missing(interface: str) -> list[tuple[str, str]]:
    try:
        if run("iptables", "-w", "-n", "-L", _DOCKER).returncode:
            return []
    except AccessError:
        return []
    ways = [("-i", interface), ("-o", interface)]
    return [way for way in ways if run("iptables", "-w", "-C", _DOCKER, *way, "-j", "ACCEPT").returncode]


def ask_docker(settings: Settings) -> None:
    """What has passed our own table passes Docker's as well."""
    for way in _docker_missing(settings.interface):
        must("iptables", "-w", "-I", _DOCKER, "1", *way, "-j", "ACCEPT")


def cut_tunnels() -> None:
    """Ends every reverse tunnel. Those that are still allowed come back within a minute.

    A session was let in by a key that may be gone now, and does not say by which.
    """
    try:
        account = pwd.getpwnam(lines.TUNNEL).pw_uid
    except KeyError:
        return
    deadline = time.monotonic() + _SECONDS
    while left := _processes_of(account):
        if time.monotonic() > deadline:
            raise AccessError(f"Processes {left} of {lines.TUNNEL} do not end; end them by hand: a tunnel may be open.")
        for process in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.1)


def _processes_of(account: int) -> list[int]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # Not the owner of the directory, which is root for a program that has changed its account.
            status = (process / "status").read_text(encoding="utf-8")
            owner = re.search(r"^Uid:\t(\d+)", status, re.MULTILINE)
            if owner and int(owner.group(1)) == account and "State:\tZ" not in status:
                found.append(int(process.name))
    return found
