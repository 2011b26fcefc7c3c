# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated line measured from its ends: round trip, rate, and each way to break it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.kit.containers import Container
from tests.kit.images import SITE, prepare
from tests.kit.orthanc import IMAGE
from tests.lab.engine import connect, image_tag
from tests.wan.line import FAR, Line, Mode

NAME = f"mediverse-line-{os.getpid()}"
ECHO = """
import socket, threading
server = socket.create_server(('0.0.0.0', 7), backlog=50)
def serve(one):
    try:
        while data := one.recv(1 << 16):
            if data == b'ping': one.sendall(b'pong')
    except OSError: pass
while True: threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
"""
# Round trips in ms, then the rate of an upload in Mbit/s.
MEASURE = """
import socket, sys, time
one = socket.create_connection((sys.argv[1], 7), timeout=20)
for _ in range(30):
    begin = time.monotonic(); one.sendall(b'ping'); one.recv(4)
    print((time.monotonic() - begin) * 1000)
size = int(sys.argv[2])
if size:
    begin = time.monotonic(); one.sendall(b'x' * size); one.shutdown(socket.SHUT_WR); one.recv(1)
    print(size * 8 / (time.monotonic() - begin) / 1e6)
"""
# How an open connection and a new one end: the names of the errors.
BREAK = """
import socket, sys, time
def attempt(action):
    try: action(); return 'fine'
    except OSError as error: return type(error).__name__ if not error.errno else str(error.errno)
one = socket.create_connection((sys.argv[1], 7), timeout=20)
print('ready', flush=True); sys.stdin.readline()
one.settimeout(1.5)
def talk(): one.sendall(b'ping'); one.recv(4)
print(attempt(talk)); print(attempt(lambda: socket.create_connection((sys.argv[1], 7), timeout=1.5)))
"""


@pytest.fixture(scope="module")
def ends() -> Iterator[tuple[Container, Container]]:
    prepare(*SITE)
    settings: dict[str, Any] = {"entrypoint": "", "init": True, "network_mode": "none"}
    with (
        Container(image_tag(IMAGE), f"{NAME}-near", **settings) as near,
        Container(image_tag(IMAGE), f"{NAME}-far", ["python3", "-c", ECHO], **settings) as far,
    ):
        yield near.start(), far.start()


@pytest.fixture(scope="module")
def line(ends: tuple[Container, Container], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    made = Line(tmp_path_factory.mktemp("line"), f"{NAME}-line", *ends)
    yield made
    made.remove()


def _measure(near: Container, size: int = 0) -> list[float]:
    return [float(word) for word in near.run("python3", "-c", MEASURE, FAR, str(size)).split()]


@pytest.mark.parametrize("rtt", [0, 50, 150])
def test_round_trip(line: Line, ends: tuple[Container, Container], rtt: float) -> None:
    line.set(rtt=rtt)
    # The shortest of many: what else runs on this machine can only add to a round trip.
    assert rtt <= min(_measure(ends[0])) <= rtt + 8
    assert line.state().first is not None


@pytest.mark.parametrize("rate", [10, 50])
def test_rate(line: Line, ends: tuple[Container, Container], rate: float) -> None:
    line.set(rtt=20, up=rate)
    found = [_measure(ends[0], round(rate * 125_000 * 2))[-1] for __ in range(3)]
    assert max(found) < rate * 1.02
    # One of them is enough: what else runs on this machine can only slow it down.
    assert max(found) > rate * 0.8


def test_loss(line: Line, ends: tuple[Container, Container]) -> None:
    line.set(rtt=10, loss=2)
    _measure(ends[0], 3_000_000)
    assert line.state().dropped > 5


@pytest.mark.parametrize(
    ("mode", "open_one", "new_one"),
    [
        (Mode.CUT, "TimeoutError", "113"),
        (Mode.BLACK_HOLE, "TimeoutError", "TimeoutError"),
        (Mode.RESET, "104", "111"),
    ],
)
def test_broken(line: Line, ends: tuple[Container, Container], mode: Mode, open_one: str, new_one: str) -> None:
    line.set(rtt=10)
    client = connect().api
    exec_id = client.exec_create(ends[0].name, ["python3", "-c", BREAK, FAR], stdin=True, tty=True)["Id"]
    channel = client.exec_start(exec_id, socket=True, tty=True)._sock
    said = b""
    while b"ready" not in said:
        chunk = channel.recv(1000)
        assert chunk, said
        said += chunk
    line.set(rtt=10, mode=mode)
    channel.sendall(b"\n")
    while chunk := channel.recv(1000):
        said += chunk
    assert said.decode().split()[-2:] == [open_one, new_one]
    line.set(rtt=10)
    _measure(ends[0])
