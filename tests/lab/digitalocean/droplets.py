# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Droplets and what can be done to them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .bodies import body_of, tags_of
from .errors import not_modelled, pending, unprocessable
from .world import DEFAULT_PROJECT, IMAGES, RARE, REGIONS, SIZES, VPCS, Row, World, region_of, region_row, shown, stamp

_NAME = re.compile(r"[a-zA-Z0-9]?[a-z0-9A-Z.\-]*[a-z0-9A-Z]")
_KNOWN: dict[str, Any] = {
    "name": str,
    "region": str,
    "size": str,
    "image": (str, int),
    "ssh_keys": list,
    "backups": bool,
    "ipv6": bool,
    "monitoring": bool,
    "tags": list,
    "user_data": str,
    "volumes": list,
    "vpc_uuid": str,
}
_MODELLED = ("power_on", "power_off", "shutdown", "resize", "rename", "enable_backups", "disable_backups")


def view(world: World, row: Row) -> Row:
    """A droplet as the API shows it."""
    size = size_row(row["size_slug"])
    same = {name: size[name] for name in ("memory", "vcpus")}
    return {**shown(row), **same, "size": size, "kernel": None, "locked": busy(row)}


def size_row(slug: str) -> Row:
    """A size as the API shows it; each is to be had in each region but the largest."""
    memory, processors, disk = SIZES[slug]
    regions = [region for region in REGIONS if (slug, region) != RARE]
    return {"slug": slug, "memory": memory, "vcpus": processors, "disk": disk, "available": True, "regions": regions}


def busy(row: Row) -> bool:
    """Whether an action on it is pending."""
    return bool(row["_busy"])


def create(world: World, body: Any) -> tuple[int, Row]:
    """POST /v2/droplets: accepted, and made later."""
    asked = body_of(body, _KNOWN, ("name", "size", "image"))
    if not _NAME.fullmatch(asked["name"]) or len(asked["name"]) > 255:
        raise unprocessable("Only valid hostname characters are allowed. (a-z, A-Z, 0-9, . and -)")
    region, tags = region_of(asked), tags_of(asked)
    if asked["size"] not in SIZES or region not in size_row(asked["size"])["regions"]:
        raise unprocessable("You specified an invalid size for Droplet creation.")
    slug = next((name for name, number in IMAGES.items() if asked["image"] in (name, number)), None)
    if slug is None:
        raise unprocessable("You specified an invalid image for Droplet creation.")
    for key in asked.get("ssh_keys", []):
        if not any(key in (one["id"], one["fingerprint"]) for one in world.there("ssh_keys")):
            raise unprocessable(f"{key} are invalid key identifiers for Droplet creation.")
    if len(asked.get("user_data", "").encode()) > 64 * 1024:
        raise unprocessable("User data is too long (maximum is 65536 bytes)")
    if asked.get("vpc_uuid", VPCS[region]) != VPCS[region]:
        raise unprocessable("vpc uuid is not in the region of the Droplet")
    if asked.get("volumes"):
        raise not_modelled("volumes of a new droplet")
    if len(world.there("droplets")) >= world.settings.droplet_limit:
        raise unprocessable("creating this/these droplet(s) will exceed your droplet limit")
    features = [name for name in ("backups", "ipv6", "monitoring") if asked.get(name)]
    row = world.add(
        "droplets",
        {
            "id": world.number(),
            "name": asked["name"],
            "disk": SIZES[asked["size"]][2],
            "status": "new",
            "created_at": stamp(world.clock()),
            "features": [*features, "private_networking"],
            "backup_ids": [],
            "next_backup_window": None,
            "snapshot_ids": [],
            "image": {"id": IMAGES[slug], "slug": slug, "distribution": slug.split("-")[0].title(), "public": True},
            "volume_ids": [],
            "size_slug": asked["size"],
            "networks": {"v4": [], "v6": []},
            "region": region_row(region),
            "tags": world.tag(tags) if world.tags_kept else [],
            "vpc_uuid": VPCS[region],
            "_busy": True,
            "_project": DEFAULT_PROJECT,
            "_user_data": asked.get("user_data", ""),
            "_ssh_keys": asked.get("ssh_keys", []),
        },
    )
    # One that cannot be made vanishes when its action has failed.
    fails = "create" in world.failing
    made = world.action("create", "droplet", row["id"], region, lambda: _made(row))
    if fails:
        world.later(lambda: world.drop("droplets", row))
    links = [{"id": made["id"], "rel": "create", "href": f"https://api.digitalocean.com/v2/actions/{made['id']}"}]
    return 202, {"droplet": view(world, row), "links": {"actions": links}}


