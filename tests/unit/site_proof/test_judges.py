# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What counts as good in a proof, and the sentence for what does not."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.mediverse.pacs.plugins.module_utils._site.judges import JUDGES, CheckFailed

ROLE = Path(__file__).resolve().parents[3] / "roles" / "site_proof"
CHECKS = [one["check"] for one in yaml.safe_load((ROLE / "vars" / "main.yml").read_text())["__site_proof_all_checks"]]
UNREACHABLE = {"unreachable": True, "changed": False, "msg": "Connection refused"}


def good(check: str, **given: Any) -> str:
    said: str = JUDGES[check](**given)
    return said


def bad(check: str, **given: Any) -> str:
    """The sentence of a check that does not pass; empty when it does."""
    try:
        JUDGES[check](**given)
    except CheckFailed as error:
        return str(error)
    return ""


def probed(**answers: Mapping[str, Any]) -> dict[str, Any]:
    """An answer of ``http_probe``, with what its answers have in common."""
    common = {"method": "GET", "status": 0, "error": "", "headers": {}, "body": "", "open": False, "skipped": False}
    return {"answers": {name: {**common, "url": f"https://v/{name}", **one} for name, one in answers.items()}}


def tasks(entries: Any) -> Any:
    for task in entries:
        yield task
        for key in ("block", "always"):
            yield from tasks(task.get(key, ()))


@pytest.mark.parametrize("check", CHECKS)
def test_each_check_ends_with_its_judge_and_gives_it_what_it_asks_for(check: str) -> None:
    file = yaml.safe_load((ROLE / "tasks" / "checks" / f"{check}.yml").read_text())
    judged = [one for one in tasks(file) if "mediverse.pacs.site_proof_judge" in one]
    assert judged == [file[-1]]
    assert judged[0]["register"] == "__site_proof_judged"
    given = judged[0]["mediverse.pacs.site_proof_judge"]["given"]
    assert set(given) == set(inspect.signature(JUDGES[check]).parameters)


def test_there_is_a_judge_for_each_check_and_no_other() -> None:
    assert list(JUDGES) == CHECKS
    assert sorted(path.stem for path in (ROLE / "tasks" / "checks").glob("*.yml")) == sorted(CHECKS)


@pytest.mark.parametrize(
    ("check", "given"),
    [
        ("certificate", {"seen": UNREACHABLE, "held": {}, "share": 0.2, "days": 0}),
        ("redirect", {"seen": UNREACHABLE}),
        ("login", {"seen": UNREACHABLE, "inside": UNREACHABLE, "login_host": "cloud"}),
        ("login", {"seen": probed(page={"status": 401}), "inside": UNREACHABLE, "login_host": "hub"}),
        ("pacs", {"seen": UNREACHABLE}),
        ("limit", {"seen": UNREACHABLE, "pacs": "https://p", "largest_mb": "4"}),
        ("viewer", {"seen": UNREACHABLE}),
        ("ports", {"seen": UNREACHABLE}),
    ],
)
def test_a_host_that_cannot_be_reached_is_named(check: str, given: dict[str, Any]) -> None:
    assert bad(check, **given, host="hub") == (
        "Nothing could be looked at from hub, which cannot be reached: Connection refused"
    )


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


def served(**change: Any) -> dict[str, Any]:
    """The answer of a probe to a good certificate of 64 days, of which 40 are left."""
    answer = {"url": "https://v/", "status": 200, "error": "", "days": 40, "lifetime": 64}
    answer |= {"not_after": "2027-05-01T12:00:00Z", "headers": {"strict-transport-security": "max-age=63072000"}}
    return {"answers": {"v": {"issuer": "CA", **answer, **change}}}


def wrong(answers: dict[str, Any], held: str | None = None, share: Any = 0.2, days: Any = 0) -> str:
    """The sentence about a certificate; empty when there is none."""
    kept = {"results": [{"item": "v", "certificate": {"expires_on": held} if held else {}}]}
    return bad("certificate", seen=answers, held=kept, host="hub", share=share, days=days)


