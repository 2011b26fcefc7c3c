#!/usr/bin/python
# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: digitalocean_volume
short_description: Manage the volume of a site at DigitalOcean
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
extends_documentation_fragment:
  - mediverse.pacs.digitalocean
  - mediverse.pacs.attributes
  - mediverse.pacs.attributes.actiongroup_digitalocean
description:
  - A site has one volume for its data, which outlives every droplet. It has the tag C(mediverse-site:SITE), which
    it carries from the request that makes it. With two of them the module changes nothing and names both.
  - A run that was ended in the middle is taken up by the next one, and of two runs at once one volume is left.
options:
  site:
    description: The id of the site.
    type: str
    required: true
  name:
    description:
      - The name, C(mediverse-SITE-data) for a new one. It cannot be changed. Lower-case letters, digits and C(-).
    type: str
  region:
    description: Where it is, which must be where the droplet is. Required when it is created; it cannot be changed.
    type: str
  size_gigabytes:
    description:
      - How large it is, in GiB. Required when it is created. A larger number lets it grow, a smaller one is an error.
      - The file system on it grows by a command on the droplet.
    type: int
  filesystem:
    description: What it is formatted with when it is made, V(ext4) unless it is given. It cannot be changed.
    type: str
    choices: [ext4, xfs]
  attached:
    description:
      - Whether it is attached to the droplet of the site. Nothing is done about it unless it is given.
      - It is never taken from a droplet without the tag of the site, nor off from it.
      - Taking it off is no different from pulling a disk. Stop what writes to it and unmount it before; the module
        cannot see that.
      - A new volume with a file system may be mounted by the system of the droplet at once, below C(/mnt).
    type: bool
  confirm:
    description: To remove the volume and all data on it, the id of the site again.
    type: str
  settle_seconds:
    description:
      - Seconds to wait before a new volume is made and afterwards, looking again each time for one of another run.
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
    description: Whether the volume exists.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: mediverse.pacs.digitalocean_droplet
notes:
  - "Rights of the token: C(block_storage:create), C(block_storage:read), C(block_storage:delete),
    C(block_storage_action:create), C(tag:create), C(tag:read), C(actions:read) and C(droplet:read). A value that the
    token may not see is an error and never taken for an empty one."
  - Give the same O(name) in each run. A volume that lost its tag is known by the name of the task alone.
"""

EXAMPLES = r"""
- name: A volume for the images, attached to the server
  mediverse.pacs.digitalocean_volume:
    site: kanifing
    region: fra1
    size_gigabytes: 500
    attached: true
"""

RETURN = r"""
volume:
  description: The volume as it is after the task. Empty when it does not exist.
  returned: success
  type: dict
  sample:
    site: kanifing
    id: 506f78a4-e098-11e5-ad9f-000f53306ae1
    name: mediverse-kanifing-data
    region: fra1
    size_gigabytes: 500
    filesystem: ext4
    attached: true
    droplet_id: 3164444
    device: /dev/disk/by-id/scsi-0DO_Volume_mediverse-kanifing-data
actions:
  description: The actions of DigitalOcean that were waited for.
  returned: success, when the object is present and not in check mode
  type: list
  elements: dict
  sample: [{id: 2345678, type: attach_volume, status: completed}]
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
from ..module_utils.digitalocean.volume import VOLUME

SPEC = VOLUME


def main() -> None:
    """Run the module."""
    run_module(SPEC)


if __name__ == "__main__":
    main()
