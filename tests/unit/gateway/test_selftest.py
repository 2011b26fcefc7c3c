# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The self-test on the PC, on the real engine: each line in each of its colours.

Orthanc and the cloud are servers of a few lines.
"""

from __future__ import annotations

import base64
import json
import os
import re
import select
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.lab import pki
from tests.unit.servers import Quiet, serving

from .test_scripts import DONE, DONE_UNPLUGGED, FRESH, PWSH, SESSION

HERE = Path(__file__).parent
SCRIPT = (
    HERE.parents[2]
    / "roles"
    / "orthanc_windows_gateway"
    / "files"
    / "pc"
    / "Program Files"
    / "Mediverse"
    / "selftest.ps1"
)
pytestmark = pytest.mark.skipif(PWSH is None, reason="no pwsh on PATH: install PowerShell 7 to run the .ps1 files")
USER, PASSWORD = "admin", "pässword'\"$x:y"
LOGIN = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
STAMP = "%Y-%m-%dT%H:%M:%SZ"
NEWEST = "/changes?type=NewInstance&limit=1&to=9000000000000000"
UNREAD = re.compile(r"/changes\?type=NewInstance&limit=(\d+)&since=7")
CHECKS = ["Orthanc", "Worklist link", "Disk", "Adapter", "Tunnel", "Cloud", "Clock", "Last image", "Backlog"]


def stamp(ago: float, form: str = "%Y%m%dT%H%M%S") -> str:
    """A time so many seconds ago, as Orthanc writes it."""
    return (datetime.now(UTC) - timedelta(seconds=ago)).strftime(form)


def row(seq: int, ago: float) -> dict[str, Any]:
    return {"ChangeType": "NewInstance", "Date": stamp(ago), "ID": f"i{seq}", "Seq": seq}


def state(**fields: str) -> dict[str, Any]:
    """What the forwarder publishes."""
    told = {"Read": "7", "Pending": "0", "OldestPending": "", "Parked": "0", "State": "idle", "LastError": ""}
    told |= {"LastSuccess": stamp(600, STAMP), "Updated": stamp(5, STAMP)}
    return {"Url": "http://127.0.0.1:1/", **told, **fields}


class PC:
    """A finished gateway; a test changes what it is about, and looks at the lines."""

    def __init__(self, folder: Path, orthanc: int, cloud: str, answers: dict[str, Any]) -> None:
        self.folder, self.answers, self.cloud = folder, answers, cloud
        self.asked: list[str] = []
        self.services = {"Orthanc": "Running", "syncthing": "Running"}
        self.interfaces: list[dict[str, Any]] = [SESSION, {**FRESH, **DONE}]
        self.options: dict[str, Any] = {"Program": str(folder), "DiskLow": 0, "DiskFull": 0, "Patience": 3}
        self.closed: list[str] = []
        self.environment = {"SSL_CERT_FILE": str(pki.authority()[0])}
        self.configure(orthanc)

    def configure(self, port: int, password: str = PASSWORD) -> None:
        place = self.folder / "Configuration"
        place.mkdir(exist_ok=True)
        settings = {"HttpPort": port, "StorageDirectory": str(self.folder)}
        (place / "orthanc.json").write_text(json.dumps(settings), encoding="utf-8")
        users = {"RegisteredUsers": {USER: password}}
        (place / "credentials.json").write_text(json.dumps(users), encoding="utf-8")

    def forwarder(self, **fields: str) -> None:
        self.answers["/peers?expand"]["cloud-status"] = state(**fields)

    def proxy(self, address: str) -> None:
        file = self.folder / "Configuration" / "credentials.json"
        secrets = json.loads(file.read_text(encoding="utf-8"))
        file.write_text(json.dumps({**secrets, "HttpProxy": address}), encoding="utf-8")

    def wireguard(self, program: str) -> None:
        """The tunnel is there, and its program is a script of these lines."""
        self.services["WireGuardTunnel$mediverse"] = "Running"
        file = self.folder / "wg"
        self.options["WireGuard"] = str(file)
        file.write_text(f"#!/bin/sh\n{program}\n")
        file.chmod(0o755)

    def start(self, *switches: str) -> subprocess.CompletedProcess[str]:
        options = {**self.options, **dict.fromkeys(switches, True)}
        file = self.folder / "state.json"
        given = {
            "closed": self.closed,
            "services": self.services,
            "interfaces": self.interfaces,
            "parameters": options,
            "script": str(SCRIPT),
        }
        file.write_text(json.dumps(given), encoding="utf-8")
        command = [str(PWSH), "-NoProfile", "-NonInteractive", "-File", str(HERE / "selftest.ps1"), str(file)]
        environment = {**os.environ, "NO_COLOR": "1", **self.environment}
        return subprocess.run(
            command, capture_output=True, text=True, timeout=120, check=False, env=environment, cwd=self.folder
        )

    def lines(self, untested: int = 0) -> dict[str, tuple[str, str]]:
        """Colour and text by the name of the line; the exit code is the number of red ones, or says that the test
        itself failed in some of its parts.
        """
        done = self.start("AsJson")
        assert done.stdout.lstrip().startswith("{"), done.stdout + done.stderr
        found = json.loads(done.stdout)
        reds = [line for line in found["lines"] if line["colour"] == "red"]
        assert (found["red"], found["untested"]) == (len(reds), untested), found["lines"]
        assert done.returncode == (255 if untested else len(reds)), done.stderr
        assert all(line["advice"] for line in found["lines"] if line["colour"] != "green")
        assert PASSWORD not in done.stdout + done.stderr
        return {line["check"]: (line["colour"], f"{line['text']} {line['advice']}".strip()) for line in found["lines"]}


@pytest.fixture
def pc(tmp_path: Path) -> Iterator[PC]:
    answers: dict[str, Any] = {}
    asked: list[str] = []

    class Orthanc(Quiet):
        """Lets the one user in, and knows what stands in the answers. Of the rows of changes it gives as many as it is
        asked for.
        """

        def do_GET(self) -> None:
            asked.append(self.path)
            known = self.headers["Authorization"] == LOGIN
            answer = answers.get(self.path)
            if since := UNREAD.fullmatch(self.path):
                answer = answers["unread"]
                if isinstance(answer, list):
                    rows = answer[: int(since[1])]
                    answer = {"Changes": rows, "Done": len(rows) == len(answer)}
            body = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
            self.send_response(401 if not known else 404 if answer is None else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    class Cloud(Quiet):
        def do_GET(self) -> None:
            self.send_response_only(answers["status"])
            moved = datetime.now(UTC) + timedelta(seconds=answers["ahead"])
            self.send_header("Date", moved.strftime("%a, %d %b %Y %H:%M:%S GMT"))
            self.send_header("Content-Length", "0")
            self.end_headers()

    with serving(Orthanc) as orthanc, serving(Cloud, tls=tmp_path) as port:
        cloud = f"https://localhost:{port}/"
        scanner = {"AET": "CT_SCANNER", "Host": "192.168.0.10", "Port": 104}
        answers |= {
            **{"status": 401, "ahead": 0, "unread": []},
            "/system": {"Version": "1.13.0", "DicomAet": "MEDIVERSE", "DicomPort": 4242},
            "/modalities?expand": {
                "ct1": scanner,
                "self-test": {"AET": "MEDIVERSE", "Host": "127.0.0.1", "Port": 4242},
            },
            "/peers?expand": {"cloud": {"Url": cloud}, "cloud-status": state(), "own": {"Url": "https://x/"}},
            "/tools/now": stamp(0),
            NEWEST: {"Changes": [row(7, 600)], "Done": False},
        }
        pc = PC(tmp_path, orthanc, cloud, answers)
        pc.asked = asked
        yield pc


def test_a_good_gateway_is_green(pc: PC) -> None:
    lines = pc.lines()
    assert list(lines) == CHECKS
    assert {colour for colour, __ in lines.values()} == {"green"}
    assert lines["Orthanc"][1] == "Orthanc 1.13.0 runs as MEDIVERSE on port 4242."
    assert lines["Adapter"][1] == "Adapter 'Ethernet 7' has 192.168.0.20 for scanner ct1 (192.168.0.10) and a link."
    said = "answers, its certificate is good, and the last image got through 10 minutes ago."
    assert lines["Cloud"][1] == f"{pc.cloud} {said}"
    assert lines["Last image"][1].endswith("UTC, 10 minutes ago.")


def test_people_get_words(pc: PC) -> None:
    pc.services.pop("syncthing")
    done = pc.start()
    assert done.returncode == 1, done.stderr
    text = done.stdout
    assert "  [  OK   ]  Orthanc       Orthanc 1.13.0 runs as MEDIVERSE on port 4242." in text
    assert "  [ FAULT ]  Worklist link Syncthing, which brings the worklists, is not installed on this PC." in text
    assert "1 line(s) are red. Begin with the topmost." in text
    pc.services["syncthing"] = "Running"
    done = pc.start()
    assert (done.returncode, "  All is well." in done.stdout) == (0, True)


@pytest.mark.parametrize(
    ("service", "status", "colour", "text"),
    [
        ("Orthanc", "", "red", "Orthanc is not installed on this PC. Call the operator: the installation was never"),
        ("Orthanc", "Stopped", "red", "Orthanc does not run, it is Stopped. Restart the PC when the scanner is idle"),
        ("Orthanc", "StartPending", "yellow", "Orthanc is just starting. Wait a minute and run this test again."),
        ("syncthing", "", "red", "Syncthing, which brings the worklists, is not installed on this PC."),
        ("syncthing", "StopPending", "red", "Syncthing, which brings the worklists, does not run, it is StopPending."),
    ],
)
def test_services(pc: PC, service: str, status: str, colour: str, text: str) -> None:
    pc.services[service] = status
    lines = pc.lines()
    line = lines["Orthanc" if service == "Orthanc" else "Worklist link"]
    assert (line[0], line[1][: len(text)]) == (colour, text)
    if service == "Orthanc":
        unknown = {name: lines[name][0] for name in ("Adapter", "Cloud", "Clock", "Last image", "Backlog")}
        assert set(unknown.values()) == {"yellow"}


def test_an_orthanc_that_says_nothing(pc: PC) -> None:
    pc.configure(9)
    assert pc.lines()["Orthanc"] == (
        "red",
        "The service of Orthanc runs, but nobody answers on port 9. Wait two minutes and run this test again; then "
        "call the operator.",
    )


def test_an_orthanc_that_refuses_its_own_password(pc: PC) -> None:
    pc.configure(json.loads((pc.folder / "Configuration" / "orthanc.json").read_text())["HttpPort"], "another")
    assert pc.lines()["Orthanc"][1].startswith("Orthanc refuses the password of its own configuration.")


def test_an_orthanc_of_somebody_else(pc: PC) -> None:
    (pc.folder / "Configuration" / "credentials.json").unlink()
    assert pc.lines()["Orthanc"][1].startswith("Orthanc runs without the settings of a gateway.")


def test_without_the_rights_of_an_administrator(pc: PC) -> None:
    pc.closed = [str(pc.folder / "Configuration" / "credentials.json")]
    lines = pc.lines()
    assert lines["Orthanc"][0] == "yellow"
    assert lines["Orthanc"][1].startswith("Orthanc runs, and only an administrator may ask it more. Run this")
    assert lines["Backlog"][1].endswith("Run this test again as an administrator.")


@pytest.mark.parametrize(
    ("low", "full", "colour"), [(1 << 60, 0, "yellow"), (1 << 60, 1 << 60, "red")], ids=["low", "full"]
)
def test_disk(pc: PC, low: int, full: int, colour: str) -> None:
    pc.options |= {"DiskLow": low, "DiskFull": full}
    line = pc.lines()["Disk"]
    assert line[0] == colour
    assert "are free on drive" in line[1]
    assert "Touch no file of Orthanc." in line[1]


SCANNERS: dict[str, Any] = {**FRESH, **DONE}
ELSEWHERE = {"addresses": [{"address": "192.168.7.20", "prefix": 24}], "gateway": None}


@pytest.mark.parametrize(
    ("interfaces", "colour", "text"),
    [
        (
            [SESSION, {**SCANNERS, "status": "Disconnected"}],
            "red",
            "'Ethernet 7' has 192.168.0.20 for scanner ct1 (192.168.0.10) and no link. Plug in",
        ),
        (
            [SESSION, {**FRESH, **DONE_UNPLUGGED, "addresses": []}],
            "red",
            "(192.168.0.10), and 'Ethernet 7' has no link. Plug in the cable and switch",
        ),
        (
            [SESSION, {**SCANNERS, "duplicates": ["192.168.0.20"]}],
            "red",
            "and another device has the same address. Give the other device another",
        ),
        (
            [SESSION],
            "yellow",
            "No adapter is in the network of scanner ct1 (192.168.0.10), so a router must be in between. If there is",
        ),
        (
            [SESSION, {**FRESH, "status": "Disconnected", "addresses": []}],
            "yellow",
            "so a router must be in between. If the scanner belongs to 'Ethernet 7', which has no link, plug in",
        ),
        (
            [SESSION, {**FRESH, **DONE_UNPLUGGED, "addresses": [], "stored": ELSEWHERE}],
            "yellow",
            "so a router must be in between. If the scanner belongs to 'Ethernet 7', which has no link, plug in",
        ),
    ],
    ids=["no link", "no link and no address", "duplicate", "routed", "idle and without address", "idle elsewhere"],
)
def test_adapters(pc: PC, interfaces: list[dict[str, Any]], colour: str, text: str) -> None:
    pc.interfaces = interfaces
    line = pc.lines()["Adapter"]
    assert line[0] == colour
    assert text in line[1]


def test_no_scanner(pc: PC) -> None:
    del pc.answers["/modalities?expand"]["ct1"]
    assert pc.lines()["Adapter"][1].startswith("Orthanc knows no scanner.")


def test_no_cable_at_all_is_seen_without_orthanc(pc: PC) -> None:
    pc.services["Orthanc"] = "Stopped"
    pc.interfaces = [{**SESSION, "status": "Disconnected"}, {**SCANNERS, "status": "Disconnected"}]
    assert pc.lines()["Adapter"] == ("red", "No network adapter has a link. Plug in the cables.")


@pytest.mark.parametrize(
    ("heard", "colour", "text"),
    [
        (60, "green", "The tunnel to the operator is up."),
        (7200, "yellow", "The hub was last heard of 2 hours ago. The operator cannot reach this PC"),
        (-1, "red", "The hub has never answered through the tunnel. Is UDP allowed"),
    ],
)
def test_tunnel(pc: PC, heard: int, colour: str, text: str) -> None:
    said = int(time.time()) - heard if heard >= 0 else 0
    pc.wireguard(f'[ "$*" = "show mediverse latest-handshakes" ] && printf "key=\\t{said}\\n"')
    line = pc.lines()["Tunnel"]
    assert (line[0], line[1][: len(text)]) == (colour, text)


@pytest.mark.parametrize(
    "program",
    ["echo 'Unable to access interface: Permission denied' >&2; exit 1", "exit 1", "echo key=; echo warning >&2", ""],
    ids=["refused", "mute", "no number", "no end"],
)
def test_a_tunnel_that_says_nothing(pc: PC, program: str) -> None:
    """Whoever is no administrator gets a line on the standard error only."""
    pc.wireguard(program)
    line = pc.lines()["Tunnel"]
    text = "The tunnel to the operator is switched on; whether the hub answers is not known. Run this test again as an"
    assert (line[0], line[1][: len(text)]) == ("yellow", text)


def test_a_warning_of_wireguard_is_no_fault(pc: PC) -> None:
    pc.wireguard(f'echo "a warning" >&2; printf "key=\\t{int(time.time())}\\n"')
    assert pc.lines()["Tunnel"] == ("green", "The tunnel to the operator is up.")


def test_a_tunnel_that_stands(pc: PC) -> None:
    pc.services["WireGuardTunnel$mediverse"] = "Stopped"
    assert pc.lines()["Tunnel"][1].startswith("The tunnel to the operator does not run, it is Stopped.")
    pc.services["WireGuardTunnel$mediverse"] = "Running"
    pc.options["WireGuard"] = str(pc.folder / "missing")
    assert pc.lines()["Tunnel"][0] == "yellow"


@pytest.mark.parametrize(
    ("ahead", "colour", "text"),
    [
        (0, "green", "which is right."),
        (120, "yellow", "s slow. Switch on that Windows sets the clock by itself."),
        (-3600, "red", "s fast. Set the clock, and switch on"),
    ],
)
def test_clock(pc: PC, ahead: int, colour: str, text: str) -> None:
    pc.answers["ahead"] = ahead
    line = pc.lines()["Clock"]
    assert line[0] == colour
    assert text in line[1]


def test_a_clock_is_compared_with_the_moment_of_the_answer(pc: PC) -> None:
    """Another destination that is silent takes its time, which is not the clock's fault."""
    pc.answers["ahead"] = -57
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        pc.answers["/peers?expand"] |= {"second": {"Url": address}, "second-status": state()}
        pc.options["Patience"] = 6
        assert pc.lines()["Clock"][0] == "green"


