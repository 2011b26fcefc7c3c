# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs declarations against the double in this process. Sleeping costs nothing and lets the account go on."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from ansible_collections.mediverse.pacs.plugins.module_utils._engine.errors import UNREACHABLE, ApiError
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.http import Endpoint, repeat
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.messages import Request, Response
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.resource import ResourceSpec
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.runner import run
from ansible_collections.mediverse.pacs.plugins.module_utils.digitalocean._identity import name_of, tag_of
from ansible_collections.mediverse.pacs.plugins.module_utils.digitalocean.droplet import DROPLET
from ansible_collections.mediverse.pacs.plugins.module_utils.digitalocean.firewall import FIREWALL
from ansible_collections.mediverse.pacs.plugins.module_utils.digitalocean.reserved_ip import RESERVED_IP
from ansible_collections.mediverse.pacs.plugins.module_utils.digitalocean.ssh_key import SSH_KEY, fingerprint
from ansible_collections.mediverse.pacs.plugins.module_utils.digitalocean.volume import VOLUME

from tests.lab.digitalocean import neighbours
from tests.lab.digitalocean.api import respond
from tests.lab.digitalocean.errors import NoAnswer
from tests.lab.digitalocean.world import Settings, World

SITE = "kanifing"
TAG, NAME = tag_of(SITE), name_of(SITE)
TOKEN = "test-token"
KEY = "ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + b"k" * 32).decode() + " ann@desk"

LAB_KEY = fingerprint(neighbours.KEY)

_DROPLET: dict[str, Any] = {
    "name": "kanifing-cloud",
    "region": "fra1",
    "image": "debian-12-x64",
    "size": "s-2vcpu-4gb",
    "ssh_keys": [LAB_KEY],
}
WANTED: dict[str, dict[str, Any]] = {
    "droplet": _DROPLET,
    "firewall": {"inbound_rules": [{"protocol": "tcp", "ports": "22", "addresses": ["192.0.2.7"]}]},
    "reserved_ip": {"region": "fra1"},
    "volume": {"region": "fra1", "size_gigabytes": 100},
    "ssh_key": {"name": "ann"},
}
# In the order in which a site gets them: its address is there before its server.
SPECS = {"reserved_ip": RESERVED_IP, "droplet": DROPLET, "firewall": FIREWALL, "volume": VOLUME, "ssh_key": SSH_KEY}
TABLES = {kind: f"{kind}s" for kind in SPECS}


class Killed(BaseException):
    """The process of the module is gone; nothing that it would still do reaches the server."""


@dataclass
class DoubleTransport:
    """A transport whose server is a world in this process.

    killed_after  the request, by its number from 0, after which the module is killed.
    between       called before each request, with its number. lock: lets one request at a time reach the world.
    """

    world: World
    killed_after: int = -1
    between: Callable[[int], None] = lambda number: None
    lock: threading.Lock = field(default_factory=threading.Lock)
    token: str = TOKEN
    asked: list[str] = field(default_factory=list)
    far: bool = False
    _dead: bool = False

    @property
    def endpoint(self) -> Endpoint:
        """The address that messages show."""
        return Endpoint("DigitalOcean", "https://api.digitalocean.com", longest_pause=3600.0)

    @property
    def writes(self) -> list[str]:
        """The requests that may change something."""
        return [one for one in self.asked if not one.startswith("GET")]

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Response:
        """As the real transport does: safe requests are repeated."""
        return repeat(lambda: self._once(method, path, body), method, 0.0, longest=3600.0)

    def exchange(self, asked: Sequence[Request]) -> Iterator[Response]:
        """See the transports of the product."""
        for one in asked:
            yield self.request(one.method, one.path, one.body)

    def _once(self, method: str, path: str, body: bytes | None) -> Response:
        if self._dead:
            raise Killed
        number = len(self.asked)
        self.between(number)
        self.asked.append(f"{method} {path}")
        try:
            login = {"Authorization": f"Bearer {self.token}"}
            with self.lock:
                status, headers, raw = respond(self.world, method, path, login, body or b"")
        except NoAnswer:
            raise ApiError("the connection broke", kind=UNREACHABLE, path=path) from None
        if number == self.killed_after:
            self._dead = True
            raise Killed
        return Response(status, headers, raw)


class Once:
    """Another run that begins when it is called first. ``result``: what it returned, ``{}`` while it is at work."""

    def __init__(self, work: Callable[[], dict[str, Any]]) -> None:
        self._work = work
        self.result: dict[str, Any] | None = None

    def __call__(self) -> None:
        if self.result is None:
            self.result = {}
            self.result = self._work()

    def before(self, number: int) -> Callable[[int], None]:
        """For ``DoubleTransport.between``: it begins before that request."""
        return lambda now: self() if now == number else None


class Clock:
    """A clock that sleeping turns on."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0

    def __call__(self) -> float:
        return self.seconds


@contextmanager
def sleepless(world: World) -> Iterator[None]:
    """Sleeping lets time pass at the server: a tick a second."""

    def sleep(seconds: float) -> None:
        if isinstance(world.clock, Clock):
            world.clock.seconds += seconds
        world.pass_time(max(1, round(seconds)))

    clocks = mock.patch.multiple("time", sleep=sleep, time=world.clock, monotonic=world.clock)
    with clocks:
        yield


def account(**settings: Any) -> World:
    """An account with servers of other sites, and a key."""
    world = World(Settings(**settings), Clock())
    lag, world.settings.lag = world.settings.lag, 0
    neighbours.settle_in(world, TOKEN)
    world.settings.lag = lag
    return world


def task(
    kind: str,
    world: World,
    transport: DoubleTransport | None = None,
    check_mode: bool = False,
    asleep: bool = True,
    **options: Any,
) -> dict[str, Any]:
    """Run a module of that kind on the site, with what is usual for it unless the options say otherwise.

    asleep  its pauses cost nothing and let time pass at the server.
    """
    spec: ResourceSpec = SPECS[kind]
    identity = {"public_key": KEY} if kind == "ssh_key" else {"site": SITE}
    given = {"api_token": TOKEN, **identity, **WANTED[kind], **options}
    if given.get("state") == "absent":
        given = {name: value for name, value in given.items() if name not in WANTED[kind]}
    names = spec.argument_spec()
    assert set(given) <= set(names), set(given) - set(names)
    params = {name: given.get(name, option.get("default")) for name, option in names.items()}
    for name, option in names.items():
        if option.get("options") and params[name]:
            params[name] = [{sub: one.get(sub) for sub in option["options"]} for one in params[name]]
    with sleepless(world) if asleep else nullcontext():
        result: dict[str, Any] = run(spec, params, transport or DoubleTransport(world), check_mode, lambda found: None)
    return result


def ours(world: World, kind: str) -> list[dict[str, Any]]:
    """What really exists of the site."""
    rows = world.there(TABLES[kind])
    if kind == "reserved_ip":
        projects = [one["id"] for one in world.there("projects") if one["name"] == NAME]
        return [row for row in rows if row["project_id"] in projects]
    if kind == "ssh_key":
        return [row for row in rows if row["fingerprint"] == fingerprint(KEY)]
    return [row for row in rows if TAG in row["tags"]]
