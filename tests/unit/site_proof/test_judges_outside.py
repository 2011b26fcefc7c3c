# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What counts as good of what strangers see, and the sentence for what does not."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils._site.tally import many

from .judging import UNREACHABLE, bad, good, probed


@pytest.mark.parametrize(
    ("check", "given"),
    [
        ("certificate", {"seen": UNREACHABLE, "held": {}, "cloud": "c", "share": 0.2, "days": 0}),
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


def served(**change: Any) -> dict[str, Any]:
    """The answer of a probe to a good certificate of 64 days, of which 40 are left."""
    answer = {"url": "https://v/", "status": 200, "error": "", "days": 40, "lifetime": 64}
    answer |= {"not_after": "2027-05-01T12:00:00Z", "headers": {"strict-transport-security": "max-age=63072000"}}
    return {"answers": {"v": {"issuer": "CA", **answer, **change}}}


def wrong(answers: dict[str, Any], held: str | None = None, share: Any = 0.2, days: Any = 0) -> str:
    """The sentence about a certificate; empty when there is none."""
    kept = {"results": [{"item": "v", "certificate": {"expires_on": held} if held else {}}]}
    return bad("certificate", seen=answers, held=kept, host="hub", cloud="demo-cloud", share=share, days=days)


@pytest.mark.parametrize(
    ("lifetime", "enough", "late"), [(90, 18, 17), (64, 13, 12), (45, 9, 8), (6, 2, 1), (365, 73, 72)]
)
def test_what_is_left_of_a_certificate_is_a_share_of_its_lifetime(lifetime: int, enough: int, late: int) -> None:
    """A fixed number of days would be an alarm for ever with 6 days, and none at all with a year."""
    assert wrong(served(days=enough, lifetime=lifetime)) == ""
    assert wrong(served(days=late, lifetime=lifetime)).startswith(
        f"https://v/: the certificate, made for {lifetime} days, expires in {many(late, 'day')}; expected"
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
    assert good(
        "certificate", seen=served(days=1, lifetime=2), held={}, host="h", cloud="c", share=0, days=0
    ).startswith("valid for 1 day more, by CA")
    assert "switch HSTS on" in wrong(served(headers={"strict-transport-security": "max-age=0"}))
    assert "The proxy's brake" in wrong(served(status=429, headers={}))


def test_what_the_row_says_of_certificates() -> None:
    given = {"seen": served(), "host": "hub", "cloud": "demo-cloud", "share": "0.2", "days": "0"}
    skipped = {"skipped": True, "results": []}
    assert good("certificate", held=skipped, **given) == "valid for 40 days more, by CA, HSTS on"
    held = {"results": [{"item": "v", "certificate": {"expires_on": "2027-05-01 12:00:00"}}]}
    assert "by CA, the one that the proxy manager holds, HSTS on" in good("certificate", held=held, **given)
    # One that the proxy manager does not have, or whose end it does not tell, was compared with nothing.
    for unknown in (None, {"expires_on": None}):
        compared = {"results": [{"item": "v", "certificate": unknown}]}
        assert good("certificate", held=compared, **given) == "valid for 40 days more, by CA, HSTS on"
    silent = {"results": [{"item": "v", **UNREACHABLE}, {"item": "w", **UNREACHABLE}]}
    assert bad("certificate", held=silent, **given) == "demo-cloud: Connection refused"


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


def test_an_answer_that_breaks_off_is_told_in_words() -> None:
    seen = probed(a={"status": 200, "error": "the answer ends after 100 of 900 bytes"}, b={"status": 403})
    said = "https://v/a (a) answers 200 and breaks off (the answer ends after 100 of 900 bytes) through the viewer;"
    assert said in bad("viewer", seen=seen, host="cloud")


def test_who_is_asked_for_a_login_and_who_is_let_in() -> None:
    strangers: dict[str, dict[str, Any]] = {"page": {"status": 401}, "script": {"status": 401}}
    inside = probed(page={"status": 200}, studies={"status": 204})
    given = {"inside": inside, "host": "hub", "login_host": "cloud"}
    said = "2 probes without a login or with a wrong one are refused, the login opens"
    assert good("login", seen=probed(**strangers), **given) == said
    let_in = probed(page={"status": 200}, script={"status": 0, "error": "no answer"})
    assert bad("login", seen=let_in, **given) == (
        "https://v/page (page) answers 200 without a login; expected 401. "
        "https://v/script (script) does not answer (no answer) without a login; expected 401."
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
    assert good("pacs", seen=probed(a={"status": 403}), host="hub") == "1 probe is refused"


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


@pytest.mark.parametrize("check", ["login", "pacs", "viewer"])
def test_questions_that_were_too_many_at_once_are_no_refusal_and_no_hole(check: str) -> None:
    """As when several proofs run at once. What was let in beside them is told first."""
    given: dict[str, Any] = {"host": "hub", "inside": probed(page={"status": 200}), "login_host": "cloud"}
    given = given if check == "login" else {"host": "hub"}
    right = 401 if check == "login" else 403
    said = bad(check, seen=probed(a={"status": right}, b={"status": 429}), **given)
    assert said.startswith("The proxy's brake turned 1 of 2 questions of hub away (429), because too many were asked")
    assert said.endswith("run the proof again in a minute.")
    assert "answers 200" in bad(check, seen=probed(a={"status": 200}, b={"status": 429}), **given)
    if check == "login":
        given["inside"] = probed(page={"status": 429})
        said = bad(check, seen=probed(a={"status": right}), **given)
        assert said.startswith("The proxy's brake turned 1 of 1 question of cloud away")


def test_the_brake_is_named_wherever_the_proxy_is_asked() -> None:
    brake = "The proxy's brake turned 1 of "
    moved = {"status": 301, "headers": {"location": "https://v/a"}}
    seen = probed(a={**moved, "url": "http://v/a"}, b={"status": 429, "url": "http://v/b"})
    assert bad("redirect", seen=seen, host="hub").startswith(f"{brake}2 questions of hub away (429)")
    seen["answers"]["a"] = {**seen["answers"]["a"], "status": 200}
    assert bad("redirect", seen=seen, host="hub").startswith("http://v/a answers 200; expected a redirect")
    given = {"seen": probed(large={"status": 429}), "host": "hub", "pacs": "https://p", "largest_mb": 512}
    assert bad("limit", **given).startswith(f"{brake}1 question of hub away (429)")


def test_a_study_list_that_was_not_looked_at() -> None:
    """The brake is told alone; what cannot be read beside it comes first."""
    late: dict[str, Any] = {
        "problems": ["u answers HTTP 429 instead of HTTP 200"],
        "summary": "u answers HTTP 429",
        "asked": 2,
    }
    said = bad("list", seen={**late, "turned_away": 1}, host="cloud", cloud="cloud")
    assert said.startswith("The proxy's brake turned 1 of 2 questions of cloud away (429), because too many were asked")
    assert said.endswith("run the proof again in a minute.")
    both = {**late, "problems": [*late["problems"], "row 1 is no study"], "turned_away": 1}
    assert bad("list", seen=both, host="cloud", cloud="cloud").startswith("The viewer cannot read its study list")


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
    one = {**seen, "recent": 1, "days": 1}
    assert good("list", seen=one, **given).startswith("1 study of the last 1 day, with which the list begins, and 3")
    said = bad("list", seen={**seen, "problems": ["x"], "summary": "study 1.2: x"}, **given)
    assert said.startswith("The viewer cannot read its study list, so it shows nobody anything: study 1.2: x. Look at")
    assert "anything: cloud cannot be reached." in bad("list", seen=UNREACHABLE, **given)
    assert "comes uncompressed (9 bytes)" in bad("list", seen={**seen, "compressed": False}, **given)


CALL = "mediverse-proof-1"
DOORS: dict[str, Any] = {
    "addresses": ["172.20.0.2:8042", "172.20.0.3:80", "172.20.0.4:81"],
    "viewer": {"name": "pacs-demo-ohif-1", "address": "172.20.0.3"},
    "from_host": {"172.20.0.2:8042": 401, "172.20.0.3:80": 403},
    "others": [],
    "from_others": [],
    "asked": 10,
    "knocked": 15,
    "guard": "",
}


def doors(heard: str = "", **change: Any) -> dict[str, Any]:
    """What the judge is given, with some of the answers changed."""
    seen = {**DOORS, **change}
    given = {"doors": seen, "called": probed(call={}), "heard": {"stdout": "", "stderr": heard}}
    return {**given, "call": CALL, "site": "demo", "host": "hub", "cloud": "demo-cloud"}


def test_closed_doors() -> None:
    assert good("neighbour", **doors('172.20.0.1 - 200 GET "/"')) == (
        "2 of 10 ports of the site's containers answer the host and list nothing, and hub does not reach the viewer's"
    )
    assert good("neighbour", **doors(others=["pacs-a-ohif-1", "pacs-b-ohif-1"])) == (
        "2 of 10 ports of the site's containers answer the host and list nothing, none of 15 lets pacs-a-ohif-1, "
        "pacs-b-ohif-1 in, and hub does not reach the viewer's"
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
    skipped = {"skipped": True, "changed": False}
    absent = bad("neighbour", **{**doors(viewer={}), "called": skipped, "heard": skipped})
    assert absent.startswith("The viewer's container of demo does not run on demo-cloud;")


def test_nobody_called_or_nobody_listened() -> None:
    """Silence proves nothing then."""
    said = bad("neighbour", **{**doors(), "called": UNREACHABLE})
    assert said.startswith("Nothing could be looked at from hub, which cannot be reached")
    assert bad("neighbour", **{**doors(), "heard": UNREACHABLE}) == "demo-cloud: Connection refused"


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
            given["heard"] = {"stdout": right}
        else:
            given["doors"] = {**given["doors"], name: right}
    begins = ["A container of demo lists", "Another site's container", "hub reaches", "The rules are gone."]
    assert [one[: len(begin)] for one, begin in zip(said, begins, strict=True)] == begins
    assert bad("neighbour", **given) == ""