def test_no_question_goes_through_orthanc(pc: PC) -> None:
    """It holds its configuration until the other end answers, and scanners wait."""
    pc.lines()
    assert [path for path in pc.asked if path.startswith("/peers")] == ["/peers?expand"]


def test_a_cloud_that_takes_no_image(pc: PC) -> None:
    for name in ("paused", "probing"):
        pc.forwarder(State=name, LastError="HTTP 401:\n unauthorized")
        line = pc.lines()["Cloud"]
        assert line[0] == "red"
        assert "answers this PC, and images do not get through (HTTP 401: unauthorized). Call the" in line[1]


@pytest.mark.parametrize(
    ("status", "text"),
    [(502, "answers with 502: something is down there."), (403, "answers with 403 and not as a cloud PACS does.")],
)
def test_a_cloud_that_answers_otherwise(pc: PC, status: int, text: str) -> None:
    pc.answers["status"] = status
    line = pc.lines()["Cloud"]
    assert (line[0], text in line[1]) == ("red", True)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("https://localhost:9/", "https://localhost:9/ does not answer (ConnectFailure ConnectionRefused). Is the"),
        ("https://cloud.invalid/", "The name in https://cloud.invalid/ is not found. Is the Internet there?"),
    ],
)
def test_a_cloud_that_is_not_there(pc: PC, url: str, text: str) -> None:
    pc.answers["/peers?expand"]["cloud"]["Url"] = url
    lines = pc.lines()
    assert (lines["Cloud"][0], lines["Clock"][0]) == ("red", "yellow")
    assert text.partition(" (")[0] in lines["Cloud"][1]


