# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When the role writes the row of statistics: never so that an old program meets the new configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.mediverse.pacs.plugins.filter.placed_files import placed_files

from tests.contract.endpoints import certificate
from tests.lab.winrm import eventlog
from tests.lab.winrm.call import Call
from tests.unit.role_tasks import Done, RoleTasks

ROLE = Path(__file__).parents[3] / "roles" / "orthanc_windows_gateway"
WRITE = "Write the row of statistics into Orthanc's index"
SEE = "Look at files, rights, values, services and the adapter"
LOOK_AGAIN = "Look what the installer brought"
CONFIGURATION = r"C:\Program Files\Orthanc Server\Configuration"
MODULES = ["win_file", "win_acl", "win_acl_inheritance", "win_copy", "win_find", "win_powershell", "win_service"]
MODULES += ["win_package", "win_reg_stat", "win_wait_for", "win_regedit"]
PEER = {"name": "cloud", "url": "https://cloud.example.org/", "username": "gateway", "password": "cloud-password"}


KEY = r"HKLM:\SOFTWARE\WOW6432Node\Orthanc\Orthanc Server"
UNINSTALLER = r"HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\Orthanc for Windows 64_is1"


def registry(version: str, folder: str = r"C:\Program Files\Orthanc Server") -> dict[str, Any]:
    """The values of Orthanc's own key."""
    return {"Installed": "1", "Version": version, "InstallDir": folder} if version else {}


def service(exists: bool = True, **more: Any) -> dict[str, Any]:
    """What orthanc_service.ps1 answers."""
    state = "Running" if exists else ""
    return {"result": {"problem": "", "exists": exists, "state": state, "owed": False, **more}}


def part(result: dict[str, Any], problem: str = "", changed: bool = False) -> dict[str, Any]:
    """What together.ps1 tells of one script."""
    return {"result": result, "changed": changed, "problem": problem}


def first(
    values: dict[str, Any], found: dict[str, Any], removable: bool = True, **more: dict[str, Any]
) -> dict[str, Any]:
    """What the first look tells of the program's key, with those values, and of the service; ``more``: other parts."""
    # A key without values is there all the same; null is one that is not.
    keys = {KEY: values or None, UNINSTALLER: {} if removable else None}
    return {"result": {"parts": {"program": part({"registry": keys}), "service": part(found["result"]), **more}}}


def placed(index: bool = False, **place: Any) -> dict[str, Any]:
    """What the look of the installation tells, of files and the like by ``place``."""
    row = part({"problem": "", "present": index}, changed=not index)
    return {"result": {"parts": {"place": part(place), "index": row}}}


def install(
    folder: Path,
    installed: str,
    *options: str,
    answer: dict[str, Any] | None = None,
    found: dict[str, Any] | None = None,
    seen: dict[str, Any] | None = None,
    **changes: dict[str, Any],
) -> Done:
    """What install.yml does on a PC with this version of Orthanc, when 26.8.1 is wanted.

    found    the service as it was seen before. seen: what is in place.
    changes  answers of other tasks, with underscores in the place of spaces.
    """
    variables = {
        "orthanc_windows_gateway_site_id": "demo",
        "orthanc_windows_gateway_admin_password": "a-long-password",
        "orthanc_windows_gateway_installer": {"src": "/x/Orthanc.exe", "sha256": "0" * 64, "version": "26.8.1"},
        "orthanc_windows_gateway_peer": PEER,
        "orthanc_windows_gateway_install_timeout": 0,  # waits for the stand-in itself, which has no job
    }
    known = {
        "__orthanc_windows_gateway_first": first(
            registry(installed), found or service(bool(installed)), bool(installed)
        )
    }
    answers = {
        WRITE: answer or {"result": {"problem": "", "present": False}},
        SEE: seen or {"result": {}},
        "Stop the service": service(),
        "Look what the uninstaller left": first({}, service(exists=False), False),
        "Wait until no service is left": first({}, service(exists=False), False),
        LOOK_AGAIN: first(registry("26.8.1"), service()),
        **{name.replace("_", " "): value for name, value in changes.items()},
    }
    role = RoleTasks(folder, "orthanc_windows_gateway", [f"ansible.windows.{name}" for name in MODULES])
    return role.run("install.yml", variables, *options, answers=answers, known=known)


