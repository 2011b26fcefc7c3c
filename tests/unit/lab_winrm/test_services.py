# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services with real processes, the two installers, and the translation of paths."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.lab.winrm import installers, network, services
from tests.lab.winrm.models import uri
from tests.lab.winrm.programs import PROGRAMS, Program, base, find_program, orthanc
from tests.lab.winrm.windows import Failure, Windows
from tests.unit.lab_winrm.conftest import Run, thrown

FILES = Path(__file__).resolve().parents[3] / "roles/orthanc_windows_gateway/files"
CODE = "import signal,sys,time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); time.sleep(60)"


class _Sleeper(Program):
    """A process that lives until it is told to stop."""

    executable = "sleeper.exe"
    image = r"C:\sleeper.exe"

    def launch(self, windows: Windows, key: str, service: dict[str, Any]) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", CODE]
        return base.spawn(
            command, folder=windows.root, log=windows.run_dir / "log", environment=base.environment(windows, key)
        )


@pytest.fixture
def sleeper(machine: Windows, monkeypatch: pytest.MonkeyPatch) -> Windows:
    monkeypatch.setattr(services, "find_program", lambda line: _Sleeper() if "sleeper" in line else None)
    machine.services.create("Sleeper", path=r"C:\sleeper.exe", start_mode="auto")
    return machine


