# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrong settings and a hostile PC: one sentence each, before anything is changed. Last, the way to a newer version."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

LAB = "mediverse-orthanc-windows-gateway"
SCENARIO = Path(__file__).resolve().parents[1]
ROOT = SCENARIO.parents[1]
testinfra_hosts = [f"docker://{LAB}-demo-gateway"]
STATE = "/srv/windows/state.json"
HOURS = {"from": "07:00", "to": "19:00", "mbit": 2}
ARCHIVE = {"name": "archive", "url": "https://archive.example.org/", "username": "copier", "password": "archive-pw"}
INSTALLER = {"src": "/nowhere/OrthancInstaller-Win64.exe", "sha256": "0" * 64, "version": "26.8.1"}


def ansible(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    settings = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections")}
    command = [program, "-i", str(SCENARIO / "inventory"), *arguments]
    environment = {**os.environ, **settings, "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
    return subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False, env=environment, cwd=ROOT)


def converge(*arguments: str, **variables: Any) -> subprocess.CompletedProcess[str]:
    return ansible("ansible-playbook", str(SCENARIO / "converge.yml"), *arguments, "-e", json.dumps(variables))


def service(state: str) -> None:
    arguments = ("-m", "ansible.windows.win_service", "-a", f"name=Orthanc state={state}")
    done = ansible("ansible", "demo-gateway", *arguments)
    assert done.returncode == 0, done.stdout


def scanners(**change: Any) -> dict[str, Any]:
    return {"ct1": {"aet": "CT_SCANNER", "host": "172.30.80.40", "port": 104, **change}}


EDIT = """
import json, sys
state = json.load(open(sys.argv[1]))
state["listeners"] = json.loads(sys.argv[2])
open(sys.argv[1], "w").write(json.dumps(state))
"""


@pytest.fixture
def listener(host: Any) -> Iterator[None]:
    """Another program on the DICOM port, as a VPN client once had it."""
    program = [{"port": 4243, "name": "vpn", "path": r"C:\Program Files\VPN\vpn.exe"}]
    host.check_output("python3 -c %s %s %s", EDIT, STATE, json.dumps(program))
    yield
    host.check_output("python3 -c %s %s %s", EDIT, STATE, "[]")


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"orthanc_windows_gateway_scanners": scanners(host="10.0.0.1")}, "is outside 172.30.80.32/27"),
        ({"orthanc_windows_gateway_dicom_port": 8042}, "expected two different ports."),
        ({"orthanc_windows_gateway_dicom_port": 5357}, "lies in the range 5357 to 5357, which Windows gives to nobody"),
        ({"orthanc_windows_gateway_scanner_address": ""}, "expected both or neither."),
        (
            {"orthanc_windows_gateway_scanner_mac": "02:4D:56:00:00:01"},
            "carries the management session at 172.30.80.30",
        ),
        ({"orthanc_windows_gateway_installer": {**INSTALLER, "version": "26.9.0"}}, "does not exist; download it once"),
        ({"orthanc_windows_gateway_installer": {**INSTALLER, "version": "26.4.0"}}, "newer than"),
        (
            {"orthanc_windows_gateway_more_peers": [{**ARCHIVE, "name": "MediverseCloud_demo"}]},
            "stands twice; expected a name of its own",
        ),
        ({"orthanc_windows_gateway_forwarder": {"office_hours": {**HOURS, "from": "7"}}}, "goes from '7' to '19:00'"),
        ({"orthanc_windows_gateway_forwarder": {"office_hours": {**HOURS, "mbit": 0}}}, "with 0 Mbit/s"),
        ({"orthanc_windows_gateway_forwarder": {"jobs": 100}}, "jobs is 100; expected a whole number from 1 to 64."),
        (
            {"orthanc_windows_gateway_forwarder": {"transcode": "JPEG-LS"}},
            "transcode is 'JPEG-LS'; expected nothing, or",
        ),
        (
            {"orthanc_windows_gateway_more_peers": [{**ARCHIVE, "timeout": 0}]},
            "has the timeout 0; expected a whole number of seconds",
        ),
    ],
)
def test_refusal_before_any_change(host: Any, variables: dict[str, Any], sentence: str) -> None:
    before = json.loads(host.file(STATE).content_string)
    done = converge(**variables)
    assert done.returncode != 0
    assert sentence in " ".join(done.stdout.split())
    assert "changed=0" in done.stdout
    after = json.loads(host.file(STATE).content_string)
    for part in ("registry", "services", "firewall", "interfaces", "acl"):
        assert after[part] == before[part]


