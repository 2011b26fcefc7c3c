# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The made cases, the table of expectations, and the reading of frames."""

from __future__ import annotations

import fnmatch
import io
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from tests.field import cases, expect, frames
from tests.field.files import SMALL, File, _unique, collect


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {path.stem: path for path in cases.write(tmp_path_factory.mktemp("cases"))}


def test_the_same_cases_are_made_every_time(made: dict[str, Path], tmp_path: Path) -> None:
    assert len(made) >= 60
    for path in cases.write(tmp_path):
        assert path.read_bytes() == made[path.stem].read_bytes(), path.stem


def test_no_two_cases_have_one_identity(made: dict[str, Path]) -> None:
    uids = [str(dcmread(path, force=True).get("SOPInstanceUID", path.stem)) for path in made.values()]
    assert len(uids) == len(set(uids))


def test_cases_are_what_their_names_say(made: dict[str, Path]) -> None:
    def read(name: str) -> Dataset:
        return dcmread(made[name])

    assert "Modality" not in read("no_modality")
    assert read("empty_modality").Modality == ""
    assert "StudyInstanceUID" not in read("no_study_uid")
    assert read("two_patients_a").StudyInstanceUID == read("two_patients_b").StudyInstanceUID
    assert read("two_patients_a").PatientID != read("two_patients_b").PatientID
    assert made["vr_un"].read_bytes().count(b"UN\0\0") == 5
    assert read("vr_un").StudyDate == "20260102"
    assert str(read("charset_thai").PatientName) == cases.CHARACTER_SETS["thai"][1]


def test_frames_are_cut_where_they_begin(made: dict[str, Path]) -> None:
    ten = frames.sent(dcmread(made["frames_10"]))
    assert [frame.number for frame in ten] == [1, 10]
    assert ten[1].data == dcmread(made["frames_10"]).PixelData[-1600:]
    assert frames.sent(dcmread(made["pdf"])) == []
    swapped = frames.sent(dcmread(made["big_endian"]))[0].data
    assert swapped == dcmread(made["plain"]).PixelData
    runs = frames.sent(dcmread(made["run_lengths_of_frames"]))
    assert runs[0].data
    assert runs[0].data != runs[1].data


def test_a_frame_comes_out_of_its_envelope() -> None:
    body = b"--b\r\nContent-Type: x\r\nContent-Length: 4\r\n\r\nab\r\n\r\n--b--"
    assert frames.first_part('multipart/related; boundary="b"', body) == b"ab\r\n"
    assert frames.first_part("multipart/related; boundary=b", b"--b\r\nA: b\r\n\r\nab\r\n--b--") == b"ab"
    assert frames.same(b"ab\0", b"ab")
    assert not frames.same(b"ab", b"ac")
    assert not frames.same(b"ab\0\0", b"ab"), "a frame that lost black pixels at its end"


def test_the_table_names_files_that_exist() -> None:
    rows = expect.read()
    made = {f"case/{name}" for name in [*cases.ALTER, "truncated", "no_dicom"]}
    for pattern, found in rows:
        assert found.why
        if pattern.startswith("case/"):
            assert fnmatch.filter(sorted(made), pattern), pattern


@pytest.mark.parametrize(
    "text", ["- {file: x, why: y}", "- {file: x, sent: A700}", "- {file: x, sent: A700, why: y, z: 1}"]
)
def test_a_row_without_reason_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.yml").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="needs file, why"):
        expect.read(tmp_path / "x.yml")


def test_two_files_of_one_identity_become_two(made: dict[str, Path]) -> None:
    data = made["plain"].read_bytes()
    used: set[str] = set()
    first, second = (_unique(File(name, data), used) for name in ("a", "b"))
    uids = [str(dcmread(io.BytesIO(file.data)).SOPInstanceUID) for file in (first, second)]
    assert len(set(uids)) == 2
    assert second.changed
    assert len(first.data) == len(second.data)


def test_the_small_set_is_complete() -> None:
    assert {file.name for file in collect(small=True)} == set(SMALL)
