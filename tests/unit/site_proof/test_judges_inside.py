# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What counts as good inside a site, and the sentence for what does not."""

from __future__ import annotations

from typing import Any

import pytest

from .judging import UNREACHABLE, bad, good, probed


@pytest.mark.parametrize(
    ("check", "given"),
    [
        ("echo", {"aet": "GW"}),
        ("link", {"host": "hub", "folder": "wl"}),
        ("worklists", {"host": "hub"}),
        ("refused", {}),
        ("backlog", {}),
    ],
)
def test_what_a_module_said_that_was_not_reached_is_told(check: str, given: dict[str, Any]) -> None:
    said = bad(check, seen=UNREACHABLE, **given)
    assert said.endswith(": Connection refused")
    assert said != ": Connection refused", "several hosts have the address that the module names"
    assert "did not answer." in bad(check, seen={}, **given)


def test_scanners_that_are_silent() -> None:
    seen = {"answers": {"ct1": {"answered": True, "reason": ""}, "ct2": {"answered": False, "reason": "aborted"}}}
    assert bad("echo", seen=seen, aet="GW").startswith("Scanner ct2 does not answer an echo of the gateway (aborted);")
    assert good("echo", seen={"answers": {}}, aet="GW") == "there is no scanner"
    assert good("echo", seen={"answers": {"ct1": {"answered": True}}}, aet="GW") == "ct1 answered"


def test_the_link_of_the_worklists() -> None:
    given = {"host": "hub", "folder": "wl-demo"}
    peers: dict[str, Any] = {"GATEWAY": {}}
    seen = {"link": {"peers": peers, "in_step": True, "state": "idle"}, "connections": {"GATEWAY": {"connected": True}}}
    assert good("link", seen=seen, **given) == "connected and in step, shared with this gateway alone"
    two = {**seen, "link": {"peers": {**peers, "OTHER": {}}, "in_step": True}}
    assert "shares wl-demo with 2 devices" in bad("link", seen=two, **given)
    assert "shares wl-demo with 0 devices" in bad("link", seen={"link": {}, "connections": {}}, **given)
    for gone in ({}, {"GATEWAY": {"connected": False}}):
        assert "is not connected to the hub's Syncthing" in bad("link", seen={**seen, "connections": gone}, **given)
    behind: dict[str, Any] = {**seen, "link": {"peers": peers, "in_step": False, "state": "syncing", "error": ""}}
    assert bad("link", seen=behind, **given) == "The folder wl-demo is not in step: syncing."
    behind["link"]["error"] = "no such folder"
    assert bad("link", seen=behind, **given) == "The folder wl-demo is not in step: no such folder."


def test_what_the_gateway_refused() -> None:
    image = {"uid": "1.2.3", "status": "A700", "reason": "StudyInstanceUID is missing", "aet": "CT"}
    row = {**image, "address": "192.0.2.1", "times": 2}
    said = "The gateway refused 2 images today: 1.2.3 (A700, StudyInstanceUID is missing) from CT at 192.0.2.1, 2 times"
    seen: dict[str, Any] = {"backlog": 0, "refused": {"today": 2, "known": True, "images": [row]}}
    assert bad("refused", seen=seen).startswith(said)
    seen["refused"] = {"today": 0, "known": True, "images": [row]}
    assert good("refused", seen=seen) == "no image of today was refused, as far as the log of its Orthanc tells"
    for unknown in ({}, {"refused": {"today": 0, "known": False, "images": []}}):
        assert good("refused", seen={"backlog": 0, **unknown}) == "what was refused is not known"
    again = {"backlog": 3, "replaced": {"today": 1, "images": [{"uid": "1.2"}]}, "rejected": {"today": 3}}
    assert good("refused", seen=again).endswith(
        "1 came again with other content: 1.2; associations turned away today: 3"
    )


def test_worklist_files_that_reach_no_scanner() -> None:
    assert good("worklists", seen={"files": 12, "bad": []}, host="hub") == "all 12 files of the LIMS can be read"
    assert good("worklists", seen={"files": 0, "bad": []}, host="hub") == "there is no file"
    files = [{"file": f"a{number}.wl", "reason": "is cut off, it ends early"} for number in range(1, 6)]
    assert bad("worklists", seen={"files": 12, "bad": files[:1]}, host="hub") == (
        "1 of 12 worklist files reach no scanner, or not rightly: a1.wl is cut off, it ends early. "
        "Have the LIMS write them again."
    )
    said = bad("worklists", seen={"files": 12, "bad": files}, host="hub")
    assert "a3.wl is cut off, it ends early and others." in said


ENTRY: dict[str, Any] = {
    "written": {"path": "/files/x.wl", "changed": True},
    "found": {"entries": 1, "seconds": 1.26},
    "gone": {"entries": 0, "seconds": 9.0},
    "cleaned": [{"changed": False}, {"changed": True}],
    "limit": "3",
    "patience": 40,
}
REFUSED = {"failed": False, "msg": "Orthanc refused the login.", "failure": {"status": 401, "code": "login"}}


