#!/usr/bin/python
# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nginx_proxy_manager_certificate
short_description: Manage certificates of Nginx Proxy Manager
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
extends_documentation_fragment:
  - mediverse.pacs.nginx_proxy_manager
  - mediverse.pacs.attributes
  - mediverse.pacs.attributes.actiongroup_nginx_proxy_manager
description:
  - Requests a certificate from Let's Encrypt, or brings one along, and renews or removes it.
  - A requested certificate is known by its host names and a brought one by its name; one that exists is not requested
    again.
  - While a certificate is requested, the server takes every host of these names offline, and afterwards forgets their
    access lists and certificates. The module keeps hosts with an access list closed for that time, and completes all
    of them at the end, also when the request fails.
  - A certificate that a host uses is not removed, because nginx would then refuse every change on the server.
  - >-
    What an earlier run left half done is repaired, whatever ended it. For that the module keeps notes on the server
    while it works, seen among the certificates as C(mediverse.pacs: unfinished certificate). A request that died has
    left a certificate without files; it is removed and requested again.
options:
  provider:
    description: Where the certificate comes from, V(letsencrypt) by an HTTP challenge or V(custom) from the task.
    type: str
    choices: [letsencrypt, custom]
    default: letsencrypt
  domain_names:
    description:
      - The host names of a requested certificate; together they identify it. Their order has no meaning.
      - Port 80 of the server must be reachable from the internet under each of them.
    type: list
    elements: str
  name:
    description: Name that identifies a brought certificate.
    type: str
  certificate:
    description: PEM text of a brought certificate, followed by its chain. Required when it is created.
    type: str
  certificate_key:
    description:
      - PEM text of its private key, without a passphrase. It must belong to O(certificate).
      - The server gives it out to every administrator, so it is compared like any other value.
    type: str
  key_type:
    description:
      - Kind of the key of a requested certificate, V(ecdsa) unless the task says otherwise. It cannot be changed later.
    type: str
    choices: [ecdsa, rsa]
  renew_before_share:
    description:
      - Renew a requested certificate of whose lifetime less than this share is left. V(0) leaves that to the server.
      - The server looks every hour for certificates that end within 30 days, so this finds what it could not renew.
    type: float
    default: 0.25
  renew_before_days:
    description:
      - Renew a requested certificate that ends within so many days, too. It must live longer than that, which fewer
        and fewer do.
    type: int
    default: 0
  served_at:
    description:
      - Address and port where visitors reach the server with TLS, such as V(127.0.0.1:443). The certificate that is
        given there for each host that uses this one is compared with the one that the server holds.
      - One that was renewed and is not given to visitors yet is taken up. Without this option nothing is looked at.
    type: str
  state:
    description: Whether the certificate exists.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: mediverse.pacs.nginx_proxy_manager_admin
  - module: mediverse.pacs.nginx_proxy_manager_access_list
  - module: mediverse.pacs.nginx_proxy_manager_proxy_host
notes:
  - A request may take several minutes. Requests run one at a time; the module waits up to five minutes for another one.
  - Certificates by DNS challenge, wildcards among them, are not supported.
  - The ACME account belongs to O(api_email), and the ACME server is a setting of the server's container.
"""

EXAMPLES = r"""
- name: A certificate for the viewer
  mediverse.pacs.nginx_proxy_manager_certificate:
    domain_names: [kanifing.viewer.example.org]
    served_at: 127.0.0.1:443
    api_email: admin@example.org
    api_password: "{{ proxy_admin_password }}"

- name: The hospital's own certificate
  mediverse.pacs.nginx_proxy_manager_certificate:
    provider: custom
    name: hospital-2027
    certificate: "{{ lookup('ansible.builtin.file', 'hospital.pem') }}"
    certificate_key: "{{ hospital_key }}"
    api_email: admin@example.org
    api_password: "{{ proxy_admin_password }}"
"""

RETURN = r"""
certificate:
  description: The certificate as the server has it after the task, its key masked. Empty when it does not exist.
  returned: success
  type: dict
  sample:
    id: 2
    name: kanifing.viewer.example.org
    domain_names: [kanifing.viewer.example.org]
    key_type: ecdsa
    expires_on: "2027-02-21 17:48:21"
    lifetime_days: 90
    due_for_renewal: false
    served: true
    applied: true
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
from ..module_utils.nginx_proxy_manager.certificate import CERTIFICATE

SPEC = CERTIFICATE


def main() -> None:
    """Run the module."""
    run_module(SPEC)


if __name__ == "__main__":
    main()
