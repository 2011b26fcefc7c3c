#!/usr/bin/python
# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: orthanc_ledger_info
short_description: Compare what two Orthanc servers hold, image by image
version_added: 1.0.0
description:
  - Answers the questions by which two Orthanc servers are compared by SOP Instance UID, MD5 and Orthanc's identifier,
    although neither can see the other, and without carrying every row from one to the other.
  - Orthanc's identifier of an image is made of the patient's ID and the UIDs. So the same UIDs under two patients are
    two images, on either side.
  - First one server sums up the series of a day (O(day)), then the other one says which sums it does not share
    (O(compare)), and both list the images of those few series (O(list_differing) in the same answer, O(images_of)).
  - No image is read; the checksums are those that Orthanc keeps. For the sums, memory does not grow with the number of
    images. The images that are listed are all in the result, about 150 bytes for each.
  - When images come or go while a series of more than 3000 is read, it is read again, up to three times.
  - Works on Linux and on a Windows gateway. There each request is made on the gateway itself, through its WinRM
    connection, and takes about a second. A request covers up to 3000 images, with 600 bytes for each.
author:
  - mediverse.pacs contributors (@mediverse)
extends_documentation_fragment:
  - mediverse.pacs.attributes.info
  - mediverse.pacs.attributes.actiongroup_orthanc
  - mediverse.pacs.orthanc
options:
  day:
    description: Sum up the series that last got an image on this day, by UTC, such as V(2026-11-22).
    type: str
  after:
    description: Only series with a larger Series Instance UID; RV(next) of the answer before. Needs O(day).
    type: str
  limit:
    description: Series in one answer, at most.
    type: int
    default: 500
  skip_patients:
    description:
      - Leave out the series of patients whose ID is one of these, such as what a proof makes. An V(*) stands for
        anything.
      - Needs O(day).
    type: list
    elements: str
  compare:
    description: RV(series) of another server, to be compared with what this one has.
    type: list
    elements: dict
    suboptions:
      series: {description: Series Instance UID., type: str, required: true}
      images: {description: Number of images., type: int, required: true}
      digest: {description: Sum over the images., type: str, required: true}
      study: {description: "Study Instance UID, to look for studies that stand under two patients.", type: str}
  list_differing:
    description: With O(compare), list the images of the series that differ as well, one by one.
    type: bool
    default: false
  replaced:
    description: With O(compare), name also the images that replaced another one on these days, by UTC.
    type: list
    elements: str
  images_of:
    description: Series Instance UIDs whose images are listed one by one.
    type: list
    elements: str
  origins_of:
    description: Orthanc's identifiers of images of which RV(origins) says where they came from.
    type: list
    elements: str
  clock:
    description: What time is it there? Days are those of that clock.
    type: bool
    choices: [true]
  md5:
    description:
      - Whether the MD5 is part of the sums. Both sides have to use the same value.
      - Use V(false) where the forwarder transcodes, because then the files differ on purpose.
    type: bool
    default: true
seealso:
  - module: mediverse.pacs.delivery_ledger
  - module: mediverse.pacs.orthanc_delivery_info
  - module: mediverse.pacs.orthanc_peer_store
"""

EXAMPLES = r"""
- name: What did the gateway get on that day?
  mediverse.pacs.orthanc_ledger_info:
    day: "2026-11-22"
    api_username: admin
    api_password: "{{ gateway_admin_password }}"
  register: here

- name: Which of it is not the same in the cloud, and what has the cloud of it?
  mediverse.pacs.orthanc_ledger_info:
    compare: "{{ here.series }}"
    list_differing: true
    api_username: admin
    api_password: "{{ cloud_admin_password }}"
  delegate_to: kanifing-cloud
  register: there

- name: List the images of those series at the gateway
  mediverse.pacs.orthanc_ledger_info:
    images_of: "{{ there.differing | map(attribute='series') }}"
    api_username: admin
    api_password: "{{ gateway_admin_password }}"
  register: images
"""

RETURN = r"""
series:
  description: The series of the day.
  returned: success, with O(day)
  type: list
  elements: dict
  contains:
    series: {description: Series Instance UID., type: str}
    images: {description: Number of images., type: int}
    digest:
      description: >-
        Sum over their SOP Instance UIDs, MD5s and identifiers. Empty for a series that changed each time it was read.
      type: str
    study: {description: Study Instance UID., type: str}
images:
  description: Number of images of these series.
  returned: success, with O(day)
  type: int
  sample: 412
next:
  description: Value of O(after) for the rest of the day; empty when this was all.
  returned: success, with O(day)
  type: str
same:
  description: Number of images in series that are the same here.
  returned: success, with O(compare)
  type: int
  sample: 300
differing:
  description: The other series, each with C(series) and the number of images that O(compare) gave.
  returned: success, with O(compare)
  type: list
  elements: dict
pairs:
  description: >-
    Studies of O(compare) that stand under more than one patient here, with C(study), the Study Instance UID, and
    C(ids), Orthanc's identifiers of the study under each of them. DICOMweb answers for none of these, so a viewer
    lists and cannot open them.
  returned: success, with O(compare)
  type: list
  elements: dict
replaced:
  description: >-
    Images that replaced another one of the same UIDs on the days of O(replaced), each with C(day), C(sop) and C(id).
    At most 1000 of a day; none from a server that does not mark them.
  returned: success, with O(compare)
  type: list
  elements: dict
found:
  description: >-
    By Series Instance UID and then by Orthanc's identifier, a dictionary with C(sop), the SOP Instance UID, and with
    C(md5). A series that is not here is empty.
  returned: success, with O(images_of) or O(list_differing)
  type: dict
unread:
  description: Series that changed each time their images were read, and are not in RV(found).
  returned: success, with O(images_of) or O(list_differing)
  type: list
  elements: str
  sample: []
origins:
  description: >-
    By Orthanc's identifier, a dictionary with C(origin), one of V(DicomProtocol), V(RestApi), V(Plugins) and V(Lua),
    C(http_user) and C(remote_aet). An image that is not here is not in it.
  returned: success, with O(origins_of)
  type: dict
now:
  description: The time by the clock of the server, as UTC.
  returned: success, with O(clock)
  type: str
  sample: "2026-11-22T19:54:13Z"
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
from ..module_utils.orthanc.ledger import LEDGER

SPEC = LEDGER


def main() -> None:
    """Run the module."""
    run_module(SPEC)


if __name__ == "__main__":
    main()
