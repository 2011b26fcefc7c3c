# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that are sent: public test sets from packages of PyPI, and the cases that are made here.

Nothing of it is part of the repository. pydicom and pynetdicom are installed anyway; the others are fetched once, in
exactly these versions, into the state of the labs.
"""

from __future__ import annotations

import importlib.util
import io
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset

from tests.field import cases
from tests.lab.errors import LabError
from tests.lab.paths import STATE, private_directory

PACKAGES = ("pydicom-data==1.0.0", "deid==0.4.13")
_FETCHED = {"pydicom-data": "data_store/data", "deid": "deid/data"}
_INSTALLED = {"pydicom": "data", "pynetdicom": "tests/dicom_files"}
_NO_IMAGE = {".py", ".pyc", ".txt", ".json", ".md", ".zip", ".xml", ".jpg", ".png", ".csv", ".gz", ".jsonl", ".inv"}
_NAMES = (0x00080016, 0x00080018, 0x0020000D, 0x0020000E)
SMALL = (
    "case/plain",
    "case/implicit",
    "case/big_endian",
    "case/run_lengths_of_frames",
    "case/rgb_by_plane",
    "case/no_modality",
    "case/empty_modality",
    "case/vr_un",
    "case/pdf",
    "case/sr_report",
    "case/nested_40",
    "case/no_study_uid",
    "case/ybr422_raw",
    "case/truncated",
    "case/charset_utf_8",
    "case/charset_kanji",
    "pydicom/test_files/JPEG2000.dcm",
    "pydicom/test_files/JPEG-lossy.dcm",
    "pydicom/test_files/SC_rgb_jpeg_gdcm.dcm",
    "pydicom/test_files/MR_small_RLE.dcm",
    "pydicom/test_files/JPEGLSNearLossless_08.dcm",
    "pydicom/test_files/dicomdirtests/DICOMDIR",
    "pydicom/test_files/liver_1frame.dcm",
)
"""A file of each kind: what `make test` sends."""


@dataclass(frozen=True)
class File:
    """One file: a name that says where it comes from, and its bytes. ``changed``: the UID was taken by another file."""

    name: str
    data: bytes
    changed: bool = False

    def dataset(self) -> Dataset | None:
        """What pydicom reads in it, None where that is nothing."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return dcmread(io.BytesIO(self.data), force=True)
            except Exception:
                return None


def collect(small: bool) -> list[File]:
    """All files, or the small set. A UID that stands in several files is made different in all but one."""
    found = []
    used: set[str] = set()
    for name, path in _paths(small):
        if small and name not in SMALL:
            continue
        found.append(_unique(File(name, path.read_bytes()), used))
    if small and len(found) != len(SMALL):
        missing = sorted(set(SMALL) - {file.name for file in found})
        raise LabError(f"The small set of files lacks {', '.join(missing)}: run 'make setup' and again.")
    return found


def _paths(small: bool) -> Iterator[tuple[str, Path]]:
    made = private_directory(STATE / "field" / "cases")
    yield from ((f"case/{path.stem}", path) for path in cases.write(made))
    folders = {name: _home(name) / folder for name, folder in _INSTALLED.items()}
    if not small:
        place = _fetch()
        folders |= {name: place / folder for name, folder in _FETCHED.items()}
    for source, folder in folders.items():
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix.lower() not in _NO_IMAGE and "__pycache__" not in path.parts:
                yield f"{source}/{path.relative_to(folder).as_posix()}", path


def _home(package: str) -> Path:
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise LabError(f"The Python package {package} is missing: run 'make setup' and run again.")
    return Path(found.origin).parent


def _fetch() -> Path:
    """The packages that only this needs, in a directory of their own."""
    place = private_directory(STATE / "field") / "packages"
    stamp = place / ".packages"
    wanted = "\n".join(PACKAGES)
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return place
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--upgrade",
    ]
    done = subprocess.run([*command, "--target", str(place), *PACKAGES], capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise LabError(
            f"The public files could not be fetched ({said[0][:200]}): check that pip reaches its index and run again."
        )
    stamp.write_text(wanted, encoding="utf-8")
    return place


def _unique(file: File, used: set[str]) -> File:
    dataset = file.dataset()
    uid = str(dataset.get("SOPInstanceUID", "")) if dataset else ""
    if not uid or uid not in used:
        used.add(uid)
        return file
    for number in range(10**4):
        digits = f"{number:04d}"
        new = uid[: -len(digits)] + digits
        changed = File(file.name, file.data.replace(uid.encode(), new.encode()), changed=True)
        again = changed.dataset()
        same = (
            again is not None
            and dataset is not None
            and all(again.get(tag) == dataset.get(tag) for tag in _NAMES if tag != 0x00080018)
        )
        if (
            new not in used
            and not uid.endswith(".")
            and same
            and again is not None
            and str(again.SOPInstanceUID) == new
        ):
            used.add(new)
            return changed
        if number > 9 and again is not None and str(again.get("SOPInstanceUID", "")) == uid:
            break
    # Its identifier cannot be changed in place (a compressed data set): it replaces the other on purpose.
    return file
