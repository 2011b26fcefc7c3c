# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the delivery ledger decides and says, as pure functions: days, portions, comparison, words."""

from __future__ import annotations

import contextlib
from datetime import date
from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils._ledger.compare import (
    chosen,
    compare,
    leave_out,
    resent,
    spared,
)
from ansible_collections.mediverse.pacs.plugins.module_utils._ledger.days import (
    PROBLEMS,
    days_between,
    groups,
    new_day,
    of_each_day,
    portions,
    require_order,
    with_answer,
    with_outcome,
)
from ansible_collections.mediverse.pacs.plugins.module_utils._ledger.words import (
    row_of_forwarder,
    rows_of_days,
    rows_of_pairs,
    stopped,
    unsent,
    verdict,
)
from ansible_collections.mediverse.pacs.plugins.module_utils._site.report import table

# As the gateway tells it.
NOW = "2026-11-23T12:00:00Z"


def day(text: str = "2026-11-22", **numbers: Any) -> dict[str, Any]:
    """A day of the ledger."""
    return {**new_day(text, seconds=1), **numbers}


def listed(found: dict[str, Any], *unread: str) -> dict[str, Any]:
    """An answer of orthanc_ledger_info."""
    return {"found": found, "unread": list(unread)}


def test_days() -> None:
    assert days_between("yesterday", "today", NOW) == ["2026-11-22", "2026-11-23"]
    assert days_between("2026-10-31", "2026-11-01", NOW) == ["2026-10-31", "2026-11-01"]
    for first, last, said in (
        ("22.11.2026", "today", "'22.11.2026' is no day; expected a date"),
        ("today", "yesterday", "from 2026-11-23 is later than until 2026-11-22"),
        ("1999-01-01", "today", "are 10189 days; expected at most 3660"),
    ):
        with pytest.raises(ValueError, match=said):
            days_between(first, last, NOW)


@pytest.mark.parametrize(
    ("first", "last", "right"),
    [
        ("yesterday", "today", True),
        ("today", "today", True),
        ("today", "yesterday", False),
        ("2026-11-07", "2026-11-01", False),
        ("2026-11-01", "2026-11-01", True),
        # At the gateway it may be a day later or earlier than here.
        ("2026-11-24", "today", True),
        ("2026-11-25", "today", False),
        ("today", "2026-11-22", True),
        ("yesterday", "2026-11-20", False),
        ("1.11.2026", "today", False),
    ],
)
def test_a_range_that_is_wrong_by_any_clock(first: str, last: str, right: bool) -> None:
    with contextlib.ExitStack() as stack:
        if not right:
            said = f"^from {first} is later than until {last}$|'1.11.2026' is no day"
            stack.enter_context(pytest.raises(ValueError, match=said))
        require_order(first, last, date(2026, 11, 23))


def entries(*images: int) -> list[dict[str, Any]]:
    """What the gateway sums up, each series in a study of its own."""
    return [
        {"series": str(number), "images": count, "digest": "d", "study": f"9.{number}"}
        for number, count in enumerate(images)
    ]


def test_groups_keep_the_order_and_the_size() -> None:
    found = groups(entries(600, 400, 1, 5000, 2))
    assert [[one["series"] for one in group] for group in found] == [["0", "1"], ["2"], ["3"], ["4"]]
    assert groups([]) == []


def test_small_days_are_one_question_and_a_large_one_is_several() -> None:
    (one,) = portions([("2026-11-21", entries(3, 4)), ("2026-11-22", []), ("2026-11-23", entries(5))], size=20)
    assert one["label"] == "2026-11-21 to 2026-11-23: 12 images of 3 series"
    # Of a day without images nobody asks.
    assert one["begins"] == ["2026-11-21", "2026-11-23"]
    assert [(day, len(some)) for day, some in of_each_day(one)] == [("2026-11-21", 2), ("2026-11-23", 1)]
    assert [some[0]["images"] for __, some in of_each_day(one)] == [3, 5]

    several = portions([("2026-11-22", entries(8, 13, 30, 2)), ("2026-11-23", entries(1))], size=20)
    assert [[entry["images"] for entry in one["series"]] for one in several] == [[8], [13], [30], [2, 1]]
    # Each day once, where it begins: the cloud is asked there what was replaced.
    assert [one["begins"] for one in several] == [["2026-11-22"], [], [], ["2026-11-23"]]
    assert several[2]["label"] == "2026-11-22: 30 images of 1 series"
    assert portions([("2026-11-22", [])]) == []
    assert portions([("2026-11-22", entries(1))], begins=False)[0]["begins"] == []


