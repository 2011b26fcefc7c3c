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
        ("echo", {"aet": "GW", "gateway": "gw"}),
        ("inbound", {"undone": {}, "scanners": {"ct1": "CT"}, "gateway": "gw"}),
        ("link", {"host": "hub", "folder": "wl"}),
        ("worklists", {"host": "hub"}),
        ("refused", {"gateway": "gw"}),
        ("backlog", {"gateway": "gw"}),
    ],
)
def test_what_a_module_said_that_was_not_reached_is_told(check: str, given: dict[str, Any]) -> None:
    said = bad(check, seen=UNREACHABLE, **given)
    assert said.endswith(": Connection refused")
    assert said != ": Connection refused", "several hosts have the address that the module names"
    assert "did not answer." in bad(check, seen={}, **given)


CAME = {"received": {"CT": "2026-11-30T18:30:17Z", "MR": ""}}
NOBODY = {"received": {"CT": "", "MR": ""}}


def test_inbound() -> None:
    free: dict[str, Any] = {"result": {"blocked": [], "open": [], "wake": ""}}
    given: dict[str, Any] = {"scanners": {"ct1": "CT"}, "gateway": "gw"}
    came = "the last images of ct1 came at 2026-11-30T18:30:17Z"
    assert good("inbound", seen=CAME, undone=free, **given) == came
    said = "not proved yet: gw has no image of ct1; send one from it"
    assert good("inbound", seen=NOBODY, undone=free, **given) == said
    # One that sends says nothing about the other.
    two: dict[str, Any] = {"scanners": {"ct1": "CT", "mr1": "MR"}, "gateway": "gw"}
    assert good("inbound", seen=CAME, undone=free, **two) == f"{said.replace('ct1', 'mr1')}; {came}"
    assert "has no image of ct1, mr1; send one from each of them" in good("inbound", seen=NOBODY, undone=free, **two)
    off = {"result": {**free["result"], "open": ["The firewall is off."]}}
    assert good("inbound", seen=NOBODY, undone=off, **given) == f"{said}; note: The firewall is off"
    shut = {"result": {**free["result"], "blocked": ["A rule blocks.", "A policy too."]}}
    assert bad("inbound", seen=CAME, undone=shut, **given).startswith("A rule blocks.")
    assert "gw" in bad("inbound", seen=CAME, undone=UNREACHABLE, **given)
    assert good("inbound", seen=CAME, undone={"skipped": True}, scanners={}, gateway="gw") == "there is no scanner"


# As Orthanc says it, which names the error of its library and the timeout as well.
SILENCE = [
    (f'DicomAssociation - connecting to AET "CT": {said}', words)
    for said, words in (
        (
            "Failed to establish association (0006:0317 Peer aborted Association (or never connected); 0006:031c TCP "
            "Initialization Error: Connection refused (Timeout: 5s))",
            "nothing listens at its address and port",
        ),
        ("0006:031c TCP Initialization Error: No route to host", "its address cannot be reached"),
        ("0006:031b Failed to establish association (Timeout: 5s)", "there is no answer from its address"),
        ("Reason: Called AE Title Not Recognized", "it answers, and has another AE title"),
        ("Reason: Calling AE Title Not Recognized", "it answers, and does not know the AE title of the gateway"),
        ("0006:0317 Peer aborted Association", "it ended the connection"),
    )
] + [("something new.", "something new")]


def test_scanners_that_are_silent() -> None:
    seen = {"answers": {"ct1": {"answered": True, "reason": ""}, "ct2": {"answered": False, "reason": "aborted"}}}
    given = {"aet": "GW", "gateway": "gw"}
    said = (
        "Scanner ct2 does not answer an echo of the gateway: aborted. Check that it is on, its address, its AE title,"
    )
    assert bad("echo", seen=seen, **given).startswith(said)
    assert good("echo", seen={"answers": {}}, **given) == "there is no scanner"
    assert good("echo", seen={"answers": {"ct1": {"answered": True}}}, **given) == "ct1 answered"