def test_port_of_somebody_else(host: Any, listener: None) -> None:
    done = converge(orthanc_windows_gateway_dicom_port=4243)
    assert done.returncode != 0
    assert "TCP port 4243 of demo-gateway belongs to vpn" in " ".join(done.stdout.split())
    assert "changed=0" in done.stdout


def test_secrets_do_not_show(host: Any) -> None:
    done = converge("-vvv", "--check", "--diff")
    assert done.returncode == 0, done.stdout[-3000:]
    for secret in ("gateway-p$w", "cloud-p$w", "archive-p$w", "YWRtaW46Z2F0ZXdheS"):
        assert secret not in done.stdout + done.stderr


def test_destination_that_is_gone_is_forgotten_with_its_state(host: Any) -> None:
    done = converge(orthanc_windows_gateway_more_peers=[])
    assert done.returncode == 0, done.stdout[-3000:]
    part = done.stdout.split(": Forget destinations that are gone]", 1)[1].split("TASK", 1)[0]
    for name in ("archive", "archive-status"):
        assert f"changed: [demo-gateway] => (item={name})" in part
    assert "MediverseCloud_demo" not in part


def on_index(host: Any, sql: str, flags: str = "") -> str:
    program = (
        f"import sqlite3; index = sqlite3.connect('file:/srv/windows/C/Orthanc/index{flags}', uri=True); "
        f"print(index.execute({sql!r}).fetchall()); index.commit()"
    )
    return str(host.check_output("python3 -c %s", program))


def take_row_away(host: Any) -> None:
    service("stopped")
    on_index(host, "DELETE FROM sqlite_stat1")
    service("started")


def has_row(host: Any) -> bool:
    return "1000000 250000" in on_index(host, "SELECT * FROM sqlite_stat1", "?mode=ro&immutable=1")


def events(host: Any) -> list[str]:
    return list(json.loads(host.file(STATE).content_string)["events"])


def test_running_orthanc_gets_its_row_of_statistics(host: Any) -> None:
    take_row_away(host)
    assert not has_row(host)
    before = events(host)
    done = converge(orthanc_windows_gateway_more_peers=[])
    assert done.returncode == 0, done.stdout[-3000:]
    assert "changed=1 " in done.stdout
    assert events(host)[len(before) :] == ["service Orthanc stopped", "service Orthanc started"]
    assert has_row(host)


def test_acknowledging_at_once_can_be_taken_back(host: Any) -> None:
    done = converge(orthanc_windows_gateway_more_peers=[], orthanc_windows_gateway_scanner_ack_at_once=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "changed=1 " in done.stdout
    assert "delays acknowledgements to the scanner again from its next start on" in done.stdout
    registry = json.loads(host.file(STATE).content_string)["registry"]
    assert not [key for key, entry in registry.items() if "tcpackfrequency" in entry["values"]]


def test_index_that_cannot_be_written_is_said_and_stops_nothing(host: Any) -> None:
    nowhere = {"Path": r"C:\Nowhere\index"}
    done = converge(orthanc_windows_gateway_more_peers=[], __orthanc_windows_gateway_index=nowhere)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "gets slower with every image" in done.stdout
    assert json.loads(host.file(STATE).content_string)["services"]["Orthanc"]["state"] == "started"


def test_newer_version_replaces_the_old_one_and_keeps_the_data(host: Any, tmp_path: Path) -> None:
    newer = tmp_path / "OrthancInstaller-Win64-newer.exe"
    newer.write_text("mediverse-lab-installer: orthanc 26.9.0\n")
    checksum = hashlib.sha256(newer.read_bytes()).hexdigest()
    installer = {"src": str(newer), "sha256": checksum, "version": "26.9.0"}
    wrong = converge(orthanc_windows_gateway_installer={**installer, "sha256": "0" * 64})
    assert "download it again and compare it" in " ".join(wrong.stdout.split())
    take_row_away(host)
    before = events(host)
    upgraded = converge(orthanc_windows_gateway_installer=installer, orthanc_windows_gateway_more_peers=[])
    assert upgraded.returncode == 0, upgraded.stdout[-3000:]
    assert has_row(host)
    # By the installer and by the handler: the old program is not started once more for the row.
    assert events(host)[len(before) :].count("service Orthanc started") == 2
    state = json.loads(host.file(STATE).content_string)
    server = state["registry"][r"hklm\software\wow6432node\orthanc\orthanc server"]["values"]
    assert server["version"]["data"] == "26.9.0"
    # The peer and the modalities live in the database, which stayed.
    for name in ("Register the destinations", "Register the scanners and the self-test"):
        part = upgraded.stdout.split(f": {name}]", 1)[1].split("TASK", 1)[0]
        assert "ok: [demo-gateway]" in part
        assert "changed:" not in part
