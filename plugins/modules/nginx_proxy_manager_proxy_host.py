#!/usr/bin/python
# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nginx_proxy_manager_proxy_host
short_description: Manage proxy hosts of Nginx Proxy Manager
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
extends_documentation_fragment:
  - mediverse.pacs.nginx_proxy_manager
  - mediverse.pacs.attributes
  - mediverse.pacs.attributes.actiongroup_nginx_proxy_manager
description:
  - Creates, changes, enables, disables and removes a proxy host.
  - Access list and certificate are given by name; one that does not exist is an error, because the server would serve
    the host without it.
  - Makes sure that nginx took the configuration. When nginx refuses a change, the former configuration is put back and
    the task fails with nginx's reason. A new host that nginx refuses is removed again, and one that was not served
    before is switched off, because the server would write it again later and nginx would then refuse everything.
  - >-
    What an earlier run left half done is repaired, whatever ended it. For that the module keeps a note on the server
    while it works, seen among the certificates as C(mediverse.pacs: unfinished proxy host).
options:
  domain:
    description: A host name of the proxy host, by which it is found.
    type: str
    required: true
  domain_names:
    description:
      - All its host names, O(domain) among them. A new host has O(domain) alone unless this says otherwise.
      - Their order and case have no meaning.
    type: list
    elements: str
  forward_scheme:
    description: How the server behind is spoken to. V(http) for a new host.
    type: str
    choices: [http, https]
  forward_host:
    description:
      - Host name or address of the server behind, an IPv6 address in brackets. Required when the host is created.
    type: str
  forward_port:
    description: Its port. Required when the host is created.
    type: int
  access_list:
    description: Name of the access list that protects the host. An empty string means none.
    type: str
  certificate:
    description:
      - The certificate. A requested one is given by its host names, separated by commas, and a brought one by its name.
      - An empty string means none.
    type: str
  ssl_forced:
    description: Whether HTTP is redirected to HTTPS. Needs O(certificate). V(false) for a new host.
    type: bool
  http2_support:
    description: Whether HTTP/2 is offered. Needs O(certificate). V(false) for a new host.
    type: bool
  hsts_enabled:
    description: Whether browsers are told to use HTTPS only. Needs O(ssl_forced). V(false) for a new host.
    type: bool
  hsts_subdomains:
    description: Whether that covers subdomains. Needs O(hsts_enabled). V(false) for a new host.
    type: bool
  trust_forwarded_proto:
    description:
      - Whether O(ssl_forced) believes a C(X-Forwarded-Proto) header. Only behind another proxy.
      - Not together with O(ssl_forced) and O(locations), in which the server forgets it.
    type: bool
  block_exploits:
    description: Whether requests that look like common attacks are refused. V(false) for a new host.
    type: bool
  caching_enabled:
    description:
      - Whether pictures, styles and scripts are cached. V(false) for a new host.
      - Not together with O(access_list), which would not cover them.
    type: bool
  allow_websocket_upgrade:
    description: Whether websockets are passed on. V(false) for a new host.
    type: bool
  advanced_config:
    description:
      - Lines for the host's C(server) block of nginx. They must stand on their own, every block closed.
      - With O(access_list) they must have nothing that the list would not apply to, such as C(location) or C(include),
        no other rule about who may come in, such as C(satisfy) or C(auth_request), and nothing that makes nginx fetch
        pages by itself, such as C(mirror) or C(ssi). O(locations) are covered by the list.
      - A C(rewrite) is refused unless O(allow_rewrite).
    type: str
  secret_config:
    description:
      - More lines of the same kind that are never shown, neither in results and differences nor in the reason of a
        failure. They follow those of O(advanced_config).
      - The server keeps them in clear, behind a comment.
    type: str
  allow_rewrite:
    description:
      - Whether nginx lines may have a C(rewrite). The nginx of server versions up to 2.15.1 has known faults through
        which such a line runs foreign code.
    type: bool
    default: false
  locations:
    description: Paths that go elsewhere, in order. The list replaces the one on the server.
    type: list
    elements: dict
    suboptions:
      path:
        description:
          - The path, as nginx's C(location) takes it. C(/) stands in place of the host's default location and has the
            same access list, websockets and blocks.
        type: str
        required: true
      forward_scheme:
        description: How the server behind is spoken to. Taken as V(http) when left out.
        type: str
        choices: [http, https]
      forward_host:
        description:
          - Host name or address of the server behind. nginx looks a name up when it starts, and does not start without
            an answer.
          - C($server) is O(forward_host) of the host itself, looked up at each request as in the default location.
        type: str
        required: true
      forward_port:
        description: Its port.
        type: int
        required: true
      forward_path:
        description: Path at the server behind.
        type: str
      advanced_config:
        description: Lines for this C(location) block of nginx, with the same limits as those of the host.
        type: str
      secret_config:
        description: More lines of the same kind that are never shown.
        type: str
  enabled:
    description: Whether the host is served. V(true) for a new host.
    type: bool
  state:
    description: Whether the host exists. Its access list and certificate stay when it is removed.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: mediverse.pacs.nginx_proxy_manager_admin
  - module: mediverse.pacs.nginx_proxy_manager_access_list
  - module: mediverse.pacs.nginx_proxy_manager_certificate
"""

EXAMPLES = r"""
- name: The viewer of a site, behind a login
  mediverse.pacs.nginx_proxy_manager_proxy_host:
    domain: kanifing.viewer.example.org
    forward_host: pacs-kanifing-ohif
    forward_port: 80
    access_list: viewer-kanifing
    certificate: kanifing.viewer.example.org
    ssl_forced: true
    hsts_enabled: true
    http2_support: true
    api_email: admin@example.org
    api_password: "{{ proxy_admin_password }}"

- name: The same, with a header that only the server behind may know
  mediverse.pacs.nginx_proxy_manager_proxy_host:
    domain: kanifing.viewer.example.org
    locations:
      - path: /
        forward_host: $server
        forward_port: 80
        secret_config: proxy_set_header X-From-Proxy "{{ proxy_header }}";
    api_email: admin@example.org
    api_password: "{{ proxy_admin_password }}"
"""

RETURN = r"""
proxy_host:
  description: The host as the server has it after the task. Empty when it does not exist.
  returned: success
  type: dict
  sample:
    id: 1
    domain: kanifing.viewer.example.org
    domain_names: [kanifing.viewer.example.org]
    forward_scheme: http
    forward_host: pacs-kanifing-ohif
    forward_port: 80
    access_list: viewer-kanifing
    certificate: kanifing.viewer.example.org
    ssl_forced: true
    enabled: true
    nginx_accepts: true
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
from ..module_utils.nginx_proxy_manager.proxy_host import PROXY_HOST

SPEC = PROXY_HOST


def main() -> None:
    """Run the module."""
    run_module(SPEC)


if __name__ == "__main__":
    main()
