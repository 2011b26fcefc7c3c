#!/usr/bin/python
# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: site_proof_row
short_description: Keep one row of a site's proof
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
description:
  - Adds the outcome of a check to the rows before it. Registered under one name, the result is the proof so far.
  - Part of the role C(site_proof), and made for it.
attributes:
  action:
    description: It runs on the controller, asks nobody, and needs no connection to the target.
    support: full
  check_mode:
    description: It does the same in check mode.
    support: full
  diff_mode:
    description: It never changes anything.
    support: N/A
options:
  check:
    description: The check. Without it a proof begins, and there are no rows.
    type: dict
    suboptions:
      check: {description: Its name., type: str}
      title: {description: What the table calls it., type: str}
  so_far:
    description: What this module returned for the check before, or for the beginning.
    type: dict
  judged:
    description: What M(mediverse.pacs.site_proof_judge) returned for a check that is good.
    type: dict
  failure:
    description: What the task returned that ended a check that is not.
    type: raw
  failed_on:
    description: The host on which that task failed. The row names it, unless the judge failed, who names hosts himself.
    type: str
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
- name: Begin
  mediverse.pacs.site_proof_row: {}
  register: proof

- name: Keep that a check passed
  mediverse.pacs.site_proof_row:
    check: {check: echo, title: Echo to every scanner}
    so_far: "{{ proof }}"
    judged: "{{ judged }}"
  register: proof
"""

RETURN = r"""
rows:
  description: All rows up to now, each with C(check), C(title), C(result), C(detail) and C(seconds).
  returned: success
  type: list
  elements: dict
run:
  description: Name of this proof, of 15 digits and letters, in the names of all that it makes.
  returned: success
  type: str
  sample: 2611301006ab12c
started:
  description: When the proof began, in UTC.
  returned: success
  type: str
clock:
  description: When the last row was kept, in seconds since 1970 by the controller's clock.
  returned: success
  type: float
"""
