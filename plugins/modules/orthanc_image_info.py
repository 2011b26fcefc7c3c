#!/usr/bin/python
# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: orthanc_image_info
short_description: Look whether an Orthanc server has an image, or wait for it
version_added: 1.0.0
description:
  - Tells whether an Orthanc server has an image, its checksum and its DICOM identifiers.
  - An image that is not there is a result, not a failure.
  - Says nothing of patients.
  - Works on Linux and on a Windows gateway. There the requests are made on the gateway itself, through its WinRM
    connection.
author:
  - mediverse.pacs contributors (@mediverse)
extends_documentation_fragment:
  - mediverse.pacs.attributes.info
  - mediverse.pacs.attributes.actiongroup_orthanc
  - mediverse.pacs.orthanc
options:
  id:
    description:
      - Orthanc's identifier of the instance. It is made of the identifiers of DICOM, and therefore the same on every
        server.
    type: str
    required: true
  wait:
    description: Seconds for which to ask again, about once a second, while the image is not there.
    type: int
    default: 0
seealso:
  - module: mediverse.pacs.orthanc_test_image
"""

EXAMPLES = r"""
- name: Wait until an image has come
  mediverse.pacs.orthanc_image_info:
    id: b194bab5-c62b2796-b67c9fcd-d545bf31-2a9c4bc2
    wait: 60
    api_username: admin
    api_password: "{{ orthanc_admin_password }}"
  register: image

- name: It has
  ansible.builtin.assert:
    that: image.found
"""

RETURN = r"""
found:
  description: Whether it is there.
  returned: success
  type: bool
id:
  description: Its identifier.
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
  description: How long it took until it was there, or was given up.
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
from ..module_utils.orthanc.image import IMAGE_INFO

SPEC = IMAGE_INFO


def main() -> None:
    """Run the module."""
    run_module(SPEC)


if __name__ == "__main__":
    main()
