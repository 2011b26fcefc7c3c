# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""syncthing_folder: sharing with exactly those who were named, and nobody's secret with somebody else."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.modules import syncthing_folder

from ..fake_api import FakeApi
from .samples import GATEWAY, KEY, OTHER, SELF, STRANGER, config, folder, peer, reads

PATH = "/rest/config/folders"
STATUS = "/rest/db/status?folder=wl-s1"
COMPLETION = f"/rest/db/completion?folder=wl-s1&device={GATEWAY}"
IGNORES = "/rest/db/ignores?folder=wl-s1"
NEW: dict[str, Any] = {"path": "/files/s1", "type": "sendonly"}
IDLE = {"state": "idle", "error": "", "needTotalItems": 0, "receiveOnlyTotalItems": 0, "globalFiles": 3}
DONE = {"completion": 100, "needItems": 0, "needDeletes": 0, "remoteState": "valid"}


def run(api: FakeApi, check_mode: bool = False, **options: Any) -> dict[str, Any]:
    """Run the module on the folder wl-s1 unless told otherwise."""
    return api.run(syncthing_folder, check_mode, **{"id": "wl-s1", "api_key": KEY, **options})


def shared(*device_ids: str, **passwords: str) -> list[dict[str, str]]:
    """The option ``devices``."""
    return [{"device_id": device_id} for device_id in device_ids]


def test_a_new_folder_is_shared_with_nobody_unless_told(api: FakeApi) -> None:
    reads(api, config())
    body = {"id": "wl-s1", **NEW, "devices": [], "versioning": {"type": "", "params": {}}}
    api.expect("POST", PATH, json=body).reply()
    reads(api, config(folder()))
    assert run(api, **NEW)["changed"]


def test_each_peer_is_sent_with_all_three_keys(api: FakeApi) -> None:
    reads(api, config(folder(peers=(peer(OTHER, "secretA"), peer(GATEWAY)))))
    api.expect("PUT", f"{PATH}/wl-s1", json={**folder(), "devices": [peer(GATEWAY)]}).reply()
    reads(api, config(folder(peers=(peer(GATEWAY),))))
    result = run(api, devices=shared(GATEWAY))
    assert result["changed"]
    assert "secretA" not in api.output


def test_no_task_can_say_that_a_peer_was_introduced_and_every_entry_says_that_it_was_not(api: FakeApi) -> None:
    introduced = {**peer(GATEWAY), "introducedBy": OTHER}
    reads(api, config(folder(peers=(introduced,))))
    api.expect("PUT", f"{PATH}/wl-s1", json={**folder(), "devices": [peer(GATEWAY)]}).reply()
    reads(api, config(folder(peers=(peer(GATEWAY),))))
    assert run(api, devices=shared(GATEWAY))["changed"]
    refused = run(api, devices=[{"device_id": GATEWAY, "introduced_by": OTHER}])
    assert "introduced_by" in refused["msg"]


def test_a_password_that_was_inherited_is_noticed(api: FakeApi) -> None:
    reads(api, config(folder(peers=(peer(GATEWAY, "secretA"),))))
    api.expect("PUT", f"{PATH}/wl-s1", json={**folder(), "devices": [peer(GATEWAY)]}).reply()
    reads(api, config(folder(peers=(peer(GATEWAY, "secretA"),))))
    result = run(api, devices=shared(GATEWAY))
    assert result["failure"]["code"] == "not_kept"
    assert "secretA" not in api.output


def test_this_syncthing_itself_order_and_spelling_do_not_count(api: FakeApi) -> None:
    reads(api, config(folder(peers=(peer(OTHER), peer(GATEWAY)))))
    assert not run(api, devices=shared(GATEWAY.lower(), OTHER), path="/files//s1/")["changed"]


