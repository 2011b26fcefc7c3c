# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers are started when the first target asks for them, and end with the last one: other tests need the machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from .servers import Server, start


@pytest.fixture(scope="package")
def server() -> Iterator[Callable[[str], Server]]:
    """A function from the name of a server to the running server."""
    with ExitStack() as stack:
        running: dict[str, Server] = {}

        def get(name: str) -> Server:
            if name not in running:
                running[name] = stack.enter_context(start(name))
            return running[name]

        yield get
