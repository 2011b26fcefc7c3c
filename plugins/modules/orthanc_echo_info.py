#!/usr/bin/python
# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: orthanc_echo_info
short_description: Let an Orthanc server send a C-ECHO to its modalities
version_added: 1.0.0
description:
  - Asks an Orthanc server to send a C-ECHO to each of the modalities named, and returns who answered.
  - A modality that does not answer is a result, not a failure.
  - Works on Linux and on a Windows gateway. There the requests are made on the gateway itself, through its WinRM
    connection.
author:
  - mediverse.pacs contributors (@mediverse)
extends_documentation_fragment:
  - mediverse.pacs.attributes.info
  - mediverse.pacs.attributes.actiongroup_orthanc
  - mediverse.pacs.orthanc
options:
  modalities:
    description: Names of the modalities, as M(mediverse.pacs.orthanc_modality) registers them.
    type: list
    elements: str
    required: true
  seconds:
    description: How long Orthanc waits for each of them.
    type: int
    default: 5
seealso:
  - module: mediverse.pacs.orthanc_modality
"""

EXAMPLES = r"""
- name: Does the CT scanner answer the gateway?
  mediverse.pacs.orthanc_echo_info:
    modalities: [ct1]
    api_username: admin
    api_password: "{{ orthanc_admin_password }}"
  register: echo

- name: It does
  ansible.builtin.assert:
    that: echo.answers.ct1.answered
"""

RETURN = r"""
answers:
  description: The outcome by the name of the modality.
  returned: success
  type: dict
  contains:
    answered: {description: Whether it answered., type: bool}
    reason: {description: "Why it did not, in the words of Orthanc where it has some.", type: str}
  sample: {ct1: {answered: true, reason: ""}}
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
from ..module_utils.orthanc.echo import ECHO

SPEC = ECHO


def main() -> None:
    """Run the module."""
    run_module(SPEC)


if __name__ == "__main__":
    main()
