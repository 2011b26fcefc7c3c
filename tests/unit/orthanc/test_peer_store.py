# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""orthanc_peer_store, on Linux and on Windows, and how it goes around images that cannot be sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.errors import ApiError
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.http import Api, Endpoint
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.messages import Response
from ansible_collections.mediverse.pacs.plugins.module_utils.orthanc import peer_store
from ansible_collections.mediverse.pacs.plugins.modules import orthanc_peer_store

from ..fake_api import FakeApi

BODY = {"Resources": ["a", "b"], "Asynchronous": True}
NO_LINE = "libCURL error: Couldn't connect to server while accessing https://cloud/instances"


def starts(api: FakeApi, images: list[str], job: str) -> None:
    """One job begins."""
    body = {"Resources": images, "Asynchronous": True}
    api.expect("POST", "/peers/cloud/store", json=body).reply(json={"ID": job, "Path": f"/jobs/{job}"})


def fails(api: FakeApi, job: str, progress: int = 0, code: int = 9, what: str = "network") -> None:
    """It has ended, but not well."""
    state = {"State": "Failure", "ErrorCode": code, "ErrorDescription": what, "ErrorDetails": ""}
    api.expect("GET", f"/jobs/{job}").reply(json={**state, "Progress": progress})


def test_sends_and_waits(both: FakeApi) -> None:
    both.expect("POST", "/peers/cloud/store", json=BODY).reply(json={"ID": "j1", "Path": "/jobs/j1"})
    both.expect("GET", "/jobs/j1").reply(json={"State": "Running"})
    both.expect("GET", "/jobs/j1").reply(json={"State": "Success"})
    result = both.run(orthanc_peer_store, peer="cloud", images=["a", "b"])
    assert (result["changed"], result["sent"]) == (True, 2)
    assert (result["unsent"], result["unknown"], result["stopped"]) == ([], 0, "")


def test_check_mode_asks_for_nothing(both: FakeApi) -> None:
    result = both.run(orthanc_peer_store, check_mode=True, peer="cloud", images=["a", "b"])
    assert (result["changed"], result["sent"]) == (True, 2)


def test_nothing_to_send(both: FakeApi) -> None:
    assert not both.run(orthanc_peer_store, peer="cloud", images=[])["changed"]


def test_an_image_that_cannot_be_sent_does_not_keep_the_others(both: FakeApi) -> None:
    """The job says that it had sent one of three; the second one is tried alone, and is the bad one."""
    starts(both, ["a", "b", "c"], "j1")
    fails(both, "j1", progress=33, code=-1, what="broken")
    starts(both, ["b"], "j2")
    fails(both, "j2", code=-1, what="broken")
    starts(both, ["c"], "j3")
    both.expect("GET", "/jobs/j3").reply(json={"State": "Success"})
    result = both.run(orthanc_peer_store, peer="cloud", images=["a", "b", "c"])
    assert (result["failed"], result["changed"], result["sent"]) == (True, True, 2)
    assert result["unsent"] == [{"id": "b", "reason": "it could not be read: broken"}]
    assert "could not send 1 of 3 images to cloud: 1 (it could not be read: broken)" in result["msg"]
    assert result["failure"] == {"status": None, "code": "not_kept", "path": "/peers/cloud/store"}


def test_an_image_that_the_peer_refuses(both: FakeApi) -> None:
    starts(both, ["a"], "j1")
    fails(both, "j1")
    result = both.run(orthanc_peer_store, peer="cloud", images=["a"])
    assert result["unsent"] == [{"id": "a", "reason": "cloud did not take it: network"}]


def test_images_and_peers_that_are_gone(both: FakeApi) -> None:
    """Both are the same answer to the job; which images are left tells them apart."""
    both.expect("POST", "/peers/cloud/store").reply(404, json={"Message": "Unknown resource"})
    question = {"Resources": ["a", "b"], "Level": "Instance", "Metadata": False}
    both.expect("POST", "/tools/bulk-content", json=question, harmless=True).reply(json=[{"ID": "b"}])
    starts(both, ["b"], "j1")
    both.expect("GET", "/jobs/j1").reply(json={"State": "Success"})
    result = both.run(orthanc_peer_store, peer="cloud", images=["a", "b"])
    assert (result["sent"], result["unsent"]) == (1, [{"id": "a", "reason": "it is not there any more"}])

    both.expect("POST", "/peers/cloud/store").reply(404, json={"Message": "Unknown resource"})
    both.expect("POST", "/tools/bulk-content", harmless=True).reply(json=[{"ID": "a"}])
    result = both.run(orthanc_peer_store, peer="cloud", images=["a"])
    assert "has no peer 'cloud'" in result["msg"]
    assert (result["failure"]["status"], result["stopped"], result["changed"]) == (404, "peer", False)


