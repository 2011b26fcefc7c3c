# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a ledger between two servers, without Ansible: what is asked, sent, settled, and in which order."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.errors import ApiError
from ansible_collections.mediverse.pacs.plugins.module_utils._ledger.words import rows_of_days
from ansible_collections.mediverse.pacs.plugins.module_utils.orthanc import ledger, peer_store
from ansible_collections.mediverse.pacs.plugins.plugin_utils import _ledger
from ansible_collections.mediverse.pacs.plugins.plugin_utils._ledger import AskError, Ledger, Rules
from ansible_collections.mediverse.pacs.plugins.plugin_utils._progress import EVERY, Progress

from .orthanc import DAY, Orthanc

RULES = Rules(md5=True, leave_out={"http_user": ["gateway"], "origin": ["Lua"]}, peer="cloud", resend=True)
_DEFAULTS = {name: spec.get("default") for name, spec in ledger.LEDGER.options.items()}


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sending waits for its jobs."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)


class Site:
    """A gateway, its cloud, and a ledger between them, which is asked for one day. Results travel as JSON."""

    def __init__(self, rules: Rules = RULES) -> None:
        self.gateway, self.cloud = Orthanc(), Orthanc()
        self.gateway.peer = self.cloud
        self.said: list[str] = []
        self.sent: list[int] = []
        # Questions to the cloud: how many series each.
        self.questions: list[int] = []
        self.ledger = Ledger(self.ask, rules, self.said.append)

    def ask(self, module: str, **options: Any) -> dict[str, Any]:
        """What the modules do on the gateway."""
        try:
            if module == "orthanc_peer_store":
                self.sent.append(len(options["images"]))
                return dict(peer_store.act(self.gateway.api(), options, False))
            return dict(ledger.read(self.gateway.api(), {**_DEFAULTS, **options}))
        except ApiError as error:
            return {"failed": True, "msg": error.msg, "failure": error.failure}

    def answers(self, step: dict[str, Any], **change: Any) -> list[dict[str, Any]]:
        """What the cloud says to the questions of a step."""
        found = []
        for portion in step["portions"]:
            self.questions.append(len(portion["series"]))
            question = {"compare": portion["series"], "replaced": portion["begins"], "list_differing": True}
            found.append({**ledger.read(self.cloud.api(), {**_DEFAULTS, **question}), **change})
        travelled: list[dict[str, Any]] = json.loads(json.dumps(found))
        return travelled

    def compare(self, send: bool = True, first: str = DAY, last: str = DAY) -> dict[str, Any]:
        """The steps up to the comparison."""
        summed = json.loads(json.dumps(self.ledger.sum_up(self.ledger.open(first, last))))
        return dict(json.loads(json.dumps(self.ledger.compare(summed, self.answers(summed), send))))

    def run(self, send: bool = True) -> dict[str, Any]:
        """All steps; the day."""
        compared = self.compare(send)
        (day,) = self.ledger.settle(compared, self.answers(compared))
        return dict(day)


def test_what_is_the_same_takes_one_question() -> None:
    site = Site()
    for number in range(4):
        for server in (site.gateway, site.cloud):
            server.add(f"1.{number}", f"1.{number}.1", day=DAY if number else "2026-11-21")
    compared = site.compare(first="2026-11-20")
    assert [(day["day"], day["series"], day["images"]) for day in compared["days"]] == [
        ("2026-11-20", 0, 0),
        ("2026-11-21", 1, 1),
        (DAY, 3, 3),
    ]
    assert (site.questions, compared["portions"], compared["changed"]) == ([4], [], False)
    # Its clock, and for each day its series and their images.
    assert site.gateway.asked == ["/tools/now", *["/tools/find"] * 5]
    assert site.ledger.settle(compared, []) == compared["days"]


def test_a_long_day_is_summed_up_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_ledger, "_PAGE", 2)
    site = Site()
    for number in range(5):
        site.gateway.add(f"1.{number}", f"1.{number}.1")
    assert site.compare(send=False)["days"][0]["missing"] == 5
    assert site.said[:3] == [
        f"{DAY} (day 1 of 1): sums up what the gateway received{so_far}"
        for so_far in ("", ", 2 images so far", ", 4 images so far")
    ]


