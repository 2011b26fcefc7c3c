# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof of a site of which nothing is there: every check runs, says so, and the run fails at its end."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.spellings import shown
from tests.unit.role_tasks import Done, RoleTasks
from tests.unit.site_proof.test_judges import CHECKS

SECRETS = {name: f"pl4nted-{name} 'a' \"b\" $c" for name in ("viewer", "cloud", "gateway", "proxy")}
WAY_OUT = "pl4nted-way 'a' $c"
PROXY = f"way:{quote(WAY_OUT, safe='')}@proxy.invalid:3128"


class Refusing(http.server.BaseHTTPRequestHandler):
    """Lets nobody in, and repeats the login that it was shown, and that of the way out."""

    def answer(self) -> None:
        body = json.dumps({"Details": f"no: {self.headers.get('Authorization')} by {PROXY}, {WAY_OUT}"}).encode()
        self.send_response(401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def prove(folder: Path, port: int, checks: list[str], *options: str) -> tuple[Done, dict[str, Any]]:
    """The run, and the rows of its report by check."""
    url = f"http://127.0.0.1:{port}"
    variables: dict[str, Any] = {
        **{f"site_proof_{name}_password": secret for name, secret in SECRETS.items()},
        **{f"site_proof_{name}_url": url for name in ("proxy", "cloud", "gateway", "syncthing")},
        **{f"site_proof_{name}_fqdn": f"{name}.invalid" for name in ("viewer", "pacs")},
        **{f"site_proof_{name}": "localhost" for name in ("hub", "cloud")},
        **{"site_proof_site": "nosuch", "site_proof_public_address": "127.0.0.1", "site_proof_closed_ports": [port]},
        **{"site_proof_gateway_aet": "GW", "site_proof_peer": "cloud", "site_proof_scanners": ["ct1"]},
        **{"site_proof_worklist_directory": str(folder / "no"), "site_proof_syncthing_home": str(folder / "no")},
        **{"site_proof_syncthing_folder": "wl", "site_proof_largest_instance_mb": "512"},
        **{
            "site_proof_login_address": "127.0.0.1",
            "site_proof_http_proxy": PROXY,
            "site_proof_checks": checks,
            "site_proof_directory": str(folder / "proof"),
        },
    }
    done = RoleTasks(folder, "site_proof", []).run("main.yml", variables, *options)
    report = (folder / "proof" / "proof.json").read_text(encoding="utf-8")
    written = report + (folder / "proof" / "proof.xml").read_text(encoding="utf-8")
    assert shown(written + done.text, SECRETS, ["admin", "viewer"]) == []
    assert shown(written, {"way": WAY_OUT}, ["way"]) == []
    # The server repeats the address in what it says, and only some checks ask it.
    assert checks != CHECKS or "way:********@proxy.invalid" in written
    return done, {row["check"]: row for row in json.loads(report)["checks"]}


def test_every_check_fails_and_says_why(port: int, tmp_path: Path) -> None:
    done, rows = prove(tmp_path, port, CHECKS)
    assert done.code != 0
    assert list(rows) == CHECKS
    assert {name: row["detail"] for name, row in rows.items() if row["result"] != "failed"} == {}
    assert "undefined" not in json.dumps(rows)
    beginnings = {
        **dict.fromkeys(("redirect", "pacs", "limit", "viewer"), "Nothing answers localhost at http"),
        "list": "The viewer cannot read its study list, so it shows nobody anything: https://viewer.invalid/",
        "ports": f"tcp://127.0.0.1:{port} accepts connections from localhost; expected it to be closed",
        "echo": f"localhost: Orthanc at http://127.0.0.1:{port} refused the login",
        "inbound": f"localhost: Orthanc at http://127.0.0.1:{port} refused the login",
        "worklists": f"localhost: The worklists of {tmp_path}/no cannot be read",
        "worklist": f"localhost: User 1000 cannot change {tmp_path}/no/mediverse-proof-nosuch-",
        "image": f"The gateway cannot store an image (localhost: Orthanc at http://127.0.0.1:{port} refused the login",
        "refused": f"localhost: Orthanc at http://127.0.0.1:{port} refused the login",
        "backlog": f"localhost: Orthanc at http://127.0.0.1:{port} refused the login",
    }
    assert {name: rows[name]["detail"][: len(text)] for name, text in beginnings.items()} == beginnings
    assert "Image, gateway to viewer; No refusal in the gateway's log" in done.text
    assert "ended without" not in json.dumps(rows)


def test_check_mode_leaves_out_what_writes(port: int, tmp_path: Path) -> None:
    done, rows = prove(tmp_path, port, ["limit", "worklist", "image"], "--check")
    assert done.code == 0
    results = {name: (row["result"], row["detail"]) for name, row in rows.items()}
    left_out = ("skipped", "it writes, and this is check mode")
    assert results == {"limit": ("passed", "not tried in check mode"), "worklist": left_out, "image": left_out}