def test_a_certificate_that_nobody_trusts(pc: PC) -> None:
    pc.environment = {}
    pc.forwarder(LastSuccess="")
    lines = pc.lines()
    assert lines["Cloud"][0] == "red"
    assert (
        f"The certificate of {pc.cloud} is not trusted here. Is the clock right? This PC's clock says 20"
        in lines["Cloud"][1]
    )
    assert lines["Clock"][0] == "yellow"
    pc.forwarder(LastSuccess=stamp(600, STAMP), State="paused")
    assert pc.lines()["Cloud"][0] == "red"


def test_a_certificate_that_orthanc_trusts(pc: PC) -> None:
    """Orthanc has a list of authorities of its own, and Windows need not know them."""
    pc.environment = {}
    line = pc.lines()["Cloud"]
    assert line[0] == "yellow"
    text = f"Windows does not trust the certificate of {pc.cloud}, and Orthanc, which has its own list of authorities, "
    assert text + "got an image through 10 minutes ago." in line[1]


def test_a_cloud_behind_a_proxy_with_a_login(pc: PC) -> None:
    """The proxy wants a login, and gets the one that Orthanc has."""
    seen: list[str] = []

    class Proxy(Quiet):
        def do_CONNECT(self) -> None:
            login = self.headers["Proxy-Authorization"] or ""
            seen.append(f"{self.path} {base64.b64decode(login.partition(' ')[2]).decode()}")
            self.send_response(200 if login else 407)
            if not login:
                self.send_header("Proxy-Authenticate", 'Basic realm="hospital"')
                self.send_header("Content-Length", "0")
            self.end_headers()
            if login:
                host, __, port = self.path.partition(":")
                with socket.create_connection((host, int(port))) as cloud:
                    ends = {self.connection: cloud, cloud: self.connection}
                    while ready := select.select(list(ends), [], [], 5)[0]:
                        data = ready[0].recv(65536)
                        if not data:
                            break
                        ends[ready[0]].sendall(data)

    with serving(Proxy) as port:
        pc.proxy(f"user:p%40ss@127.0.0.1:{port}")
        lines = pc.lines()
    assert lines["Clock"][0] == "green"
    assert f"answers through the proxy 127.0.0.1:{port}, its certificate" in lines["Cloud"][1]
    assert seen[-1] == f"{pc.cloud[8:-1]} user:p@ss"


