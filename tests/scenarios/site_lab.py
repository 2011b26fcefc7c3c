# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab of this scenario as its tests see it: containers, both Orthancs, and runs of Ansible."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.spellings import shown

REPOSITORY = Path(__file__).resolve().parents[2]
INVENTORY = REPOSITORY / "molecule" / "site" / "inventory"
SITES_FILE = INVENTORY / "mediverse.sites.yml"
STATE = REPOSITORY / ".lab" / "site"
LOG = STATE.with_suffix(".log")
"""Of the first run."""
AUTHORITY = REPOSITORY / ".lab" / "ca" / "ca.crt"

LAB = "mediverse-site"
CLOUD, GATEWAY, HUB, SCANNER = (f"{LAB}-{name}" for name in ("demo-cloud", "demo-gateway", "hub", "scanner"))
VIEWER, PACS = "demo.viewer.mediverse.test", "demo.pacs.mediverse.test"
CLOUD_ADDRESS, GATEWAY_ADDRESS = "172.30.82.10", "172.30.82.30"
ORTHANC = "pacs-demo-orthanc-1"
# Whose passwords they are: a login is written as the two together.
USERS = ("admin", "gateway", "viewer", "radiologist", "admin@mediverse.test", "Administrator")


def inside(container: str, *command: str, data: bytes | None = None, user: str = "root") -> str:
    """Runs a command in a container and returns what it printed; a failure is an error with its words."""
    done = subprocess.run(
        ["docker", "exec", "-i", "-u", user, container, *command], input=data, capture_output=True, check=False
    )
    if done.returncode:
        raise AssertionError(f"{container}: {shlex.join(command)[:200]}: {done.stderr.decode(errors='replace')[-500:]}")
    return done.stdout.decode(errors="replace")


def engine_logs(container: str) -> str:
    """What a container of the lab has printed."""
    done = subprocess.run(["docker", "logs", container], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True)
    return done.stdout.decode(errors="replace")


@cache
def secrets() -> dict[str, str]:
    """Every secret of the site, and the one of the machine that runs the proxy, by purpose."""
    found: dict[str, str] = {}
    for store in ("demo", "nginx-proxy-manager"):
        found |= json.loads(inside(CLOUD, "cat", f"/etc/mediverse/secrets/{store}.json"))
    return found


# Asks one URL with a login that comes on standard input, because command lines are seen by everybody.
_ASK = r"""
import base64, json, sys, urllib.error, urllib.request
question = json.load(sys.stdin)
login = base64.b64encode(("admin:" + question["password"]).encode()).decode()
headers = {"Authorization": "Basic " + login}
url, method = "http://127.0.0.1:8042" + question["path"], question["method"]
request = urllib.request.Request(url, headers=headers, method=method)
try:
    answer = urllib.request.urlopen(request, timeout=30)
except urllib.error.HTTPError as error:
    answer = error
sys.stdout.buffer.write(b"%d\n" % answer.status + answer.read())
"""


# The same for a request that changes something; the file follows the line of the question.
_CHANGE = r"""
import base64, json, sys, urllib.request
question = json.loads(sys.stdin.buffer.readline())
login = base64.b64encode(("admin:" + question["password"]).encode()).decode()
request = urllib.request.Request("http://127.0.0.1:8042" + question["path"], data=sys.stdin.buffer.read() or None,
                                 method=question["method"], headers={"Authorization": "Basic " + login})
urllib.request.urlopen(request, timeout=30).read()
"""


# Stores files, which follow the line of the question, on one connection, and prints Orthanc's IDs of their studies.
_STORE = r"""
import base64, http.client, json, sys
question = json.loads(sys.stdin.buffer.readline())
login = base64.b64encode(("admin:" + question["password"]).encode()).decode()
connection, studies = http.client.HTTPConnection("127.0.0.1:8042", timeout=30), []
for size in question["sizes"]:
    connection.request("POST", "/instances", sys.stdin.buffer.read(size), {"Authorization": "Basic " + login})
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        sys.exit("HTTP %d %s" % (answer.status, body[:200]))
    studies.append(json.loads(body)["ParentStudy"])
print(json.dumps(studies))
"""


