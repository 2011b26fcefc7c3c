#!/usr/bin/python
# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: orthanc_peer_store
short_description: Send images from one Orthanc server to another
version_added: 1.0.0
description:
  - Makes an Orthanc server send images to one of its peers in jobs of its own, and waits until they have ended.
  - A job stops at its first error. So there are at most 100 images in each, and what follows an image that cannot be
    sent is sent without it. The task then fails at its end, and names these images and the reasons in RV(unsent).
  - A peer that cannot be reached, or takes nothing, is given up after a few attempts.
  - The peer keeps one copy of an image that it has already, so that sending again does no harm.
  - Works on Linux and on a Windows gateway, where the requests are made through its WinRM connection.
author:
  - mediverse.pacs contributors (@mediverse)
extends_documentation_fragment:
  - mediverse.pacs.attributes
  - mediverse.pacs.attributes.actiongroup_orthanc
  - mediverse.pacs.orthanc
attributes:
  check_mode:
    details: Nothing is asked and nothing is sent; the result is changed when there are images to send.
  diff_mode:
    support: none
  idempotent:
    support: none
    details: The images are sent each time.
options:
  peer:
    description: Name of the peer.
    type: str
    required: true
  images:
    description: Orthanc's identifiers of the instances. Nothing happens when the list is empty.
    type: list
    elements: str
    required: true
  wait:
    description: Seconds within which all images must have been sent.
    type: int
    default: 900
seealso:
  - module: mediverse.pacs.orthanc_ledger_info
  - module: mediverse.pacs.orthanc_peer
"""

EXAMPLES = r"""
- name: Send two images to the cloud again
  mediverse.pacs.orthanc_peer_store:
    peer: MediverseCloud_kanifing
    images:
      - b194bab5-c62b2796-b67c9fcd-d545bf31-2a9c4bc2
      - e91e7656-64c982c3-4f62faf6-386bde65-ca6460f3
    api_username: admin
    api_password: "{{ orthanc_admin_password }}"
"""

RETURN = r"""
sent:
  description: Number of images that the peer took; in check mode, that it would be offered.
  returned: success, and failure with RV(unsent)
  type: int
  sample: 2
unsent:
  description: The images that could not be sent. The task fails when there is one.
  returned: success, and failure unless nothing could be tried
  type: list
  elements: dict
  contains:
    id: {description: Orthanc's identifier., type: str}
    reason: {description: 'Why, in the words of Orthanc where it has some.', type: str}
unknown:
  description: >-
    Number of images of jobs that ended without being seen to: Orthanc remembers only its last jobs
    (C(JobsHistorySize)), and none over a restart. Compare both ends to know.
  returned: success, and failure with RV(unsent)
  type: int
  sample: 0
stopped:
  description: >-
    Empty when each image was tried. Otherwise why the rest was not: the peer could not be reached or took nothing
    (V(peer)), the time was over (V(time)), or the server itself failed (V(server)).
  returned: success, and failure with RV(unsent)
  type: str
  sample: ""
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
        V(not_kept) when images could not be sent, or V(no_script) when a Windows target does not run the script that
        asks.
      type: str
    path:
      description: The path of the request that failed.
      type: str
"""

from ..module_utils._engine.runner import run_module
from ..module_utils.orthanc.peer_store import PEER_STORE

SPEC = PEER_STORE


def main() -> None:
    """Run the module."""
    run_module(SPEC)


if __name__ == "__main__":
    main()