def test_a_job_that_orthanc_has_forgotten_is_no_failure(both: FakeApi) -> None:
    both.expect("POST", "/peers/cloud/store").reply(json={"ID": "j1"})
    both.expect("GET", "/jobs/j1").reply(json={"State": "Running"})
    both.expect("GET", "/jobs/j1").reply(404)
    result = both.run(orthanc_peer_store, peer="cloud", images=["a", "b"])
    assert not result.get("failed")
    assert (result["changed"], result["sent"], result["unknown"], result["unsent"]) == (True, 0, 2, [])


def test_a_job_that_does_not_end(both: FakeApi) -> None:
    both.expect("POST", "/peers/cloud/store").reply(json={"ID": "j1"})
    both.expect("GET", "/jobs/j1").reply(json={"State": "Running"})
    result = both.run(orthanc_peer_store, peer="cloud", images=["a"], wait=0)
    assert (result["failure"]["code"], result["stopped"], result["changed"]) == ("timeout", "time", True)
    assert "its job goes on" in result["unsent"][0]["reason"]


def test_a_name_that_cannot_be_one(both: FakeApi) -> None:
    assert "peer is '../x'" in both.run(orthanc_peer_store, peer="../x", images=["a"])["msg"]


def test_a_server_that_is_something_else(both: FakeApi) -> None:
    both.expect("POST", "/peers/cloud/store").reply(json={"State": "no identifier"})
    assert "does not answer like Orthanc" in both.run(orthanc_peer_store, peer="cloud", images=["a"])["msg"]


class Orthanc:
    """Makes jobs that end at once: each stops at its first image that is in ``bad`` (image: its error)."""

    def __init__(self, bad: Mapping[str, tuple[int, str]] | None = None) -> None:
        self.endpoint = Endpoint("Orthanc", "http://127.0.0.1:8042")
        self.bad = bad or {}
        self.jobs: list[list[str]] = []
        self.sent: set[str] = set()
        self.breaks_after = 10_000

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: Any = 0,
    ) -> Response:
        """Starts a job or tells one."""
        if path.endswith("/store"):
            if len(self.jobs) >= self.breaks_after:
                raise ApiError("it broke", kind="unreachable")
            self.jobs.append(json.loads(body or b"")["Resources"])
            return self._answer({"ID": str(len(self.jobs) - 1)})
        job = self.jobs[int(path.rsplit("/", 1)[1])]
        end = next((place for place, image in enumerate(job) if image in self.bad), len(job))
        self.sent.update(job[:end])
        if end == len(job):
            return self._answer({"State": "Success", "Progress": 100})
        code, details = self.bad[job[end]]
        state = {"State": "Failure", "ErrorCode": code, "ErrorDescription": "no", "ErrorDetails": details}
        return self._answer({**state, "Progress": round(100 * end / len(job))})

    @staticmethod
    def _answer(found: Any) -> Response:
        return Response(200, {"content-type": "application/json"}, json.dumps(found).encode())


