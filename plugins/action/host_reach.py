# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One attempt to use a host, and a sentence about what is wrong with it."""

from __future__ import annotations

import contextlib
from typing import Any

from ansible.plugins.action import ActionBase

from ..plugin_utils._reach import of_host

# Seconds within which a Windows host must take a connection; SSH has Ansible's own timeout.
_PATIENCE = 10
# Answered in every language mode, and without a module: none runs where a policy constrains PowerShell.
_LANGUAGE_MODE = "$ExecutionContext.SessionState.LanguageMode"


class ActionModule(ActionBase):  # type: ignore[misc]  # the base has no types
    """Runs Ansible's ``ping`` on the host of the task and explains why it failed."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """An empty result, or a failure that says what the operator should do."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        said = self._attempt(variables)
        if said is None:
            return {**result, "changed": False}
        host = str(self._task.delegate_to or variables["inventory_hostname"])
        sentence = of_host(host, variables["hostvars"][host], said)
        return {**result, "failed": True, "msg": f"{sentence} Nothing was changed."}

    def _attempt(self, variables: dict[str, Any]) -> str | None:
        """What the host or the way to it said; None when all is well."""
        # Looking is no change.
        self._task.check_mode = False
        try:
            if hasattr(self._connection, "transport_test"):
                self._connection.transport_test(_PATIENCE)
            # A connection that an earlier run left open would hide that its login is refused now.
            with contextlib.suppress(AttributeError):
                self._connection.reset()
            answer = self._execute_module(module_name="ansible.legacy.ping", module_args={}, task_vars=variables)
        except Exception as error:
            return str(error)
        if answer.get("ping") == "pong":
            return None
        said = " ".join(str(answer.get(key) or "") for key in ("msg", "module_stderr", "module_stdout"))
        return f"{said} {self._mode()}".rstrip()

    def _mode(self) -> str:
        """The language mode of PowerShell on a Windows host that answers and runs no module; empty elsewhere."""
        if self._connection.transport != "winrm":
            return ""
        with contextlib.suppress(Exception):
            return str(self._low_level_execute_command(_LANGUAGE_MODE).get("stdout") or "").strip()
        return ""
