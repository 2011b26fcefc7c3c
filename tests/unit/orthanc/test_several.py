# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several peers or modalities in one task: all are read, what differs is written, and that is read back."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.modules import orthanc_modality, orthanc_peer

from ..fake_api import FakeApi

CT: dict[str, Any] = {"name": "ct", "aet": "CT", "host": "192.0.2.1", "port": 104}
US: dict[str, Any] = {"name": "us", "aet": "US", "host": "192.0.2.2", "port": 104}
STORED = {"ct": {"AET": "CT", "Host": "192.0.2.1", "Port": 104}, "us": {"AET": "US", "Host": "192.0.2.2", "Port": 104}}


def read(api: FakeApi, name: str, **change: Any) -> None:
    api.expect("GET", f"/modalities/{name}/configuration").reply(json={**STORED[name], **change})


def listed(api: FakeApi, *more: str) -> None:
    """The names of all modalities, which are asked in the trip of the first reading."""
    api.expect("GET", "/modalities").reply(json=["ct", "us", *more])


def test_nothing_to_do_is_one_trip(both: FakeApi) -> None:
    read(both, "ct")
    read(both, "us")
    listed(both, "old", "another")
    result = both.run(orthanc_modality, modalities=[CT, US])
    assert (result["changed"], result["diff"], result["others"]) == (False, [], ["another", "old"])
    assert result["modalities"]["us"] == US
    assert both.trips == (1 if both.windows else 0)


def test_only_what_is_due_is_written_and_read_back(both: FakeApi) -> None:
    read(both, "ct")
    read(both, "us", Port=1)
    both.expect("GET", "/modalities/old/configuration").reply(json=STORED["ct"])
    listed(both, "old")
    both.expect("PUT", "/modalities/us").reply()
    both.expect("DELETE", "/modalities/old").reply()
    read(both, "us")
    both.expect("GET", "/modalities/old/configuration").reply(404)
    result = both.run(orthanc_modality, modalities=[CT, US, {"name": "old", "state": "absent"}])
    assert result["changed"]
    assert [one["before_header"] for one in result["diff"]] == ["Orthanc modality 'us'", "Orthanc modality 'old'"]
    assert result["diff"][0]["before"]["port"] == 1
    assert result["modalities"]["old"] == {}
    assert both.trips == (4 if both.windows else 0)


def test_check_mode_writes_nothing(both: FakeApi) -> None:
    read(both, "ct", Port=1)
    both.expect("GET", "/modalities/us/configuration").reply(404)
    listed(both)
    result = both.run(orthanc_modality, check_mode=True, modalities=[CT, US])
    assert (result["changed"], len(result["diff"])) == (True, 2)
    assert result["modalities"]["us"]["port"] == 104


def test_one_that_was_not_kept_is_told(both: FakeApi) -> None:
    read(both, "ct")
    read(both, "us", Port=1)
    listed(both)
    both.expect("PUT", "/modalities/us").reply()
    read(both, "us", Port=1)
    result = both.run(orthanc_modality, modalities=[CT, US])
    assert result["changed"]
    assert "Orthanc modality 'us' but did not keep port" in result["msg"]


def test_a_refusal_after_a_write_is_still_a_change(both: FakeApi) -> None:
    read(both, "ct", Port=1)
    read(both, "us", Port=1)
    listed(both)
    both.expect("PUT", "/modalities/ct").reply()
    both.expect("PUT", "/modalities/us").reply(400, json={"Details": "no"})
    result = both.run(orthanc_modality, modalities=[CT, US])
    assert (result["failed"], result["changed"]) == (True, True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"modalities": [CT, dict(CT)]}, "modalities names ct more than once"),
        ({"modalities": [CT], "name": "us"}, "mutually exclusive"),
        ({"modalities": [CT], "aet": "US"}, "mutually exclusive"),
        ({"modalities": [CT], "state": "absent"}, "state belongs to each of modalities"),
        ({"modalities": [CT, {**US, "aet": "x" * 17}]}, "has 17 characters"),
        ({"modalities": [{"aet": "CT"}]}, "name"),
        ({}, "one of the following is required: name, modalities"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_the_first_request(
    options: dict[str, Any], said: str, both: FakeApi
) -> None:
    result = both.run(orthanc_modality, **options)
    assert result["failed"]
    assert said in result["msg"]


def test_what_a_new_one_lacks_is_said_before_anything_is_written(both: FakeApi) -> None:
    read(both, "ct", Port=1)
    both.expect("GET", "/modalities/us/configuration").reply(404)
    if both.windows:  # asked in the same trip
        listed(both)
    result = both.run(orthanc_modality, modalities=[CT, {"name": "us", "aet": "US"}])
    assert "Orthanc modality 'us' does not exist yet, and creating it needs: host, port" in result["msg"]
    assert not result["changed"]


def test_secrets_of_several_stay_hidden(both: FakeApi) -> None:
    peers = [
        {"name": name, "url": f"https://{name}/", "username": "u", "password": f"secret-of-{name}"} for name in "ab"
    ]
    for name in "ab":
        both.expect("GET", f"/peers/{name}/configuration").reply(404)
    both.expect("GET", "/peers").reply(json=[])
    result = both.run(orthanc_peer, check_mode=True, peers=peers)
    assert result["diff"][1]["after"]["password"] == "******** (new)"
    assert "secret-of" not in both.output


def test_rules_between_options_hold_for_each(both: FakeApi) -> None:
    result = both.run(orthanc_peer, peers=[{"name": "a", "url": "https://a/", "certificate_file": "x"}])
    assert "certificate_file, certificate_key_file" in result["msg"]
