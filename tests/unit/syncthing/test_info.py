# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""syncthing_info: everything worth knowing and no secret."""

from __future__ import annotations

from typing import Any

from ansible_collections.mediverse.pacs.plugins.modules import syncthing_info

from ..fake_api import FakeApi
from .samples import GATEWAY, KEY, LOCKED, OTHER, SELF, STRANGER, config, folder, peer, reads
from .test_folder import COMPLETION, DONE, IDLE, STATUS


def run(api: FakeApi, **options: Any) -> dict[str, Any]:
    """Run the module."""
    return api.run(syncthing_info, api_key=KEY, **options)


def test_the_configuration_is_one_request_and_without_secrets(both: FakeApi) -> None:
    reads(both, config(folder(peers=(peer(GATEWAY, "secretA"),)), gui={"user": "m", "password": LOCKED}))
    result = run(both, gather=[])
    assert (result["my_id"], result["version"], result["healthy"]) == (SELF, "1.29.5", True)
    assert [entry["device_id"] for entry in result["devices"]] == [GATEWAY, OTHER]
    assert [entry["device_id"] for entry in result["folders"][0]["devices"]] == [GATEWAY]
    assert result["gui"] == {"address": "127.0.0.1:8384", "login": True}
    for secret in ("secretA", LOCKED, KEY):
        assert secret not in both.output


def test_connections_and_pending(both: FakeApi) -> None:
    reads(both, config())
    line = {"connected": True, "paused": False, "address": "10.0.0.9:22000", "type": "tcp-server", "crypto": "TLS1.3"}
    both.expect("GET", "/rest/system/connections").reply(json={"connections": {GATEWAY: line}, "total": {}})
    both.expect("GET", "/rest/cluster/pending/devices").reply(json={STRANGER: {"name": "hub", "address": "10.9.9.9:1"}})
    both.expect("GET", "/rest/cluster/pending/folders").reply(json={"wl-s1": {"offeredBy": {OTHER: {"label": ""}}}})
    result = run(both)
    assert result["connections"][GATEWAY]["connected"]
    assert result["pending"] == {
        "devices": {STRANGER: {"name": "hub", "address": "10.9.9.9:1"}},
        "folders": {"wl-s1": [OTHER]},
    }


def test_the_link_of_a_folder(both: FakeApi) -> None:
    reads(both, config(folder(peers=(peer(GATEWAY), peer(OTHER)))))
    both.expect("GET", STATUS).reply(json=IDLE)
    both.expect("GET", COMPLETION).reply(json={**DONE, "remoteState": "notSharing"})
    result = run(both, gather=[], folder="wl-s1", device_id=GATEWAY.lower())
    assert not result["link"]["in_step"]
    assert result["link"]["peers"] == {GATEWAY: {"completion": 100, "remote_state": "notSharing"}}


def test_a_folder_that_is_not_there_has_no_link(api: FakeApi) -> None:
    reads(api, config())
    assert run(api, gather=[], folder="wl-s1")["link"] == {}


def test_a_device_without_a_folder_is_refused(api: FakeApi) -> None:
    assert "folder" in run(api, device_id=GATEWAY)["msg"]


def test_a_wrong_device_is_refused(api: FakeApi) -> None:
    reads(api, config(folder()))
    assert "eight groups" in run(api, gather=[], folder="wl-s1", device_id="x")["msg"]
