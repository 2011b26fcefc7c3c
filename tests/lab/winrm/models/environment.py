# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""win_environment (ansible.windows 3.3.0 to 3.8.0)."""

from __future__ import annotations

from typing import Any

from ..call import Call, Result, model
from ..registry import MACHINE_ENVIRONMENT, USER_ENVIRONMENT
from ..windows import Failure, Windows


@model("win_environment")
def win_environment(windows: Windows, params: dict[str, Any], call: Call) -> Result:
    level = params["level"]
    if level == "process":
        raise Failure(
            "The simulated Windows does not model win_environment with level=process: it has no lasting effect."
        )
    key = MACHINE_ENVIRONMENT if level == "machine" else USER_ENVIRONMENT
    wanted = params.get("variables") or {params["name"]: params.get("value")}
    result: dict[str, Any] = {"changed": False, "values": {}, "diff": {"before": {level: {}}, "after": {level: {}}}}
    for name, value in wanted.items():
        state = params.get("state") or ("present" if value else "absent")
        if state == "present" and not value:
            raise Failure(
                "When state=present, value must be defined and not an empty string, "
                "if you wish to remove the envvar, set state=absent"
            )
        value = None if state == "absent" else str(value)
        before = windows.registry.data(key, name)
        changed = before != value
        if changed and not call.check:
            if value is None:
                windows.registry.delete_value(key, name)
            else:
                windows.registry.set(key, name, "string", value)
        result["values"][name] = {"changed": changed, "before": before, "after": value}
        result.update(changed=result["changed"] or changed, before_value=before, value=value)
        for side, text in (("before", before), ("after", value)):
            if text:
                result["diff"][side][level][name] = text
    if result["changed"] and not call.check:
        windows.save()
    return result
