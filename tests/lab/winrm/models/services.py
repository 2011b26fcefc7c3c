# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""win_service and win_service_info (ansible.windows 3.3.0 to 3.8.0)."""

from __future__ import annotations

from typing import Any

from .. import registry
from ..call import Call, Result, model
from ..windows import Failure, Windows

_UNMODELLED = (
    "desktop_interact",
    "error_control",
    "failure_command",
    "failure_reboot_msg",
    "load_order_group",
    "pre_shutdown_timeout_ms",
    "required_privileges",
    "service_type",
    "sid_info",
)
_PLAIN = (
    "description",
    "display_name",
    "failure_actions_on_non_crash_failure",
    "failure_reset_period_sec",
    "path",
    "start_mode",
)


def _username(windows: Windows, name: str) -> str:
    full = windows.accounts.find(name)
    if full is None:
        raise Failure(f"Failed to convert the username '{name}' to a SID")
    if full == r"NT AUTHORITY\SYSTEM":
        return "LocalSystem"
    user = windows.accounts.local_user(full)
    return f".\\{user}" if user else full


def _wanted(windows: Windows, params: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """The settings the service should have, given what it has."""
    new = dict(now)
    for option in _PLAIN:
        if params.get(option) is not None:
            new[option] = params[option]
    if params.get("failure_reset_period_sec") is not None:
        new["failure_reset_period_sec"] = int(params["failure_reset_period_sec"])
    if params.get("failure_actions") is not None:
        new["failure_actions"] = [
            {"type": action["type"], "delay_ms": int(action.get("delay_ms") or 0)}
            for action in params["failure_actions"]
        ]
    if params.get("username"):
        new["username"] = _username(windows, params["username"])
    names = params.get("dependencies")
    if names is not None:
        old, action = list(now["dependencies"]), params.get("dependency_action") or "set"
        if action == "add":
            names = old + [name for name in names if name not in old]
        elif action == "remove":
            names = [name for name in old if name not in names]
        for name in names:
            if windows.services.find(name) is None:
                raise Failure(f"The specified service '{name}' in dependencies does not exist")
        new["dependencies"] = names
    return new


def _shown(service: dict[str, Any]) -> dict[str, Any]:
    keys = (
        "dependencies",
        "description",
        "display_name",
        "failure_actions",
        "failure_actions_on_non_crash_failure",
        "failure_reset_period_sec",
        "path",
        "start_mode",
        "state",
        "username",
    )
    return {key: service[key] for key in keys}


@model("win_service")
def win_service(windows: Windows, params: dict[str, Any], call: Call) -> Result:
    for option in _UNMODELLED:
        if params.get(option):
            raise Failure(f"The simulated Windows does not model the option {option} of win_service.")
    manager, name, state = windows.services, params["name"], params.get("state")
    key = manager.find(name)
    if state == "absent":
        gone = {"name": key, **_shown(manager.get(key))} if key else ""
        if key and not call.check:
            manager.delete(key)
        return {"changed": key is not None, "exists": False, "diff": {"before": gone, "after": ""}}
    touched = any(
        params.get(option) is not None for option in (*_PLAIN, "failure_actions", "username", "dependencies", "state")
    )
    if key is None and not touched:
        return {"changed": False, "exists": False}
    if key is None and not params.get("path"):
        raise Failure(f"Service '{name}' is not installed, need to set 'path' to create a new service")
    now = manager.get(key) if key else None
    base = now or {
        "display_name": name,
        "description": "",
        "path": params["path"],
        "start_mode": "auto",
        "username": "LocalSystem",
        "state": "stopped",
        "dependencies": [],
        "failure_actions": [],
        "failure_reset_period_sec": 0,
        "failure_actions_on_non_crash_failure": False,
    }
    before = _shown(now) if now else None
    new = _wanted(windows, params, base)
    configured = new != now
    act = {
        "started": "start" if base["state"] != "started" else "",
        "stopped": "stop" if base["state"] != "stopped" else "",
        "restarted": "restart",
    }.get(state or "", "")
    if state == "paused":
        raise Failure(f"failed to pause service {key or name}: The service does not support pausing")
    if act in ("start", "restart") and new["start_mode"] == "disabled" and (call.check or key is None):
        raise Failure(f"Service '{new['display_name']} ({key or name})' cannot be started: it is disabled.")
    if now and now.get("deleting") and (configured or act):
        raise Failure(f"Failed to change service '{key}': The specified service has been marked for deletion.")
    if not call.check:
        if key is None:
            key = name
            manager.create(key, **new)
        elif configured:
            manager.get(key).update(new)
            manager.write_registry(key)
            windows.save()
        if act:
            getattr(manager, act)(key)
    after = {
        **_shown(new),
        "state": {"start": "started", "restart": "started", "stop": "stopped"}.get(act, new["state"]),
    }
    result = {**after, "state": "running" if after["state"] == "started" else after["state"]}
    return {
        "changed": bool(configured or act),
        "exists": True,
        "name": key or name,
        "can_pause_and_continue": False,
        "depended_by": [],
        "desktop_interact": False,
        **{
            field: result[field]
            for field in ("dependencies", "description", "display_name", "path", "start_mode", "state", "username")
        },
        "diff": {"before": {"name": key or name, **before} if before else "", "after": {"name": key or name, **after}},
    }


@model("win_service_info")
def win_service_info(windows: Windows, params: dict[str, Any], call: Call) -> Result:
    manager, name = windows.services, params.get("name")
    keys = [found for found in [manager.find(name)] if found] if name else sorted(windows.state["services"])
    services = []
    for key in keys:
        service = manager.get(key)
        environment = windows.registry.data(rf"{registry.SERVICES}\{key}", "Environment")
        services.append(
            {
                "name": key,
                **_shown(service),
                "checkpoint": 0,
                "controls_accepted": ["stop", "shutdown"] if service["state"] == "started" else [],
                "depended_by": [],
                "error_control": "normal",
                "failure_command": None,
                "failure_reboot_msg": None,
                "load_order_group": "",
                "process_id": manager.process_id(key),
                "service_type": "win32_own_process",
                "sid_info": "none",
                **({"environment": environment} if environment else {}),
            }
        )
    return {"changed": False, "exists": bool(services), "services": services}
