# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a hub can take the settings that the role has for it, before anything of it is changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from . import in_force, lines, store, system
from .store import AccessError, Places, Settings

# Half of everything and more: a default route in two pieces, as some VPNs set it.
_WIDEST = 1


def problem(places: Places, wanted: Mapping[str, Any]) -> str | None:
    """What forbids these settings (the content of ``hub.json``), in one sentence; None where nothing does."""
    settings = store.settings_of(wanted, "What the role says about this hub")
    if sentence := store.outside(places, settings.network):
        return sentence
    given = _or_nothing(lambda: store.read(places.addresses))
    former = _or_nothing(lambda: store.settings(places))
    if given:
        if former is not None and former.address != settings.address:
            return (
                f"The hub has the address {former.address} in the tunnel, which the PCs of {', '.join(sorted(given))} "
                f"know, and would have {settings.address}; give it its former network (gateway_access_network), or "
                f"revoke these sites, remove {places.addresses} and enrol their PCs again."
            )
        # Later a route must stop nobody who is enrolled; the watcher names it.
        return None
    for to, device in _or_nothing(lambda: system.routes(settings, _own(places, settings))) or []:
        if to.prefixlen > _WIDEST:
            return (
                f"The tunnel's network {settings.network} overlaps {to}, which this hub reaches by {device}; choose "
                "another with gateway_access_network."
            )
    return None


def _or_nothing(look: Any) -> Any:
    """A fresh hub has neither the files nor the programs."""
    try:
        return look()
    except AccessError:
        return None


def _own(places: Places, settings: Settings) -> list[str]:
    """Interfaces of ours under a former name."""
    key = _or_nothing(lambda: in_force.private_key(places))
    return system.former_interfaces(settings, key) if key else []


def closed(wanted: Mapping[str, Any]) -> list[str]:
    """A sentence for the hub's own firewall, ufw or firewalld, where it has not opened what the tunnels need."""
    settings = store.settings_of(wanted, "What the role says about this hub")
    return [
        *(_or_nothing(lambda: list(_ufw(settings))) or []),
        *(_or_nothing(lambda: list(_firewalld(settings))) or []),
    ]


def diverted(wanted: Mapping[str, Any]) -> list[str]:
    """A sentence for each route of the hub that takes packets for gateways out of the tunnel."""
    settings = store.settings_of(wanted, "What the role says about this hub")
    return _or_nothing(lambda: system.diverted(settings)) or []


def _ufw(settings: Settings) -> Iterator[str]:
    # In English, whatever the hub speaks; env says no more than that it has no ufw.
    if system.run("env", "LC_ALL=C", "ufw", "status").stdout.split()[1:2] != ["active"]:
        return
    known = system.run("env", "LC_ALL=C", "ufw", "show", "added").stdout.splitlines()
    if missing := [rule for rule in lines.ufw(settings) if rule not in known]:
        yield f"ufw runs on this hub and has not been told: {'; '.join(missing)}. Without that gateways do not come."


def _firewalld(settings: Settings) -> Iterator[str]:
    if system.run("firewall-cmd", "--state").returncode:
        return
    yield f"firewalld runs on this hub; see that it lets in {', '.join(lines.openings(settings))}."
