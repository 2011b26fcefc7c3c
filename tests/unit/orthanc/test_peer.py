# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""orthanc_peer, on Linux and on Windows: the same requests, the same results."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.reconcile import seal_of
from ansible_collections.mediverse.pacs.plugins.modules import orthanc_peer

from ..fake_api import FakeApi

PATH = "/peers/cloud/configuration"
SECRET = "p$w'ü\"x"
OPTIONS: dict[str, Any] = {"name": "cloud", "url": "https://pacs.test", "username": "gateway", "password": SECRET}
# As Orthanc 1.13 answers: the password null, of the headers only the names, unknown keys as they were sent.
STORED: dict[str, Any] = {
    "HttpHeaders": [],
    "MediverseSecrets": seal_of({"Password": SECRET}, b"salt", 10),
    "Password": None,
    "Pkcs11": False,
    "Timeout": 0,
    "Url": "https://pacs.test/",
    "Username": "gateway",
}


def _after_put(api: FakeApi, changes: dict[str, Any]) -> None:
    """Expect a PUT and let the read-back answer with the fingerprint that it carried."""
    api.expect("PUT", "/peers/cloud").reply()
    back = api.expect("GET", PATH)
    take = api.answer

    def answer(request: Any) -> Any:
        expected = take(request)
        if expected is back:
            sent = next(r.json for r in reversed(api.requests) if r.method == "PUT")
            back.reply(json={**STORED, "MediverseSecrets": sent.get("MediverseSecrets"), **changes})
        return expected

    api.answer = answer  # type: ignore[method-assign]  # this one object answers otherwise


def test_creates_with_password_and_fingerprint(both: FakeApi) -> None:
    both.expect("GET", PATH).reply(404)
    _after_put(both, {})
    result = both.run(orthanc_peer, **OPTIONS)
    assert result["changed"]
    assert result["peer"] == {
        "name": "cloud",
        "url": "https://pacs.test/",
        "username": "gateway",
        "timeout": 0,
        "pkcs11": False,
    }
    sent = both.requests[1].json
    assert sent["Url"] == "https://pacs.test/"
    assert sent["Password"] == SECRET
    assert sent["MediverseSecrets"].startswith("pbkdf2-sha256$")
    assert result["diff"]["before"] == {}
    assert result["diff"]["after"]["password"] == "******** (new)"
    assert SECRET not in both.output
    assert "ü" not in both.output


def test_check_mode_only_reads(both: FakeApi) -> None:
    both.expect("GET", PATH).reply(404)
    result = both.run(orthanc_peer, check_mode=True, **OPTIONS)
    assert result["changed"]
    assert result["peer"]["url"] == "https://pacs.test/"
    assert both.writes == []


def test_unchanged_password_is_recognised_by_its_fingerprint(both: FakeApi) -> None:
    both.expect("GET", PATH).reply(json=STORED)
    result = both.run(orthanc_peer, **OPTIONS)
    assert not result["changed"]
    assert result["diff"]["before"] == result["diff"]["after"]


def test_new_password_is_sent(both: FakeApi) -> None:
    both.expect("GET", PATH).reply(json=STORED)
    _after_put(both, {})
    result = both.run(orthanc_peer, **{**OPTIONS, "password": "another one"})
    assert result["changed"]
    assert both.requests[1].json["Password"] == "another one"
    assert result["diff"]["before"]["password"] == "********"
    assert result["diff"]["after"]["password"] == "******** (new)"
    assert "another one" not in both.output


def test_peer_made_by_hand_gets_the_password_once(both: FakeApi) -> None:
    both.expect("GET", PATH).reply(json={k: v for k, v in STORED.items() if k != "MediverseSecrets"})
    _after_put(both, {})
    assert both.run(orthanc_peer, **OPTIONS)["changed"]


def test_on_create_leaves_a_changed_password_alone(both: FakeApi) -> None:
    both.expect("GET", PATH).reply(json=STORED)
    assert not both.run(orthanc_peer, **{**OPTIONS, "password": "x" * 9, "update_secret": "on_create"})["changed"]


def test_always_sends_the_password_in_every_run(both: FakeApi) -> None:
    both.expect("GET", PATH).reply(json=STORED)
    _after_put(both, {})
    assert both.run(orthanc_peer, **OPTIONS, update_secret="always")["changed"]


def test_update_without_the_password_would_erase_it_and_is_refused(both: FakeApi) -> None:
    both.expect("GET", PATH).reply(json=STORED)
    result = both.run(orthanc_peer, check_mode=True, name="cloud", url="https://other.test/")
    assert result["failed"]
    assert "Give password in this task" in result["msg"]
    assert result["failure"] == {"status": None, "code": "input", "path": None}


