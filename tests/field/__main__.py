# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.field``: public and odd files from the scanner of a running lab to the viewer."""

from __future__ import annotations

import argparse
import base64
import io
import json
import subprocess
import sys
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
from pydicom import dcmread
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from tests.field import frames
from tests.field.expect import Expectation, expectation, read
from tests.field.files import File, collect
from tests.field.viewer import Viewer
from tests.lab.engine import connect
from tests.lab.errors import LabError
from tests.lab.paths import REPOSITORY, STATE
from tests.lab.site import Lab, read_lab

HERE = Path(__file__).resolve().parent
_INBOX = "/var/lib/scanner/field"
_ARRIVAL, _SILENCE = 600.0, 60.0
_PARALLEL = 4
_ADMIN = {"cloud": "orthanc_admin", "gateway": "gateway_orthanc_admin"}


@dataclass
class Field:
    """A site of a lab, and what was wrong so far."""

    client: docker.DockerClient
    lab: Lab
    site: str
    wrong: list[str] = field(default_factory=list)

    def say(self, file: str, what: str, expected: object, seen: object) -> None:
        """Note a difference."""
        self.wrong.append(f"wrong {file}: {what}: expected {expected}, seen {seen}")

    def container(self, kind: str) -> str:
        """Name of the site's container of that kind."""
        return self.lab.container(next(host for host in self.lab.hosts if host.kind == kind))

    def secrets(self) -> dict[str, str]:
        """The secrets of the site."""
        content = json.loads(self.run("cloud", ["cat", f"/etc/mediverse/secrets/{self.site}.json"]))
        found: dict[str, str] = content.get("secrets", content)
        return found

    def run(self, kind: str, command: list[str], data: str = "") -> str:
        """Output of a command in a container; LabError says what it said."""
        whole = ["docker", "exec", "-i", self.container(kind), *command]
        done = subprocess.run(whole, input=data, capture_output=True, text=True, check=False)
        if done.returncode:
            said = done.stderr.strip()[-300:] or done.stdout.strip()[-300:]
            raise LabError(
                f"{self.container(kind)}: {command[0]} failed ({said}); is the lab up, for example by 'make demo'?"
            )
        return done.stdout

    def look(self, kind: str, uids: list[str], password: str, files: bool = False) -> dict[str, list[dict[str, str]]]:
        """What Orthanc on that host has of the UIDs."""
        question = json.dumps({"uids": uids, "password": password, "files": files})
        found: dict[str, list[dict[str, str]]] = json.loads(
            self.run(kind, ["python3", "-c", (HERE / "look.py").read_text(encoding="utf-8")], question)
        )
        return found

    def send(self, files: list[File]) -> list[str]:
        """Status of each file at the scanner, or "unsent: reason"."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for number, file in enumerate(files):
                entry = tarfile.TarInfo(f"{number:04d}")
                entry.size = len(file.data)
                archive.addfile(entry, io.BytesIO(file.data))
        self.run("scanner", ["sh", "-c", f"rm -rf {_INBOX} && mkdir -p {_INBOX}"])
        self.client.api.put_archive(self.container("scanner"), _INBOX, buffer.getvalue())
        output = self.run("scanner", ["python3", "-c", (HERE / "send.py").read_text(encoding="utf-8"), _INBOX])
        self.run("scanner", ["rm", "-rf", _INBOX])
        answers = [json.loads(line) for line in output.splitlines()]
        return [answer.get("status") or f"unsent: {answer['unsent']}" for answer in answers]


def perform(one: Field, files: list[File]) -> tuple[int, int]:
    """Send everything and compare; how many were accepted, and how many refused (or not to be sent at all)."""
    rows = read()
    expected = [expectation(file.name, rows) for file in files]
    statuses = one.send(files)
    accepted: list[tuple[File, Expectation]] = []
    for file, wanted, status in zip(files, expected, statuses, strict=True):
        if status.partition(":")[0] not in wanted.sent:
            one.say(file.name, "C-STORE", " or ".join(wanted.sent), status)
        if status == "0000":
            accepted.append((file, wanted))
    secrets = one.secrets()
    datasets = {file.name: _read(file.data) for file, __ in accepted}
    uids = {name: str(dataset.SOPInstanceUID) for name, dataset in datasets.items()}
    here = one.look("gateway", sorted(set(uids.values())), secrets[_ADMIN["gateway"]])
    there = _arrived(one, sorted(set(uids.values())), secrets[_ADMIN["cloud"]], here)
    for file, __ in accepted:
        uid = uids[file.name]
        ours, theirs = ({entry["md5"] for entry in found[uid]} for found in (here, there))
        if not ours:
            one.say(file.name, "image at the gateway", uid, "none")
        elif ours != theirs:
            one.say(file.name, "MD5 in the cloud", ", ".join(sorted(ours)), ", ".join(sorted(theirs)) or "none")
    cloud, name = one.lab.host(f"{one.site}-cloud"), f"{one.site}.viewer.{one.lab.domain}"
    viewer = Viewer(cloud.address, name, secrets["viewer_login"], STATE / "ca" / "ca.crt", _PARALLEL)
    with ThreadPoolExecutor(_PARALLEL) as pool:
        for lines in pool.map(lambda pair: _shown(one, pair[0], pair[1], datasets[pair[0].name], viewer), accepted):
            one.wrong += lines
    print(f"field: {len(accepted)} files compared in the cloud and in the viewer", file=sys.stderr, flush=True)
    _as_sent(one, datasets, uids, secrets[_ADMIN["gateway"]])
    return len(accepted), len(files) - len(accepted)


def _read(data: bytes) -> Any:
    """A file, with the transfer syntax that send.py gives one that names none."""
    dataset = dcmread(io.BytesIO(data), force=True)
    implicit, little = dataset.original_encoding
    if "TransferSyntaxUID" not in dataset.file_meta:
        guessed = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = guessed
    return dataset


def _arrived(one: Field, uids: list[str], password: str, here: dict[str, Any]) -> dict[str, list[dict[str, str]]]:
    """What the cloud has, once it has all or nothing more comes for a while."""
    end, quiet, last = time.monotonic() + _ARRIVAL, time.monotonic() + _SILENCE, -1
    while True:
        there = one.look("cloud", uids, password)
        count = sum(1 for uid in uids if {e["md5"] for e in there[uid]} == {e["md5"] for e in here[uid]})
        if count > last:
            last, quiet = count, time.monotonic() + _SILENCE
        if count == len(uids) or time.monotonic() > min(end, quiet):
            return there
        time.sleep(2)


def _as_sent(one: Field, datasets: dict[str, Any], uids: dict[str, str], password: str) -> None:
    """What the gateway stored has the scanner's pixels and syntax; some at a time, because files may be large."""
    # Of two files with one identity the gateway keeps the last.
    names = [name for name in datasets if list(uids.values()).count(uids[name]) == 1]
    for begin in range(0, len(names), 25):
        some = names[begin : begin + 25]
        stored = one.look("gateway", [uids[name] for name in some], password, files=True)
        for name in some:
            for entry in stored[uids[name]][:1]:
                kept = dcmread(io.BytesIO(base64.b64decode(entry.get("file", ""))), force=True)
                before, after = datasets[name].file_meta.TransferSyntaxUID, kept.file_meta.TransferSyntaxUID
                if before != after:
                    one.say(name, "transfer syntax at the gateway", before, after)
                for part in frames.PIXELS:
                    if part in datasets[name] and not frames.same(
                        datasets[name][part].value or b"", kept[part].value or b""
                    ):
                        one.say(name, f"{part} at the gateway", "as sent", "other bytes")


