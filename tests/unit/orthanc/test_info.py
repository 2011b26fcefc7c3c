# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""orthanc_info, on Linux and on Windows."""

from __future__ import annotations

from ansible_collections.mediverse.pacs.plugins.modules import orthanc_info

from ..fake_api import FakeApi

PEER = {"Url": "https://c/", "Username": "u", "Password": None, "HttpHeaders": ["A"], "Timeout": 9, "Own": "x"}


def test_reads_everything_by_default_and_in_check_mode(both: FakeApi) -> None:
    both.expect("GET", "/system").reply(json={"Version": "1.13.0", "DicomAet": "MEDIVERSE"})
    both.expect("GET", "/peers?expand").reply(json={"cloud": PEER})
    both.expect("GET", "/modalities?expand").reply(json={"ct1": {"AET": "CT", "Host": "h", "Port": 104}})
    both.expect("GET", "/statistics").reply(json={"CountInstances": 3})
    result = both.run(orthanc_info, check_mode=True)
    assert not result["changed"]
    assert result["system"]["Version"] == "1.13.0"
    assert result["peers"] == {"cloud": {"name": "cloud", "url": "https://c/", "username": "u", "timeout": 9}}
    assert result["modalities"] == {"ct1": {"name": "ct1", "aet": "CT", "host": "h", "port": 104}}
    assert result["statistics"] == {"CountInstances": 3}


def test_reads_only_what_was_asked_for(both: FakeApi) -> None:
    both.expect("GET", "/statistics").reply(json={"CountInstances": 3})
    result = both.run(orthanc_info, gather=["statistics"])
    assert "system" not in result


def test_reads_what_a_scanner_has_to_know(both: FakeApi) -> None:
    both.expect("GET", "/plugins").reply(json=["explorer.js", "worklists"])
    both.expect("GET", "/tools/accepted-transfer-syntaxes").reply(json=["1.2.840.10008.1.2"])
    both.expect("GET", "/tools/default-encoding").reply(text="Utf8\n")
    result = both.run(orthanc_info, gather=["default_encoding", "plugins", "transfer_syntaxes"])
    assert result["plugins"] == ["explorer.js", "worklists"]
    assert (result["transfer_syntaxes"], result["default_encoding"]) == (["1.2.840.10008.1.2"], "Utf8")


def test_who_sent_last(both: FakeApi) -> None:
    entry = {"ID": "1-2", "Metadata": {"LastUpdate": "20261130T183017", "RemoteAET": "CT"}, "Type": "Series"}
    both.expect("POST", "/tools/find", harmless=True).reply(json=[entry])
    result = both.run(orthanc_info, gather=["received"], check_mode=True)
    assert result["received"] == {"CT": "2026-11-30T18:30:17Z"}
    both.expect("POST", "/tools/find", harmless=True).reply(json=[])
    assert both.run(orthanc_info, gather=["received"])["received"] == {}
    both.expect("POST", "/tools/find", harmless=True).reply(json=[{"ID": "1-2"}])
    assert "does not answer like Orthanc" in both.run(orthanc_info, gather=["received"])["msg"]


def test_one_sender_says_nothing_about_another(both: FakeApi) -> None:
    entry = {"ID": "1-2", "Metadata": {"LastUpdate": "20261130T183017", "RemoteAET": "CT"}, "Type": "Series"}
    both.expect("POST", "/tools/find", harmless=True).reply(json=[])
    both.expect("POST", "/tools/find", harmless=True).reply(json=[entry])
    result = both.run(orthanc_info, gather=["received"], senders=["MR", "CT", "MR"])
    assert result["received"] == {"MR": "", "CT": "2026-11-30T18:30:17Z"}


def test_a_server_without_the_api(both: FakeApi) -> None:
    both.expect("GET", "/system").reply(404, text="no")
    result = both.run(orthanc_info, gather=["system"])
    assert result["failure"] == {"status": 404, "code": "status", "path": "/system"}


def test_something_else_that_answers(both: FakeApi) -> None:
    both.expect("GET", "/system").reply(200, text="<html>", headers={"Content-Type": "text/html"})
    result = both.run(orthanc_info, gather=["system"])
    assert result["failure"]["code"] == "not_json"
    assert "text/html instead of JSON" in result["msg"]


def test_json_of_another_shape(both: FakeApi) -> None:
    both.expect("GET", "/peers?expand").reply(json=["cloud"])
    result = both.run(orthanc_info, gather=["peers"])
    assert "does not answer like Orthanc" in result["msg"]
