# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How large an image the cloud's Orthanc can take without being killed for memory (decision 0026)."""

from __future__ import annotations

from ..module_utils._rules import containers

OWN = 768
"""MiB that are not for a large file: Orthanc itself, its small caches, and what a gateway sends beside a large file."""
COPIES = 6


def largest_instance(memory: str) -> int:
    """MiB of the largest file for a memory limit such as ``2g``; 0 for too little, and for what is no memory limit."""
    found = containers.memory_bytes(memory.strip())
    return max(0, ((found or 0) // containers.MIB - OWN) // COPIES)
