# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading and writing one shared folder.

A folder is spread over three places of the API: its configuration, its ignore patterns (a file in the folder) and its
state. To the engine it is one object with the additional properties ``ignores`` and ``pristine``.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from .._engine.errors import TIMEOUT, ApiError, InputError
from .._engine.fields import Field
from .._engine.http import Api
from .._engine.reconcile import Plan
from .._engine.resource import Params
from ._identity import canonical_device_id
from ._paths import is_absolute, overlap
from ._service import CONFIGURATION, Configuration, change, configuration, is_windows, own_id_refused, tolerate_unknown
from ._status import Link, folder_link, folder_status, status_path

_PATH = "/rest/config/folders"
_BESIDE = ("ignores", "pristine")
_PAUSE = 0.5
_REVERT_TIMEOUT = 60.0


class FolderClient:
    """Folders of one Syncthing. ``clock`` and ``sleep`` are replaced by tests."""

    def __init__(
        self,
        api: Api,
        params: Params,
        fields: Sequence[Field],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._api = api
        self._params = params
        self._fields = fields
        self._clock = clock
        self._sleep = sleep
        self._raw: dict[str, Any] = {}
        self._others: list[dict[str, Any]] = []
        self._my_id = ""
        self.warnings: list[str] = []

    def get(self, key: str) -> dict[str, Any] | None:
        """The folder, its peers without this Syncthing itself, completed with what the task asks for besides."""
        present = self._params["state"] == "present"
        if present and self._params["pristine"] is not None:
            self._api.foresee(CONFIGURATION, status_path(key))
        config = configuration(self._api)
        self._my_id = config.my_id
        if present:
            self._refuse(key, config)
        raw = config.folder(key)
        if raw is None:
            return None
        self._raw = raw
        found = copy.deepcopy(raw)
        found["devices"] = self._peers(raw)
        if present:
            if self._params["ignores"] is not None:
                found["ignores"] = self._api.read(f"/rest/db/ignores?folder={quote(key)}", absent=())["ignore"]
            if self._params["pristine"] is not None:
                found["pristine"] = _is_pristine(folder_status(self._api, key))
            tolerate_unknown(self._fields, self._params, found, config.version, self.warnings)
        return found

    def create(self, key: str, planned: Plan) -> None:
        """Add it."""
        change(self._api, "POST", _PATH, {**_configured(planned.desired), "id": key})
        self._apply_beside(key, planned)

    def update(self, key: str, planned: Plan, current: dict[str, Any]) -> None:
        """Send the folder as it was read, with what differs.

        PATCH of 2.0.0 to 2.1.1 gives default values to what the request does not name (Syncthing's issue 10389), and
        in every version it merges the parameters of versioning into the old ones, so they could never be removed.
        """
        delta = _configured(planned.delta)
        if "devices" in delta:
            delta["devices"] = [*delta["devices"], *self._others]
        if delta:
            change(self._api, "PUT", f"{_PATH}/{key}", {**self._raw, **delta})
        self._apply_beside(key, planned)

    def delete(self, key: str, current: dict[str, Any]) -> None:
        """Stop sharing it; the files stay."""
        change(self._api, "DELETE", f"{_PATH}/{key}")

    def settle(self, timeout: float) -> dict[str, Any]:
        """Wait until both ends agree, and return the link's state; ApiError with the obstacle after ``timeout`` s.

        A completion of 100 alone means nothing: a peer that does not share the folder has it, too.
        """
        key = self._params["id"]
        peers = [canonical_device_id(entry["device_id"]) for entry in self._params["devices"] or []]
        peers = peers or [
            entry["deviceID"] for entry in self._raw.get("devices", []) if entry["deviceID"] != self._my_id
        ]
        started = self._clock()
        while True:
            link = folder_link(self._api, key, peers)
            if link.settled:
                return {"link": link.shown}
            if self._clock() - started > timeout:
                raise ApiError(_unsettled(self._api, key, link, timeout), kind=TIMEOUT)
            self._sleep(_PAUSE)

    def _refuse(self, key: str, config: Configuration) -> None:
        """Refuse what Syncthing would accept in silence."""
        path = self._params["path"]
        if path is not None:
            self._refuse_path(key, path, config)
        for entry in self._params["devices"] or []:
            device_id = canonical_device_id(entry["device_id"])
            own_id_refused(config, device_id, "devices")
            if config.device(device_id) is None:
                raise InputError(
                    f"devices names {device_id}, which {self._api.where} does not know and would drop. "
                    "Add it with mediverse.pacs.syncthing_device first."
                )

    def _refuse_path(self, key: str, path: str, config: Configuration) -> None:
        windows = is_windows(self._api)
        if not is_absolute(path, windows):
            kind = r"a Windows path such as C:\ProgramData\Worklists" if windows else "a path that begins with '/'"
            raise InputError(f"path is {path!r}, but it must be {kind}.")
        for other in config.folders:
            if other["id"] != key and overlap(path, str(other.get("path", ""))):
                raise InputError(
                    f"path {path!r} overlaps {other['path']!r} of the folder {other['id']!r}, so its devices could see "
                    "each other's files. Give every folder a directory of its own, none inside another."
                )

    def _peers(self, raw: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The peers to compare with: all, or without ``exclusive`` only those that the task names."""
        peers = [entry for entry in raw.get("devices") or [] if entry["deviceID"] != self._my_id]
        if self._params["exclusive"] or self._params["devices"] is None:
            return peers
        named = {canonical_device_id(entry["device_id"]) for entry in self._params["devices"]}
        self._others = [entry for entry in peers if entry["deviceID"] not in named]
        return [entry for entry in peers if entry["deviceID"] in named]

    def _apply_beside(self, key: str, planned: Plan) -> None:
        if "ignores" in planned.delta:
            body = {"ignore": planned.delta["ignores"]}
            change(self._api, "POST", f"/rest/db/ignores?folder={quote(key)}", body)
        if planned.delta.get("pristine"):
            self._revert(key)

    def _revert(self, key: str) -> None:
        """Throw local changes away. Syncthing does it in the background and needs a few seconds."""
        deadline = self._clock() + _REVERT_TIMEOUT
        change(self._api, "POST", f"/rest/db/revert?folder={quote(key)}")
        while not _is_pristine(folder_status(self._api, key)) and self._clock() < deadline:
            self._sleep(_PAUSE)


def _configured(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: copy.deepcopy(value) for name, value in values.items() if name not in _BESIDE}


def _is_pristine(status: Mapping[str, Any]) -> bool:
    return not status.get("receiveOnlyTotalItems")


def _unsettled(api: Api, key: str, link: Link, timeout: float) -> str:
    return f"{api.where}: folder {key!r} is not in step after {timeout:g} s, because {link.obstacle}."
