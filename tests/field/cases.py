# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Odd files, each made from nothing: what reports of the field say that scanners send, and kinds that public sets lack.

A case is a function that alters a small image; its name is the file's. The same run makes the same bytes every time.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite

ROOT = "1.2.826.0.1.3680043.8.498.77"
"""Begins every identifier here; the number of the case follows."""
ENHANCED_SR, PDF, SEGMENTATION = (
    "1.2.840.10008.5.1.4.1.1.88.22",
    "1.2.840.10008.5.1.4.1.1.104.1",
    uid.SegmentationStorage,
)
US, US_LOOP, CT, MR = (
    uid.UltrasoundImageStorage,
    uid.UltrasoundMultiFrameImageStorage,
    uid.CTImageStorage,
    uid.MRImageStorage,
)
CHARACTER_SETS = {
    "latin_1": ("ISO_IR 100", "Buc^Jérôme"),
    "latin_2": ("ISO_IR 101", "Wałęsa^Łukasz"),
    "latin_3": ("ISO_IR 109", "Ġorġ^Ħal"),
    "latin_4": ("ISO_IR 110", "Bērziņš^Jānis"),
    "latin_5": ("ISO_IR 148", "Çavuşoğlu^Şükrü"),
    "cyrillic": ("ISO_IR 144", "Жанна^Юлия"),
    "arabic": ("ISO_IR 127", "قباني^لنزار"),
    "greek": ("ISO_IR 126", "Διονυσιος^Νίκος"),
    "hebrew": ("ISO_IR 138", "שרון^דבורה"),
    "thai": ("ISO_IR 166", "ทดสอบ^ไทย"),
    "katakana": ("ISO_IR 13", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
    "utf_8": ("ISO_IR 192", "Jaŋ^Fatou=王^小东"),
    "gb18030": ("GB18030", "Wang^XiaoDong=王^小东"),
    "gbk": ("GBK", "Wang^XiaoDong=王^小东"),
    "kanji": (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    "korean": (["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동"),
}
Alter = Callable[[Dataset], Any]


def image(number: int, name: str) -> Dataset:
    """The image that all cases start from: 32 x 32 grey values of 12 bits."""
    made, meta = Dataset(), FileMetaDataset()
    made.file_meta = meta
    meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    made.SOPClassUID, made.SOPInstanceUID = CT, f"{ROOT}.{number}.3"
    made.StudyInstanceUID, made.SeriesInstanceUID = f"{ROOT}.{number}.1", f"{ROOT}.{number}.2"
    made.PatientName, made.PatientID = f"Field^{name}"[:60], f"FIELD-{number}"
    made.StudyDate, made.StudyTime, made.Modality = "20260102", "030405", "CT"
    made.InstanceNumber, made.SeriesNumber = 1, 1
    pixels(made, numpy.arange(1024, dtype="<u2").reshape(32, 32), 12)
    return made


def pixels(made: Dataset, values: Any, stored: int, interpretation: str = "MONOCHROME2", frames: int = 0) -> None:
    """Put an array into the image; the last dimension of colours is theirs."""
    samples = 3 if interpretation in ("RGB", "YBR_FULL") else 1
    made.Rows, made.Columns = values.shape[1:3] if frames else values.shape[:2]
    made.SamplesPerPixel, made.PhotometricInterpretation = samples, interpretation
    if samples == 3:
        made.PlanarConfiguration = 0
    if frames:
        made.NumberOfFrames = frames
    made.BitsAllocated = values.dtype.itemsize * 8
    made.BitsStored, made.HighBit = stored, stored - 1
    made.PixelRepresentation = int(values.dtype.kind == "i")
    data = values.tobytes()
    made.PixelData = data + b"\0" * (len(data) % 2)
    made["PixelData"].VR = "OW" if made.BitsAllocated > 8 else "OB"


def noise(*shape: int, kind: str = "u1") -> Any:
    """Pixels that no compression makes small, the same ones every time."""
    return numpy.random.default_rng(7).integers(0, 250, shape).astype(kind)


def _set(**values: Any) -> Alter:
    def alter(made: Dataset) -> None:
        for key, value in values.items():
            if key == "syntax":
                made.file_meta.TransferSyntaxUID = value
            elif value is None:
                del made[key]
            else:
                setattr(made, key, value)

    return alter


def _frames(count: int, size: int, kind: str = "u1", sop: str = US_LOOP, interpretation: str = "MONOCHROME2") -> Alter:
    def alter(made: Dataset) -> None:
        made.SOPClassUID, made.Modality, made.FrameTime = sop, "US", 40
        shape = (count, size, size, 3) if interpretation == "RGB" else (count, size, size)
        pixels(made, noise(*shape, kind=kind), 8 * numpy.dtype(kind).itemsize, interpretation, count)

    return alter


def _rgb(planar: int) -> Alter:
    def alter(made: Dataset) -> None:
        made.SOPClassUID, made.Modality = US, "US"
        pixels(made, noise(24, 20, 3), 8, "RGB")
        made.PlanarConfiguration = planar

    return alter


def _signed(made: Dataset) -> None:
    pixels(made, numpy.arange(-512, 512, dtype="<i2").reshape(32, 32), 16)
    made.RescaleSlope, made.RescaleIntercept = "1.5", "-1024"


def _palette(made: Dataset) -> None:
    made.SOPClassUID, made.Modality = US, "US"
    pixels(made, noise(16, 16), 8, "PALETTE COLOR")
    for colour in ("Red", "Green", "Blue"):
        setattr(made, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(made, f"{colour}PaletteColorLookupTableData", numpy.arange(0, 65536, 256, dtype="<u2").tobytes())


def _bits(made: Dataset) -> None:
    made.SOPClassUID, made.Modality = SEGMENTATION, "SEG"
    pixels(made, noise(2, 16, 16), 8, frames=2)
    made.BitsAllocated = made.BitsStored = 1
    made.HighBit = 0
    made.PixelData = bytes(range(64))


def _float(made: Dataset) -> None:
    made.SOPClassUID, made.Modality = uid.ParametricMapStorage, "OT"
    del made.PixelData
    made.BitsAllocated, made.FloatPixelData = 32, numpy.linspace(0, 1, 1024, dtype="<f4").tobytes()
    del made.BitsStored, made.HighBit, made.PixelRepresentation


def _pdf(made: Dataset) -> None:
    _no_pixels(made, PDF, "DOC")
    made.MIMETypeOfEncapsulatedDocument, made.DocumentTitle = "application/pdf", "Report"
    made.EncapsulatedDocument = (
        b"%PDF-1.1\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Count 0/Kids[]>>endobj\n%%EOF\n"
    )


def _report(made: Dataset) -> None:
    _no_pixels(made, ENHANCED_SR, "SR")
    text, name = Dataset(), Dataset()
    name.CodeValue, name.CodingSchemeDesignator, name.CodeMeaning = "121071", "DCM", "Finding"
    text.RelationshipType, text.ValueType, text.TextValue = "CONTAINS", "TEXT", "No finding. " * 40
    text.ConceptNameCodeSequence = [name]
    made.ValueType, made.ContinuityOfContent, made.ContentSequence = "CONTAINER", "SEPARATE", [text]
    made.CompletionFlag, made.VerificationFlag = "COMPLETE", "UNVERIFIED"


def _no_pixels(made: Dataset, sop: str, modality: str) -> None:
    made.SOPClassUID, made.Modality = sop, modality
    for name in ("PixelData", "Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation"):
        del made[name]
    for name in ("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"):
        del made[name]


def _video(sop: str) -> Alter:
    def alter(made: Dataset) -> None:
        made.SOPClassUID, made.Modality, made.NumberOfFrames = sop, "ES", 500
        pixels(made, noise(16, 16, 3), 8, "RGB")
        made.PhotometricInterpretation, made.NumberOfFrames = "YBR_PARTIAL_420", 500
        made.file_meta.TransferSyntaxUID = uid.MPEG4HP41
        stream = b"\0\0\0\x18ftypmp42" + noise(30_000).tobytes()
        made.PixelData = encapsulate([stream], has_bot=False)
        made["PixelData"].VR, made["PixelData"].is_undefined_length = "OB", True

    return alter


def _run_lengths(made: Dataset) -> None:
    made.compress(uid.RLELossless, generate_instance_uid=False)


def _run_lengths_of_frames(made: Dataset) -> None:
    _frames(5, 24)(made)
    made.compress(uid.RLELossless, generate_instance_uid=False)


def _big_endian(made: Dataset) -> None:
    made.file_meta.TransferSyntaxUID = uid.ExplicitVRBigEndian
    made.PixelData = numpy.frombuffer(made.PixelData, "<u2").astype(">u2").tobytes()


def _unknown_values(data: bytes) -> bytes:
    """Text elements whose type is said to be unknown, which the standard allows; pydicom writes what it knows."""
    for tag, kind in (
        ("08002000", b"DA"),
        ("08006000", b"CS"),
        ("10001000", b"PN"),
        ("10002000", b"LO"),
        ("20000d00", b"UI"),
    ):
        begin = data.index(bytes.fromhex(tag) + kind)
        length = int.from_bytes(data[begin + 6 : begin + 8], "little")
        data = data[: begin + 4] + b"UN\0\0" + length.to_bytes(4, "little") + data[begin + 8 :]
    return data


def _subsampled(made: Dataset) -> None:
    made.SOPClassUID, made.Modality = US, "US"
    pixels(made, noise(16, 16, 3), 8, "YBR_FULL")
    made.PhotometricInterpretation = "YBR_FULL_422"
    made.PixelData = noise(16 * 16 * 2).tobytes()


def _nested(made: Dataset) -> None:
    inner = made
    for depth in range(40):
        item = Dataset()
        item.CodeMeaning = f"depth {depth}"
        inner.PurposeOfReferenceCodeSequence = [item]
        inner = item


def _private(made: Dataset) -> None:
    block = made.private_block(0x0029, "FIELD TEST", create=True)
    block.add_new(0x01, "OB", noise(70_000).tobytes())
    block.add_new(0x02, "UN", b"nobody knows")
    block.add_new(0x03, "SQ", [Dataset()])


def _overlay(made: Dataset) -> None:
    made.add_new(0x60000010, "US", 32)
    made.add_new(0x60000011, "US", 32)
    made.add_new(0x60000040, "CS", "G")
    made.add_new(0x60000050, "SS", [1, 1])
    made.add_new(0x60000100, "US", 1)
    made.add_new(0x60000102, "US", 0)
    made.add_new(0x60003000, "OW", bytes(128))


def _character_set(name: str) -> Alter:
    values, text = CHARACTER_SETS[name]
    return _set(SpecificCharacterSet=values, PatientName=text)


def _same_study(patient: str) -> Alter:
    return _set(PatientID=patient, StudyInstanceUID=f"{ROOT}.900.1", SeriesInstanceUID=f"{ROOT}.900.2")


ALTER: dict[str, Alter] = {
    "plain": _set(),
    "empty_modality": _set(Modality=""),
    "no_modality": _set(Modality=None),
    "no_study_uid": _set(StudyInstanceUID=None),
    "empty_study_uid": _set(StudyInstanceUID=""),
    "empty_series_uid": _set(SeriesInstanceUID=""),
    "patient_id_of_300": _set(PatientID="X" * 300),
    "two_patients_a": _same_study("FIELD-A"),
    "two_patients_b": _same_study("FIELD-B"),
    "long_values": _set(StudyDescription="d" * 10_000, ImageComments="c" * 10_000, SeriesDescription="s" * 300),
    "pdf": _pdf,
    "sr_report": _report,
    "video_endo": _video(uid.VideoEndoscopicImageStorage),
    "video_photographic": _video(uid.VideoPhotographicImageStorage),
    "vr_un": _set(),
    "ybr422_raw": _subsampled,
    "implicit": _set(syntax=uid.ImplicitVRLittleEndian),
    "big_endian": _big_endian,
    "deflated": _set(syntax=uid.DeflatedExplicitVRLittleEndian),
    "run_lengths": _run_lengths,
    "run_lengths_of_frames": _run_lengths_of_frames,
    "frames_10": _frames(10, 40),
    "frames_odd_size": _frames(3, 15),
    "frames_16_bits": _frames(4, 32, "<u2"),
    "frames_rgb": _frames(6, 30, interpretation="RGB"),
    "frames_300_small": _frames(300, 16),
    "loop_20_mb": _frames(80, 512),
    "one_frame_said": _frames(1, 64),
    "rgb_by_pixel": _rgb(0),
    "rgb_by_plane": _rgb(1),
    "signed": _signed,
    "palette": _palette,
    "one_bit": _bits,
    "float_pixels": _float,
    "monochrome1": _set(PhotometricInterpretation="MONOCHROME1"),
    "bits_10_of_16": _set(BitsStored=10, HighBit=9),
    "overlay": _overlay,
    "nested_40": _nested,
    "private": _private,
    "uid_of_64": _set(SOPInstanceUID=f"{ROOT}.".ljust(64, "7")),
    "series_uid_of_64": _set(SeriesInstanceUID=f"{ROOT}.".ljust(64, "5")),
    "no_patient_name": _set(PatientName=None),
    "no_patient_id": _set(PatientID=None),
    "no_study_date": _set(StudyDate=None, StudyTime=None),
    "no_instance_number": _set(InstanceNumber=None, SeriesNumber=None),
    "name_of_five_parts": _set(PatientName="Ceesay^Fatou^Binta^Dr.^MD"),
    "name_with_markup": _set(PatientName="<script>alert(1)</script>^&amp;"),
    "id_with_slashes": _set(PatientID="2026/01\\17 \u00fc"[:7]),
    "many_modalities_text": _set(StudyDescription="tramadol libido prozac"),
    "no_pixels": lambda made: _no_pixels(made, MR, "MR"),
    "pixels_short": lambda made: _set(PixelData=made.PixelData[:1000])(made),
    "pixels_empty": _set(PixelData=b""),
    **{f"charset_{name}": _character_set(name) for name in CHARACTER_SETS},
}


def write(folder: Path) -> list[Path]:
    """Write all cases; the truncated one and the one that is no DICOM are made from the first."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, (name, alter) in enumerate(ALTER.items(), 100):
        made = image(number, name)
        alter(made)
        meta = made.file_meta
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = made.SOPClassUID, made.SOPInstanceUID
        meta.ImplementationClassUID = uid.UID(f"{ROOT}.1")
        buffer = io.BytesIO()
        dcmwrite(buffer, made, enforce_file_format=True)
        paths.append(folder / f"{name}.dcm")
        data = buffer.getvalue()
        paths[-1].write_bytes(_unknown_values(data) if name == "vr_un" else data)
    whole = paths[0].read_bytes().replace(f"{ROOT}.100.3".encode(), f"{ROOT}.999.3".encode())
    for name, data in {"truncated": whole[: len(whole) // 2], "no_dicom": b"half a page of text\n" * 40}.items():
        paths.append(folder / f"{name}.dcm")
        paths[-1].write_bytes(data)
    return paths
