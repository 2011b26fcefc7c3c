# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The double is as strict as what it stands for, and says what it does not know."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from tests.lab.digitalocean import neighbours
from tests.lab.digitalocean.api import respond
from tests.lab.digitalocean.server import serving
from tests.lab.digitalocean.world import Settings, World
from tests.unit.digitalocean.support import Clock

TOKEN = "test-token"
DROPLET: dict[str, Any] = {"name": "a", "region": "fra1", "size": "s-1vcpu-1gb", "image": "debian-12-x64"}
VOLUME: dict[str, Any] = {"name": "data", "region": "fra1", "size_gigabytes": 10}
RULE = {"protocol": "tcp", "ports": "22", "sources": {"addresses": ["192.0.2.1"]}}
FIREWALL: dict[str, Any] = {"name": "wall", "inbound_rules": [RULE]}


class Account:
    """An account and how it is asked."""

    def __init__(self, **settings: Any) -> None:
        self.clock = Clock()
        self.world = World(Settings(**settings), self.clock)
        self.headers: dict[str, str] = {}

    def call(self, method: str, path: str, body: Any = None, token: str = TOKEN) -> tuple[int, Any]:
        """Status and JSON of an answer."""
        raw = b"" if body is None else json.dumps(body).encode()
        status, self.headers, said = respond(self.world, method, path, {"Authorization": f"Bearer {token}"}, raw)
        return status, json.loads(said) if said else None

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of an answer that must be good."""
        status, said = self.call(method, path, body)
        assert status < 300, said
        return said

    def refused(self, status: int, words: str, method: str, path: str, body: Any = None) -> None:
        """An answer that must be that refusal, in the shape that the API has."""
        got, said = self.call(method, path, body)
        assert (got, set(said)) == (status, {"id", "message"})
        assert words in said["message"]

    def droplet(self, **changes: Any) -> int:
        """The number of a droplet that is up."""
        number = int(self.ok("POST", "/v2/droplets", {**DROPLET, **changes})["droplet"]["id"])
        self.world.pass_time()
        return number


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/v2/droplets", {**DROPLET, "colour": "red"}, "colour is not a known attribute"),
        ("/v2/droplets", {**DROPLET, "size": "huge"}, "invalid size"),
        ("/v2/droplets", {**DROPLET, "region": "mars1"}, "invalid region"),
        ("/v2/droplets", {**DROPLET, "image": "windows"}, "invalid image"),
        ("/v2/droplets", {**DROPLET, "tags": ["a b"]}, "Tag name"),
        ("/v2/droplets", {**DROPLET, "tags": "a"}, "wrong type"),
        ("/v2/droplets", {**DROPLET, "ssh_keys": [9]}, "9 are invalid key identifiers"),
        ("/v2/droplets", {**DROPLET, "user_data": "x" * 65537}, "too long"),
        ("/v2/droplets", {**DROPLET, "name": "a_b"}, "hostname characters"),
        ("/v2/volumes", {**VOLUME, "name": "Data"}, "lowercase"),
        ("/v2/volumes", {**VOLUME, "size_gigabytes": 0}, "between 1 and"),
        ("/v2/volumes", {**VOLUME, "size_gigabytes": True}, "wrong type"),
        ("/v2/firewalls", {**FIREWALL, "tags": ["nobody"]}, "does not exist"),
        ("/v2/firewalls", {**FIREWALL, "droplet_ids": [1]}, "droplet not found"),
        ("/v2/firewalls", {"name": "wall"}, "at least one rule"),
        ("/v2/firewalls", {**FIREWALL, "inbound_rules": [{**RULE, "ports": "0-99999"}]}, "invalid port range"),
        ("/v2/firewalls", {**FIREWALL, "inbound_rules": [{**RULE, "sources": {}}]}, "invalid address"),
        ("/v2/reserved_ips", {"region": "fra1", "project_id": "x"}, "project not found"),
        ("/v2/account/keys", {"name": "a", "public_key": "nonsense"}, "Key invalid"),
    ],
)
def test_bodies_are_checked(path: str, body: Any, words: str) -> None:
    Account().refused(422, words, "POST", path, body)


def test_what_it_does_not_know_fails_loudly() -> None:
    account = Account()
    for method, path in (("GET", "/v2/domains"), ("PATCH", "/v2/droplets/1"), ("GET", "/v2/droplets?type=gpus")):
        account.refused(501, "does not model", method, path)
    number = account.droplet()
    account.refused(501, "does not model", "POST", f"/v2/droplets/{number}/actions", {"type": "rebuild"})


def test_a_droplet_takes_its_time_and_does_one_thing_at_a_time() -> None:
    account = Account()
    said = account.ok("POST", "/v2/droplets", DROPLET)
    path = f"/v2/droplets/{said['droplet']['id']}"
    assert (said["droplet"]["status"], said["droplet"]["networks"]["v4"]) == ("new", [])
    account.refused(422, "pending event", "POST", f"{path}/actions", {"type": "power_off"})
    account.refused(422, "pending event", "DELETE", path)
    assert account.ok("GET", path)["droplet"]["status"] == "active"
    action = account.ok("GET", f"/v2/actions/{said['links']['actions'][0]['id']}")["action"]
    assert (action["status"], bool(action["completed_at"])) == ("completed", True)
    account.refused(
        422, "powered off to be resized", "POST", f"{path}/actions", {"type": "resize", "size": "s-2vcpu-4gb"}
    )


def test_a_failing_creation_leaves_no_droplet() -> None:
    account = Account()
    account.world.failing.append("create")
    said = account.ok("POST", "/v2/droplets", DROPLET)
    account.world.pass_time()
    assert account.ok("GET", f"/v2/actions/{said['links']['actions'][0]['id']}")["action"]["status"] == "errored"
    assert account.call("GET", f"/v2/droplets/{said['droplet']['id']}")[0] == 404


def test_a_droplet_that_goes_leaves_its_address_and_its_volume() -> None:
    account = Account()
    number = account.droplet()
    address = account.ok("POST", "/v2/reserved_ips", {"region": "fra1"})["reserved_ip"]["ip"]
    volume = account.ok("POST", "/v2/volumes", VOLUME)["volume"]["id"]
    account.ok("POST", f"/v2/reserved_ips/{address}/actions", {"type": "assign", "droplet_id": number})
    account.ok("POST", f"/v2/volumes/{volume}/actions", {"type": "attach", "droplet_id": number})
    account.world.pass_time()
    assert account.ok("GET", f"/v2/reserved_ips/{address}")["reserved_ip"]["droplet"]["id"] == number
    account.refused(409, "attached volume cannot be deleted", "DELETE", f"/v2/volumes/{volume}")
    account.ok("DELETE", f"/v2/droplets/{number}")
    assert account.ok("GET", f"/v2/reserved_ips/{address}")["reserved_ip"]["droplet"] is None
    assert account.ok("GET", f"/v2/volumes/{volume}")["volume"]["droplet_ids"] == []


def test_a_volume_only_grows_and_only_in_its_region() -> None:
    account = Account()
    number = account.droplet(region="lon1")
    volume = account.ok("POST", "/v2/volumes", VOLUME)["volume"]["id"]
    path = f"/v2/volumes/{volume}/actions"
    account.refused(422, "larger", "POST", path, {"type": "resize", "size_gigabytes": 10})
    account.refused(422, "region", "POST", path, {"type": "attach", "droplet_id": number})
    account.refused(409, "already exists", "POST", "/v2/volumes", VOLUME)
    assert account.call("POST", "/v2/volumes", {**VOLUME, "region": "lon1"})[0] == 201


def test_names_that_are_unique_and_names_that_are_not() -> None:
    account = Account()
    account.droplet()
    account.droplet()
    for path, body in (("/v2/firewalls", FIREWALL), ("/v2/projects", {"name": "p", "purpose": "x"})):
        account.ok("POST", path, body)
        assert account.call("POST", path, body)[0] == 409
    key = {"name": "a", "public_key": neighbours.KEY}
    account.ok("POST", "/v2/account/keys", key)
    account.refused(422, "already in use", "POST", "/v2/account/keys", key)


def test_a_put_resets_what_it_leaves_out() -> None:
    account = Account()
    account.ok("POST", "/v2/tags", {"name": "t"})
    wall = account.ok("POST", "/v2/firewalls", {**FIREWALL, "tags": ["t"], "outbound_rules": []})["firewall"]
    assert account.ok("PUT", f"/v2/firewalls/{wall['id']}", FIREWALL)["firewall"]["tags"] == []


def test_pages_are_small_and_lists_are_behind() -> None:
    account = Account(lag=3)
    for number in range(5):
        account.ok("POST", "/v2/volumes", {**VOLUME, "name": f"v{number}"})
    assert account.ok("GET", "/v2/volumes?per_page=200")["meta"]["total"] < 5
    account.world.pass_time()
    first = account.ok("GET", "/v2/volumes?per_page=200")
    assert (len(first["volumes"]), first["meta"]["total"]) == (2, 5)
    assert first["links"]["pages"]["next"].startswith("https://api.digitalocean.com/v2/volumes?")
    last = account.ok("GET", "/v2/volumes?per_page=200&page=3")
    assert (len(last["volumes"]), set(last["links"]["pages"])) == (1, {"first", "prev"})
    account.refused(422, "out of range", "GET", "/v2/volumes?per_page=201")


def test_limits_of_a_minute_and_of_keys() -> None:
    account = Account(burst=4, keys=2)
    for _each in range(2):
        account.ok("GET", "/v2/account/keys")
    account.refused(429, "rate limit", "GET", "/v2/account/keys")
    assert account.headers["retry-after"] == "60"
    account.ok("GET", "/v2/account")
    account.refused(429, "rate limit", "GET", "/v2/account")
    assert account.headers["ratelimit-remaining"] == "0"
    account.clock.seconds += 61
    account.ok("GET", "/v2/account/keys")


def test_quota_and_rights() -> None:
    account = Account(droplet_limit=1, reserved_ip_limit=0)
    account.droplet()
    account.refused(422, "exceed your droplet limit", "POST", "/v2/droplets", DROPLET)
    account.refused(422, "limit of reserved IPs", "POST", "/v2/reserved_ips", {"region": "fra1"})
    assert account.call("GET", "/v2/droplets", token="wrong")[0] == 401
    assert account.call("POST", "/v2/droplets", DROPLET, token="reading-token")[0] == 403


def test_over_http_with_a_lost_answer() -> None:
    world = World(Settings())
    with serving(world) as port:
        base = f"http://127.0.0.1:{port}"
        login = {"Authorization": f"Bearer {TOKEN}"}
        world.lose("POST /v2/volumes")
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.post(f"{base}/v2/volumes", json=VOLUME, headers=login, timeout=5)
        answer = requests.get(f"{base}/v2/volumes", headers=login, timeout=5)
    assert answer.headers["ratelimit-limit"] == "5000"
    assert [row["name"] for row in answer.json()["volumes"]] == ["data"]
    assert world.log == ["POST /v2/volumes", "GET /v2/volumes"]
