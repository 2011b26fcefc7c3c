# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways in which a task can be ended in the middle, one for each moment of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.mediverse.pacs.plugins.module_utils._engine.errors import UNREACHABLE, ApiError
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.messages import Response
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.resource import ResourceSpec

from tests.lab.proxy_manager import access_lists
from tests.lab.proxy_manager.errors import Internal
from tests.unit.lab_proxy_manager.world import World

from .support import DoubleTransport, Outcome, task


class AnsibleKilled(BaseException):
    """The process of the module is gone. Nothing that it would still do reaches the server."""


class ServerKilled(BaseException):
    """The process of the server is gone, in the middle of a request."""


@dataclass
class Faulty(DoubleTransport):
    """A transport on which something happens at one request that changes something. Before or after one that reads is
    the same moment as after or before its neighbour.

    ``fault`` is one of

    ansible-after          the module is killed after the request was handled, which is before the next one is sent.
    cut-before, cut-after  the connection breaks before the request reaches the server, or before its answer comes back;
                           module and server live on.
    server                 the server is killed just before its ``at``-th effect, and started again.
    nginx                  nginx refuses everything from its ``at``-th use on, while the task runs.
    """

    fault: str = ""
    at: int = 0
    happened: bool = False
    dead: bool = False
    effects: int = 0

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Response:
        """See the class."""
        if self.dead:
            raise AnsibleKilled
        writes = method != "GET" and path != "/api/tokens"
        mine = writes and self.fault.startswith(("ansible", "cut")) and len(self.writes) == self.at
        if mine and self.fault.endswith("before"):
            self._interrupt(path)
        try:
            answer = super().request(method, path, body, headers, timeout)
        except ServerKilled:
            self.world.restart()
            raise ApiError("the connection broke", kind=UNREACHABLE, path=path) from None
        if mine:
            self._interrupt(path)
        return answer

    def _interrupt(self, path: str) -> None:
        self.happened, self.at = True, -1
        if self.fault.startswith("ansible"):
            self.dead = True
            raise AnsibleKilled
        raise ApiError("the connection broke", kind=UNREACHABLE, path=path)

    def effect(self) -> None:
        """The server is about to change something that outlives it."""
        if self.fault == "server" and self.effects == self.at and not self.happened:
            self.happened = True
            raise ServerKilled
        self.effects += 1

    def nginx(self) -> None:
        """The server is about to use nginx."""
        if self.fault == "nginx" and self.effects >= self.at:
            self.happened = True
            raise Internal("nginx: [emerg] out of order\n")
        self.effects += self.fault == "nginx"


@dataclass
class Scene:
    """A server in some state, of which any number of copies can be made, and a task for it."""

    spec: ResourceSpec
    options: dict[str, Any]
    start: World
    folder: Path
    authority: Path
    copies: int = field(default=0)

    def copy(self) -> World:
        """Another server in the same state."""
        self.copies += 1
        root = self.folder / str(self.copies)
        shutil.copytree(self.start.data.parent, root, symlinks=True)
        for link in root.rglob("*.pem"):
            if link.is_symlink():
                target = str(link.readlink()).replace(str(self.start.data.parent), str(root))
                link.unlink()
                link.symlink_to(target)
        for config in root.rglob("*.conf"):
            config.write_text(config.read_text().replace(str(self.start.data.parent), str(root)))
        world = World(root, self.authority)
        world.nginx.like(self.start.nginx)
        return world

    def forget(self, world: World) -> None:
        """A copy is not needed any more."""
        shutil.rmtree(world.data.parent)

    def run(self, world: World, transport: DoubleTransport | None = None) -> Outcome | None:
        """Run the task; None when it was killed."""
        try:
            return task(self.spec, world, transport=transport, **self.options)
        except AnsibleKilled:
            return None

    def interrupted(self, fault: str) -> Iterator[tuple[int, World, Outcome | None]]:
        """Every moment at which the fault can come: its number, the server afterwards, and what the task came to."""
        at = 0
        while True:
            world = self.copy()
            faulty = Faulty(world, fault=fault, at=at)
            with watched(world, faulty):
                outcome = self.run(world, faulty)
            if not faulty.happened:
                self.forget(world)
                return
            yield at, world, outcome
            self.forget(world)
            at += 1


@contextmanager
def watched(world: World, faulty: Faulty) -> Iterator[None]:
    """Let a transport see what its server does: rows, files, and nginx."""
    nginx = world.nginx

    def run(*arguments: str) -> None:
        faulty.effect()
        faulty.nginx()
        nginx(*arguments)

    put_back = [
        _before(world.backend.store, "_save", faulty.effect),
        _before(world.backend.nginx, "write", faulty.effect),
        _before(world.backend.nginx, "remove", faulty.effect),
        _before(access_lists, "_apr1", faulty.effect),
    ]
    world.backend.nginx._run = run
    try:
        yield
    finally:
        world.backend.nginx._run = nginx
        for undo in put_back:
            undo()


def _before(owner: Any, name: str, first: Callable[[], None]) -> Callable[[], None]:
    """Call something before each call of a method; returns what takes it back."""
    original = getattr(owner, name)

    def both(*arguments: Any, **named: Any) -> Any:
        first()
        return original(*arguments, **named)

    setattr(owner, name, both)
    return lambda: setattr(owner, name, original)
