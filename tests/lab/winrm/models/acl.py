# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""win_acl, win_acl_inheritance, win_owner (ansible.windows 3.3.0 to 3.8.0)."""

from __future__ import annotations

from typing import Any

from .. import security
from ..call import Call, Result, model
from ..windows import Failure, Windows


def _account(windows: Windows, name: str) -> str:
    found = windows.accounts.find(name)
    if found is None:
        raise Failure(f"{name} is not a valid user or group on the host machine or domain")
    return found


@model("win_acl")
def win_acl(windows: Windows, params: dict[str, Any], call: Call) -> Result:
    path = params["path"]
    if not security.exists(windows, path):
        raise Failure(f"{path} file or directory does not exist on the host")
    key = security.is_key(path)
    leaf = not key and windows.path(path).is_file()
    inherit = params.get("inherit")
    if leaf:
        inherit = "None"
    elif inherit is None:
        inherit = "ContainerInherit, ObjectInherit"
    flags = sorted(part.strip() for part in inherit.split(",") if part.strip().lower() != "none")
    if not set(flags) <= {"ContainerInherit", "ObjectInherit"}:
        raise Failure(
            f'an error occurred when attempting to change permissions on {path}: Cannot convert value "{inherit}"'
        )
    entry = {
        "account": _account(windows, params["user"]),
        "rights": security.mask(params["rights"], key),
        "type": params["type"],
        "inherit": flags,
        "propagation": params.get("propagation") or "None",
    }
    entries = security.descriptor(windows, path, change=not call.check)["entries"]
    present = params.get("state", "present") == "present"
    if (entry in entries) == present:
        text = "the specified rule already exists" if present else "the specified rule does not exist"
        return {"changed": False, "msg": text}
    # The module knows check mode from 3.7.0 on; before, it is not asked in it.
    if call.check:
        return {"changed": True}
    if present:
        entries.append(entry)
    else:
        entries.remove(entry)
    windows.save()
    security.enforce(windows, path)
    return {"changed": True}


@model("win_acl_inheritance")
def win_acl_inheritance(windows: Windows, params: dict[str, Any], call: Call) -> Result:
    path = params["path"]
    if not security.exists(windows, path):
        raise Failure(f"{path} does not exist")
    descriptor = security.descriptor(windows, path, change=not call.check)
    before = "absent" if descriptor["protected"] else "present"
    changed = before != params["state"]
    if changed and not call.check:
        descriptor["protected"] = params["state"] == "absent"
        full = {"inherit": ["ContainerInherit", "ObjectInherit"], "propagation": "None"}
        if params["state"] == "absent" and params["reorganize"]:
            descriptor["entries"] += [{**entry, **full} for entry in security.DEFAULT]
        elif params["reorganize"]:
            defaults = [{**entry, **full} for entry in security.DEFAULT]
            descriptor["entries"] = [entry for entry in descriptor["entries"] if entry not in defaults]
        windows.save()
        security.enforce(windows, path)
    after = before if call.check else params["state"]
    return {"changed": changed, "diff": {"before": {"state": before}, "after": {"state": after}}}


@model("win_owner")
def win_owner(windows: Windows, params: dict[str, Any], call: Call) -> Result:
    path = params["path"]
    if not security.exists(windows, path):
        raise Failure(f"{path} file or directory does not exist on the host")
    owner = _account(windows, params["user"])
    names = [path]
    if params.get("recurse"):
        names += [windows.windows_name(item) for item in windows.path(path).rglob("*")]
    changed = False
    for name in names:
        if security.owner(windows, name) != owner:
            changed = True
            if not call.check:
                security.descriptor(windows, name, change=True)["owner"] = owner
    if changed and not call.check:
        windows.save()
    return {"changed": changed}
