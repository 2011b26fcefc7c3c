# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What images of the field do to the archive and to the viewer's list: nothing that takes it from others."""

from __future__ import annotations

import base64
import gzip
import io
import json
import shlex
import struct
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from testinfra.host import Host

from tests.scenarios.cloud_lab import PROJECT, REST, SECRET, ask, instance

testinfra_hosts = ["docker://mediverse-cloud-pacs-demo-cloud"]

LIST = "/dicom-web/studies?limit=101&offset=0&fuzzymatching=false&includefield=00081030%2C00080060"


def _store(host: Host, login: str, image: Dataset) -> None:
    buffer = io.BytesIO()
    image.save_as(buffer, enforce_file_format=True)
    answer = ask(host, f"{REST}/instances", login, "POST", buffer.getvalue())
    assert answer.status == 200, answer


def _compressed(host: Host, url: str) -> tuple[str, bytes]:
    """Headers and body of an answer to somebody who takes gzip."""
    curl = f"curl -sS -D /tmp/headers -o /tmp/body -H 'Accept-Encoding: gzip' -H {shlex.quote(SECRET)}"
    host.check_output(f"{curl} {shlex.quote(url)} && base64 /tmp/body > /tmp/body.text")
    body = base64.b64decode(host.check_output("cat /tmp/body.text"))
    return host.check_output("cat /tmp/headers").lower(), body


@pytest.fixture(scope="module")
def odd(host: Host, logins: dict[str, str]) -> dict[str, str]:
    """Studies of one image each, by what is odd about them."""
    studies = {}
    for name, modality in (("empty", ""), ("absent", None), ("usual", "CT")):
        image = dcmread(io.BytesIO(instance()))
        if modality is None:
            del image.Modality
        else:
            image.Modality = modality
        image.PatientID = f"ODD-{name}"
        studies[name] = str(image.StudyInstanceUID)
        _store(host, logins["gateway"], image)
    return studies


def test_an_image_without_modality_leaves_the_list_readable(host: Host, viewer_url: str, odd: dict[str, str]) -> None:
    rows: list[dict[str, Any]] = json.loads(ask(host, viewer_url + LIST).body)
    modalities = {row["0020000D"]["Value"][0]: row["00080061"].get("Value") for row in rows}
    assert {name: modalities[uid] for name, uid in odd.items()} == {"empty": ["?"], "absent": ["?"], "usual": ["CT"]}
    # Whatever else is empty has a list as well, because another OHIF may read another attribute without a look.
    assert [tag for row in rows for tag, element in row.items() if not isinstance(element.get("Value"), list)] == []


def test_only_the_list_is_changed(host: Host, logins: dict[str, str], viewer_url: str, odd: dict[str, str]) -> None:
    path = f"/dicom-web/studies/{odd['empty']}/metadata"
    ours, theirs = (
        json.loads(ask(host, base + path, login).body) for base, login in ((viewer_url, ""), (REST, logins["viewer"]))
    )
    assert "Value" not in theirs[0]["00080060"]
    for tag, element in theirs[0].items():
        # Addresses of large values name the host that was asked.
        assert "BulkDataURI" in element or ours[0][tag] == element


def test_what_dicomweb_says_is_compressed(host: Host, viewer_url: str, odd: dict[str, str]) -> None:
    for path in (LIST, f"/dicom-web/studies/{odd['usual']}/metadata"):
        headers, body = _compressed(host, viewer_url + path)
        assert "content-encoding: gzip" in headers
        assert "vary: accept-encoding" in headers
        assert len(body) * 3 < len(gzip.decompress(body))
        assert json.loads(gzip.decompress(body))
    assert "content-encoding" not in ask(host, viewer_url + LIST).headers


def test_a_file_above_the_limit_is_refused_and_one_below_is_not(
    host: Host, logins: dict[str, str], loops: dict[int, str]
) -> None:
    """The default memory of 2g takes 213 MiB. Only the head of the request is sent."""
    settings = json.loads(host.file(f"{PROJECT}/orthanc/orthanc.json").content_string.replace("\\u0024", "$"))
    assert settings["MaximumRequestBodySizeMB"] == 213
    curl = "curl -s -o /dev/null -m 20 -w '%{http_code}' -X POST -H 'Expect:'"
    sending = f"{curl} -u {shlex.quote(logins['gateway'])} {REST}/instances"
    assert host.check_output(f"{sending} -H 'Content-Length: {214 * 1024 * 1024}' -d ''") == "413"
    assert json.loads(ask(host, f"{REST}/statistics", logins["admin"]).body)["CountInstances"] >= len(loops)


