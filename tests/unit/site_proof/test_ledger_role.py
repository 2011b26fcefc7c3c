# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role delivery_ledger, through Ansible itself, between two servers that answer as Orthanc does.

Here a day of real tasks can be over: a real Orthanc stamps its series itself, and always with its today.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import COLLECTIONS

DAY = "2026-11-22"


class Orthanc:
    """``images``: SOP Instance UID to series and metadata. Jobs end at once and stop at an image in ``bad``."""

    def __init__(self, now: str) -> None:
        self.now, self.images, self.bad = now, dict[str, dict[str, Any]](), set[str]()
        self.peer: Orthanc | None = None
        self.jobs: list[dict[str, Any]] = []

    def add(self, series: str, sop: str, **metadata: str) -> None:
        """One more image."""
        self.images[sop] = {"series": series, "metadata": metadata}

    def answer(self, path: str, question: Any) -> Any:
        """What the role may ask."""
        if path == "/tools/now":
            return self.now
        if path.startswith("/jobs/"):
            return self.jobs[int(path[6:])]
        if path == "/tools/bulk-content":
            return [{"ID": one, "Metadata": self.images[one]["metadata"]} for one in question["Resources"]]
        if path == "/tools/find" and question["Level"] == "Study":
            return []
        if path == "/tools/find" and "MetadataQuery" in question and question["Level"] == "Instance":
            return []
        if path == "/tools/find" and question["Level"] == "Series":
            return self._series(question["MetadataQuery"]["LastUpdate"])
        if path == "/tools/find":
            wanted = question["Query"]["SeriesInstanceUID"].split("\\")
            return [self._image(sop) for sop in sorted(self.images) if self.images[sop]["series"] in wanted]
        if path == "/peers/cloud/store":
            return self._store(question["Resources"])
        return {}

    def _series(self, stamp: str) -> list[Any]:
        if stamp != DAY.replace("-", "") + "*":
            return []
        counts = Counter(image["series"] for image in self.images.values())
        return [
            {"RequestedTags": {"SeriesInstanceUID": uid, "NumberOfSeriesRelatedInstances": str(count)}}
            for uid, count in counts.items()
        ]

    def _image(self, sop: str) -> dict[str, Any]:
        tags = {"SeriesInstanceUID": self.images[sop]["series"], "SOPInstanceUID": sop}
        return {"ID": sop, "Attachments": [{"ContentType": 1, "UncompressedMD5": "m"}], "RequestedTags": tags}

    def _store(self, images: list[str]) -> dict[str, str]:
        end = next((place for place, image in enumerate(images) if image in self.bad), len(images))
        assert self.peer is not None
        for image in images[:end]:
            self.peer.images[image] = self.images[image]
        state: dict[str, Any] = {"State": "Success"}
        if end < len(images):
            state = {"State": "Failure", "ErrorCode": -1, "ErrorDescription": "Internal error"}
        self.jobs.append({**state, "Progress": round(100 * end / len(images))})
        return {"ID": str(len(self.jobs) - 1)}


@contextmanager
def serving(orthanc: Orthanc) -> Iterator[str]:
    """Its address."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            found = orthanc.answer(self.path, json.loads(body) if body else None)
            data = (found if isinstance(found, str) else json.dumps(found)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = _answer

        def log_message(self, *__: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


Play = Callable[..., tuple[int, str, dict[str, Any]]]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Runs the role; its exit code, its output, and the checks of its report by their names."""

    def run(gateway: Orthanc, cloud: Orthanc, **variables: Any) -> tuple[int, str, dict[str, Any]]:
        gateway.peer = cloud
        with serving(gateway) as here, serving(cloud) as there:
            common = {
                "delivery_ledger_site": "test",
                "delivery_ledger_directory": str(tmp_path / "report"),
                "delivery_ledger_peer": "cloud",
                "delivery_ledger_cloud": "localhost",
                "delivery_ledger_gateway_url": here,
                "delivery_ledger_gateway_password": "x",
                "delivery_ledger_cloud_url": there,
                "delivery_ledger_cloud_password": "x",
                "ansible_python_interpreter": sys.executable,
            }
            tasks = [{"name": "Ledger", "ansible.builtin.include_role": {"name": "mediverse.pacs.delivery_ledger"}}]
            head = {"name": "Ledger", "hosts": "localhost", "gather_facts": False, "vars": {**common, **variables}}
            (tmp_path / "play.yml").write_text(json.dumps([{**head, "tasks": tasks}]))
            environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
            environment |= {"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_NOCOLOR": "1"}
            command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", "-c", "local"]
            done = subprocess.run(
                [*command, "play.yml"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
            )
        report = tmp_path / "report" / "ledger.json"
        assert report.exists(), done.stdout + done.stderr
        checks = {one["title"]: one for one in json.loads(report.read_text())["checks"]}
        return done.returncode, done.stdout + done.stderr, checks

    return run


def test_a_day_that_is_over_is_proved(play: Play) -> None:
    """By the gateway's clock alone. A day without images is not, and fails nothing."""
    gateway, cloud = Orthanc("20261123T000100"), Orthanc("20261122T000000")
    for server in (gateway, cloud):
        server.add("1.1", "1.1.1")
    code, output, checks = play(gateway, cloud, delivery_ledger_from="2026-11-21", delivery_ledger_until="yesterday")
    assert code == 0, output
    assert (checks[DAY]["proved"], checks[DAY]["result"]) == (True, "passed")
    assert (checks["2026-11-21"]["proved"], checks["2026-11-21"]["result"]) == (False, "skipped")


def test_what_cannot_be_sent(play: Play) -> None:
    """It ends the play, but not before everything else was sent and told; what came from the cloud stays here."""
    gateway, cloud = Orthanc("20261123T000100"), Orthanc("20261123T000100")
    for number in range(1, 7):
        gateway.add(f"1.{number % 2}", f"1.9.{number}")
    gateway.add("1.1", "1.9.7", HttpUsername="gateway")
    gateway.bad = {"1.9.2"}
    code, output, checks = play(gateway, cloud, delivery_ledger_resend=True)
    day = checks[DAY]["ledger"]
    assert set(cloud.images) == {f"1.9.{number}" for number in (1, 3, 4, 5, 6)}
    assert (day["sent"], day["unsent"], day["missing"], day["left_out"]) == (5, 1, 1, 1)
    reason = "it could not be read: Internal error"
    assert [(one["sop"], one["problem"], one["reason"]) for one in day["named"]] == [("1.9.2", "missing", reason)]
    assert code != 0
    assert f"1 images could not be sent again: 1 ({reason})." in output
