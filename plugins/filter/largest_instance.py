# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How large an image the cloud's Orthanc can take without being killed for memory."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

DOCUMENTATION = r"""
name: largest_instance
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
short_description: Largest DICOM file that an Orthanc with so much memory can take
description:
  - Turns the memory limit of a container into the size of the largest DICOM file, in MiB, that Orthanc may be given.
  - Orthanc holds a file twice while it stores it and twice while it opens it, and two opened files in its cache.
    All of that can happen at once, so a file may have a sixth of what is left beside Orthanc itself.
positional: _input
options:
  _input:
    description: Memory limit as Docker writes it, such as C(2g) or C(1536m); without a unit it is bytes.
    type: str
    required: true
"""

EXAMPLES = r"""
limit: "{{ '2g' | mediverse.pacs.largest_instance }}"
"""

RETURN = r"""
_value:
  description: MiB; 0 when there is not even enough for Orthanc itself.
  type: int
"""

UNITS = {"": 1, "b": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
MIB = 1024**2
OWN = 768
"""MiB that are not for a large file: Orthanc itself, its small caches, and what a gateway sends beside a large file."""
COPIES = 6


def largest_instance(memory: str) -> int:
    """MiB of the largest file for a memory limit such as ``2g``."""
    found = re.fullmatch(r"([1-9][0-9]*)([bkmg]?)", str(memory).strip().lower())
    if found is None:
        raise AnsibleFilterError(
            f"'{memory}' is no memory limit; expected a number with the unit k, m or g, such as 2g."
        )
    return max(0, (int(found[1]) * UNITS[found[2]] // MIB - OWN) // COPIES)


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name to function."""
        return {"largest_instance": largest_instance}
