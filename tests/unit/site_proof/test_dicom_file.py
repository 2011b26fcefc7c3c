# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The DICOM files that we write are those that pydicom reads."""

from __future__ import annotations

import io

import pydicom
import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils._dicom.file import WORKLIST_FIND, new_uid, worklist_entry

ENTRY = {
    "patient_id": "P1",
    "patient_name": "CEESAY^AMÉLIE",
    "accession_number": "A-123",
    "station_aet": "CT_SCANNER",
    "modality": "CT",
    "date": "20260102",
    "time": "103000",
    "description": "CT of the head",
}


def test_pydicom_reads_the_entry() -> None:
    read = pydicom.dcmread(io.BytesIO(worklist_entry(ENTRY)))
    assert read.file_meta.MediaStorageSOPClassUID == WORKLIST_FIND
    assert str(read.PatientName) == "CEESAY^AMÉLIE"
    assert (read.PatientID, read.AccessionNumber, read.RequestedProcedureID) == ("P1", "A-123", "A-123")
    step = read.ScheduledProcedureStepSequence[0]
    assert (step.Modality, step.ScheduledStationAETitle) == ("CT", "CT_SCANNER")
    assert (step.ScheduledProcedureStepStartDate, step.ScheduledProcedureStepStartTime) == ("20260102", "103000")
    assert read.RequestedProcedureDescription == "CT of the head"
    assert pydicom.uid.UID(read.StudyInstanceUID).is_valid


def test_writing_it_again_with_pydicom_changes_nothing() -> None:
    ours = worklist_entry({**ENTRY, "study_instance_uid": "1.2.3"})
    buffer = io.BytesIO()
    pydicom.dcmread(io.BytesIO(ours)).save_as(buffer)
    assert pydicom.dcmread(io.BytesIO(buffer.getvalue())) == pydicom.dcmread(io.BytesIO(ours))
    assert len(buffer.getvalue()) == len(ours)


@pytest.mark.parametrize(
    ("key", "value"),
    [("station_aet", "A" * 17), ("patient_id", "a\\b"), ("date", "2026-01-02"), ("modality", "x" * 17)],
)
def test_values_that_do_not_fit_are_refused(key: str, value: str) -> None:
    with pytest.raises(ValueError, match="cannot hold"):
        worklist_entry({**ENTRY, key: value})


def test_uids_are_valid_and_new() -> None:
    assert new_uid() != new_uid()
    assert all(pydicom.uid.UID(new_uid()).is_valid and len(new_uid()) <= 64 for __ in range(100))