def test_others_lose_the_folder_by_default_and_keep_it_on_request(api: FakeApi) -> None:
    before = folder(peers=(peer(OTHER, "secretA"),))
    reads(api, config(before))
    sent = {**before, "devices": [peer(GATEWAY), peer(OTHER, "secretA")]}
    api.expect("PUT", f"{PATH}/wl-s1", json=sent).reply()
    reads(api, config(folder(peers=(peer(OTHER, "secretA"), peer(GATEWAY)))))
    assert run(api, devices=shared(GATEWAY), exclusive=False)["changed"]
    reads(api, config(folder(peers=(peer(OTHER, "secretA"), peer(GATEWAY)))))
    assert not run(api, devices=shared(GATEWAY), exclusive=False)["changed"]
    reads(api, config(folder(peers=(peer(OTHER, "secretA"), peer(GATEWAY)))))
    assert run(api, check_mode=True, devices=shared(GATEWAY))["changed"]


def test_the_whole_folder_is_sent_because_patch_resets_what_is_not_named_in_some_versions(both: FakeApi) -> None:
    stored = folder(path=r"C:\wl" if both.windows else "/wl", rescanIntervalS=7200, fsWatcherEnabled=False, group="x")
    reads(both, config(stored))
    both.expect("PUT", f"{PATH}/wl-s1", json={**stored, "paused": True}).reply()
    reads(both, config({**stored, "paused": True}))
    assert run(both, paused=True)["changed"]


def test_versioning_is_replaced_as_a_whole_because_patch_keeps_old_parameters(api: FakeApi) -> None:
    versioned = {"type": "trashcan", "params": {"cleanoutDays": "5"}, "cleanupIntervalS": 3600}
    stored = folder(peers=(peer(GATEWAY),), versioning=versioned)
    reads(api, config(stored))
    wanted = {"type": "", "params": {}, "cleanupIntervalS": 3600}
    api.expect("PUT", f"{PATH}/wl-s1", json={**stored, "versioning": wanted, "maxConflicts": 0}).reply()
    reads(api, config({**stored, "versioning": wanted, "maxConflicts": 0}))
    assert run(api, versioning={"type": "none", "params": {}}, max_conflicts=0)["changed"]


def test_versioning_parameters_are_texts(api: FakeApi) -> None:
    versioned = {"type": "trashcan", "params": {"cleanoutDays": "5"}}
    reads(api, config(folder(versioning=versioned)))
    assert not run(api, versioning={"type": "trashcan", "params": {"cleanoutDays": 5}})["changed"]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"devices": shared(STRANGER)}, "does not know and would drop"),
        ({"devices": shared(SELF)}, "this Syncthing itself"),
        ({"path": "/files/s2"}, "overlaps"),
        ({"path": "/files/s2/inside"}, "overlaps"),
        ({"path": "/files"}, "overlaps"),
        ({"path": "/files/x/../s2"}, "overlaps"),
        ({"path": "relative/s1"}, "must be a path that begins with '/'"),
        ({"path": "~/s1"}, "must be a path that begins with '/'"),
        ({"path": r"C:\PACSWorklists"}, "must be a path that begins with '/'"),
    ],
)
@pytest.mark.parametrize("check_mode", [False, True])
def test_what_would_leak_is_refused(api: FakeApi, options: dict[str, Any], complaint: str, check_mode: bool) -> None:
    reads(api, config(folder("wl-s2", path="/files/s2")))
    result = run(api, check_mode, **{**NEW, **options})
    assert result["failed"]
    assert complaint in result["msg"]
    assert result["failure"]["code"] == "input"


def test_neighbours_with_a_common_beginning_do_not_overlap(api: FakeApi) -> None:
    reads(api, config(folder(path="/files/s2"), folder("wl-s20", path="/files/s20"), folder("d", path="~/Sync")))
    assert not run(api, path="/files/s2")["changed"]


