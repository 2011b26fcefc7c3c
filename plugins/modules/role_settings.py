# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: role_settings
short_description: Judge the variables of a role of this collection
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
description:
  - Looks at all variables of a role, with its defaults and as the host has them, and fails with every mistake in them.
  - The first task of each role. What M(mediverse.pacs.site_settings) found right in a run of the playbooks is right.
  - Runs on the controller, and asks no host anything. Values of secrets are part of no sentence.
attributes:
  check_mode:
    description: Changes nothing, so it does the same.
    support: full
  diff_mode:
    description: Nothing changes, so there is no difference to show.
    support: none
options:
  role:
    description: The role, without the name of the collection.
    type: str
    choices: [cloud_pacs, docker_host, nginx_proxy_manager, orthanc_windows_gateway, syncthing_pair]
    required: true
seealso:
  - module: mediverse.pacs.site_settings
"""

EXAMPLES = r"""
- name: Check the settings
  mediverse.pacs.role_settings:
    role: cloud_pacs
"""

RETURN = r"""
msg:
  description: A sentence for each mistake.
  returned: failure
  type: str
  sample: "cloud_pacs_rest_port is 0, which is not a port; expected a number from 1 to 65535."
"""