@pytest.mark.parametrize(("reason", "words"), SILENCE)
def test_why_a_scanner_is_silent_is_told_in_words(reason: str, words: str) -> None:
    seen = {"answers": {"ct1": {"answered": False, "reason": reason}}}
    assert f"of the gateway: {words}. Check" in bad("echo", seen=seen, aet="GW", gateway="gw")


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
    assert bad("refused", seen=seen, gateway="gw").startswith(said)
    seen["refused"] = {"today": 1, "known": True, "images": [{**row, "times": 1}]}
    assert bad("refused", seen=seen, gateway="gw").startswith("The gateway refused 1 image today: 1.2.3 (A700, ")
    assert " at 192.0.2.1, 1 time; mend it" in bad("refused", seen=seen, gateway="gw")
    seen["refused"] = {"today": 0, "known": True, "images": [row]}
    assert (
        good("refused", seen=seen, gateway="gw")
        == "no image of today was refused, as far as the log of its Orthanc tells"
    )
    for unknown in ({}, {"refused": {"today": 0, "known": False, "images": []}}):
        assert good("refused", seen={"backlog": 0, **unknown}, gateway="gw") == "what was refused is not known"
    again = {"backlog": 3, "replaced": {"today": 1, "images": [{"uid": "1.2"}]}, "rejected": {"today": 3}}
    assert good("refused", seen=again, gateway="gw").endswith(
        "1 came again with other content: 1.2; associations turned away today: 3"
    )


def test_worklist_files_that_reach_no_scanner() -> None:
    assert good("worklists", seen={"files": 12, "bad": []}, host="hub") == "all 12 files of the LIMS can be read"
    assert good("worklists", seen={"files": 1, "bad": []}, host="hub") == "the one file of the LIMS can be read"
    assert good("worklists", seen={"files": 0, "bad": []}, host="hub") == "there is no file"
    files = [{"file": f"a{number}.wl", "reason": "is cut off, it ends early"} for number in range(1, 6)]
    assert bad("worklists", seen={"files": 12, "bad": files[:1]}, host="hub") == (
        "1 of 12 worklist files reaches no scanner, or not rightly: a1.wl is cut off, it ends early. "
        "Have the LIMS write it again."
    )
    said = bad("worklists", seen={"files": 12, "bad": files}, host="hub")
    assert "a3.wl is cut off, it ends early and others." in said


ENTRY: dict[str, Any] = {
    "written": {"path": "/files/x.wl", "changed": True},
    "found": {"entries": 1, "seconds": 1.26},
    "gone": {"entries": 0, "seconds": 9.0},
    "cleaned": [["hub", {"changed": True}]],
    "gateway": "gw",
    "hub": "hub",
    "modality": "self-test",
    "limit": "3",
    "patience": 40,
}
REFUSED = {"failed": False, "msg": "Orthanc refused the login.", "failure": {"status": 401, "code": "login"}}


def test_an_entry_that_comes_and_goes() -> None:
    assert good("worklist", **ENTRY) == "found by C-FIND after 1.3 s, gone after its file"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"written": UNREACHABLE}, "hub: Connection refused"),
        ({"found": REFUSED}, "refuses a worklist C-FIND (gw: Orthanc refused the login); look at the worklist"),
        ({"found": {"failure": {"status": 404}, "msg": "x"}}, "gw has no modality self-test, by which it asks itself"),
        ({"found": UNREACHABLE}, "The gateway refuses a worklist C-FIND (gw: Connection refused); look"),
        (
            {"found": {"entries": 0, "seconds": 40.2}, "gone": {"skipped": True}},
            "answered 0 times at the gateway after 40.2",
        ),
        ({"found": {"entries": 2, "seconds": 1}}, "is answered 2 times at the gateway after 1.0 s; expected once"),
        ({"found": {"entries": 1, "seconds": 3.06}}, "The entry needed 3.1 s to the gateway; expected at most 3 s."),
        ({"gone": REFUSED}, "The gateway refuses a worklist C-FIND (gw: Orthanc refused the login)"),
        ({"gone": {"entries": 1, "seconds": 40}}, "removed at the hub and is still answered at the gateway after 40 s"),
        (
            {"cleaned": [["gw", {"changed": True}], ["hub", REFUSED]]},
            "made could not be removed again: hub: Orthanc refused the login. A proof that runs some hours later",
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
    "cleaned": [["gw", {"id": "", "changed": True}], ["demo-cloud", {"id": "", "changed": True}]],
    "gateway": "gw",
    "cloud": "demo-cloud",
    "login_host": "cloud",
    "peer": "cloud",
}


