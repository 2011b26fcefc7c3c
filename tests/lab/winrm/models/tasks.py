# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""win_scheduled_task (community.windows 3.1.0 to 3.3.0): tasks are entries of the state; nothing runs them."""

from __future__ import annotations

import re
from typing import Any

from ..call import Call, Result, model
from ..windows import Failure, Windows

_SETTINGS = (
    "disallow_start_if_on_batteries",
    "enabled",
    "execution_time_limit",
    "multiple_instances",
    "start_when_available",
    "stop_if_going_on_batteries",
)
_PLAIN = ("description", "logon_type", "run_level", *_SETTINGS)
_MODELLED = {"name", "path", "state", "actions", "triggers", "username", "update_password", *_PLAIN}
_TRIGGER = {"type", "start_boundary", "enabled", "repetition"}
_SERVICE_ACCOUNTS = ("SYSTEM", "LOCAL SERVICE", "NETWORK SERVICE")
_DURATION = re.compile(r"P(?=.)(\d+Y)?(\d+M)?(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+S)?)?")


@model("win_scheduled_task")
def win_scheduled_task(windows: Windows, params: dict[str, Any], call: Call) -> Result:
    for option, value in params.items():
        if value is not None and option not in _MODELLED and not option.startswith("_"):
            raise Failure(f"The simulated Windows does not model the option {option} of win_scheduled_task.")
    name = params["name"]
    if re.search(r'[\\/:*?"<>|]', name):
        raise Failure(f"Invalid task name '{name}'. The following characters are not valid: \\/:*?\"<>|")
    tasks: dict[str, dict[str, Any]] = windows.state["tasks"]
    folder = "\\" + str(params.get("path") or "").strip("\\")
    path = folder.rstrip("\\") + "\\" + name
    key = next((known for known in tasks if known.lower() == path.lower()), path)
    if params.get("state") == "absent":
        present = key in tasks
        if present and not call.check:
            del tasks[key]
            windows.save()
        return {"changed": present}
    given = _given(windows, params)
    if key not in tasks and not given.get("actions"):
        raise Failure("cannot create a task with no actions, set at least one action with a path to an executable")
    changed = key not in tasks or any(tasks[key].get(option) != value for option, value in given.items())
    if changed and not call.check:
        tasks[key] = {**tasks.get(key, {}), **given}
        windows.save()
    return {"changed": changed}


def _given(windows: Windows, params: dict[str, Any]) -> dict[str, Any]:
    """What the task should have, of what was said."""
    out = {option: params[option] for option in _PLAIN if params.get(option) is not None}
    if params.get("username"):
        account = windows.accounts.find(params["username"])
        if account is None:
            raise Failure(f"account_name {params['username']} is not a valid account, cannot get SID.")
        out["username"] = account
    if out.get("logon_type") == "service_account":
        if str(out.get("username", "")).rpartition("\\")[2] not in _SERVICE_ACCOUNTS:
            raise Failure("username must be SYSTEM, LOCAL SERVICE or NETWORK SERVICE when logon_type=service_account")
    elif out.get("logon_type"):
        raise Failure(f"The simulated Windows does not model the logon_type {out['logon_type']}.")
    if params.get("actions") is not None:
        out["actions"] = [_action(action) for action in params["actions"]]
    if params.get("triggers") is not None:
        out["triggers"] = [_trigger(trigger) for trigger in params["triggers"]]
    return out


def _action(action: dict[str, Any]) -> dict[str, Any]:
    if "path" not in action:
        raise Failure("action entry must contain the key 'path'")
    if unknown := set(action) - {"path", "arguments", "working_directory"}:
        raise Failure(f"The simulated Windows does not know the key {sorted(unknown)[0]} of an action.")
    return dict(action)


def _trigger(trigger: dict[str, Any]) -> dict[str, Any]:
    if trigger.get("type") != "time":
        raise Failure(f"The simulated Windows does not model a trigger of the type {trigger.get('type')}.")
    if unknown := set(trigger) - _TRIGGER:
        raise Failure(f"The simulated Windows does not model the key {sorted(unknown)[0]} of a trigger.")
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", str(trigger.get("start_boundary"))):
        raise Failure(
            "trigger option 'start_boundary' must be in the format 'YYYY-MM-DDThh:mm:ss' format but was "
            f"'{trigger.get('start_boundary')}'"
        )
    for option, value in (trigger.get("repetition") or {}).items():
        if option in ("interval", "duration") and not _DURATION.fullmatch(str(value)):
            raise Failure(f"trigger option '{option}' must be in the XML duration format but was '{value}'")
    return dict(trigger)
