# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one Syncthing says about itself, its peers and its folders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._engine.fields import show_all
from .._engine.http import Api
from .._engine.reconcile import checked
from .._engine.resource import InfoSpec, Params
from ._service import SYNCTHING, Configuration, configuration
from ._status import folder_link
from .device import FIELDS as DEVICE_FIELDS
from .folder import FIELDS as FOLDER_FIELDS

_SUBSETS = ("connections", "pending")
_PEER = next(field for field in DEVICE_FIELDS if field.key)


def _devices(config: Configuration) -> list[dict[str, Any]]:
    return [show_all(DEVICE_FIELDS, device) for device in config.devices if device["deviceID"] != config.my_id]


def _folders(config: Configuration) -> list[dict[str, Any]]:
    return [show_all(FOLDER_FIELDS, _without_self(folder, config.my_id)) for folder in config.folders]


def _without_self(folder: Mapping[str, Any], my_id: str) -> dict[str, Any]:
    peers = [entry for entry in folder.get("devices") or [] if entry["deviceID"] != my_id]
    return {**folder, "devices": peers}


def _connections(api: Api) -> dict[str, Any]:
    answer = api.read("/rest/system/connections", absent=())
    return {
        device_id: {
            "connected": bool(entry.get("connected")),
            "paused": bool(entry.get("paused")),
            "address": entry.get("address", ""),
            "type": entry.get("type", ""),
            "client_version": entry.get("clientVersion", ""),
            "started_at": entry.get("startedAt", ""),
        }
        for device_id, entry in (answer.get("connections") or {}).items()
    }


def _pending(api: Api) -> dict[str, Any]:
    devices = api.read("/rest/cluster/pending/devices", absent=()) or {}
    folders = api.read("/rest/cluster/pending/folders", absent=()) or {}
    return {
        "devices": {
            device_id: {"name": entry.get("name", ""), "address": entry.get("address", "")}
            for device_id, entry in devices.items()
        },
        "folders": {folder_id: sorted(entry.get("offeredBy") or {}) for folder_id, entry in folders.items()},
    }


def read(api: Api, params: Params) -> dict[str, Any]:
    """The result of ``syncthing_info``; every part beyond the configuration costs requests, so ``gather`` names it."""
    config = configuration(api)
    result: dict[str, Any] = {
        "healthy": True,
        "my_id": config.my_id,
        "version": config.version.lstrip("v"),
        "gui": {
            "address": config.data["gui"].get("address", ""),
            "login": bool(config.data["gui"].get("user") and config.data["gui"].get("password")),
        },
        "devices": _devices(config),
        "folders": _folders(config),
    }
    if "connections" in params["gather"]:
        result["connections"] = _connections(api)
    if "pending" in params["gather"]:
        result["pending"] = _pending(api)
    if params["folder"] is not None:
        folder = config.folder(params["folder"])
        peers = (
            [] if folder is None else [entry["deviceID"] for entry in _without_self(folder, config.my_id)["devices"]]
        )
        if params["device_id"] is not None:
            peers = [checked(_PEER, params["device_id"])]
        result["link"] = folder_link(api, params["folder"], peers).shown if folder is not None else {}
    return result


INFO = InfoSpec(
    service=SYNCTHING,
    read=read,
    options={
        "gather": {"type": "list", "elements": "str", "choices": list(_SUBSETS), "default": list(_SUBSETS)},
        "folder": {"type": "str"},
        "device_id": {"type": "str"},
    },
    constraints={"required_by": {"device_id": ["folder"]}},
)
