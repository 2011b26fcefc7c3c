# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gateway_way
short_description: How the enrolled PC of a site is reached in this run
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
description:
  - The inventory's variables of an enrolled PC are templates over what a task with this module registers as
    C(mediverse_way). C(playbooks/tasks/way.yml) does so for every playbook.
  - Delegate it to the hub. With O(by=ssh) it opens a forward of SSH to O(access)'s address, with the options by which
    Ansible itself reaches the hub, and a small program that ends it when the playbook has ended, however it ended.
  - The certificate of the PC goes into a file of Ansible's temporary directory for the run.
attributes:
  check_mode:
    description: Changes nothing on any host, so it does the same.
    support: full
  diff_mode:
    description: Nothing changes, so there is no difference to show.
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
  host:
    description: With V(own), the address of the PC.
    type: str
    default: ""
  access:
    description: With V(tunnel), what M(mediverse.pacs.hub_access) says to V(look).
    type: dict
  pc:
    description: What is kept of the PC with the secrets of the site; empty where none was accepted.
    type: str
    default: ""
  by:
    description: With V(tunnel), how the controller reaches the tunnel's addresses.
    type: str
    choices: [ssh, route]
    default: ssh
"""

EXAMPLES = r"""
- name: Open the way to the gateway's PC
  mediverse.pacs.gateway_way:
    site: kanifing
    kind: own
    host: 10.8.0.12
    pc: "{{ kept.secrets.gateway_pc }}"
  register: mediverse_way
  delegate_to: hub
"""

RETURN = r"""
host:
  description: Where WinRM answers. Like all of it for later tasks only; the result is never shown.
  returned: success
  type: str
  sample: 127.0.0.1
port:
  description: Its port.
  returned: success
  type: int
  sample: 41231
password:
  description: The password of the PC's account.
  returned: success
  type: str
  sample: ""
ca:
  description: The file with the certificate of the PC.
  returned: success
  type: str
  sample: mediverse-kanifing.pem
address:
  description: The address of the PC in the tunnel, or in the site's own VPN.
  returned: success
  type: str
  sample: 10.98.0.12
comes:
  description: How the PC comes to the hub now, V(wireguard), V(ssh) or V(none). V(own) where it need not.
  returned: success
  type: str
  sample: wireguard
"""
