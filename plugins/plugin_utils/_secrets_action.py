# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every action has in common that asks for the secrets of a site: nothing of an answer is ever shown."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

from ._reach import of_host


class SecretsAction(ActionBase):  # type: ignore[misc]  # the base has no types
    """Asks ``site_secrets`` on the host of the task."""

    _task: Any
    _supports_check_mode = True

    def secrets(self, variables: dict[str, Any], arguments: dict[str, Any] | None = None) -> dict[str, Any]:
        """The result of the module, a failed one included; without ``arguments`` it gets those of the task.

        A host that is not reached is a failure as well: for Ansible it would be none, which no play could report.
        """
        named = {} if arguments is None else {"module_name": "mediverse.pacs.site_secrets", "module_args": arguments}
        try:
            # A connection that is told that nothing is for showing does not say either why there is none, so it is made
            # before that.
            self._low_level_execute_command("true", sudoable=False)
            # At -vvv it shows what the module printed, unless it is told so. Task and connection hold a play context
            # each; connections look at their own.
            for context in (self._play_context, getattr(self._connection, "_play_context", None)):
                if context is not None:
                    context.no_log = True
            found: dict[str, Any] = self._execute_module(**named, task_vars=variables)
        except AnsibleConnectionFailure as error:
            return {"failed": True, "changed": False, "msg": self._unreached(error, variables)}
        return found

    def _unreached(self, error: AnsibleConnectionFailure, variables: dict[str, Any]) -> str:
        host = str(self._task.delegate_to or variables["inventory_hostname"])
        sentence = of_host(host, variables["hostvars"][host], str(error))
        return f"{sentence} It keeps the secrets that everything else needs."
