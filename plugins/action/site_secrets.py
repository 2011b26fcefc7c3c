# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs ``site_secrets`` and keeps its result out of every output.

C(no_log) on the task would do the same, but it would also hide the sentence that says why a secret was refused.
"""

from __future__ import annotations

from typing import Any

from ..plugin_utils._secrets_action import SecretsAction


class ActionModule(SecretsAction):
    """Executes the module as it is; a success is censored, a failure is shown because it holds no secret."""

    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The result of the module, with ``secrets`` readable for later tasks only."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        result.update(self.secrets(task_vars or {}))
        if not result.get("failed"):
            result["_ansible_no_log"] = True
        return result