def test_an_old_program_is_not_started_with_the_new_configuration(tmp_path: Path) -> None:
    done = install(tmp_path, "25.2.1")
    assert done.tasks.count(WRITE) == 1, done.text
    steps = [name for name in done.tasks if name in ("Place the configuration", "Uninstall", WRITE, "Install Orthanc")]
    assert list(dict.fromkeys(steps)) == ["Place the configuration", "Uninstall", WRITE, "Install Orthanc"]


def test_a_configuration_file_in_other_letter_case_is_ours(tmp_path: Path) -> None:
    names = ["Orthanc.JSON", "worklists.json", "DicomWeb.json", "my-orthanc.json", "ca-certificates.crt"]
    seen = placed(names={CONFIGURATION: names})
    done = install(tmp_path, "26.8.1", seen=seen)
    assert (done.code, done.tasks.count("Remove configuration files of others")) == (0, 2), done.text


def test_the_first_program_finds_the_row(tmp_path: Path) -> None:
    done = install(tmp_path, "")
    assert done.tasks.count(WRITE) == 1, done.text
    assert done.tasks.index(WRITE) < done.tasks.index("Install Orthanc")
    assert "Uninstall" not in done.tasks


def test_a_program_without_its_service_is_installed_once_more_and_nothing_is_stopped(tmp_path: Path) -> None:
    done = install(tmp_path, "26.8.1", found=service(exists=False))
    assert done.code == 0, done.text
    assert "Stop the service" not in done.tasks
    steps = [name for name in done.tasks if name in ("Uninstall", "Install Orthanc", LOOK_AGAIN)]
    assert steps == ["Uninstall", "Install Orthanc", LOOK_AGAIN]


def test_a_service_that_does_not_stop_ends_the_run_before_anything_is_removed(tmp_path: Path) -> None:
    done = install(tmp_path, "25.2.1", Stop_the_service=service(problem="The service Orthanc does not stop; do that."))
    assert done.code != 0
    assert "localhost: The service Orthanc does not stop; do that." in done.text
    assert "Uninstall" not in done.tasks


UNREAD = first({}, service(exists=False), False, program=part({}, problem="Access is denied."))
UNSERVED = first(registry("26.8.1"), service(), service=part({}, problem="Access is denied."))


@pytest.mark.parametrize(
    ("changes", "sentence", "installs"),
    [
        (
            # Its own key it takes away all the same.
            {"Look_what_the_uninstaller_left": first(registry("25.2.1"), service(exists=False), False)},
            "The uninstaller of Orthanc on localhost left the registry key HKLM:",
            False,
        ),
        ({"Look_what_the_uninstaller_left": {"failed": True, "msg": "No PowerShell."}}, "No PowerShell.", False),
        ({"Look_what_the_uninstaller_left": UNREAD}, "cannot be looked at, its program: Access is denied.", False),
        ({"Wait_until_no_service_is_left": UNSERVED}, "cannot be looked at, its service: Access is denied.", False),
        ({"Look_what_the_installer_brought": UNREAD}, "cannot be looked at, its program: Access is denied.", True),
        ({"Look_what_the_installer_brought": UNSERVED}, "cannot be looked at, its service: Access is denied.", True),
        (
            {"Look_what_the_installer_brought": first(registry("26.8.1"), service(exists=False))},
            "ended without creating the service Orthanc on localhost; close the windows 'Services' and 'Task Manager'",
            True,
        ),
        (
            {"Look_what_the_installer_brought": first(registry("26.8.1", r"D:\Orthanc"), service())},
            r"put it on localhost into D:\Orthanc instead of C:\Program Files\Orthanc Server",
            True,
        ),
    ],
)
def test_an_installer_that_did_not_do_what_it_said(
    changes: dict[str, Any], sentence: str, installs: bool, tmp_path: Path
) -> None:
    done = install(tmp_path, "25.2.1", "-e", "__orthanc_windows_gateway_wait_for_deletion=0", **changes)
    assert (done.code != 0, "Install Orthanc" in done.tasks) == (True, installs), done.text
    assert sentence in done.text.replace("\\\\", "\\")
    assert ("Start again what could not be removed" in done.tasks) == ("Look_what_the_uninstaller_left" in changes)


def test_a_service_that_cannot_be_deleted_keeps_the_installer_from_being_started(tmp_path: Path) -> None:
    settings = ("-e", "__orthanc_windows_gateway_wait_for_deletion=0")
    done = install(tmp_path, "25.2.1", *settings, Wait_until_no_service_is_left=first({}, service()))
    assert (done.code != 0, "Install Orthanc" in done.tasks) == (True, False), done.text
    assert "localhost has a service Orthanc without a program, so the installer cannot create its own;" in done.text


