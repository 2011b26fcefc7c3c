# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of reports: whole, for their owner alone, and no other folder's rights are touched."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import pytest
from ansible_collections.mediverse.pacs.plugins.plugin_utils._report_file import write_report


def mode(place: Path) -> str:
    return oct(place.stat().st_mode & 0o777)


def test_folders_that_are_made_are_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    file = tmp_path / "proof" / "demo" / "proof.json"
    write_report(file, "{}")
    write_report(file, "[]")
    assert file.read_text() == "[]"
    places = (file, file.parent, file.parent.parent, tmp_path)
    assert [mode(place) for place in places] == ["0o600", "0o700", "0o700", "0o755"]


@pytest.mark.parametrize(
    ("beside", "expected"),
    [(["proof.json", ".proof.xml-x1"], "0o700"), (["proof.json", "notes.txt"], "0o755"), ([], "0o755")],
    ids=["an earlier version's", "somebody's own", "empty"],
)
def test_a_folder_of_reports_alone_is_closed(beside: list[str], expected: str, tmp_path: Path) -> None:
    """Any other one is somebody's: the operator may have named /tmp."""
    for name in beside:
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(0o644)
    tmp_path.chmod(0o755)
    write_report(tmp_path / "proof.json", "{}")
    assert (mode(tmp_path), mode(tmp_path / "proof.json")) == (expected, "0o600")


def test_a_folder_of_somebody_else_takes_a_report_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "proof.json").write_text("old")
    tmp_path.chmod(0o770)
    with mock.patch.object(Path, "chmod", side_effect=PermissionError("not the owner")):
        write_report(tmp_path / "proof.json", "new")
    assert (mode(tmp_path), (tmp_path / "proof.json").read_text()) == ("0o770", "new")


def test_nothing_half_is_left(tmp_path: Path) -> None:
    write_report(tmp_path / "proof.json", "old")
    with mock.patch.object(Path, "replace", side_effect=OSError("disk")), pytest.raises(OSError, match="disk"):
        write_report(tmp_path / "proof.json", "new")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("proof.json", "old")]
