# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How large an image the cloud's Orthanc can take without being killed for memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..plugin_utils._memory import largest_instance

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
  description: MiB; 0 when there is not even enough for Orthanc itself, and for what is no memory limit.
  type: int
"""


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name to function."""
        return {"largest_instance": largest_instance}
