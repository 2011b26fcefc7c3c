#!/usr/bin/python
# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: orthanc_test_image
short_description: Make an image on an Orthanc server to look for elsewhere
version_added: 1.0.0
description:
  - Makes a small synthetic image of a patient of its own on an Orthanc server, as if a scanner had sent it, or removes
    that patient with all images.
  - Works on Linux and on a Windows gateway. There the requests are made on the gateway itself, through its WinRM
    connection.
author:
  - mediverse.pacs contributors (@mediverse)
extends_documentation_fragment:
  - mediverse.pacs.attributes
  - mediverse.pacs.attributes.actiongroup_orthanc
  - mediverse.pacs.orthanc
attributes:
  check_mode:
    details: Nothing is made and nothing removed.
  diff_mode:
    support: none
  idempotent:
    support: partial
    details: A new image is made each time. Removing is idempotent.
options:
  patient_id:
    description: Patient ID. Everything of this patient is removed with V(absent), so take one that no person has.
    type: str
    required: true
  patient_name:
    description: Patient name in DICOM notation.
    type: str
    default: TEST^IMAGE
  description:
    description: Study description.
    type: str
    default: Test image
  state:
    description: Whether to make an image, or to remove the patient.
    type: str
    choices: [present, absent]
    default: present
  stale_prefix:
    description:
      - With V(absent), also remove patients whose ID begins with this and who got no image for O(stale_hours), by the
        clock of that server. So what was left by a run that was killed goes with a later one, and a run that goes on
        keeps what it made.
      - 8 to 60 letters, digits, C(.), C(_) and C(-), with which the ID of no person begins.
    type: str
  stale_hours:
    description: How old something must be to be stale.
    type: int
    default: 6
seealso:
  - module: mediverse.pacs.orthanc_image_info
"""

EXAMPLES = r"""
- name: Make an image at the gateway
  mediverse.pacs.orthanc_test_image:
    patient_id: test-of-today
    api_username: admin
    api_password: "{{ orthanc_admin_password }}"
  register: image

- name: Remove it
  mediverse.pacs.orthanc_test_image:
    patient_id: test-of-today
    state: absent
    api_username: admin
    api_password: "{{ orthanc_admin_password }}"
"""

RETURN = r"""
id:
  description: Orthanc's identifier of the image; empty when none was made.
  returned: success
  type: str
md5:
  description: MD5 of the file of the image, as it was received; empty when there is none.
  returned: success
  type: str
study_instance_uid:
  description: Its Study Instance UID.
  returned: success
  type: str
series_instance_uid:
  description: Its Series Instance UID.
  returned: success
  type: str
sop_instance_uid:
  description: Its SOP Instance UID.
  returned: success
  type: str
seconds:
  description: How long ago it was made; reading its checksum takes a while on a Windows target.
  returned: success
  type: float
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
from ..module_utils.orthanc.image import TEST_IMAGE

SPEC = TEST_IMAGE


def main() -> None:
    """Run the module."""
    run_module(SPEC)


if __name__ == "__main__":
    main()
