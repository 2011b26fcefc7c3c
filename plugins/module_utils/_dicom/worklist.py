# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps a worklist file from a scanner."""

from __future__ import annotations

import re
from typing import IO

from .read import Dataset, Unreadable, Value, read

_LARGEST = 1024 * 1024
_CHARACTER_SET, _STEPS, _STATION = 0x00080005, 0x00400100, 0x00400001
_NEEDED = {0x00100010: "PatientName", 0x00100020: "PatientID", 0x0020000D: "StudyInstanceUID"}
_NEEDED_IN_STEP = {
    0x00080060: "Modality",
    _STATION: "ScheduledStationAETitle",
    0x00400002: "ScheduledProcedureStepStartDate",
}
_CODECS = {
    **{
        "": "ascii",
        "ISO_IR 6": "ascii",
        "ISO 2022 IR 6": "ascii",
        "ISO_IR 192": "utf-8",
        "GB18030": "gb18030",
        "GBK": "gbk",
    },
    **{f"ISO_IR {number}": "latin-1" for number in (13, 100, 101, 109, 110, 126, 127, 138, 144, 148, 166)},
    **{f"ISO 2022 IR {number}": "latin-1" for number in (13, 100, 101, 109, 110, 126, 127, 138, 144, 148, 166)},
}
"""Character sets that Orthanc converts, with one of Python's that finds mistakes in them. In most, nothing is one."""


def _text(value: Value | None) -> str:
    return value.rstrip(b"\0 ").decode("latin-1").strip() if isinstance(value, bytes) else ""


def _beyond_ascii(dataset: Dataset) -> bool:
    """A text outside of ASCII, anywhere. Elements of numbers are short, and rare in worklists."""
    for tag, value in dataset.items():
        if isinstance(value, list):
            if any(_beyond_ascii(item) for item in value):
                return True
        elif tag != _CHARACTER_SET and max(value, default=0) > 0x7F:
            return True
    return False


def _values(dataset: Dataset) -> list[bytes]:
    found = []
    for value in dataset.values():
        found += [part for item in value for part in _values(item)] if isinstance(value, list) else [value]
    return found


def _characters(dataset: Dataset) -> str:
    charset = _text(dataset.get(_CHARACTER_SET))
    if not charset:
        return (
            "has letters outside of ASCII and no SpecificCharacterSet; write ISO_IR 192"
            if _beyond_ascii(dataset)
            else ""
        )
    if "\\" in charset or charset not in _CODECS:
        return f"has the character set {charset}, which Orthanc does not convert rightly; write ISO_IR 192 (UTF-8)"
    try:
        for value in _values(dataset):
            value.decode(_CODECS[charset])
    except UnicodeDecodeError:
        return f"says that its character set is {charset}, and has bytes that are none of it"
    return ""


def _step(dataset: Dataset) -> str:
    steps = dataset.get(_STEPS)
    if not isinstance(steps, list) or len(steps) != 1:
        return "has no ScheduledProcedureStepSequence with one step"
    (step,) = steps
    for tag, name in _NEEDED_IN_STEP.items():
        if not _text(step.get(tag)):
            return f"has no {name}"
    stations = _text(step[_STATION])
    if "\\" in stations:
        return f"is for several scanners ({stations}), and a question of one does not find it; write a file for each"
    if len(stations) > 16:
        return "has a ScheduledStationAETitle of more than 16 characters"
    if not re.fullmatch(r"[0-9]{8}", _text(step[0x00400002])):
        return "has a ScheduledProcedureStepStartDate that is not written as YYYYMMDD"
    return ""


def problem(name: str, file: IO[bytes]) -> str:
    """Why no scanner gets this file rightly, as the rest of a sentence that begins with "it"; empty when one does."""
    if not name.endswith(".wl"):
        return "has a name that does not end in .wl, and Orthanc does not look at it"
    data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        return "is larger than 1 MB"
    try:
        dataset = read(data)
    except Unreadable as error:
        return str(error)
    for tag, label in _NEEDED.items():
        if not _text(dataset.get(tag)):
            return f"has no {label}"
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)+", _text(dataset[0x0020000D])) or len(_text(dataset[0x0020000D])) > 64:
        return "has a StudyInstanceUID that is none"
    return _step(dataset) or _characters(dataset)
