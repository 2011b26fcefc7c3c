# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of an image from the scanner to the viewer, and of a worklist entry from the hub to the scanner."""

from __future__ import annotations

import datetime
import hashlib
import io
import json
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from tests.scenarios import site_lab as site


def _complete(sent: dict[str, Any]) -> bool:
    study = site.CLOUD_ORTHANC.study(sent["study_instance_uid"])
    return study is not None and len(site.CLOUD_ORTHANC.instances(study)) >= len(sent["sent"])


def _same_on_both_sides(sent: dict[str, Any]) -> None:
    uids = {image["sop_instance_uid"] for image in sent["sent"]}
    here = site.GATEWAY_ORTHANC.instances(site.GATEWAY_ORTHANC.study(sent["study_instance_uid"]) or "")
    there = site.CLOUD_ORTHANC.instances(site.CLOUD_ORTHANC.study(sent["study_instance_uid"]) or "")
    assert set(there) == uids
    assert there == here


def test_a_study_is_complete_in_the_cloud(study: dict[str, Any]) -> None:
    site.wait("the study's arrival in the cloud", lambda: _complete(study), 60)
    _same_on_both_sides(study)


def test_the_pixels_are_those_that_the_scanner_sent(study: dict[str, Any]) -> None:
    site.wait("the study's arrival in the cloud", lambda: _complete(study), 60)
    sent = {image["sop_instance_uid"]: image["pixel_md5"] for image in study["sent"]}
    instances = site.CLOUD_ORTHANC.get(f"/studies/{site.CLOUD_ORTHANC.study(study['study_instance_uid'])}/instances")
    for instance in instances[:3]:
        image = pydicom.dcmread(io.BytesIO(site.CLOUD_ORTHANC.fetch(f"/instances/{instance['ID']}/file") or b""))
        assert hashlib.md5(image.PixelData).hexdigest() == sent[str(image.SOPInstanceUID)]


def test_a_stopped_cloud_loses_nothing_and_gets_nothing_twice() -> None:
    study = str(generate_uid())
    command = ["docker", "exec", site.SCANNER, "send-study", "--host", site.GATEWAY_ADDRESS, "--count", "60"]
    command += ["--pause", "0.3", "--patient-id", "LAB-OUTAGE", "--study-uid", study]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as scanner:
        site.wait("the first image's arrival in the cloud", lambda: site.CLOUD_ORTHANC.study(study), 60)
        site.inside(site.CLOUD, "docker", "stop", "-t", "2", site.ORTHANC)
        try:
            assert scanner.poll() is None, "the scanner was faster than the outage"
            output, __ = scanner.communicate(timeout=300)
            sent = json.loads(output)
            assert sent["ok"], "the scanner must not notice that the cloud is gone"
            assert len(sent["sent"]) == 60
            time.sleep(5)
        finally:
            site.inside(site.CLOUD, "docker", "start", site.ORTHANC)
    site.wait("the cloud's return", lambda: _state() == "healthy", 90)
    site.wait("the study's arrival after the outage", lambda: _complete(sent), 120)
    _same_on_both_sides(sent)


def _state() -> str:
    return site.inside(site.CLOUD, "docker", "inspect", "-f", "{{.State.Health.Status}}", site.ORTHANC).strip()


@contextmanager
def _answers(patient: str, seconds: float) -> Iterator[Iterator[dict[str, Any]]]:
    """What the scanner is told of this patient, one answer for each change, and at the end the last one again."""
    command = ["docker", "exec", site.SCANNER, "find-worklist", "--host", site.GATEWAY_ADDRESS]
    command += ["--patient-id", patient, "--watch", str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as scanner:
        assert scanner.stdout is not None
        try:
            yield map(_good, scanner.stdout)
        finally:
            scanner.terminate()


def _good(line: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(line)
    assert answer["ok"], answer
    return answer


# Prints when it was done: all containers have the clock of one kernel, and to start a program takes its time.
_TIMED = "import os, sys, time; began = time.monotonic(); getattr(os, sys.argv[1])(*sys.argv[2:]); print(began)"


def _on_the_hub(action: str, *paths: str) -> float:
    return float(site.inside(site.HUB, "python3", "-c", _TIMED, action, *paths, user="1000"))


def _entry(patient: str) -> bytes:
    """A worklist entry as another program than ours writes it."""
    step = Dataset()
    step.Modality, step.ScheduledStationAETitle = "CT", "CT_SCANNER"
    step.ScheduledProcedureStepStartDate = datetime.datetime.now().strftime("%Y%m%d")
    step.ScheduledProcedureStepStartTime, step.ScheduledProcedureStepID = "100000", "1"
    entry = Dataset()
    entry.PatientName, entry.PatientID, entry.AccessionNumber = "JALLOW^FATOU", patient, "A-1"
    entry.StudyInstanceUID, entry.RequestedProcedureID = generate_uid(), "1"
    entry.ScheduledProcedureStepSequence = [step]
    entry.file_meta = FileMetaDataset()
    entry.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    entry.file_meta.MediaStorageSOPClassUID = UID("1.2.276.0.7230010.3.1.0.1")
    entry.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, entry, enforce_file_format=True)
    return buffer.getvalue()


@pytest.fixture
def worklist_file() -> Any:
    """Where the LIMS writes an entry; removed afterwards whatever happens."""
    path = f"/files/worklists_wl/demo/{uuid.uuid4().hex}.wl"
    yield path
    site.inside(site.HUB, "rm", "-f", path)


def test_a_worklist_entry_reaches_the_scanner_within_three_seconds(worklist_file: str) -> None:
    patient = f"WL{uuid.uuid4().hex[:8]}"
    temporary = worklist_file.rsplit("/", 1)[0] + "/.syncthing.new.tmp"
    site.inside(site.HUB, "sh", "-c", f"cat > {temporary}", data=_entry(patient), user="1000")
    with _answers(patient, 60) as answers:
        assert next(answers)["entries"] == []
        written = _on_the_hub("rename", temporary, worklist_file)
        found = next(answers)
        [entry] = found["entries"]
        assert (entry["PatientName"], entry["ScheduledStationAETitle"]) == ("JALLOW^FATOU", "CT_SCANNER")
        assert found["at"] - written <= 3
        removed = _on_the_hub("remove", worklist_file)
        after = next(answers)
        assert after["entries"] == []
        assert after["at"] - removed <= 3
