# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks for servers of tests, with names and a subnet each: any number of suites runs side by side."""

from __future__ import annotations

import contextlib
import fcntl
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docker.errors import APIError, NotFound
from docker.types import IPAMConfig, IPAMPool

from tests.lab.engine import CHECKOUT_LABEL, connect
from tests.lab.errors import LabError
from tests.lab.paths import REPOSITORY

COUNT, _FIRST = 32, 160


@dataclass(frozen=True)
class Network:
    """A network of the engine. Its name begins those of all containers there."""

    number: int

    @property
    def name(self) -> str:
        return f"mediverse-tests-{self.number}"

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


@contextlib.contextmanager
def claim() -> Iterator[Network]:
    """A free network, for this process alone until the block ends.

    Its lock is a file that the kernel unlocks when its owner dies, however it dies.
    """
    for number in range(COUNT):
        network = Network(number)
        with contextlib.ExitStack() as stack:
            try:
                lock = stack.enter_context((Path(tempfile.gettempdir()) / f"{network.name}.lock").open("a"))
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue
            network.clear()
            pool = IPAMConfig(pool_configs=[IPAMPool(subnet=network.subnet)])
            try:
                connect().networks.create(network.name, ipam=pool, labels={CHECKOUT_LABEL: str(REPOSITORY)})
            except APIError:  # somebody else uses this subnet
                continue
            stack.callback(network.clear)
            yield network
            return
    raise LabError(f"All {COUNT} networks for tests are in use: wait until another suite has ended.")