def test_the_program_that_stays_gets_the_row_at_once(tmp_path: Path) -> None:
    done = install(tmp_path, "26.8.1")
    assert done.tasks.count(WRITE) == 1, done.text
    assert "Install Orthanc" not in done.tasks
    assert (done.code, "no row of statistics" in done.text) == (0, False)


def test_check_mode_says_that_the_service_is_missing(tmp_path: Path) -> None:
    done = install(tmp_path, "26.8.1", "--check", found=service(exists=False))
    assert (done.code, "Place the configuration" in done.tasks) == (0, False), done.text
    assert "Check mode: Orthanc's service is missing on localhost; its files, service and" in done.text


@pytest.mark.parametrize("installed", ["", "25.2.1", "26.8.1"])
def test_check_mode_looks_once(installed: str, tmp_path: Path) -> None:
    done = install(tmp_path, installed, "--check")
    assert (done.code, done.tasks.count(WRITE), "Install Orthanc" in done.tasks) == (0, 1, False), done.text


@pytest.mark.parametrize(
    "answer",
    [
        {"result": {"problem": "SQLite says 'locked'.", "present": False}},
        {"failed": True, "msg": "SQLite says 'locked'.", "result": {}},
    ],
    ids=["problem", "failure"],
)
def test_a_row_that_cannot_be_written_is_said_and_stops_nothing(answer: dict[str, Any], tmp_path: Path) -> None:
    done = install(tmp_path, "26.8.1", answer=answer)
    assert done.code == 0, done.text
    assert "because its index has no row of statistics. SQLite says 'locked'." in done.text


FILES = Path(__file__).parents[3] / "roles" / "orthanc_windows_gateway" / "files"
DATA = r"C:\ProgramData\Mediverse"
PRIVATE = (DATA, r"C:\Orthanc", CONFIGURATION, r"C:\Program Files\Orthanc Server\Logs")
RIGHTS = "O:BAG:SYD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
FOLDERS = dict.fromkeys((*PRIVATE, rf"{DATA}\Installers", rf"{DATA}\Worklists"), RIGHTS)
GIVE, CLOSE, MAKE = (
    "Give SYSTEM and Administrators full control",
    "Take the inherited rights of others away",
    "Create the directories",
)
FORWARDER = placed_files(str(FILES / "forwarder"), rf"{DATA}\Forwarder")


def test_what_is_as_it_should_be_costs_no_command(tmp_path: Path) -> None:
    done = install(tmp_path, "26.8.1", seen=placed(index=True, folders=FOLDERS, files=FORWARDER))
    assert done.code == 0, done.text
    assert not {MAKE, GIVE, CLOSE, "Place the forwarder", WRITE} & set(done.tasks), done.tasks
    assert {"Place the configuration", "Place the credentials"} <= set(done.tasks)


@pytest.mark.parametrize(
    ("rights", "said"),
    [
        (
            f"{RIGHTS}(A;OICI;0x1200a9;;;S-1-5-21-1-2-3-1001)",
            "may be read by S-1-5-21-1-2-3-1001 beside SYSTEM and Admin",
        ),
        (f"{RIGHTS}(A;OICI;FR;;;BU)", "may be read by BU beside SYSTEM"),
        # The account of Syncthing may see the names in the folder and nothing below.
        (f"{RIGHTS}(A;;CC;;;S-1-5-21-1-2-3-1002)(D;OICI;FA;;;WD)", ""),
        ("O:BAG:SYD:AI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICIID;0x1200a9;;;BU)", ""),
        ("", ""),
    ],
)
def test_who_else_may_read_is_said(rights: str, said: str, tmp_path: Path) -> None:
    done = install(tmp_path, "26.8.1", seen=placed(folders={**FOLDERS, DATA: rights}, files=FORWARDER))
    assert done.code == 0, done.text
    assert ("beside SYSTEM and Administrators" in done.text) == bool(said), done.text
    assert said in done.text


