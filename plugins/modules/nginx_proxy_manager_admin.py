#!/usr/bin/python
# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nginx_proxy_manager_admin
short_description: Manage the administrator of Nginx Proxy Manager
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
extends_documentation_fragment:
  - mediverse.pacs.nginx_proxy_manager
  - mediverse.pacs.attributes
  - mediverse.pacs.attributes.actiongroup_nginx_proxy_manager
description:
  - Makes O(api_email) and O(api_password) the login of an administrator, which is what all other modules of the group
    log in with, and proves it by logging in.
  - A fresh server lets whoever comes first create the administrator. This module does it at once, with the checks that
    the server leaves out.
  - An account that exists is changed only with its present credentials, O(current_email) and O(current_password).
options:
  full_name:
    description: Name of the administrator. A new one is called V(Administrator).
    type: str
  nickname:
    description: Short name of the administrator. A new one is called V(Admin).
    type: str
  current_email:
    description:
      - The e-mail address that the account has now, when O(api_email) is to replace it.
      - Used only if O(api_email) and O(api_password) cannot log in.
    type: str
  current_password:
    description:
      - The password that the account has now, when O(api_password) is to replace it.
      - Used only if O(api_email) and O(api_password) cannot log in.
    type: str
seealso:
  - module: mediverse.pacs.nginx_proxy_manager_access_list
  - module: mediverse.pacs.nginx_proxy_manager_certificate
  - module: mediverse.pacs.nginx_proxy_manager_proxy_host
notes:
  - Tokens that were given out before a change of the password stay valid until they expire, a day later at most.
"""

EXAMPLES = r"""
- name: The first administrator of a fresh server
  mediverse.pacs.nginx_proxy_manager_admin:
    api_email: admin@example.org
    api_password: "{{ proxy_admin_password }}"

- name: Another password for it
  mediverse.pacs.nginx_proxy_manager_admin:
    api_email: admin@example.org
    api_password: "{{ proxy_admin_password_new }}"
    current_password: "{{ proxy_admin_password }}"
"""

RETURN = r"""
admin:
  description: The account after the task.
  returned: success
  type: dict
  sample: {id: 1, email: admin@example.org, full_name: Administrator, nickname: Admin, login_works: true}
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
from ..module_utils.nginx_proxy_manager.admin import ADMIN

SPEC = ADMIN


def main() -> None:
    """Run the module."""
    run_module(SPEC)


if __name__ == "__main__":
    main()
