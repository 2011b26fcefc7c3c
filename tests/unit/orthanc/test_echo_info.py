# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""orthanc_echo_info, on Linux and on Windows."""

from __future__ import annotations

from ansible_collections.mediverse.pacs.plugins.modules import orthanc_echo_info

from ..fake_api import FakeApi

UNKNOWN = "it is not among the modalities of this Orthanc"


def test_who_answers_and_who_does_not(both: FakeApi) -> None:
    both.expect("POST", "/modalities/ct1/echo", json={"Timeout": 3}, harmless=True).reply(json={})
    details = {"Details": "Peer aborted Association", "Message": "Error in the network protocol"}
    both.expect("POST", "/modalities/ct2/echo", harmless=True).reply(500, json=details)
    both.expect("POST", "/modalities/ct3/echo", harmless=True).reply(404, json={"Message": "Unknown resource"})
    result = both.run(orthanc_echo_info, check_mode=True, modalities=["ct1", "ct2", "ct3"], seconds=3)
    assert result["answers"] == {
        "ct1": {"answered": True, "reason": ""},
        "ct2": {"answered": False, "reason": "Peer aborted Association"},
        "ct3": {"answered": False, "reason": UNKNOWN},
    }


def test_the_result_holds_no_login(both: FakeApi) -> None:
    """It is looped over and printed: neither the password nor the header that is made of it may be in it."""
    both.expect("POST", "/modalities/ct1/echo", harmless=True).reply(500, json={"Message": "x"})
    password = "p'l a\"n$t"
    result = both.run(orthanc_echo_info, modalities=["ct1"], api_username="admin", api_password=password)
    assert not result["answers"]["ct1"]["answered"]
    assert "Basic " not in str(result)
    assert password not in str(result)


def test_a_wrong_password_is_a_failure(both: FakeApi) -> None:
    both.expect("POST", "/modalities/ct1/echo", harmless=True).reply(401)
    assert both.run(orthanc_echo_info, modalities=["ct1"])["failure"]["code"] == "login"


def test_a_name_that_would_be_a_path(both: FakeApi) -> None:
    assert both.run(orthanc_echo_info, modalities=["../system"])["failure"]["code"] == "input"


def test_something_else_that_answers(both: FakeApi) -> None:
    both.expect("POST", "/modalities/ct1/echo", harmless=True).reply(500, json=["x"])
    assert "does not answer like Orthanc" in both.run(orthanc_echo_info, modalities=["ct1"])["msg"]
