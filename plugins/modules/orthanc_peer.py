#!/usr/bin/python
# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: orthanc_peer
short_description: Manage the peers of an Orthanc server
version_added: 1.0.0
description:
  - A peer is another Orthanc server that this one sends images to over HTTP or HTTPS.
  - Works on Linux and on a Windows gateway. There the requests are made on the gateway itself, through its WinRM
    connection.
  - A change is effective at once; Orthanc is not restarted. It survives a restart only if Orthanc's configuration
    sets C(OrthancPeersInDatabase) to V(true).
author:
  - mediverse.pacs contributors (@mediverse)
extends_documentation_fragment:
  - mediverse.pacs.attributes
  - mediverse.pacs.attributes.actiongroup_orthanc
  - mediverse.pacs.orthanc
options:
  name:
    description:
      - The name of the peer. Letters, digits, V(-) and V(_).
      - Either this or O(peers) is required.
    type: str
  url: &url
    description:
      - The address of the other server. Required when the peer is created.
      - A trailing slash makes no difference.
    type: str
  username: &username
    description: The user to log in as at the other server.
    type: str
  password: &password
    description:
      - The password of O(username).
      - Orthanc does not return it. See O(update_secret).
    type: str
  http_headers: &http_headers
    description:
      - Additional HTTP headers and their values, for every request to the peer.
      - Orthanc returns their names only, so they are treated like O(password).
    type: dict
  timeout: &timeout
    description:
      - Seconds that one whole request may take, including the upload of the image. V(0) means Orthanc's C(HttpTimeout).
      - A large image on a slow line needs many minutes; V(600) or more is sensible for an uplink.
    type: int
  certificate_file: &certificate_file
    description: Path, on the Orthanc server, of the client certificate to present.
    type: str
  certificate_key_file: &certificate_key_file
    description: Path, on the Orthanc server, of the key that belongs to O(certificate_file).
    type: str
  certificate_key_password: &certificate_key_password
    description: The password of O(certificate_key_file). Treated like O(password).
    type: str
  pkcs11: &pkcs11
    description: Whether Orthanc uses its PKCS#11 configuration for client authentication.
    type: bool
  state: &state
    description: Whether the peer exists.
    type: str
    choices: [present, absent]
    default: present
  update_secret:
    description:
      - When to send values that Orthanc does not return (O(password), O(http_headers), O(certificate_key_password))
        to a peer that exists.
      - V(when_changed) keeps a salted hash of them as an additional key of the peer, and sends them when they do not
        match it.
      - V(on_create) sends them when the peer is created, and otherwise only together with another change.
      - V(always) sends them in every run, which then always reports a change.
    type: str
    choices: [always, on_create, when_changed]
    default: when_changed
  peers:
    description:
      - Several peers, in the place of one. They are read together, what differs is written, and that is read back
        together. On a Windows target, where each command takes seconds, reading them is one command.
    version_added: 1.0.0
    type: list
    elements: dict
    suboptions:
      name:
        description: The name of the peer. Letters, digits, V(-) and V(_).
        type: str
        required: true
      url: *url
      username: *username
      password: *password
      http_headers: *http_headers
      timeout: *timeout
      certificate_file: *certificate_file
      certificate_key_file: *certificate_key_file
      certificate_key_password: *certificate_key_password
      pkcs11: *pkcs11
      state: *state
seealso:
  - module: mediverse.pacs.orthanc_modality
  - module: mediverse.pacs.orthanc_info
"""

EXAMPLES = r"""
- name: The gateway knows the cloud PACS of its site
  mediverse.pacs.orthanc_peer:
    name: MediverseCloud_kanifing
    url: https://kanifing.pacs.example.org/
    username: gateway
    password: "{{ gateway_password }}"
    timeout: 900
    api_username: admin
    api_password: "{{ orthanc_admin_password }}"

- name: Two destinations
  mediverse.pacs.orthanc_peer:
    peers:
      - name: MediverseCloud_kanifing
        url: https://kanifing.pacs.example.org/
        username: gateway
        password: "{{ gateway_password }}"
      - name: archive
        url: https://archive.example.org/
        username: copier
        password: "{{ copier_password }}"
    api_username: admin
    api_password: "{{ orthanc_admin_password }}"

- name: Remove a peer
  mediverse.pacs.orthanc_peer:
    name: old-cloud
    state: absent
    api_username: admin
    api_password: "{{ orthanc_admin_password }}"
"""

RETURN = r"""
peer:
  description: The peer as Orthanc has it after the task, without secrets. Empty when it does not exist.
  returned: success, unless O(peers) was given
  type: dict
  sample: {name: MediverseCloud_kanifing, url: "https://kanifing.pacs.example.org/", username: gateway, timeout: 900,
    pkcs11: false}
peers:
  description: The same of each one in O(peers), by name.
  returned: success, when O(peers) was given
  type: dict
  sample: {MediverseCloud_kanifing: {name: MediverseCloud_kanifing, url: "https://kanifing.pacs.example.org/"}}
others:
  description: Names of the peers that this Orthanc has beside those in O(peers), as it had them before the task.
  returned: success, when O(peers) was given
  type: list
  elements: str
  sample: [archive]
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
        The kind of failure: V(input), V(login), V(unreachable), V(tls), V(timeout), V(not_json), V(status),
        V(not_kept), or V(no_script) when a Windows target does not run the script that asks.
      type: str
    path:
      description: The path of the request that failed.
      type: str
"""

from ..module_utils._engine.runner import run_module
from ..module_utils.orthanc.peer import PEER

SPEC = PEER


def main() -> None:
    """Run the module."""
    run_module(SPEC)


if __name__ == "__main__":
    main()
