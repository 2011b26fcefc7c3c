# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a scanner gets from a gateway with the role's own settings, and what the gateway tells about it."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.sop_class import CTImageStorage, ModalityWorklistInformationFind  # type: ignore[attr-defined]

from tests.kit import product
from tests.kit.containers import wait_for
from tests.kit.dicom import make_study
from tests.kit.networks import Network
from tests.kit.orthanc import Gateway

ENTRIES = {
    "latin1": ("ISO_IR 100", "Müller^José"),
    "gambian": ("ISO_IR 192", "Jaŋ^Fatou Ñaɲi"),
    "thai": ("ISO_IR 166", "สมชาย^ใจดี"),
    "cyrillic": ("ISO_IR 144", "Иванов^Пётр"),
    "arabic": ("ISO_IR 127", "محمد^علي"),
    "japanese": ("ISO_IR 192", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    "chinese": ("GB18030", "王^小东"),
    "arabic in utf-8": ("ISO_IR 192", "فاطمة^جالو"),
}
"""As a LIMS may write them: character set and name."""


def entry(name: str, accession: str, charset: Any = "ISO_IR 192") -> bytes:
    """A worklist file."""
    step, image = Dataset(), Dataset()
    step.Modality, step.ScheduledStationAETitle = "CT", "SCANNER"
    step.ScheduledProcedureStepStartDate, step.ScheduledProcedureStepStartTime = "20261129", "120000"
    if charset:
        image.SpecificCharacterSet = charset
    image.PatientName, image.PatientID, image.AccessionNumber = name, accession, accession
    image.StudyInstanceUID = generate_uid()
    image.ScheduledProcedureStepSequence = Sequence([step])
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.file_meta.MediaStorageSOPClassUID = ModalityWorklistInformationFind
    image.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    file = io.BytesIO()
    image.save_as(file, enforce_file_format=True)
    return file.getvalue()


class ScannersGateway:
    """A real Orthanc with the configuration of the role, and a worklist folder."""

    def __init__(self, folder: Path, network: Network, **variables: Any) -> None:
        self.worklists = folder / "worklists"
        self.worklists.mkdir()
        made = product.gateway({}, **variables)
        made |= {
            "Plugins": ["/usr/share/orthanc/plugins/libModalityWorklists.so"],
            "Worklists": {"Enable": True, "Database": "/etc/worklists"},
            "DicomAlwaysAllowFindWorklist": True,
        }
        mounts = {"/etc/worklists": self.worklists}
        self.server = Gateway(network, 40, "alone", made, folder / "alone", mounts=mounts)
        self.server.start()

    def associate(self, *contexts: Any, caller: str = "SCANNER") -> Association:
        scanner = AE(caller)
        scanner.dimse_timeout = 60
        for context in contexts:
            scanner.add_requested_context(context, ExplicitVRLittleEndian)
        return scanner.associate(self.server.address, 4242, ae_title="GATEWAY")

    def find(self, station: str = "SCANNER", charset: str | None = None) -> dict[str, Dataset]:
        """The answers to a scanner's question, by accession number."""
        step, query = Dataset(), Dataset()
        step.ScheduledStationAETitle = station
        if charset:
            query.SpecificCharacterSet = charset
        query.PatientName, query.PatientID, query.AccessionNumber = "", "", ""
        query.ScheduledProcedureStepSequence = Sequence([step])
        association = self.associate(ModalityWorklistInformationFind)
        assert association.is_established
        answers = [found for __, found in association.send_c_find(query, ModalityWorklistInformationFind) if found]
        association.release()
        return {found.AccessionNumber: found for found in answers}


@pytest.fixture
def gateways(tmp_path: Path, network: Network) -> Iterator[Any]:
    made: list[ScannersGateway] = []

    def factory(**variables: Any) -> ScannersGateway:
        made.append(ScannersGateway(tmp_path, network, **variables))
        return made[-1]

    yield factory
    for gateway in made:
        gateway.server.remove()


@pytest.mark.parametrize("asks_in", [None, "ISO_IR 100", "ISO_IR 192"])
def test_names_arrive_as_the_lims_wrote_them(gateways: Any, asks_in: str | None) -> None:
    gateway = gateways()
    for number, (charset, name) in enumerate(ENTRIES.values()):
        (gateway.worklists / f"{number}.wl").write_bytes(entry(name, f"A{number}", charset))
    found = gateway.find(charset=asks_in)
    assert {item.SpecificCharacterSet for item in found.values()} == {"ISO_IR 192"}
    names = {accession: str(item.PatientName) for accession, item in found.items()}
    assert names == {f"A{number}": name for number, (__, name) in enumerate(ENTRIES.values())}


def test_a_scanner_that_knows_latin_1_only_gets_latin_1(gateways: Any) -> None:
    gateway = gateways(variables={"worklist_encoding": "Latin1"})
    (gateway.worklists / "1.wl").write_bytes(entry("Müller^José", "A1"))
    found = gateway.find()["A1"]
    assert (found.SpecificCharacterSet, str(found.PatientName)) == ("ISO_IR 100", "Müller^José")


def test_an_image_without_a_character_set_keeps_its_bytes(gateways: Any) -> None:
    gateway = gateways()
    (image,) = make_study(1)
    image.PatientName = b"M\xfcller^Jos\xe9"  # Latin-1, and it does not say so
    file = io.BytesIO()
    image.save_as(file, enforce_file_format=True)
    answer = gateway.server.request("POST", "/instances", data=file.getvalue())
    stored = gateway.server.request("GET", f"/instances/{answer.json()['ID']}/file").content
    assert hashlib.md5(stored).hexdigest() == hashlib.md5(file.getvalue()).hexdigest()
    sent = gateway.associate(CTImageStorage)
    assert sent.send_c_store(make_study(1)[0]).Status == 0
    sent.release()


def test_a_pause_of_more_than_half_a_minute_loses_no_image(gateways: Any) -> None:
    gateway = gateways()
    first, second = make_study(2)
    association = gateway.associate(CTImageStorage)
    assert association.send_c_store(first).Status == 0
    time.sleep(40)
    assert association.is_established
    assert association.send_c_store(second).Status == 0
    association.release()
    assert gateway.server.count() == 2


# One of the images is wrong on purpose.
@pytest.mark.filterwarnings("ignore:The value length")
def test_what_is_refused_can_be_seen(gateways: Any) -> None:
    gateway = gateways()
    without, empty, long = make_study(3)
    del without.StudyInstanceUID
    empty.SeriesInstanceUID = ""
    long.PatientID = "9" * 300
    association = gateway.associate(CTImageStorage)
    assert [association.send_c_store(image).Status for image in (without, empty, long, long)] == [0xA700] * 4
    association.release()
    scanner = AE("SCANNER")
    scanner.add_requested_context(CTImageStorage)
    assert not scanner.associate(gateway.server.address, 4242, ae_title="ANOTHER").is_established

    def told() -> dict[str, str] | None:
        state = gateway.server.status()
        return state if state["Refused"] == "4" and state["Rejected"] == "1" else None

    gateway.server.register("http://127.0.0.1:9/")
    state = wait_for(told, 30, "four refusals and one rejected association")
    assert state["Journal"] == "read"
    assert without.SOPInstanceUID in state["RefusedImages"]
    assert "StudyInstanceUID is missing" in state["RefusedImages"]
    assert "FWD1" not in state["RefusedImages"]
    assert state["RefusedImages"].count('"Aet":"SCANNER"') == 3
    assert '"Times":"2"' in state["RefusedImages"]
    assert "it called ANOTHER" in state["RejectedAssociations"]
    # Nothing is counted twice, and nothing forgotten, when Orthanc starts again.
    gateway.server.kill()
    gateway.server.start()
    time.sleep(8)
    again = gateway.server.status()
    assert (again["Refused"], again["RefusedImages"]) == (state["Refused"], state["RefusedImages"])


def test_an_image_that_comes_again_with_other_pixels_is_no_secret(gateways: Any) -> None:
    gateway = gateways()
    first, other = make_study(2)
    other.SOPInstanceUID = other.file_meta.MediaStorageSOPInstanceUID = first.SOPInstanceUID
    other.InstanceNumber = first.InstanceNumber
    association = gateway.associate(CTImageStorage)
    assert [association.send_c_store(image).Status for image in (first, first, other, other)] == [0] * 4
    association.release()
    assert gateway.server.count() == 1
    said = wait_for(lambda: "came again from SCANNER" in gateway.server.logs(), 20, "a line in the log")
    assert said
    assert gateway.server.logs().count("came again from") == 1

    def told() -> str:
        state = gateway.server.status()
        return str(state["ReplacedImages"]) if state["Replaced"] == "1" else ""

    assert first.SOPInstanceUID in wait_for(told, 30, "the replaced image in the state")
