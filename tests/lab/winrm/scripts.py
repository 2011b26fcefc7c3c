# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-ins for PowerShell scripts where there is no PowerShell.

Scripts are known by a line that they carry, ``# Name: <name>``; each model is compared with the script itself on
the real engine by a test. A script without a model fails with the way out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .windows import Failure, Windows

if TYPE_CHECKING:
    from .call import Call

Model = Callable[[Windows, dict[str, Any], bool], dict[str, Any]]
MODELS: dict[str, Model] = {}


def script(name: str) -> Callable[[Model], Model]:
    """Registers the model of a script: (machine, parameters, check mode) -> {changed, result, ...}."""

    def register(function: Model) -> Model:
        MODELS[name] = function
        return function

    return register


def run(windows: Windows, text: str, params: dict[str, Any], call: Call) -> dict[str, Any]:
    """The result of a known script; raises Failure for any other."""
    match = re.search(r"(?m)^#\s*Name:\s*([\w.-]+)\s*$", text)
    function = MODELS.get(match.group(1)) if match else None
    if function is None:
        raise Failure(
            "The simulated Windows has no PowerShell and no model of this script "
            f"({text.strip().splitlines()[0][:80]!r}): put pwsh on PATH and start the lab again."
        )
    answer = function(windows, params.get("parameters") or {}, call.check)
    return {"changed": False, "output": [], "error": [], "warning": [], "result": {}, **answer}
