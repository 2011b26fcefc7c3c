# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images, and a scanner that sends them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid
from pynetdicom import AE

# What runs inside the lab's scanner serves the scanners of tests too.
sys.path.append(str(Path(__file__).parents[1] / "lab" / "images" / "scanner"))
from scanner import answers

answers.keep_for_callers()


def make_study(count: int, size: int = 64) -> list[Dataset]:
    """Synthetic CT images of one study, `size` x `size` pixels of 16 bits."""
    study, series = generate_uid(), generate_uid()
    noise = numpy.random.default_rng(7)
    images = []
    for number in range(1, count + 1):
        meta = FileMetaDataset()
        image = Dataset()
        image.file_meta = meta
        image.SOPClassUID = meta.MediaStorageSOPClassUID = CTImageStorage
        image.SOPInstanceUID = meta.MediaStorageSOPInstanceUID = generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        image.StudyInstanceUID, image.SeriesInstanceUID, image.InstanceNumber = study, series, number
        image.PatientID, image.PatientName, image.Modality = "FWD1", "Forwarder^Test", "CT"
        image.Rows = image.Columns = size
        image.SamplesPerPixel, image.PhotometricInterpretation, image.PixelRepresentation = 1, "MONOCHROME2", 0
        image.BitsAllocated, image.BitsStored, image.HighBit = 16, 12, 11
        image.PixelData = noise.integers(0, 4096, size * size, dtype=numpy.uint16).tobytes()
        images.append(image)
    return images


def store(address: str, images: Iterable[Dataset]) -> Iterator[int]:
    """The status of each image's C-STORE, sent in one association with the gateway."""
    scanner = AE("SCANNER")
    scanner.dimse_timeout = 60
    scanner.add_requested_context(CTImageStorage, ExplicitVRLittleEndian)
    association = scanner.associate(address, 4242, ae_title="GATEWAY")
    assert association.is_established, f"{address} refuses the association"
    for image in images:
        yield int(association.send_c_store(image).Status)
    association.release()
