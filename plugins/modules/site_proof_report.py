#!/usr/bin/python
# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: site_proof_report
short_description: Write the reports of a site's proof
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
description:
  - Writes C(proof.json) and C(proof.xml) (JUnit) on the controller, and returns the lines of a table.
  - A check without a row was left out when it writes and this is check mode. Otherwise it counts as failed.
  - Part of the role C(site_proof), and made for it.
attributes:
  action:
    description: It runs on the controller, asks nobody, and needs no connection to the target.
    support: full
  check_mode:
    description: The reports are written in check mode, too. They are about the site, and no part of it.
    support: full
  diff_mode:
    description: It never changes anything.
    support: N/A
options:
  site:
    description: Id of the site.
    type: str
    required: true
  label:
    description: Name of the site for people, in the last line of the table. Its id when left out.
    type: str
  directory:
    description: >-
      Directory on the controller for the reports. Made when it is missing; it and the files are for their owner
      alone.
    type: path
    required: true
  checks:
    description: The checks that were to be run, in their order.
    type: list
    elements: dict
    required: true
    suboptions:
      check: {description: Its name., type: str}
      title: {description: What the table calls it., type: str}
      writes: {description: Whether check mode leaves it out., type: bool}
  so_far:
    description: What M(mediverse.pacs.site_proof_row) returned at last.
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
- name: Write the reports
  mediverse.pacs.site_proof_report:
    site: kanifing
    directory: /root/proof/kanifing
    checks: [{check: echo, title: Echo to every scanner, writes: false}]
    so_far: "{{ proof }}"
  register: report
"""

RETURN = r"""
table:
  description: Lines of a table for people.
  returned: success
  type: list
  elements: str
verdict:
  description: Which checks failed and where to read about it; empty when none did.
  returned: success
  type: str
"""
