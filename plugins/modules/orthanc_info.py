#!/usr/bin/python
# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: orthanc_info
short_description: Read the state of an Orthanc server
version_added: 1.0.0
description:
  - Returns the version and settings, the peers, the modalities and the statistics of an Orthanc server.
  - Works on Linux and on a Windows gateway. There the requests are made on the gateway itself, through its WinRM
    connection, which takes about a second for each subset.
author:
  - mediverse.pacs contributors (@mediverse)
extends_documentation_fragment:
  - mediverse.pacs.attributes.info
  - mediverse.pacs.attributes.actiongroup_orthanc
  - mediverse.pacs.orthanc
options:
  gather:
    description: What to read. Each subset is one request; on a Windows target all of them are one command.
    type: list
    elements: str
    choices: [system, peers, modalities, statistics, plugins, transfer_syntaxes, default_encoding, received]
    default: [system, peers, modalities, statistics]
  senders:
    description:
      - AE titles whose last images V(received) in O(gather) looks for, one request each. Without any it is the last
        images of anybody.
    type: list
    elements: str
    default: []
seealso:
  - module: mediverse.pacs.orthanc_peer
  - module: mediverse.pacs.orthanc_modality
"""

EXAMPLES = r"""
- name: Which modalities does the gateway know?
  mediverse.pacs.orthanc_info:
    gather: [modalities]
    api_username: admin
    api_password: "{{ orthanc_admin_password }}"
  register: gateway

- name: The CT scanner is one of them
  ansible.builtin.assert:
    that: gateway.modalities.ct1.aet == 'CT_SCANNER'
"""

RETURN = r"""
system:
  description: The server's description of itself, with the keys of Orthanc's C(/system).
  returned: success, when O(gather) includes V(system)
  type: dict
  sample: {ApiVersion: 31, DicomAet: MEDIVERSE, DicomPort: 4242, Version: 1.13.0}
peers:
  description: The peers by name, with the options of M(mediverse.pacs.orthanc_peer) and without secrets.
  returned: success, when O(gather) includes V(peers)
  type: dict
  sample: {cloud: {name: cloud, url: "https://pacs.example.org/", username: gateway, timeout: 900, pkcs11: false}}
modalities:
  description: The modalities by name, with the options of M(mediverse.pacs.orthanc_modality).
  returned: success, when O(gather) includes V(modalities)
  type: dict
  sample: {ct1: {name: ct1, aet: CT_SCANNER, host: 192.168.0.10, port: 104}}
statistics:
  description: Counters of patients, studies, series, instances and disk use, with the keys of Orthanc's C(/statistics).
  returned: success, when O(gather) includes V(statistics)
  type: dict
  sample: {CountInstances: 300, CountStudies: 1, TotalDiskSizeMB: 157}
plugins:
  description: The plugins that are loaded, by name.
  returned: success, when O(gather) includes V(plugins)
  type: list
  elements: str
  sample: [explorer.js, worklists]
transfer_syntaxes:
  description: UIDs of the transfer syntaxes in which images are accepted.
  returned: success, when O(gather) includes V(transfer_syntaxes)
  type: list
  elements: str
  sample: [1.2.840.10008.1.2, 1.2.840.10008.1.2.1]
default_encoding:
  description: The character set of worklist answers, and of images that do not say theirs, as Orthanc calls it.
  returned: success, when O(gather) includes V(default_encoding)
  type: str
  sample: Utf8
received:
  description: >-
    When the last images came that came over DICOM and are still there, by the AE title of their sender, in UTC by the
    clock of that server. Empty for one of O(senders) without any.
  returned: success, when O(gather) includes V(received)
  type: dict
  sample: {CT_SCANNER: "2026-11-30T18:30:17Z", MR_SCANNER: ""}
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
from ..module_utils.orthanc.info import INFO

SPEC = INFO


def main() -> None:
    """Run the module."""
    run_module(SPEC)


if __name__ == "__main__":
    main()
