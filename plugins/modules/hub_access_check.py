#!/usr/bin/python
# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: hub_access_check
short_description: Refuse settings that a hub cannot take
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
description:
  - Runs on the hub before the role P(mediverse.pacs.gateway_access#role) changes anything there.
  - Fails where the tunnel's network would leave out a site that has an address, or would take the hub's own address
    away from the PCs that know it.
  - While no site has an address, it fails where the network overlaps one that the hub reaches elsewhere.
  - Warns of routes that take packets out of the tunnel, and of C(ufw) and C(firewalld) where they are not open for it.
attributes:
  check_mode:
    description: Changes nothing, so it does the same.
    support: full
  diff_mode:
    description: Nothing changes, so there is no difference to show.
    support: none
options:
  settings:
    description: What the role says about this hub; the content of its C(hub.json).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: See whether the hub can take the settings
  mediverse.pacs.hub_access_check:
    settings:
      network: 10.98.0.0/16
      interface: mediverse0
      wireguard_port: 51820
      ssh_port: 443
      operators: []
      ports: [443, 22000]
      handshake_age: 180
"""

RETURN = r"""
closed:
  description: A sentence for each firewall of the hub that is not open for the tunnels.
  returned: success
  type: list
  elements: str
  sample: []
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._access import fit
from ..module_utils._access.store import AccessError, Places

ARGUMENTS: dict[str, Any] = {"settings": {"type": "dict", "required": True}}


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(ARGUMENTS, supports_check_mode=True)
    wanted = module.params["settings"]
    try:
        problem = fit.problem(Places("/"), wanted)
        closed = fit.closed(wanted)
        diverted = fit.diverted(wanted)
    except AccessError as error:
        module.fail_json(msg=str(error))
    if problem:
        module.fail_json(msg=f"{problem} Nothing was changed.")
    for sentence in [*closed, *diverted]:
        module.warn(sentence)
    module.exit_json(changed=False, closed=closed)


if __name__ == "__main__":
    main()
