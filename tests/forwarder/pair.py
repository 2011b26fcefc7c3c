# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two real Orthanc servers in containers, a gateway with the forwarder and a cloud, for tests that break things."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from tests.kit import product
from tests.kit.containers import wait_for
from tests.kit.networks import Network
from tests.kit.orthanc import FILES, Cloud, Gateway, Orthanc

ARCHIVE = "archive"
LABEL = "forward-failed"
SHORT = {"longest_pause": 4, "park_after": 3}
"""Settings by which less patience is needed than in a hospital."""

MakePair = Callable[..., "Pair"]
Server = TypeVar("Server", bound=Orthanc)


class Pair:
    """A gateway and a cloud, both started, on a network that other pairs do not share.

    archive      with a second destination of that name
    largest_mb   what the cloud is said to take at most
    options      more settings of the gateway's Orthanc
    before_main  a Lua file that runs before the last one of the forwarder
    forwarder    settings of the role's variable of that name
    """

    def __init__(
        self,
        folder: Path,
        network: Network,
        *,
        archive: bool = False,
        largest_mb: int = 0,
        options: dict[str, Any] | None = None,
        before_main: Path | None = None,
        **forwarder: Any,
    ) -> None:
        more = [{"name": ARCHIVE, "username": product.CLOUD_GATEWAY[0]}] if archive else []
        peer = {"name": product.PEER, "username": product.CLOUD_GATEWAY[0], "largest_mb": largest_mb}
        made = product.gateway(SHORT | forwarder, more_peers=more, variables={"peer": peer}) | (options or {})
        if before_main:
            made["LuaScripts"].insert(-1, f"{FILES}/script.lua")
        self._parts = contextlib.ExitStack()
        with contextlib.ExitStack() as unless_made:
            unless_made.callback(self.close)
            self.cloud = self._kept(Cloud(network, 10, "cloud", folder / "cloud"))
            self.archive = self._kept(Cloud(network, 11, ARCHIVE, folder / ARCHIVE)) if archive else None
            self.gateway = self._kept(Gateway(network, 30, "gateway", made, folder / "gateway"))
            if before_main:
                (folder / "gateway" / "script.lua").write_text(before_main.read_text())
            self.cloud.start()
            self.gateway.start()
            self.set_password(product.CLOUD_GATEWAY[1])
            if self.archive:
                self.archive.start()
                self.gateway.register(f"http://{self.archive.address}:8042/", peer=ARCHIVE, Timeout=60)
            unless_made.pop_all()

    def _kept(self, server: Server) -> Server:
        self._parts.callback(server.remove)
        return server

    def set_password(self, password: str) -> None:
        """Makes the cloud known to the gateway with this password."""
        self.gateway.register(f"http://{self.cloud.address}:8042/", password, Timeout=60)

    def wait_delivered(self, count: int, seconds: float = 90) -> None:
        wait_for(lambda: self.cloud.count() >= count, seconds, f"{count} images in the cloud")

    def assert_same(self, images: int) -> None:
        here, there = self.gateway.contents(), self.cloud.contents()
        assert len(here) == images
        assert here == there
        wait_for(lambda: self.gateway.backlog() == 0, 30, "an empty backlog")
        wait_for(lambda: self.gateway.status()["Parked"] == "0", 30, "no image to be parked")

    def close(self) -> None:
        self._parts.close()
