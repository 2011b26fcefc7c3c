# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role refuses settings of the forwarder before it looks at the PC, let alone changes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.gateway.test_order import registry, service
from tests.unit.role_tasks import Done, RoleTasks

PEER = {"name": "cloud", "url": "https://cloud.example.org/", "username": "gateway", "password": "cloud-password"}
FIRST_LOOK = "Look for an installed Orthanc"


def validate(folder: Path, *options: str, answers: dict[str, dict[str, Any]] | None = None, **change: Any) -> Done:
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
    given: dict[str, dict[str, Any]] = {
        FIRST_LOOK: registry("26.8.1"),
        "Look for its uninstaller": {"exists": True},
        "Look at Orthanc's service": service(),
        "Ask who listens on the ports": owners,
        **(answers or {}),
    }
    return role.run("validate.yml", variables, *options, answers=given)


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


X86 = r"C:\Program Files (x86)\Orthanc Server"
NO_UNINSTALLER = {"Look for its uninstaller": {"exists": False}}


@pytest.mark.parametrize("options", [(), ("--check",)])
@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        (
            {FIRST_LOOK: registry("25.2.1", X86), **NO_UNINSTALLER},
            f"localhost has Orthanc 25.2.1 in {X86} without the uninstaller of the 64-bit Orthanc; remove it by hand",
        ),
        (
            {FIRST_LOOK: registry("26.8.1"), "Look at Orthanc's service": service(exists=False), **NO_UNINSTALLER},
            r"registry key HKLM:\SOFTWARE\WOW6432Node\Orthanc\Orthanc Server) and run again.",
        ),
        (
            {FIRST_LOOK: registry("26.8.1", X86), **NO_UNINSTALLER},
            f"is installed in {X86}, and its configuration would go to C:\\Program Files\\Orthanc Server;",
        ),
    ],
    ids=["32 bits", "broken uninstaller", "another folder"],
)
def test_an_orthanc_that_cannot_be_replaced_is_refused_in_words(
    answers: dict[str, dict[str, Any]], sentence: str, options: tuple[str, ...], tmp_path: Path
) -> None:
    done = validate(tmp_path, *options, answers=answers)
    assert done.code != 0
    assert sentence in done.text.replace("\\\\", "\\")
    assert "Ask who listens on the ports" not in done.tasks


def test_the_folder_is_compared_as_windows_does(tmp_path: Path) -> None:
    answers = {FIRST_LOOK: registry("26.8.1", "c:\\program files\\orthanc server\\")}
    assert validate(tmp_path, answers=answers).code == 0


def test_a_program_without_its_service_needs_its_installer(tmp_path: Path) -> None:
    done = validate(tmp_path, answers={"Look at Orthanc's service": service(exists=False)})
    assert "The installer '/x/Orthanc.exe' on the controller does not exist" in done.text
