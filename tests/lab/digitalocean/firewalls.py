# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Firewalls."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from .bodies import body_of, tags_of
from .errors import Refusal, not_modelled, unprocessable
from .world import Row, World, stamp

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9.-]+")
_PORTS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
_KNOWN: dict[str, Any] = {
    "name": str,
    "inbound_rules": (list, type(None)),
    "outbound_rules": (list, type(None)),
    "droplet_ids": (list, type(None)),
    "tags": (list, type(None)),
}
_ENDS = {"inbound_rules": "sources", "outbound_rules": "destinations"}


def create(world: World, body: Any) -> tuple[int, Row]:
    """POST /v2/firewalls."""
    content = _content(world, body)
    if any(row["name"] == content["name"] for row in world.there("firewalls")):
        raise Refusal(409, "duplicate name")
    base = {"id": world.unique(), "created_at": stamp(world.clock()), "status": "succeeded", "pending_changes": []}
    row = world.add("firewalls", {**base, **content})
    _apply(world, row)
    return 202, {"firewall": row}


def update(world: World, row: Row, body: Any) -> tuple[int, Row]:
    """PUT /v2/firewalls/ID: what is left out is reset."""
    content = _content(world, body)
    if any(one["name"] == content["name"] and one is not row for one in world.there("firewalls")):
        raise Refusal(409, "duplicate name")
    row.update(content)
    _apply(world, row)
    return 200, {"firewall": row}


def _content(world: World, body: Any) -> Row:
    asked = body_of(body, _KNOWN, ("name",))
    if not _NAME.fullmatch(asked["name"]):
        raise unprocessable("name must begin with an alphanumeric character")
    rules = {kind: [_rule(one, end) for one in asked.get(kind) or []] for kind, end in _ENDS.items()}
    if not rules["inbound_rules"] and not rules["outbound_rules"]:
        raise unprocessable("must have at least one rule")
    for kind, found in rules.items():
        if any(one in found[:place] for place, one in enumerate(found)):
            raise unprocessable(f"duplicate rule in {kind}")
    for tag in tags_of(asked):
        if tag not in world.tags:
            raise unprocessable(f"tag {tag} does not exist")
    for number in asked.get("droplet_ids") or []:
        if not any(row["id"] == number for row in world.there("droplets")):
            raise unprocessable("droplet not found")
    return {
        "name": asked["name"],
        **rules,
        "droplet_ids": list(asked.get("droplet_ids") or []),
        "tags": list(asked.get("tags") or []),
    }


def _rule(rule: Any, end: str) -> Row:
    asked = body_of(rule, {"protocol": str, "ports": str, "action": str, end: dict}, ("protocol", end))
    if asked.get("action", "allow") not in ("allow", "deny"):
        raise unprocessable("invalid action")
    if asked["protocol"] not in ("tcp", "udp", "icmp"):
        raise unprocessable("invalid protocol")
    ports = asked.get("ports", "")
    if asked["protocol"] == "icmp" or ports == "all":
        ports = "0"
    match = _PORTS.fullmatch(ports)
    if not match or int(match[1]) > int(match[2] or match[1]) or int(match[2] or match[1]) > 65535:
        raise unprocessable("invalid port range")
    target = body_of(asked[end], {"addresses": list, "tags": list, "droplet_ids": list, "load_balancer_uids": list})
    for address in target.get("addresses", []):
        try:
            ipaddress.ip_network(address, strict=False)
        except ValueError:
            raise unprocessable("invalid address") from None
    if not any(target.values()):
        raise unprocessable("invalid address")
    if set(target) - {"addresses", "tags"}:
        raise not_modelled("rules of firewalls with droplets and load balancers")
    return {"protocol": asked["protocol"], "ports": ports, "action": asked.get("action", "allow"), end: target}


def _apply(world: World, row: Row) -> None:
    """The servers get the rules after a while."""
    behind = [
        one["id"]
        for one in world.there("droplets")
        if one["id"] in row["droplet_ids"] or set(one["tags"]) & set(row["tags"])
    ]
    if not behind:
        return
    row["status"] = "waiting"
    row["pending_changes"] = [{"droplet_id": one, "removing": False, "status": "waiting"} for one in behind]
    fails = "firewall" in world.failing
    if fails:
        world.failing.remove("firewall")
    world.later(lambda: row.update(status="failed" if fails else "succeeded", pending_changes=[]))
