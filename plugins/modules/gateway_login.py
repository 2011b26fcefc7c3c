# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gateway_login
short_description: Give the account of an accepted PC its own password
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
description:
  - Tries the password of the connection, which was stored before, and when Windows refuses it the one that the PC has
    encrypted in its report. Then it sets the former, and tries it.
  - Whatever a run has left that was cut off, the next one ends with the stored password.
attributes:
  check_mode:
    description: Is left out.
    support: none
  diff_mode:
    description: Passwords are never shown.
    support: none
options:
  site:
    description: Id of the site.
    type: str
    required: true
  key:
    description: The private enrolment key of the site in PEM.
    type: str
    required: true
  first:
    description: The first password as it stands in the report.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Give the account its own password
  mediverse.pacs.gateway_login:
    site: kanifing
    key: "{{ kept.secrets.gateway_enrolment_key }}"
    first: "{{ admitted.accepted.report.password }}"
"""

RETURN = r"""
changed:
  description: Whether the password was set.
  returned: success
  type: bool
  sample: true
"""
