# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad worklist files: what the real Orthanc makes of each, and that the module names exactly those."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread, dcmwrite
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
)

from plugins.module_utils._dicom.worklist import problem
from tests.forwarder.test_scanner_side import ENTRIES, ScannersGateway, entry
from tests.kit.networks import Network

NAME = "Jaŋ^Fatou"


def changed(change: Callable[[Any], None]) -> bytes:
    """A good entry, and one thing about it that is not."""
    image = dcmread(io.BytesIO(entry(NAME, "A1")))
    change(image)
    file = io.BytesIO()
    image.save_as(file, enforce_file_format=False)
    return file.getvalue()


def in_syntax(syntax: UID) -> bytes:
    image = dcmread(io.BytesIO(entry(NAME, "A1")))
    image.file_meta.TransferSyntaxUID = syntax
    file = io.BytesIO()
    dcmwrite(
        file,
        image,
        force_encoding=True,
        little_endian=syntax != ExplicitVRBigEndian,
        implicit_vr=syntax == ImplicitVRLittleEndian,
    )
    return file.getvalue()


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as pack:
        pack.writestr("a1.wl", entry(NAME, "A1"))
    return file.getvalue()


def stations(image: Any) -> None:
    image.ScheduledProcedureStepSequence[0].ScheduledStationAETitle = ["SCANNER", "CT_2"]


GOOD = {
    "explicit": entry(NAME, "A1"),
    "implicit": in_syntax(ImplicitVRLittleEndian),
    "big endian": in_syntax(ExplicitVRBigEndian),
    "deflated": in_syntax(DeflatedExplicitVRLittleEndian),
    "syntax of a compression": in_syntax(JPEGLSLossless),
    "no set, ascii": entry("DOE^JANE", "A1", None),
}
BAD = {
    "empty": (b"", "is empty"),
    "first 300 bytes": (entry(NAME, "A1")[:300], "is cut off"),
    "without its last byte": (entry(NAME, "A1")[:-1], "is cut off"),
    "a zip": (zipped(), "is a ZIP archive"),
    "json": (json.dumps({"00100010": {"vr": "PN"}}).encode(), "is JSON"),
    "text": (b"DOE^JANE;A1\n" * 20, "is no DICOM file"),
    "no character set": (
        entry("Mueller", "A1", None).replace(b"Mueller", b"M\xfcller "),
        "no SpecificCharacterSet",
    ),
    "code extensions": (entry("Yamada^Tarou=山田^太郎", "A1", ["ISO 2022 IR 6", "ISO 2022 IR 87"]), "does not convert"),
    "not utf-8": (entry("Mueller", "A1").replace(b"Mueller", b"M\xfceller"), "bytes that are none of it"),
    "no such set": (entry(NAME, "A1").replace(b"ISO_IR 192", b"ISO_IR 999"), "does not convert"),
    "two scanners": (changed(stations), "is for several scanners (SCANNER\\CT_2)"),
    "no step": (
        changed(lambda image: delattr(image, "ScheduledProcedureStepSequence")),
        "ScheduledProcedureStepSequence",
    ),
}


def verdict(data: bytes, name: str = "a1.wl") -> str:
    return problem(name, io.BytesIO(data))


@pytest.mark.parametrize("case", GOOD)
def test_good_files_have_no_problem(case: str) -> None:
    assert verdict(GOOD[case]) == ""


@pytest.mark.parametrize("case", ENTRIES)
def test_good_character_sets_have_no_problem(case: str) -> None:
    charset, name = ENTRIES[case]
    assert verdict(entry(name, "A1", charset)) == ""


@pytest.mark.parametrize("case", BAD)
def test_bad_files_are_named(case: str) -> None:
    data, reason = BAD[case]
    assert reason in verdict(data)


def test_every_beginning_of_a_file_is_bad() -> None:
    data = entry(NAME, "A1")
    for size in range(len(data)):
        assert verdict(data[:size]), size


def test_other_mistakes_are_named() -> None:
    assert "does not end in .wl" in verdict(entry(NAME, "A1"), "a1.dcm")
    assert "larger than 1 MB" in verdict(b"x" * 1_100_000)
    for keyword in ("PatientName", "PatientID", "StudyInstanceUID"):
        assert verdict(changed(lambda image, keyword=keyword: setattr(image, keyword, ""))) == f"has no {keyword}"  # type: ignore[misc]
    for keyword in ("Modality", "ScheduledStationAETitle", "ScheduledProcedureStepStartDate"):

        def clear(image: Any, keyword: str = keyword) -> None:
            setattr(image.ScheduledProcedureStepSequence[0], keyword, "")

        assert verdict(changed(clear)) == f"has no {keyword}"


@pytest.fixture
def gateway(tmp_path: Path, network: Network) -> Iterator[ScannersGateway]:
    made = ScannersGateway(tmp_path, network)
    yield made
    made.server.remove()


# Some names are none that can be decoded, on purpose.
@pytest.mark.filterwarnings("ignore:Failed to decode byte string")
def test_orthanc_serves_the_good_ones_and_none_of_the_bad_ones_rightly(gateway: ScannersGateway) -> None:
    served: dict[str, bool] = {}
    files = {**GOOD, **{case: data for case, (data, __) in BAD.items()}}
    for case, data in files.items():
        for old in gateway.worklists.iterdir():
            old.unlink()
        (gateway.worklists / "a1.wl").write_bytes(data)
        (gateway.worklists / "other.wl").write_bytes(entry("OTHER", "A2"))
        found = gateway.find()
        assert "A2" in found, f"{case} keeps others from being served"
        wanted = "DOE^JANE" if case == "no set, ascii" else NAME
        served[case] = "A1" in found and str(found["A1"].PatientName) == wanted
    # A file without a step is served to every scanner, and none can do anything with it.
    assert {case for case, right in served.items() if right} == {*GOOD, "no step"}
