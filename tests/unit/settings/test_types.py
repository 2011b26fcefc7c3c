# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the specifications of the roles allow, and what is said about the rest."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.plugin_utils import _site_settings as settings

from tests.unit.settings.specs import EVERY, OF_ROLES, judge


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("cloud_pacs_wait_timeout", "soon", "cloud_pacs_wait_timeout is 'soon'; expected a whole number."),
        ("cloud_pacs_wait_timeout", "1_000", "cloud_pacs_wait_timeout is '1_000'; expected a whole number."),
        # In quotes a number is one in plain decimal, as in the site file.
        ("cloud_pacs_wait_timeout", "0300", "cloud_pacs_wait_timeout is '0300'; expected a whole number."),
        ("cloud_pacs_wait_timeout", "+300", "cloud_pacs_wait_timeout is '+300'; expected a whole number."),
        ("site_proof_worklist_limit", "03.5", "site_proof_worklist_limit is '03.5'; expected a number."),
        ("cloud_pacs_wait_timeout", True, "cloud_pacs_wait_timeout is true; expected a whole number."),
        ("cloud_pacs_wait_timeout", 1.5, "cloud_pacs_wait_timeout is 1.5; expected a whole number."),
        ("cloud_pacs_wait_timeout", None, "cloud_pacs_wait_timeout is empty; expected a whole number."),
        ("cloud_pacs_pull", "sometimes", "cloud_pacs_pull is 'sometimes'; expected always, missing or never."),
        ("cloud_pacs_upload", "ja", "cloud_pacs_upload is 'ja'; expected true or false."),
        ("cloud_pacs_title", True, "cloud_pacs_title is true; expected text, so put it in quotes."),
        ("cloud_pacs_title", 26.1, "cloud_pacs_title is 26.1; expected text, so put it in quotes."),
        (
            "cloud_pacs_title",
            datetime.date(2026, 11, 1),
            "cloud_pacs_title is 2026-11-01; expected text, so put it in quotes.",
        ),
        ("cloud_pacs_title", [], "cloud_pacs_title is a list; expected text."),
        ("cloud_pacs_list_days", "30,7", "cloud_pacs_list_days is '30,7'; expected a list."),
        ("cloud_pacs_list_days", [30, "x"], "cloud_pacs_list_days[1] is 'x'; expected a whole number."),
        ("cloud_pacs_list_days", [None], "cloud_pacs_list_days[0] is empty; expected a whole number."),
        ("site_proof_worklist_limit", "3,5", "site_proof_worklist_limit is '3,5'; expected a number."),
        (
            "orthanc_windows_gateway_installer",
            "/x.exe",
            "orthanc_windows_gateway_installer is '/x.exe'; expected a map with src, sha256 and version.",
        ),
        (
            "orthanc_windows_gateway_installer",
            {"src": "x", "sha256": "0a" * 32},
            "orthanc_windows_gateway_installer.version is not set; expected text.",
        ),
        (
            "orthanc_windows_gateway_installer",
            {"src": "x", "sha256": 0, "version": "26.8.1"},
            "orthanc_windows_gateway_installer.sha256 is 0, which is no SHA-256 checksum; "
            "expected 64 hexadecimal digits in quotes.",
        ),
        (
            "syncthing_pair_archive",
            {"src": "x", "sha256": "0a" * 31},
            f"syncthing_pair_archive.sha256 is '{'0a' * 30}...', which is no SHA-256 checksum; "
            "expected 64 hexadecimal digits in quotes.",
        ),
        (
            "cloud_pacs_orthanc_memory",
            4,
            "cloud_pacs_orthanc_memory is 4, which is less than the 6m that Docker needs for a container; "
            "expected a limit such as 2g.",
        ),
        ("cloud_pacs_title", 7, "cloud_pacs_title is 7; expected text, so put it in quotes."),
        ("syncthing_pair_hub_mode", 2750, "syncthing_pair_hub_mode is 2750; expected text, so put it in quotes."),
        (
            "mediverse_winrm_password",
            123456,
            "mediverse_winrm_password is a number; expected text, so put it in quotes.",
        ),
        (
            "mediverse_winrm_password",
            datetime.date(2026, 11, 1),
            "mediverse_winrm_password is a date; expected text, so put it in quotes.",
        ),
        (
            "mediverse_winrm_password",
            True,
            "mediverse_winrm_password is true or false; expected text, so put it in quotes.",
        ),
        (
            "orthanc_windows_gateway_forwarder",
            {"jbos": 3},
            "orthanc_windows_gateway_forwarder.jbos is unknown; did you mean jobs?",
        ),
        (
            "orthanc_windows_gateway_forwarder",
            {"office_hours": {"from": "07:00", "to": "17:00", "mbit": "x"}},
            "orthanc_windows_gateway_forwarder.office_hours.mbit is 'x'; expected a number.",
        ),
        (
            "orthanc_windows_gateway_forwarder",
            {"skip_origins": ["lua"]},
            "orthanc_windows_gateway_forwarder.skip_origins[0] is 'lua'; "
            "expected DicomProtocol, RestApi, Plugins or Lua.",
        ),
        (
            "nginx_proxy_manager_access_lists",
            [{"name": "x", "clients": [{"address": "all", "directive": "permit"}]}],
            "nginx_proxy_manager_access_lists[0].clients[0].directive is 'permit'; expected allow or deny.",
        ),
        ("mediverse_viewers", ["anna"], "mediverse_viewers is a list; expected a map."),
        *(
            (
                "mediverse_minimum_free_gb",
                value,
                f"mediverse_minimum_free_gb is {value!r}, which is not a whole number; expected a whole number from 0 "
                "to 65536.",
            )
            for value in ("5 GB", -5, "05")
        ),
    ],
)
def test_a_mistake_is_one_sentence(option: str, value: Any, sentence: str) -> None:
    assert judge(option, value) == [sentence]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("cloud_pacs_wait_timeout", "180"),
        ("cloud_pacs_wait_timeout", 180.0),
        ("cloud_pacs_upload", "Yes"),
        ("cloud_pacs_upload", 0),
        ("site_proof_worklist_limit", "0.5"),
        ("orthanc_windows_gateway_forwarder", {"skip_http_users": None, "office_hours": None}),
        ("orthanc_windows_gateway_scanners", {"ct1": {"anything": 1}}),
        ("mediverse_viewers", None),
        ("mediverse_winrm_ca", None),
    ],
)
def test_what_is_unusual_and_right(option: str, value: Any) -> None:
    assert judge(option, value) == []


