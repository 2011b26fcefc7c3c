#!/usr/bin/python
# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: site_proof_judge
short_description: Judge one check of a site's proof
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
description:
  - Decides whether what other tasks have seen is good. A check that is not good is a failed task with one sentence.
  - Part of the role C(site_proof), and made for it.
attributes:
  action:
    description: It runs on the controller, asks nobody, and needs no connection to the target.
    support: full
  check_mode:
    description: It judges in check mode, too.
    support: full
  diff_mode:
    description: It never changes anything.
    support: N/A
options:
  check:
    description: The check.
    type: str
    required: true
    choices:
      - certificate
      - redirect
      - login
      - pacs
      - limit
      - viewer
      - list
      - ports
      - neighbour
      - echo
      - link
      - worklists
      - worklist
      - image
      - refused
      - backlog
  given:
    description:
      - What the judge of that check is given, by name; usually registered results, those of failed tasks included.
    type: dict
    required: true
  logins:
    description: Logins whose passwords may stand in nothing that is said or kept, in whatever spelling.
    type: list
    elements: dict
    default: []
    suboptions:
      username: {description: The user., type: str}
      password: {description: The password., type: str}
"""

EXAMPLES = r"""
- name: Send an echo to every scanner
  mediverse.pacs.orthanc_echo_info:
    modalities: [ct1]
  register: seen

- name: Judge the echoes
  mediverse.pacs.site_proof_judge:
    check: echo
    given:
      seen: "{{ seen }}"
      aet: GATEWAY
"""

RETURN = r"""
check:
  description: The check.
  returned: always
  type: str
msg:
  description: What was seen, or what is wrong and what to do.
  returned: always
  type: str
"""
