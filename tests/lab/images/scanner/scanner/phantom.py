# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A synthetic CT study: slices through a body-like phantom, recognisable on a screen and different on each slice."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

# Centre x, centre y, half axis x, half axis y in parts of half the image, and Hounsfield units.
_ELLIPSES = (
    (0.0, 0.05, 0.82, 0.58, 40),  # body
    (-0.38, 0.0, 0.26, 0.36, -820),  # right lung
    (0.38, 0.0, 0.26, 0.36, -820),  # left lung
    (0.06, -0.08, 0.17, 0.2, 55),  # heart
    (0.0, 0.46, 0.11, 0.1, 700),  # vertebra
    (0.0, 0.47, 0.045, 0.04, 20),  # spinal canal
    (-0.74, 0.08, 0.04, 0.16, 520),  # ribs
    (0.74, 0.08, 0.04, 0.16, 520),
    (0.0, -0.48, 0.12, 0.03, 480),  # sternum
)


def pixels(index: int, count: int, size: int) -> np.ndarray:
    """Hounsfield units (int16, ``size`` x ``size``) of slice ``index`` of ``count``."""
    height = index / max(1, count - 1)
    y, x = np.mgrid[-1 : 1 : complex(size), -1 : 1 : complex(size)]
    image = np.full((size, size), -1000, dtype=np.int16)
    for number, (cx, cy, ax, ay, value) in enumerate(_ELLIPSES):
        # The lungs and the heart grow and shrink along the body; the rest stays.
        scale = 0.55 + 0.45 * np.sin(np.pi * min(1.0, height + 0.15)) if number in (1, 2, 3) else 1.0
        image[((x - cx) / (ax * scale)) ** 2 + ((y - cy) / (ay * scale)) ** 2 <= 1] = value
    # A bright nodule moves through the right lung, so that two slices are never alike.
    nodule = (x + 0.38 + 0.12 * np.cos(6.3 * height)) ** 2 + (y - 0.2 * np.sin(6.3 * height)) ** 2
    image[nodule <= 0.035**2] = 90
    noise = np.random.default_rng(index).normal(0, 12, image.shape)
    return (image + noise).astype(np.int16)


def study(
    count: int = 20,
    size: int = 256,
    patient_id: str = "LAB-0001",
    patient_name: str = "PHANTOM^LAB",
    accession: str = "ACC-LAB-1",
    study_uid: str | None = None,
) -> Iterator[FileDataset]:
    """The instances of one CT study with one series, with new UIDs unless ``study_uid`` is given."""
    now = datetime.datetime.now()
    study_uid = study_uid or generate_uid()
    series_uid, frame_uid = generate_uid(), generate_uid()
    for index in range(count):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = CTImageStorage
        meta.MediaStorageSOPInstanceUID = generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        image = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
        _identify(image, meta, now, (str(study_uid), str(series_uid), str(frame_uid)))
        image.PatientID, image.PatientName, image.AccessionNumber = patient_id, patient_name, accession
        _geometry(image, index, size)
        _pixel_module(image, pixels(index, count, size))
        yield image


def _identify(image: Dataset, meta: FileMetaDataset, now: datetime.datetime, uids: tuple[str, str, str]) -> None:
    image.SpecificCharacterSet = "ISO_IR 192"
    image.SOPClassUID, image.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    image.StudyInstanceUID, image.SeriesInstanceUID, image.FrameOfReferenceUID = uids
    image.Modality, image.Manufacturer, image.ManufacturerModelName = "CT", "Mediverse Lab", "Phantom"
    image.PatientBirthDate, image.PatientSex = "19700101", "O"
    image.StudyID, image.SeriesNumber = "1", 1
    image.StudyDescription, image.SeriesDescription = "Synthetic thorax", "Axial"
    image.BodyPartExamined, image.PatientPosition = "CHEST", "HFS"
    image.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    for what in ("Study", "Series", "Acquisition", "Content"):
        setattr(image, f"{what}Date", now.strftime("%Y%m%d"))
        setattr(image, f"{what}Time", now.strftime("%H%M%S"))
    image.ReferringPhysicianName, image.PositionReferenceIndicator = "", ""
    image.KVP, image.AcquisitionNumber = "120", 1


def _geometry(image: Dataset, index: int, size: int) -> None:
    spacing, thickness = 400.0 / size, 5.0
    image.InstanceNumber = index + 1
    image.PixelSpacing = [spacing, spacing]
    image.SliceThickness = image.SpacingBetweenSlices = thickness
    image.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    image.ImagePositionPatient = [-200, -200, index * thickness]
    image.SliceLocation = index * thickness


def _pixel_module(image: Dataset, values: np.ndarray) -> None:
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.Rows, image.Columns = values.shape
    image.BitsAllocated = image.BitsStored = 16
    image.HighBit, image.PixelRepresentation = 15, 1
    image.RescaleIntercept, image.RescaleSlope, image.RescaleType = 0, 1, "HU"
    image.WindowCenter, image.WindowWidth = 40, 400
    image.PixelData = values.astype("<i2").tobytes()
