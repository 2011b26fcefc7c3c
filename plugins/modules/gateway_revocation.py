# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gateway_revocation
short_description: Begin and end the revocation of a PC at the cloud of its site
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
description:
  - V(begun) decides whether a PC that is gone may know the login by which images are sent, and notes which one that is,
    also in a list that only grows; M(mediverse.pacs.site_secrets) takes none of that list again. The site's enrolment
    key is forgotten, so a stick that is made from then on is for the next PC.
  - V(ended) notes that the new login is known to nobody, and forgets what was kept of the PC. One that was accepted
    meanwhile stays, and is noted as the one that gets the new login.
  - Between the two the cloud gets another login. Whatever a run has left that was cut off, the next one finishes.
  - Runs on the cloud host, which keeps the secrets of the site.
attributes:
  check_mode:
    description: Notes nothing, and says what it would.
    support: full
  diff_mode:
    description: What it notes is no text to show.
    support: none
options:
  site:
    description: Id of the site.
    type: str
    required: true
  state:
    description: Which end of the revocation.
    type: str
    choices: [begun, ended]
    required: true
  former:
    description: Whether it is about a PC that was replaced. The one in its place stays, and nothing of it is forgotten.
    type: bool
    default: false
  by_hand:
    description: Whether the site's PC was set up by hand. It may then know every login that the site has had.
    type: bool
    default: false
  supplied:
    description: With V(begun), the login that the operator brings. It must not be the one that is lost.
    type: str
    default: ""
  login:
    description:
      - With V(ended), the login that the cloud has got, or nothing where it has kept its own.
      - One that a PC which is gone may know is refused.
    type: str
    default: ""
  pc:
    description: With V(ended), and needed there, RV(pc) of V(begun).
    type: str
"""

EXAMPLES = r"""
- name: See whether the PC may know the login
  mediverse.pacs.gateway_revocation:
    site: kanifing
    state: begun
  register: login

# Where login.replaces, the cloud gets another one here, and else the one that is stored, where login.built.

- name: Forget the PC
  mediverse.pacs.gateway_revocation:
    site: kanifing
    state: ended
    login: "{{ site.secrets.orthanc_gateway if login.replaces else '' }}"
    pc: "{{ login.pc }}"
"""

RETURN = r"""
replaces:
  description: Whether the cloud has to get another login.
  returned: with O(state=begun)
  type: bool
  sample: true
built:
  description: Whether there is a login that the cloud may have.
  returned: with O(state=begun)
  type: bool
  sample: true
pc:
  description: By which the PC that is kept is recognised at the end, without a secret in it; empty for none.
  returned: with O(state=begun)
  type: str
  sample: ""
came:
  description: Whether another PC was accepted meanwhile, which stays.
  returned: with O(state=ended)
  type: bool
  sample: false
"""