def copy(sop: str, md5: str = "1") -> dict[str, str]:
    """An image, which stands under Orthanc's identifier."""
    return {"sop": sop, "md5": md5}


def test_compare_names_missing_and_different() -> None:
    here = {"s": {"A": copy("a", "1"), "B": copy("b", "2"), "C": copy("c", "")}, "t": {}}
    there = {"s": {"B": copy("b", "x"), "C": copy("c", "3"), "D": copy("extra", "4")}}
    found = compare(listed(here), listed(there))
    assert found["missing"] == [{"series": "s", "sop": "a", "id": "A"}]
    assert found["different"] == [{"series": "s", "sop": "b", "id": "B"}]
    assert found["unchecked"] == 1
    assert compare(listed(here), listed(there), md5=False)["different"] == []


def outcome(here: dict[str, Any], there: dict[str, Any], md5: bool = True) -> dict[str, list[str]]:
    """Which images of one series have which problem."""
    found = compare(listed({"s": here}), listed({"s": there}), md5)
    return {problem: [entry["id"] for entry in found[problem]] for problem in PROBLEMS if found[problem]}


@pytest.mark.parametrize("md5", [True, False])
def test_the_same_uid_under_two_patients_is_two_images(md5: bool) -> None:
    """Of which one can be missing. A corrected patient is neither missing nor to be sent: it would become a pair."""
    old, new = {"old": copy("a")}, {"new": copy("a", "2")}
    both = {**old, **new}
    assert outcome(both, both, md5) == {}
    assert outcome(both, old, md5) == {"missing": ["new"]}
    assert outcome(both, new, md5) == {"missing": ["old"]}
    assert outcome(both, {}, md5) == {"missing": ["new", "old"]}
    assert outcome(old, both, md5) == {}
    assert outcome(old, new, md5) == {"elsewhere": ["old"]}
    third = {"third": copy("a", "3")}
    assert outcome(both, {**old, **third}, md5) == {"elsewhere": ["new"]}
    assert outcome(both, third, md5) == {"elsewhere": ["new"], "missing": ["old"]}


def test_what_is_sent_again() -> None:
    found = {problem: missing(problem)["missing"] for problem in PROBLEMS}
    for resend, replace, ids in ((True, False, ["missing"]), (False, True, ["different"]), (False, False, [])):
        assert [entry["id"] for entry in chosen(found, resend, replace)] == ids
    assert [entry["id"] for entry in chosen(found, True, True)] == ["missing", "different"]


def test_a_study_under_two_patients_is_named_once() -> None:
    pair, replaced = {"study": "9.0", "ids": ["x", "y"]}, {"day": "2026-11-22", "sop": "a", "id": "A"}
    answer = {"pairs": [pair, {"study": "9.7", "ids": ["z"]}], "replaced": [replaced, {**replaced, "day": "other"}]}
    seen = with_answer(with_answer(day(images=1), entries(1), {"pairs": [pair]}), entries(1), answer)
    # What the cloud told of other days is theirs.
    assert (seen["pairs"], seen["replaced"]) == ([pair], [{"sop": "a", "id": "A"}])
    (result,) = rows_of_pairs([seen, day(), seen])
    assert result["result"] == "failed"
    assert result["detail"].startswith("1 study stands under more than one patient in the cloud, and the viewer opens")
    assert "9.0 (x and y)" in result["detail"]
    assert rows_of_pairs([day()]) == []
    said = verdict([*rows_of_days([seen], NOW), result], [seen])
    assert said == f"One patient a study: {result['detail']}"
    assert verdict(rows_of_days([day(images=1)], NOW), [day()]) == ""


def test_images_that_replaced_others_are_told_and_no_fault() -> None:
    replaced = [copy(str(number)) for number in range(4)]
    (result,) = rows_of_days([day(images=9, series=1, replaced=replaced)], NOW)
    assert result["result"] == "passed"
    assert result["detail"].endswith("4 replaced an image of the same UID in the cloud: 0, 1, 2 and others.")


