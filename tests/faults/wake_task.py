# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scheduled task of the gateway PC, simulated: a request to Orthanc now and then, whatever the clock says."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import requests

from tests.kit.orthanc import Orthanc

EVERY = 3.0
"""Seconds; a minute on a PC, where runs last longer."""


@contextlib.contextmanager
def wake_task(gateway: Orthanc, user: tuple[str, str]) -> Iterator[None]:
    """While the block runs, somebody asks the gateway for its name every few seconds, also when it is down."""
    over = threading.Event()

    def ask() -> None:
        while not over.wait(EVERY):
            with contextlib.suppress(requests.RequestException):
                requests.get(f"http://{gateway.address}:8042/system", auth=user, timeout=EVERY)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