def send(orthanc: Orthanc, images: list[str], pauses: list[float]) -> dict[str, Any]:
    """One run."""
    result: dict[str, Any] = peer_store.act(Api(orthanc), {"peer": "cloud", "images": images, "wait": 900}, False)
    assert max(pauses, default=0) <= peer_store._BREATH
    assert result["sent"] + len(result["unsent"]) == len(images)
    return result


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Takes no time, and remembers how long it would have taken."""
    found: list[float] = []
    monkeypatch.setattr(peer_store.time, "sleep", found.append)
    return found


IMAGES = [f"i{number}" for number in range(1000)]


@pytest.mark.parametrize("code", [9, -1])
def test_few_bad_images_cost_few_requests(pauses: list[float], code: int) -> None:
    """Damaged files and images that the peer refuses, at the ends of a piece, side by side and alone."""
    bad = {f"i{number}": (code, "") for number in (0, 1, 99, 457, 999)}
    orthanc = Orthanc(bad)
    result = send(orthanc, IMAGES, pauses)
    assert {entry["id"] for entry in result["unsent"]} == set(bad)
    assert orthanc.sent == set(IMAGES) - set(bad)
    assert all(len(job) <= peer_store.PIECE for job in orthanc.jobs)
    assert len(orthanc.jobs) <= 10 + 4 * len(bad)


def test_ten_bad_images_in_a_row_are_not_the_peers_fault(pauses: list[float]) -> None:
    bad = {f"i{number}": (9, "") for number in range(10)}
    orthanc = Orthanc(bad)
    result = send(orthanc, IMAGES[:100], pauses)
    assert (result["stopped"], orthanc.sent) == ("", set(IMAGES[10:100]))


def test_a_peer_that_cannot_be_reached_is_one_reason(pauses: list[float]) -> None:
    orthanc = Orthanc(dict.fromkeys(IMAGES, (9, NO_LINE)))
    result = send(orthanc, IMAGES, pauses)
    assert len(orthanc.jobs) == 3
    assert (result["stopped"], result["changed"]) == ("peer", False)
    assert {entry["reason"] for entry in result["unsent"]} == {f"cloud cannot be reached; no: {NO_LINE}"}
    assert "1000 of 1000 images to cloud: 1000 (cloud cannot be reached" in result["msg"]


def test_a_peer_that_refuses_the_login_is_one_reason(pauses: list[float]) -> None:
    orthanc = Orthanc(dict.fromkeys(IMAGES, (9, "")))
    result = send(orthanc, IMAGES, pauses)
    assert len(orthanc.jobs) == 16
    assert {entry["reason"] for entry in result["unsent"]} == {
        "cloud refused 16 transfers in a row; check its password: no"
    }


@pytest.mark.parametrize(("pieces", "details"), [(8, ""), (10, ""), (3, NO_LINE), (10, NO_LINE)])
def test_bad_images_at_the_starts_of_pieces_are_not_the_peers_fault(
    pauses: list[float], pieces: int, details: str
) -> None:
    bad = {f"i{number * peer_store.PIECE}": (9, details) for number in range(pieces)}
    orthanc = Orthanc(bad)
    result = send(orthanc, IMAGES, pauses)
    assert (result["stopped"], orthanc.sent) == ("", set(IMAGES) - set(bad))
    assert {entry["id"] for entry in result["unsent"]} == set(bad)
    assert len(orthanc.jobs) <= 10 + 4 * pieces + peer_store._SAMPLES


def test_refused_images_and_one_blip_are_no_peer_that_cannot_be_reached(pauses: list[float]) -> None:
    """An answer was a connection."""
    orthanc = Orthanc({"i0": (9, ""), "i100": (9, ""), "i200": (9, NO_LINE)})
    result = send(orthanc, IMAGES[:300], pauses)
    assert (result["stopped"], result["sent"]) == ("", 297)
    reasons = {entry["id"]: entry["reason"] for entry in result["unsent"]}
    refused = "cloud did not take it: no"
    assert reasons == {"i0": refused, "i100": refused, "i200": f"cloud cannot be reached; no: {NO_LINE}"}


def test_an_image_that_was_refused_before_the_line_broke_keeps_its_reason(pauses: list[float]) -> None:
    class Breaking(Orthanc):
        def request(self, method: str, path: str, *args: Any, **more: Any) -> Response:
            if path.endswith("/store") and len(self.jobs) == 2:
                self.bad = dict.fromkeys(IMAGES, (9, NO_LINE))
            return super().request(method, path, *args, **more)

    result = send(Breaking({"i0": (9, "")}), IMAGES[:9], pauses)
    reasons = {entry["id"]: entry["reason"] for entry in result["unsent"]}
    assert (result["stopped"], reasons.pop("i0")) == ("peer", "cloud did not take it: no")
    assert set(reasons.values()) == {f"cloud cannot be reached; no: {NO_LINE}"}


def test_a_disk_that_is_gone_is_no_fault_of_the_peer(pauses: list[float]) -> None:
    result = send(Orthanc(dict.fromkeys(IMAGES[:50], (-1, ""))), IMAGES[:60], pauses)
    assert (result["sent"], result["stopped"]) == (10, "")


def test_a_gateway_that_breaks_on_the_way_still_tells_what_was_sent(pauses: list[float]) -> None:
    orthanc = Orthanc()
    orthanc.breaks_after = 2
    result = send(orthanc, IMAGES, pauses)
    assert (result["sent"], result["stopped"], result["failure"]["code"]) == (200, "server", "unreachable")
    orthanc.breaks_after = 0
    with pytest.raises(ApiError, match="it broke"):
        peer_store.act(Api(orthanc), {"peer": "cloud", "images": ["a"], "wait": 1}, False)


def test_the_time_covers_all_pieces(pauses: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 100_000, 400))
    monkeypatch.setattr(peer_store.time, "monotonic", lambda: next(clock))
    result = send(Orthanc(), IMAGES, pauses)
    assert (result["stopped"], result["failure"]["code"]) == ("time", "timeout")
    assert result["unsent"][0]["reason"] == "not tried within 900 s; raise wait"
    assert 0 < result["sent"] < 1000


def test_it_looks_every_second_because_orthanc_soon_forgets(pauses: list[float]) -> None:
    class Slow(Orthanc):
        left = 20

        def request(self, method: str, path: str, *args: Any, **more: Any) -> Response:
            if method == "GET" and self.left:
                self.left -= 1
                return self._answer({"State": "Running"})
            return super().request(method, path, *args, **more)

    assert send(Slow(), ["a"], pauses)["sent"] == 1
    assert max(pauses) == 1.0
