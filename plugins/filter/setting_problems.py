# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the variables of a role, before anything is changed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from ..plugin_utils._settings import problems

DOCUMENTATION = r"""
name: setting_problems
short_description: Finds mistakes in the variables of a role of this collection
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
description:
  - For the roles of this collection, which give it all of their variables before they change anything.
  - All mistakes are found at once. No sentence holds a password.
positional: _input
options:
  _input:
    description: The variables by their names.
    type: dict
    required: true
  role:
    description: Name of the role, of which all its variables are given.
    type: str
    choices: [cloud_pacs, docker_host, nginx_proxy_manager, orthanc_windows_gateway, syncthing_pair]
    required: true
  others:
    description:
      - The hosts of the inventory without the one that the role runs on.
      - For V(syncthing_pair), whose hub is one of them.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
problems: "{{ {'cloud_pacs_rest_port': 0} | mediverse.pacs.setting_problems('cloud_pacs') }}"
"""

RETURN = r"""
_value:
  description: One sentence for each mistake.
  type: list
  elements: str
"""


def setting_problems(variables: Mapping[str, Any], role: str, others: Collection[str] = ()) -> list[str]:
    """See :func:`..plugin_utils._settings.problems`."""
    return problems(role, variables, others)


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name to function."""
        return {"setting_problems": setting_problems}
