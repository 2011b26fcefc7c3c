#!/usr/bin/python
# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: digitalocean_droplet
short_description: Manage the droplet of a site at DigitalOcean
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
extends_documentation_fragment:
  - mediverse.pacs.digitalocean
  - mediverse.pacs.attributes
  - mediverse.pacs.attributes.actiongroup_digitalocean
description:
  - A site has one droplet, the virtual server that it runs on. It is known by the tag C(mediverse-site:SITE), which it
    carries from the request that makes it, and never by its name. With two of them the module changes nothing and
    names both.
  - A run that was ended in the middle is taken up by the next one, and of two runs at once one droplet is left.
  - A droplet that is off is switched on.
options:
  site:
    description: The id of the site.
    type: str
    required: true
  name:
    description: The name in the control panel, and the first host name. Required when it is created.
    type: str
  region:
    description: Where it is, such as V(fra1). Required when it is created; it cannot be changed.
    type: str
  image:
    description:
      - What it is made from, such as V(debian-12-x64), or the number of an image. Required when it is created.
      - It cannot be changed; a difference is an error. Of an image that DigitalOcean has retired nobody can tell any
        more, which is a warning.
    type: str
  size:
    description: How large it is, such as V(s-2vcpu-4gb). Required when it is created. See O(allow_resize).
    type: str
  allow_resize:
    description:
      - Let a droplet of another size be resized. It is shut down for that, and switched off if it does not listen.
        Whatever comes of the resize, it is switched on afterwards. One that is off already needs no such word.
      - A size that does not exist, is not to be had in the region or has a smaller disk is refused before.
      - Its disk is left as it is, so that it can be made small again.
    type: bool
    default: false
  shutdown_timeout:
    description:
      - Seconds that the system of the droplet has to shut down, before a resize or a removal. It is asked once.
      - One that takes longer is switched off, which is a warning.
    type: int
    default: 180
  vpc_uuid:
    description: The private network that it is in; the region's own one unless it is given. It cannot be changed.
    type: str
  ipv6:
    description: Whether it has an IPv6 address, V(false) for a new one. It cannot be changed.
    type: bool
  monitoring:
    description: Whether DigitalOcean's agent measures it, V(true) for a new one. It cannot be changed.
    type: bool
  backups:
    description: Whether DigitalOcean makes copies of its disk, V(false) for a new one. Volumes are not in them.
    type: bool
  tags:
    description:
      - More tags that it has. Others that it has stay. A tag that the account has in other letters is taken as it has
        it. A tag of a site cannot be given.
    type: list
    elements: str
  ssh_keys:
    description:
      - Fingerprints or numbers of keys of the account, which may log in as root. Required when it is created, and used
        only then.
    type: list
    elements: str
  user_data:
    description:
      - What the droplet does at its first start, such as a cloud-config with the host key that it shall have. At most
        64 KiB.
      - Used when it is created only. It cannot be read back, and whoever is on the droplet can read it there.
    type: str
  confirm:
    description: To remove the droplet, the id of the site again. It is shut down before.
    type: str
  settle_seconds:
    description:
      - Seconds to wait before a new droplet is made and afterwards, looking again each time for one of another run.
      - Lists of DigitalOcean must not be further behind than that, or two runs at once may make one each.
    type: float
    default: 5.0
  wait_timeout:
    description: Seconds to wait for the end of each thing that DigitalOcean has to do, by the clock.
    type: int
    default: 600
  wait_interval:
    description: Seconds between two looks while waiting.
    type: float
    default: 3.0
  state:
    description: Whether the droplet exists.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: mediverse.pacs.digitalocean_firewall
  - module: mediverse.pacs.digitalocean_reserved_ip
  - module: mediverse.pacs.digitalocean_volume
  - module: mediverse.pacs.digitalocean_ssh_key
notes:
  - A droplet that has the name of the task and no tag of any site is refused and not doubled. One that lost both its
    name and its tag is not known again, and another one is made.
  - "Rights of the token: C(droplet:create), C(droplet:read), C(droplet:update), C(droplet:delete), C(tag:create),
    C(tag:read), C(actions:read), C(ssh_key:read), C(sizes:read), C(regions:read), C(image:read), C(vpc:read) and
    C(block_storage:read). A value that the token may not see is an error and never taken for an empty one."
"""

EXAMPLES = r"""
- name: The server of a site
  mediverse.pacs.digitalocean_droplet:
    site: kanifing
    name: kanifing-cloud
    region: fra1
    image: debian-12-x64
    size: s-2vcpu-4gb
    ssh_keys: ["{{ key.ssh_key.fingerprint }}"]
    user_data: "{{ cloud_config }}"

- name: A larger one; it is off for some minutes
  mediverse.pacs.digitalocean_droplet:
    site: kanifing
    size: s-4vcpu-8gb
    allow_resize: true

- name: The server is not needed any more; its volume and its address stay
  mediverse.pacs.digitalocean_droplet:
    site: kanifing
    state: absent
    confirm: kanifing
"""

RETURN = r"""
droplet:
  description: The droplet as it is after the task. Empty when it does not exist.
  returned: success
  type: dict
  sample:
    site: kanifing
    id: 3164444
    name: kanifing-cloud
    region: fra1
    image: debian-12-x64
    size: s-2vcpu-4gb
    running: true
    status: active
    address: 203.0.113.24
    private_address: 10.135.0.24
    tags: []
    volume_ids: [506f78a4-e098-11e5-ad9f-000f53306ae1]
actions:
  description: The actions of DigitalOcean that were waited for.
  returned: success, when the object is present and not in check mode
  type: list
  elements: dict
  sample: [{id: 2345678, type: resize, status: completed}]
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
from ..module_utils.digitalocean.droplet import DROPLET

SPEC = DROPLET


def main() -> None:
    """Run the module."""
    run_module(SPEC)


if __name__ == "__main__":
    main()
