# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role refuses settings of the forwarder before it looks at the PC, let alone changes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.contract.endpoints import certificate
from tests.unit.gateway.test_order import first, part, registry, service
from tests.unit.role_tasks import Done, RoleTasks

PEER = {"name": "cloud", "url": "https://cloud.example.org/", "username": "gateway", "password": "cloud-password"}
FIRST_LOOK = "Look at the PC"
PORTS: dict[str, Any] = {"owners": [], "excluded": [], "problem": "", "firewall": "Running", "app_control": ""}
PLUGGED: dict[str, Any] = {"problem": "", "note": "", "adapter": "Ethernet 2", "guid": "{4D56}", "link": True}
OWNED: dict[str, Any] = {"scanner_address": "192.168.0.20/24", "scanner_mac": "00:1B:44:11:3A:B7"}


def validate(
    folder: Path,
    *options: str,
    program: dict[str, Any] | None = None,
    removable: bool = True,
    found: dict[str, Any] | None = None,
    parts: dict[str, dict[str, Any]] | None = None,
    **change: Any,
) -> Done:
    """What the look tells in place of what is right: of the program and its service, and in other parts."""
    variables = {
        "orthanc_windows_gateway_site_id": "demo",
        "orthanc_windows_gateway_admin_password": "a-long-password",
        "orthanc_windows_gateway_installer": {"src": "/x/Orthanc.exe", "sha256": "0" * 64, "version": "26.8.1"},
        "orthanc_windows_gateway_peer": PEER,
        **{f"orthanc_windows_gateway_{name}": value for name, value in change.items()},
    }
    modules = ["win_powershell"]
    role = RoleTasks(folder, "orthanc_windows_gateway", [f"ansible.windows.{name}" for name in modules])
    rest = {"ports": part(PORTS), "adapter": part(PLUGGED), **(parts or {})}
    look = first(program or registry("26.8.1"), found or service(), removable, **rest)
    return role.run("validate.yml", variables, *options, answers={FIRST_LOOK: look})


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