@pytest.mark.parametrize(
    ("status", "text"),
    [(407, "refuses the login that Orthanc has for it."), (503, "answers with 503 through the proxy"), (0, "does not")],
)
def test_a_proxy_that_lets_nobody_out(pc: PC, status: int, text: str) -> None:
    class Proxy(Quiet):
        def do_CONNECT(self) -> None:
            if not status:
                return
            self.send_response(status)
            self.send_header("Proxy-Authenticate", 'Basic realm="hospital"')
            self.send_header("Content-Length", "0")
            self.end_headers()

    with serving(Proxy) as port:
        pc.proxy(f"http://user:s3cret@127.0.0.1:{port}/")
        line = pc.lines()["Cloud"]
    assert (line[0], text in line[1]) == ("red", True), line
    assert f"the proxy 127.0.0.1:{port}" in line[1].lower()
    assert not re.search("s3cret|user:", line[1])


def test_last_image(pc: PC) -> None:
    pc.answers[NEWEST]["Changes"] = [row(7, 5 * 86400)]
    line = pc.lines()["Last image"]
    assert (line[0], "UTC, 5 days ago. If the scanner was used since" in line[1]) == ("yellow", True)
    pc.answers[NEWEST]["Changes"] = []
    assert pc.lines()["Last image"][1].startswith("No image is stored here.")


