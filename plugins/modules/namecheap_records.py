#!/usr/bin/python
# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: namecheap_records
short_description: Addresses of names in a zone at Namecheap, and nothing else of that zone
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
description:
  - Gives names of a zone at Namecheap their addresses (A, AAAA), all of them with one write.
  - >-
    Each write there replaces the whole zone. So everything that is not yours goes back as it was read, the mail
    settings too; the zone is read again just before the write and after it; runs on one machine wait for each other;
    and what was there before is kept in a file, from which O(restore) brings it back.
  - >-
    A zone is not written when something of it would be lost: one with other name servers, dynamic DNS, records that
    are switched off, types of records that a write cannot carry, TXT with quotation marks, more than 150 records, or
    SRV records, which Namecheap does not show.
  - >-
    Whoever changes the zone in the panel in the moment between the last look and the write is undone by it. Better is
    to delegate a zone below it once, to name servers whose records can be changed one by one.
  - It makes requests over the network and belongs on the controller, by C(delegate_to=localhost).
  - >-
    It was tried against a double that behaves as the documentation of the API and the experience of others say. It
    was not tried with an account at Namecheap.
requirements:
  - The Python library C(requests)
  - An account whose access to the API is switched on, and a fixed public IPv4 address that is allowed there
attributes:
  check_mode:
    support: full
    description: Reads the zone, refuses what would be refused, and writes nothing.
  diff_mode:
    support: full
    description: Shows the records that differ, and not the rest of the zone.
  idempotent:
    support: full
    description: A second run changes nothing.
  platform:
    support: full
    platforms: posix
    description: Operating systems of the target.
options:
  zone:
    description: >-
      The domain as it was registered, such as V(mediverse.ai). What others registered and lend names below, such as a
      zone below it at Namecheap's FreeDNS, cannot be named.
    type: str
    required: true
  records:
    description: The addresses that names shall have. A name has one of each type.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name in full, such as V(kanifing.viewer.mediverse.ai).
        type: str
        required: true
      type:
        description: Type of the record.
        type: str
        choices: [A, AAAA]
        default: A
      value:
        description: The address.
        type: str
        required: true
      ttl:
        description: >-
          Seconds for which others may remember it, 60 to 60000. Left as it is when left out, and automatic for a new
          record.
        type: int
  owned:
    description: >-
      The names that are yours, in full or as V(*.viewer.mediverse.ai) for those directly below a name. Others cannot
      stand in O(records) and O(remove).
    type: list
    elements: str
  remove:
    description: >-
      Names that shall have no addresses but those of O(records). Nothing else ever removes a record; what is left is
      told.
    type: list
    elements: str
  restore:
    description: A file that an earlier run kept. The zone becomes as it was then, all of it.
    type: path
  zone_has_srv:
    description: >-
      Whether the zone has SRV records, which somebody has to look up in the panel. A write is made with V(false)
      alone, because every write deletes them. Whoever adds one later has to change this at once; the module does not
      see it.
    type: bool
  expect_missing:
    description: >-
      Whether it is right that more than three records, and more than a tenth of them, are gone since the last write
      from this machine. Without that nothing is written then, for an answer may have been cut short. For one run only.
    type: bool
    default: false
  folder:
    description: >-
      Where locks, the times of requests and what was there before each write are kept. All who write the zone need
      the same one, as the same user.
    type: path
    default: ~/.local/state/mediverse.pacs/namecheap
  calls_per_minute:
    description: >-
      How many requests are made in a minute, 4 at least, by all runs together; forty times as many in an hour and
      five hundred times as many in a day.
    type: int
    default: 15
  api_url:
    description: Address of the API, with V(https://). The sandbox has another one.
    type: str
    default: https://api.namecheap.com
  api_user:
    description: Name of the account, from E(NAMECHEAP_API_USER) when left out. Not shown in results.
    type: str
    required: true
  api_key:
    description: Key of the account, from E(NAMECHEAP_API_KEY) when left out.
    type: str
    required: true
  client_ip:
    description: >-
      The public IPv4 address of this machine, as the account allows it, from E(NAMECHEAP_CLIENT_IP) when left out.
    type: str
    required: true
  validate_certs:
    description: Whether the certificate of O(api_url) must be valid.
    type: bool
    default: true
  ca_path:
    description: File with the certificate of the authority that signed the server's, for one the system does not know.
    type: path
  api_timeout:
    description: Seconds to wait for an answer.
    type: int
    default: 30
"""

EXAMPLES = r"""
- name: The names of two sites
  mediverse.pacs.namecheap_records:
    zone: mediverse.ai
    owned: ["*.viewer.mediverse.ai", "*.pacs.mediverse.ai"]
    records:
      - {name: kanifing.viewer.mediverse.ai, value: 203.0.113.10}
      - {name: kanifing.pacs.mediverse.ai, value: 203.0.113.10}
      - {name: brikama.viewer.mediverse.ai, value: 203.0.113.11}
      - {name: brikama.pacs.mediverse.ai, value: 203.0.113.11}
    # zone_has_srv: false  # after a look in the panel
    api_user: "{{ namecheap_user }}"
    api_key: "{{ namecheap_key }}"
    client_ip: 198.51.100.7
  delegate_to: localhost
  become: false
  run_once: true

- name: A site that is no more
  mediverse.pacs.namecheap_records:
    zone: mediverse.ai
    owned: ["*.viewer.mediverse.ai", "*.pacs.mediverse.ai"]
    remove: [brikama.viewer.mediverse.ai, brikama.pacs.mediverse.ai]
    # zone_has_srv: false  # after a look in the panel
    api_user: "{{ namecheap_user }}"
    api_key: "{{ namecheap_key }}"
    client_ip: 198.51.100.7
  delegate_to: localhost
  become: false
"""

RETURN = r"""
added:
  description: Records that are new, or new in place of another one.
  returned: success
  type: list
  elements: dict
  sample: [{name: kanifing.viewer.mediverse.ai, type: A, value: 203.0.113.10, ttl: "1799"}]
removed:
  description: Records that are gone, those that were changed among them.
  returned: success
  type: list
  elements: dict
left:
  description: Addresses of names of the task that nobody asked for and nobody said to remove.
  returned: success
  type: list
  elements: dict
others:
  description: How many records stayed as they were.
  returned: success
  type: int
undo:
  description: >-
    The file with what was there before, and a command that brings it back, with the login in the environment. Empty
    when nothing was written.
  returned: success
  type: dict
  sample: {}
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
        The kind of failure: V(input), V(login), V(unreachable), V(tls), V(timeout), V(not_json) for an answer that is
        none, V(status) or V(not_kept).
      type: str
    path:
      description: The path of the request that failed.
      type: str
"""

from ..module_utils._engine.runner import run_module
from ..module_utils.namecheap.records import RECORDS

SPEC = RECORDS


def main() -> None:
    """Run the module."""
    run_module(SPEC)


if __name__ == "__main__":
    main()
