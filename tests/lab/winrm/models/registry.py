# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""win_regedit and win_reg_stat (ansible.windows 3.3.0 to 3.8.0)."""

from __future__ import annotations

from typing import Any

from .. import registry
from ..call import Call, Result, model
from ..windows import Failure, Windows

_REG_NAMES = {
    "binary": "REG_BINARY",
    "dword": "REG_DWORD",
    "expandstring": "REG_EXPAND_SZ",
    "multistring": "REG_MULTI_SZ",
    "none": "REG_NONE",
    "qword": "REG_QWORD",
    "string": "REG_SZ",
}


def _path(text: str, message: str) -> str:
    try:
        if ":" not in text:
            raise ValueError(text)
        return registry.normal(text)
    except ValueError as error:
        raise Failure(message.format(path=text)) from error


def _data(params: dict[str, Any]) -> Any:
    kind, data = params.get("type") or "string", params.get("data")
    if kind in ("dword", "qword"):
        try:
            return int(str(data or 0), 0)
        except ValueError as error:
            raise Failure(f"Failed to convert the data '{data}' to a number for the type {kind}") from error
    if kind == "multistring":
        if data is None:
            return []
        return [str(item) for item in data] if isinstance(data, list) else str(data).split(",")
    if kind in ("binary", "none"):
        raise Failure(f"The simulated Windows does not model registry values of the type {kind}.")
    return "" if data is None else str(data)


@model("win_regedit")
def win_regedit(windows: Windows, params: dict[str, Any], call: Call) -> Result:
    if params.get("hive"):
        raise Failure("The simulated Windows does not model the option hive of win_regedit.")
    path = _path(params["path"], "path: {path} is not a valid powershell path, see module documentation for examples.")
    name, reg = params.get("name"), windows.registry
    exists = reg.exists(path)
    result: Result = {"changed": False, "data_changed": False, "data_type_changed": False}
    if params.get("state") == "absent":
        if name is None and params.get("delete_key", True):
            result["changed"] = exists
        else:
            result["changed"] = reg.get(path, name or "") is not None
        if result["changed"] and not call.check:
            if name is None and params.get("delete_key", True):
                reg.delete(path)
            else:
                reg.delete_value(path, name or "")
            windows.save()
        return result
    if name is None and params.get("data") is None:
        result["changed"] = not exists
        if not exists and not call.check:
            reg.create(path)
            windows.save()
        return result
    kind, data = params.get("type") or "string", _data(params)
    old = reg.get(path, name or "")
    if old is None:
        result["changed"] = True
    else:
        result["data_changed"] = old["data"] != data
        result["data_type_changed"] = old["type"] != kind
        result["changed"] = result["data_changed"] or result["data_type_changed"]
    if result["changed"] and not call.check:
        reg.set(path, name or "", kind, data)
        windows.save()
    return result


def _shown(windows: Windows, value: registry.Value) -> dict[str, Any]:
    data = windows.expand(value["data"]) if value["type"] == "expandstring" else value["data"]
    return {"type": _REG_NAMES[value["type"]], "value": data, "raw_value": value["data"]}


@model("win_reg_stat")
def win_reg_stat(windows: Windows, params: dict[str, Any], call: Call) -> Result:
    path = _path(params["path"], "path: {path} is not a valid registry path, see module documentation for examples.")
    if not windows.registry.exists(path):
        return {"changed": False, "exists": False}
    if params.get("name") is not None:
        value = windows.registry.get(path, params["name"])
        return {"changed": False, "exists": value is not None, **(_shown(windows, value) if value else {})}
    values = {value["name"]: _shown(windows, value) for value in windows.registry.values(path).values()}
    return {"changed": False, "exists": True, "properties": values, "sub_keys": windows.registry.children(path)}