@pytest.mark.parametrize(
    ("pending", "ago", "rows", "state_of", "colour", "text"),
    [
        (3, 120, [], "sending", "green", "3 image(s) wait for cloud, the oldest for 2 minutes."),
        (
            3,
            1800,
            [row(8, 60)],
            "sending",
            "yellow",
            "4 image(s) wait for cloud, the oldest for 30 minutes. Nothing is lost.",
        ),
        (
            0,
            0,
            [row(8, 5 * 3600), row(9, 60)],
            "paused",
            "red",
            "2 image(s) wait for cloud, the oldest for 5 hours. Nothing",
        ),
        (9, 3600, [], "limited", "yellow", "the line is kept slow at this hour of the day."),
    ],
)
def test_backlog(
    pc: PC, pending: int, ago: float, rows: list[dict[str, Any]], state_of: str, colour: str, text: str
) -> None:
    pc.forwarder(Pending=str(pending), OldestPending=stamp(ago) if pending else "", State=state_of)
    pc.answers["unread"] = rows
    line = pc.lines()["Backlog"]
    assert line[0] == colour
    assert text in line[1]


def test_a_backlog_that_nobody_counts_to_its_end(pc: PC) -> None:
    """Windows PowerShell reads no more than two million characters of JSON, of which ten thousand rows have more."""
    pc.answers["unread"] = [{**row(number, 5 * 3600), "Path": "/instances/" + "0" * 200} for number in range(10000)]
    line = pc.lines()["Backlog"]
    assert (line[0], "at least 1000 image(s) wait for cloud, the oldest for 5 hours." in line[1]) == ("red", True)


