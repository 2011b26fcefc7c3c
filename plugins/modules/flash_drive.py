# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: flash_drive
short_description: The stick that a technician takes to a PC which nobody can reach
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
description:
  - Without O(hub) it looks whether the stick can be written, and makes what is new for it. With O(hub) it writes.
  - Either all files are there with their manifest, or none of them. A stick that holds other things is refused.
  - The playbook C(mediverse.pacs.flash_drive) calls it twice, and tells the hub of the token in between.
attributes:
  check_mode:
    description: Looks, and writes nothing but a trial that it removes again.
    support: full
  diff_mode:
    description: A stick is written anew each time; there is no difference to show.
    support: none
options:
  drive:
    description: Folder of the controller in which the stick appears.
    type: path
    required: true
  site:
    description: Id of the site.
    type: str
    required: true
  label:
    description: Name of the site as people know it.
    type: str
    required: true
  operator:
    description: Who is called when the PC shows its fingerprint, with the telephone number, for the page on the stick.
    type: str
    default: ""
  hub_host:
    description: Address or name by which PCs reach the hub.
    type: str
    required: true
  ports:
    description: TCP ports that the PC will need for itself.
    type: list
    elements: int
    required: true
  installers:
    description: Programs for the PC by name, each with C(src) and C(sha256).
    type: dict
    required: true
  way:
    description: Whether the PC comes through the hub's V(tunnel), or the site has a VPN of its V(own).
    type: str
    choices: [tunnel, own]
    default: tunnel
  address:
    description: With V(way=own), the address of the PC in that VPN.
    type: str
    default: ""
  winrm_from:
    description: With V(way=own), the addresses from which the PC is reached.
    type: list
    elements: str
    default: []
  sheets:
    description: Folder with the pages that M(mediverse.pacs.scanner_sheets) has written of the site, for the stick.
    type: path
  hours:
    description: How long the token is good for.
    type: int
    default: 48
  fresh:
    description: What the first call made.
    type: dict
  hub:
    description: What the hub said to the token.
    type: dict
  enrolment_key:
    description: The key for which PCs of the site encrypt a password, as PEM. Its public half goes to the stick.
    type: str
"""

EXAMPLES = r"""
- name: Look at the stick
  mediverse.pacs.flash_drive:
    drive: /media/stick
    site: kanifing
    label: Kanifing General
    hub_host: 203.0.113.5
    ports: [4242, 8042]
    installers: {}
  register: stick
"""

RETURN = r"""
fresh:
  description: Token, its key and a new enrolment key, for later tasks only.
  returned: when O(hub) is not given
  type: dict
  sample: {}
files:
  description: Names of the files on the stick.
  returned: when O(hub) is given
  type: list
  elements: str
  sample: [START-HERE.html, enrol.cmd]
ends:
  description: When the token ends.
  returned: when O(hub) is given
  type: str
  sample: "2026-12-02T18:00:00Z"
"""
