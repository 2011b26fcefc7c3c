# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a folder is in step with its peers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from .._engine.http import Api

_REASONS = {
    "unknown": "is not connected",
    "notSharing": "does not share the folder with this Syncthing yet",
    "paused": "has paused the folder",
}


@dataclass(frozen=True)
class Link:
    """The state of a folder here (``/rest/db/status``) and of each peer (``/rest/db/completion``)."""

    status: Mapping[str, Any]
    peers: Mapping[str, Mapping[str, Any]]

    @property
    def obstacle(self) -> str:
        """Why it is not in step, as a clause; empty when it is."""
        state, error = self.status.get("state", ""), self.status.get("error", "")
        if error or state == "error":
            return f"this end reports: {error or 'an error'}"
        if state != "idle":
            return f"this end is {state or 'not running'}"
        if self.status.get("needTotalItems"):
            return f"this end still needs {self.status['needTotalItems']} items"
        for device_id, peer in self.peers.items():
            remote = peer.get("remoteState", "unknown")
            if remote != "valid":
                return f"device {device_id} {_REASONS.get(remote, 'answers ' + repr(remote))}"
            if peer.get("completion") != 100:
                return f"device {device_id} still needs {peer.get('needItems', 0) + peer.get('needDeletes', 0)} items"
        return ""

    @property
    def settled(self) -> bool:
        """Whether nothing is left to do on either end."""
        return not self.obstacle

    @property
    def shown(self) -> dict[str, Any]:
        """The link for results."""
        return {
            "in_step": self.settled,
            "state": self.status.get("state", ""),
            "error": self.status.get("error", ""),
            "files": self.status.get("globalFiles", 0),
            "needed": self.status.get("needTotalItems", 0),
            "local_changes": self.status.get("receiveOnlyTotalItems", 0),
            "peers": {
                device_id: {"completion": peer.get("completion"), "remote_state": peer.get("remoteState", "unknown")}
                for device_id, peer in self.peers.items()
            },
        }


def status_path(folder_id: str) -> str:
    """Where the state of a folder is read."""
    return f"/rest/db/status?folder={quote(folder_id)}"


def folder_status(api: Api, folder_id: str) -> dict[str, Any]:
    """``/rest/db/status`` of a folder; empty while the folder is only just starting."""
    return dict(api.read(status_path(folder_id)) or {})


def folder_link(api: Api, folder_id: str, peers: Sequence[str]) -> Link:
    """The state of a folder here and at each of the peers; one request here and one for each peer."""
    status = folder_status(api, folder_id)
    query = f"/rest/db/completion?folder={quote(folder_id)}&device="
    return Link(status, {peer: api.read(query + peer) or {} for peer in peers})
