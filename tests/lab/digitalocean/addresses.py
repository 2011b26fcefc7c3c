# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reserved addresses, and the projects that say whose they are."""

from __future__ import annotations

import re
from typing import Any

from . import droplets
from .bodies import body_of
from .errors import Refusal, not_modelled, pending, unprocessable
from .world import DEFAULT_PROJECT, Row, World, region_of, region_row, shown, stamp

_URN = re.compile(r"do:(droplet|floatingip):(.+)")


def view(world: World, row: Row) -> Row:
    """An address as the API shows it, with the whole droplet that it is assigned to."""
    holder = next((one for one in world.there("droplets") if one["id"] == row["_droplet"]), None)
    return {**shown(row), "droplet": droplets.view(world, holder) if holder else None, "locked": row["_busy"]}


def create(world: World, body: Any) -> tuple[int, Row]:
    """POST /v2/reserved_ips, for a region."""
    asked = body_of(body, {"region": str, "project_id": str, "droplet_id": int})
    if "droplet_id" in asked:
        raise not_modelled("reserving an address for a droplet")
    region = region_of(asked)
    project = asked.get("project_id", DEFAULT_PROJECT)
    if project != DEFAULT_PROJECT and not any(one["id"] == project for one in world.there("projects")):
        raise unprocessable("project not found")
    if len(world.there("reserved_ips")) >= world.settings.reserved_ip_limit:
        raise unprocessable("You have reached the limit of reserved IPs for your account.")
    number = world.number()
    row = world.add(
        "reserved_ips",
        {
            # Addresses come in no order.
            "ip": f"198.51.100.{number * 97 % 251 + 1}",
            "region": region_row(region),
            "project_id": project,
            "_droplet": None,
            "_busy": False,
        },
    )
    return 202, {"reserved_ip": view(world, row), "links": {}}


def act(world: World, row: Row, body: Any) -> tuple[int, Row]:
    """POST /v2/reserved_ips/IP/actions."""
    asked = body_of(body, {"type": str, "droplet_id": int}, ("type",))
    if asked["type"] not in ("assign", "unassign"):
        raise unprocessable("You specified an invalid type for this action.")
    if row["_busy"]:
        raise unprocessable("The floating IP already has a pending event.")
    change: Row = {"_droplet": None}
    if asked["type"] == "assign":
        holder = next((one for one in world.there("droplets") if one["id"] == asked.get("droplet_id")), None)
        if holder is None:
            raise unprocessable("The Droplet you specified could not be found.")
        if holder["region"]["slug"] != row["region"]["slug"]:
            raise unprocessable("The Droplet is in another region than the reserved IP.")
        if droplets.busy(holder):
            raise pending()
        if row["_droplet"] == holder["id"]:
            raise unprocessable("The reserved IP is already assigned to this Droplet.")
        # An assigned address belongs to the project of its droplet, and stays there when it is taken off.
        change = {"_droplet": holder["id"], "project_id": holder["_project"]}
    elif row["_droplet"] is None:
        raise unprocessable("The reserved IP is not assigned.")
    row["_busy"] = True

    def end() -> None:
        row["_busy"] = False

    kind = f"{asked['type']}_ip"
    action = world.action(kind, "reserved_ip", None, row["region"]["slug"], lambda: row.update(change))
    world.later(end)
    return 201, {"action": action}


def create_project(world: World, body: Any) -> tuple[int, Row]:
    """POST /v2/projects; names are unique."""
    known = {"name": str, "purpose": str, "description": str, "environment": str}
    asked = body_of(body, known, ("name", "purpose"))
    if len(asked["name"]) > 175 or len(asked.get("description", "")) > 255:
        raise unprocessable("name or description is too long")
    if any(one["name"] == asked["name"] for one in world.there("projects")):
        raise Refusal(409, "name is already in use")
    moment = stamp(world.clock())
    base = {"id": world.unique(), "created_at": moment, "updated_at": moment, "is_default": False}
    return 201, {"project": world.add("projects", {**base, **asked})}


def put_into(world: World, project: Row, body: Any) -> tuple[int, Row]:
    """POST /v2/projects/ID/resources. With a droplet go its addresses, and none of them goes alone."""
    moved = []
    for urn in body_of(body, {"resources": list}, ("resources",))["resources"]:
        match = _URN.fullmatch(str(urn))
        if not match:
            raise not_modelled(f"{urn!r} in a project")
        if match[1] == "droplet":
            droplet = world.get("droplets", "id", match[2])
            droplet["_project"] = project["id"]
            rows = [row for row in world.there("reserved_ips") if row["_droplet"] == droplet["id"]]
        else:
            rows = [world.get("reserved_ips", "ip", match[2])]
            if rows[0]["_droplet"] is not None:
                raise Refusal(412, "Cannot move a Reserved IP with an associated Droplet. Move the Droplet instead")
        for row in rows:
            row["project_id"] = project["id"]
        moved.append({"urn": urn, "assigned_at": stamp(world.clock()), "status": "ok", "links": {"self": ""}})
    return 200, {"resources": moved}
