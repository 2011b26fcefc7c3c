# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gateway's role on a Windows whose services and installers make trouble. A program that listens is its Orthanc.

The tests follow each other on one machine: each finds what the one before left.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import COLLECTIONS
from tests.contract.controller import Controller
from tests.contract.endpoints import RunningEndpoint
from tests.lab.winrm import installers, network, services
from tests.lab.winrm.programs import Program, base
from tests.lab.winrm.windows import Windows

Run = Callable[..., tuple[int, str]]
Gateway = tuple[Controller, RunningEndpoint]
ROLE = "mediverse.pacs.orthanc_windows_gateway"
LISTEN = "import socket,sys,time; s=socket.create_server(('127.0.0.1', int(sys.argv[1]))); time.sleep(600)"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture(scope="module")
def port() -> int:
    return _free_port()


@pytest.fixture
def windows(gateway: Gateway, port: int, monkeypatch: pytest.MonkeyPatch) -> Windows:
    class Orthanc(Program):
        """Takes connections on the port of the REST API and says nothing."""

        executable = "OrthancService.exe"
        image = r"C:\Program Files\Orthanc Server\Orthanc.exe"

        def launch(self, windows: Windows, key: str, service: dict[str, Any]) -> subprocess.Popen[bytes]:
            command = [sys.executable, "-c", LISTEN, str(port)]
            environment = base.environment(windows, key)
            return base.spawn(command, folder=windows.root, log=windows.run_dir / "log", environment=environment)

    for module in (services, network):
        monkeypatch.setattr(module, "find_program", lambda line: Orthanc() if "OrthancService" in line else None)
    return gateway[1].windows


@pytest.fixture
def run(gateway: Gateway, windows: Windows, port: int, tmp_path: Path) -> Run:
    """``run("validate", "install", version="26.8.1")``: exit code and output of these files of tasks."""
    controller = gateway[0]

    def converge(*files: str, version: str = "26.8.1", check: bool = False) -> tuple[int, str]:
        installer = tmp_path / f"OrthancInstaller-{version}.exe"
        installer.write_text(f"{installers.MARK}orthanc {version}\n")
        sha256 = hashlib.sha256(installer.read_bytes()).hexdigest()
        variables = {
            "site_id": "demo",
            "admin_password": "a-long-password",
            "installer": {"src": str(installer), "sha256": sha256, "version": version},
            "peer": {
                "name": "cloud",
                "url": "https://cloud.example.org/",
                "username": "gateway",
                "password": "secret-1",
            },
            "rest_port": port,
        }
        controller.run([{"ansible.builtin.debug": {"msg": ""}}])  # writes the inventory
        tasks = [{"ansible.builtin.include_role": {"name": ROLE, "tasks_from": f"{file}.yml"}} for file in files]
        play = {
            "hosts": "gateway",
            "gather_facts": False,
            "tasks": tasks,
            "vars": {f"orthanc_windows_gateway_{name}": value for name, value in variables.items()},
        }
        playbook = controller.folder / "role.yml"
        playbook.write_text(json.dumps([play]))
        command = [
            str(Path(sys.executable).with_name("ansible-playbook")),
            "-i",
            str(controller.folder / "inventory.yml"),
        ]
        environment = {
            **os.environ,
            "ANSIBLE_CONFIG": str(controller.folder / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_HOME": str(controller.folder / "home"),
        }
        done = subprocess.run(
            [*command, str(playbook), *(["--check"] if check else [])],
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
            cwd=controller.folder,
            env=environment,
        )
        return done.returncode, " ".join((done.stdout + done.stderr).split())

    return converge


def prepare(windows: Windows, **state: Any) -> None:
    windows.state.update(state)
    windows.save()


def test_an_installer_that_makes_no_service_is_said_and_the_next_run_mends_it(run: Run, windows: Windows) -> None:
    prepare(windows, refused_services=["Orthanc"])
    code, text = run("validate", "install", "service")
    assert code != 0
    assert "ended without creating the service Orthanc on gateway" in text, text
    # No entry without a service was made.
    assert not windows.registry.exists(r"HKLM\SYSTEM\CurrentControlSet\Services\Orthanc")
    code, text = run("validate", "install", check=True)
    assert (code, "Check mode: Orthanc's service is missing on gateway" in text) == (0, True), text
    assert "Check mode: Orthanc 26.8.1 on gateway would be installed once more." in text
    prepare(windows, refused_services=[])
    code, text = run("validate", "install", "service")
    assert code == 0, text
    assert windows.services.process_id("Orthanc")


def test_a_finished_gateway_is_not_restarted(run: Run, windows: Windows) -> None:
    before = windows.services.process_id("Orthanc")
    code, text = run("validate", "install", "service")
    assert (code, "changed=0" in text) == (0, True), text
    assert windows.services.process_id("Orthanc") == before


def test_a_restart_that_a_failed_run_owed_is_made_up_for(run: Run, windows: Windows) -> None:
    before = windows.services.process_id("Orthanc")
    file = windows.path(r"C:\Program Files\Orthanc Server\Configuration\orthanc.json")
    # As a run leaves it that wrote it and failed: what is in place is right, and Orthanc runs with something else.
    stamp = windows.path(r"C:\ProgramData\Mediverse\started-with.sha256")
    assert file.exists()
    stamp.write_text("0" * 64)
    code, text = run("validate", "install", "service", check=True)
    assert (code, "changed=0" in text, windows.services.process_id("Orthanc")) == (0, False, before), text
    code, text = run("validate", "install", "service")
    assert (code, "changed=2 " in text) == (0, True), text
    assert windows.services.process_id("Orthanc") not in (0, before)
    code, text = run("validate", "install", "service")
    assert (code, "changed=0" in text) == (0, True), text


def test_a_service_that_a_console_holds_keeps_the_installer_from_being_started(run: Run, windows: Windows) -> None:
    prepare(windows, service_handles=["Orthanc"])
    code, text = run("validate", "install", "service", version="26.9.0")
    assert code != 0
    assert "gateway has a service Orthanc without a program, so the installer cannot create its own;" in text, text
    assert not windows.registry.exists(installers.ORTHANC_KEY)
    prepare(windows, service_handles=[])
    code, text = run("validate", "install", "service", version="26.9.0")
    assert code == 0, text
    assert windows.registry.data(installers.ORTHANC_KEY, "Version") == "26.9.0"


def test_a_broken_uninstaller_and_a_32_bit_orthanc_are_refused(run: Run, windows: Windows) -> None:
    prepare(windows, broken_uninstallers=[installers.ORTHANC_PRODUCT])
    code, text = run("validate", "install", version="26.10.0")
    assert (code != 0, "The uninstaller of Orthanc on gateway left the registry key HKLM:" in text) == (True, True), (
        text
    )
    code, text = run("validate", version="26.10.0")
    assert (code != 0, "without the uninstaller of the 64-bit Orthanc; remove it by hand" in text) == (True, True), text
    windows.registry.delete(installers.ORTHANC_KEY)
    windows.path(r"C:\Windows\Temp\old.exe").write_text(f"{installers.MARK}orthanc32 26.10.0\n")
    installers.install(windows, windows.path(r"C:\Windows\Temp\old.exe"), "/VERYSILENT")
    code, text = run("validate", version="26.10.0")
    assert (code != 0, rf"is installed in {installers.ORTHANC_FOLDER_32}, and its" in text) == (True, True), text
