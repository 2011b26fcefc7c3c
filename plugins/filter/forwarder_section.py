# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The forwarder's part of Orthanc's configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..plugin_utils._forwarder import section

DOCUMENTATION = r"""
name: forwarder_section
short_description: Writes the forwarder's section of Orthanc's configuration
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
description:
  - For the role P(mediverse.pacs.orthanc_windows_gateway#role), which has found the settings right before.
positional: _input
options:
  _input:
    description: The variable C(orthanc_windows_gateway_forwarder).
    type: dict
    required: true
  peers:
    description: The destinations.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the peer in Orthanc.
        type: str
        required: true
      username:
        description: User of the cloud Orthanc.
        type: str
        required: true
      largest_mb:
        description: Megabytes of the largest image that it takes. Nobody knows without it.
        type: int
  admin_user:
    description: User of the gateway's REST API, by whose name people import.
    type: str
    required: true
  log:
    description: Where Orthanc's newest log can be read, with slashes.
    type: str
    required: true
"""

EXAMPLES = r"""
section: "{{ {'jobs': 8} | mediverse.pacs.forwarder_section(peers=[cloud], admin_user='admin', log='C:/Orthanc.log') }}"
"""

RETURN = r"""
_value:
  description: The section C(MediverseForwarder).
  type: dict
"""


def forwarder_section(
    forwarder: Mapping[str, Any], peers: Sequence[Mapping[str, Any]], admin_user: str, log: str
) -> dict[str, Any]:
    """See :func:`..plugin_utils._forwarder.section`."""
    return section(forwarder, peers, admin_user, log)


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name to function."""
        return {"forwarder_section": forwarder_section}
