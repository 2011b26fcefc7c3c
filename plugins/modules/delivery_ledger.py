#!/usr/bin/python
# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later

# Documentation alone: the action plugin of the same name does it, on the controller.

from __future__ import annotations

DOCUMENTATION = r"""
module: delivery_ledger
short_description: Compare what a gateway received with what its cloud has
version_added: 1.0.0
description:
  - The gateway's side of a delivery ledger, in four steps, and two beside them. Runs on the gateway; between the steps
    the cloud is asked by M(mediverse.pacs.orthanc_ledger_info), delegated to the host of the cloud. The role of the
    same name is these tasks in their order.
  - A step takes what the one before returned as O(so_far), and as O(answers) what the cloud answered to its
    RV(portions).
  - V(open) finds the days of the range by the gateway's clock, V(sum) sums up what the gateway received on them,
    V(compare) looks at single images where the cloud said that a series differs, and sends again what is asked for, and
    V(report) settles what was sent and writes C(ledger.json) on the controller.
  - V(range) asks nobody, and fails when the range of days ends before it begins. V(stop) writes C(ledger.json) about
    what stopped a ledger.
  - Work that takes long shows a line every 15 seconds, and with C(-v) one for each stage.
  - The gateway is asked by the modules M(mediverse.pacs.orthanc_ledger_info), M(mediverse.pacs.orthanc_peer_store) and
    M(mediverse.pacs.orthanc_delivery_info), which on Windows work through its WinRM connection.
author:
  - mediverse.pacs contributors (@mediverse)
extends_documentation_fragment:
  - mediverse.pacs.attributes
  - mediverse.pacs.attributes.actiongroup_orthanc
  - mediverse.pacs.orthanc
attributes:
  check_mode:
    details: Sends nothing, and says what it would send. The report is written in check mode, too.
  diff_mode:
    support: none
  idempotent:
    support: partial
    details: Nothing changes when nothing is missing. What cannot be sent is tried each time.
options:
  step:
    description: What is done.
    type: str
    required: true
    choices: [range, open, sum, compare, report, stop]
  first:
    description: >-
      First day by UTC and the gateway's clock, such as V(2026-11-22), V(yesterday) or V(today). For V(range) and
      V(open).
    type: str
    default: yesterday
  last:
    description: Last day, in the same form.
    type: str
    default: today
  so_far:
    description: What the step before returned. Needed by all but the first.
    type: dict
  answers:
    description:
      - What M(mediverse.pacs.orthanc_ledger_info) answered to the portions of O(so_far), in their order, asked with its
        options O(mediverse.pacs.orthanc_ledger_info#module:compare) and
        O(mediverse.pacs.orthanc_ledger_info#module:list_differing).
    type: list
    elements: dict
    default: []
  md5:
    description: Whether the MD5 must be the same. The same in all steps and questions.
    type: bool
    default: true
  peer:
    description: Name of the cloud in the gateway's Orthanc.
    type: str
  cloud:
    description: Inventory name of the host of the cloud, for the sentence that says who did not answer.
    type: str
  failure:
    description: What the task returned that stopped the ledger. For V(stop).
    type: raw
  failed_on:
    description: The host on which that task failed, for the sentence. The gateway when left out.
    type: str
  skip_patients:
    description: >-
      Images of these patients are not looked at at all, such as those that a proof makes and removes meanwhile. An V(*)
      stands for anything. For V(sum).
    type: list
    elements: str
  skip_http_users:
    description: Images that these users of the gateway's REST API uploaded are not missed, and never sent.
    type: list
    elements: str
  skip_remote_aets:
    description: The same for images that these AE titles sent.
    type: list
    elements: str
  skip_origins:
    description: The same for images of these origins.
    type: list
    elements: str
    choices: [DicomProtocol, RestApi, Plugins, Lua]
  resend:
    description: Whether V(compare) sends again what is missing.
    type: bool
    default: false
  replace:
    description: Whether it also sends what is different.
    type: bool
    default: false
  named:
    description: Images of a day that are named, at most. All are counted.
    type: int
    default: 1000
  patience:
    description: Seconds within which up to 1000 images must have been sent again.
    type: int
    default: 3600
  site:
    description: Id of the site, for the report.
    type: str
  directory:
    description: >-
      Directory on the controller for C(ledger.json). Made when it is missing; it and the file are for their owner
      alone.
    type: path
  logins:
    description: Logins that neither results nor the report may hold, in any spelling, whatever a server says.
    type: list
    elements: dict
    default: []
    suboptions:
      username: {description: The user., type: str, required: true}
      password: {description: The password., type: str, required: true}
seealso:
  - module: mediverse.pacs.orthanc_ledger_info
  - module: mediverse.pacs.orthanc_peer_store
"""

EXAMPLES = r"""
- name: Find the days
  mediverse.pacs.delivery_ledger:
    step: open
    first: "2026-11-01"
    api_username: admin
    api_password: "{{ gateway_admin_password }}"
  register: opened

- name: Sum up what the gateway received
  mediverse.pacs.delivery_ledger:
    step: sum
    so_far: "{{ opened }}"
    api_username: admin
    api_password: "{{ gateway_admin_password }}"
  register: summed

- name: Ask the cloud what of it is not the same there
  mediverse.pacs.orthanc_ledger_info:
    compare: "{{ item.series }}"
    list_differing: true
    replaced: "{{ item.begins }}"
    api_username: admin
    api_password: "{{ cloud_admin_password }}"
  delegate_to: kanifing-cloud
  loop: "{{ summed.portions }}"
  loop_control: {label: "{{ item.label }}"}
  register: there
"""

RETURN = r"""
began:
  description: When the ledger was begun, by the controller's clock.
  returned: success, by V(open), V(sum) and V(compare)
  type: str
now:
  description: What time it was then by the gateway's clock.
  returned: success, by V(open), V(sum) and V(compare)
  type: str
  sample: "2026-11-22T19:54:13Z"
days:
  description: The days of the range; from V(sum) on with what is known of each.
  returned: success, by V(open), V(sum) and V(compare)
  type: list
  elements: raw
portions:
  description: >-
    Questions to the cloud, each with C(series), the value of O(mediverse.pacs.orthanc_ledger_info#module:compare),
    C(begins), that of O(mediverse.pacs.orthanc_ledger_info#module:replaced), and a C(label) for people. None when there
    is nothing to ask.
  returned: success, by V(sum) and V(compare)
  type: list
  elements: dict
pending:
  description: What was sent, and is settled by V(report).
  returned: success, by V(compare)
  type: list
  elements: dict
lines:
  description: The lines of the table.
  returned: success, by V(report) and V(stop)
  type: list
  elements: str
verdict:
  description: What is wrong, in a few sentences; empty when nothing is.
  returned: success, by V(report) and V(stop)
  type: str
path:
  description: The file of the report.
  returned: success, by V(report) and V(stop)
  type: str
failure:
  description: What went wrong at the gateway or in the cloud, as data.
  returned: failure of a question to one of them
  type: dict
"""
