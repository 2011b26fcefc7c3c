# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every module of the collection promises, for its documentation."""

from __future__ import annotations


class ModuleDocFragment:
    """``mediverse.pacs.attributes`` for modules that change something, ``.info`` for those that only read."""

    DOCUMENTATION = r"""
options: {}
requirements:
  - The Python library C(requests) on a Python target; nothing on a Windows target
attributes:
  check_mode:
    support: full
    description: Predicts what it would do, by reading from the server, and changes nothing.
  diff_mode:
    support: full
    description: Shows the managed options before and after the task. Secrets are masked on both sides.
  idempotent:
    support: full
    description: >-
      A second run changes nothing, except where an option that cannot be read back says otherwise.
  platform:
    support: full
    platforms: posix, windows
    description: Operating systems of the target.
"""

    INFO = r"""
options: {}
requirements:
  - The Python library C(requests) on a Python target; nothing on a Windows target
attributes:
  check_mode:
    support: full
    description: Reads in check mode, too; it never changes anything.
  diff_mode:
    support: N/A
    description: It never changes anything.
  idempotent:
    support: full
    description: It never changes anything.
  platform:
    support: full
    platforms: posix, windows
    description: Operating systems of the target.
"""

    ACTIONGROUP_ORTHANC = r"""
options: {}
attributes:
  action_group:
    support: full
    description: C(group/mediverse.pacs.orthanc) in C(module_defaults) sets options for all modules of the group.
    membership:
      - mediverse.pacs.orthanc
      - mediverse.pacs.all
"""

    ACTIONGROUP_SYNCTHING = r"""
options: {}
attributes:
  action_group:
    support: full
    description: C(group/mediverse.pacs.syncthing) in C(module_defaults) sets options for all modules of the group.
    membership:
      - mediverse.pacs.syncthing
      - mediverse.pacs.all
"""

    ACTIONGROUP_NGINX_PROXY_MANAGER = r"""
options: {}
attributes:
  action_group:
    support: full
    description: >-
      C(group/mediverse.pacs.nginx_proxy_manager) in C(module_defaults) sets options for all modules of the group.
    membership:
      - mediverse.pacs.nginx_proxy_manager
      - mediverse.pacs.all
"""

    ACTIONGROUP_DIGITALOCEAN = r"""
options: {}
attributes:
  action_group:
    support: full
    description: C(group/mediverse.pacs.digitalocean) in C(module_defaults) sets options for all modules of the group.
    membership:
      - mediverse.pacs.digitalocean
      - mediverse.pacs.all
"""
