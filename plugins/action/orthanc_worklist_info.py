# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets the module ``orthanc_worklist_info`` work on Windows targets."""

from __future__ import annotations

from ..plugin_utils._rest_action import RestAction


class ActionModule(RestAction):
    """See the base class."""
