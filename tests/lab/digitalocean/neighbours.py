# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects of other sites, so that lists have several pages and nothing is alone in its account."""

from __future__ import annotations

import json

from .api import respond
from .world import Row, World

OTHERS = ("brikama", "bansang", "farafenni")
# A key that an account has already.
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g lab"
_RULE = {"protocol": "tcp", "ports": "22", "sources": {"addresses": ["192.0.2.1"]}}


def settle_in(world: World, token: str) -> None:
    """Make a droplet, a volume, an address and a firewall for each of the other sites, and a key; all are finished."""

    def post(path: str, body: Row) -> Row:
        login = {"Authorization": f"Bearer {token}"}
        status, _headers, raw = respond(world, "POST", path, login, json.dumps(body).encode())
        assert status < 300, raw
        return dict(json.loads(raw))

    post("/v2/account/keys", {"name": "lab", "public_key": KEY})
    for site in OTHERS:
        tag = f"mediverse-site:{site}"
        size = {"size": "s-1vcpu-1gb", "image": "debian-12-x64"}
        post("/v2/droplets", {"name": site, "region": "fra1", "tags": [tag], **size})
        post("/v2/volumes", {"name": f"mediverse-{site}-data", "region": "fra1", "size_gigabytes": 10, "tags": [tag]})
        project = post("/v2/projects", {"name": f"mediverse-site-{site}", "purpose": "Other"})["project"]["id"]
        post("/v2/reserved_ips", {"region": "fra1", "project_id": project})
        post("/v2/firewalls", {"name": f"mediverse-site-{site}", "tags": [tag], "inbound_rules": [_RULE]})
    world.pass_time()
    world.log.clear()
