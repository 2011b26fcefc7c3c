# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges the variables of one role before it changes anything. Asks no host anything."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ..plugin_utils._settings import ROLES, problems
from ..plugin_utils._site_settings import unclear
from ..plugin_utils._specifications import COLLECTION, options_of


class ActionModule(ActionBase):  # type: ignore[misc]  # the base has no types
    """Fails with every mistake in the variables of a role, its defaults among them."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """An empty result, or a failure with a sentence for each mistake and without a secret."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        __, arguments = self.validate_argument_spec(
            {"role": {"type": "str", "choices": sorted(ROLES), "required": True}}
        )
        variables, role = task_vars or {}, str(arguments["role"])
        options = options_of(COLLECTION / "roles" / role)
        given, found = {}, []
        for name in sorted(str(name) for name in variables if str(name).startswith(f"{role}_")):
            try:
                given[name] = self._templar.template(variables[name])
            except Exception as error:
                found.append(unclear(name, options.get(name), variables, error))
        if not found:
            everybody = (variables.get("groups") or {}).get("all") or ()
            others = [str(host) for host in everybody if host != variables.get("inventory_hostname")]
            found = problems(role, given, others)
        return {**result, "changed": False, **({"failed": True, "msg": " ".join(found)} if found else {})}
