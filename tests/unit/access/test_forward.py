# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way through the hub: there as long as its playbook, and not a moment longer. A real sshd on loopback."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.mediverse.pacs.plugins.plugin_utils import _forward as forward

from tests.unit.access.certificates import certificate, server
from tests.unit.access.hub import Hub

PC = certificate("10.98.0.2", "127.0.0.1")
STRANGER = certificate("10.98.0.2", "127.0.0.1")


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    made = Hub(tmp_path / "hub")
    (made.folder / "authorized_keys").write_bytes((made.folder / "other.pub").read_bytes())
    (made.folder / "known_hosts").write_text(made.known)
    yield made
    made.stop()


@pytest.fixture
def pc(tmp_path: Path) -> Iterator[int]:
    with server(PC[1], tmp_path) as port:
        yield port


@pytest.fixture
def playbook() -> Iterator[subprocess.Popen[bytes]]:
    """Stands for the run that needs the way."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"]) as running:
        yield running
        running.kill()


def login(hub: Hub, key: str = "other") -> list[str]:
    known = f"UserKnownHostsFile={hub.folder / 'known_hosts'}"
    own = ["-p", str(hub.port), "-i", str(hub.folder / key), "-o", known, "-o", "BatchMode=yes"]
    # As Ansible has it: what is to be shared must not be shared here.
    shared = ["-o", "ControlMaster=auto", "-o", "ControlPersist=60s", "-o", f"ControlPath={hub.folder / 'shared'}"]
    return ["ssh", "-F", "none", *shared, *own, "127.0.0.1"]


def authority(folder: Path, of: tuple[str, str] = PC) -> Path:
    file = folder / "authority.pem"
    file.write_text(of[1].partition("-----BEGIN PRIVATE")[0])
    return file


def processes(text: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if text in words and int(entry.name) != os.getpid():
                found.append(int(entry.name))
    return found


def gone(text: str, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while processes(text):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def start(hub: Hub, pc: int, owner: int, folder: Path) -> int:
    port: int = forward.start(login(hub), f"127.0.0.1:{pc}", owner, folder / "said")
    return port


def test_it_leads_to_the_pc_and_proves_it(hub: Hub, pc: int, playbook: subprocess.Popen[bytes], tmp_path: Path) -> None:
    hub.start(forwarding="local")
    port = start(hub, pc, playbook.pid, tmp_path)
    forward.answers(port, authority(tmp_path))
    with pytest.raises(ssl.SSLCertVerificationError):
        forward.answers(port, authority(tmp_path, STRANGER))
    assert not forward.prohibited(tmp_path / "said")
    assert not (hub.folder / "shared").exists()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_stays_behind_a_playbook(
    hub: Hub, pc: int, playbook: subprocess.Popen[bytes], tmp_path: Path, how: int
) -> None:
    hub.start(forwarding="local")
    port = start(hub, pc, playbook.pid, tmp_path)
    assert len(processes(f":{port}:127.0.0.1:{pc}")) == 2
    playbook.send_signal(how)
    playbook.wait()
    assert gone(f":{port}:127.0.0.1:{pc}", 15)
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), 1)


def test_nothing_stays_behind_the_watcher(hub: Hub, pc: int, playbook: subprocess.Popen[bytes], tmp_path: Path) -> None:
    hub.start(forwarding="local")
    port = start(hub, pc, playbook.pid, tmp_path)
    for one in processes(f"{tmp_path / 'said'}"):
        os.kill(one, signal.SIGKILL)
    assert gone(f":{port}:127.0.0.1:{pc}", 15)


def test_a_playbook_that_has_ended_gets_nothing(hub: Hub, pc: int, tmp_path: Path) -> None:
    hub.start(forwarding="local")
    with subprocess.Popen(["true"]) as ended:
        pass
    with pytest.raises(forward.ForwardError):
        start(hub, pc, ended.pid, tmp_path)
    assert gone(f":127.0.0.1:{pc}", 15)


def test_a_hub_that_forwards_nothing_is_told(
    hub: Hub, pc: int, playbook: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    hub.start(forwarding="remote")
    port = start(hub, pc, playbook.pid, tmp_path)
    with pytest.raises(OSError, match=r"."):
        forward.answers(port, authority(tmp_path))
    assert forward.prohibited(tmp_path / "said")


def test_a_pc_that_is_off_is_no_prohibition(hub: Hub, playbook: subprocess.Popen[bytes], tmp_path: Path) -> None:
    hub.start(forwarding="local")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = start(hub, unused.getsockname()[1], playbook.pid, tmp_path)
        with pytest.raises(OSError, match=r"."):
            forward.answers(port, authority(tmp_path))
    assert not forward.prohibited(tmp_path / "said")


def test_a_login_that_is_refused_is_told(hub: Hub, pc: int, playbook: subprocess.Popen[bytes], tmp_path: Path) -> None:
    hub.start(forwarding="local")
    with pytest.raises(forward.ForwardError, match="Permission denied"):
        forward.start(login(hub, "token"), f"127.0.0.1:{pc}", playbook.pid, tmp_path / "said")
    assert gone(f":127.0.0.1:{pc}", 15)


def test_a_line_that_breaks_comes_back(
    hub: Hub, pc: int, playbook: subprocess.Popen[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.start(forwarding="local")
    port = start(hub, pc, playbook.pid, tmp_path)
    assert hub.sshd
    for session in Path(f"/proc/{hub.sshd.pid}/task/{hub.sshd.pid}/children").read_text().split():
        os.kill(int(session), signal.SIGKILL)
    back(port, authority(tmp_path), 15)


def back(port: int, certificate: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            forward.answers(port, certificate)
            return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.2)


def test_a_hub_that_boots_comes_back(hub: Hub, pc: int, playbook: subprocess.Popen[bytes], tmp_path: Path) -> None:
    hub.start(forwarding="local")
    port = start(hub, pc, playbook.pid, tmp_path)
    for away in (0.0, 5.0):
        assert hub.sshd
        sessions = Path(f"/proc/{hub.sshd.pid}/task/{hub.sshd.pid}/children").read_text().split()
        hub.stop()
        for session in sessions:
            os.kill(int(session), signal.SIGKILL)
        time.sleep(away)
        if away:
            with pytest.raises(OSError, match="refused"):
                socket.create_connection(("127.0.0.1", port), 1)
        hub.start(forwarding="local")
        back(port, authority(tmp_path), 25)
    playbook.kill()
    playbook.wait()
    assert gone(f":{port}:127.0.0.1:{pc}", 15)


def test_who_has_taken_the_port_is_not_believed(
    hub: Hub, pc: int, playbook: subprocess.Popen[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.start(forwarding="local")
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        ports = [somebody.getsockname()[1], forward._free_port()]
        monkeypatch.setattr(forward, "_free_port", lambda: ports.pop(0))
        port = start(hub, pc, playbook.pid, tmp_path)
        assert port != somebody.getsockname()[1]
        forward.answers(port, authority(tmp_path))


@pytest.mark.parametrize(
    "why", [OSError(38, "no such call"), PermissionError(1, "seccomp"), AttributeError("no Linux")]
)
def test_without_a_handle_of_processes_they_are_looked_at(
    playbook: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch, why: Exception
) -> None:
    def forbidden(__: int) -> int:
        raise why

    monkeypatch.setattr(os, "pidfd_open", forbidden, raising=False)
    runs = forward._watch(playbook.pid)
    assert runs(0.01)
    playbook.kill()
    playbook.wait()
    assert not runs(0.01)

    def refused(*__: int) -> None:
        raise PermissionError

    # The number was given to a process of another account.
    monkeypatch.setattr(os, "kill", refused)
    assert not runs(0.01)