def test_an_image_under_another_patient_fails_the_day() -> None:
    lost = with_outcome(day(images=9), {**missing(), "elsewhere": missing("a")["missing"]})
    (result,) = rows_of_days([lost], NOW)
    assert (result["result"], result["proved"]) == ("failed", False)
    assert result["detail"] == "1 under another patient of 9 images: 1.a (under another patient)."
    assert "run again with delivery_ledger_resend" in verdict([result], [lost])
    assert "run again without --check and with delivery_ledger_resend" in verdict([result], [lost], check_mode=True)


def test_check_mode_says_what_would_be_sent_and_does_not_ask_for_it() -> None:
    found = compare(
        listed({"s": {"A": copy("a"), "B": copy("b"), "C": copy("c")}}), listed({"s": {"B": copy("b", "x")}})
    )
    seen = with_outcome(day(images=3), spared(found, chosen(found, resend=True, replace=False)))
    (row,) = rows_of_days([seen], NOW)
    assert (row["result"], seen["would_send"]) == ("failed", 2)
    assert row["detail"].endswith("Not sent again, because this is check mode: 2: a, c.")
    assert verdict([row], [seen], check_mode=True) == (
        "2026-11-22: the cloud does not have everything. This is check mode, so nothing was sent; 2 images would be "
        "sent again. Run without --check to send them."
    )
    assert rows_of_days([with_outcome(day(images=3), found)], NOW)[0]["detail"].count("check mode") == 0


def test_what_stopped_a_ledger_names_site_and_host() -> None:
    row = stopped("demo", "demo-cloud", "Orthanc refused the login.")
    said = "Site demo: the ledger could not be made. demo-cloud: Orthanc refused the login."
    assert (row["result"], row["detail"]) == ("failed", said)
    assert stopped("demo", "demo-cloud", "demo-cloud is away.")["detail"].endswith("be made. demo-cloud is away.")


def test_a_series_that_could_not_be_read_is_unchecked_and_not_missing() -> None:
    images = {"A": copy("a"), "B": copy("b", "2")}
    for here, there in ((listed({}, "s"), listed({"s": images})), (listed({"s": images}), listed({}, "s"))):
        found = compare(here, there)
        assert (found["missing"], found["different"], found["unchecked"]) == ([], [], 2)
    neither = listed({}, "s"), listed({}, "s")
    assert compare(*neither)["unchecked"] == 1
    assert compare(*neither, images={"s": 4000})["unchecked"] == 4000


def missing(*ids: str) -> dict[str, Any]:
    """An outcome in which these are missing."""
    return {
        "missing": [{"series": "s", "sop": f"1.{one}", "id": one} for one in ids],
        "different": [],
        "elsewhere": [],
        "left_out": 0,
        "unchecked": 0,
        "sent": 0,
        "reasons": {},
        "unread": [],
    }


def test_what_the_forwarder_leaves_out_is_not_missing() -> None:
    origins = {
        "a": {"origin": "RestApi", "http_user": "gateway", "remote_aet": ""},
        "b": {"origin": "DicomProtocol", "http_user": "", "remote_aet": "ARCHIVE"},
        "c": {"origin": "Lua", "http_user": "", "remote_aet": ""},
        "d": {"origin": "DicomProtocol", "http_user": "", "remote_aet": "CT"},
    }
    rules = {"http_user": ["gateway"], "remote_aet": ["ARCHIVE"], "origin": ["Lua"]}
    found = missing("a", "b", "d", "gone")
    found["different"] = missing("c")["missing"]
    kept = leave_out(found, origins, rules)
    assert [entry["id"] for entry in kept["missing"]] == ["d", "gone"]
    assert (kept["different"], kept["left_out"]) == ([], 3)
    none = leave_out(found, origins, {"http_user": [], "remote_aet": [], "origin": []})
    assert (len(none["missing"]), none["left_out"]) == (4, 0)


