#!/usr/bin/python
# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: orthanc_worklist_info
short_description: Let an Orthanc server ask a modality for worklist entries
version_added: 1.0.0
description:
  - Makes an Orthanc server send a worklist C-FIND to one of its modalities, and tells how many entries it got.
  - A server that is among its own modalities asks itself, and answers as it would answer a scanner.
  - Says nothing of patients.
  - Works on Linux and on a Windows gateway. There the requests are made on the gateway itself, through its WinRM
    connection.
author:
  - mediverse.pacs contributors (@mediverse)
extends_documentation_fragment:
  - mediverse.pacs.attributes.info
  - mediverse.pacs.attributes.actiongroup_orthanc
  - mediverse.pacs.orthanc
options:
  modality:
    description: Name of the modality, as M(mediverse.pacs.orthanc_modality) registers it.
    type: str
    required: true
  query:
    description: Elements that an entry must have, by their names.
    type: dict
    default: {}
  wait_for:
    description: Ask again, about twice a second, until there is an entry or none.
    type: str
    choices: [any, present, absent]
    default: any
  wait:
    description: Seconds for which to ask again.
    type: int
    default: 0
seealso:
  - module: mediverse.pacs.orthanc_modality
  - module: mediverse.pacs.worklist_entry
"""

EXAMPLES = r"""
- name: Does the gateway serve an entry?
  mediverse.pacs.orthanc_worklist_info:
    modality: itself
    query: {PatientID: P1}
    wait_for: present
    wait: 10
    api_username: admin
    api_password: "{{ orthanc_admin_password }}"
  register: worklist
"""

RETURN = r"""
entries:
  description: How many entries were found at last.
  returned: success
  type: int
seconds:
  description: How long it took until it was as it should be, or was given up.
  returned: success
  type: float
failure:
  description: What went wrong, as data.
  returned: failure
  type: dict
  contains:
    status:
      description: The HTTP status, or null when no answer came.
      type: int
    code:
      description: >-
        The kind of failure: V(input), V(login), V(unreachable), V(tls), V(timeout), V(not_json), V(status),
        V(not_kept), or V(no_script) when a Windows target does not run the script that asks.
      type: str
    path:
      description: The path of the request that failed.
      type: str
"""

from ..module_utils._engine.runner import run_module
from ..module_utils.orthanc.worklist import WORKLIST_INFO

SPEC = WORKLIST_INFO


def main() -> None:
    """Run the module."""
    run_module(SPEC)


if __name__ == "__main__":
    main()
