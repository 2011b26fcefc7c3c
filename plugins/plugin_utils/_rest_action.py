# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plugin behind every module that works on Linux and on Windows.

On Linux the module runs on the target, as usual. On Windows, where no Python can be expected, the same declaration
runs on the controller, and only the HTTP requests happen on the target (see :mod:`_win_transport`).
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.errors import UnsupportedError
from ansible.plugins.action import ActionBase

from ..module_utils._engine.hiding import hide, without_secrets
from ..module_utils._engine.resource import Spec
from ..module_utils._engine.runner import run
from ._win_transport import WinTransport

_CA_PATH = (
    "ca_path has no effect on a Windows target. Import the authority's certificate into the certificate store of the "
    "machine and remove the option."
)


class RestAction(ActionBase):  # type: ignore[misc]  # the base has no types
    """Subclasses are empty; the name of their file is the name of the module, whose ``SPEC`` they run.

    An action that is a program of its own overrides :meth:`run`, and asks such modules by :meth:`ask`.
    """

    _task: Any
    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task wherever its target needs it to run."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        if not self._is_windows:
            wrap_async = self._task.async_val and not self._connection.has_native_async
            result.update(self._execute_module(task_vars=task_vars, wrap_async=wrap_async))
            return result
        if self._task.async_val:
            raise AnsibleActionFail("On a Windows target this module cannot run in the background; remove async.")
        name = type(self).__module__.rsplit(".", 1)[-1]
        result.update(self._run_here(name, self._task.args, task_vars or {}))
        return result

    @property
    def _is_windows(self) -> bool:
        return bool(getattr(self._connection._shell, "_IS_WINDOWS", False))

    def ask(self, name: str, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """The result of a module of this kind, a failed one included, for actions that need more than one.

        Check mode is that of the task.
        """
        if self._is_windows:
            return self._run_here(name, arguments, task_vars)
        result: dict[str, Any] = self._execute_module(
            module_name=f"mediverse.pacs.{name}", module_args=arguments, task_vars=task_vars
        )
        return result

    def _run_here(self, name: str, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        package = __name__.rsplit(".", 2)[0]
        spec: Spec = import_module(f"{package}.modules.{name}").SPEC
        validated = ArgumentSpecValidator(spec.argument_spec(), **spec.rules()).validate(arguments)
        params: dict[str, Any] = validated.validated_parameters
        # Returned and not raised: failed_when has to see it, as it does when the module itself runs.
        if validated.error_messages:
            msg = validated.errors.msg
            if isinstance(validated.errors[0], UnsupportedError):
                msg = f"Unsupported parameters for ({name}) module: {msg}"
            return {"failed": True, "changed": False, "msg": msg}
        if params["ca_path"]:
            return {"failed": True, "changed": False, "msg": _CA_PATH}
        hidden: set[str] = set(validated._no_log_values)
        transport = WinTransport(
            spec.service.endpoint(params), lambda module, arguments: self._hidden(module, arguments, task_vars)
        )
        result = run(spec, params, transport, bool(self._task.check_mode), lambda found: hide(found, hidden))
        if not result.get("warnings"):
            result.pop("warnings", None)
        return without_secrets(result, params, hidden)

    def _hidden(self, module: str, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        task: Any = self._task
        # The module does not know that headers and bodies are secret, and would write them to the event log of the
        # target. Its result, which repeats them, stays in this process.
        self._task = task.copy()
        self._task.no_log = True
        try:
            answer: dict[str, Any] = self._execute_module(
                module_name=f"ansible.windows.{module}", module_args=arguments, task_vars=task_vars
            )
        finally:
            self._task = task
        return answer
