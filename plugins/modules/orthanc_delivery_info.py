#!/usr/bin/python
# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: orthanc_delivery_info
short_description: Ask a gateway which images it still has to deliver
version_added: 1.0.0
description:
  - Returns the exact number of images that the forwarder of a gateway has not delivered yet, the age of the oldest, the
    parked ones with their reason, and what the forwarder is doing, for each destination.
  - The number is what the forwarder published at RV(destinations.updated) plus all images that it had not read then.
  - Returns as well what the gateway refused from scanners, as far as Orthanc's log tells it, and images that came again
    with other content.
  - Fails with one sentence when no forwarder runs there, or when its last word is too old.
  - Works on Linux and on a Windows gateway. There each request is made on the gateway itself, through its WinRM
    connection, and takes about a second. There are three, and one more for each 5000 images of a long backlog.
author:
  - mediverse.pacs contributors (@mediverse)
extends_documentation_fragment:
  - mediverse.pacs.attributes.info
  - mediverse.pacs.attributes.actiongroup_orthanc
  - mediverse.pacs.orthanc
options:
  destinations:
    description: Names of the peers that are asked about. All that the forwarder serves when left out.
    type: list
    elements: str
  stale_after:
    description:
      - Seconds after which the forwarder counts as dead when it has not told its state again, by the gateway's clock.
      - While it lives, it tells its state at least every 30 seconds.
    type: int
    default: 120
  wait:
    description:
      - Seconds for which to ask again, about once a second, until each destination had a moment with nothing left.
        What is returned of it is then that moment, and they need not be the same.
    type: int
    default: 0
seealso:
  - module: mediverse.pacs.orthanc_info
"""

EXAMPLES = r"""
- name: What is still on the gateway?
  mediverse.pacs.orthanc_delivery_info:
    api_username: admin
    api_password: "{{ orthanc_admin_password }}"
  register: delivery

- name: Nothing waits for more than ten minutes
  ansible.builtin.assert:
    that:
      - delivery.oldest_age < 600
      - delivery.parked == 0

- name: Wait until everything is in the cloud
  mediverse.pacs.orthanc_delivery_info:
    destinations: [MediverseCloud_kanifing]
    wait: 300
    api_username: admin
    api_password: "{{ orthanc_admin_password }}"
  register: delivery
"""

RETURN = r"""
backlog:
  description: Images that wait for delivery, the sum over all destinations. Parked ones are not among them.
  returned: success
  type: int
  sample: 312
oldest_age:
  description: Seconds since the oldest of them came in; 0 when there is none.
  returned: success
  type: int
  sample: 47
parked:
  description: Images that were set aside because they do not pass although others do, the sum over all destinations.
  returned: success
  type: int
  sample: 1
refused:
  description:
    - Images that the gateway did not take from a scanner. The scanner was told by the status, and still has them.
    - An image whose SOP Class or Instance UID Orthanc cannot read at all, status V(C000), or that is not the one
      announced, status V(A900), is in no log of Orthanc, and so not here.
  returned: success
  type: dict
  contains:
    known: {description: False while the forwarder cannot read Orthanc's log; the number says nothing then., type: bool}
    today: {description: "Attempts of today, by the clock and zone of the gateway.", type: int}
    images:
      description: Up to 20 rows of the last seven days, newest first, with those of RV(rejected) and RV(replaced).
      type: list
      elements: dict
      contains:
        uid: {description: SOP Instance UID; empty where Orthanc does not tell it., type: str}
        status: {description: "DICOM status that the scanner got, such as V(A700).", type: str}
        reason: {description: Why., type: str}
        aet: {description: AE title of the scanner; empty when it is not known., type: str}
        address: {description: Its address., type: str}
        times: {description: How often., type: int}
        last: {description: "The last time, in UTC.", type: str}
rejected:
  description: Associations that the gateway rejected, because the caller is unknown or asked for what it may not.
  returned: success
  type: dict
  contains:
    known: {description: As in RV(refused)., type: bool}
    today: {description: As in RV(refused)., type: int}
    associations: {description: As RV(refused.images)., type: list, elements: dict}
replaced:
  description: >-
    Images that came again under the same UID with other content. The scanner got Success both times, and the newer
    one is kept, on the gateway and in the cloud.
  returned: success
  type: dict
  contains:
    today: {description: As in RV(refused)., type: int}
    images: {description: As RV(refused.images)., type: list, elements: dict}
destinations:
  description: The same and more for each destination, by the name of its peer.
  returned: success
  type: dict
  contains:
    name: {description: The peer., type: str}
    state:
      description: >-
        V(idle), V(sending), V(paused) after failures, V(probing) one at a time, or V(limited) in office hours.
      type: str
    backlog: {description: Images that wait for delivery., type: int}
    pending: {description: Those of them that the forwarder has read., type: int}
    unread: {description: Those of them that it has not read yet., type: int}
    oldest: {description: "When the oldest of them came in, in UTC; empty when there is none.", type: str}
    oldest_age: {description: Seconds since then., type: int}
    parked: {description: Images that were set aside., type: int}
    parked_images:
      description: Up to 20 of them.
      type: list
      elements: dict
      contains:
        id: {description: Orthanc's identifier of the instance., type: str}
        since: {description: "When it was set aside, in UTC.", type: str}
        reason: {description: Why., type: str}
    sent: {description: Images delivered since the start of Orthanc., type: int}
    skipped: {description: Images left out since then because they came from the destination's side., type: int}
    jobs_in_flight: {description: Jobs of Orthanc that are sending now., type: int}
    rate:
      description: Images delivered per second during the last minute; null when the forwarder is too old to tell.
      type: float
    last_success: {description: "Last delivery since the start of Orthanc, in UTC; empty for none.", type: str}
    last_success_age: {description: Seconds since then; null when there was none., type: int}
    last_error: {description: Why the last attempt failed; empty after a success., type: str}
    advice: {description: What to do about it; empty when there was no error., type: str}
    updated: {description: "When the forwarder told this, in UTC.", type: str}
    updated_age: {description: Seconds since then., type: int}
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
        V(not_running) when there is no forwarder or it is dead, or V(no_script) when a Windows target does not run the
        script that asks.
      type: str
    path:
      description: The path of the request that failed.
      type: str
"""

from ..module_utils._engine.runner import run_module
from ..module_utils.orthanc.delivery import DELIVERY

SPEC = DELIVERY


def main() -> None:
    """Run the module."""
    run_module(SPEC)


if __name__ == "__main__":
    main()
