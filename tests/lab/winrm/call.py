# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One module call: checks its arguments against the module's own source, then runs the model."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import eventlog
from .arguments import ArgumentError, check_arguments
from .psliteral import LiteralError
from .spec import ModuleSpec, read_spec
from .windows import Failure, Windows

Result = dict[str, Any]
Model = Callable[[Windows, dict[str, Any], "Call"], Result]
MODELS: dict[str, Model] = {}
UNLOCKED: set[str] = set()
"""Models that wait or talk to the network; they must not keep others from running."""

_specs: dict[str, ModuleSpec | None] = {}
_specs_lock = threading.Lock()


@dataclass
class Call:
    """``source``: the module's PowerShell text as it was sent; ``utilities``: texts of the module utilities."""

    name: str
    source: str
    arguments: dict[str, Any]
    utilities: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    become: str | None = None

    @property
    def full_name(self) -> str:
        """The name that the module knows itself by."""
        return str(self.arguments.get("_ansible_module_name") or self.name)

    @property
    def check(self) -> bool:
        return bool(self.arguments.get("_ansible_check_mode"))

    @property
    def diff(self) -> bool:
        return bool(self.arguments.get("_ansible_diff"))


def model(*names: str, unlocked: bool = False) -> Callable[[Model], Model]:
    """Registers a function as the model of these modules.

    It gets the machine, the checked parameters and the call, and returns the module's result. In check mode it
    must change nothing. It raises Failure for what the module would refuse, and for what it does not model.
    """

    def register(function: Model) -> Model:
        for name in names:
            MODELS[name] = function
            if unlocked:
                UNLOCKED.add(name)
        return function

    return register


def _spec(call: Call) -> ModuleSpec | None:
    key = f"{call.name} {hash(call.source)}"
    with _specs_lock:
        if key not in _specs:
            _specs[key] = read_spec(call.source, call.utilities)
        return _specs[key]


def run_module(windows: Windows, call: Call) -> Result:
    """The JSON object that the module would have printed."""
    function = MODELS.get(call.name)
    if function is None:
        return {
            "failed": True,
            "changed": False,
            "msg": f"The simulated Windows has no model of the module {call.name}.",
        }
    try:
        spec = _spec(call)
        params = check_arguments(call.full_name, spec, call.arguments) if spec else dict(call.arguments)
    except LiteralError as error:
        message = f"The options of {call.name} could not be read from its source: {error}"
        return {"failed": True, "changed": False, "msg": message}
    except ArgumentError as error:
        return {"failed": True, "changed": False, "msg": str(error), "invocation": {"module_args": call.arguments}}
    if call.check and spec and not spec.supports_check_mode:
        message = f"remote module ({call.name}) does not support check mode"
        return {"changed": False, "skipped": True, "msg": message}
    windows.refresh()
    try:
        if call.name in UNLOCKED:
            result = function(windows, params, call)
        else:
            with windows.lock:
                result = function(windows, params, call)
    except Failure as failure:
        result = {**failure.result, "failed": True, "msg": str(failure)}
    result.setdefault("changed", False)
    if unlogged := eventlog.warnings(call, params):
        result["warnings"] = [*(result.get("warnings") or []), *unlogged]
    hidden = {name for name, option in spec.options.items() if option.no_log} if spec else set()
    shown = {
        key: "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER" if key in hidden and value else value
        for key, value in params.items()
    }
    result["invocation"] = {"module_args": shown}
    return result
