# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role delivery_ledger, through Ansible itself, between two servers that answer as Orthanc does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.conftest import COLLECTIONS

from .orthanc import DAY, Orthanc, serving

# As it stands in no other text, and as every format writes it in another way.
SECRET = "Sec-ret 'a' \"b\" $c\\n<d>&#%41"


class Played(NamedTuple):
    """``checks``: those of the report, by their names. ``said``: the output in one line."""

    code: int
    output: str
    checks: dict[str, Any]
    report: Path

    @property
    def said(self) -> str:
        return " ".join(self.output.split())


Play = Callable[..., Played]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Runs the role."""

    def run(gateway: Orthanc, cloud: Orthanc, *options: str, **variables: Any) -> Played:
        with serving(gateway) as here, serving(cloud) as there:
            common = {
                "delivery_ledger_site": "test",
                "delivery_ledger_directory": str(tmp_path / "new" / "report"),
                "delivery_ledger_peer": "cloud",
                "delivery_ledger_cloud": "localhost",
                "delivery_ledger_gateway_url": here,
                "delivery_ledger_gateway_password": SECRET,
                "delivery_ledger_cloud_url": there,
                "delivery_ledger_cloud_password": f"{SECRET} too",
                "ansible_python_interpreter": sys.executable,
            }
            tasks = [{"name": "Ledger", "ansible.builtin.include_role": {"name": "mediverse.pacs.delivery_ledger"}}]
            head = {"name": "Ledger", "hosts": "localhost", "gather_facts": False, "vars": {**common, **variables}}
            (tmp_path / "play.yml").write_text(json.dumps([{**head, "tasks": tasks}]))
            environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
            environment |= {"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_NOCOLOR": "1"}
            command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", "-c", "local"]
            done = subprocess.run(
                [*command, *options, "play.yml"],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
        report = tmp_path / "new" / "report" / "ledger.json"
        assert report.exists(), done.stdout + done.stderr
        checks = {one["title"]: one for one in json.loads(report.read_text())["checks"]}
        output = done.stdout + done.stderr
        # Not even when everything is shown.
        assert "Sec-ret" not in output + report.read_text()
        return Played(done.returncode, output, checks, report)

    return run


def test_a_day_that_is_over_is_proved(play: Play) -> None:
    """By the gateway's clock alone. A day without images is not, and fails nothing."""
    gateway, cloud = Orthanc(), Orthanc("20261122T000000")
    for server in (gateway, cloud):
        server.add("1.1", "1.1.1")
    done = play(gateway, cloud, "-vvv", delivery_ledger_from="2026-11-21", delivery_ledger_until="yesterday")
    assert done.code == 0, done.output
    assert (done.checks[DAY]["proved"], done.checks[DAY]["result"]) == (True, "passed")
    assert (done.checks["2026-11-21"]["proved"], done.checks["2026-11-21"]["result"]) == (False, "skipped")
    # The cloud is asked once for the sums, the studies and the one day on which something came.
    assert cloud.asked == ["/tools/find"] * 3
    assert "localhost: 2026-11-22 (day 2 of 2): sums up what the gateway received" in done.output
    modes = [oct(place.stat().st_mode & 0o777) for place in (done.report, done.report.parent)]
    assert modes == ["0o600", "0o700"]
    assert [place.name for place in done.report.parent.iterdir()] == ["ledger.json"]


def test_what_cannot_be_sent(play: Play) -> None:
    """It ends the play, but not before everything else was sent and told; what came from the cloud stays here."""
    gateway, cloud = Orthanc(), Orthanc()
    gateway.peer = cloud
    for number in range(1, 7):
        gateway.add(f"1.{number % 2}", f"1.9.{number}")
    gateway.add("1.1", "1.9.7", HttpUsername="gateway")
    gateway.bad = {"1.9.2"}
    done = play(gateway, cloud, delivery_ledger_resend=True)
    day = done.checks[DAY]["ledger"]
    assert set(cloud.images) == {f"1.9.{number}" for number in (1, 3, 4, 5, 6)}
    assert (day["sent"], day["unsent"], day["missing"], day["left_out"]) == (5, 1, 1, 1)
    reason = "it could not be read: Internal error"
    assert [(one["sop"], one["problem"], one["reason"]) for one in day["named"]] == [("1.9.2", "missing", reason)]
    assert done.code != 0
    assert f"1 image could not be sent again: 1 ({reason})." in done.output
    # A short run says nothing of what it does meanwhile.
    assert "sums up what" not in done.output
    # That something was sent is a change.
    assert "changed=1 " in done.output


def test_check_mode_sends_nothing(play: Play) -> None:
    gateway, cloud = Orthanc(), Orthanc()
    gateway.peer = cloud
    gateway.add("1.1", "1.1.1")
    done = play(gateway, cloud, "--check", delivery_ledger_resend=True)
    assert (done.code, cloud.images) == (2, {})
    assert "/peers/cloud/store" not in gateway.asked
    assert (done.checks[DAY]["ledger"]["missing"], done.checks[DAY]["ledger"]["named"][0]["sop"]) == (1, "1.1.1")
    assert "changed=1 " in done.output
    assert "so nothing was sent; 1 image would be sent again. Run without --check to send it." in done.said
    assert "delivery_ledger_resend" not in done.said


def test_a_failure_names_the_host_and_the_site_and_takes_the_place_of_the_report(play: Play) -> None:
    """The one of an earlier day would be taken for it."""
    gateway, cloud = Orthanc(), Orthanc()
    gateway.add("1.1", "1.1.1")
    said = f"curl -u admin:{SECRET} too {json.dumps(SECRET)}"
    cloud.answer = lambda path, question: said  # type: ignore[method-assign]
    done = play(gateway, cloud)
    (row,) = done.checks.values()
    assert row["detail"].startswith("Site test: the ledger could not be made. localhost: Orthanc at http://127.0.0.1:")
    assert (done.code, row["detail"] in done.said) == (2, True)


def test_no_login_gets_into_the_report(play: Play) -> None:
    """Whatever a server says. That it stands in no output either, play() looks at."""
    gateway, cloud = Orthanc(), Orthanc()
    gateway.add("1.1", "1.1.1")
    said = f"curl -u admin:{SECRET} too {json.dumps(SECRET)} failed"

    def store(images: list[str]) -> dict[str, str]:
        gateway.jobs.append({"State": "Failure", "ErrorCode": -1, "ErrorDescription": said, "Progress": 0})
        return {"ID": str(len(gateway.jobs) - 1)}

    gateway._store = store  # type: ignore[method-assign]
    done = play(gateway, cloud, "-vvv", delivery_ledger_resend=True)
    (named,) = done.checks[DAY]["ledger"]["named"]
    assert named["reason"].startswith("it could not be read: curl -u admin:********")
    assert done.code != 0


def test_a_report_that_cannot_be_written(play: Play, tmp_path: Path) -> None:
    gateway = Orthanc()
    (tmp_path / "new" / "report").mkdir(parents=True)
    (tmp_path / "new" / "report" / "ledger.json").write_text('{"checks": []}')
    (tmp_path / "file").touch()
    done = play(gateway, Orthanc(), delivery_ledger_directory=str(tmp_path / "file" / "x"))
    assert done.code != 0
    assert "Set delivery_ledger_directory to a directory of the controller that you may write to" in done.output