def test_what_was_sent_again_is_what_arrived() -> None:
    sent = missing("a", "b", "c")["missing"]
    answer = {"failed": True, "msg": "x", "sent": 2, "unsent": [{"id": "b", "reason": "unreadable"}], "unknown": 0}
    found = resent(missing("b", "c", "other"), missing(*"abc", "other"), sent, answer)
    assert (found["sent"], found["reasons"]) == (1, {"unreadable": 1, "it was sent, and is still missing": 1})
    assert [entry.get("reason", "") for entry in found["missing"]] == [*found["reasons"], ""]


def test_what_was_not_sent_stays_missing_when_the_cloud_cannot_be_read_afterwards() -> None:
    """Nothing says that it has arrived. What was sent is unchecked, and what nobody sent is what it was."""
    images = {sop: copy(sop) for sop in "abcd"}
    changed = {"c": copy("c", "2"), "d": images["d"]}
    before = compare(listed({"s": images}), listed({"s": changed}))
    after = compare(listed({"s": images}), listed({}, "s"))
    answer = {"failed": True, "sent": 1, "unsent": [{"id": "a", "reason": "refused"}]}
    found = resent(after, before, before["missing"], answer)
    assert (found["sent"], found["reasons"], found["unchecked"]) == (0, {"refused": 1}, 2)
    assert found["missing"] == [{"series": "s", "sop": "a", "id": "a", "reason": "refused"}]
    assert found["different"] == before["different"]
    result = rows_of_days([with_outcome(day(images=4, series=1), found)], NOW)[0]
    assert (result["result"], result["proved"]) == ("failed", False)
    assert result["detail"].endswith("Could not be sent again: 1 (refused): a.")
    # In check mode nothing is chosen.
    assert resent(after, before, [], {"sent": 2, "unsent": []})["missing"] == before["missing"]


def test_what_came_by_another_way_was_not_sent() -> None:
    sent = missing("a", "b")["missing"]
    found = resent(missing(), missing("a", "b"), sent, {"unsent": [{"id": "a", "reason": "refused"}]})
    assert (found["missing"], found["sent"], found["reasons"]) == ([], 1, {"refused": 1})


def test_a_sending_that_failed_as_a_whole_or_was_skipped_is_the_reason_of_all() -> None:
    sent = missing("a", "b")["missing"]
    found = missing("a", "b")
    assert resent(found, found, sent, {"failed": True, "msg": "no login"})["reasons"] == {"no login": 2}
    skipped = resent(found, found, sent, {"skipped": True, "changed": False})
    assert list(skipped["reasons"]) == ["not tried any more, because nothing could be sent before"]
    # In check mode nothing is chosen.
    assert resent(missing("a"), missing("a"), [], {"sent": 1, "unsent": []}) == missing("a")


def test_a_day_names_some_and_counts_all() -> None:
    found = {**missing(*"abcde"), "unchecked": 2, "left_out": 3, "sent": 5, "reasons": {"x": 1}}
    found["different"] = found["missing"][:1]
    total = with_outcome(with_outcome(day(), found, at_most=7), found, at_most=7)
    assert (total["missing"], total["different"], total["unchecked"], total["sent"]) == (10, 2, 4, 10)
    assert (total["left_out"], total["unsent"], total["reasons"]) == (6, 2, {"x": 2})
    assert [one["problem"] for one in total["named"]] == ["missing"] * 5 + ["different", "missing"]


# A day of a real server is always its today: Orthanc stamps a series itself, and lets nobody change the stamp. So a day
# that is over is seen only here, where the time comes in from outside.
def test_a_finished_day_is_proved() -> None:
    done, running = rows_of_days([day(images=4, series=2), day("2026-11-23", images=1, series=1)], NOW)
    assert (done["result"], done["proved"], running["result"], running["proved"]) == ("passed", True, "passed", False)
    assert done["detail"] == "All 4 images of 2 series are in the cloud with the same MD5: the day is proved."
    assert running["detail"] == "The one image is in the cloud with the same MD5: so far; the day is not over."


def test_a_day_that_was_not_over_when_the_gateway_was_asked_is_not_proved() -> None:
    """Whatever the controller's clock says, which has gone over midnight since, or goes ahead of the gateway's."""
    assert rows_of_days([day(images=4)], "2026-11-22T23:59:59Z")[0]["proved"] is False
    assert rows_of_days([day(images=4)], "2026-11-23T00:00:00Z")[0]["proved"] is True


