# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role refuses settings of the forwarder before it looks at the PC, let alone changes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.role_tasks import Done, RoleTasks

PEER = {"name": "cloud", "url": "https://cloud.example.org/", "username": "gateway", "password": "cloud-password"}
FIRST_LOOK = "Look for an installed Orthanc"


def validate(folder: Path, **change: Any) -> Done:
    variables = {
        "orthanc_windows_gateway_site_id": "demo",
        "orthanc_windows_gateway_admin_password": "a-long-password",
        "orthanc_windows_gateway_installer": {"src": "/x/Orthanc.exe", "sha256": "0" * 64, "version": "26.8.1"},
        "orthanc_windows_gateway_peer": PEER,
        **{f"orthanc_windows_gateway_{name}": value for name, value in change.items()},
    }
    modules = ["win_reg_stat", "win_powershell", "win_service"]
    role = RoleTasks(folder, "orthanc_windows_gateway", [f"ansible.windows.{name}" for name in modules])
    owners: dict[str, Any] = {"result": {"owners": []}}
    answers: dict[str, dict[str, Any]] = {
        FIRST_LOOK: {"exists": True, "value": "26.8.1"},
        "Ask who listens on the ports": owners,
    }
    return role.run("validate.yml", variables, answers=answers)


def test_good_settings_pass(tmp_path: Path) -> None:
    hours = {"from": "07:00", "to": "19:00", "mbit": 4}
    settings = {"jobs": 64, "batch": 1, "keep_days": 0, "office_hours": hours, "transcode": "1.2.840.10008.1.2.4.80"}
    done = validate(tmp_path, forwarder=settings, more_peers=[{**PEER, "name": "archive", "timeout": 600}])
    assert done.code == 0, done.text
    assert FIRST_LOOK in done.tasks


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"forwarder": {"jobs": 100}},
            "orthanc_windows_gateway_forwarder.jobs is 100; expected a whole number from 1 to 64.",
        ),
        (
            {"forwarder": {"transcode": "1.2.3"}},
            "transcode is '1.2.3'; expected nothing, or a lossless transfer syntax",
        ),
        ({"forwarder": {"office_hours": {"from": "7", "to": "19:00", "mbit": 4}}}, "goes from '7' to '19:00'"),
        (
            {"more_peers": [{**PEER, "name": "archive", "timeout": 0}]},
            "has the timeout 0; expected a whole number of seconds",
        ),
        ({"peer": {**PEER, "url": "http://cloud.example.org/"}}, "is no address that begins with https://"),
        (
            {"peer": {**PEER, "url": "https://user:cloud-password@cloud.example.org/"}},
            "contains a user name or password",
        ),
        ({"more_peers": [{**PEER, "name": "archive", "url": "http://a.example.org/"}]}, "The destination 'archive'"),
        ({"name": "Mediverse\n"}, "expected one line of 1 to 64"),
        ({"admin_user": "admin\n"}, "is no name of a user"),
        ({"data_dir": "C:\\Mediverse\n"}, "expected one below a drive"),
        ({"dicom_port": 8042}, "expected two different ports"),
        ({"rest_port": "abc", "keep_awake": "ja"}, "orthanc_windows_gateway_keep_awake is 'ja'"),
        (
            {"peer": {**PEER, "largest_mb": -1}},
            "has the largest_mb -1; expected a whole number of megabytes from 0 to 65536.",
        ),
    ],
)
def test_mistakes_are_refused(change: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    done = validate(tmp_path, **change)
    assert done.code != 0
    assert sentence in done.text
    assert done.tasks == []
    assert "cloud-password" not in done.text
