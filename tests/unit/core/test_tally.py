# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many things in one sentence."""

from __future__ import annotations

from collections import Counter

from ansible_collections.mediverse.pacs.plugins.module_utils._site.tally import first_few, many, tally


def test_reasons_are_counted() -> None:
    assert tally(Counter(["x", "y", "x"])) == "2 (x); 1 (y)"
    assert tally(dict.fromkeys("abcd", 1)) == "1 (a); 1 (b); 1 (c) and others"
    assert tally({}) == ""


def test_one_thing_is_no_plural() -> None:
    assert [many(count, "image") for count in (0, 1, 2)] == ["0 images", "1 image", "2 images"]
    assert [many(count, "study", "studies") for count in (1, 11)] == ["1 study", "11 studies"]


def test_names_follow_their_reason() -> None:
    assert tally({"x": 5, "y": 1}, {"x": list("abcd")}) == "5 (x): a, b, c and others; 1 (y)"


def test_those_without_a_name_are_others_too() -> None:
    assert first_few(["a", "b"], 2) == "a, b"
    assert first_few(["a", "b"], 3) == "a, b and others"