def test_what_is_missing_is_sent_and_seen_to_arrive() -> None:
    site = Site()
    for number in range(3):
        site.gateway.add("1.1", f"1.1.{number}")
        site.gateway.add("1.2", f"1.2.{number}")
        site.cloud.add("1.2", f"1.2.{number}")
    site.cloud.add("1.1", "1.1.0")
    day = site.run()
    assert (day["images"], day["sent"], day["missing"], day["unsent"], day["named"]) == (6, 2, 0, 0, [])
    # Once about all series, once about the one of which something was sent; that one is listed at the gateway once.
    assert site.questions == [2, 1]
    assert [text for text in site.said if "looks at" in text] == [f"{DAY}: looks at 3 images of 1 series that differs"]
    assert rows_of_days([day], site.gateway.now.replace("20261123", "2026-11-23"))[0]["proved"]


def test_what_did_not_arrive_has_its_reason_and_what_came_from_the_cloud_stays() -> None:
    site = Site()
    for number in range(4):
        site.gateway.add("1.1", f"1.1.{number}")
    site.gateway.add("1.1", "1.1.8", HttpUsername="gateway")
    site.gateway.bad = {"1.1.2"}
    day = site.run()
    assert (day["sent"], day["unsent"], day["missing"], day["left_out"]) == (3, 1, 1, 1)
    assert [(one["sop"], one["reason"]) for one in day["named"]] == [("1.1.2", "it could not be read: Internal error")]


def test_check_mode_sends_nothing() -> None:
    site = Site()
    site.gateway.add("1.1", "1.1.1")
    compared = site.compare(send=False)
    assert (compared["changed"], compared["pending"], site.sent) == (True, [], [])
    (day,) = compared["days"]
    assert (day["missing"], day["would_send"], day["sent"]) == (1, 1, 0)
    assert [(one["sop"], one["would_send"]) for one in day["named"]] == [("1.1.1", True)]
    site = Site(RULES._replace(resend=False))
    site.gateway.add("1.1", "1.1.1")
    compared = site.compare(send=False)
    assert (compared["changed"], compared["days"][0]["would_send"]) == (False, 0)
    assert "would_send" not in compared["days"][0]["named"][0]


def test_images_of_a_proof_are_not_looked_at() -> None:
    """It makes them and removes them again while a ledger goes on: they are no day's work, and never missing."""
    site = Site(RULES._replace(skip_patients=["mediverse-proof-*"]))
    site.gateway.add("1.1", "1.1.1", patient="mediverse-proof-demo-2611301006ab12c")
    day = site.run()
    assert (day["images"], day["missing"], site.questions, site.sent) == (0, 0, [], [])
    site.gateway.add("1.2", "1.2.1", patient="somebody")
    day = site.run(send=False)
    assert (day["series"], day["images"], day["missing"]) == (1, 1, 1)
    assert site.gateway.images.keys() == {"1.1.1mediverse-proof-demo-2611301006ab12c", "1.2.1somebody"}


def test_what_is_different_is_sent_on_a_word_of_its_own() -> None:
    for replace, different in ((False, 1), (True, 0)):
        site = Site(RULES._replace(replace=replace))
        site.gateway.add("1.1", "1.1.1")
        site.cloud.add("1.1", "1.1.1", md5="other")
        day = site.run()
        assert (day["different"], day["sent"]) == (different, int(replace))


def test_a_pair_that_sending_made_is_told() -> None:
    site = Site()
    for patient in ("first", "second"):
        site.gateway.add("1.1", "1.1.1", patient=patient)
    site.cloud.add("1.1", "1.1.1", patient="first")
    day = site.run()
    assert (day["sent"], day["missing"]) == (1, 0)
    assert day["pairs"] == [{"study": "study-1.1", "ids": ["study-1.1 of first", "study-1.1 of second"]}]


def test_what_was_replaced_is_told_once_on_its_day() -> None:
    site = Site()
    for server in (site.gateway, site.cloud):
        server.add("1.1", "1.1.1")
        server.add("1.2", "1.2.1")
    del site.cloud.images["1.2.1"]
    site.cloud.replaced = {"1.1.1": DAY.replace("-", "")}
    assert site.run()["replaced"] == [{"sop": "1.1.1", "id": "1.1.1"}]