@pytest.fixture(scope="module")
def loops(host: Host, logins: dict[str, str]) -> Iterator[dict[int, str]]:
    """Two ultrasound loops that Orthanc's own cache of 256 MB cannot hold together; by frames, the path of these."""
    stored, places = {}, []
    for frames in (144, 200):
        head = _loop_head(frames)
        image = dcmread(io.BytesIO(head), stop_before_pixels=True)
        host.check_output(f"echo {base64.b64encode(head).decode()} | base64 -d > /tmp/loop.dcm")
        host.check_output(f"head -c {frames << 20} /dev/zero >> /tmp/loop.dcm")
        curl = f"curl -sS -f -m 120 -X POST -H Expect: -u {shlex.quote(logins['gateway'])} -T /tmp/loop.dcm"
        places.append(json.loads(host.check_output(f"{curl} {REST}/instances && rm /tmp/loop.dcm"))["ID"])
        path = f"{image.StudyInstanceUID}/series/{image.SeriesInstanceUID}/instances/{image.SOPInstanceUID}"
        stored[frames] = f"/dicom-web/studies/{path}/frames"
    yield stored
    for place in places:
        assert ask(host, f"{REST}/instances/{place}", logins["admin"], "DELETE").status == 200


def _loop_head(frames: int) -> bytes:
    """Everything of an ultrasound loop before its pixels; a frame has one MiB."""
    image = dcmread(io.BytesIO(instance()))
    image.PatientID, image.Modality = "ODD-LOOP", "US"
    image.Rows = image.Columns = 1024
    image.NumberOfFrames = frames
    image.BitsAllocated, image.BitsStored, image.HighBit = 8, 8, 7
    del image.PixelData
    buffer = io.BytesIO()
    image.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue() + struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, frames * 1024 * 1024)


def _frames(host: Host, url: str, options: str = "") -> list[tuple[int, float]]:
    """Status and seconds of each frame of an address with a range, by one program."""
    curl = f"curl -sS -m 300 -o /dev/null -w '%{{http_code}} %{{time_total}}\\n' -H {shlex.quote(SECRET)} {options}"
    lines = host.check_output(f"{curl} {shlex.quote(url)}").split("\n")
    return [(int(status), float(seconds)) for status, seconds in (line.split() for line in lines if line)]


def test_the_list_opens_while_many_wait_for_a_large_loop(host: Host, viewer_url: str, loops: dict[int, str]) -> None:
    """Nobody has opened the loop yet: whoever asks for a frame waits until Orthanc has read all of it."""
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(
            _frames, host, f"{viewer_url}{loops[200]}/[1-150]", "-Z --parallel-max 150 --parallel-immediate"
        )
        time.sleep(0.2)
        [(status, seconds)] = _frames(host, viewer_url + LIST)
        frames = reading.result()
    assert status == 200
    assert seconds < max(waited for __, waited in frames)
    answers = Counter(answer for answer, __ in frames)
    # Three quarters of Orthanc's threads may wait; whoever comes after these is told at once.
    assert set(answers) == {200, 503}, answers
    assert answers[200] >= 75, answers


def test_frames_of_two_large_loops_come_in_turn(host: Host, viewer_url: str, loops: dict[int, str]) -> None:
    """As two readers scroll. A cache that holds one of them reads a whole file again for each frame."""
    opening = [_frames(host, f"{viewer_url}{loop}/1")[0] for loop in loops.values()]
    turns = [_frames(host, f"{viewer_url}{loop}/{number}")[0] for number in range(2, 8) for loop in loops.values()]
    assert {status for status, __ in (*opening, *turns)} == {200}
    # Milliseconds; on a busy machine, a small part of what opening one of them took.
    longest = max(0.1, max(seconds for __, seconds in opening) / 8)
    assert median(seconds for __, seconds in turns) < longest, (opening, turns)
    assert host.check_output("docker inspect -f '{{.RestartCount}}' pacs-demo-orthanc-1") == "0"


def test_the_viewer_may_show_a_document_and_begins_with_a_date(host: Host, viewer_url: str) -> None:
    assert "object-src 'self' blob:" in ask(host, f"{viewer_url}/").headers
    served = ask(host, f"{viewer_url}/app-config.js").body
    assert "var spans = [30, 7, 2, 1];" in served
    assert "singlepart: 'bulkdata,video'" in served