def test_headers_come_back_as_names_and_must_be_given_again(both: FakeApi) -> None:
    both.expect("GET", PATH).reply(json={**STORED, "HttpHeaders": ["X-Token"]})
    result = both.run(orthanc_peer, **{**OPTIONS, "timeout": 60})
    assert "Give http_headers in this task" in result["msg"]


def test_names_of_headers_are_not_sent_as_headers(both: FakeApi) -> None:
    both.expect("GET", PATH).reply(json={**STORED, "HttpHeaders": ["X-Token"]})
    _after_put(both, {"HttpHeaders": ["X-Token"], "Timeout": 60})
    result = both.run(orthanc_peer, **{**OPTIONS, "timeout": 60, "http_headers": {"X-Token": "t0k3n-value"}})
    assert result["changed"]
    assert both.requests[1].json["HttpHeaders"] == {"X-Token": "t0k3n-value"}
    assert "t0k3n-value" not in both.output


def test_foreign_keys_of_the_peer_survive(both: FakeApi) -> None:
    both.expect("GET", PATH).reply(json={**STORED, "Note": "rack 4"})
    _after_put(both, {"Timeout": 60})
    both.run(orthanc_peer, **{**OPTIONS, "timeout": 60})
    assert both.requests[1].json["Note"] == "rack 4"


def test_value_that_did_not_stick_is_an_error(both: FakeApi) -> None:
    both.expect("GET", PATH).reply(json=STORED)
    _after_put(both, {"Timeout": 5})
    result = both.run(orthanc_peer, **{**OPTIONS, "timeout": 60})
    assert result["failed"]
    assert result["changed"]
    assert "did not keep timeout (asked for 60, found 5)" in result["msg"]
    assert result["failure"]["code"] == "not_kept"


def test_absent(both: FakeApi) -> None:
    both.expect("GET", PATH).reply(json=STORED)
    both.expect("DELETE", "/peers/cloud").reply()
    both.expect("GET", PATH).reply(404)
    result = both.run(orthanc_peer, name="cloud", state="absent")
    assert result["changed"]
    assert result["peer"] == {}
    assert result["diff"]["after"] == {}
    assert result["diff"]["before"]["url"] == "https://pacs.test/"


def test_absent_twice(both: FakeApi) -> None:
    both.expect("GET", PATH).reply(404)
    assert not both.run(orthanc_peer, name="cloud", state="absent")["changed"]


def test_login_is_sent_in_utf_8(both: FakeApi) -> None:
    token = base64.b64encode(f"admin:{SECRET}".encode()).decode()
    both.expect("GET", PATH, headers={"Authorization": f"Basic {token}"}).reply(404)
    both.run(orthanc_peer, name="cloud", state="absent", api_username="admin", api_password=SECRET)


def test_refused_login(both: FakeApi) -> None:
    both.expect("GET", PATH).reply(401)
    result = both.run(orthanc_peer, **OPTIONS, api_username="admin", api_password="wrong-one")
    assert result["msg"].startswith("Orthanc at http://127.0.0.1:8042 refused the login")
    assert result["msg"].endswith("Check api_username and api_password.")
    assert result["failure"] == {"status": 401, "code": "login", "path": PATH}
    assert not result["changed"]
    assert "wrong-one" not in both.output


def test_refused_write_is_no_change(both: FakeApi) -> None:
    both.expect("GET", PATH).reply(404)
    both.expect("PUT", "/peers/cloud").reply(400, json={"Details": "Bad url", "Message": "Bad file format"})
    result = both.run(orthanc_peer, **OPTIONS)
    assert result["failed"]
    assert not result["changed"]
    assert "(HTTP 400: Bad url)" in result["msg"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": "clo ud", "url": "http://x"}, "name is 'clo ud', which is no name in Orthanc; expected letters"),
        ({"name": "../x", "state": "absent"}, "name is '../x', which is no name in Orthanc; expected letters"),
        ({"name": "cloud", "url": "pacs.test"}, "url is 'pacs.test', which is no address of the web"),
        ({"name": "cloud", "url": "https://u:S3cret@x.test"}, "use the options username and password"),
        ({"name": "cloud", "url": "https://x.test", "timeout": -1}, "timeout is -1"),
    ],
)
def test_wrong_input_is_found_before_any_request(both: FakeApi, options: dict[str, Any], said: str) -> None:
    result = both.run(orthanc_peer, **options)
    assert result["failed"]
    assert said in result["msg"]
    assert "S3cret" not in result["msg"]
    assert both.requests == []


def test_creation_names_what_is_missing(both: FakeApi) -> None:
    both.expect("GET", PATH).reply(404)
    result = both.run(orthanc_peer, name="cloud")
    assert result["msg"] == "Orthanc peer 'cloud' does not exist yet, and creating it needs: url."