def test_a_windows_path_on_windows(api: FakeApi) -> None:
    api.windows = True
    reads(api, config(folder(path=r"C:\ProgramData\Mediverse\Worklists")))
    assert not run(api, path="c:/programdata/Mediverse/Worklists/")["changed"]
    reads(api, config())
    assert "Windows path" in run(api, **{**NEW, "path": "/files/s1"})["msg"]
    reads(api, config(folder("wl-s2", path=r"D:\A\b")))
    assert "overlaps" in run(api, **{**NEW, "path": r"d:\a"})["msg"]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"id": "a/b"}, "expected 1 to 64 letters"),
        ({"id": ""}, "expected 1 to 64 letters"),
        ({"type": "receive-only"}, "type must be one of"),
        ({"type": "SendOnly"}, "type must be one of"),
        ({"order": "newest"}, "order must be one of"),
        ({"fs_watcher_delay": 0}, "at least 1 s"),
        ({"rescan_interval": -1}, "a year"),
        ({"rescan_interval": 31536001}, "a year"),
        ({"max_conflicts": -2}, "must be -1"),
        ({"versioning": {"type": "bogus"}}, "must be one of"),
        ({"devices": shared(GATEWAY, GATEWAY.lower())}, "twice"),
        ({"devices": shared("garbage")}, "eight groups"),
        ({"devices": [{}]}, "device_id"),
        ({"ignores": ["*", ""]}, "one pattern in each entry"),
    ],
)
def test_what_syncthing_would_turn_into_a_default_is_refused(
    api: FakeApi, options: dict[str, Any], complaint: str
) -> None:
    result = run(api, **{**NEW, **options})
    assert result["failed"]
    assert complaint in result["msg"]
    assert api.requests == []


def test_creating_needs_path_and_type(api: FakeApi) -> None:
    reads(api, config())
    assert "creating it needs: path, type" in run(api)["msg"]


def test_a_property_of_the_other_version_is_a_warning(both: FakeApi, capsys: pytest.CaptureFixture[str]) -> None:
    reads(both, config(folder()))
    result = run(both, puller_delay=3)
    assert not result["changed"]
    # A module that runs in this process prints its warning; an action plugin returns it.
    said = capsys.readouterr().err + str(result.get("warnings"))
    assert "Syncthing v1.29.5 has no pullerDelayS; puller_delay was not applied." in said


def test_switching_off_what_the_version_does_not_have_is_no_warning(both: FakeApi) -> None:
    reads(both, config(folder()))
    result = run(both, puller_delay=0)
    assert not result["changed"]
    assert not result.get("warnings")


def test_a_property_that_the_version_has_is_set(api: FakeApi) -> None:
    reads(api, config(folder(pullerDelayS=1)))
    api.expect("PUT", f"{PATH}/wl-s1", json=folder(pullerDelayS=0)).reply()
    reads(api, config(folder(pullerDelayS=0)))
    assert run(api, puller_delay=0)["changed"]


def test_ignores_live_beside_the_configuration(both: FakeApi) -> None:
    reads(both, config(folder()) if not both.windows else config(folder(path=r"C:\wl")))
    both.expect("GET", IGNORES).reply(json={"ignore": None, "expanded": None, "error": None})
    both.expect("POST", IGNORES, json={"ignore": ["!/*.wl", "*"]}).reply(json={"ignore": ["!/*.wl", "*"]})
    reads(both, config(folder()))
    both.expect("GET", IGNORES).reply(json={"ignore": ["!/*.wl", "*"], "expanded": ["long"], "error": None})
    assert run(both, ignores=["!/*.wl", "*"])["changed"]
    reads(both, config(folder()))
    both.expect("GET", IGNORES).reply(json={"ignore": ["!/*.wl", "*"], "expanded": ["long"], "error": None})
    assert not run(both, ignores=["!/*.wl", "*"])["changed"]


