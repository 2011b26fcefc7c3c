# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs ``hub_access`` and makes a hub that cannot be reached a failure, so that a play can report it.

For Ansible an unreachable host is no failure: no rescue sees it, and reports of an earlier day would stay.
"""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

from ..plugin_utils._reach import of_host


class ActionModule(ActionBase):  # type: ignore[misc]  # the base has no types
    """Executes the module as it is."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The result of the module."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        try:
            result.update(self._execute_module(task_vars=variables))
        except AnsibleConnectionFailure as error:
            host = str(self._task.delegate_to or variables["inventory_hostname"])
            said = of_host(host, variables["hostvars"][host], str(error))
            return {**result, "failed": True, "changed": False, "msg": said}
        return result
