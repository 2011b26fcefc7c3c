#!/usr/bin/python
# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files of a worklist folder no scanner will get, and why."""

from __future__ import annotations

DOCUMENTATION = r"""
module: worklist_check
short_description: Find worklist files that no scanner will get
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
description:
  - Reads all worklist files of a directory and names each one that Orthanc will not serve, or that a scanner
    will not find or not show rightly, with the reason.
  - Orthanc leaves such a file out without naming it.
  - Says nothing about patients; a reason names elements, and never what is in them, but for AE titles.
attributes:
  check_mode:
    description: Only reads, so it does the same in check mode.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
options:
  path:
    description: The directory. Its files, without those in folders below it.
    type: path
    required: true
  min_age:
    description:
      - Seconds since the last change of a file before it is judged, so that one that is just being written is left out.
      - A LIMS that writes under another name and renames needs none.
    type: int
    default: 60
"""

EXAMPLES = r"""
- name: Look at the worklists of a site
  mediverse.pacs.worklist_check:
    path: /files/worklists_wl/kanifing
  register: worklists

- name: All of them will reach a scanner
  ansible.builtin.assert:
    that: worklists.bad | length == 0
"""

RETURN = r"""
files:
  description: How many files were looked at.
  returned: success
  type: int
  sample: 12
bad:
  description: The bad ones, in the order of their names.
  returned: success
  type: list
  elements: dict
  contains:
    file: {description: Name., type: str}
    reason: {description: 'What is wrong, as the rest of a sentence that begins with "it".', type: str}
  sample: [{file: a17.wl, reason: "is cut off: it ends in the element (0040,0100)"}]
"""

import os
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._dicom.worklist import problem

ARGUMENTS: dict[str, Any] = {
    "path": {"type": "path", "required": True},
    "min_age": {"type": "int", "default": 60},
}


def look(path: str, min_age: int) -> dict[str, Any]:
    """What the module returns. Hidden files are Syncthing's, and no worklists."""
    oldest, files, bad = time.time() - min_age, 0, []
    for entry in sorted(os.scandir(path), key=lambda one: one.name):
        try:
            if entry.name.startswith((".", "~")) or not entry.is_file() or entry.stat().st_mtime > oldest:
                continue
            with Path(entry.path).open("rb") as file:
                reason = problem(entry.name, file)
        except FileNotFoundError:
            # The LIMS takes entries away at any time.
            continue
        files += 1
        if reason:
            bad.append({"file": entry.name, "reason": reason})
    return {"files": files, "bad": bad}


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)
    path = module.params["path"]
    try:
        module.exit_json(changed=False, **look(path, module.params["min_age"]))
    except OSError as error:
        module.fail_json(
            msg=f"The worklists of {path} cannot be read ({error.strerror}: {error.filename}). Check path and owner."
        )


if __name__ == "__main__":
    main()
