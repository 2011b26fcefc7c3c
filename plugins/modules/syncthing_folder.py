#!/usr/bin/python
# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: syncthing_folder
short_description: Manage the folders that a Syncthing shares
version_added: 1.0.0
description:
  - A folder is a directory whose content Syncthing keeps equal on several devices.
  - Works on Linux and on a Windows gateway. There the requests are made on the gateway itself, through its WinRM
    connection.
  - Only the options of the task are compared and changed. What Syncthing would accept in silence is refused, such as a
    peer that it does not know, a relative path, or a directory that overlaps that of another folder.
author:
  - mediverse.pacs contributors (@mediverse)
extends_documentation_fragment:
  - mediverse.pacs.attributes
  - mediverse.pacs.attributes.actiongroup_syncthing
  - mediverse.pacs.syncthing
options:
  id:
    description:
      - The folder's ID, the same on all its devices. Letters, digits, dots, underscores and dashes.
    type: str
    required: true
  label:
    description: What people see instead of the ID.
    type: str
  path:
    description:
      - The directory, absolute for the operating system on which this Syncthing runs. Required for a new folder.
      - It may not be that of another folder, nor lie inside or around one.
    type: str
  type:
    description: Which way files travel. Required for a new folder.
    type: str
    choices: [sendreceive, sendonly, receiveonly, receiveencrypted]
  devices:
    description:
      - The peers that share the folder, without this Syncthing itself. Each must be known already.
      - A new folder without this option is shared with nobody.
    type: list
    elements: dict
    suboptions:
      device_id:
        description: The peer's ID, in any spelling.
        type: str
        required: true
      encryption_password:
        description:
          - The password with which files are encrypted for this peer; empty means that they are not.
          - A password that the peer does not expect ends the whole connection.
        type: str
  exclusive:
    description:
      - Whether O(devices) is the whole list, so that peers which are not in it lose the folder.
      - With V(false) they are left alone.
    type: bool
    default: true
  rescan_interval:
    description: Seconds between complete scans; V(0) means none.
    type: int
  fs_watcher_enabled:
    description: Whether changes are noticed as they happen.
    type: bool
  fs_watcher_delay:
    description: Seconds between a change and the scan for it. Syncthing's own default is 10.
    type: int
  ignore_perms:
    description: Whether file permissions are neither compared nor copied.
    type: bool
  max_conflicts:
    description:
      - How many copies are kept when both ends changed a file; V(0) means none, V(-1) all.
      - In a worklist folder a copy would be served as a second patient, so V(0) is right there.
    type: int
  order:
    description: In which order files are fetched.
    type: str
    choices: [random, alphabetic, smallestFirst, largestFirst, oldestFirst, newestFirst]
  puller_delay:
    description: Seconds to wait before files are fetched. With Syncthing 1, which has no such delay, it is a warning.
    type: int
  paused:
    description: Whether the folder is paused.
    type: bool
  versioning:
    description: Whether replaced files are kept. A new folder keeps none.
    type: dict
    suboptions:
      type:
        description: The kind of versioning.
        type: str
        choices: [none, trashcan, simple, staggered, external]
      params:
        description: Its parameters, all of them; those that are left out are removed.
        type: dict
  ignores:
    description:
      - The ignore patterns, in order. They are a file in the directory and no part of Syncthing's configuration.
      - V(["!/*.wl", "*"]) lets nothing travel but the files C(*.wl) of the top level.
    type: list
    elements: str
  pristine:
    description:
      - With V(true), files that were changed, added or removed on this side of a V(receiveonly) folder are put back to
        what the peers sent.
      - Do so when the folder is in step; before that, files are discarded that have to be fetched again.
    type: bool
  wait:
    description:
      - Whether to wait until the folder is idle here and complete at each peer, and each peer shares it.
      - Waiting is no change. Not in check mode.
    type: bool
    default: false
  wait_timeout:
    description: How long to wait, in seconds.
    type: int
    default: 120
  state:
    description: Whether the folder is shared. V(absent) leaves the files where they are.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: mediverse.pacs.syncthing_device
  - module: mediverse.pacs.syncthing_info
"""

EXAMPLES = r"""
- name: The hub sends a site's worklists to its gateway and to nobody else
  mediverse.pacs.syncthing_folder:
    id: wl-kanifing
    path: /files/worklists_wl/kanifing
    type: sendonly
    devices:
      - device_id: "{{ gateway_id }}"
    fs_watcher_delay: 1
    ignore_perms: true
    max_conflicts: 0
    ignores: ["!/*.wl", "*"]
    api_key: "{{ hub_api_key }}"

- name: Wait until both ends are in step
  mediverse.pacs.syncthing_folder:
    id: wl-kanifing
    wait: true
    api_key: "{{ hub_api_key }}"
"""

RETURN = r"""
folder:
  description: The folder as Syncthing has it after the task, without secrets. Empty when it does not exist.
  returned: success
  type: dict
  sample: {id: wl-kanifing, path: /files/worklists_wl/kanifing, type: sendonly, fs_watcher_delay: 1, max_conflicts: 0,
    ignore_perms: true}
link:
  description: The state of the folder here and at its peers.
  returned: success, when O(wait) is true
  type: dict
  contains:
    in_step:
      description: Whether nothing is left to do on either end.
      type: bool
    state:
      description: What this end is doing, for example V(idle).
      type: str
    error:
      description: Why this end does not work; empty when it does.
      type: str
    files:
      description: How many files the folder has.
      type: int
    needed:
      description: How many items this end still has to fetch.
      type: int
    local_changes:
      description: How many items of a receive-only folder were changed on this side.
      type: int
    peers:
      description: The completion in percent and the state of each peer, by device ID.
      type: dict
failure:
  description: What went wrong, as data.
  returned: failure
  type: dict
  contains:
    status:
      description: The HTTP status, or null when no answer came.
      type: int
    code:
      description: The kind of failure (V(input), V(login), V(unreachable), V(tls), V(timeout), V(not_json), V(status),
        V(not_kept), V(no_script) when a Windows target does not run the script that asks).
      type: str
    path:
      description: The path of the request that failed.
      type: str
"""

from ..module_utils._engine.runner import run_module
from ..module_utils.syncthing.folder import FOLDER

SPEC = FOLDER


def main() -> None:
    """Run the module."""
    run_module(SPEC)


if __name__ == "__main__":
    main()
