# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The finished cloud PACS as its tests see it: one request, one image, and one more run of the playbook."""

from __future__ import annotations

import base64
import io
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid
from testinfra.host import Host

SCENARIO = Path(__file__).resolve().parents[2] / "molecule" / "cloud_pacs"
PROJECT = "/opt/mediverse/pacs-demo"
REST = "http://127.0.0.1:8042"
ADDRESS = "172.30.78.10"
# As the scenario gives it to the role; requests to the viewer's own address carry it, unless they say otherwise.
SECRET = "X-Mediverse-Proxy: molecule-0123456789-proxy"


class Answer(NamedTuple):
    status: int
    headers: str
    body: str


def ask(
    host: Host, url: str, login: str = "", method: str = "GET", data: bytes = b"", headers: tuple[str, ...] = ()
) -> Answer:
    """Send one request from the cloud host itself; paths go out as they are written."""
    curl = f"curl -sS -i --path-as-is -X {method} {shlex.quote(url)}"
    if method == "HEAD":
        curl = f"curl -sS -i --path-as-is --head {shlex.quote(url)}"
    if url.startswith("http://172."):
        headers = (SECRET, *headers)
    curl += "".join(f" -H {shlex.quote(header)}" for header in headers)
    if login:
        curl += f" -u {shlex.quote(login)}"
    if data:
        curl = f"echo {base64.b64encode(data).decode()} | base64 -d | {curl} --data-binary @-"
    head, __, body = host.check_output(curl).replace("\r", "").partition("\n\n")
    return Answer(int(head.split()[1]), head.lower(), body)


def instance() -> bytes:
    """A small CT image as a DICOM file."""
    image, meta = Dataset(), FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    image.file_meta = meta
    image.SOPClassUID, image.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
    image.StudyInstanceUID, image.SeriesInstanceUID = generate_uid(), generate_uid()
    image.PatientID, image.PatientName, image.Modality = "MOLECULE", "Phantom^Molecule", "CT"
    image.Rows = image.Columns = 8
    image.SamplesPerPixel, image.PhotometricInterpretation, image.PixelRepresentation = 1, "MONOCHROME2", 0
    image.BitsAllocated, image.BitsStored, image.HighBit = 16, 16, 15
    image.PixelData = bytes(128)
    buffer = io.BytesIO()
    image.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def play(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the scenario's playbook once more."""
    root = SCENARIO.parent.parent
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(SCENARIO / "inventory")]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(root / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    return subprocess.run(
        [*command, str(SCENARIO / "converge.yml"), *arguments],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
