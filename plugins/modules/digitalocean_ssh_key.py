#!/usr/bin/python
# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: digitalocean_ssh_key
short_description: Manage SSH keys of an account at DigitalOcean
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
extends_documentation_fragment:
  - mediverse.pacs.digitalocean
  - mediverse.pacs.attributes
  - mediverse.pacs.attributes.actiongroup_digitalocean
description:
  - Public keys that new droplets can be made with. A key is known by itself, because an account has each at most once,
    under whatever name.
options:
  public_key:
    description: The public key, one line as in a file that ends in C(.pub).
    type: str
    required: true
  name:
    description: Its name in the account. Required when it is added.
    type: str
  wait_timeout:
    description: Seconds to wait for the end of each thing that DigitalOcean has to do.
    type: int
    default: 600
  wait_interval:
    description: Seconds between two looks while waiting.
    type: float
    default: 3.0
  state:
    description: Whether the key exists.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: mediverse.pacs.digitalocean_droplet
notes:
  - "Rights of the token: C(ssh_key)."
"""

EXAMPLES = r"""
- name: The operator's key
  mediverse.pacs.digitalocean_ssh_key:
    name: operator
    public_key: "{{ lookup('ansible.builtin.file', '~/.ssh/id_ed25519.pub') }}"
  register: key
"""

RETURN = r"""
ssh_key:
  description: The key as it is after the task. Empty when the account does not have it.
  returned: success
  type: dict
  sample: {id: 289794, name: operator, fingerprint: "3b:16:e4:bf:8b:00:8b:b8:59:8c:a9:d3:f0:19:fa:45"}
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
from ..module_utils.digitalocean.ssh_key import SSH_KEY

SPEC = SSH_KEY


def main() -> None:
    """Run the module."""
    run_module(SPEC)


if __name__ == "__main__":
    main()
