# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The beginning and the end of a revocation at the cloud: which login is lost, and that nobody knows the new one."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail

from ..plugin_utils import _cloud_login as logins
from ..plugin_utils._enrolled import PURPOSE as PC
from ..plugin_utils._secrets_action import SecretsAction

ARGUMENTS: dict[str, Any] = {
    "site": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["begun", "ended"], "required": True},
    "former": {"type": "bool", "default": False},
    "by_hand": {"type": "bool", "default": False},
    "supplied": {"type": "str", "default": "", "no_log": True},
    "login": {"type": "str", "default": "", "no_log": True},
}
ENROLMENT_KEY = "gateway_enrolment_key"


class ActionModule(SecretsAction):
    """See the documentation of the module."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """``changed``, and with V(begun) ``replaces``."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        __, self._given = self.validate_argument_spec(ARGUMENTS)
        self._variables = task_vars or {}
        return {**result, **(self._begins() if self._given["state"] == "begun" else self._ends())}

    def _begins(self) -> dict[str, Any]:
        given = self._given
        # In check mode nothing is made that is missing.
        check, self._task.check_mode = self._task.check_mode, True
        found = logins.kept(self._ask(purposes=logins.PURPOSES))
        self._task.check_mode = check
        decided = logins.plan(found, given["by_hand"], given["former"], given["supplied"])
        changed = decided.replaces and decided.note != found.note
        if changed:
            # Before anything else, so that a run that is cut off or refused leaves it to the next.
            self._ask(replaced={logins.NOTE: decided.note})
        if decided.problem:
            raise AnsibleActionFail(decided.problem)
        return {"changed": changed, "replaces": decided.replaces}

    def _ends(self) -> dict[str, Any]:
        """In one step, and the last one, so that the next run finishes one that was cut off.

        Without the key the next stick has another one, and so the same PC gives its account another password.
        """
        login, former = self._given["login"], self._given["former"]
        note = {logins.NOTE: logins.after_revocation(login, former)} if login else {}
        done = self._ask(replaced=note, forgotten=[] if former else [PC, ENROLMENT_KEY])
        return {"changed": bool(done["changed"])}

    def _ask(self, purposes: list[str] | None = None, **more: Any) -> dict[str, Any]:
        done = self.secrets(self._variables, {"site": self._given["site"], "purposes": purposes or [], **more})
        if done.get("failed"):
            raise AnsibleActionFail(str(done.get("msg")))
        return done
