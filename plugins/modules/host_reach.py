# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which runs on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_reach
short_description: Whether Ansible can use a host, in one attempt
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
description:
  - Runs M(ansible.builtin.ping) or M(ansible.windows.win_ping), in check mode too and once only, because Windows locks
    an account after a few wrong passwords.
  - When the host cannot be used, it fails with one sentence that says what to do about it.
  - The host is the one that the task runs on, or is delegated to.
attributes:
  check_mode:
    description: Changes nothing, so it does the same.
    support: full
  diff_mode:
    description: Nothing changes, so there is no difference to show.
    support: none
options: {}
"""

EXAMPLES = r"""
- name: Reach the hub
  mediverse.pacs.host_reach:
  delegate_to: hub
"""

RETURN = r"""
msg:
  description: What is wrong with the host, and what to do about it.
  returned: failure
  type: str
  sample: >-
    hub (203.0.113.7:22) does not answer by SSH; check that it is switched on, that the network is up, and its address
    in the site file. Nothing was changed.
"""
