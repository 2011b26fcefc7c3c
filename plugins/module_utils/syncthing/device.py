# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices: the other Syncthings that one Syncthing knows. A device that is not listed is not let in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .._engine.errors import InputError
from .._engine.fields import Field
from .._engine.http import Api
from .._engine.reconcile import Plan
from .._engine.resource import Params, ResourceSpec
from .._rules import syncthing as rules
from ._identity import canonical_device_id
from ._service import (
    SYNCTHING,
    change,
    check_device_id,
    configuration,
    own_id_refused,
    tolerate_unknown,
)

_ADDRESS = re.compile(r"dynamic|(?:tcp|quic)[46]?://(?:\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?|relay://\S+")
_PATH = "/rest/config/devices"


def _check_addresses(value: list[str]) -> None:
    for address in value:
        if not _ADDRESS.fullmatch(address):
            raise ValueError(
                f"holds {address!r}, which Syncthing would store and never dial; "
                "write 'dynamic' or an address such as 'tcp://lims.example.org:22000'"
            )


def _check_networks(value: list[str]) -> None:
    for network in value:
        if wrong := rules.network(network):
            raise ValueError(f"holds {network!r}, which {wrong}")


def check_not_negative(value: float) -> None:
    """A limit or an interval."""
    if value < 0:
        raise ValueError("must not be negative")


FIELDS = (
    Field("device_id", "deviceID", key=True, check=check_device_id, normalise=canonical_device_id),
    Field("name"),
    Field(
        "addresses",
        type="list",
        elements="str",
        unordered=True,
        check=_check_addresses,
        normalise=lambda value: value or ["dynamic"],
    ),
    Field("compression", choices=("always", "metadata", "never")),
    # A new device gets these whatever the server's defaults say: each would let a device do more than it was told.
    Field("introducer", type="bool", default=False),
    Field("auto_accept_folders", "autoAcceptFolders", type="bool", default=False),
    Field("untrusted", type="bool", default=False),
    Field(
        "allowed_networks",
        "allowedNetworks",
        type="list",
        elements="str",
        unordered=True,
        default=[],
        check=_check_networks,
        normalise=lambda value: value or [],
    ),
    Field("max_send_kbps", "maxSendKbps", type="int", check=check_not_negative),
    Field("max_recv_kbps", "maxRecvKbps", type="int", check=check_not_negative),
    Field("paused", type="bool"),
)


def _validate(params: Params, current: Mapping[str, Any] | None, planned: Plan) -> None:
    if params["untrusted"] and (params["introducer"] or params["auto_accept_folders"]):
        raise InputError(
            "An untrusted device can be neither introducer nor auto_accept_folders; Syncthing would switch both off. "
            "Set them to false, or untrusted to false."
        )


class DeviceClient:
    """Devices of one Syncthing."""

    def __init__(self, api: Api, params: Params) -> None:
        self._api = api
        self._params = params
        self.warnings: list[str] = []

    def get(self, key: str) -> dict[str, Any] | None:
        """The device as Syncthing has it."""
        config = configuration(self._api)
        own_id_refused(config, key, "device_id")
        found = config.device(key)
        if found is not None and self._params["state"] == "present":
            tolerate_unknown(FIELDS, self._params, found, config.version, self.warnings)
        return found

    def create(self, key: str, planned: Plan) -> None:
        """Add it. Without an ID in the body Syncthing would answer 200 and create nothing."""
        change(self._api, "POST", _PATH, {**planned.desired, "deviceID": key})

    def update(self, key: str, planned: Plan, current: dict[str, Any]) -> None:
        """Send what differs; PUT would reset what the task does not name."""
        change(self._api, "PATCH", f"{_PATH}/{key}", planned.delta)

    def delete(self, key: str, current: dict[str, Any]) -> None:
        """Remove it, and with it its share in every folder."""
        change(self._api, "DELETE", f"{_PATH}/{key}")


DEVICE = ResourceSpec(
    service=SYNCTHING,
    fields=FIELDS,
    client=DeviceClient,
    returns="device",
    noun="Syncthing device",
    key="device_id",
    validate=_validate,
)
