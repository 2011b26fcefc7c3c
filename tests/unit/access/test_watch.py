# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task of every minute: one way to the hub, the report until it is there, and the hub's name resolved again."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from tests.unit.access.hub import SSHD, Hub
from tests.unit.access.machine import PWSH, TUNNEL, Machine, place

pytestmark = [
    pytest.mark.skipif(PWSH is None, reason="no pwsh on PATH: install PowerShell 7 to run the .ps1 files"),
    pytest.mark.skipif(SSHD is None, reason="no sshd: install OpenSSH's server for the hub's side"),
]


@pytest.fixture
def accepted(enrolled: Machine, hub: Hub) -> Machine:
    """The hub lets in its key: where its tunnel ends is an address that is no other test's."""
    hub.admit(tunnel=enrolled.report()["ssh"], listen=address_of(enrolled))
    return enrolled


def address_of(pc: Machine) -> str:
    return str(json.loads((pc.access / "stick.json").read_text())["address"])


def carriers(pc: Machine) -> list[int]:
    """The SSH clients that live."""
    living = []
    for process in pc.state["processes"]:
        try:
            os.kill(process["id"], 0)
            if ") Z " not in Path(f"/proc/{process['id']}/stat").read_text(encoding="ascii"):
                living.append(process["id"])
        except (ProcessLookupError, FileNotFoundError):
            continue
    return living


def listens(pc: Machine, seconds: float = 15) -> bool:
    """Whether the hub has the tunnel's end at the gateway's address."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex((address_of(pc), 5986)) == 0:
                return True
        time.sleep(0.1)
    return False


def ago(seconds: int) -> int:
    return int(time.time()) - seconds


def run(pc: Machine) -> None:
    done = pc.watch()
    assert done.returncode == 0, done.stdout + done.stderr + pc.log()


def test_where_udp_is_closed_one_reverse_tunnel_holds_until_wireguard_lives(accepted: Machine) -> None:
    run(accepted)
    (first,) = carriers(accepted)
    assert listens(accepted)
    run(accepted)
    assert carriers(accepted) == [first]
    line = accepted.state["processes"][0]["line"]
    for option in ("ExitOnForwardFailure=yes", "ServerAliveInterval=30", "ServerAliveCountMax=3", "BatchMode=yes"):
        assert f"-o {option}" in line
    assert f"-R {address_of(accepted)}:5986:127.0.0.1:5986 mediverse-tunnel@127.0.0.1" in line
    accepted.set(handshake=ago(60))
    run(accepted)
    time.sleep(0.3)
    assert carriers(accepted) == []
    run(accepted)
    assert carriers(accepted) == []


@pytest.mark.long
@pytest.mark.parametrize("handshake", [0, -181, +3600], ids=["never", "old", "the clock was set back"])
def test_no_young_handshake_is_no_line(accepted: Machine, handshake: int) -> None:
    accepted.set(handshake=handshake and int(time.time()) + handshake)
    run(accepted)
    assert len(carriers(accepted)) == 1


def test_a_client_that_died_is_followed_by_another_and_a_second_one_is_ended(accepted: Machine) -> None:
    run(accepted)
    (first,) = carriers(accepted)
    os.kill(first, 9)
    time.sleep(0.3)
    run(accepted)
    (second,) = carriers(accepted)
    assert second != first
    assert listens(accepted)
    # One more, as after a task that ran twice.
    line = accepted.state["processes"][-1]["line"]
    accepted.ask(
        f"Invoke-CimMethod -ClassName Win32_Process -MethodName Create -Arguments @{{ CommandLine = '{line}' }}"
    )
    run(accepted)
    time.sleep(0.3)
    assert carriers(accepted) in ([second], [])


@pytest.mark.long
def test_the_key_of_the_pc_opens_nothing_but_its_own_end(accepted: Machine, hub: Hub) -> None:
    hub.admit(tunnel=accepted.report()["ssh"], listen="127.98.254.254")
    run(accepted)
    assert not listens(accepted, 3)
    assert carriers(accepted) == []
    assert "remote port forwarding failed" in (accepted.access / "ssh.log").read_text()


def named(pc: Machine) -> None:
    """The hub is known by a name."""
    file = pc.access / "stick.json"
    data: dict[str, Any] = json.loads(file.read_text())
    data["hub"]["host"] = "localhost"
    file.write_text(json.dumps(data))


@pytest.mark.long
def test_a_name_is_resolved_again_every_ten_minutes_while_there_is_no_handshake(accepted: Machine) -> None:
    run(accepted)
    assert accepted.state["restarts"] == 0, "an address has no name to resolve"
    named(accepted)
    accepted.set(handshake=ago(250))
    run(accepted)
    assert accepted.state["restarts"] == 0
    accepted.set(handshake=ago(400))
    run(accepted)
    run(accepted)
    assert accepted.state["restarts"] == 1
    stamp = accepted.access / "restarted.json"
    for at, restarts in ((ago(601), 2), (ago(-3600), 3)):
        stamp.write_text(json.dumps({"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))}))
        run(accepted)
        assert accepted.state["restarts"] == restarts


def test_a_tunnel_service_that_stopped_is_started(accepted: Machine) -> None:
    state = accepted.state
    state["services"][TUNNEL]["state"] = "stopped"
    accepted.set(**state)
    run(accepted)
    assert accepted.state["services"][TUNNEL]["state"] == "started"


@pytest.mark.long
def test_keys_that_others_may_read_are_told_and_mended_by_enrol(accepted: Machine, hub: Hub) -> None:
    (accepted.access / "taken.json").unlink()
    state = accepted.state
    state["acl"].pop(place("report-key"))
    accepted.set(**state)
    assert accepted.watch().returncode == 1
    assert "OpenSSH finds that others may read the keys" in accepted.log()
    assert accepted.enrol().returncode == 0
    assert hub.deliveries() == 2


def test_a_hub_that_is_silent_is_told_in_the_log_and_by_the_result_of_the_task(accepted: Machine, hub: Hub) -> None:
    (accepted.access / "taken.json").unlink()
    hub.stop()
    assert accepted.watch().returncode == 1
    assert f"The report: The hub does not answer at 127.0.0.1, TCP port {hub.port}" in accepted.log()
    ended = json.loads((accepted.access / "stick.json").read_text())
    ended["ends"] = "2020-01-01T00:00:00Z"
    (accepted.access / "stick.json").write_text(json.dumps(ended))
    run(accepted)


@pytest.mark.long
def test_a_log_does_not_fill_the_disk(accepted: Machine) -> None:
    log = accepted.access / "enrol.log"
    log.write_bytes(b"x" * (1024 * 1024 + 1))
    run(accepted)
    assert log.stat().st_size < 10000
    assert (accepted.access / "enrol.log.1").stat().st_size > 1024 * 1024
