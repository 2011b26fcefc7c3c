#!/usr/bin/python
# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nginx_proxy_manager_access_list
short_description: Manage access lists of Nginx Proxy Manager
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
extends_documentation_fragment:
  - mediverse.pacs.nginx_proxy_manager
  - mediverse.pacs.attributes
  - mediverse.pacs.attributes.actiongroup_nginx_proxy_manager
description:
  - Creates, changes and removes an access list, the logins and addresses that may use the proxy hosts it is given to.
  - A list that a host uses is not removed, because the server would open the host to everybody.
  - >-
    What an earlier run left half done is repaired, whatever ended it. For that the module keeps a note on the server
    while it works, seen among the certificates as C(mediverse.pacs: unfinished access list) with the list's name.
options:
  name:
    description: Name of the list, by which proxy hosts refer to it. No second list may have it.
    type: str
    required: true
  items:
    description:
      - The users. The list replaces the users on the server; without this option they are left alone.
      - Passwords are compared exactly where the server shows them, which it does for a list in use, and otherwise by
        their first character and length.
    type: list
    elements: dict
    aliases: [users]
    suboptions:
      username:
        description: Name of the user, without colons and spaces, and not beginning with C(#).
        type: str
        required: true
      password:
        description:
          - Password of the user. Required for a new user; without it the user keeps the present one.
          - It must not begin with a minus sign, nor be longer than 256 bytes.
        type: str
  clients:
    description:
      - Addresses, in the order in which they are tried. The server adds V(deny all) at the end of a list that is not
        empty. Without this option the addresses are left alone.
    type: list
    elements: dict
    suboptions:
      address:
        description: An address, a network in CIDR notation, or V(all).
        type: str
        required: true
      directive:
        description: What to do with it. Taken as V(allow) when left out.
        type: str
        choices: [allow, deny]
  satisfy_any:
    description:
      - Whether a login or an address is enough, rather than both. V(false) for a new list.
    type: bool
  pass_auth:
    description: Whether the login is passed on to the server behind the host. V(false) for a new list.
    type: bool
  state:
    description: Whether the list exists.
    type: str
    choices: [present, absent]
    default: present
  update_password:
    description: Whether the password of a user who exists is changed (V(always)) or left alone (V(on_create)).
    type: str
    choices: [always, on_create]
    default: always
seealso:
  - module: mediverse.pacs.nginx_proxy_manager_admin
  - module: mediverse.pacs.nginx_proxy_manager_certificate
  - module: mediverse.pacs.nginx_proxy_manager_proxy_host
"""

EXAMPLES = r"""
- name: Who may open the viewer
  mediverse.pacs.nginx_proxy_manager_access_list:
    name: viewer-kanifing
    items:
      - {username: doctor, password: "{{ viewer_password }}"}
    api_email: admin@example.org
    api_password: "{{ proxy_admin_password }}"
"""

RETURN = r"""
access_list:
  description: The list as the server has it after the task, passwords masked. Empty when it does not exist.
  returned: success
  type: dict
  sample:
    name: viewer-kanifing
    items: [{username: doctor, password: "********"}]
    clients: []
    satisfy_any: false
    pass_auth: false
    applied: true
    id: 1
    used_by: [kanifing.viewer.example.org]
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
from ..module_utils.nginx_proxy_manager.access_list import ACCESS_LIST

SPEC = ACCESS_LIST


def main() -> None:
    """Run the module."""
    run_module(SPEC)


if __name__ == "__main__":
    main()
