#!/usr/bin/python
# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: orthanc_modality
short_description: Manage the DICOM modalities of an Orthanc server
version_added: 1.0.0
description:
  - A modality is a DICOM application that Orthanc knows by its AE title, such as a scanner, a workstation or another
    PACS.
  - Works on Linux and on a Windows gateway. There the requests are made on the gateway itself, through its WinRM
    connection.
  - A change is effective at once; Orthanc is not restarted. It survives a restart only if Orthanc's configuration
    sets C(DicomModalitiesInDatabase) to V(true).
author:
  - mediverse.pacs contributors (@mediverse)
extends_documentation_fragment:
  - mediverse.pacs.attributes
  - mediverse.pacs.attributes.actiongroup_orthanc
  - mediverse.pacs.orthanc
options:
  name:
    description:
      - The name of the modality in Orthanc. Letters, digits, V(-) and V(_).
      - Either this or O(modalities) is required.
    type: str
  aet: &aet
    description:
      - The AE title of the modality. Required when it is created.
      - 1 to 16 printable ASCII characters without backslash. Orthanc accepts longer ones, which no DICOM peer
        understands.
    type: str
  host: &host
    description: Its host name or IP address. Required when it is created.
    type: str
  port: &port
    description: The TCP port of its DICOM service. Required when it is created.
    type: int
  manufacturer: &manufacturer
    description: The dialect of DICOM that Orthanc speaks with it.
    type: str
    choices: [Generic, GenericNoWildcardInDates, GenericNoUniversalWildcard, Vitrea, GE]
  local_aet: &local_aet
    description: The AE title that Orthanc uses as the caller of this modality. Empty for Orthanc's own C(DicomAet).
    type: str
  timeout: &timeout
    description: Seconds to wait for this modality when Orthanc is the SCU. V(0) means Orthanc's C(DicomScuTimeout).
    type: int
  retrieve_method: &retrieve_method
    description: How Orthanc retrieves studies from it.
    type: str
    choices: [SystemDefault, C-MOVE, C-GET]
  use_dicom_tls: &use_dicom_tls
    description: Whether Orthanc uses DICOM TLS when it calls this modality.
    type: bool
  allow_echo: &allow_echo
    description: Whether the modality may send C-ECHO requests to Orthanc.
    type: bool
  allow_store: &allow_store
    description: Whether it may store instances (C-STORE).
    type: bool
  allow_find: &allow_find
    description: Whether it may search for studies (C-FIND).
    type: bool
  allow_find_worklist: &allow_find_worklist
    description: Whether it may ask for the worklist (C-FIND on the modality worklist).
    type: bool
  allow_get: &allow_get
    description: Whether it may retrieve with C-GET.
    type: bool
  allow_move: &allow_move
    description: Whether it may retrieve with C-MOVE.
    type: bool
  allow_n_action: &allow_n_action
    description: Whether it may ask for storage commitment (N-ACTION).
    type: bool
  allow_event_report: &allow_event_report
    description: Whether it may report on storage commitment (N-EVENT-REPORT).
    type: bool
  allow_transcoding: &allow_transcoding
    description: Whether Orthanc may change the transfer syntax of instances that it sends to this modality.
    type: bool
  state: &state
    description: Whether the modality exists.
    type: str
    choices: [present, absent]
    default: present
  modalities:
    description:
      - Several modalities, in the place of one. They are read together, what differs is written, and that is read back
        together. On a Windows target, where each command takes seconds, reading them is one command.
    version_added: 1.0.0
    type: list
    elements: dict
    suboptions:
      name:
        description: The name of the modality in Orthanc. Letters, digits, V(-) and V(_).
        type: str
        required: true
      aet: *aet
      host: *host
      port: *port
      manufacturer: *manufacturer
      local_aet: *local_aet
      timeout: *timeout
      retrieve_method: *retrieve_method
      use_dicom_tls: *use_dicom_tls
      allow_echo: *allow_echo
      allow_store: *allow_store
      allow_find: *allow_find
      allow_find_worklist: *allow_find_worklist
      allow_get: *allow_get
      allow_move: *allow_move
      allow_n_action: *allow_n_action
      allow_event_report: *allow_event_report
      allow_transcoding: *allow_transcoding
      state: *state
seealso:
  - module: mediverse.pacs.orthanc_peer
  - module: mediverse.pacs.orthanc_info
"""

EXAMPLES = r"""
- name: The CT scanner may store and ask for its worklist, and nothing else
  mediverse.pacs.orthanc_modality:
    name: ct1
    aet: CT_SCANNER
    host: 192.168.0.10
    port: 104
    allow_find: false
    allow_get: false
    allow_move: false
    api_username: admin
    api_password: "{{ orthanc_admin_password }}"

- name: All scanners of the site, and one that has left it
  mediverse.pacs.orthanc_modality:
    modalities:
      - {name: ct1, aet: CT_SCANNER, host: 192.168.0.10, port: 104}
      - {name: us1, aet: US_SCANNER, host: 192.168.0.11, port: 104}
      - {name: old, state: absent}
    api_username: admin
    api_password: "{{ orthanc_admin_password }}"

- name: A scanner that has left the hospital
  mediverse.pacs.orthanc_modality:
    name: us2
    state: absent
    api_username: admin
    api_password: "{{ orthanc_admin_password }}"
"""

RETURN = r"""
modality:
  description: The modality as Orthanc has it after the task. Empty when it does not exist.
  returned: success, unless O(modalities) was given
  type: dict
  sample: {name: ct1, aet: CT_SCANNER, host: 192.168.0.10, port: 104, manufacturer: Generic, allow_echo: true}
modalities:
  description: The same of each one in O(modalities), by name.
  returned: success, when O(modalities) was given
  type: dict
  sample: {ct1: {name: ct1, aet: CT_SCANNER, host: 192.168.0.10, port: 104}, old: {}}
others:
  description: Names of the modalities that this Orthanc has beside those in O(modalities), as before the task.
  returned: success, when O(modalities) was given
  type: list
  elements: str
  sample: [old-ct]
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
from ..module_utils.orthanc.modality import MODALITY

SPEC = MODALITY


def main() -> None:
    """Run the module."""
    run_module(SPEC)


if __name__ == "__main__":
    main()