@dataclass(frozen=True)
class Orthanc:
    """One of the two Orthancs, asked on its own host."""

    container: str
    purpose: str

    def delete(self, path: str) -> None:
        """Remove something that is there."""
        assert self.fetch(path, "DELETE") is not None

    def fetch(self, path: str, method: str = "GET") -> bytes | None:
        """The answer; None for 404."""
        question = json.dumps({"path": path, "method": method, "password": secrets()[self.purpose]}).encode()
        command = ["docker", "exec", "-i", self.container, "python3", "-c", _ASK]
        done = subprocess.run(command, input=question, capture_output=True, check=False)
        status, __, body = done.stdout.partition(b"\n")
        assert status in (b"200", b"404"), f"{self.container}{path}: {done.stdout[:200]!r} {done.stderr[-300:]!r}"
        return body if status == b"200" else None

    def get(self, path: str) -> Any:
        """The answer as data, or as text where it is no JSON; None for 404."""
        body = self.fetch(path)
        if body is None:
            return None
        try:
            return json.loads(body)
        except ValueError:
            return body.decode()

    def store(self, *files: bytes) -> list[str]:
        """Stores DICOM files; Orthanc's own ID of the study of each."""
        question = {"sizes": [len(file) for file in files], "password": secrets()[self.purpose]}
        data = json.dumps(question).encode() + b"\n" + b"".join(files)
        studies: list[str] = json.loads(inside(self.container, "python3", "-c", _STORE, data=data))
        return studies

    def remove(self, *studies: str) -> None:
        """Removes studies by Orthanc's own IDs."""
        question = {"method": "POST", "path": "/tools/bulk-delete", "password": secrets()[self.purpose]}
        data = json.dumps({"Resources": studies}).encode()
        inside(self.container, "python3", "-c", _CHANGE, data=json.dumps(question).encode() + b"\n" + data)

    def instances(self, study: str) -> dict[str, str]:
        """MD5 of every instance of a study, by SOP Instance UID. An instance stored twice would be counted twice."""
        found: dict[str, str] = {}
        known = self.get(f"/studies/{study}/instances") or []
        for instance in known:
            uid = instance["MainDicomTags"]["SOPInstanceUID"]
            assert uid not in found, f"{uid} is stored twice in {self.container}"
            found[uid] = self.get(f"/instances/{instance['ID']}/attachments/dicom/md5")
        return found

    def study(self, uid: str) -> str | None:
        """Orthanc's own ID of the study with that Study Instance UID."""
        for study in self.get("/studies?expand&requestedTags=StudyInstanceUID") or []:
            if study["MainDicomTags"].get("StudyInstanceUID") == uid:
                return str(study["ID"])
        return None


CLOUD_ORTHANC = Orthanc(CLOUD, "orthanc_admin")
GATEWAY_ORTHANC = Orthanc(GATEWAY, "gateway_orthanc_admin")


def wait(what: str, condition: Callable[[], Any], seconds: float, pause: float = 0.5) -> Any:
    """Asks until the answer is truthy; says what did not happen in time."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds:g} s"
        time.sleep(pause)


@dataclass(frozen=True)
class Run:
    """A finished run of Ansible."""

    code: int
    output: str
    seconds: float

    def recap(self) -> dict[str, dict[str, int]]:
        """The counts of the recap by host; there must be one, for no counts would say that nothing happened."""
        lines = re.findall(r"^(\S+)\s+:((?: +\w+=\d+)+)\s*$", self.output, re.MULTILINE)
        assert lines, f"no recap: {self.output[-2000:]}"
        return {host: {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", rest)} for host, rest in lines}

    def changed(self) -> int:
        """How many tasks changed something, on all hosts."""
        return sum(counts["changed"] for counts in self.recap().values())


def environment_of_an_operator() -> dict[str, str]:
    """The environment without what Molecule and the checkout say to Ansible."""
    foreign = ("ANSIBLE_", "MOLECULE_", "PYTEST_")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
    return clean | {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0", "COLUMNS": "1000"}


def ansible(
    *arguments: str, cwd: Path = REPOSITORY, environment: Mapping[str, str] | None = None, timeout: float = 1800
) -> Run:
    """Runs ``ansible-playbook`` without colours, as an operator would."""
    clean = {**environment_of_an_operator(), **(environment or {})}
    command = [str(Path(sys.executable).with_name("ansible-playbook")), *arguments]
    began = time.monotonic()
    done = subprocess.run(
        command, cwd=cwd, env=clean, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False
    )
    output = (done.stdout + done.stderr).decode(errors="replace")
    return Run(done.returncode, output, time.monotonic() - began)


@contextmanager
def watching_processes(pause: float = 0.4) -> Iterator[set[str]]:
    """Collects the command lines and environments of every process, here and in all hosts of the lab."""
    seen: set[str] = set()
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            for place in Path("/proc").glob("[0-9]*"):
                for name in ("cmdline", "environ"):
                    try:
                        seen.add((place / name).read_bytes().replace(b"\0", b" ").decode(errors="replace"))
                    except OSError:
                        continue
            stop.wait(pause)

    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(look)
        try:
            yield seen
        finally:
            stop.set()
        looking.result()


def leaks(text: str, values: Mapping[str, str]) -> Sequence[str]:
    """The purposes whose secret stands in the text, in whatever spelling."""
    return shown(text, values, USERS)


def as_failures(name: str) -> dict[str, str]:
    """The environment of a run that writes down what it would say if each of its tasks failed."""
    (STATE / name).unlink(missing_ok=True)
    callbacks = {
        "ANSIBLE_CALLBACK_PLUGINS": str(REPOSITORY / "tests" / "callbacks"),
        "ANSIBLE_CALLBACKS_ENABLED": "as_failures",
    }
    return {**callbacks, "MEDIVERSE_AS_FAILURES": str(STATE / name)}


def all_secrets() -> dict[str, str]:
    """Every secret of the lab by its purpose."""
    winrm = (STATE / "winrm_password").read_text(encoding="utf-8").strip()
    return {**secrets(), "winrm": winrm, **{f"viewer {name}": password for name, password in readers().items()}}


@cache
def readers() -> dict[str, str]:
    """The people who have a login of their own, and their passwords."""
    given = (INVENTORY / "group_vars" / "demo.yml").read_text(encoding="utf-8").replace("!unsafe", "")
    return dict(yaml.safe_load(given)["mediverse_viewers"])
