# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads small DICOM files, such as worklist entries, with nothing but the standard library.

A data set is a dict from tag (``0x00100020``) to bytes, or to a list of data sets for a sequence.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any, Union

Value = Union[bytes, list[Any]]
Dataset = dict[int, Value]

IMPLICIT, BIG_ENDIAN = "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
_LONG = (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
_SEQUENCES = frozenset((0x00081110, 0x00081120, 0x00321064, 0x00400008, 0x00400100, 0x00400440))
"""Sequences of worklists, for the syntax that does not name them."""
_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_DEEPEST = 16
_LARGEST = 16 * 1024 * 1024
_OTHERS = ((b"PK\x03\x04", "a ZIP archive"), (b"{", "JSON"), (b"[", "JSON"), (b"<", "XML"), (b"%PDF", "a PDF"))


class Unreadable(Exception):
    """Why it is no DICOM file, as the rest of a sentence that begins with "it"."""


def _show(tag: int) -> str:
    return f"({tag >> 16:04x},{tag & 0xFFFF:04x})"


class _Reader:
    def __init__(self, data: bytes, explicit: bool, big: bool = False) -> None:
        self.data, self.position = data, 0
        self.explicit, self.order = explicit, ">" if big else "<"

    def take(self, size: int, where: int) -> bytes:
        if self.position + size > len(self.data):
            raise Unreadable(f"is cut off: it ends in the element {_show(where)}")
        begin, end = self.position, self.position + size
        self.position = end
        return self.data[begin:end]

    def number(self, size: int, where: int) -> int:
        return int(struct.unpack(self.order + {2: "H", 4: "I"}[size], self.take(size, where))[0])

    def tag(self, before: int) -> int:
        return self.number(2, before) << 16 | self.number(2, before)

    def dataset(self, end: int | None, depth: int = 0) -> Dataset:
        """Up to the position ``end``, or to the mark that ends an item of no length."""
        found: Dataset = {}
        tag = 0
        while end is None or self.position < end:
            tag = self.tag(tag)
            if tag == _ITEM_END and end is None:
                self.take(4, tag)
                break
            kind = self.take(2, tag) if self.explicit else b"SQ" if tag in _SEQUENCES else b""
            if self.explicit and not (kind.isalpha() and kind.isupper()):
                raise Unreadable(f"is damaged: the element {_show(tag)} has no type")
            if not self.explicit:
                length = self.number(4, tag)
            elif kind in _LONG:
                self.take(2, tag)
                length = self.number(4, tag)
            else:
                length = self.number(2, tag)
            if kind == b"SQ" or length == _UNDEFINED:
                found[tag] = self.sequence(tag, length, depth + 1)
            else:
                found[tag] = self.take(length, tag)
        return found

    def sequence(self, tag: int, length: int, depth: int) -> list[Dataset]:
        if depth > _DEEPEST:
            raise Unreadable(f"is damaged: the sequence {_show(tag)} is nested too deeply")
        end = None if length == _UNDEFINED else self.position + length
        items = []
        while end is None or self.position < end:
            mark, size = self.tag(tag), self.number(4, tag)
            if mark == _SEQUENCE_END:
                break
            if mark != _ITEM:
                raise Unreadable(f"is damaged: the sequence {_show(tag)} has something else than items")
            items.append(self.dataset(None if size == _UNDEFINED else self.position + size, depth))
        return items


def read(data: bytes) -> Dataset:
    """The elements of a file, without its meta information. Raises Unreadable."""
    if not data:
        raise Unreadable("is empty")
    if data[128:132] != b"DICM":
        other = next((name for begin, name in _OTHERS if data.lstrip().startswith(begin)), "")
        raise Unreadable(
            f"is {other} and no DICOM file" if other else "is no DICOM file: DICM does not stand at byte 128"
        )
    reader = _Reader(data, explicit=True)
    reader.position = 132
    syntax = b""
    while data.startswith(b"\x02\x00", reader.position):
        begin = reader.position
        reader.position = begin + 6
        long = data.startswith(_LONG, begin + 4)
        if long:
            reader.take(2, 0x00020000)
        length = reader.number(4 if long else 2, 0x00020000)
        value = reader.take(length, 0x00020000)
        if data.startswith(b"\x10\x00", begin + 2):
            syntax = value
    name = syntax.rstrip(b"\0 ").decode("ascii", "replace")
    begin = reader.position
    body = data[begin:]
    if name == DEFLATED:
        try:
            body = zlib.decompressobj(-zlib.MAX_WBITS).decompress(body, _LARGEST)
        except zlib.error:
            raise Unreadable("is damaged: it cannot be unpacked") from None
    elif not name:
        raise Unreadable("does not say its transfer syntax")
    # What is not one of these is a compression of pixels, and the rest is explicit.
    reader = _Reader(body, explicit=name != IMPLICIT, big=name == BIG_ENDIAN)
    return reader.dataset(len(body))
