#!/usr/bin/python
# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: syncthing_options
short_description: Set the general options of a Syncthing
version_added: 1.0.0
description:
  - Sets general options, and those of the section that guards the web page and the API.
  - Works on Linux and on a Windows gateway. There the requests are made on the gateway itself, through its WinRM
    connection.
  - Only the options of the task are compared and changed. After a change in O(gui) the API restarts by itself; requests
    that find it away are repeated for up to a minute.
author:
  - mediverse.pacs contributors (@mediverse)
extends_documentation_fragment:
  - mediverse.pacs.attributes
  - mediverse.pacs.attributes.actiongroup_syncthing
  - mediverse.pacs.syncthing
options:
  listen_addresses:
    description: Where this Syncthing listens for others, for example V(tcp://0.0.0.0:22000).
    type: list
    elements: str
  global_announce_enabled:
    description: Whether it publishes its address on servers in the Internet.
    type: bool
  local_announce_enabled:
    description: Whether it announces itself in the local network.
    type: bool
  announce_lan_addresses:
    description: Whether it tells others its addresses in the local network.
    type: bool
  relays_enabled:
    description: Whether it uses relays of third parties when there is no direct way.
    type: bool
  nat_enabled:
    description: Whether it asks routers to open ports.
    type: bool
  reconnection_interval:
    description: Seconds between attempts to connect; at least 5.
    type: int
  usage_reporting:
    description: V(-1) refuses usage reports; a positive number accepts that version of them.
    type: int
  crash_reporting_enabled:
    description: Whether crash reports are sent to the makers of Syncthing.
    type: bool
  auto_upgrade_interval:
    description: Hours between looking for a new version; V(0) switches automatic upgrades off.
    type: int
  start_browser:
    description: Whether the web page is opened when Syncthing starts.
    type: bool
  set_low_priority:
    description: Whether Syncthing runs with low priority.
    type: bool
  max_send_kbps:
    description: Limit for sending in KiB/s; V(0) means none.
    type: int
  max_recv_kbps:
    description: Limit for receiving in KiB/s; V(0) means none.
    type: int
  gui:
    description: The section that guards the web page and the API.
    type: dict
    suboptions:
      address:
        description: Where the page and the API listen, for example V(127.0.0.1:8384).
        type: str
      user:
        description: The user of the web page. Together with O(gui.password_hash).
        type: str
      password_hash:
        description: The bcrypt hash of the user's password.
        type: str
      insecure_admin_access:
        description: Whether the page may be reached from elsewhere without a login. Leave it V(false).
        type: bool
      insecure_skip_hostcheck:
        description: Whether the check of the host name is skipped that protects against pages of others.
        type: bool
      use_tls:
        description: Whether the page and the API use HTTPS. O(api_url) of later tasks must then begin with C(https).
        type: bool
  gui_login:
    description:
      - When to set O(gui.user) and O(gui.password_hash).
      - V(when_empty) leaves an existing login alone.
    type: str
    choices: [always, when_empty]
    default: always
seealso:
  - module: mediverse.pacs.syncthing_info
"""

EXAMPLES = r"""
- name: No relays, no discovery, no telemetry
  mediverse.pacs.syncthing_options:
    relays_enabled: false
    global_announce_enabled: false
    local_announce_enabled: false
    nat_enabled: false
    usage_reporting: -1
    crash_reporting_enabled: false
    api_key: "{{ hub_api_key }}"

- name: The page asks for a login
  mediverse.pacs.syncthing_options:
    gui:
      user: operator
      password_hash: "{{ vault_syncthing_hash }}"
    api_key: "{{ hub_api_key }}"
"""

RETURN = r"""
options:
  description: The options as Syncthing has them after the task, without secrets.
  returned: success
  type: dict
  sample: {listen_addresses: ["tcp://0.0.0.0:22000"], relays_enabled: false, gui: {address: "127.0.0.1:8384"}}
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
from ..module_utils.syncthing.options import OPTIONS

SPEC = OPTIONS


def main() -> None:
    """Run the module."""
    run_module(SPEC)


if __name__ == "__main__":
    main()
