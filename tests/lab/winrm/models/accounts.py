# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""win_user_right and win_user (ansible.windows 3.3.0 to 3.8.0)."""

from __future__ import annotations

from typing import Any

from ..call import Call, Result, model
from ..windows import Failure, Windows

_RIGHTS = {
    "SeServiceLogonRight",
    "SeDenyServiceLogonRight",
    "SeInteractiveLogonRight",
    "SeNetworkLogonRight",
    "SeDenyNetworkLogonRight",
    "SeBatchLogonRight",
    "SeLockMemoryPrivilege",
    "SeShutdownPrivilege",
}


@model("win_user_right")
def win_user_right(windows: Windows, params: dict[str, Any], call: Call) -> Result:
    name, action = params["name"], params["action"]
    if name not in _RIGHTS:
        raise Failure(f"the specified right {name} is not a valid right")
    wanted = []
    for user in params["users"]:
        found = windows.accounts.find(user)
        if found is None:
            raise Failure(f"Failed to translate the account '{user}' to a SID")
        wanted.append(found)
    before: list[str] = list(windows.state["rights"].get(name, []))
    added = [] if action == "remove" else [user for user in wanted if user not in before]
    if action == "add":
        removed = []
    elif action == "remove":
        removed = [user for user in before if user in wanted]
    else:
        removed = [user for user in before if user not in wanted]
    after = [user for user in before if user not in removed] + added
    if after != before and not call.check:
        windows.state["rights"][name] = after
        windows.save()
    diff = {"before": {name: before}, "after": {name: after}}
    return {"changed": bool(added or removed), "added": added, "removed": removed, "diff": diff}


@model("win_user")
def win_user(windows: Windows, params: dict[str, Any], call: Call) -> Result:
    for option in ("groups", "login_script", "home_directory", "profile", "user_cannot_change_password"):
        if params.get(option):
            raise Failure(f"The simulated Windows does not model the option {option} of win_user.")
    name, users = params["name"], windows.state["users"]
    known = next((user for user in users if user.lower() == name.lower()), None)
    state = params.get("state") or "present"
    if state == "query":
        return {"changed": False, "name": name, "state": "present" if known else "absent"}
    if state == "absent":
        if known and not call.check:
            del users[known]
            windows.save()
        return {"changed": known is not None, "name": name, "state": state}
    before: dict[str, Any] = users[known] if known else {}
    after = {**(before or {"groups": ["Users"], "enabled": True}), **_given(params, new=known is None)}
    if after != before and not call.check:
        users[known or name] = after
        windows.save()
    return {"changed": after != before, "name": name, "state": state}


def _given(params: dict[str, Any], *, new: bool) -> dict[str, Any]:
    """What the task wants an account to have. A password is tried by a logon, and set where that fails."""
    out: dict[str, Any] = {}
    if params.get("password") and (new or (params.get("update_password") or "always") == "always"):
        out["password"] = params["password"]
    for option, key in (("password_never_expires", "password_never_expires"), ("description", "description")):
        if params.get(option) is not None:
            out[key] = params[option]
    if params.get("account_disabled") is not None:
        out["enabled"] = not params["account_disabled"]
    return out
