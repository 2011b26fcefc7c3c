# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What no single value of a site file shows: addresses used twice, scanners that the gateway cannot reach.

The data is that of ``_sites_schema.check``: a value that was wrong is None, and is compared with nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..module_utils._rules import addresses, dicom
from . import _sites_rules as rules
from ._sites_load import Problem, dotted

DEFAULT_AET = "MEDIVERSE"
DEFAULT_REST_PORT = 8042
DEFAULT_SSH_PORT = 22
DEFAULT_WINRM_PORT = 5986

# What the hub's Syncthing listens on, beside SSH.
_SYNCTHING_PORTS = (8384, 22000)

Map = dict[str, Any]


def together(clean: Map) -> Iterator[Problem]:
    """Every problem between the values of a file."""
    sites: dict[str, Map] = clean.get("sites") or {}
    hub: Map = clean.get("hub") or {}
    for site, entry in sites.items():
        path = dotted("sites", site)
        yield from _site(path, entry)
        yield from _names(path, site, sites)
    yield from _twice(sites, "gateway.scanner_mac", _mac, "every adapter has its own MAC address")
    yield from _twice(
        sites,
        "gateway.host",
        _gateway,
        "every gateway has its own address, or behind address translation its own gateway.port",
    )
    yield from _twice(
        sites,
        "cloud.host",
        _cloud,
        "a cloud host is shared only by sites with different cloud.rest_port",
        beside="rest_port",
    )
    yield from _ports(sites, hub)
    yield from _machines(sites, hub)


def _names(path: str, site: str, sites: dict[str, Map]) -> Iterator[Problem]:
    for suffix in ("-cloud", "-gateway"):
        other = site.removesuffix(suffix)
        if site.endswith(suffix) and other in sites:
            yield Problem(path, f"the name {site!r} is also a host of site {other!r}; expected another site id.")


def _part(entry: Map, part: str) -> Map:
    return entry.get(part) or {}


def _host(entry: Map) -> str | None:
    """The host in its canonical spelling: names are compared without case."""
    found = entry.get("host")
    return addresses.canonical_host(found) if found else None


def _mac(site: Map) -> Any:
    return _part(site, "gateway").get("scanner_mac")


def _gateway(site: Map) -> Any:
    gateway = _part(site, "gateway")
    return _pair(_host(gateway), gateway.get("port", DEFAULT_WINRM_PORT))


def _cloud(site: Map) -> Any:
    cloud = _part(site, "cloud")
    return _pair(_host(cloud), cloud.get("rest_port", DEFAULT_REST_PORT))


def _pair(host: str | None, port: int | None) -> tuple[str, int] | None:
    return (host, port) if host and port else None


def _twice(
    sites: dict[str, Map], key: str, value: Callable[[Map], Any], expected: str, beside: str | None = None
) -> Iterator[Problem]:
    """Values that two sites have in common; ``beside`` names what is compared together with the host."""
    first: dict[Any, str] = {}
    part, name = key.split(".")
    for site, entry in sites.items():
        found = value(entry)
        if found is None:
            continue
        if found in first:
            where = f" with the same {beside} {found[1]}" if beside else ""
            yield Problem(
                dotted("sites", f"{site}.{key}"),
                f"{rules.show(entry[part][name])} is used by sites.{first[found]} too{where}; "
                f"expected that {expected}.",
            )
        first.setdefault(found, site)


def _ports(sites: dict[str, Map], hub: Map) -> Iterator[Problem]:
    """A site's Orthanc cannot take the port of something else on the same machine."""
    taken: dict[tuple[str, int], str] = {}
    if home := _host(hub):
        taken |= {(home, port): "the hub's Syncthing" for port in _SYNCTHING_PORTS}
        taken[home, hub.get("port", DEFAULT_SSH_PORT)] = "SSH (hub.port)"
    for site, entry in sites.items():
        cloud = _part(entry, "cloud")
        if home := _host(cloud):
            taken[home, cloud.get("port", DEFAULT_SSH_PORT)] = f"SSH (sites.{site}.cloud.port)"
    for site, entry in sites.items():
        other = taken.get(_cloud(entry) or ("", 0))
        if other:
            port = _part(entry, "cloud").get("rest_port", DEFAULT_REST_PORT)
            yield Problem(
                dotted("sites", f"{site}.cloud.rest_port"),
                f"{port} is the port of {other} on the same host; expected one that nothing else uses there.",
            )


def _machines(sites: dict[str, Map], hub: Map) -> Iterator[Problem]:
    """A gateway, a scanner, a cloud host and the hub are different machines; only cloud and hub may be one."""
    servers: dict[str, str] = {}
    for site, entry in sites.items():
        if home := _host(_part(entry, "cloud")):
            servers.setdefault(home, f"sites.{site}.cloud")
    central = _host(hub)
    if central:
        servers[central] = "hub"
    sync = addresses.sync_host(hub.get("sync_address") or "")
    for site, entry in sites.items():
        gateway = _part(entry, "gateway")
        home = _host(gateway)
        scanners = {
            scanner["host"]: f"sites.{site}.scanners.{name}"
            for name, scanner in (entry.get("scanners") or {}).items()
            if scanner.get("host")
        }
        cloud = _host(_part(entry, "cloud"))
        own = (gateway.get("scanner_address") or "").partition("/")[0]
        near = {**scanners, own: f"sites.{site}.gateway.scanner_address"} if own else scanners
        yield from _taken(f"sites.{site}.gateway.host", home, (servers, scanners), "the Windows gateway")
        yield from _taken(f"sites.{site}.cloud.host", cloud, (near,), "the cloud host")
        yield from _taken("hub.host", central, (near,), "the hub")
        if sync != central:
            gateways = {home: f"sites.{site}.gateway"} if home else {}
            yield from _taken("hub.sync_address", sync, (gateways, near), "the hub")


def _taken(path: str, host: str | None, others: tuple[dict[str, str], ...], what: str) -> Iterator[Problem]:
    other = next((known[host] for known in others if host and host in known), None)
    if other:
        shown = ".".join(dotted("", part) for part in path.split("."))
        yield Problem(shown, f"{rules.show(host)} is used by {other} too; expected the address of {what}.")


def _site(path: str, site: Map) -> Iterator[Problem]:
    gateway = _part(site, "gateway")
    alone = gateway.get("host") if "user" not in gateway else None
    if alone and addresses.ipv4(alone):
        yield Problem(
            f"{path}.gateway.host",
            f"{rules.show(alone)} stands without a user; expected the IPv4 address that an enrolled PC has in a VPN of "
            "the site's own, or the user of a PC that was set up by hand.",
        )
    scanners = site.get("scanners") or {}
    own = gateway.get("aet", DEFAULT_AET)
    for name, key, wrong in dicom.together(scanners, own, gateway.get("scanner_address")):
        yield Problem(f"{dotted(f'{path}.scanners', name)}.{key}", f"{rules.show(scanners[name][key])} {wrong}.")
