# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hub's own programs (ip, wg, nft, ss, iptables, pkill), asked and told."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import re
import subprocess
import time
from collections.abc import Collection, Mapping
from typing import Any

from . import lines, store
from .store import AccessError, Places, Settings

_SECONDS = 30
_DOCKER = "DOCKER-USER"


def run(*command: str, data: str | None = None) -> subprocess.CompletedProcess[str]:
    """What a command said; AccessError when there is no such command or when it does not end."""
    try:
        # A program of its own runs this; a module's run_command is not to be had.
        return subprocess.run(  # pylint: disable=ansible-bad-function
            command, input=data, capture_output=True, text=True, check=False, timeout=_SECONDS
        )
    except FileNotFoundError:
        raise AccessError(f"{command[0]} is missing on this hub; run mediverse.pacs.hub for it.") from None
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


def rules_loaded(places: Places, text: str) -> bool:
    """Whether the table is in force as this text has it: as the kernel listed it right after it was loaded."""
    try:
        digest, __, listed = places.listed.read_text(encoding="utf-8").partition("\n")
    except OSError:
        return False
    return digest == lines.stamp(text) and listed == run("nft", "list", "table", "inet", lines.TABLE).stdout


def load_rules(places: Places, text: str) -> None:
    """Puts the table in force, in one transaction, and notes what the kernel makes of it."""
    must("nft", "-f", "-", data=text)
    listed = must("nft", "list", "table", "inet", lines.TABLE)
    # Without a note it is loaded again, which hurts nobody.
    with contextlib.suppress(OSError):
        store.replace(places.listed, f"{lines.stamp(text)}\n{listed}", 0o600)


def interface_up(settings: Settings) -> bool:
    """Whether WireGuard's interface is there with the hub's address, and switched on."""
    return any("UP" in one["flags"] and settings.address in _of(one) for one in _device(settings.interface))


def raise_interface(settings: Settings) -> None:
    """Makes WireGuard's interface: the kernel's, or that of wireguard-go where the kernel has none."""
    name = settings.interface
    if run("ip", "link", "show", "dev", name).returncode:
        kernel = run("ip", "link", "add", "dev", name, "type", "wireguard")
        if kernel.returncode:
            must("wireguard-go", name)
    must("ip", "address", "replace", f"{settings.address}/{settings.network.prefixlen}", "dev", name)
    must("ip", "link", "set", "dev", name, "up")


def former_interfaces(settings: Settings, key: str) -> list[str]:
    """Those of ours under another name than now: they have the hub's key."""
    names = run("wg", "show", "interfaces").stdout.split()
    others = [name for name in names if name != settings.interface]
    return [name for name in others if run("wg", "show", name, "private-key").stdout.strip() == key]


def remove_interfaces(names: Collection[str]) -> None:
    """With their peers and routes; that of wireguard-go ends the program as well."""
    for name in names:
        must("ip", "link", "del", "dev", name)


def routes(settings: Settings, but: Collection[str] = ()) -> list[tuple[ipaddress.IPv4Network, str]]:
    """Routes of the hub that overlap the tunnel's network, and their devices; not those of the interfaces ``but``."""
    found = []
    for route in json.loads(must("ip", "-j", "-4", "route", "show", "table", "main") or "[]"):
        device = str(route.get("dev", route.get("type", "nothing")))
        if route["dst"] != "default" and device not in (settings.interface, *but):
            found.append((ipaddress.IPv4Network(route["dst"]), device))
    return [(to, device) for to, device in found if to.overlaps(settings.network)]


def diverted(settings: Settings) -> list[str]:
    """A sentence for each route that goes before the tunnel's own. A wider one does not matter."""
    return [
        f"The route {to} by {device} takes packets for gateways out of the tunnel; remove it from this hub."
        for to, device in routes(settings)
        if to.subnet_of(settings.network)
    ]


def _device(name: str) -> list[dict[str, Any]]:
    listed = run("ip", "-j", "-4", "address", "show", "dev", name)
    # Where the device has no address of IPv4 the list is empty, or of empty entries.
    return [] if listed.returncode else [one for one in json.loads(listed.stdout or "[]") if one]


def _of(device: dict[str, Any]) -> set[str]:
    return {entry["local"] for entry in device.get("addr_info", [])}


def addresses(device: str) -> set[str]:
    """The IPv4 addresses of a device; none where there is no such device."""
    return {address for one in _device(device) for address in _of(one)}


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


def drop_peers(settings: Settings, wanted: Mapping[str, str]) -> bool:
    """Removes those that are not wanted; whether there were any."""
    found = [key for key in _peers(settings.interface) if key not in wanted]
    for key in found:
        must("wg", "set", settings.interface, "peer", key, "remove")
    return bool(found)


def peers_at(settings: Settings, addresses_: Collection[str]) -> dict[str, str]:
    """The peers that have just one of these addresses, as ``wg`` shows them: address in CIDR notation by key."""
    wanted = {f"{one}/32" for one in addresses_}
    return {key: allowed for key, allowed in _peers(settings.interface).items() if allowed in wanted}


def interfaces() -> list[str]:
    """All of WireGuard's on this hub."""
    return must("wg", "show", "interfaces").split()


def remove_peer(interface: str, key: str, address: str) -> None:
    """Whoever has this key or this address there; either may be unknown."""
    for one, allowed in _peers(interface).items():
        if one == key or (address and allowed == f"{address}/32"):
            must("wg", "set", interface, "peer", one, "remove")


def _peers(interface: str) -> dict[str, str]:
    listed = run("wg", "show", interface, "allowed-ips").stdout.splitlines()
    return {key: allowed for key, __, allowed in (line.partition("\t") for line in listed)}


def handshakes(settings: Settings) -> dict[str, int]:
    """Seconds of the epoch of each peer's last handshake, 0 for none, by public key."""
    listed = run("wg", "show", settings.interface, "latest-handshakes").stdout.splitlines()
    return {key: int(when) for key, __, when in (line.partition("\t") for line in listed)}


def listening(network: ipaddress.IPv4Network) -> set[str]:
    """The addresses of the network on which a reverse tunnel listens.

    With ``ip_nonlocal_bind`` any program of the hub could listen there; the socket says whose it is.
    """
    account = must("id", "-u", lines.TUNNEL).strip()
    found = set()
    for line in must("ss", "-Hltne").splitlines():
        place = re.search(rf"\s([0-9.]+):{lines.WINRM_PORT}\s", line)
        # The kernel's root is not shown at all.
        if place and re.search(rf"\suid:{account}(\s|$)", line):
            found.add(place.group(1))
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
    deadline = time.monotonic() + _SECONDS
    command = ("pkill", "-KILL", "-U", lines.TUNNEL)
    while not (done := run(*command)).returncode:
        if time.monotonic() > deadline:
            raise AccessError(f"Processes of {lines.TUNNEL} do not end; end them by hand: a tunnel may be open.")
        time.sleep(0.1)
    if done.returncode != 1:
        raise AccessError(f"{' '.join(command)} failed ({done.stderr.strip()}); mend that on the hub and run again.")
