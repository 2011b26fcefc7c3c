# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""win_power_plan (community.windows 3.1.0 to 3.3.0), win_timezone (ansible.windows 3.3.0 to 3.8.0)."""

from __future__ import annotations

from typing import Any

from ..call import Call, Result, model
from ..windows import Failure, Windows


@model("win_power_plan")
def win_power_plan(windows: Windows, params: dict[str, Any], call: Call) -> Result:
    power = windows.state["power"]
    plans: dict[str, str] = power["plans"]
    name, guid = params.get("name"), (params.get("guid") or "").lower()
    if name is not None and name.lower() not in {plan.lower() for plan in plans}:
        raise Failure(f"Defined power_plan: ({name}) is not available")
    if guid and guid not in plans.values():
        raise Failure(f"Defined power_plan: ({guid}) is not available")
    target = guid or next(value for plan, value in plans.items() if plan.lower() == str(name).lower())
    changed = power["plan"] != target
    if changed and not call.check:
        power["plan"] = target
        windows.save()
    available = {plan: value == target for plan, value in plans.items()}
    shown = next(plan for plan, value in plans.items() if value == target)
    return {"changed": changed, "power_plan_name": shown, "power_plan_enabled": True, "all_available_plans": available}


@model("win_timezone")
def win_timezone(windows: Windows, params: dict[str, Any], call: Call) -> Result:
    before, wanted = windows.state["timezone"], params["timezone"]
    changed = before != wanted
    if changed and not call.check:
        windows.state["timezone"] = wanted
        windows.save()
    return {"changed": changed, "previous_timezone": before, "timezone": wanted}
