# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of transfer syntaxes as the screens of scanners show them, in groups short enough for a printed page.

The UIDs are those of DICOM PS3.6, table A-1. Of the JPEG processes that DICOM has retired only the number is of use.
"""

from __future__ import annotations

from collections.abc import Iterable

_ROOT = "1.2.840.10008.1.2"

_GROUPS: tuple[tuple[str, dict[str, str]], ...] = (
    (
        "Uncompressed",
        {
            "": "Implicit VR Little Endian",
            ".1": "Explicit VR Little Endian",
            ".2": "Explicit VR Big Endian",
            ".1.99": "Deflated Explicit VR Little Endian",
        },
    ),
    (
        "JPEG",
        {
            ".4.70": "Lossless, Process 14 SV1",
            ".4.57": "Lossless, Process 14",
            ".4.50": "Baseline, Process 1 (lossy)",
            ".4.51": "Extended, Process 2 & 4 (lossy)",
        },
    ),
    ("JPEG-LS", {".4.80": "Lossless", ".4.81": "Near-lossless (lossy)"}),
    (
        "JPEG 2000",
        {
            ".4.90": "Lossless only",
            ".4.91": "JPEG 2000 (lossy)",
            ".4.92": "Part 2 Lossless only",
            ".4.93": "Part 2 (lossy)",
        },
    ),
    ("HTJ2K", {".4.201": "Lossless only", ".4.202": "RPCL Lossless only", ".4.203": "HTJ2K (lossy)"}),
    ("JPEG XL", {".4.110": "Lossless", ".4.111": "JPEG Recompression", ".4.112": "JPEG XL (lossy)"}),
    ("RLE", {".5": "RLE Lossless"}),
    (
        "Video",
        {
            **{f".4.{number}": "MPEG-2" for number in (100, 101)},
            **{f".4.{number}": "MPEG-4 AVC" for number in range(102, 107)},
            **{f".4.{number}": "HEVC" for number in (107, 108)},
        },
    ),
)
_RETIRED = {f"{_ROOT}.4.{number}" for number in (*range(52, 57), *range(58, 67))}
_OTHER = {".4.94": "JPIP", ".4.95": "JPIP Deflate", ".6.1": "RFC 2557 MIME", ".6.2": "XML"}


def in_groups(uids: Iterable[str]) -> list[tuple[str, list[str]]]:
    """``(group, names)`` of the UIDs, each of which is found once; one without a name stands there itself."""
    left = set(uids)
    found: list[tuple[str, list[str]]] = []
    for group, names in _GROUPS:
        has = [(uid, name) for end, name in names.items() if (uid := f"{_ROOT}{end}") in left]
        left -= {uid for uid, __ in has}
        if has:
            # The levels and profiles of a video are no use on paper.
            found.append((group, list(dict.fromkeys(name for __, name in has))))
    retired = left & _RETIRED
    left -= retired
    other = [f"{len(retired)} retired JPEG processes"] if retired else []
    for end, name in _OTHER.items():
        if f"{_ROOT}{end}" in left:
            left.remove(f"{_ROOT}{end}")
            other.append(name)
    other += sorted(left)
    return [*found, ("Other", other)] if other else found
