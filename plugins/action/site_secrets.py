# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs ``site_secrets`` and keeps its result out of every output.

C(no_log) on the task would do the same, but it would also hide the sentence that says why a secret was refused.
"""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

from ..plugin_utils._reach import of_host


class ActionModule(ActionBase):  # type: ignore[misc]  # the base has no types
    """Executes the module as it is; a success is censored, a failure is shown because it holds no secret."""

    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The result of the module, with ``secrets`` readable for later tasks only."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        try:
            # A connection that is told that nothing is for showing does not say either why there is none, so it is made
            # before that.
            self._low_level_execute_command("true", sudoable=False)
            # At -vvv it shows what the module printed, unless it is told so. Task and connection hold a play context
            # each; connections look at their own.
            for context in (self._play_context, getattr(self._connection, "_play_context", None)):
                if context is not None:
                    context.no_log = True
            result.update(self._execute_module(task_vars=task_vars))
        except AnsibleConnectionFailure as error:
            # For Ansible that is no failure, which a play could report, and reports of an earlier day would stay.
            return {**result, "failed": True, "changed": False, "msg": self._unreached(error, task_vars or {})}
        if not result.get("failed"):
            result["_ansible_no_log"] = True
        return result

    def _unreached(self, error: AnsibleConnectionFailure, variables: dict[str, Any]) -> str:
        host = str(self._task.delegate_to or variables["inventory_hostname"])
        sentence = of_host(host, variables["hostvars"][host], str(error))
        return f"{sentence} It keeps the secrets that everything else needs."
