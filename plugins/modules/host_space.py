#!/usr/bin/python
# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_space
short_description: Refuse a machine without room
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
description:
  - Looks how much may still be written below some folders of a Linux host, and fails where that is too little.
  - Of a folder that does not exist yet, the nearest one above it counts.
attributes:
  check_mode:
    description: Changes nothing, so it does the same.
    support: full
  diff_mode:
    description: Nothing changes, so there is no difference to show.
    support: none
options:
  paths:
    description: The folders.
    type: list
    elements: path
    required: true
  minimum_gb:
    description: How many GiB must be free below each of them.
    type: int
    required: true
  setting:
    description: The name of the variable that says so, for the sentence.
    type: str
    default: minimum_gb
"""

EXAMPLES = r"""
- name: Check the free space
  mediverse.pacs.host_space:
    paths: [/, /var/lib]
    minimum_gb: 5
"""

RETURN = r"""
free:
  description: Bytes that may still be written, by folder.
  returned: always
  type: dict
  sample: {"/": 21474836480}
"""

import os
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._site.space import complaint

ARGUMENTS: dict[str, Any] = {
    "paths": {"type": "list", "elements": "path", "required": True},
    "minimum_gb": {"type": "int", "required": True},
    "setting": {"type": "str", "default": "minimum_gb"},
}


def free(path: str) -> int:
    """Bytes that may still be written below a folder, or below the nearest one above it that exists."""
    place = Path(path)
    while not place.exists():
        place = place.parent
    found = os.statvfs(place)
    return found.f_bavail * found.f_frsize


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)
    measured = {path: free(path) for path in module.params["paths"]}
    said = complaint(measured, module.params["minimum_gb"], module.params["setting"])
    if said:
        module.fail_json(msg=said, free=measured)
    module.exit_json(changed=False, free=measured)


if __name__ == "__main__":
    main()