def test_an_image_that_arrives() -> None:
    said = "in the cloud after 2.5 s with the same SOP Instance UID and MD5, seen through the viewer"
    assert good("image", **JOURNEY) == said


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"made": REFUSED}, "The gateway cannot store an image (gw: Orthanc refused the login); look at its disk"),
        ({"made": UNREACHABLE, "there": {"skipped": True}}, "cannot store an image (gw: Connection refused);"),
        ({"there": {"found": False, "seconds": 60.0}}, "not in the cloud after 60.5 s (the cloud answers 404); ask"),
        ({"there": REFUSED}, "(demo-cloud answers 401: Orthanc refused the login); look at its Orthanc"),
        (
            {"there": UNREACHABLE},
            "The cloud cannot be asked for the image of the gateway (demo-cloud answers nothing: ",
        ),
        ({"there": {"found": True, **UIDS, "md5": "bb"}}, "has another MD5"),
        ({"there": {"found": True, **UIDS, "sop_instance_uid": "9"}}, "has another SOP Instance UID"),
        ({"shown": UNREACHABLE}, "Nothing could be looked at from cloud"),
        (
            {"shown": probed(search={"status": 401}, pixels={"status": 200})},
            "path does not show the image: it answers 401.",
        ),
        (
            {"shown": probed(search={"status": 200, "body": "[]"}, pixels={"status": 200})},
            "not show the image: it answers 200.",
        ),
        (
            {"shown": probed(search={"status": 200, "body": "1.2.3"}, pixels={"error": "reset"})},
            "does not give the pixels of the image: it does not answer (reset)",
        ),
        # What was looked at and is wrong comes first.
        (
            {"shown": probed(search={"status": 429}, pixels={"status": 200})},
            "The proxy's brake turned 1 of 2 questions of cloud away (429), because too many were asked",
        ),
        (
            {"shown": probed(search={"status": 200, "body": "1.2.3"}, pixels={"status": 429})},
            "The proxy's brake turned 1 of 2 questions of cloud away (429)",
        ),
        (
            {"shown": probed(search={"status": 429}, pixels={"status": 404})},
            "does not give the pixels of the image: it answers 404.",
        ),
        (
            {"cleaned": [["gw", REFUSED], ["demo-cloud", {"id": ""}]]},
            "made could not be removed again: gw: Orthanc refused the login. A proof that",
        ),
        # What is left in an archive is worse than what is not known.
        (
            {"cleaned": [["gw", REFUSED]], "shown": probed(search={"status": 429}, pixels={"status": 200})},
            "made could not be removed again: gw: Orthanc refused the login. A proof that",
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
    assert good("backlog", seen=seen(sent=7), gateway="gw") == said
    waiting = seen(backlog=3, oldest_age=120, state="paused", last_error="refused")
    assert bad("backlog", seen=waiting, gateway="gw") == (
        "3 images wait for archive, the oldest for 120 s (the forwarder is paused; refused)."
    )
    assert bad("backlog", seen=seen(backlog=1), gateway="gw").startswith("1 image waits for archive, the oldest for ")
    parked = seen(parked=2, parked_images=[{"reason": "cannot be read"}, {"reason": "other"}])
    assert "parked 2 images that do not pass to archive although others do, the first because: cannot be read." in bad(
        "backlog", seen=parked, gateway="gw"
    )