def test_a_forwarder_that_died(pc: PC) -> None:
    pc.forwarder(Updated=stamp(600, STAMP))
    assert pc.lines()["Backlog"][1].startswith("The forwarder to cloud does not run. Restart the PC")


def test_a_forwarder_that_never_began(pc: PC) -> None:
    del pc.answers["/peers?expand"]["cloud-status"]
    lines = pc.lines()
    assert lines["Backlog"][1].startswith("The forwarder has not begun: no destination has a state. Wait two minutes")
    assert (lines["Backlog"][0], lines["Cloud"][0]) == ("red", "yellow")


@pytest.mark.parametrize(
    ("question", "line", "text"),
    [
        ("/modalities?expand", "Adapter", "Orthanc does not say which scanners it knows."),
        ("/peers?expand", "Cloud", "Orthanc does not say where images are sent."),
        ("/peers?expand", "Backlog", "Orthanc does not say where images are sent."),
        ("/tools/now", "Last image", "Orthanc does not say when the last image came."),
        (NEWEST, "Last image", "Orthanc does not say when the last image came."),
        ("unread", "Backlog", "Orthanc does not say how many images wait for cloud."),
    ],
)
@pytest.mark.parametrize("answer", [None, "no JSON"])
def test_a_question_without_an_answer(pc: PC, question: str, line: str, text: str, answer: str | None) -> None:
    """An Orthanc that answers one thing and not another is what the test is run for."""
    pc.answers[question] = answer
    lines = pc.lines()
    assert set(CHECKS) <= set(lines)
    assert (lines[line][0], lines[line][1][: len(text)]) == ("red", text)