@pytest.mark.parametrize(
    ("lifetime", "enough", "late"), [(90, 18, 17), (64, 13, 12), (45, 9, 8), (6, 2, 1), (365, 73, 72)]
)
def test_what_is_left_of_a_certificate_is_a_share_of_its_lifetime(lifetime: int, enough: int, late: int) -> None:
    """A fixed number of days would be an alarm for ever with 6 days, and none at all with a year."""
    assert wrong(served(days=enough, lifetime=lifetime)) == ""
    assert wrong(served(days=late, lifetime=lifetime)).startswith(
        f"https://v/: the certificate, made for {lifetime} days, expires in {late} days; expected"
    )
    assert wrong(served(days=late, lifetime=lifetime), days=str(late)) == ""
    assert wrong(served(days=enough, lifetime=lifetime), days=enough + 1) != ""


def test_a_certificate_that_was_renewed_and_is_not_served() -> None:
    """The proxy manager tells its time in a zone that nobody knows, as SQLite or as the other databases do."""
    for same in ("2027-05-01 12:00:00", "2027-05-01T12:00:00.000Z", "2027-05-02 02:00:00", "2027-04-30 23:00:00", None):
        assert wrong(served(), same) == ""
    for renewed in ("2027-07-01 12:00:00", "2027-07-01T12:00:00.000Z"):
        said = "was renewed until 2027-07-01, but the one until 2027-05-01 is still served; run site.yml"
        assert said in wrong(served(), renewed)
    # Not our business: the proxy serves a newer one than its database tells.
    assert wrong(served(), "2027-03-01 12:00:00") == ""


def test_no_answer_and_no_hsts() -> None:
    silent = served(status=0, error="no answer within 10 s", days=None, lifetime=None, not_after=None, headers={})
    assert wrong(silent, "2027-07-01 12:00:00") == "https://v/: no answer within 10 s."
    assert "switch HSTS on" in wrong(served(headers={"strict-transport-security": "max-age=0"}))


def test_what_the_row_says_of_certificates() -> None:
    given = {"seen": served(), "host": "hub", "share": "0.2", "days": "0"}
    skipped = {"skipped": True, "results": []}
    assert good("certificate", held=skipped, **given) == "valid for 40 days more, by CA, HSTS on"
    held = {"results": [{"item": "v", "certificate": {"expires_on": None}}]}
    assert "by CA, the one that the proxy manager holds, HSTS on" in good("certificate", held=held, **given)
    assert bad("certificate", held={"results": [{"item": "v", **UNREACHABLE}]}, **given) == "Connection refused"


@pytest.mark.parametrize(
    ("status", "location", "right"),
    [
        (301, "https://v/a?x=1", True),
        (308, "https://v/a?x=1", True),
        (200, "https://v/a?x=1", False),
        (301, "https://v/", False),
        (301, "http://v/a?x=1", False),
        (301, None, False),
    ],
)
def test_a_redirect_leads_to_the_same_address(status: int, location: str | None, right: bool) -> None:
    headers = {"location": location} if location else {}
    seen = probed(a={"url": "http://v/a?x=1", "status": status, "headers": headers})
    said = bad("redirect", seen=seen, host="hub")
    assert said == (
        "" if right else f"http://v/a?x=1 answers {status}; expected a redirect to the same address with https."
    )
    if right:
        assert good("redirect", seen=seen, host="hub") == f"both names answer {status}"


def test_who_is_asked_for_a_login_and_who_is_let_in() -> None:
    strangers: dict[str, dict[str, Any]] = {"page": {"status": 401}, "script": {"status": 401}}
    inside = probed(page={"status": 200}, studies={"status": 204})
    given = {"inside": inside, "host": "hub", "login_host": "cloud"}
    said = "2 probes without a login or with a wrong one are refused, the login opens"
    assert good("login", seen=probed(**strangers), **given) == said
    let_in = probed(page={"status": 200}, script={"status": 0, "error": "no answer"})
    assert bad("login", seen=let_in, **given) == (
        "https://v/page (page) answers 200 without a login; expected 401. "
        "https://v/script (script) answers no answer without a login; expected 401."
    )
    given["inside"] = probed(page={"status": 401}, studies={"status": 200})
    assert bad("login", seen=probed(**strangers), **given) == (
        "https://v/page answers 401 after the login; expected 200."
    )


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        *[({"status": status}, True) for status in (401, 403, 404)],
        *[({"status": status}, False) for status in (0, 200, 301, 500)],
        ({"skipped": True}, True),
    ],
)
def test_what_a_stranger_may_be_told(answer: dict[str, Any], right: bool) -> None:
    seen = probed(a=answer, b={"status": 401})
    assert (bad("pacs", seen=seen, host="hub") == "") == right
    if right:
        assert good("pacs", seen=seen, host="hub") == "2 probes are refused"


