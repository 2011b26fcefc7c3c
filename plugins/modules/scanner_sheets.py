#!/usr/bin/python
# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later

# Documentation alone: the action plugin of the same name does it, on the controller.

from __future__ import annotations

DOCUMENTATION = r"""
module: scanner_sheets
short_description: Write a page for the technician at each scanner
version_added: 1.0.0
description:
  - Asks the gateway's Orthanc what is deployed, and writes one HTML page for each scanner that it knows, which prints
    on one sheet of A4. The page has AE titles, addresses, ports, worklist, storage commitment and transfer syntaxes,
    the steps of a test with what must be seen, and the same values as a QR code. It holds no password and loads
    nothing.
  - What is deployed and not what O(scanners) say stands on the page. Where the two differ, the page and a warning of
    the task say so.
  - A page in which nothing but its date would be new is left as it is. Pages of scanners that the gateway has
    forgotten are removed from O(directory).
author:
  - mediverse.pacs contributors (@mediverse)
extends_documentation_fragment:
  - mediverse.pacs.attributes
  - mediverse.pacs.attributes.actiongroup_orthanc
  - mediverse.pacs.orthanc
requirements:
  - The Python library C(segno) on the controller
attributes:
  check_mode:
    details: Asks the gateway, writes and removes nothing.
  diff_mode:
    details: Shows the pages that are new or changed.
options:
  site:
    description: Id of the site.
    type: str
    required: true
  label:
    description: Name of the site for people. By default its id.
    type: str
  viewer:
    description: Address of the viewer, where the test looks for its images.
    type: str
    required: true
  aet:
    description: AE title that the gateway should have.
    type: str
    required: true
  port:
    description: DICOM port that it should have.
    type: int
    default: 4242
  address:
    description: >-
      Address with prefix length that its adapter beside the scanner should have. Empty where no adapter is the
      scanners' own.
    type: str
    default: ""
  encoding:
    description: Character set that worklists should have, as Orthanc calls it.
    type: str
    default: Utf8
  scanners:
    description: >-
      The scanners that it should know, by name, each with C(aet), C(host), C(port) and perhaps C(manufacturer).
    type: dict
    required: true
  adapters:
    description: The network adapters of the gateway. The address in a scanner's network is the one on its page.
    type: list
    elements: dict
    required: true
    suboptions:
      name: {description: Its name., type: str, required: true}
      mac: {description: Its hardware address., type: str}
      link: {description: Whether a cable is in and the other end is on., type: bool, required: true}
      hardware: {description: Whether it is none that a program made., type: bool, default: true}
      addresses: {description: Its IPv4 addresses with prefix length., type: list, elements: str, required: true}
      default_route:
        description: Whether a default route leads over it, by which it answers scanners behind a router.
        type: bool
        default: false
  directory:
    description: Folder on the controller. Made when it is missing; it and the pages are for their owner alone.
    type: path
    required: true
seealso:
  - module: mediverse.pacs.orthanc_info
"""

EXAMPLES = r"""
- name: Write the sheets of a site
  mediverse.pacs.scanner_sheets:
    api_username: admin
    api_password: "{{ gateway_admin_password }}"
    site: kanifing
    label: Kanifing General Hospital
    viewer: https://kanifing.viewer.mediverse.ai/
    aet: MEDIVERSE
    address: 192.168.0.20/24
    scanners:
      ct1: {aet: CT_SCANNER, host: 192.168.0.10, port: 104}
    adapters:
      - {name: Ethernet 2, link: true, addresses: [192.168.0.20/24]}
    directory: sheets/kanifing
"""

RETURN = r"""
sheets:
  description: The pages.
  returned: success
  type: list
  elements: dict
  contains:
    scanner: {description: Name of the scanner., type: str}
    path: {description: File of its page., type: str}
    changed: {description: Whether the page is new or was changed., type: bool}
    differs: {description: "What differs from what should be, as sentences.", type: list, elements: str}
    notes: {description: "What is as it should be, and worth saying.", type: list, elements: str}
removed:
  description: Files of scanners that are gone.
  returned: success
  type: list
  elements: str
differs:
  description: >-
    What differs on any page, scanners that the gateway does not know, and what it knows under a name that is none of a
    scanner.
  returned: success
  type: list
  elements: str
failure:
  description: What went wrong at the gateway, as data; see M(mediverse.pacs.orthanc_info).
  returned: when the gateway did not answer as it should
  type: dict
"""
