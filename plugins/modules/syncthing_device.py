#!/usr/bin/python
# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: syncthing_device
short_description: Manage the devices that a Syncthing knows
version_added: 1.0.0
description:
  - A device is another Syncthing. One that is not listed is refused, and waits among the pending devices.
  - Works on Linux and on a Windows gateway. There the requests are made on the gateway itself, through its WinRM
    connection.
  - Only the options of the task are compared and changed. Several tasks may change different devices of one Syncthing
    at the same time.
author:
  - mediverse.pacs contributors (@mediverse)
extends_documentation_fragment:
  - mediverse.pacs.attributes
  - mediverse.pacs.attributes.actiongroup_syncthing
  - mediverse.pacs.syncthing
options:
  device_id:
    description:
      - The ID of the other Syncthing, in any spelling. Its check characters are verified.
      - The filter P(mediverse.pacs.syncthing_device_id#filter) makes it from a certificate.
    type: str
    required: true
  name:
    description: What this Syncthing calls the device.
    type: str
  addresses:
    description:
      - Where to find the device, for example V(tcp://lims.example.org:22000).
      - V(dynamic) means that the device dials in, or is found by discovery where that is switched on.
    type: list
    elements: str
  compression:
    description: What to compress on the way.
    type: str
    choices: [always, metadata, never]
  introducer:
    description: Whether devices that this one knows are added, too. A new device is no introducer.
    type: bool
  auto_accept_folders:
    description: Whether folders that the device offers are accepted unseen. Not for a new device.
    type: bool
  untrusted:
    description: Whether the device gets encrypted folders only. A new device is not marked so.
    type: bool
  allowed_networks:
    description: Networks in CIDR notation from which the device may connect. Empty means any.
    type: list
    elements: str
  max_send_kbps:
    description: Limit for sending to the device in KiB/s; V(0) means none.
    type: int
  max_recv_kbps:
    description: Limit for receiving from the device in KiB/s; V(0) means none.
    type: int
  paused:
    description: Whether the connection to the device is paused.
    type: bool
  state:
    description: Whether the device is known. V(absent) also removes it from every folder.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: mediverse.pacs.syncthing_folder
  - module: mediverse.pacs.syncthing_info
"""

EXAMPLES = r"""
- name: The hub knows the gateway of a site, which dials in by itself
  mediverse.pacs.syncthing_device:
    device_id: "{{ gateway_certificate | mediverse.pacs.syncthing_device_id }}"
    name: kanifing
    addresses: [dynamic]
    api_key: "{{ hub_api_key }}"

- name: Forget a gateway
  mediverse.pacs.syncthing_device:
    device_id: "{{ old_gateway_id }}"
    state: absent
    api_key: "{{ hub_api_key }}"
"""

RETURN = r"""
device:
  description: The device as Syncthing has it after the task. Empty when it does not exist.
  returned: success
  type: dict
  sample: {device_id: AR7WFV3-O54RDRM-RGYDOOF-XCFSJTE-AC7LRH4-HRSKPAA-HM3TXU2-64Y7KQY, name: kanifing,
    addresses: [dynamic], introducer: false, auto_accept_folders: false, untrusted: false, paused: false}
failure:
  description: What went wrong, as data.
  returned: failure
  type: dict
  contains:
    status:
      description: The HTTP status, or null when no answer came.
      type: int
    code:
      description: The kind of failure (V(input), V(login), V(unreachable), V(tls), V(timeout), V(not_json), V(status),
        V(not_kept), V(no_script) when a Windows target does not run the script that asks).
      type: str
    path:
      description: The path of the request that failed.
      type: str
"""

from ..module_utils._engine.runner import run_module
from ..module_utils.syncthing.device import DEVICE

SPEC = DEVICE


def main() -> None:
    """Run the module."""
    run_module(SPEC)


if __name__ == "__main__":
    main()
