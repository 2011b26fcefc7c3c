# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The beginning and the end of a revocation at the cloud: which login is lost, and that nobody knows the new one."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail

from ..plugin_utils import _cloud_login as logins
from ..plugin_utils._enrolled import ENROLMENT_KEY
from ..plugin_utils._enrolled import PURPOSE as PC
from ..plugin_utils._secrets_action import SecretsAction

ARGUMENTS: dict[str, Any] = {
    "site": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["begun", "ended"], "required": True},
    "former": {"type": "bool", "default": False},
    "by_hand": {"type": "bool", "default": False},
    "supplied": {"type": "str", "default": "", "no_log": True},
    "login": {"type": "str", "default": "", "no_log": True},
    "pc": {"type": "str"},
}
REQUIRED = [("state", "ended", ["pc"])]
# Other runs that may come between a look and what is written because of it.
_TRIES = 3


class ActionModule(SecretsAction):
    """See the documentation of the module."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """``changed``; with V(begun) ``replaces``, ``built`` and ``pc``, with V(ended) ``came``."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        __, self._given = self.validate_argument_spec(ARGUMENTS, required_if=REQUIRED)
        self._variables = task_vars or {}
        return {**result, **(self._begins() if self._given["state"] == "begun" else self._ends())}

    def _begins(self) -> dict[str, Any]:
        """Before anything else, so that a run that is cut off or refused leaves it to the next.

        Without the enrolment key the next stick has another one, and so the same PC gives its account another password.
        It goes now, because a stick that is made while this runs is for the next PC.
        """
        given = self._given
        found = self._look()
        decided = logins.plan(found, given["by_hand"], given["former"], given["supplied"])
        done = self._ask(replaced=decided.notes, forgotten=[] if given["former"] else [ENROLMENT_KEY])
        if decided.problem:
            raise AnsibleActionFail(decided.problem)
        return {
            "changed": bool(done["changed"]),
            "replaces": decided.replaces,
            "built": bool(found.login),
            "pc": logins.mark(found.pc),
        }

    def _ends(self) -> dict[str, Any]:
        """In one step, and the last one, so that the next run finishes one that was cut off."""
        login, former = self._given["login"], self._given["former"]
        found = self._look()
        for tried in range(_TRIES):
            if login and logins.is_lost(found, login):
                raise AnsibleActionFail(logins.AGAIN)
            end = logins.after_revocation(found, login, former, self._given["pc"])
            try:
                done = self._ask(replaced=end.notes, forgotten=[PC] if end.forgets else [], expected={PC: found.pc})
                break
            except AnsibleActionFail:
                before, found = found, self._look()
                if found.pc == before.pc or tried == _TRIES - 1:
                    raise
        return {"changed": bool(done["changed"]), "came": end.came}

    def _look(self) -> logins.Kept:
        # In check mode nothing is made that is missing.
        check, self._task.check_mode = self._task.check_mode, True
        found = logins.kept(self._ask(purposes=logins.PURPOSES))
        self._task.check_mode = check
        return found

    def _ask(self, purposes: list[str] | None = None, **more: Any) -> dict[str, Any]:
        done = self.secrets(self._variables, {"site": self._given["site"], "purposes": purposes or [], **more})
        if done.get("failed"):
            raise AnsibleActionFail(str(done.get("msg")))
        return done