def _eventually(condition: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def test_start_stop_and_restart(run: Run, sleeper: Windows) -> None:
    assert run("win_service", name="sleeper", state="started")["state"] == "running"
    first = sleeper.services.process_id("Sleeper")
    assert first
    assert run("win_service", name="Sleeper", state="started")["changed"] is False
    assert run("win_service", name="Sleeper", state="restarted")["changed"] is True
    assert sleeper.services.process_id("Sleeper") not in (0, first)
    assert run("win_service_info", name="SLEEPER")["services"][0]["process_id"] == sleeper.services.process_id(
        "Sleeper"
    )
    assert run("win_service", name="Sleeper", state="stopped")["state"] == "stopped"
    assert sleeper.services.process_id("Sleeper") == 0


def test_a_crash_is_followed_by_the_recovery_action(run: Run, sleeper: Windows) -> None:
    run("win_service", name="Sleeper", state="started", failure_actions=[{"type": "restart", "delay_ms": 50}])
    first = sleeper.services.process_id("Sleeper")
    os.kill(first, signal.SIGKILL)
    _eventually(lambda: sleeper.services.process_id("Sleeper") not in (0, first))
    assert "service Sleeper ended unexpectedly with code -9" in sleeper.state["events"]


def test_without_a_recovery_action_it_stays_down(run: Run, sleeper: Windows) -> None:
    run("win_service", name="Sleeper", state="started")
    os.kill(sleeper.services.process_id("Sleeper"), signal.SIGKILL)
    _eventually(lambda: sleeper.services.get("Sleeper")["state"] == "stopped")
    assert run("win_service_info", name="Sleeper")["services"][0]["state"] == "stopped"


def test_disabled_does_not_start(run: Run, sleeper: Windows) -> None:
    assert "cannot be started" in run("win_service", name="Sleeper", start_mode="disabled", state="started")["msg"]


SCRIPT = """
$before = (Get-Service -Name Sleeper).Status
Stop-Service -Name Sleeper -NoWait
$between = (Get-Service -Name Sleeper).Status
while ((Get-Service -Name Sleeper).Status -ne 'Stopped') { Start-Sleep -Milliseconds 50 }
Start-Service -Name Sleeper
$Ansible.Result = @($before, $between, (Get-Service -Name Sleeper).Status)
Start-Service -Name Nobody -ErrorAction SilentlyContinue
"""


@pytest.fixture
def deaf(run: Run, sleeper: Windows, monkeypatch: pytest.MonkeyPatch) -> Windows:
    """The program takes no notice of being asked to end."""
    monkeypatch.setattr(services, "STOP_SECONDS", 1)
    monkeypatch.setattr(network, "find_program", lambda line: _Sleeper() if "sleeper" in line else None)
    monkeypatch.setattr(
        f"{__name__}.CODE", "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    )
    run("win_service", name="Sleeper", state="started")
    time.sleep(0.5)
    return sleeper


def test_a_service_that_does_not_stop_stays_pending(run: Run, deaf: Windows) -> None:
    first = deaf.services.process_id("Sleeper")
    for state in ("stopped", "restarted"):
        assert "On Windows this call would wait" in run("win_service", name="Sleeper", state=state)["msg"]
    assert "cannot be started" in run("win_service", name="Sleeper", state="started")["msg"]
    assert run("win_service_info", name="Sleeper")["services"][0]["state"] == "stop_pending"
    assert deaf.services.process_id("Sleeper") == first
    deaf.services.end(first)
    _eventually(lambda: deaf.services.get("Sleeper")["state"] == "stopped")
    assert run("win_service", name="Sleeper", state="started")["state"] == "running"


END = """
Stop-Service -Name Sleeper -NoWait
$states = @((Get-Service -Name Sleeper).Status)
Start-Service -Name Sleeper -ErrorAction SilentlyContinue
$states += (Get-Service -Name Sleeper).Status
$watcher = (Get-CimInstance -ClassName Win32_Service -Filter "Name = 'Sleeper'").ProcessId
$child = Get-CimInstance -ClassName Win32_Process -Filter "ParentProcessId = $watcher AND Name = 'sleeper.exe'"
Stop-Process -Id $child.ProcessId -Force
Wait-Process -Id $child.ProcessId -Timeout 5
$Ansible.Result = @($states) + @((Get-Service -Name Sleeper).Status)
"""


@pytest.mark.skipif(not shutil.which("pwsh"), reason="pwsh is not on PATH")
def test_a_script_ends_the_program_of_a_service_that_does_not_stop(run: Run, deaf: Windows) -> None:
    assert run("win_powershell", script=END)["result"] == ["StopPending", "StopPending", "Stopped"]
    assert deaf.state["events"][-2:] == ["the process of service Sleeper was ended", "service Sleeper stopped"]


@pytest.mark.parametrize("kind", ["engine", "stand-in"])
def test_a_restart_is_owed_when_the_settings_are_not_those_of_the_start(
    kind: str, run: Run, sleeper: Windows, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "stand-in":
        monkeypatch.setattr("tests.lab.winrm.models.powershell.engine", lambda: None)
    elif not shutil.which("pwsh"):
        pytest.skip("pwsh is not on PATH")
    script = (FILES / "orthanc_service.ps1").read_text(encoding="utf-8")
    folder = sleeper.path(r"C:\ProgramData\Some Settings")
    folder.mkdir()
    (folder / "one.json").write_text("{}")
    look = {"Service": "Sleeper", "Action": "look", "Settings": [r"C:\ProgramData\Some Settings", r"C:\None"]}
    look["Stamp"] = r"C:\ProgramData\stamp"
    assert run("win_powershell", script=script, parameters={**look, "Action": "restart"})["changed"] is True
    for check in (False, True):
        found = run("win_powershell", script=script, parameters=look, check=check)
        assert found["result"] == {"problem": "", "exists": True, "state": "Running", "owed": False}
    (folder / "one.json").write_text("{ }")
    assert run("win_powershell", script=script, parameters=look)["result"]["owed"] is True


def test_a_service_that_a_console_holds_open_stays_until_it_is_closed(run: Run, sleeper: Windows) -> None:
    key = r"HKLM\SYSTEM\CurrentControlSet\Services\Sleeper"
    sleeper.state["service_handles"] = ["Sleeper"]
    assert run("win_service", name="Sleeper", state="absent")["changed"]
    assert run("win_service_info", name="Sleeper")["exists"]
    assert sleeper.registry.data(key, "DeleteFlag") == 1
    assert "marked for deletion" in run("win_service", name="Sleeper", state="started")["msg"]
    with pytest.raises(Failure, match="marked for deletion"):
        sleeper.services.create("Sleeper", path="x")
    sleeper.state["service_handles"] = []
    assert not run("win_service_info", name="Sleeper")["exists"]
    assert not sleeper.registry.exists(key)


@pytest.mark.skipif(not shutil.which("pwsh"), reason="pwsh is not on PATH")
def test_a_script_stops_and_starts_the_process_itself(run: Run, sleeper: Windows) -> None:
    run("win_service", name="Sleeper", state="started")
    first = sleeper.services.process_id("Sleeper")
    before, between, after = run("win_powershell", script=SCRIPT)["result"]
    assert (before, between in ("StopPending", "Stopped"), after) == ("Running", True, "Running")
    assert sleeper.services.process_id("Sleeper") not in (0, first)
    assert sleeper.state["events"][-2:] == ["service Sleeper stopped", "service Sleeper started"]
    run("win_service", name="Sleeper", start_mode="disabled", state="stopped")
    refused = run("win_powershell", script="Start-Service -Name Sleeper -ErrorAction Stop")
    assert "cannot be started" in thrown(refused)


def test_automatic_services_start_with_the_machine(sleeper: Windows) -> None:
    sleeper.services.start_automatic()
    assert sleeper.services.process_id("Sleeper")


def test_environment_of_a_service(run: Run, sleeper: Windows) -> None:
    run("win_environment", name="TCP_NODELAY", value="1", level="machine")
    key = r"HKLM:\SYSTEM\CurrentControlSet\Services\Sleeper"
    run("win_regedit", path=key, name="Environment", data=[r"FOLDER=C:\ProgramData", "A=b=c"], type="multistring")
    found = base.environment(sleeper, "Sleeper")
    assert (found["TCP_NODELAY"], found["A"]) == ("1", "b=c")
    assert found["FOLDER"] == str(sleeper.root / "C/ProgramData")


# ---- installers
@pytest.fixture
def staged(machine: Windows, monkeypatch: pytest.MonkeyPatch) -> Windows:
    monkeypatch.setattr(services, "find_program", lambda line: _Sleeper() if find_program(line) else None)
    monkeypatch.setattr(
        installers, "_generate", lambda home, settings: (home / "config.xml").write_text(json.dumps(settings))
    )
    for name, line in (
        ("orthanc.exe", "orthanc 26.8.1"),
        ("syncthing.exe", "syncthing 2.0.2"),
        ("other.exe", "other 1"),
    ):
        machine.path(rf"C:\Windows\Temp\{name}").write_text(f"{installers.MARK}{line}\n")
    machine.path(r"C:\Windows\Temp\syncthing-windows-amd64-v2.1.3.zip").write_text("zip")
    return machine


ORTHANC: dict[str, Any] = {
    "path": r"C:\Windows\Temp\orthanc.exe",
    "product_id": installers.ORTHANC_PRODUCT,
    "arguments": "/VERYSILENT /SP-",
}
SYNCTHING: dict[str, Any] = {
    "path": r"C:\Windows\Temp\syncthing.exe",
    "product_id": installers.SYNCTHING_PRODUCT,
    "arguments": "/VERYSILENT /allusers /listenport=8400 "
    r'/zipfilepath="C:\Windows\Temp\syncthing-windows-amd64-v2.1.3.zip"',
}


def test_orthanc_keeps_a_configuration_that_is_there(run: Run, staged: Windows) -> None:
    configuration = staged.path(r"C:\Program Files\Orthanc Server\Configuration")
    configuration.mkdir(parents=True)
    (configuration / "orthanc.json").write_text('{"Name": "mine"}')
    assert run("win_package", check=True, **ORTHANC)["changed"] is True
    assert [run("win_package", **ORTHANC)["changed"] for __ in range(2)] == [True, False]
    assert (configuration / "orthanc.json").read_text() == '{"Name": "mine"}'
    assert (configuration / "worklists.json").exists()
    assert staged.services.process_id("Orthanc")
    assert staged.services.get("Orthanc")["failure_actions"] == []
    version = run("win_reg_stat", path=r"HKLM:\SOFTWARE\WOW6432Node\Orthanc\Orthanc Server", name="Version")
    assert version["value"] == "26.8.1"
    again = run("win_package", **{**ORTHANC, "product_id": "something else"})
    assert "would never return" in again["msg"]
    assert run("win_package", state="absent", product_id=installers.ORTHANC_PRODUCT)["changed"] is True
    assert not run("win_service_info", name="Orthanc")["exists"]
    assert (configuration / "orthanc.json").exists()


def test_orthanc_s_setup_reports_success_without_its_service(run: Run, staged: Windows) -> None:
    staged.state["refused_services"] = ["Orthanc"]
    assert run("win_package", **ORTHANC)["rc"] == 0
    assert not run("win_service_info", name="Orthanc")["exists"]
    assert staged.registry.data(installers.ORTHANC_KEY, "Version") == "26.8.1"


def test_an_open_console_keeps_orthanc_s_next_setup_from_making_its_service(run: Run, staged: Windows) -> None:
    run("win_package", **ORTHANC)
    staged.state["service_handles"] = ["Orthanc"]
    assert run("win_package", state="absent", product_id=installers.ORTHANC_PRODUCT)["changed"]
    assert run("win_package", **ORTHANC)["rc"] == 0
    staged.state["service_handles"] = []
    assert not run("win_service_info", name="Orthanc")["exists"]
    assert run("win_package", state="absent", product_id=installers.ORTHANC_PRODUCT)["rc"] == 0


def test_orthanc_of_32_bits_is_not_known_by_the_other_s_name(run: Run, staged: Windows) -> None:
    staged.path(r"C:\Windows\Temp\old.exe").write_text(f"{installers.MARK}orthanc32 26.8.1\n")
    old = {**ORTHANC, "path": r"C:\Windows\Temp\old.exe", "product_id": installers.ORTHANC_PRODUCT_32}
    assert run("win_package", **old)["changed"]
    assert run("win_package", check=True, **old)["changed"] is False
    assert run("win_package", state="absent", product_id=installers.ORTHANC_PRODUCT)["changed"] is False
    assert "would never return" in run("win_package", **ORTHANC)["msg"]


def test_a_broken_uninstaller_leaves_the_key_that_stops_the_next_setup(run: Run, staged: Windows) -> None:
    run("win_package", **ORTHANC)
    staged.state["broken_uninstallers"] = [installers.ORTHANC_PRODUCT]
    assert run("win_package", state="absent", product_id=installers.ORTHANC_PRODUCT)["changed"]
    assert "would never return" in run("win_package", **ORTHANC)["msg"]


def test_syncthing_setup(run: Run, staged: Windows) -> None:
    run("win_package", **SYNCTHING)
    assert staged.services.get("syncthing")["username"] == r".\SyncthingServiceAcct"
    assert (
        run("win_user_right", name="SeServiceLogonRight", users=["SyncthingServiceAcct"], action="add")["changed"]
        is False
    )
    home = staged.path(r"C:\ProgramData\Syncthing")
    assert json.loads((home / "config.xml").read_text())["port"] == "8400"
    assert [rule["Name"] for rule in staged.state["firewall"]["rules"]] == ["Syncthing"]
    run("win_package", state="absent", product_id=installers.SYNCTHING_PRODUCT)
    assert (home / "config.xml").exists()


@pytest.mark.parametrize(
    ("change", "code"),
    [({"handler": "txtfile"}, 1), ({"arguments": "/VERYSILENT /allusers"}, 1)],
    ids=["another handler of .js", "no archive and no Internet"],
)
def test_syncthing_setup_refuses(run: Run, staged: Windows, change: dict[str, Any], code: int) -> None:
    if "handler" in change:
        staged.registry.set(r"HKCR\.js", "", "string", change["handler"])
    result = run("win_package", **{**SYNCTHING, "arguments": change.get("arguments", SYNCTHING["arguments"])})
    assert (result["failed"], result["rc"]) == (True, code)
    assert not staged.path(r"C:\Program Files\Syncthing").exists()


def test_syncthing_setup_reports_success_without_its_archive(run: Run, staged: Windows) -> None:
    staged.path(r"C:\Windows\Temp\syncthing-windows-amd64-v2.1.3.zip").unlink()
    result = run("win_package", **SYNCTHING)
    assert (result["changed"], result["rc"]) == (True, 0)
    assert run("win_service_info", name="syncthing")["exists"] is False


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"path": r"C:\Windows\Temp\other.exe", "product_id": "x"}, "no model for the installer other.exe"),
        ({"arguments": ""}, "without /VERYSILENT"),
        ({"checksum": "00", "checksum_algorithm": "sha256"}, "did not match '00'"),
        ({"path": r"C:\nothing.exe"}, "cannot be reached"),
        ({"path": "https://example.test/x.exe"}, "has no Internet"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_installers_that_do_not_run(run: Run, staged: Windows, change: dict[str, Any], message: str) -> None:
    result = run("win_package", **{**ORTHANC, **change})
    assert result["failed"] is True
    assert message in result["msg"]


# ---- paths
def test_configuration_is_translated(machine: Windows) -> None:
    folder = machine.path(r"C:\Program Files\Orthanc Server")
    (folder / "Configuration").mkdir(parents=True)
    (folder / "Plugins").mkdir()
    (folder / "Plugins/OrthancDicomWeb.dll").write_bytes(orthanc.plugin_file("libOrthancDicomWeb.so"))
    machine.path(r"C:\ProgramData\main.lua").write_text(
        '-- "C:/not/this"\ndofile(\'C:/ProgramData/other.lua\')\nlocal a = "C:/Orthanc"\nlocal b = [[C:\\\\Orthanc]]\n'
    )
    machine.path(r"C:\ProgramData\other.lua").write_text('print("hello C:/")')
    settings = {
        "Name": "C: is a drive",
        "StorageDirectory": r"C:\Orthanc",
        "LuaScripts": ["C:/ProgramData/main.lua"],
        "Plugins": [r"C:\Program Files\Orthanc Server\Plugins"],
    }
    (folder / "Configuration/orthanc.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(settings).encode())
    target = orthanc.translate(machine)
    raw = (target / "orthanc.json").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    done = json.loads(raw.decode("utf-8-sig"))
    drive = machine.root / "C"
    assert done["Name"] == "C: is a drive"
    assert done["StorageDirectory"] == str(drive / "Orthanc")
    assert done["Plugins"] == ["/usr/share/orthanc/plugins/libOrthancDicomWeb.so"]
    script = Path(done["LuaScripts"][0]).read_text()
    assert script.startswith('-- "C:/not/this"')
    assert f'dofile("{target}/lua/ProgramData/other.lua")' in script
    assert script.count(f'"{drive}/Orthanc"') == 2


def test_paths_of_a_service_in_requests_and_answers(machine: Windows) -> None:
    inside = str(machine.root / "C/ProgramData/Program x")
    assert uri._to_local(machine, r"C:\ProgramData\Program x") == inside
    assert uri._to_windows(machine, inside) == r"C:\ProgramData\Program x"
    assert uri._to_local(machine, "tcp://hub:22000") == "tcp://hub:22000"
    message = f"mkdir {machine.root}/C/ProgramData/x: permission denied"
    assert uri._to_windows(machine, message) == r"mkdir C:\ProgramData\x: permission denied"


def test_programs_are_known_by_their_command_line() -> None:
    assert find_program(r'"C:\Program Files\Orthanc Server\OrthancService.exe"') is PROGRAMS[0]
    assert find_program(r"C:\Windows\System32\svchost.exe -k netsvcs") is None


def test_adapters_and_listeners(machine: Windows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIVERSE_LAB_SCANNER_MAC", "00-1b-44-11-3a-b7")
    first, second = network.adapters(machine)
    assert first["addresses"][0]["address"] == network.own_address()
    assert (second["mac"], second["dhcp"], second["addresses"]) == ("00:1B:44:11:3A:B7", True, [])
    machine.state["listeners"] = [{"port": 4242, "name": "vpn", "path": r"C:\vpn.exe"}]
    owner = next(item for item in network.connections(machine) if item["local_port"] == 4242)["process"]
    assert next(item for item in network.processes(machine) if item["id"] == owner)["name"] == "vpn"


def test_a_service_that_does_not_exist(machine: Windows) -> None:
    with pytest.raises(Failure, match="cannot uninstall"):
        installers.uninstall(machine, "nothing", "")
