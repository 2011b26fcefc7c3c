# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes small DICOM files: enough for a worklist entry, with nothing but the standard library.

Explicit VR little endian. A data set is a dict from tag (``0x00100020``) to ``(VR, value)``; the value of an ``SQ`` is
a list of data sets.
"""

from __future__ import annotations

import struct
import uuid
from typing import Any

Dataset = dict[int, tuple[str, Any]]

EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
WORKLIST_FIND = "1.2.840.10008.5.1.4.31"
_IMPLEMENTATION = "2.25.238614208373187411530871232170143912034"
_LONG = frozenset({"OB", "OW", "SQ", "UN", "UT"})
_LENGTHS = {"AE": 16, "CS": 16, "DA": 8, "LO": 64, "PN": 64, "SH": 16, "TM": 14, "UI": 64}


def new_uid() -> str:
    """A unique identifier derived from a random UUID."""
    return f"2.25.{uuid.uuid4().int}"


def dicom_file(dataset: Dataset, sop_class: str, sop_instance: str) -> bytes:
    """A complete file: preamble, meta information, data set. Raises ValueError for a value that does not fit its VR."""
    meta: Dataset = {
        0x00020001: ("OB", b"\x00\x01"),
        0x00020002: ("UI", sop_class),
        0x00020003: ("UI", sop_instance),
        0x00020010: ("UI", EXPLICIT_LITTLE_ENDIAN),
        0x00020012: ("UI", _IMPLEMENTATION),
    }
    encoded = encode(meta)
    length = _element(0x00020000, "UL", struct.pack("<I", len(encoded)))
    return b"\x00" * 128 + b"DICM" + length + encoded + encode(dataset)


def encode(dataset: Dataset) -> bytes:
    """The bytes of a data set, its elements in the order of their tags."""
    return b"".join(_element(tag, vr, _value(tag, vr, value)) for tag, (vr, value) in sorted(dataset.items()))


def _element(tag: int, vr: str, value: bytes) -> bytes:
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr.encode("ascii")
    if vr in _LONG:
        return head + b"\x00\x00" + struct.pack("<I", len(value)) + value
    return head + struct.pack("<H", len(value)) + value


def _value(tag: int, vr: str, value: Any) -> bytes:
    if vr == "SQ":
        items = [encode(item) for item in value]
        return b"".join(b"\xfe\xff\x00\xe0" + struct.pack("<I", len(item)) + item for item in items)
    if isinstance(value, bytes):
        return value
    text = str(value)
    if len(text) > _LENGTHS.get(vr, 64) or "\\" in text:
        raise ValueError(f"({tag >> 16:04x},{tag & 0xFFFF:04x}) cannot hold {text!r} as {vr}")
    encoded = text.encode("utf-8")
    padding = b"\x00" if vr == "UI" else b" "
    return encoded + padding * (len(encoded) % 2)


def worklist_entry(entry: dict[str, str]) -> bytes:
    """A file for a worklist folder.

    Needs ``patient_id``, ``patient_name``, ``accession_number``, ``station_aet``, ``modality``, ``date`` (YYYYMMDD) and
    ``time`` (HHMMSS); ``description`` and ``study_instance_uid`` are optional.
    """
    uid = entry.get("study_instance_uid") or new_uid()
    description = entry.get("description") or "Worklist entry"
    step: Dataset = {
        0x00080060: ("CS", entry["modality"]),
        0x00400001: ("AE", entry["station_aet"]),
        0x00400002: ("DA", entry["date"]),
        0x00400003: ("TM", entry["time"]),
        0x00400006: ("PN", ""),
        0x00400007: ("LO", description),
        0x00400009: ("SH", entry["accession_number"]),
    }
    dataset: Dataset = {
        0x00080005: ("CS", "ISO_IR 192"),
        0x00080050: ("SH", entry["accession_number"]),
        0x00080090: ("PN", ""),
        0x00100010: ("PN", entry["patient_name"]),
        0x00100020: ("LO", entry["patient_id"]),
        0x00100030: ("DA", ""),
        0x00100040: ("CS", ""),
        0x0020000D: ("UI", uid),
        0x00321060: ("LO", description),
        0x00400100: ("SQ", [step]),
        0x00401001: ("SH", entry["accession_number"]),
    }
    return dicom_file(dataset, WORKLIST_FIND, new_uid())
