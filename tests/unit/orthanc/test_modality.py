# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""orthanc_modality, on Linux and on Windows."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.modules import orthanc_modality

from ..fake_api import FakeApi

PATH = "/modalities/ct1/configuration"
OPTIONS: dict[str, Any] = {"name": "ct1", "aet": "CT_SCANNER", "host": "192.168.0.10", "port": 104}
STORED: dict[str, Any] = {
    "AET": "CT_SCANNER",
    "AllowEcho": True,
    "AllowEventReport": True,
    "AllowFind": True,
    "AllowFindWorklist": True,
    "AllowGet": True,
    "AllowMove": True,
    "AllowNAction": True,
    "AllowStore": True,
    "AllowTranscoding": True,
    "Host": "192.168.0.10",
    "LocalAet": "",
    "Manufacturer": "Generic",
    "Port": 104,
    "RetrieveMethod": "SystemDefault",
    "Timeout": 0,
    "UseDicomTls": False,
}


def test_creates_and_reads_back(both: FakeApi) -> None:
    both.expect("GET", PATH).reply(404)
    wanted = {"AET": "CT_SCANNER", "Host": "192.168.0.10", "Port": 104, "AllowGet": False}
    both.expect("PUT", "/modalities/ct1", json=wanted).reply()
    both.expect("GET", PATH).reply(json={**STORED, "AllowGet": False})
    result = both.run(orthanc_modality, **OPTIONS, allow_get=False)
    assert result["changed"]
    assert result["modality"]["allow_get"] is False
    assert result["modality"]["name"] == "ct1"


def test_what_the_task_leaves_out_is_not_compared(both: FakeApi) -> None:
    both.expect("GET", PATH).reply(json={**STORED, "Manufacturer": "GE", "AllowMove": False})
    assert not both.run(orthanc_modality, **OPTIONS)["changed"]


def test_update_keeps_what_the_task_leaves_out(both: FakeApi) -> None:
    before = {**STORED, "Manufacturer": "GE", "AllowMove": False}
    both.expect("GET", PATH).reply(json=before)
    both.expect("PUT", "/modalities/ct1", json={**before, "Port": 11112}).reply()
    both.expect("GET", PATH).reply(json={**before, "Port": 11112})
    result = both.run(orthanc_modality, **{**OPTIONS, "port": 11112})
    assert result["diff"]["before"]["port"] == 104
    assert result["diff"]["after"] == {**OPTIONS, "port": 11112}


def test_port_that_was_stored_as_text_is_the_same_port(both: FakeApi) -> None:
    both.expect("GET", PATH).reply(json={**STORED, "Port": "104"})
    assert not both.run(orthanc_modality, **OPTIONS)["changed"]


def test_check_mode_of_an_update_only_reads(both: FakeApi) -> None:
    both.expect("GET", PATH).reply(json=STORED)
    result = both.run(orthanc_modality, check_mode=True, **{**OPTIONS, "aet": "OTHER"})
    assert result["changed"]
    assert result["modality"]["aet"] == "OTHER"
    assert both.writes == []


def test_storage_commitment_is_two_permissions(both: FakeApi) -> None:
    both.expect("GET", PATH).reply(json=STORED)
    both.expect("PUT", "/modalities/ct1", json={**STORED, "AllowNAction": False, "AllowEventReport": False}).reply()
    both.expect("GET", PATH).reply(json={**STORED, "AllowNAction": False, "AllowEventReport": False})
    assert both.run(orthanc_modality, **OPTIONS, allow_n_action=False, allow_event_report=False)["changed"]


def test_key_that_orthanc_ignores_is_noticed(both: FakeApi) -> None:
    """Orthanc answers 200 to keys it does not know; an older one does not know RetrieveMethod."""
    old = {name: value for name, value in STORED.items() if name != "RetrieveMethod"}
    both.expect("GET", PATH).reply(json=old)
    both.expect("PUT", "/modalities/ct1").reply()
    both.expect("GET", PATH).reply(json=old)
    result = both.run(orthanc_modality, **OPTIONS, retrieve_method="C-GET")
    assert "did not keep retrieve_method (asked for 'C-GET', found None)" in result["msg"]


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("aet", "A" * 17, f"aet is '{'A' * 17}', which has 17 characters; expected an AE title of at most 16"),
        ("aet", "", "is empty; expected an AE title"),
        ("aet", "CT\\1", "without a backslash"),
        ("aet", "CTÜ", "printable ASCII"),
        ("aet", " CT", "begins or ends with a space"),
        ("local_aet", "A" * 17, "local_aet is"),
        ("port", 0, "port is 0, which is not a port; expected a number from 1 to 65535"),
        ("port", 65536, "from 1 to 65535"),
        ("host", "192.168.0.10/24", "expected a host name or an IP address"),
        ("name", "ct 1", "expected letters, digits, '-' and '_'"),
        ("manufacturer", "Siemens", "value of manufacturer must be one of: Generic, "),
    ],
)
def test_wrong_input_is_found_before_any_request(both: FakeApi, option: str, value: Any, said: str) -> None:
    result = both.run(orthanc_modality, **{**OPTIONS, option: value})
    assert result["failed"]
    assert said in result["msg"]
    assert both.requests == []


def test_aet_of_16_characters_and_empty_local_aet_are_fine(both: FakeApi) -> None:
    both.expect("GET", PATH).reply(json={**STORED, "AET": "A" * 16})
    assert not both.run(orthanc_modality, **{**OPTIONS, "aet": "A" * 16}, local_aet="")["changed"]


def test_delete_that_somebody_else_did_first(both: FakeApi) -> None:
    both.expect("GET", PATH).reply(json=STORED)
    both.expect("DELETE", "/modalities/ct1").reply(404)
    both.expect("GET", PATH).reply(404)
    assert both.run(orthanc_modality, name="ct1", state="absent")["changed"]


def test_windows_needs_three_calls_at_most(api: FakeApi) -> None:
    api.windows = True
    api.expect("GET", PATH).reply(404)
    api.expect("PUT", "/modalities/ct1").reply()
    api.expect("GET", PATH).reply(json=STORED)
    api.run(orthanc_modality, **OPTIONS)
    assert len(api.win_uri_calls) == 3
