# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The properties of a shared folder, and what they may be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._engine.fields import Field
from .._engine.resource import ResourceSpec
from .._rules import syncthing as rules
from ._folder_client import FolderClient
from ._identity import canonical_device_id
from ._paths import same_path, tidy
from ._service import SYNCTHING, check_device_id
from .device import check_not_negative

_YEAR = 31536000


def _check_rescan(value: int) -> None:
    if not 0 <= value <= _YEAR:
        raise ValueError("must be 0 (never) to 31536000 (a year) seconds")


def _check_delay(value: float) -> None:
    if value < 1:
        raise ValueError("must be at least 1 s; Syncthing turns 0 into 10 and cuts fractions off")


def _check_conflicts(value: int) -> None:
    if value < -1:
        raise ValueError("must be -1 (keep all), 0 (keep none) or a number of copies")


def _check_devices(value: list[Mapping[str, Any]]) -> None:
    named = [entry["deviceID"] for entry in value]
    if len(named) != len(set(named)):
        raise ValueError("names a device twice")


def _check_ignores(value: list[str]) -> None:
    for pattern in value:
        if "\n" in pattern or not pattern.strip():
            raise ValueError("must be one pattern in each entry, without line breaks and not empty")


# All three keys go out with every entry: Syncthing decodes a list over the old one, position by position, and an entry
# without a password would inherit the password of whoever stood in its place before.
PEER_FIELDS = (
    Field("device_id", "deviceID", needed=True, check=check_device_id, normalise=canonical_device_id),
    Field("introduced_by", "introducedBy", constant=""),
    Field("encryption_password", "encryptionPassword", secret=True, default=""),
)

VERSIONING_FIELDS = (
    Field(
        "type",
        choices=("none", "trashcan", "simple", "staggered", "external"),
        normalise=lambda v: "" if v == "none" else v,
    ),
    Field(
        "params",
        type="dict",
        normalise=lambda value: {str(name): str(text) for name, text in (value or {}).items()},
    ),
)

FIELDS = (
    Field("id", key=True, check=rules.folder_id),
    Field("label"),
    Field("path", needed=True, normalise=tidy, compare=same_path),
    Field("type", choices=("sendreceive", "sendonly", "receiveonly", "receiveencrypted"), needed=True),
    # A new folder's list is always sent: one that is left out is filled from the server's defaults, which may share it.
    Field(
        "devices",
        type="list",
        elements="dict",
        suboptions=PEER_FIELDS,
        unordered=True,
        default=[],
        check=_check_devices,
    ),
    Field("rescan_interval", "rescanIntervalS", type="int", check=_check_rescan),
    Field("fs_watcher_enabled", "fsWatcherEnabled", type="bool"),
    Field("fs_watcher_delay", "fsWatcherDelayS", type="int", check=_check_delay),
    Field("ignore_perms", "ignorePerms", type="bool"),
    Field("max_conflicts", "maxConflicts", type="int", check=_check_conflicts),
    Field("order", choices=("random", "alphabetic", "smallestFirst", "largestFirst", "oldestFirst", "newestFirst")),
    Field("puller_delay", "pullerDelayS", type="int", check=check_not_negative),
    Field("paused", type="bool"),
    Field("versioning", type="dict", suboptions=VERSIONING_FIELDS, default={"type": "", "params": {}}),
    # Two that are no part of the configuration; the client reads and writes them elsewhere.
    Field("ignores", type="list", elements="str", check=_check_ignores, normalise=lambda value: value or []),
    Field("pristine", type="bool", compare=lambda wanted, current: bool(current) or not wanted),
)

FOLDER = ResourceSpec(
    service=SYNCTHING,
    fields=FIELDS,
    client=lambda api, params: FolderClient(api, params, FIELDS),
    returns="folder",
    noun="Syncthing folder",
    key="id",
    options={
        "exclusive": {"type": "bool", "default": True},
        "wait": {"type": "bool", "default": False},
        "wait_timeout": {"type": "int", "default": 120},
    },
    finish=lambda client, params: client.settle(params["wait_timeout"]) if params["wait"] else {},
)
