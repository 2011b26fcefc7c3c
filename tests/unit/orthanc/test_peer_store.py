"""orthanc_peer_store, on Linux and on Windows."""

from __future__ import annotations

from ansible_collections.mediverse.pacs.plugins.modules import orthanc_peer_store

from ..fake_api import FakeApi

BODY = {"Resources": ["a", "b"], "Asynchronous": True}


def test_sends_and_waits(both: FakeApi) -> None:
    both.expect("POST", "/peers/cloud/store", json=BODY).reply(json={"ID": "j1", "Path": "/jobs/j1"})
    both.expect("GET", "/jobs/j1").reply(json={"State": "Running"})
    both.expect("GET", "/jobs/j1").reply(json={"State": "Success"})
    result = both.run(orthanc_peer_store, peer="cloud", images=["a", "b"])
    assert (result["changed"], result["sent"]) == (True, 2)


def test_check_mode_asks_for_nothing(both: FakeApi) -> None:
    result = both.run(orthanc_peer_store, check_mode=True, peer="cloud", images=["a", "b"])
    assert (result["changed"], result["sent"]) == (True, 2)


def test_nothing_to_send(both: FakeApi) -> None:
    assert not both.run(orthanc_peer_store, peer="cloud", images=[])["changed"]


def test_a_job_that_fails(both: FakeApi) -> None:
    both.expect("POST", "/peers/cloud/store").reply(json={"ID": "j1"})
    both.expect("GET", "/jobs/j1").reply(json={"State": "Failure", "ErrorDescription": "network", "ErrorDetails": ""})
    result = both.run(orthanc_peer_store, peer="cloud", images=["a"])
    assert "could not send 1 images to cloud (network)" in result["msg"]
    assert result["failure"]["code"] == "not_kept"


def test_an_image_or_a_peer_that_is_gone(both: FakeApi) -> None:
    both.expect("POST", "/peers/cloud/store").reply(404, json={"Message": "Unknown resource"})
    assert "no peer 'cloud', or one of the 1 images" in both.run(orthanc_peer_store, peer="cloud", images=["a"])["msg"]


def test_a_job_that_does_not_end(both: FakeApi) -> None:
    both.expect("POST", "/peers/cloud/store").reply(json={"ID": "j1"})
    both.expect("GET", "/jobs/j1").reply(json={"State": "Running"})
    result = both.run(orthanc_peer_store, peer="cloud", images=["a"], wait=0)
    assert result["failure"]["code"] == "timeout"


def test_a_name_that_cannot_be_one(both: FakeApi) -> None:
    assert "peer is '../x'" in both.run(orthanc_peer_store, peer="../x", images=["a"])["msg"]