def _shown(one: Field, file: File, wanted: Expectation, dataset: Any, viewer: Viewer) -> list[str]:
    """First and last frame as the viewer asks for them; what is wrong with them."""
    found = Field(one.client, one.lab, one.site)
    series = f"/dicom-web/studies/{dataset.StudyInstanceUID}/series/{dataset.SeriesInstanceUID}"
    for frame in frames.sent(dataset):
        status, kind, body = viewer.get(f"{series}/instances/{dataset.SOPInstanceUID}/frames/{frame.number}")
        if status not in wanted.frames:
            found.say(file.name, f"frame {frame.number}", " or ".join(map(str, wanted.frames)), status)
        elif status == 200 and frame.data is not None:
            part = frames.first_part(kind, body)
            if not frames.same(part, frame.data):
                found.say(
                    file.name, f"frame {frame.number}", frames.describe(frame.data), f"other {frames.describe(part)}"
                )
    return found.wrong


def main() -> int:
    """Command line; the last line counts, the exit code says whether nothing was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.field", description=__doc__)
    parser.add_argument("--inventory", type=Path, default=REPOSITORY / "inventories" / "lab")
    parser.add_argument("--site", default="demo")
    parser.add_argument("--small", action="store_true", help="a file of each kind instead of all")
    options = parser.parse_args()
    try:
        one = Field(connect(), read_lab(options.inventory), options.site)
        files = collect(options.small)
        accepted, refused = perform(one, files)
    except (LabError, ValueError) as error:
        print(f"field: {error}", file=sys.stderr)
        return 2
    print("\n".join(one.wrong), end="\n" if one.wrong else "")
    print(f"FIELD files={len(files)} accepted={accepted} refused={refused} wrong={len(one.wrong)}", flush=True)
    return 1 if one.wrong or not accepted else 0


if __name__ == "__main__":
    sys.exit(main())