def test_a_number_that_a_template_gave_is_text() -> None:
    spec = EVERY["orthanc_windows_gateway_installer"]
    written = {"version": "{{ v }}", "src": 7}
    assert settings.as_written(spec, written, {"version": 26, "src": 7}) == {"version": "26", "src": 7}
    assert settings.as_written({"type": "list", "elements": "str"}, ["{{ v }}", 5], [26, 5]) == ["26", 5]
    assert settings.as_written({"type": "int"}, "{{ v }}", 26) == 26
    assert settings.as_written({"type": "str"}, "{{ v }}", True) is True


def test_what_must_be_given_is_asked_for() -> None:
    sentences = [said for __, said in settings.problems(OF_ROLES["cloud_pacs"], {}, str)]
    assert "cloud_pacs_admin_password is not set; expected text." in sentences
    assert len(sentences) == sum(bool(spec.get("required")) for spec in OF_ROLES["cloud_pacs"].values())


def test_all_mistakes_of_a_map_are_told_at_once() -> None:
    peer = {"name": ["x"], "url": None, "timeout": "long", "largest": 3}
    assert judge("orthanc_windows_gateway_peer", peer) == [
        "orthanc_windows_gateway_peer.largest is unknown; did you mean largest_mb?",
        "orthanc_windows_gateway_peer.name is a list; expected text.",
        "orthanc_windows_gateway_peer.url is empty; expected text.",
        "orthanc_windows_gateway_peer.username is not set; expected text.",
        "orthanc_windows_gateway_peer.password is not set; expected text.",
        "orthanc_windows_gateway_peer.timeout is 'long'; expected a whole number.",
    ]
