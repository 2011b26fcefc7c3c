# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SSH keys and tags."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any

from .bodies import TAG, body_of
from .errors import missing, not_modelled, unprocessable
from .world import Row, World


def fingerprint(key: str) -> str:
    """The MD5 of a key; raises Refusal for what is none."""
    words = key.split()
    try:
        blob = base64.b64decode(words[1], validate=True)
    except (IndexError, binascii.Error, ValueError):
        raise unprocessable("SSH Key invalid, key should be of the format `type key [comment]`") from None
    digits = hashlib.md5(blob, usedforsecurity=False).hexdigest()
    return ":".join(digits[start:][:2] for start in range(0, len(digits), 2))


def create_key(world: World, body: Any) -> tuple[int, Row]:
    """POST /v2/account/keys; an account has each key once."""
    asked = body_of(body, {"name": str, "public_key": str}, ("name", "public_key"))
    found = fingerprint(asked["public_key"])
    if any(row["fingerprint"] == found for row in world.there("ssh_keys")):
        raise unprocessable("SSH Key is already in use on your account")
    return 201, {"ssh_key": world.add("ssh_keys", {"id": world.number(), "fingerprint": found, **asked})}


def key(world: World, name: str) -> Row:
    """A key by its number or its fingerprint."""
    return world.get("ssh_keys", "fingerprint" if ":" in name else "id", name)


def update_key(world: World, row: Row, body: Any) -> tuple[int, Row]:
    """PUT /v2/account/keys/ID."""
    row.update(body_of(body, {"name": str}, ("name",)))
    return 200, {"ssh_key": row}


def create_tag(world: World, body: Any) -> tuple[int, Row]:
    """POST /v2/tags."""
    asked = body_of(body, {"name": str}, ("name",))
    if not TAG.fullmatch(asked["name"]):
        raise unprocessable("Tag name may only contain letters, numbers, colons, dashes and underscores")
    if any(tag.lower() == asked["name"].lower() for tag in world.tags):
        raise unprocessable("Tag already exists")
    world.tag([asked["name"]])
    return 201, {"tag": {"name": asked["name"], "resources": {"count": 0}}}


def tag(world: World, name: str) -> Row:
    """GET /v2/tags/NAME, in the spelling that it has."""
    if name not in world.tags:
        raise missing()
    return {"name": name, "resources": {"count": sum(name in row["tags"] for row in world.there("droplets"))}}


def assign(world: World, name: str, body: Any, remove: bool) -> None:
    """POST and DELETE /v2/tags/NAME/resources."""
    tag(world, name)
    for one in body_of(body, {"resources": list}, ("resources",))["resources"]:
        asked = body_of(one, {"resource_id": str, "resource_type": str}, ("resource_id", "resource_type"))
        kinds = {"droplet": "droplets", "volume": "volumes"}
        if asked["resource_type"] not in kinds:
            raise not_modelled(f"tags of a {asked['resource_type']}")
        row = world.get(kinds[asked["resource_type"]], "id", asked["resource_id"])
        row["tags"] = [known for known in row["tags"] if known != name] + ([] if remove else [name])
