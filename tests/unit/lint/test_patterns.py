# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pattern of the roles that ends a value ends it: a dollar sign lets a line end through, and what follows it."""

from __future__ import annotations

import re

from tests.tools.parts import ROOT

_OPEN_END = re.compile(r"""(match(\(|',) ?|_form: )'[^']*\$'""")


def test_no_pattern_of_a_role_ends_with_a_dollar_sign() -> None:
    files = [path for folder in ("roles", "playbooks") for path in (ROOT / folder).rglob("*.yml")]
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in files
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if _OPEN_END.search(line)
    ]
    assert len(files) > 40
    assert found == []


def test_the_rule_can_find_one() -> None:
    assert _OPEN_END.search("that: name is match('[a-z]+$')")
    assert _OPEN_END.search("select('match', '[a-z]+$')")
    assert not _OPEN_END.search(r"that: name is match('[a-z]+\Z')")
