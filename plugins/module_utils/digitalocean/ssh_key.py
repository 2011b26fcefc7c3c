# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SSH keys of an account. A key is known by itself: the account has each at most once, under whatever name."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any

from .._engine.errors import ApiError
from .._engine.fields import Field
from .._engine.pieces import pieces
from .._engine.reconcile import Plan
from .._engine.resource import ResourceSpec
from ._service import CONFLICT, DIGITALOCEAN, SiteClient

_PATH = "/v2/account/keys"


def _check_key(value: str) -> str | None:
    kind, _space, rest = value.strip().partition(" ")
    wanted = "expected one line 'ssh-ed25519 AAAA... comment'"
    if "PRIVATE KEY" in value:
        return f"is a private key; {wanted}, which is in the file that ends in .pub"
    try:
        blob = base64.b64decode(rest.split(" ")[0], validate=True)
    except (binascii.Error, ValueError):
        return f"is no public key; {wanted}"
    # The kind stands in the key, too, after its length.
    named = len(kind).to_bytes(4, "big") + kind.encode()
    if "\n" in value.strip() or not kind or not blob.startswith(named):
        return f"is no public key; {wanted}"
    return None


def fingerprint(key: str) -> str:
    """How the API calls a public key: the MD5 of its second word, in pairs of digits. Nothing is secured by it."""
    blob = base64.b64decode(key.split()[1])
    digits = hashlib.md5(blob, usedforsecurity=False).hexdigest()
    return ":".join(pieces(digits, 2))


FIELDS = (
    Field("public_key", key=True, check=_check_key, normalise=lambda value: value.strip()),
    Field("name", needed=True),
    Field("id", type="int", read_only=True),
    Field("fingerprint", read_only=True),
)


class SshKeyClient(SiteClient):
    """The keys of an account. It is asked for one by its fingerprint: lists of keys may be read ten times a minute."""

    def get(self, key: str) -> dict[str, Any] | None:
        """The key, or None."""
        return self.cloud.one(f"{_PATH}/{fingerprint(key)}", "ssh_key")

    def create(self, key: str, planned: Plan) -> None:
        """Add it; that another run was faster is as good."""
        try:
            self.cloud.send("POST", _PATH, json={"name": planned.desired["name"], "public_key": key})
        except ApiError as error:
            if error.status not in CONFLICT or self.get(key) is None:
                raise

    def update(self, key: str, planned: Plan, current: dict[str, Any]) -> None:
        """Only its name can change."""
        self.cloud.send("PUT", f"{_PATH}/{current['id']}", json=planned.delta)

    def delete(self, key: str, current: dict[str, Any]) -> None:
        """Remove it from the account. Servers that have it keep it."""
        self.cloud.remove(f"{_PATH}/{current['id']}", "the removal of the key")


SSH_KEY = ResourceSpec(
    service=DIGITALOCEAN,
    fields=FIELDS,
    client=SshKeyClient,
    returns="ssh_key",
    noun="SSH key",
    key="public_key",
    options={"wait_timeout": {"type": "int", "default": 600}, "wait_interval": {"type": "float", "default": 3.0}},
)
