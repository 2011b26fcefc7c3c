# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of the tests leaves on the Docker engine. Afterwards the engine has what it had before, but for images."""

from __future__ import annotations

from typing import Any

LABEL = "mediverse.lab"
_DEMO = "demo"
"""The lab of ``make demo`` is left running on purpose, and may be started or removed beside the tests."""


def things(client: Any) -> set[str]:
    """Containers, networks and volumes, each as one line of text."""
    found = set()
    for container in client.containers.list(all=True, ignore_removed=True):
        if container.labels.get(LABEL) != _DEMO:
            found.add(f"container {container.name}")
    for network in client.networks.list():
        if (network.attrs.get("Labels") or {}).get(LABEL) != _DEMO:
            found.add(f"network {network.name}")
    for volume in client.volumes.list():
        if (volume.attrs.get("Labels") or {}).get(LABEL) != _DEMO:
            found.add(f"volume {volume.name}")
    return found


def remains(before: set[str], after: set[str]) -> list[str]:
    """What was not there before, in order."""
    return sorted(after - before)
