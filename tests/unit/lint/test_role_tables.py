# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of variables in the READMEs of the roles."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tools.role_tables import BEGIN, END, ROLES, made, table


def test_a_row_says_all_that_the_specification_says() -> None:
    options = {
        "r_pull": {
            "type": "str",
            "choices": ["always", "never"],
            "default": "never",
            "description": "When. See O(main:r_x).",
        },
        "r_x": {"type": "list", "elements": "int", "default": [1, 2], "description": ["One.", "V(1|2) or C(${)."]},
        "r_peer": {"required": True, "description": "P.", "options": {"url": {"description": "U.", "default": ""}}},
        "r_root": {"type": "path", "default": "/opt/{{ r_x }}", "description": "Where."},
    }
    assert table(options).splitlines()[2:] == [
        "| `r_pull` | str | `never` | When. See `r_x`. One of `always`, `never`. |",
        "| `r_x` | list of int | `[1, 2]` | One. `1\\|2` or `${`. |",
        "| `r_peer` | str | required | P. |",
        '| &nbsp;&nbsp;`.url` | str | `""` | U. |',
        "| `r_root` | path | computed | Where. |",
    ]


@pytest.mark.parametrize("role", sorted(ROLES.iterdir()), ids=lambda role: role.name)
def test_what_stands_around_a_table_stays(role: Path) -> None:
    text = (role / "README.md").read_text()
    assert made(role).partition(BEGIN)[0] == text.partition(BEGIN)[0]
    assert made(role).partition(END)[2] == text.partition(END)[2]


def test_a_readme_without_the_marks_is_refused(tmp_path: Path) -> None:
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "argument_specs.yml").write_text("argument_specs: {main: {options: {}}}")
    (tmp_path / "README.md").write_text("# role")
    with pytest.raises(ValueError, match="lacks the marks"):
        made(tmp_path)
