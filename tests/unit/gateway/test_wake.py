# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The script of the task that wakes the forwarder, on the real engine, against a server of a few lines."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest

SCRIPT = (
    Path(__file__).parents[3]
    / "roles"
    / "orthanc_windows_gateway"
    / "files"
    / "pc"
    / "Program Files"
    / "Mediverse"
    / "wake.ps1"
)
PWSH = shutil.which("pwsh")
pytestmark = pytest.mark.skipif(PWSH is None, reason="no pwsh on PATH: install PowerShell 7 to run the .ps1 files")
USER, PASSWORD = "admin", "pässword'\"$x:y"


class Orthanc(NamedTuple):
    """A server that lets the one user in, and the paths that it was asked for."""

    port: int
    asked: list[str]

    @staticmethod
    def credentials(folder: Path, password: str = PASSWORD) -> Path:
        """Its configuration file with the user."""
        file = folder / "credentials.json"
        file.write_text(json.dumps({"RegisteredUsers": {USER: password}}, indent=4), encoding="utf-8")
        return file


class _Orthanc(BaseHTTPRequestHandler):
    """Lets the one user in."""

    asked: list[str]

    def do_GET(self) -> None:
        login = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        self.asked.append(self.path)
        self.send_response(200 if self.headers["Authorization"] == login else 401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def orthanc() -> Iterator[Orthanc]:
    _Orthanc.asked = []
    server = HTTPServer(("127.0.0.1", 0), _Orthanc)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Orthanc(server.server_port, _Orthanc.asked)
    server.shutdown()
    thread.join()
    server.server_close()


def wake(port: int, folder: Path, password: str) -> subprocess.CompletedProcess[str]:
    credentials = Orthanc.credentials(folder, password)
    command = [str(PWSH), "-NoProfile", "-NonInteractive", "-File", str(SCRIPT)]
    logs = folder / "Logs"
    logs.mkdir(exist_ok=True)
    command += ["-Url", f"http://127.0.0.1:{port}/system", "-Credentials", str(credentials), "-Logs", str(logs)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_it_asks_with_the_password_of_the_configuration(orthanc: Orthanc, tmp_path: Path) -> None:
    done = wake(orthanc.port, tmp_path, PASSWORD)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert orthanc.asked == ["/system"]


def test_it_fails_when_orthanc_refuses(orthanc: Orthanc, tmp_path: Path) -> None:
    done = wake(orthanc.port, tmp_path, "another")
    assert done.returncode == 1
    assert "401" in done.stderr
    assert "another" not in done.stderr


def test_it_links_the_newest_log_and_removes_old_ones(orthanc: Orthanc, tmp_path: Path) -> None:
    logs = tmp_path / "Logs"
    logs.mkdir()
    names = [f"Orthanc.log.2026{month}01-120000.{number}" for month, number in (("01", 9), ("10", 77), ("11", 8))]
    for name in names:
        (logs / name).write_text(name)
    hundred_days = time.time() - 100 * 86400
    os.utime(logs / names[0], (hundred_days, hundred_days))
    for __ in range(2):
        done = wake(orthanc.port, tmp_path, PASSWORD)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        assert (logs / "Orthanc.log").read_text() == names[2]
        assert sorted(path.name for path in logs.iterdir()) == ["Orthanc.log", *names[1:]]
    newer = "Orthanc.log.20261102-080000.12"
    (logs / newer).write_text(newer)
    assert wake(orthanc.port, tmp_path, PASSWORD).returncode == 0
    assert (logs / "Orthanc.log").read_text() == newer


def test_without_any_log_it_asks_all_the_same(orthanc: Orthanc, tmp_path: Path) -> None:
    assert wake(orthanc.port, tmp_path, PASSWORD).returncode == 0
    assert list((tmp_path / "Logs").iterdir()) == []
