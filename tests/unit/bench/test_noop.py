# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the bench counts what a run that changes nothing costs a gateway."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.bench import noop
from tests.lab.paths import REPOSITORY

LOG = """\
2026-11-30T18:16:34Z rc=0 1ms win_ping
2026-11-30T18:16:40Z rc=0 720ms win_powershell
2026-11-30T18:16:41Z rc=0 843ms win_powershell (check)
2026-11-30T18:16:44Z rc=1 1ms win_stat no such file
2026-11-30T18:16:45Z rc=0 2ms put_file 87 bytes
"""


def test_each_command_is_a_trip_by_its_first_word() -> None:
    counted = noop.count(LOG, "cmmmmcmm")
    assert counted.trips == {"win_ping": 1, "win_powershell": 2, "win_stat": 1, "put_file": 1}
    assert (counted.total, counted.messages, counted.connections) == (5, 6, 2)


def test_the_time_is_that_of_the_line_and_of_powershell() -> None:
    assert noop.count(LOG, "cmmmmcmm").seconds == pytest.approx((6 + 4) * 0.15 + 5 * 2.0)


RECAP = "PLAY RECAP ***\ndemo-cloud : ok=78 changed=2 unreachable=0\ndemo-gateway : ok=184 changed={} unreachable=0\n"


@pytest.mark.parametrize("changes", [0, 3])
def test_a_run_that_changes_something_is_no_measurement(changes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = noop.Noop(REPOSITORY / "inventories" / "lab")

    def shell(container: str, command: str) -> str:
        assert container == "mediverse-demo-demo-gateway"
        return {"cat /var/log/winrm.log": LOG, "cat /var/log/winrm.log.wire": "cmm"}.get(command, "")

    monkeypatch.setattr(bench, "run", lambda: RECAP.format(changes))
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


def test_the_bench_knows_the_part() -> None:
    def bench(*options: str) -> Any:
        command = [sys.executable, "-m", "tests.bench", *options]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(REPOSITORY))

    refused = bench("--only", "noop,drain")
    assert (refused.returncode, "and noop alone" in refused.stderr) == (2, True)
