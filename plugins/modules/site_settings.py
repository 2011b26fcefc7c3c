# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: site_settings
short_description: Compare the settings of a host with what the roles know
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
description:
  - Renders every setting of a host that its roles read, and compares it with the argument specifications of the roles.
    These say which type it has, which choices there are, which keys a map has, and what must be given.
  - Finds settings that nobody reads, such as C(cloud_pacs_titel), and settings in files of variables that have no
    effect because they come from the site file. C(mediverse_own_names) lists names that the operator keeps for himself.
  - Runs on the controller, and asks no host anything. Returns what is wrong; a play that looks at several hosts decides
    what to do.
attributes:
  check_mode:
    description: Changes nothing, so it does the same.
    support: full
  diff_mode:
    description: Nothing changes, so there is no difference to show.
    support: none
options:
  roles:
    description: The roles of this collection that run on the host, without the name of the collection.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Compare the settings with what the roles know
  mediverse.pacs.site_settings:
    roles: [cloud_pacs, nginx_proxy_manager]
  register: settings

- name: Refuse wrong settings
  ansible.builtin.fail:
    msg: "{{ settings.problems | join(' ') }}"
  when: settings.problems | length > 0
"""

RETURN = r"""
problems:
  description:
    - A sentence for each, with the file in which the setting stands, C(-e), or the name of the host. Empty when all is
      well.
    - Values of secrets are never part of it; of lists and maps only the kind is.
  returned: always
  type: list
  elements: str
  sample: ["inventories/production/group_vars/all.yml: cloud_pacs_wait_timeout is 'soon'; expected a whole number."]
"""
