#!/usr/bin/python
# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: digitalocean_firewall
short_description: Manage the firewall of a site at DigitalOcean
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
extends_documentation_fragment:
  - mediverse.pacs.digitalocean
  - mediverse.pacs.attributes
  - mediverse.pacs.attributes.actiongroup_digitalocean
description:
  - A site has one firewall of DigitalOcean in front of its droplet. It applies to the tag C(mediverse-site:SITE) and is
    called C(mediverse-site-SITE), so a new droplet of the site is behind it from the beginning.
  - What no rule lets through is closed, in both directions. Rules that somebody else added are taken away.
  - With two firewalls for the tag the module changes nothing and names both, because their rules add up. One that
    applies to other tags or droplets as well is somebody else's; it is never written, and named in a warning.
  - A rule that denies, or that says anything else besides, is not the wanted one and is replaced, with a warning.
options:
  site:
    description: The id of the site.
    type: str
    required: true
  inbound_rules:
    description: Who may come in. Required when it is created.
    type: list
    elements: dict
    suboptions:
      protocol:
        description: The protocol.
        type: str
        required: true
        choices: [tcp, udp, icmp]
      ports:
        description: A port, a range such as V(8000-9000), or V(all). Not for V(icmp).
        type: str
      addresses:
        description: Addresses and networks that it is for; V(0.0.0.0/0) and V(::/0) for everybody.
        type: list
        elements: str
        required: true
  outbound_rules:
    description: Where the droplet may go. A new firewall lets it go anywhere.
    type: list
    elements: dict
    suboptions:
      protocol:
        description: The protocol.
        type: str
        required: true
        choices: [tcp, udp, icmp]
      ports:
        description: A port, a range such as V(8000-9000), or V(all). Not for V(icmp).
        type: str
      addresses:
        description: Addresses and networks that it is for; V(0.0.0.0/0) and V(::/0) for anywhere.
        type: list
        elements: str
        required: true
  allow_open:
    description: Let the firewall be removed, after which the droplet is open to everybody.
    type: bool
    default: false
  settle_seconds:
    description:
      - Seconds to wait before a new firewall is made and afterwards, each time looking again.
    type: float
    default: 5.0
  wait_timeout:
    description: Seconds to wait for the end of each thing that DigitalOcean has to do.
    type: int
    default: 600
  wait_interval:
    description: Seconds between two looks while waiting.
    type: float
    default: 3.0
  state:
    description: Whether the firewall exists.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: mediverse.pacs.digitalocean_droplet
notes:
  - "Rights of the token: C(firewall:create), C(firewall:read), C(firewall:update), C(firewall:delete), C(tag:create),
    C(tag:read) and C(droplet:read). A value that the token may not see is an error and never taken for an empty one."
"""

EXAMPLES = r"""
- name: The web for everybody, SSH for the office
  mediverse.pacs.digitalocean_firewall:
    site: kanifing
    inbound_rules:
      - {protocol: tcp, ports: "22", addresses: [192.0.2.7]}
      - {protocol: tcp, ports: "80", addresses: [0.0.0.0/0, "::/0"]}
      - {protocol: tcp, ports: "443", addresses: [0.0.0.0/0, "::/0"]}
"""

RETURN = r"""
firewall:
  description: The firewall as it is after the task. Empty when it does not exist.
  returned: success
  type: dict
  sample:
    site: kanifing
    id: bb4b2611-3d72-467b-8602-280330ecd65c
    name: mediverse-site-kanifing
    applies: true
    inbound_rules: [{protocol: tcp, ports: "22", addresses: [192.0.2.7]}]
    status: succeeded
status:
  description: The status when every droplet has the rules.
  returned: success, when the firewall is present and not in check mode
  type: str
  sample: succeeded
failure:
  description: What went wrong, as data.
  returned: failure
  type: dict
  contains:
    status:
      description: The HTTP status, or null when no answer came.
      type: int
    code:
      description: >-
        The kind of failure: V(input), V(login), V(unreachable), V(tls), V(timeout), V(not_json), V(status) or
        V(not_kept).
      type: str
    path:
      description: The path of the request that failed.
      type: str
"""

from ..module_utils._engine.runner import run_module
from ..module_utils.digitalocean.firewall import FIREWALL

SPEC = FIREWALL


def main() -> None:
    """Run the module."""
    run_module(SPEC)


if __name__ == "__main__":
    main()
