# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes over the wire: each request of digitalocean_droplet, digitalocean_firewall, digitalocean_reserved_ip,
digitalocean_volume and digitalocean_ssh_key in its order, and what may not be sent at all.
"""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils.digitalocean.ssh_key import fingerprint
from ansible_collections.mediverse.pacs.plugins.modules import (
    digitalocean_droplet,
    digitalocean_firewall,
    digitalocean_reserved_ip,
    digitalocean_ssh_key,
    digitalocean_volume,
)

from ..fake_api import FakeApi
from .support import KEY, SITE, TAG, WANTED

TOKEN = "dop_v1_0123456789abcdef"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
QUOTED = "mediverse-site%3Akanifing"
DROPLETS = f"/v2/droplets?per_page=200&page=1&tag_name={QUOTED}"
NAMED = "/v2/droplets?per_page=200&page=1&name=kanifing-cloud"
TAGS = "/v2/tags?per_page=200&page=1"
KEYS = f"/v2/account/keys/{fingerprint(KEY)}"


def droplet(**changes: Any) -> dict[str, Any]:
    """A droplet of the site as the API shows it."""
    return {
        "id": 7,
        "name": "kanifing-cloud",
        "status": "active",
        "features": ["monitoring"],
        "region": {"slug": "fra1"},
        "image": {"id": 7001, "slug": "debian-12-x64"},
        "size_slug": "s-2vcpu-4gb",
        "tags": [TAG],
        "networks": {"v4": [{"type": "public", "ip_address": "203.0.113.5"}], "v6": []},
        "volume_ids": [],
        "vpc_uuid": "v",
        **changes,
    }


def listed(*rows: dict[str, Any], root: str = "droplets") -> dict[str, Any]:
    """A list of one page."""
    return {root: list(rows), "links": {}, "meta": {"total": len(rows)}}


def run(api: FakeApi, check_mode: bool = False, **options: Any) -> dict[str, Any]:
    """Run digitalocean_droplet."""
    return api.run(
        digitalocean_droplet, check_mode, **{"site": SITE, "api_token": TOKEN, **WANTED["droplet"], **options}
    )


def test_a_droplet_is_made_with_its_tag_in_one_request(api: FakeApi) -> None:
    api.expect("GET", DROPLETS, headers=BEARER).reply(json=listed())
    api.expect("GET", NAMED).reply(json=listed())
    api.expect("GET", TAGS).reply(json=listed(root="tags"))
    api.expect("GET", TAGS).reply(json=listed({"name": "PACS"}, root="tags"))
    api.expect("GET", DROPLETS).reply(json=listed())
    api.expect(
        "POST",
        "/v2/droplets",
        headers=BEARER,
        json={
            "name": "kanifing-cloud",
            "region": "fra1",
            "image": "debian-12-x64",
            "size": "s-2vcpu-4gb",
            "ssh_keys": WANTED["droplet"]["ssh_keys"],
            "user_data": "#cloud-config",
            "tags": [TAG, "PACS"],
            "ipv6": False,
            "monitoring": True,
            "backups": False,
        },
    ).reply(202, json={"droplet": droplet(status="new"), "links": {"actions": [{"id": 9, "rel": "create"}]}})
    going = {"action": {"id": 9, "status": "in-progress", "type": "create"}}
    up = droplet(tags=[TAG, "pacs"])
    api.expect("GET", "/v2/actions/9").reply(json=going)
    api.expect("GET", "/v2/droplets/7").reply(json={"droplet": up})
    api.expect("GET", DROPLETS).reply(json=listed(up))
    api.expect("GET", "/v2/actions/9").reply(json=going)
    api.expect("GET", "/v2/droplets/7").reply(json={"droplet": up})
    api.expect("GET", "/v2/droplets/7").reply(json={"droplet": up})
    api.expect("GET", "/v2/droplets/7").reply(json={"droplet": up})
    api.expect("GET", "/v2/droplets/7").reply(json={"droplet": up})
    api.expect("GET", DROPLETS).reply(json=listed(up))
    result = run(api, tags=["pacs"], user_data="#cloud-config")
    assert result["changed"], result
    assert result["droplet"]["address"] == "203.0.113.5"
    assert "#cloud-config" not in api.output
    assert TOKEN not in api.output


def test_a_second_run_asks_once(api: FakeApi) -> None:
    api.expect("GET", DROPLETS).reply(json=listed(droplet()))
    assert not run(api)["changed"]


def test_the_token_may_stand_in_the_environment(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", f"{TOKEN}\n")
    api.expect("GET", DROPLETS, headers=BEARER).reply(json=listed(droplet()))
    assert not run(api, api_token=None)["changed"]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"api_url": "http://api.example.org"}, "in clear"),
        ({"api_token": "two words"}, "no token has"),
        ({"site": "Not A Site"}, "is no site id"),
        ({"tags": ["with space"]}, "a tag has letters"),
        ({"name": "under_score"}, "is no name of a droplet"),
    ],
)
def test_nonsense_is_refused_before_anything_is_asked(api: FakeApi, options: dict[str, Any], complaint: str) -> None:
    result = run(api, **options)
    assert complaint in result["msg"]
    assert api.requests == []


def test_the_token_never_follows_a_link(api: FakeApi) -> None:
    """A page may lead anywhere; only that there is another one is believed."""
    more = {
        **listed(),
        "links": {"pages": {"next": "https://evil.example.org/v2/droplets?page=2"}},
        "meta": {"total": 1},
    }
    api.expect("GET", DROPLETS).reply(json=more)
    api.expect("GET", DROPLETS.replace("page=1", "page=2")).reply(json={**listed(droplet()), "meta": {"total": 1}})
    assert not run(api)["changed"]
    assert {one.base for one in api.requests} == {"https://api.digitalocean.com"}


def test_too_many_requests_are_waited_for(api: FakeApi) -> None:
    asked = {"retry-after": "1", "ratelimit-remaining": "0"}
    api.expect("GET", DROPLETS).reply(429, json={"id": "too_many_requests", "message": "x"}, headers=asked)
    api.expect("GET", DROPLETS).reply(json=listed(droplet()))
    assert not run(api)["changed"]


def test_a_used_up_hour_is_said(api: FakeApi) -> None:
    asked = {"retry-after": "3000"}
    api.expect("GET", DROPLETS).reply(429, json={"id": "too_many_requests", "message": "x"}, headers=asked)
    assert "takes no more requests with this token for 3000 s" in run(api)["msg"]


@pytest.mark.parametrize(
    ("module", "options", "path", "root"),
    [
        (digitalocean_firewall, {"site": SITE, **WANTED["firewall"]}, "/v2/firewalls", "firewalls"),
        (digitalocean_volume, {"site": SITE, **WANTED["volume"]}, "/v2/volumes", "volumes"),
        (digitalocean_reserved_ip, {"site": SITE, **WANTED["reserved_ip"]}, "/v2/reserved_ips", "reserved_ips"),
    ],
)
def test_check_mode_reads_and_nothing_else(
    api: FakeApi, module: Any, options: dict[str, Any], path: str, root: str
) -> None:
    if root == "reserved_ips":
        api.expect("GET", "/v2/projects?per_page=200&page=1").reply(json=listed(root="projects"))
    api.expect("GET", f"{path}?per_page=200&page=1").reply(json=listed(root=root))
    if root == "reserved_ips":
        api.expect("GET", DROPLETS).reply(json=listed())
        api.expect("GET", "/v2/volumes?per_page=200&page=1").reply(json=listed(root="volumes"))
    result = api.run(module, True, api_token=TOKEN, **options)
    assert result["changed"], result
    assert result["diff"]["before"] == {}
    assert api.writes == []


def test_a_key_is_asked_for_by_itself(api: FakeApi) -> None:
    api.expect("GET", KEYS).reply(404, json={"id": "not_found", "message": "x"})
    api.expect("POST", "/v2/account/keys", json={"name": "ann", "public_key": KEY}).reply(201, json={"ssh_key": {}})
    stored = {"ssh_key": {"id": 3, "name": "ann", "public_key": KEY, "fingerprint": fingerprint(KEY)}}
    api.expect("GET", KEYS).reply(json=stored)
    assert api.run(digitalocean_ssh_key, api_token=TOKEN, public_key=KEY, name="ann")["ssh_key"]["id"] == 3
    api.expect("GET", KEYS).reply(json=stored)
    assert not api.run(digitalocean_ssh_key, api_token=TOKEN, public_key=f"{KEY}\n", name="ann")["changed"]


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_without_rights_says_what_to_check(api: FakeApi, status: int) -> None:
    api.expect("GET", DROPLETS).reply(status, json={"id": "x", "message": "You are not authorized", "request_id": "r1"})
    result = run(api)
    assert result["failure"]["code"] == "login"
    assert "DIGITALOCEAN_TOKEN" in result["msg"]
    assert "(request r1)" in result["msg"]