@pytest.mark.parametrize(
    ("ports", "adapter", "sentence"),
    [
        (
            {"excluded": [{"port": 4242, "first": 4200, "last": 4299}]},
            {},
            "TCP port 4242 of localhost lies in the range 4200 to 4299, which Windows gives to nobody "
            "(Hyper-V, WSL and Docker have such ranges excluded); set orthanc_windows_gateway_dicom_port "
            "to one outside of it, or set the port apart on the PC: net stop winnat, "
            "netsh int ipv4 add excludedportrange protocol=tcp startport=4242 numberofports=1, net start winnat.",
        ),
        ({"excluded": [{"port": 8042, "first": 8042, "last": 8042}]}, {}, "set orthanc_windows_gateway_rest_port to"),
        ({"problem": "Windows does not tell which TCP ports; mend it."}, {}, "Windows does not tell which TCP ports"),
        (
            {"owners": [{"port": 4242, "program": "vpn", "path": ""}]},
            {},
            "TCP port 4242 of localhost belongs to vpn (path unknown); stop that program",
        ),
        (
            {"firewall": "Stopped"},
            {},
            "Windows' firewall does not run on localhost (its service mpssvc is Stopped), so nothing would keep others",
        ),
        ({"firewall": ""}, {}, "(its service mpssvc is not there)"),
        ({}, {"problem": "Network adapter 'X' is disabled; enable it."}, "Network adapter 'X' is disabled; enable it."),
    ],
)
def test_what_the_pc_refuses_is_one_sentence(
    ports: dict[str, Any], adapter: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    parts = {"ports": part({**PORTS, **ports}), "adapter": part({**PLUGGED, **adapter})}
    done = validate(tmp_path, parts=parts, **OWNED)
    assert done.code != 0
    assert sentence in done.text


@pytest.mark.parametrize("link", [True, False])
def test_an_adapter_without_link_is_no_mistake(link: bool, tmp_path: Path) -> None:
    done = validate(tmp_path, parts={"adapter": part({**PLUGGED, "link": link})}, **OWNED)
    sentence = (
        "Network adapter 'Ethernet 2' of localhost has no link, because the scanner is off or the cable is not in;"
    )
    assert (done.code, sentence in done.text) == (0, not link), done.text


@pytest.mark.parametrize("left_out", list(OWNED))
def test_adapter_is_named_by_address_and_mac_together(left_out: str, tmp_path: Path) -> None:
    given: dict[str, Any] = {name: value for name, value in OWNED.items() if name != left_out}
    done = validate(tmp_path, **given)
    assert done.code != 0
    assert f"orthanc_windows_gateway_{left_out} is" in done.text
    assert done.tasks == []


def test_a_pc_with_one_adapter_needs_neither(tmp_path: Path) -> None:
    done = validate(tmp_path, scanners={"ct1": {"aet": "CT", "host": "10.8.0.20", "port": 104}})
    (call,) = [json.loads(line) for line in (tmp_path / "calls.jsonl").read_text().splitlines()]
    asked = [one["name"] for one in call["arguments"]["parameters"]["Parts"]]
    assert (done.code, asked) == (0, ["program", "service", "ports"]), done.text


X86 = r"C:\Program Files (x86)\Orthanc Server"


@pytest.mark.parametrize("options", [(), ("--check",)])
@pytest.mark.parametrize(
    ("seen", "sentence"),
    [
        (
            {"program": registry("25.2.1", X86)},
            f"localhost has Orthanc 25.2.1 in {X86} without the uninstaller of the 64-bit Orthanc; remove it by hand",
        ),
        (
            {"found": service(exists=False)},
            r"registry key HKLM:\SOFTWARE\WOW6432Node\Orthanc\Orthanc Server) and run again.",
        ),
        (
            {"program": registry("26.8.1", X86)},
            f"is installed in {X86}, and its configuration would go to C:\\Program Files\\Orthanc Server;",
        ),
    ],
    ids=["32 bits", "broken uninstaller", "another folder"],
)
def test_an_orthanc_that_cannot_be_replaced_is_refused_in_words(
    seen: dict[str, Any], sentence: str, options: tuple[str, ...], tmp_path: Path
) -> None:
    done = validate(tmp_path, *options, removable=False, **seen)
    assert done.code != 0
    assert sentence in done.text.replace("\\\\", "\\")


@pytest.mark.parametrize("name", ["program", "service", "ports", "adapter"])
def test_what_cannot_be_looked_at_is_no_pc_without_it(name: str, tmp_path: Path) -> None:
    """A part that fails tells nothing, and nothing would be taken for an Orthanc that is not installed."""
    done = validate(tmp_path, parts={name: part({}, problem="Access is denied.")}, **OWNED)
    assert done.code != 0
    assert f"localhost cannot be looked at, its {name}: Access is denied." in done.text


def test_the_folder_is_compared_as_windows_does(tmp_path: Path) -> None:
    program = registry("26.8.1", "c:\\program files\\orthanc server\\")
    assert validate(tmp_path, program=program).code == 0


def test_a_program_without_its_service_needs_its_installer(tmp_path: Path) -> None:
    done = validate(tmp_path, found=service(exists=False))
    assert "The installer '/x/Orthanc.exe' on the controller does not exist" in done.text


@pytest.mark.parametrize(
    ("control", "sentence"),
    [
        ("on", "localhost has Smart App Control on, which may stop Orthanc at its next update."),
        ("evaluation", "localhost has Smart App Control in evaluation: Windows may switch it on by itself"),
        ("policy", "localhost has a policy about which programs may run (App Control, WDAC); have Orthanc's"),
        ("", ""),
    ],
)
def test_what_may_stop_an_orthanc_that_is_there_is_said(control: str, sentence: str, tmp_path: Path) -> None:
    done = validate(tmp_path, parts={"ports": part({**PORTS, "app_control": control})})
    assert (done.code, sentence in done.text) == (0, True), done.text


def test_a_file_of_authorities_is_looked_at(tmp_path: Path) -> None:
    authority, key = certificate(tmp_path)
    assert validate(tmp_path, ca_file=str(authority)).code == 0
    letter = tmp_path / "letter"
    letter.write_text("Dear all")
    sentences = {
        key: "holds a private key; give",
        letter: "holds no certificate in PEM;",
        tmp_path / "no": "be read (No",
    }
    for file, sentence in sentences.items():
        done = validate(tmp_path, ca_file=str(file))
        assert (done.code != 0, sentence in done.text) == (True, True), done.text


def test_a_proxy_with_a_password_is_never_shown(tmp_path: Path) -> None:
    done = validate(tmp_path, http_proxy="https://u:pl4nted-1@proxy:3128")
    assert "orthanc_windows_gateway_http_proxy is no proxy; expected host:port" in done.text
    assert "pl4nted" not in done.text


def test_smart_app_control_refuses_an_installer(tmp_path: Path) -> None:
    installer = tmp_path / "Orthanc.exe"
    installer.write_bytes(b"")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    given = {"src": str(installer), "sha256": empty, "version": "26.9.0"}
    done = validate(tmp_path, parts={"ports": part({**PORTS, "app_control": "on"})}, installer=given, **OWNED)
    assert done.code != 0
    assert "Smart App Control is on at localhost and keeps unsigned programs, such as Orthanc's installer," in done.text