def _made(row: Row) -> None:
    last = row["id"] % 250 + 1
    row.update(status="active", _busy=False)
    row["networks"]["v4"] = [
        {"ip_address": f"10.135.0.{last}", "netmask": "255.255.0.0", "gateway": None, "type": "private"},
        {"ip_address": f"203.0.113.{last}", "netmask": "255.255.255.0", "gateway": "203.0.113.1", "type": "public"},
    ]


def destroy(world: World, row: Row) -> None:
    """DELETE: its addresses are taken off, its volumes detached, and it is gone."""
    if busy(row):
        raise pending()
    world.drop("droplets", row)
    for address in world.there("reserved_ips"):
        if address["_droplet"] == row["id"]:
            address["_droplet"] = None
    for volume in world.there("volumes"):
        volume["droplet_ids"] = [one for one in volume["droplet_ids"] if one != row["id"]]
    for wall in world.there("firewalls"):
        wall["droplet_ids"] = [one for one in wall["droplet_ids"] if one != row["id"]]


def act(world: World, row: Row, body: Any) -> tuple[int, Row]:
    """POST /v2/droplets/ID/actions."""
    asked = body_of(body, {"type": str, "size": str, "disk": bool, "name": str}, ("type",))
    kind = asked["type"]
    if kind not in _MODELLED:
        raise not_modelled(f"the action {kind!r} of droplets")
    if busy(row):
        raise pending()
    effect = _effect(row, kind, asked)
    row["_busy"] = True

    def free() -> None:
        row["_busy"] = False

    action = world.action(kind, "droplet", row["id"], row["region"]["slug"], effect)
    # A failed action leaves a droplet that is as free as after a good one.
    world.later(free)
    return 201, {"action": action}


def _effect(row: Row, kind: str, asked: Row) -> Callable[[], None]:
    features, on = row["features"], row["status"] == "active"
    if kind == "power_on":
        if on:
            raise unprocessable("Droplet is already powered on.")
        return lambda: row.update(status="active")
    if kind in ("power_off", "shutdown"):
        if not on:
            raise unprocessable("Droplet is already powered off.")
        # Some systems do not listen to a shutdown.
        return lambda: None if kind == "shutdown" and row.get("_deaf") else row.update(status="off")
    if kind == "rename":
        if not _NAME.fullmatch(asked.get("name", "")):
            raise unprocessable("Only valid hostname characters are allowed. (a-z, A-Z, 0-9, . and -)")
        return lambda: row.update(name=asked["name"])
    if kind == "resize":
        if on:
            raise unprocessable("Droplet must be powered off to be resized.")
        if asked.get("size") not in SIZES or asked["size"] == row["size_slug"]:
            raise unprocessable("You specified an invalid size for this Droplet.")
        if row["region"]["slug"] not in size_row(asked["size"])["regions"]:
            raise unprocessable("This size is not available in the region of the Droplet.")
        if SIZES[asked["size"]][2] < row["disk"]:
            raise unprocessable("This size has a smaller disk than the Droplet.")
        disk = SIZES[asked["size"]][2] if asked.get("disk") else row["disk"]
        return lambda: row.update(size_slug=asked["size"], disk=disk)
    if ("backups" in features) is (kind == "enable_backups"):
        raise unprocessable(f"Backups are already {'en' if kind == 'enable_backups' else 'dis'}abled.")
    kept = [one for one in features if one != "backups"]
    return lambda: row.update(features=["backups", *kept] if kind == "enable_backups" else kept)