def test_a_day_without_checksums_is_not_proved() -> None:
    unchecked = rows_of_days([day(images=2, series=1, unchecked=1)], NOW)[0]
    assert (unchecked["result"], unchecked["proved"]) == ("failed", False)
    assert unchecked["detail"].endswith("but 1 could not be compared: the day is not proved.")
    said = verdict([unchecked], [unchecked["ledger"]])
    assert said.startswith("2026-11-22: some images could not be compared, so nothing is proved. Run again;")
    assert "does not have everything" not in said
    without = rows_of_days([day(images=1, series=1)], NOW, md5=False)[0]
    assert (without["result"], without["proved"]) == ("passed", False)
    assert without["detail"].endswith("not proved without the MD5.")


def test_a_day_with_losses_fails_and_says_which() -> None:
    named = [{"sop": f"1.{number}", "problem": "missing"} for number in range(5)]
    result = rows_of_days([day(images=9, missing=5, different=1, named=named, sent=2)], NOW)[0]
    assert (result["result"], result["proved"]) == ("failed", False)
    assert result["detail"].startswith("5 missing and 1 different of 9 images: 1.0 (missing), 1.1 (missing)")
    assert result["detail"].endswith("and others. Sent again: 2.")
    assert table([result], "demo")[-1] == "Site demo: 0 of 1 check passed."


def test_what_could_not_be_sent_is_named_with_its_reason() -> None:
    found = missing("a", "b")
    found = resent(found, found, found["missing"][1:], {"unsent": [{"id": "b", "reason": "unreadable"}]})
    lost = with_outcome(day(images=9), found)
    detail = rows_of_days([lost], NOW)[0]["detail"]
    assert detail.endswith("1.a (missing), 1.b (missing). Could not be sent again: 1 (unreadable): 1.b.")
    assert lost["named"][1] == {"series": "s", "sop": "1.b", "id": "b", "reason": "unreadable", "problem": "missing"}
    few = with_outcome(day(images=9), found, at_most=1)
    assert rows_of_days([few], NOW)[0]["detail"].endswith("Could not be sent again: 1 (unreadable).")
    many = missing(*"abcde")["missing"]
    found = resent({**found, "missing": many}, found, many[1:], {"skipped": True})
    detail = rows_of_days([with_outcome(day(images=9), found)], NOW)[0]["detail"]
    assert detail.endswith(": 4 (not tried any more, because nothing could be sent before): 1.b, 1.c, 1.d and others.")
    assert unsent([lost, day(), lost]) == "2 images could not be sent again: 2 (unreadable)."
    assert unsent([lost]) == "1 image could not be sent again: 1 (unreadable)."
    assert unsent([day()]) == ""


def test_a_day_without_images_is_neither_a_fault_nor_a_proof() -> None:
    empty, nothing = rows_of_days([day(), day(images=3, series=1, left_out=3)], NOW)
    assert empty["detail"] == "No images: the gateway has none of this day."
    assert nothing["detail"] == "No images to deliver. 3 are left out on purpose."
    for result in (empty, nothing):
        assert (result["result"], result["proved"]) == ("skipped", False)
    assert table([empty], "demo")[-1] == "Site demo: 0 of 0 checks passed, 1 left out."


def test_the_forwarder_explains_what_is_missing() -> None:
    waiting = row_of_forwarder({"backlog": 3, "oldest_age": 9, "parked": 1}, 2.04)
    assert waiting["detail"] == "3 images wait, the oldest for 9 s; 1 is parked."
    assert (waiting["result"], waiting["seconds"]) == ("passed", 2.0)
    one = row_of_forwarder({"backlog": 1, "oldest_age": 9, "parked": 0}, 2)
    assert one["detail"] == "1 image waits, the oldest for 9 s; 0 are parked."
    idle = row_of_forwarder({"backlog": 0, "oldest_age": 0, "parked": 0}, 2)
    assert idle["detail"] == "No image waits; 0 are parked."
    silent = row_of_forwarder({"failed": True, "msg": "it is not running"}, 2)
    assert (silent["result"], silent["detail"]) == ("skipped", "it is not running")
