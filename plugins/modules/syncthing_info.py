#!/usr/bin/python
# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: syncthing_info
short_description: Read the state of a Syncthing
version_added: 1.0.0
description:
  - Returns who a Syncthing is, which devices and folders it knows, who is connected, who asks to be let in, and whether
    a folder is in step with its peers.
  - Works on Linux and on a Windows gateway. There the requests are made on the gateway itself, through its WinRM
    connection, which takes about a second for each.
author:
  - mediverse.pacs contributors (@mediverse)
extends_documentation_fragment:
  - mediverse.pacs.attributes.info
  - mediverse.pacs.attributes.actiongroup_syncthing
  - mediverse.pacs.syncthing
options:
  gather:
    description: What to read besides the configuration. V(connections) is one request, V(pending) two.
    type: list
    elements: str
    choices: [connections, pending]
    default: [connections, pending]
  folder:
    description: The ID of a folder whose state to read. One request, and one for each of its peers.
    type: str
  device_id:
    description: Look at this peer of O(folder) only.
    type: str
seealso:
  - module: mediverse.pacs.syncthing_device
  - module: mediverse.pacs.syncthing_folder
"""

EXAMPLES = r"""
- name: Is the gateway in step?
  mediverse.pacs.syncthing_info:
    folder: wl-kanifing
    api_key: "{{ hub_api_key }}"
  register: hub

- name: It should be
  ansible.builtin.assert:
    that: hub.link.in_step
"""

RETURN = r"""
healthy:
  description: Whether the API answered; always true on success.
  returned: success
  type: bool
my_id:
  description: The device ID of this Syncthing.
  returned: success
  type: str
version:
  description: Its version.
  returned: success
  type: str
  sample: 1.29.5
gui:
  description: Where the web page listens, and whether it asks for a login.
  returned: success
  type: dict
  sample: {address: "127.0.0.1:8384", login: true}
devices:
  description: The devices it knows, without itself, with the options of M(mediverse.pacs.syncthing_device).
  returned: success
  type: list
  elements: dict
folders:
  description: The folders it shares, with the options of M(mediverse.pacs.syncthing_folder) and without secrets.
  returned: success
  type: list
  elements: dict
connections:
  description: The connection to each device, by device ID. A dead line may look connected for up to five minutes.
  returned: success, when O(gather) includes V(connections)
  type: dict
pending:
  description:
    - Devices that asked to be let in, by device ID, and folders that were offered, by folder ID with the devices that
      offer them. A device chooses its own name, so trust the ID only.
  returned: success, when O(gather) includes V(pending)
  type: dict
link:
  description: The state of O(folder), as M(mediverse.pacs.syncthing_folder) returns it; empty when there is none.
  returned: success, when O(folder) is given
  type: dict
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
from ..module_utils.syncthing.info import INFO

SPEC = INFO


def main() -> None:
    """Run the module."""
    run_module(SPEC)


if __name__ == "__main__":
    main()
