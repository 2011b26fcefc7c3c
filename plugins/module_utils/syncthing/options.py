# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The general options of one Syncthing, and the section that guards its web page and API.

Both are changed by PATCH only. PUT would turn relays, discovery and telemetry back on, and would give the API a new
key.
"""

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
from ._service import SYNCTHING, change, configuration, tolerate_unknown
from .device import check_not_negative

_GUI_ADDRESS = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):\d{1,5}")
_SHORTEST_REDIAL = 5


def _check_listen(value: list[str]) -> None:
    for address in value:
        if wrong := rules.listen(address):
            raise ValueError(f"holds {address!r}, which {wrong}")


def _check_redial(value: int) -> None:
    if value < _SHORTEST_REDIAL:
        raise ValueError("must be at least 5 s, which is Syncthing's own limit")


def _check_gui_address(value: str) -> None:
    if not _GUI_ADDRESS.fullmatch(value):
        raise ValueError("must be an address and a port, such as 127.0.0.1:8384")


def _check_reports(value: int) -> None:
    if value < -1:
        raise ValueError("must be -1 (refused), 0 (not decided) or the number of the accepted report version")


GUI_FIELDS = (
    Field("address", check=_check_gui_address),
    Field("user"),
    Field("password_hash", "password", secret=True, check=rules.password_hash),
    Field("insecure_admin_access", "insecureAdminAccess", type="bool"),
    Field("insecure_skip_hostcheck", "insecureSkipHostcheck", type="bool"),
    Field("use_tls", "useTLS", type="bool"),
)

FIELDS = (
    Field(
        "listen_addresses",
        "listenAddresses",
        type="list",
        elements="str",
        unordered=True,
        check=_check_listen,
        normalise=lambda value: value or ["default"],
    ),
    Field("global_announce_enabled", "globalAnnounceEnabled", type="bool"),
    Field("local_announce_enabled", "localAnnounceEnabled", type="bool"),
    Field("announce_lan_addresses", "announceLANAddresses", type="bool"),
    Field("relays_enabled", "relaysEnabled", type="bool"),
    Field("nat_enabled", "natEnabled", type="bool"),
    Field("reconnection_interval", "reconnectionIntervalS", type="int", check=_check_redial),
    Field("usage_reporting", "urAccepted", type="int", check=_check_reports),
    Field("crash_reporting_enabled", "crashReportingEnabled", type="bool"),
    Field("auto_upgrade_interval", "autoUpgradeIntervalH", type="int", check=check_not_negative),
    Field("start_browser", "startBrowser", type="bool"),
    Field("set_low_priority", "setLowPriority", type="bool"),
    Field("max_send_kbps", "maxSendKbps", type="int", check=check_not_negative),
    Field("max_recv_kbps", "maxRecvKbps", type="int", check=check_not_negative),
    Field("gui", type="dict", suboptions=GUI_FIELDS),
)

_LOGIN = ("user", "password")


def _validate(params: Params, current: Mapping[str, Any] | None, planned: Plan) -> None:
    gui = params["gui"] or {}
    if (gui.get("user") is None) != (gui.get("password_hash") is None):
        raise InputError(
            "gui needs user and password_hash together; one without the other leaves the page without a login."
        )


class OptionsClient:
    """The one set of options of a Syncthing."""

    def __init__(self, api: Api, params: Params) -> None:
        self._api = api
        self._params = params
        self._keep_login: bool | None = None
        self.warnings: list[str] = []

    def get(self, key: Any) -> dict[str, Any]:
        """The options, and those of the GUI's keys that the table names (not the API key)."""
        config = configuration(self._api)
        found = dict(config.data["options"])
        gui = {field.api: config.data["gui"][field.api] for field in GUI_FIELDS if field.api in config.data["gui"]}
        wanted = self._params["gui"] or {}
        if self._keep_login is None:
            self._keep_login = self._params["gui_login"] == "when_empty" and bool(gui.get("password"))
        if self._keep_login:
            # Somebody's login stays: seen from the task it is the one that was asked for.
            for field in GUI_FIELDS:
                if field.api in _LOGIN and wanted.get(field.option) is not None:
                    gui[field.api] = wanted[field.option]
        found["gui"] = gui
        tolerate_unknown(FIELDS, self._params, found, config.version, self.warnings)
        tolerate_unknown(GUI_FIELDS, wanted, gui, config.version, self.warnings)
        return found

    def create(self, key: Any, planned: Plan) -> None:
        """Options always exist."""
        raise NotImplementedError

    def update(self, key: Any, planned: Plan, current: dict[str, Any]) -> None:
        """Send what differs; the GUI section last and in one request, because the API restarts after it."""
        options = {name: value for name, value in planned.delta.items() if name != "gui"}
        if options:
            change(self._api, "PATCH", "/rest/config/options", options)
        if "gui" in planned.delta:
            wanted = self._params["gui"]
            gui = {
                field.api: planned.delta["gui"][field.api] for field in GUI_FIELDS if wanted[field.option] is not None
            }
            if self._keep_login:
                gui = {name: value for name, value in gui.items() if name not in _LOGIN}
            change(self._api, "PATCH", "/rest/config/gui", gui)

    def delete(self, key: Any, current: dict[str, Any]) -> None:
        """Options cannot be removed."""
        raise NotImplementedError


OPTIONS = ResourceSpec(
    service=SYNCTHING,
    fields=FIELDS,
    client=OptionsClient,
    returns="options",
    noun="Syncthing options",
    key="",
    validate=_validate,
    options={"gui_login": {"type": "str", "choices": ["always", "when_empty"], "default": "always", "no_log": False}},
)
