# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gives the account of an accepted PC the password that is kept for it, whatever a run before has left."""

from __future__ import annotations

import contextlib
import re
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ..module_utils._access.report import USER
from ..plugin_utils import _enrolled as enrolled
from ..plugin_utils._reach import of_host

ARGUMENTS: dict[str, Any] = {
    "site": {"type": "str", "required": True},
    "key": {"type": "str", "required": True, "no_log": True},
    "first": {"type": "str", "required": True, "no_log": True},
}
_PATIENCE = 10
_REFUSED = re.compile(r"credentials were rejected|\b401\b")


class ActionModule(ActionBase):  # type: ignore[misc]  # the base has no types
    """See the documentation of the module."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Tries the kept password, then the one of the report, and sets the kept one. It was stored before that."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        __, given = self.validate_argument_spec(ARGUMENTS)
        self._variables = task_vars or {}
        wanted = self._connection.get_option("remote_password")
        if self._lets_in(wanted):
            return {**result, "changed": False}
        try:
            first = enrolled.first_password(given["key"], given["first"], given["site"])
        except enrolled.EnrolledError as error:
            raise AnsibleActionFail(str(error)) from None
        if not self._lets_in(first):
            raise AnsibleActionFail(
                f"The PC of {given['site']} takes neither the password of its report nor the kept one: somebody has "
                "changed it, or Windows has locked the account for some minutes after wrong ones, or filters its "
                "rights. Wait a quarter of an hour and run again; where it stays so, run revoke.yml, and make "
                "and accept a new stick, with which the PC gets another password."
            )
        account = {"name": USER, "password": wanted, "update_password": "always", "password_never_expires": True}
        done = self._execute_module("ansible.windows.win_user", account, task_vars=self._variables)
        if done.get("failed"):
            raise AnsibleActionFail(f"Windows does not take the new password of {USER}: {done.get('msg')}")
        if not self._lets_in(wanted):
            raise AnsibleActionFail(
                f"Windows has taken the new password of {USER} and refuses it; run accept.yml again."
            )
        return {**result, "changed": True}

    def _lets_in(self, password: str) -> bool:
        """Whether the account has this password. Any other trouble than a wrong one ends the task with a sentence."""
        with contextlib.suppress(Exception):
            self._connection.close()
        self._connection.set_option("remote_password", password)
        try:
            if hasattr(self._connection, "transport_test"):
                self._connection.transport_test(_PATIENCE)
            self._connection._connect()
        except Exception as error:
            if _REFUSED.search(str(error)):
                return False
            host = str(self._variables["inventory_hostname"])
            raise AnsibleActionFail(of_host(host, self._variables["hostvars"][host], str(error))) from None
        return True