def test_pristine_reverts_local_changes_and_waits_for_it(api: FakeApi) -> None:
    reads(api, config(folder(type="receiveonly")))
    api.expect("GET", STATUS).reply(json={**IDLE, "receiveOnlyTotalItems": 2})
    api.expect("POST", "/rest/db/revert?folder=wl-s1").reply()
    api.expect("GET", STATUS).reply(json={**IDLE, "receiveOnlyTotalItems": 2})
    api.expect("GET", STATUS).reply(json=IDLE)
    reads(api, config(folder(type="receiveonly")))
    api.expect("GET", STATUS).reply(json=IDLE)
    result = run(api, pristine=True)
    assert result["changed"]
    assert (result["diff"]["before"]["pristine"], result["diff"]["after"]["pristine"]) == (False, True)


@pytest.mark.parametrize(("wanted", "items"), [(True, 0), (False, 2), (False, 0)])
def test_pristine_has_nothing_to_do(api: FakeApi, wanted: bool, items: int) -> None:
    reads(api, config(folder()))
    api.expect("GET", STATUS).reply(json={**IDLE, "receiveOnlyTotalItems": items})
    assert not run(api, pristine=wanted)["changed"]


def test_wait_asks_until_both_ends_agree(both: FakeApi) -> None:
    reads(both, config(folder(peers=(peer(GATEWAY),))))
    rounds = [
        ({}, DONE),
        ({**IDLE, "state": "scanning"}, DONE),
        (IDLE, {**DONE, "remoteState": "notSharing"}),
        (IDLE, {**DONE, "completion": 99.5, "needItems": 1}),
        ({**IDLE, "needTotalItems": 1}, DONE),
        (IDLE, DONE),
    ]
    for status, completion in rounds:
        if status:
            both.expect("GET", STATUS).reply(json=status)
        else:
            both.expect("GET", STATUS).reply(404, text="no such folder\n")
        both.expect("GET", COMPLETION).reply(json=completion)
    result = run(both, wait=True)
    assert not result["changed"]
    assert result["link"]["in_step"]
    assert result["link"]["peers"] == {GATEWAY: {"completion": 100, "remote_state": "valid"}}


@pytest.mark.parametrize(
    ("status", "completion", "reason"),
    [
        (IDLE, {**DONE, "remoteState": "unknown"}, "is not connected"),
        (IDLE, {**DONE, "remoteState": "notSharing"}, "does not share the folder"),
        (IDLE, {**DONE, "remoteState": "paused"}, "has paused the folder"),
        (IDLE, {**DONE, "completion": 50, "needItems": 1, "needDeletes": 2}, "still needs 3 items"),
        ({**IDLE, "state": "error", "error": "folder marker missing"}, DONE, "this end reports: folder marker missing"),
    ],
)
def test_a_wait_in_vain_says_what_is_missing(
    api: FakeApi, status: dict[str, Any], completion: dict[str, Any], reason: str
) -> None:
    reads(api, config(folder(peers=(peer(GATEWAY),))))
    api.expect("GET", STATUS).reply(json=status)
    api.expect("GET", COMPLETION).reply(json=completion)
    result = run(api, wait=True, wait_timeout=0)
    assert result["failed"]
    assert result["failure"]["code"] == "timeout"
    assert reason in result["msg"]


def test_check_mode_does_not_wait(api: FakeApi) -> None:
    reads(api, config(folder(peers=(peer(GATEWAY),))))
    assert "link" not in run(api, check_mode=True, wait=True)


def test_absent_asks_for_nothing_else(both: FakeApi) -> None:
    reads(both, config(folder(path="/somewhere")))
    both.expect("DELETE", f"{PATH}/wl-s1").reply()
    reads(both, config())
    result = run(both, state="absent", ignores=["*"], pristine=True, path="/files/s1", wait=True)
    assert result["changed"]
    assert result["folder"] == {}
    reads(both, config())
    assert not run(both, state="absent")["changed"]


def test_a_type_that_syncthing_turned_into_a_default_is_an_error(api: FakeApi) -> None:
    reads(api, config(folder()))
    api.expect("PUT", f"{PATH}/wl-s1", json=folder(type="receiveonly")).reply()
    reads(api, config(folder(type="sendreceive")))
    assert "type (asked for 'receiveonly', found 'sendreceive')" in run(api, type="receiveonly")["msg"]