def test_what_fails_in_the_test_itself_is_a_line(pc: PC) -> None:
    """The others are there all the same, and the exit code is no number of lines."""
    pc.proxy("http://[broken")
    lines = pc.lines(untested=1)
    assert list(lines) == CHECKS
    assert lines["Cloud"][1].startswith("This could not be tested (UriFormatException in line ")


def test_images_that_were_set_aside(pc: PC) -> None:
    pc.forwarder(Parked="2")
    lines = pc.lines()
    assert lines["Set aside"][0] == "yellow"
    assert lines["Set aside"][1].startswith("2 image(s) were set aside, because cloud does not take them.")


COMMANDS = [
    SCRIPT.parent / "selftest.cmd",
    SCRIPT.parents[2] / "Users" / "Public" / "Desktop" / "Mediverse self-test.cmd",
]


@pytest.mark.parametrize("file", COMMANDS, ids=["test", "desktop"])
def test_a_command_file_is_as_windows_wants_it(file: Path) -> None:
    """cmd.exe does not run here: what can be seen is that its lines end as it wants, and name what is there."""
    raw = file.read_bytes()
    assert not re.search(rb"(?mi)^\s*:\w|goto", raw), "cmd.exe finds no label in files with line feeds alone"
    assert raw.isascii()
    assert b"-File " not in raw
    assert (b"selftest.ps1" if file == COMMANDS[0] else b'"C:\\Program Files\\Mediverse\\selftest.cmd" %*') in raw


@pytest.mark.parametrize(
    ("script", "code", "text"),
    [
        ("exit 3", 3, ""),
        ("param([switch]$AsJson) if ($AsJson) { exit 4 }", 4, ""),
        ("function {", 255, "The self-test itself failed (ParseException). Read this to the operator: "),
        ("throw 'a secret'", 255, "The self-test itself failed (RuntimeException). Read this to the operator: "),
        (None, 255, "The self-test itself failed (ItemNotFoundException). Read this to the operator: "),
    ],
)
def test_the_command_ends_as_the_script_does(script: str | None, code: int, text: str, tmp_path: Path) -> None:
    """The line for PowerShell, without cmd.exe before it."""
    file = tmp_path / "it's.ps1"
    if script is not None:
        file.write_text(script, encoding="utf-8")
    (line,) = re.findall(r'-ExecutionPolicy Bypass -Command "(.*)"', COMMANDS[0].read_text(encoding="utf-8"))
    done = subprocess.run(
        [str(PWSH), "-NoProfile", "-Command", line.replace("%MEDIVERSE_OPTIONS%", "-AsJson" if code == 4 else "")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "NO_COLOR": "1", "MEDIVERSE_SELFTEST": str(file)},
    )
    assert (done.returncode, done.stdout.strip()) == (code, f"{text}{file}" if text else ""), done.stderr
