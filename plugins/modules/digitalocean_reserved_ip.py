#!/usr/bin/python
# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: digitalocean_reserved_ip
short_description: Manage the address of a site at DigitalOcean
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
extends_documentation_fragment:
  - mediverse.pacs.digitalocean
  - mediverse.pacs.attributes
  - mediverse.pacs.attributes.actiongroup_digitalocean
description:
  - A site has one address, which is reserved before there is a droplet and outlives every droplet, because DNS and the
    gateway point to it.
  - Reserved addresses have no tags. A project called C(mediverse-site-SITE) says whose it is; it is made when it is not
    there.
  - A run that was ended in the middle is taken up by the next one, and of two runs at once one address is left.
options:
  site:
    description: The id of the site.
    type: str
    required: true
  region:
    description: Where it is reserved, such as V(fra1). Required when it is reserved; it cannot be changed.
    type: str
  address:
    description:
      - The address that is expected, because DNS has it. A site that has another one or none is an error, before
        anything is changed.
      - One that is in the account, leads nowhere and is in no other site's project is taken back as the site's.
    type: str
  allow_new:
    description:
      - Reserve an address for a site that has a droplet or a volume already and no address. Without it that is an
        error, because DNS has the old one.
    type: bool
    default: false
  assigned:
    description:
      - Whether it leads to the droplet of the site. Nothing is done about it unless it is given.
      - The droplet is moved to the project of the site before, because an address belongs to the project of its
        droplet, and would be nobody's after that one is gone.
      - It is never taken from a droplet without the tag of the site, nor off from it.
    type: bool
  confirm:
    description: To remove the address, the id of the site again.
    type: str
  settle_seconds:
    description:
      - Seconds to wait before a new address is made and afterwards, looking again each time for one of another run.
      - Lists of DigitalOcean must not be further behind than that, or two runs at once may make one each.
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
    description: Whether the address exists.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: mediverse.pacs.digitalocean_droplet
notes:
  - "Rights of the token: C(reserved_ip:create), C(reserved_ip:read), C(reserved_ip:update), C(reserved_ip:delete),
    C(project:create), C(project:read), C(project:update), C(actions:read), C(droplet:read), C(tag:read) and
    C(block_storage:read). A value that the token may not see is an error and never taken for an empty one."
"""

EXAMPLES = r"""
- name: The address, before anything else
  mediverse.pacs.digitalocean_reserved_ip:
    site: kanifing
    region: fra1

- name: It leads to the server
  mediverse.pacs.digitalocean_reserved_ip:
    site: kanifing
    address: "{{ pacs_address }}"  # as it stands in the inventory, where DNS has it from
    assigned: true
"""

RETURN = r"""
reserved_ip:
  description: The address as it is after the task. Empty when there is none.
  returned: success
  type: dict
  sample: {site: kanifing, ip: 198.51.100.47, region: fra1, assigned: true, droplet_id: 3164444}
actions:
  description: The actions of DigitalOcean that were waited for.
  returned: success, when the object is present and not in check mode
  type: list
  elements: dict
  sample: [{id: 2345678, type: assign_ip, status: completed}]
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
from ..module_utils.digitalocean.reserved_ip import RESERVED_IP

SPEC = RESERVED_IP


def main() -> None:
    """Run the module."""
    run_module(SPEC)


if __name__ == "__main__":
    main()