PAGE = '<html><div id="root"></div>'


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ({"status": 403}, True),
        ({"skipped": True}, True),
        ({"status": 200, "body": PAGE}, True),
        ({"status": 200, "body": PAGE, "method": "POST"}, False),
        ({"status": 200, "body": "{}"}, False),
        ({"status": 204}, False),
        ({"error": "reset"}, False),
        *[({"status": status}, False) for status in (502, 503, 504)],
    ],
)
def test_a_reader_reads_and_nothing_else(answer: dict[str, Any], right: bool) -> None:
    seen = probed(a=answer, b={"status": 403})
    assert (bad("viewer", seen=seen, host="cloud") == "") == right


@pytest.mark.parametrize("check", ["redirect", "login", "pacs", "limit", "viewer"])
def test_a_service_that_is_down_is_told_once_and_not_as_a_hole(check: str) -> None:
    """It neither lets anybody in nor refuses: the operator must not take the site off the net for it."""
    more: dict[str, dict[str, Any]] = {
        "login": {"inside": probed(), "login_host": "cloud"},
        "limit": {"pacs": "https://p", "largest_mb": 9},
    }
    given: dict[str, Any] = {"host": "hub", **more.get(check, {})}
    down = {name: {"status": 0, "error": "[Errno 111] Connection refused"} for name in "ab"}
    said = bad(check, seen=probed(**down), **given)
    assert said.startswith(
        "Nothing answers hub at https://v/a ([Errno 111] Connection refused), so nothing could be judged;"
    )
    assert said.count("Errno") == 1
    behind = {name: {"status": 502} for name in "ab"}
    said = bad(check, seen=probed(**behind), **given)
    assert said.startswith("https://v/a answers 502: the proxy runs, and what stands behind it does not answer")


@pytest.mark.parametrize(("status", "right"), [(413, True), (200, False), (401, False), (0, False)])
def test_a_file_that_is_too_large(status: int, right: bool) -> None:
    given = {"seen": probed(large={"status": status}), "host": "hub", "pacs": "https://p", "largest_mb": "512"}
    said = bad("limit", **given)
    assert (said == "") == right
    told = f"https://p answers {status} instead of 413 to a file of 513 MiB" if status else "nothing could be judged"
    assert right or told in said
    assert "not known" in good("limit", **{**given, "seen": {"skipped": True}, "largest_mb": 0})
    assert "check mode" in good("limit", **{**given, "seen": probed(large={"skipped": True})})


def test_ports_that_are_open() -> None:
    late, refused = "no answer within 3 s", "[Errno 111] Connection refused"
    closed: dict[str, Any] = {
        "81": {"url": "tcp://c:81", "error": late},
        "8042": {"url": "tcp://c:8042", "error": refused},
    }
    seen = probed(**closed)
    assert good("ports", seen=seen, host="hub") == "81, 8042 accept nothing from hub"
    unknown = {"url": "tcp://c:81", "error": "Name or service not known"}
    assert bad("ports", seen=probed(**{**closed, "81": unknown}), host="hub").startswith("tcp://c:81 Name or service")
    seen = probed(**{**closed, "81": {"url": "tcp://c:81", "open": True}})
    assert bad("ports", seen=seen, host="hub").startswith("tcp://c:81 accepts connections from hub; expected it to be")


def test_the_study_list() -> None:
    seen = {"problems": [], "summary": "", "compressed": True, "bytes": 9, "recent": 2, "days": 7, "studies": 3}
    given = {"host": "cloud", "cloud": "demo-cloud"}
    assert good("list", seen=seen, **given).startswith(
        "2 studies of the last 7 days, with which the list begins, and 3"
    )
    said = bad("list", seen={**seen, "problems": ["x"], "summary": "study 1.2: x"}, **given)
    assert said.startswith("The viewer cannot read its study list, so it shows nobody anything: study 1.2: x. Look at")
    assert "anything: cloud cannot be reached." in bad("list", seen=UNREACHABLE, **given)
    assert "comes uncompressed (9 bytes)" in bad("list", seen={**seen, "compressed": False}, **given)


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


