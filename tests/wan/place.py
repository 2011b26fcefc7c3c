# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Places for sites: each has names and a subnet of its own, so that any number of suites runs side by side."""

from __future__ import annotations

import contextlib
import fcntl
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docker.errors import APIError, NotFound
from docker.types import IPAMConfig, IPAMPool

from tests.lab import recipes
from tests.lab.engine import connect
from tests.lab.errors import LabError
from tests.lab.steps import Steps

COUNT, _FIRST = 32, 160
_IMAGES = ("orthanc", "nginx-proxy-manager", "scanner")


@dataclass(frozen=True)
class Place:
    """``name`` is that of the network and begins the names of all containers here."""

    number: int

    @property
    def name(self) -> str:
        return f"mediverse-wan-{self.number}"

    @property
    def subnet(self) -> str:
        return f"172.30.{_FIRST + self.number}.0/24"

    def address(self, host: int) -> str:
        return f"172.30.{_FIRST + self.number}.{host}"

    def clear(self) -> None:
        """Removes what a killed run left here, and the network."""
        client = connect()
        ours = {"name": f"^/?{self.name}-"}
        for container in client.containers.list(all=True, ignore_removed=True, filters=ours):
            with contextlib.suppress(NotFound):
                container.remove(force=True, v=True)
        for network in client.networks.list(names=[self.name]):
            if network.name == self.name:  # the engine also finds names that only contain this one
                network.remove()


def build_images() -> None:
    """Builds the images that sites need, where they are missing; LabError says why it cannot."""
    recipes.build(connect(), _IMAGES, Steps(recipes.build_steps(_IMAGES)))


@contextlib.contextmanager
def claim() -> Iterator[Place]:
    """A free place with its network, for this process alone until the block ends.

    The lock of a place is a file that the kernel unlocks when its owner dies, however it dies.
    """
    for number in range(COUNT):
        place = Place(number)
        with contextlib.ExitStack() as stack:
            try:
                lock = stack.enter_context((Path(tempfile.gettempdir()) / f"{place.name}.lock").open("a"))
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue
            place.clear()
            try:
                connect().networks.create(place.name, ipam=IPAMConfig(pool_configs=[IPAMPool(subnet=place.subnet)]))
            except APIError:  # somebody else uses this subnet
                continue
            stack.callback(place.clear)
            yield place
            return
    raise LabError(f"All {COUNT} places for simulated sites are in use: wait until another suite has ended.")
