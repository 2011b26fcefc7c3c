# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gateway_acceptance
short_description: Admit the PC that has reported for a site
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
description:
  - Delegate it to the hub. Shows the PC that has reported and its adapters, asks whether the fingerprint is the one
    that it shows, admits its keys by M(mediverse.pacs.hub_access), and waits until it comes.
  - With O(text) a PC without any line is admitted by what it shows; then the whole report is waited for, and has to be
    of the same PC.
  - A PC whose first password the enrolment key of the site does not open is refused before it is admitted.
  - The result is never shown, because it holds what is kept of the PC.
attributes:
  check_mode:
    description: Shows the PC, asks nobody, and admits nothing.
    support: full
  diff_mode:
    description: There is no text whose difference could be shown.
    support: none
options:
  site:
    description: Id of the site.
    type: str
    required: true
  kind:
    description: Whether the PC comes through the hub's V(tunnel), or the site has a VPN of its V(own).
    type: str
    choices: [tunnel, own]
    required: true
  scanner_mac:
    description: Hardware address of the adapter beside the scanner, as the site file has it.
    type: str
    default: ""
  fingerprint:
    description:
      - The fingerprint that the PC shows, at least its 24 digits, in whatever groups. Without it somebody is asked,
        unless the PC is the one that O(found) has. What the hub says of a fingerprint is never believed.
    type: str
    default: ""
  text:
    description: The text that a PC without any line shows.
    type: str
    default: ""
  found:
    description:
      - What the secrets of the site have until now, as M(mediverse.pacs.site_secrets) returns it for C(gateway_pc),
        C(gateway_enrolment_key), C(orthanc_gateway) and C(gateway_login_state).
    type: dict
    default: {}
  state:
    description: With V(typed) only O(fingerprint) or O(text) is read, and refused if not whole; no host is asked.
    type: str
    choices: [typed, accepted]
    default: accepted
  timeout:
    description: Seconds to wait for the report, and then for the way.
    type: int
    default: 600
"""

EXAMPLES = r"""
- name: Compare and admit
  mediverse.pacs.gateway_acceptance:
    site: kanifing
    kind: tunnel
    fingerprint: 3fa2-91c0-77de-0b1a-5512-c9e4
  delegate_to: hub
"""

RETURN = r"""
accepted:
  description: What the hub has of the PC, for later tasks only.
  returned: success, but not in check mode where something would change
  type: dict
  sample: {}
keeps:
  description: What is to be kept of it, with a password for its account, and of the login that it gets to know.
  returned: as RV(accepted)
  type: dict
  sample: {}
expects:
  description: What was kept when that was decided.
  returned: as RV(accepted)
  type: dict
  sample: {}
another:
  description: Whether it is another PC than was kept, or the first one.
  returned: as RV(accepted)
  type: bool
  sample: true
next:
  description: What an operator has to do next, in sentences.
  returned: as RV(accepted)
  type: str
  sample: The PC of kanifing is accepted and answers; mediverse.pacs.site builds the site now.
"""