CALL = "mediverse-proof-1"
DOORS: dict[str, Any] = {
    "addresses": ["172.20.0.2:8042", "172.20.0.3:80", "172.20.0.4:81"],
    "viewer": {"name": "pacs-demo-ohif-1", "address": "172.20.0.3"},
    "from_host": {"172.20.0.2:8042": 401, "172.20.0.3:80": 403},
    "others": [],
    "from_others": [],
    "guard": "",
}


def doors(heard: str = "", **change: Any) -> dict[str, Any]:
    """What the judge is given, with some of the answers changed."""
    seen = {**DOORS, **change}
    return {"doors": seen, "heard": heard, "call": CALL, "site": "demo", "host": "hub", "cloud": "demo-cloud"}


def test_closed_doors() -> None:
    assert good("neighbour", **doors('172.20.0.1 - 200 GET "/"')) == "3 addresses of containers refuse the host and hub"
    assert good("neighbour", **doors(others=["pacs-a-ohif-1", "pacs-b-ohif-1"])) == (
        "3 addresses of containers refuse the host, pacs-a-ohif-1, pacs-b-ohif-1 and hub"
    )
    # What is refused, sent elsewhere or broken lists nothing.
    odd = dict(zip(("a:1", "b:1", "c:1", "d:1"), (301, 401, 404, 502), strict=True))
    assert bad("neighbour", **doors("a call of another run: mediverse-proof-2", from_host=odd)) == ""


@pytest.mark.parametrize("status", [200, 204])
def test_a_container_that_lists_studies_past_the_proxy(status: int) -> None:
    lists = {"172.20.0.2:8042": 401, "172.20.0.3:80": status, "172.20.0.3:443": status}
    assert bad("neighbour", **doors(from_host=lists)) == (
        "A container of demo lists studies without a login and without the proxy (172.20.0.3:80, 172.20.0.3:443); "
        "run the playbook again, and take the site off the net until this check passes."
    )


def test_another_site_s_container_that_gets_through() -> None:
    through = ["172.20.0.3:80 from pacs-other-ohif-1", "172.20.0.2:8042 from x"]
    assert bad("neighbour", **doors(from_others=through)) == (
        "Another site's container reaches 172.20.0.3:80 from pacs-other-ohif-1, 172.20.0.2:8042 from x; the site has "
        "to have a network of its own, so run the playbook again for both."
    )


def test_a_call_from_outside_that_was_heard() -> None:
    assert bad("neighbour", **doors(f'2026 404 GET "/{CALL}" [-]')) == (
        "hub reaches the container pacs-demo-ohif-1 at 172.20.0.3; containers must be reached through the proxy only, "
        "so look at the routes and the firewall of demo-cloud."
    )


def test_nobody_could_be_called() -> None:
    assert bad("neighbour", **doors(viewer={})).startswith("The viewer's container of demo does not run on demo-cloud;")
    assert bad("neighbour", **{**doors(), "doors": UNREACHABLE}) == "demo-cloud: Connection refused"


def test_the_word_of_the_guard() -> None:
    said = "Container addresses are not closed (iptables lacks rules or passes them by); run the playbook again."
    assert bad("neighbour", **doors(guard=said)) == said


def test_the_worst_of_several_is_told_first() -> None:
    wrong_all = {"from_host": {"a:80": 200}, "from_others": ["b"], "guard": "The rules are gone."}
    order = [("from_host", DOORS["from_host"]), ("from_others", []), ("heard", ""), ("guard", "")]
    given, said = {**doors(CALL), "doors": {**DOORS, **wrong_all}}, []
    for name, right in order:
        said.append(bad("neighbour", **given))
        if name == "heard":
            given["heard"] = right
        else:
            given["doors"] = {**given["doors"], name: right}
    begins = ["A container of demo lists", "Another site's container", "hub reaches", "The rules are gone."]
    assert [one[: len(begin)] for one, begin in zip(said, begins, strict=True)] == begins
    assert bad("neighbour", **given) == ""
