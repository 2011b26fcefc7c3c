# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from tests.tools import gates


def test_a_link_that_leads_out_of_the_archive_is_dead(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text(
        "[b](b.md#part) [c](../c.md) [d](../tests/d.md) [e](https://e.example) [f](#f)"
    )
    (tmp_path / "docs" / "b.md").write_text("")
    (tmp_path / "c.md").write_text("")
    assert list(gates.dead_links(tmp_path)) == ["docs/a.md: ../tests/d.md leads to nothing"]


def test_a_copy_loses_what_is_no_longer_tracked_and_its_sum_tells_of_a_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, place = tmp_path / "root", tmp_path / "place"
    root.mkdir()
    (root / "a").write_text("1")
    (root / "b").write_text("2")
    monkeypatch.setattr(gates, "ROOT", root)
    monkeypatch.setattr(gates, "tracked", lambda: sorted(path.name for path in root.iterdir()))
    first = gates.copy_to(place)
    assert gates.copy_to(place) == first
    (root / "b").unlink()
    (root / "a").chmod(0o755)
    assert gates.copy_to(place) != first
    assert [path.name for path in place.iterdir()] == ["a"]
    assert (place / "a").stat().st_mode & 0o111