def test_a_series_that_cannot_be_read_after_sending_is_unchecked() -> None:
    """As many images as were summed up, but for those of which it is known that they were not sent."""
    site = Site()
    for number in range(5):
        site.gateway.add("1.1", f"1.1.{number}")
    site.gateway.bad = {"1.1.2"}
    compared = site.compare()
    unreadable = site.answers(compared, found={}, unread=["1.1"], differing=[{"series": "1.1", "images": 5}])
    (day,) = site.ledger.settle(compared, unreadable)
    assert (day["unchecked"], day["missing"], day["sent"], day["unsent"]) == (4, 1, 0, 1)
    # Not even when the gateway's cannot be read any more.
    site.gateway.images.clear()
    (day,) = site.ledger.settle(compared, unreadable)
    assert (day["unchecked"], day["missing"]) == (4, 1)


def test_a_cloud_that_takes_nothing_is_given_up() -> None:
    site = Site()
    site.gateway.peer = None
    for number in range(5):
        for image in range(600):
            site.gateway.add(f"1.{number}", f"1.{number}.{image}")
    day = site.run()
    assert (day["missing"], day["unsent"], day["sent"], site.sent) == (3000, 3000, 0, [600] * 3)
    assert day["reasons"]["not tried any more, because nothing could be sent before"] == 1200
    assert len(day["named"]) == 1000


def test_a_gateway_that_does_not_answer_is_the_error_itself() -> None:
    site = Site()
    site.gateway.now = "hello"
    with pytest.raises(AskError, match="does not answer like Orthanc") as caught:
        site.compare()
    assert caught.value.answer["failure"]["path"] == "/tools/now"
    site.gateway.now = "20261123T000100"
    with pytest.raises(ValueError, match="expected a date"):
        site.compare(first="22.11.2026")


def test_the_clouds_time_is_shared_by_the_days() -> None:
    moments = iter([0.0, 1.0, 1.0, 3.0, 3.0, 13.0, *[13.0] * 9])
    site = Site()
    site.ledger = Ledger(site.ask, RULES, clock=lambda: next(moments))
    for number, day in enumerate(["2026-11-21", DAY, DAY, DAY]):
        for server in (site.gateway, site.cloud):
            server.add(f"1.{number}", f"1.{number}.1", day=day)
    assert [day["seconds"] for day in site.compare(first="2026-11-21")["days"]] == [3.5, 9.5]


def test_a_hundred_thousand_images_that_are_all_missing() -> None:
    """They are told and counted; only so many are named, and the cloud is asked in portions."""
    site = Site(RULES._replace(resend=False, leave_out={}))
    for number in range(200):
        for image in range(500):
            site.gateway.add(f"1.{number}", f"1.{number}.{image}")
    # The double would look through all of them for each question.
    by_series: dict[str, list[str]] = {}
    for key, one in site.gateway.images.items():
        by_series.setdefault(one["series"], []).append(key)

    def find(question: Any) -> list[Any]:
        if question["Level"] == "Series":
            return site.gateway._series(question["MetadataQuery"]["LastUpdate"])
        keys = sorted(key for uid in question["Query"]["SeriesInstanceUID"].split("\\") for key in by_series[uid])
        since = question["Since"]
        return [site.gateway._image(key) for key in keys[since : since + question["Limit"]]]

    site.gateway._find = find  # type: ignore[method-assign]
    compared = site.compare()
    (day,) = compared["days"]
    assert (day["images"], day["missing"], len(day["named"])) == (100_000, 100_000, 1000)
    assert site.questions == [40] * 5
    assert len(json.dumps(compared)) < 200_000


@pytest.mark.parametrize("verbose", [False, True])
def test_signs_of_life(verbose: bool) -> None:
    said: list[str] = []
    now = [0.0]
    progress = Progress("gw", said.append, verbose, lambda: now[0])
    progress.stage("one")
    now[0] += EVERY - 1
    progress.beat()
    progress.stage("two")
    assert said == (["gw: one", "gw: two"] if verbose else [])
    now[0] += 1
    progress.beat()
    now[0] += EVERY
    progress.beat()
    # With -v, the first of the two is too soon after "two" was said.
    assert said[-1] == f"gw: two, for {EVERY + 1:.0f} s"
    assert len(said) == (3 if verbose else 2)