def test_an_entry_that_comes_and_goes() -> None:
    assert good("worklist", **ENTRY) == "found by C-FIND after 1.3 s, gone after its file"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"written": UNREACHABLE}, "Connection refused"),
        ({"found": REFUSED}, "The gateway refuses a worklist C-FIND (Orthanc refused the login); look at the worklist"),
        ({"found": UNREACHABLE}, "The gateway refuses a worklist C-FIND (Connection refused); look"),
        (
            {"found": {"entries": 0, "seconds": 40.2}, "gone": {"skipped": True}},
            "answered 0 times at the gateway after 40.2",
        ),
        ({"found": {"entries": 2, "seconds": 1}}, "is answered 2 times at the gateway after 1.0 s; expected once"),
        ({"found": {"entries": 1, "seconds": 3.06}}, "The entry needed 3.1 s to the gateway; expected at most 3 s."),
        ({"gone": REFUSED}, "The gateway refuses a worklist C-FIND (Orthanc refused the login)"),
        ({"gone": {"entries": 1, "seconds": 40}}, "removed at the hub and is still answered at the gateway after 40 s"),
        (
            {"cleaned": [{"changed": True}, REFUSED]},
            "made could not be removed again: Orthanc refused the login. The next",
        ),
    ],
)
def test_an_entry_that_does_not(change: dict[str, Any], sentence: str) -> None:
    assert sentence in bad("worklist", **{**ENTRY, **change})


UIDS = {"sop_instance_uid": "1.2.3", "md5": "aa"}
JOURNEY: dict[str, Any] = {
    "made": {"id": "i", "seconds": 0.5, **UIDS},
    "there": {"found": True, "seconds": 2.0, **UIDS},
    "shown": probed(search={"status": 200, "body": '"1.2.3"'}, pixels={"status": 200}),
    "cleaned": [{"id": "", "changed": True}, {"id": "", "changed": True}],
    "login_host": "cloud",
    "peer": "cloud",
}


def test_an_image_that_arrives() -> None:
    said = "in the cloud after 2.5 s with the same SOP Instance UID and MD5, seen through the viewer"
    assert good("image", **JOURNEY) == said


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"made": REFUSED}, "The gateway cannot store an image (Orthanc refused the login); look at its disk"),
        ({"made": UNREACHABLE, "there": {"skipped": True}}, "The gateway cannot store an image (Connection refused);"),
        ({"there": {"found": False, "seconds": 60.0}}, "not in the cloud after 60.5 s (the cloud answers 404); ask"),
        ({"there": REFUSED}, "(the cloud answers 401: Orthanc refused the login); look at its Orthanc"),
        ({"there": UNREACHABLE}, "The cloud cannot be asked for the image of the gateway (the cloud answers nothing: "),
        ({"there": {"found": True, **UIDS, "md5": "bb"}}, "has another MD5"),
        ({"there": {"found": True, **UIDS, "sop_instance_uid": "9"}}, "has another SOP Instance UID"),
        ({"shown": UNREACHABLE}, "Nothing could be looked at from cloud"),
        ({"shown": probed(search={"status": 401}, pixels={"status": 200})}, "path does not show the image (401)"),
        ({"shown": probed(search={"status": 200, "body": "[]"}, pixels={"status": 200})}, "not show the image (200)"),
        (
            {"shown": probed(search={"status": 200, "body": "1.2.3"}, pixels={"error": "reset"})},
            "does not give the pixels of the image (reset)",
        ),
        (
            {"cleaned": [REFUSED, {"id": ""}]},
            "made could not be removed again: Orthanc refused the login. The next proof",
        ),
    ],
)
def test_an_image_that_does_not(change: dict[str, Any], sentence: str) -> None:
    assert sentence in bad("image", **{**JOURNEY, **change})


def forwarder(**change: Any) -> dict[str, Any]:
    """One destination of ``orthanc_delivery_info``."""
    one = {
        "backlog": 0,
        "oldest_age": 0,
        "state": "idle",
        "last_error": "",
        "parked": 0,
        "parked_images": [],
        "sent": 5,
    }
    return {**one, **change}


def test_what_the_forwarder_has_left() -> None:
    def seen(**archive: Any) -> dict[str, Any]:
        return {"destinations": {"cloud": forwarder(), "archive": forwarder(**archive)}}

    said = "backlog 0, parked 0, images sent since the start of the forwarder: 5 to cloud, 7 to archive"
    assert good("backlog", seen=seen(sent=7)) == said
    waiting = seen(backlog=3, oldest_age=120, state="paused", last_error="refused")
    assert bad("backlog", seen=waiting) == (
        "3 images wait for archive, the oldest for 120 s (the forwarder is paused; refused)."
    )
    parked = seen(parked=2, parked_images=[{"reason": "cannot be read"}, {"reason": "other"}])
    assert "parked 2 images that do not pass to archive although others do, the first because: cannot be read." in bad(
        "backlog", seen=parked
    )
