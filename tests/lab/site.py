# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the description of a lab: ``lab.yml`` and the site file beside it.

The strict reading of site files belongs to the inventory plugin. Here only what is needed to place hosts on a
network is read, and an error is raised as soon as a host cannot be placed.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from tests.lab.errors import LabError
from tests.lab.paths import STATE

KINDS = ("hub", "cloud", "gateway", "scanner")
"""What ``kinds`` in lab.yml chooses from: a lab for one role need not have every host of its site file."""
_ROUTER, _PC = 60, 30
"""Numbers of the router in the lab's network and of the PC in the one behind it, where the router has the second."""
_SHARED = ("cloud", "scanner")
"""Kinds of which one machine may belong to several sites."""
_NAME = re.compile(r"[a-z][a-z0-9-]{0,23}")


@dataclass(frozen=True)
class Host:
    """One container of a lab. ``kind``: cloud, hub, gateway, scanner or router; ``environment``: what its image reads.

    ``inside``: it stands in the network behind the router, where nobody from outside comes.
    """

    name: str
    kind: str
    address: str
    aliases: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    inside: bool = False

    @property
    def fresh(self) -> bool:
        """Whether it is a gateway that nobody has prepared."""
        return "MEDIVERSE_LAB_FRESH" in self.environment


@dataclass(frozen=True)
class Lab:
    """A lab: its name, its IPv4 network, its hosts, and the inventory directory that describes it.

    ``inside`` is the network of a hospital, behind a router that lets nobody in.
    """

    name: str
    subnet: ipaddress.IPv4Network
    domain: str
    inventory: Path
    hosts: tuple[Host, ...]
    sites: tuple[str, ...]
    inside: ipaddress.IPv4Network | None = None

    @property
    def state(self) -> Path:
        """Keys, passwords and installers of this lab."""
        return STATE / self.name

    @property
    def network(self) -> str:
        """Name of the Docker network."""
        return f"mediverse-{self.name}"

    def network_of(self, host: Host) -> str:
        """Name of the Docker network of ``host``."""
        return f"{self.network}-inside" if host.inside else self.network

    def container(self, host: Host) -> str:
        """Name of the container of ``host``."""
        return f"mediverse-{self.name}-{host.name}"

    def host(self, name: str) -> Host:
        """The host called ``name``; LabError lists the names there are."""
        for host in self.hosts:
            if host.name == name:
                return host
        known = ", ".join(h.name for h in self.hosts)
        raise LabError(f"The lab {self.name} has no host {name!r}; it has {known}.")


def read_lab(inventory: Path) -> Lab:
    """Read the lab that the inventory directory describes; LabError names file and key when it cannot be used."""
    inventory = inventory.resolve()
    settings = _mapping(inventory / "lab.yml")
    name = str(settings.get("name", ""))
    if not _NAME.fullmatch(name) or name in {"ca", "cache"}:
        raise LabError(f"{inventory / 'lab.yml'}: name must be a short word in lower case, not {name!r}.")
    subnet = _network(inventory, settings, "subnet")
    inside = _network(inventory, settings, "inside") if "inside" in settings else None
    sites_file = _sites_file(inventory)
    content = _mapping(sites_file)
    try:
        hosts = _hosts(content, subnet, inside)
    except (KeyError, TypeError, AttributeError) as error:
        raise LabError(
            f"{sites_file}: the lab cannot place its hosts because {error} is missing or misshapen."
        ) from None
    _check_addresses([host for host in hosts if not host.inside], subnet, sites_file)
    if inside:
        _check_addresses([host for host in hosts if host.inside], inside, sites_file)
    kinds = settings.get("kinds", list(KINDS))
    if not isinstance(kinds, list) or not kinds or set(kinds) - set(KINDS):
        raise LabError(f"{inventory / 'lab.yml'}: kinds must be a list out of {', '.join(KINDS)}, not {kinds!r}.")
    hosts = tuple(host for host in hosts if host.kind in kinds or (host.kind == "router" and "gateway" in kinds))
    return Lab(name, subnet, str(content.get("domain", "")), inventory, hosts, tuple(content["sites"]), inside)


def _network(inventory: Path, settings: dict[str, Any], key: str) -> ipaddress.IPv4Network:
    try:
        return ipaddress.IPv4Network(str(settings.get(key, "")))
    except ValueError:
        raise LabError(
            f"{inventory / 'lab.yml'}: {key} must be an IPv4 network such as 172.30.77.0/24, not {settings.get(key)!r}."
        ) from None


