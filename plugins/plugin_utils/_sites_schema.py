# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of a site file: which keys stand where, and what must fit together between them.

``check`` returns the data in canonical form together with every problem of the file, never only the first one.
"""

from __future__ import annotations

import difflib
import ipaddress
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ..module_utils._rules.logins import is_known_password, names_a_secret
from . import _sites_rules as rules
from ._sites_load import Problem, dotted

PLUGIN = "mediverse.pacs.sites"
DEFAULT_AET = "MEDIVERSE"
DEFAULT_REST_PORT = 8042

# What people write instead, and what they mean by it, when the spelling alone does not tell.
_MEANT = {
    "ip": "host",
    "address": "host",
    "hostname": "host",
    "ansible_host": "host",
    "ae": "aet",
    "ae_title": "aet",
    "aetitle": "aet",
    "mac": "scanner_mac",
    "name": "label",
    "title": "label",
    "vendor": "manufacturer",
    "username": "user",
    "modalities": "scanners",
}


@dataclass(frozen=True)
class Key:
    """One key of a map: a rule for a value, or the shape of a map below it."""

    rule: rules.Rule | None = None
    shape: dict[str, Key] | None = None
    each: tuple[rules.Rule, dict[str, Key]] | None = None
    required: bool = False


SCANNER = {
    "aet": Key(rules.aet, required=True),
    "host": Key(rules.ipv4, required=True),
    "port": Key(rules.port, required=True),
    "manufacturer": Key(rules.manufacturer),
}
SITE = {
    "label": Key(rules.label),
    "cloud": Key(
        shape={
            "host": Key(rules.host, required=True),
            "user": Key(rules.user),
            "port": Key(rules.port),
            "rest_port": Key(rules.port),
        },
        required=True,
    ),
    "gateway": Key(
        shape={
            "host": Key(rules.host, required=True),
            "user": Key(rules.user),
            "port": Key(rules.port),
            "aet": Key(rules.aet),
            "scanner_address": Key(rules.interface, required=True),
            "scanner_mac": Key(rules.mac, required=True),
        },
        required=True,
    ),
    "scanners": Key(each=(rules.scanner_name, SCANNER), required=True),
}
HUB = {
    "host": Key(rules.host, required=True),
    "user": Key(rules.user),
    "port": Key(rules.port),
    "worklist_root": Key(rules.folder),
    "worklist_uid": Key(rules.uid),
    "sync_address": Key(rules.sync_address),
}


def _plugin_name(value: Any) -> str:
    if value != PLUGIN:
        raise rules.Wrong(f"is another plugin; expected {PLUGIN}")
    return PLUGIN


FILE = {
    "plugin": Key(_plugin_name, required=True),
    "domain": Key(rules.domain, required=True),
    "hub": Key(shape=HUB, required=True),
    "sites": Key(each=(rules.site_id, SITE), required=True),
}


def check(data: Any) -> tuple[dict[str, Any], list[Problem]]:
    """The canonical data and all problems. The data may be used only when there are none."""
    problems: list[Problem] = []
    clean = _map(data, FILE, "", problems)
    problems.extend(_together(clean))
    return clean, problems


def _map(data: Any, shape: dict[str, Key], path: str, problems: list[Problem]) -> dict[str, Any]:
    if not isinstance(data, dict):
        problems.append(Problem(path, f"{rules.show(data)} is no map; expected {_listed(shape)}."))
        return {}
    clean: dict[str, Any] = {}
    for key, value in data.items():
        below = dotted(path, key)
        if key not in shape:
            problems.append(_unknown(key, value, shape, below))
            continue
        found = _value(value, shape[key], below, problems)
        if found is not None:
            clean[key] = found
    for key, spec in shape.items():
        if spec.required and key not in data:
            problems.append(Problem(dotted(path, key), "the key is missing; it is required."))
    return clean


def _value(value: Any, spec: Key, path: str, problems: list[Problem]) -> Any:
    if spec.shape is not None:
        return _map(value, spec.shape, path, problems)
    if spec.each is not None:
        return _named(value, *spec.each, path, problems)
    assert spec.rule is not None
    if isinstance(value, str) and is_known_password(value):
        problems.append(Problem(path, "the value is a well-known password; a site file holds no secrets."))
        return None
    return _ruled(spec.rule, value, path, problems)


def _named(data: Any, name: rules.Rule, shape: dict[str, Key], path: str, problems: list[Problem]) -> dict[str, Any]:
    kind = path.rpartition(".")[2]
    if not isinstance(data, dict) or not data:
        problems.append(
            Problem(path, f"{rules.show(data)} is no map; expected at least one of the {kind} by its name.")
        )
        return {}
    clean: dict[str, Any] = {}
    for key, value in data.items():
        below = dotted(path, key)
        if _ruled(name, key, below, problems, what="the name ") is not None:
            clean[key] = _map(value, shape, below, problems)
        else:
            _map(value, shape, below, problems)
    return clean


def _ruled(rule: rules.Rule, value: Any, path: str, problems: list[Problem], what: str = "") -> Any:
    try:
        return rule(value)
    except rules.Wrong as wrong:
        problems.append(Problem(path, f"{what}{rules.show(value)} {wrong}."))
        return None


def _unknown(key: Any, value: Any, shape: dict[str, Key], path: str) -> Problem:
    if isinstance(key, str) and names_a_secret(key):
        burned = (
            " This one is a well-known password: change it where it is used."
            if isinstance(value, str) and is_known_password(value)
            else ""
        )
        return Problem(
            path,
            "a site file holds no secrets; give them to the playbook as mediverse_secrets, from Ansible Vault or any "
            f"lookup.{burned}",
        )
    name = str(key).lower()
    near = difflib.get_close_matches(name, shape, n=1, cutoff=0.6)
    meant = _MEANT.get(name) if _MEANT.get(name) in shape else (near[0] if near else None)
    hint = f" Did you mean {meant}?" if meant else ""
    return Problem(path, f"the key is unknown; expected {_listed(shape)}.{hint}")


def _listed(keys: Any) -> str:
    return f"the keys {', '.join(keys)}"


def _together(clean: dict[str, Any]) -> Iterator[Problem]:
    """What no single value shows: addresses used twice, scanners that the gateway cannot reach."""
    sites: dict[str, dict[str, Any]] = clean.get("sites", {})
    for site, entry in sites.items():
        yield from _site_together(f"sites.{site}", entry)
        for suffix in ("-cloud", "-gateway"):
            if site.endswith(suffix) and site.removesuffix(suffix) in sites:
                yield Problem(
                    f"sites.{site}",
                    f"the name {site!r} is also the host of site {site.removesuffix(suffix)!r}; expected another site "
                    "id.",
                )
    yield from _twice(
        sites,
        "gateway.scanner_mac",
        lambda site: site["gateway"]["scanner_mac"],
        "every adapter has its own MAC address",
    )
    yield from _twice(
        sites,
        "gateway.host",
        lambda site: (site["gateway"]["host"].lower(), site["gateway"].get("port", 5986)),
        "every gateway has its own address, or behind address translation its own gateway.port",
    )
    yield from _twice(
        sites,
        "cloud.rest_port",
        lambda site: (site["cloud"]["host"].lower(), site["cloud"].get("rest_port", DEFAULT_REST_PORT)),
        "a cloud host is shared only by sites with different cloud.rest_port",
        shown="cloud.host",
    )
    yield from _roles(clean)


def _twice(
    sites: dict[str, dict[str, Any]],
    key: str,
    value: Callable[[dict[str, Any]], Any],
    expected: str,
    shown: str | None = None,
) -> Iterator[Problem]:
    first: dict[Any, str] = {}
    part, name = (shown or key).split(".")
    for site, entry in sites.items():
        try:
            found = value(entry)
        except KeyError:
            continue  # The value itself is missing or wrong, and that is reported already.
        if found in first:
            text = rules.show(entry[part][name])
            where = f" with the same {key.partition('.')[2]} {found[1]}" if shown else ""
            yield Problem(
                f"sites.{site}.{shown or key}",
                f"{text} is used by sites.{first[found]} too{where}; expected that {expected}.",
            )
        first.setdefault(found, site)


def _roles(clean: dict[str, Any]) -> Iterator[Problem]:
    """A Windows gateway cannot also be a cloud host or the hub."""
    sites: dict[str, dict[str, Any]] = clean.get("sites", {})
    taken = {
        entry["cloud"]["host"].lower(): f"sites.{site}.cloud"
        for site, entry in sites.items()
        if entry.get("cloud", {}).get("host")
    }
    if clean.get("hub", {}).get("host"):
        taken[clean["hub"]["host"].lower()] = "hub"
    for site, entry in sites.items():
        host = entry.get("gateway", {}).get("host")
        if host and host.lower() in taken:
            yield Problem(
                f"sites.{site}.gateway.host",
                f"{rules.show(host)} is used by {taken[host.lower()]} too; expected the address of the Windows "
                "gateway.",
            )


def _site_together(path: str, site: dict[str, Any]) -> Iterator[Problem]:
    gateway: dict[str, Any] = site.get("gateway", {})
    scanners: dict[str, dict[str, Any]] = site.get("scanners", {})
    home = ipaddress.IPv4Interface(gateway["scanner_address"]) if "scanner_address" in gateway else None
    titles = {gateway.get("aet", DEFAULT_AET): "the gateway"}
    places: dict[tuple[str, int], str] = {}
    for name, scanner in scanners.items():
        below = f"{path}.scanners.{name}"
        host, port, aet = scanner.get("host"), scanner.get("port"), scanner.get("aet")
        if home and host:
            yield from _reach(below, ipaddress.IPv4Address(host), home)
        if aet in titles:
            yield Problem(
                f"{below}.aet",
                f"{rules.show(aet)} is the AE title of {titles[aet]} too; expected one AE title for each station of a "
                "site.",
            )
        elif aet:
            titles[aet] = f"scanner {name}"
        if host and port:
            other = places.setdefault((host, port), name)
            if other != name:
                yield Problem(
                    f"{below}.host",
                    f"{rules.show(host)} with port {port} is scanner {other} too; expected its own address or port.",
                )


def _reach(path: str, host: ipaddress.IPv4Address, home: ipaddress.IPv4Interface) -> Iterator[Problem]:
    network = home.network
    if host not in network:
        yield Problem(
            f"{path}.host",
            f"'{host}' is outside {network}, the network of gateway.scanner_address; expected an address inside it.",
        )
    elif host == home.ip:
        yield Problem(
            f"{path}.host", f"'{host}' is the gateway's own address, gateway.scanner_address; expected the scanner's."
        )
    elif host in (network.network_address, network.broadcast_address):
        yield Problem(
            f"{path}.host", f"'{host}' is the network or broadcast address of {network}; expected the scanner's."
        )
