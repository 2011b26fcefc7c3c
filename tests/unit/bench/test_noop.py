# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the bench counts what a run that changes nothing costs a gateway."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.bench import noop, relay
from tests.kit.containers import wait_for
from tests.lab.paths import REPOSITORY

LOG = """\
2026-11-30T18:16:34.500+00:00 rc=0 1ms win_ping
2026-11-30T18:16:40.500+00:00 rc=0 720ms win_powershell
2026-11-30T18:16:41.500+00:00 rc=0 843ms win_powershell (check)
2026-11-30T18:16:44.500+00:00 rc=1 1ms win_stat no such file
2026-11-30T18:16:45.500+00:00 rc=0 2ms put_file 87 bytes
"""


def test_each_command_is_a_trip_by_its_first_word() -> None:
    counted = noop.count(LOG, "cmmmmcmm")
    assert counted.trips == {"win_ping": 1, "win_powershell": 2, "win_stat": 1, "put_file": 1}
    assert (counted.total, counted.messages, counted.connections) == (5, 6, 2)


def moment(second: float) -> float:
    """That second of the minute in which the log was written."""
    return datetime(2026, 11, 30, 18, 16, tzinfo=UTC).timestamp() + second


PLAYS = (
    noop.Play("Look", moment(30), 1.0),
    noop.Play("Gateway", moment(40.7), 3.0),
    noop.Play("Nothing", moment(44), 6.0),
    noop.Play("Proof", moment(44.4), 6.5),
)


def test_commands_belong_to_the_play_in_which_they_ended() -> None:
    assert noop.count(LOG, "").by_play(PLAYS) == {"Look": 2, "Gateway": 1, "Nothing": 0, "Proof": 2}


def test_processor_time_belongs_to_the_play_in_which_it_was_used() -> None:
    again = noop.Play("Gateway", moment(45), 10.0)
    used = noop.Ran("", (*PLAYS, again), 12.0).cpu_by_play()
    assert used == {"start": 1.0, "Look": 2.0, "Gateway": 5.0, "Nothing": 0.5, "Proof": 3.5}


def test_the_processor_time_of_a_process_holds_that_of_its_children() -> None:
    busy = "while :; do :; done & sleep 0.5; kill $!; wait"
    program = f"import os; os.system('{busy}'); print('now', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=-1, stdout=-1, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "now\n"
        assert 0 < noop._cpu(process.pid) < 60
        process.communicate("\n")


def test_the_time_is_what_was_waited_and_the_starts_of_powershell() -> None:
    assert noop.count(LOG, "cmmmmcmm").seconds(12.5) == pytest.approx(12.5 - 1.567 + 5 * 2.0)


def test_what_is_waited_for_is_from_the_question_to_the_end_of_its_answer() -> None:
    waited = relay.Waited()
    exchange = relay.Exchange(waited, 10.0)
    exchange.answers(10.15)  # connected
    exchange.asks(12.0)  # the controller took its time
    exchange.asks(12.1)  # the question has two parts
    exchange.answers(12.3)
    exchange.answers(12.5)
    exchange.asks(20.0)
    exchange.answers(21.0)
    exchange.ends()
    assert waited.total == pytest.approx(0.15 + 0.5 + 1.0)


def test_a_question_without_an_answer_is_not_counted_twice() -> None:
    waited = relay.Waited()
    exchange = relay.Exchange(waited, 0.0)
    exchange.ends()
    exchange.ends()
    assert waited.total == 0


def test_the_relay_leads_to_the_far_end_and_keeps_how_long_it_took(tmp_path: Path) -> None:
    """A proxy as pywinrm uses one; the far end takes a moment for its answer."""

    class Far(http.server.BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            time.sleep(0.3)
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

    far = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Far)
    threading.Thread(target=far.serve_forever, daemon=True).start()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    file = tmp_path / "waited"
    program = subprocess.Popen([sys.executable, relay.__file__, str(port), "127.0.0.1", str(file)])
    try:
        wait_for(file.exists, 20, "the relay")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.set_tunnel("a.name.that.is.none", far.server_address[1])
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"ok"
        connection.close()
        wait_for(lambda: float(file.read_text()) >= 0.3, 5, "what was waited")
        assert float(file.read_text()) < 5
    finally:
        program.kill()
        program.wait()
        far.shutdown()


def test_the_numbers_of_an_earlier_commit_are_told() -> None:
    first, *__ = noop.compared().splitlines()
    assert first.startswith("bench was gateway_noop_trips 46.00 (")


RECAP = "PLAY RECAP ***\ndemo-cloud : ok=78 changed=2 unreachable=0\ndemo-gateway : ok=184 changed={} unreachable=0\n"


@pytest.mark.parametrize("changes", [0, 3])
def test_a_run_that_changes_something_is_no_measurement(changes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = noop.Noop(REPOSITORY / "inventories" / "lab")

    def shell(container: str, command: str) -> str:
        assert container == "mediverse-demo-demo-gateway"
        return {"cat /var/log/winrm.log": LOG, "cat /var/log/winrm.log.wire": "cmm"}.get(command, "")

    @contextlib.contextmanager
    def far_away(lab: Any, gateway: Any) -> Iterator[tuple[str, Callable[[], float]]]:
        yield "http://proxy", lambda: 7.5

    monkeypatch.setattr(noop, "far_away", far_away)
    monkeypatch.setattr(bench, "run", lambda environment=None: noop.Ran(RECAP.format(changes), PLAYS, 12.0))
    monkeypatch.setattr(bench, "_shell", shell)
    if changes:
        with pytest.raises(RuntimeError, match="changed demo-gateway"):
            bench.measure()
        return
    results = bench.measure()
    assert (results["gateway_noop_trips"], list(results)[1:]) == (
        5,
        ["gateway_noop_rtt150_s", "gateway_noop_cpu_per_site_s"],
    )
    assert results["gateway_noop_rtt150_s"] == pytest.approx(7.5 - 1.567 + 5 * 2.0)


def test_the_bench_knows_the_part() -> None:
    def bench(*options: str) -> Any:
        command = [sys.executable, "-m", "tests.bench", *options]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(REPOSITORY))

    refused = bench("--only", "noop,drain")
    assert (refused.returncode, "and alone noop" in refused.stderr) == (2, True)