def _mapping(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LabError(f"{path} does not exist; give the directory of a lab inventory, e.g. inventories/lab.") from None
    except yaml.YAMLError as error:
        raise LabError(f"{path} is not readable YAML: {' '.join(str(error).split())}.") from None
    if not isinstance(content, dict):
        raise LabError(f"{path} must hold a mapping.")
    return content


def _sites_file(inventory: Path) -> Path:
    found = sorted(p for p in inventory.iterdir() if re.search(r"sites\.ya?ml$", p.name))
    if len(found) != 1:
        raise LabError(f"{inventory} must hold exactly one file named *sites.yml; it holds {len(found)}.")
    return found[0]


def _fresh(
    site: str, gateway: dict[str, Any], subnet: ipaddress.IPv4Network, inside: ipaddress.IPv4Network | None
) -> tuple[Host, Host]:
    """The PC that nobody has prepared, and the router before it."""
    if inside is None:
        raise LabError(
            f"The gateway of {site} has no host, so it is a fresh PC behind a router: say in lab.yml which network "
            "that is, such as inside: 172.30.88.0/24."
        )
    address = str(inside[_PC])
    environment = {
        "MEDIVERSE_LAB_FRESH": "yes",
        "MEDIVERSE_LAB_ROUTER": str(inside[2]),
        "MEDIVERSE_LAB_HOST": f"{site}-gateway",
        "MEDIVERSE_LAB_ADDRESS": address,
        "MEDIVERSE_LAB_SCANNER_MAC": str(gateway.get("scanner_mac", "")),
        "MEDIVERSE_LAB_SCANNER_ADDRESS": str(gateway.get("scanner_address", "")),
    }
    router = Host("router", "router", str(subnet[_ROUTER]), environment={"INSIDE": str(inside)})
    return router, Host(f"{site}-gateway", "gateway", address, environment=environment, inside=True)


def _hosts(
    content: dict[str, Any], subnet: ipaddress.IPv4Network, inside: ipaddress.IPv4Network | None
) -> tuple[Host, ...]:
    domain = content["domain"]
    hosts: list[Host] = [Host("hub", "hub", content["hub"]["host"])]
    scanners: list[Host] = []
    for site, settings in content["sites"].items():
        cloud, gateway = settings["cloud"], settings.get("gateway") or {}
        fresh = "host" not in gateway
        names = (f"{site}.viewer.{domain}", f"{site}.pacs.{domain}")
        hosts.append(Host(f"{site}-cloud", "cloud", cloud["host"], names))
        if fresh:
            hosts += _fresh(site, gateway, subnet, inside)
        else:
            hosts.append(_prepared(site, gateway))
        pc = hosts[-1].address
        for name, scanner in settings.get("scanners", {}).items():
            scanners.append(
                Host(
                    f"{site}-{name}",
                    "scanner",
                    scanner["host"],
                    environment={
                        "SCANNER_AET": scanner["aet"],
                        "SCANNER_PORT": str(scanner["port"]),
                        "GATEWAY_AET": str(gateway.get("aet", "MEDIVERSE")),
                        "GATEWAY_HOST": str(gateway.get("scanner_address", pc)).partition("/")[0],
                        "GATEWAY_PORT": "4242",
                    },
                    inside=fresh,
                )
            )
    scanners = _machines(scanners)
    if len(scanners) == 1:
        only = scanners[0]
        scanners = [replace(only, name="scanner")]
    return (*_machines(hosts), *scanners)


def _machines(hosts: Sequence[Host]) -> list[Host]:
    """A host of several sites is one machine: that of the first, which has the names of all."""
    found: dict[object, Host] = {}
    for host in hosts:
        # Only clouds and scanners are shared; two others on one address are a mistake, which is told later.
        key = (host.kind, host.address) if host.kind in _SHARED else host.name
        first = found.setdefault(key, host)
        if first is not host:
            found[key] = replace(first, aliases=(*first.aliases, *host.aliases))
    return list(found.values())


def _prepared(site: str, gateway: dict[str, Any]) -> Host:
    return Host(
        f"{site}-gateway",
        "gateway",
        gateway["host"],
        environment={
            "MEDIVERSE_LAB_HOST": f"{site}-gateway",
            "MEDIVERSE_LAB_USER": gateway["user"],
            "MEDIVERSE_LAB_ADDRESS": gateway["host"],
            "MEDIVERSE_LAB_SCANNER_MAC": str(gateway.get("scanner_mac", "")),
            "MEDIVERSE_LAB_SCANNER_ADDRESS": str(gateway.get("scanner_address", "")),
        },
    )


def _check_addresses(hosts: Sequence[Host], subnet: ipaddress.IPv4Network, source: Path) -> None:
    seen: dict[str, str] = {}
    for host in hosts:
        try:
            inside = ipaddress.IPv4Address(host.address) in subnet
        except ValueError:
            inside = False
        if not inside or host.address == str(subnet[1]):
            raise LabError(
                f"{source}: the address {host.address} of {host.name} must be an IPv4 address inside {subnet} "
                f"other than {subnet[1]}, which the bridge of the lab has."
            )
        if host.address in seen:
            raise LabError(f"{source}: {host.name} and {seen[host.address]} have the same address {host.address}.")
        seen[host.address] = host.name
