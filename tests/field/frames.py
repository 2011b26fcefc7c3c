# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""First and last frame of an image: as they were sent, and as they come out of the viewer's answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.uid import ExplicitVRBigEndian

PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")


@dataclass(frozen=True)
class Frame:
    """``number`` counts from 1; ``data`` is what was sent, None where it cannot be told from the file."""

    number: int
    data: bytes | None


def sent(dataset: Dataset) -> list[Frame]:
    """First and last frame; none of an image without pixels."""
    name = next((name for name in PIXELS if name in dataset), None)
    if name is None:
        return []
    try:
        count = max(1, int(dataset.get("NumberOfFrames", 1) or 1))
        data: bytes = dataset[name].value or b""
    except ValueError:
        return [Frame(1, None)]  # values that are no numbers, in files that are odd on purpose
    return [Frame(number, _frame(dataset, name, data, number, count)) for number in sorted({1, count})]


def _frame(dataset: Dataset, name: str, data: bytes, number: int, count: int) -> bytes | None:
    syntax = dataset.file_meta.TransferSyntaxUID
    try:
        if syntax.is_compressed and syntax.is_encapsulated:
            return get_frame(data, number - 1, number_of_frames=count)
        size = frame_bits(dataset)
    except (ValueError, TypeError, AttributeError, EOFError):
        return None
    if size % 8 or not size:
        return None  # frames of single bits begin in the middle of a byte
    size //= 8
    if syntax == ExplicitVRBigEndian and dataset[name].VR == "OW":
        # Words are swapped, whatever they hold: also two pixels of 8 bits.
        data = b"".join(data[at : at + 2][::-1] for at in range(0, len(data), 2))
    frame = data[(number - 1) * size : number * size]
    return frame if len(frame) == size else None


def frame_bits(dataset: Dataset) -> int:
    """Bits of one native frame."""
    samples = int(dataset.get("SamplesPerPixel", 1))
    bits = int(dataset.Rows) * int(dataset.Columns) * samples * int(dataset.BitsAllocated)
    return bits * 2 // 3 if dataset.get("PhotometricInterpretation") == "YBR_FULL_422" else bits


def first_part(content_type: str, body: bytes) -> bytes:
    """The first part of a multipart answer."""
    found = re.search(r'boundary="?([^";]+)', content_type)
    if not found:
        return body
    part = body.partition(b"--" + found.group(1).encode() + b"\r\n")[2]
    headers, __, rest = part.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: *(\d+)", headers)
    if length:
        return rest[: int(length.group(1))]
    return rest.partition(b"\r\n--" + found.group(1).encode())[0]


def same(one: bytes, other: bytes) -> bool:
    """Equal but for the byte that makes a length even."""
    shorter, longer = sorted((one, other), key=len)
    return longer in (shorter, shorter + b"\0")


def describe(value: Any) -> str:
    """A frame in a few words."""
    return f"{len(value)} bytes" if isinstance(value, bytes) else str(value)
