# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes: they only grow, and serve one droplet of their own region."""

from __future__ import annotations

import re
from typing import Any

from .bodies import body_of, tags_of
from .errors import Refusal, unprocessable
from .world import Row, World, region_of, region_row, stamp

_NAME = re.compile(r"[a-z][a-z0-9-]{0,63}")
_LARGEST = 16384
_KNOWN: dict[str, Any] = {
    "name": str,
    "region": str,
    "size_gigabytes": int,
    "description": str,
    "filesystem_type": str,
    "filesystem_label": str,
    "tags": list,
}


def create(world: World, body: Any) -> tuple[int, Row]:
    """POST /v2/volumes."""
    asked = body_of(body, _KNOWN, ("name", "region", "size_gigabytes"))
    region, tags = region_of(asked), tags_of(asked)
    if not _NAME.fullmatch(asked["name"]):
        raise unprocessable("name must be lowercase and composed only of numbers, letters and dashes")
    if not 1 <= asked["size_gigabytes"] <= _LARGEST:
        raise unprocessable("size_gigabytes must be between 1 and 16384")
    if asked.get("filesystem_type", "") not in ("", "ext4", "xfs"):
        raise unprocessable("invalid filesystem type")
    taken = (asked["name"], region)
    if any((row["name"], row["region"]["slug"]) == taken for row in world.there("volumes")):
        raise Refusal(409, "already exists")
    row = {
        "id": world.unique(),
        "name": asked["name"],
        "region": region_row(region),
        "droplet_ids": [],
        "description": asked.get("description", ""),
        "size_gigabytes": asked["size_gigabytes"],
        "created_at": stamp(world.clock()),
        "filesystem_type": asked.get("filesystem_type", ""),
        "filesystem_label": asked.get("filesystem_label", ""),
        "tags": world.tag(tags),
        "_busy": False,
    }
    return 201, {"volume": world.add("volumes", row)}


def destroy(world: World, row: Row) -> None:
    """DELETE /v2/volumes/ID."""
    if row["droplet_ids"] or row["_busy"]:
        raise Refusal(409, "attached volume cannot be deleted")
    world.drop("volumes", row)


def act(world: World, row: Row, body: Any) -> tuple[int, Row]:
    """POST /v2/volumes/ID/actions."""
    known = {"type": str, "droplet_id": int, "size_gigabytes": int, "region": str}
    asked = body_of(body, known, ("type",))
    if row["_busy"]:
        raise unprocessable("Volume already has a pending event.")
    if asked["type"] == "resize":
        size = asked.get("size_gigabytes", 0)
        if not row["size_gigabytes"] < size <= _LARGEST:
            raise unprocessable("size_gigabytes must be larger than the current size")
        return _begin(world, row, "resize", lambda: row.update(size_gigabytes=size))
    if asked["type"] not in ("attach", "detach"):
        raise unprocessable("invalid type")
    number = asked.get("droplet_id")
    if asked["type"] == "detach":
        if number not in row["droplet_ids"]:
            raise unprocessable("Attachment not found")
        return _begin(world, row, "detach_volume", lambda: _hold(world, row, []))
    holder = next((one for one in world.there("droplets") if one["id"] == number), None)
    if holder is None or holder["region"]["slug"] != row["region"]["slug"]:
        raise unprocessable("Droplet not found in the region of the volume")
    if row["droplet_ids"]:
        raise unprocessable("This volume is already attached to a Droplet.")
    if holder["_busy"]:
        raise unprocessable("Droplet already has a pending event.")
    return _begin(world, row, "attach_volume", lambda: _hold(world, row, [holder["id"]]))


def _begin(world: World, row: Row, kind: str, effect: Any) -> tuple[int, Row]:
    row["_busy"] = True
    action = world.action(kind, "backend", None, row["region"]["slug"], effect)
    world.later(lambda: row.update(_busy=False))
    return 202, {"action": action}


def _hold(world: World, row: Row, holders: list[int]) -> None:
    for one in world.there("droplets"):
        kept = [volume for volume in one["volume_ids"] if volume != row["id"]]
        one["volume_ids"] = [*kept, row["id"]] if one["id"] in holders else kept
    row["droplet_ids"] = holders
