# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Syncthing 1.29.5 answers, shortened to the keys that matter."""

from __future__ import annotations

import copy
from typing import Any

from ..fake_api import Expectation, FakeApi

SELF = "AR7WFV3-O54RDRM-RGYDOOF-XCFSJTE-AC7LRH4-HRSKPAA-HM3TXU2-64Y7KQY"
GATEWAY = "MMIJVEL-XR6KUYS-AOOAEY7-RN2K2TL-33LOGRG-EQIZXXR-2Y2DQTY-GNA44QI"
OTHER = "O2R3JXC-T4UKD5C-P4J26UZ-AVFCB52-VLUGUKN-5TIRLHU-F3AZ2GW-Y54GQAH"
STRANGER = "ZUI6UF2-RL5JCAL-KDQEUDR-LH7VJN5-6ZKSB6N-3WNBIB4-67RQCML-NVESPAF"
KEY = "aaUS6LR7UfXf7U6huY2UTwPowugCQ9Ss"
HEADERS = {"X-Syncthing-Id": SELF, "X-Syncthing-Version": "v1.29.5"}
LOCKED = "$2a$10$" + "." * 31 + "MediverseLockedAccount"


def device(device_id: str, **changes: Any) -> dict[str, Any]:
    """A device as GET returns it."""
    return {
        "deviceID": device_id,
        "name": device_id[:5],
        "addresses": ["dynamic"],
        "compression": "metadata",
        "introducer": False,
        "introducedBy": "",
        "paused": False,
        "allowedNetworks": [],
        "autoAcceptFolders": False,
        "maxSendKbps": 0,
        "maxRecvKbps": 0,
        "untrusted": False,
        **changes,
    }


def peer(device_id: str, password: str = "") -> dict[str, Any]:
    """An entry of a folder's list of devices."""
    return {"deviceID": device_id, "introducedBy": "", "encryptionPassword": password}


def folder(folder_id: str = "wl-s1", peers: tuple[dict[str, Any], ...] = (), **changes: Any) -> dict[str, Any]:
    """A folder as GET returns it; Syncthing adds itself to the devices."""
    return {
        "id": folder_id,
        "label": "",
        "path": "/files/s1",
        "type": "sendonly",
        "devices": [peer(SELF), *peers],
        "rescanIntervalS": 3600,
        "fsWatcherEnabled": True,
        "fsWatcherDelayS": 10,
        "ignorePerms": False,
        "maxConflicts": 10,
        "order": "random",
        "paused": False,
        "versioning": {"type": "", "params": {}, "cleanupIntervalS": 3600, "fsPath": "", "fsType": "basic"},
        "markerName": ".stfolder",
        **changes,
    }


def config(
    *folders: dict[str, Any], known: tuple[dict[str, Any], ...] | None = None, gui: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The whole configuration."""
    devices = [device(SELF), *((device(GATEWAY), device(OTHER)) if known is None else known)]
    section = {
        "enabled": True,
        "address": "127.0.0.1:8384",
        "user": "",
        "password": "",
        "apiKey": KEY,
        "useTLS": False,
        "insecureAdminAccess": False,
        "insecureSkipHostcheck": False,
        **(gui or {}),
    }
    options = {
        "listenAddresses": ["default"],
        "globalAnnounceEnabled": True,
        "relaysEnabled": True,
        "reconnectionIntervalS": 60,
        "urAccepted": 0,
    }
    return copy.deepcopy(
        {"version": 37, "folders": list(folders), "devices": devices, "gui": section, "options": options}
    )


def reads(api: FakeApi, content: dict[str, Any]) -> Expectation:
    """Expect the one request with which everything begins."""
    expectation = api.expect("GET", "/rest/config", headers={"X-API-Key": KEY})
    expectation.reply(json=content, headers=HEADERS)
    return expectation