@pytest.mark.parametrize(
    ("rights", "due"),
    [
        ("", {MAKE, GIVE, CLOSE}),
        ("O:BAG:SYD:PAI(A;OICI;FA;;;SY)", {GIVE}),
        ("O:BAG:SYD:PAI(A;OICI;FA;;;SY)(A;;FA;;;BA)", {GIVE}),
        ("O:BAG:SYD:PAI(A;OICI;FA;;;SY)(A;OICIID;FA;;;BA)", {GIVE}),
        ("O:BAG:SYD:PAI(A;OICI;0x1301bf;;;SY)(A;OICI;FA;;;BA)", {GIVE}),
        ("O:BAG:SYD:AI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICIID;0x1200a9;;;BU)", {CLOSE}),
    ],
)
def test_a_folder_that_is_open_or_missing_is_seen_to(rights: str, due: set[str], tmp_path: Path) -> None:
    done = install(tmp_path, "26.8.1", seen=placed(folders={**FOLDERS, CONFIGURATION: rights}))
    assert (done.code, {MAKE, GIVE, CLOSE} & set(done.tasks)) == (0, due), done.text


def test_a_file_of_the_forwarder_that_differs_is_placed(tmp_path: Path) -> None:
    changed = {**FORWARDER, rf"{DATA}\Forwarder\main.lua": "0" * 40}
    done = install(tmp_path, "26.8.1", seen=placed(folders=FOLDERS, files=changed))
    assert "Place the forwarder" in done.tasks


def test_without_an_answer_everything_is_seen_to(tmp_path: Path) -> None:
    done = install(tmp_path, "26.8.1", seen={"failed": True, "msg": "no PowerShell"})
    assert {MAKE, GIVE, CLOSE, "Place the forwarder", "Place the configuration"} <= set(done.tasks), done.text


def test_after_a_new_program_it_is_looked_again(tmp_path: Path) -> None:
    """The installer brings files and a new service, of which nothing is known."""
    done = install(tmp_path, "25.2.1")
    looks = [number for number, name in enumerate(done.tasks) if name == SEE]
    assert len(looks) == 2
    assert done.tasks.index("Install Orthanc") < looks[1]


def test_other_authorities_restart_nothing(tmp_path: Path) -> None:
    """Orthanc reads their file anew for each connection; two controllers may trust other ones."""
    file = certificate(tmp_path)[0]
    place = "Place the certificate authorities"
    changed = {"Place_the_certificate_authorities": {"changed": True}}
    done = install(tmp_path, "26.8.1", "-e", f"orthanc_windows_gateway_ca_file={file}", **changed)
    assert (done.code, done.tasks.count(place), "Restart Orthanc" in done.tasks) == (0, 1, False), done.text
    # Nor does the next run find that a restart is owed for it.
    own = yaml.safe_load((ROLE / "vars" / "main.yml").read_text(encoding="utf-8"))
    folders = own["__orthanc_windows_gateway_look"]["Settings"]
    assert not any(own["__orthanc_windows_gateway_ca_bundle"].startswith(folder + "\\") for folder in folders)
    assert own["__orthanc_windows_gateway_ca_bundle"].startswith("{{ orthanc_windows_gateway_data_dir }}\\")


def test_each_file_of_the_configuration_is_json_and_nothing_else(tmp_path: Path) -> None:
    assert install(tmp_path, "26.8.1").code == 0
    calls = [json.loads(line) for line in (tmp_path / "calls.jsonl").read_text(encoding="utf-8").splitlines()]
    texts = [
        call["arguments"]["content"] for call in calls if call["task"].startswith(("Place the conf", "Place the cre"))
    ]
    assert [bool(json.loads(text)) and text.endswith("}\n") for text in texts] == [True] * 3


def test_both_looks_fit_into_an_event_of_windows(tmp_path: Path) -> None:
    """Scripts are arguments of the look, and modules write their arguments to the event log."""
    adapter = {"address": "192.168.0.20/24", "mac": "00:1B:44:11:3A:B7"}
    given = [f"-eorthanc_windows_gateway_scanner_{name}={value}" for name, value in adapter.items()]
    assert install(tmp_path, "25.2.1", *given).code == 0
    calls = [json.loads(line) for line in (tmp_path / "calls.jsonl").read_text(encoding="utf-8").splitlines()]
    looks = [call["arguments"] for call in calls if call["task"] in (SEE, LOOK_AGAIN)]
    assert [len(look["parameters"]["Parts"]) for look in looks] == [4, 4, 4]
    for look in looks:
        assert eventlog.warnings(Call("win_powershell", "", {}), look) == []
        # Room for longer names of folders, sites and accounts.
        assert len(str(look)) < 0.9 * eventlog.LONGEST
