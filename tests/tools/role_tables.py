# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.tools.role_tables``: the tables of variables in the roles' READMEs, from their specifications.

``--check`` writes nothing and fails when a table is not what the specification gives. A table stands between two marks,
which a README must have; what is around them is written by hand.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import yaml

ROLES = Path(__file__).resolve().parents[2] / "roles"
BEGIN = "<!-- Made from meta/argument_specs.yml by `make tables`; change it there. -->"
END = "<!-- The end of what is made. -->"
_EMPTY = '""'
_MARKUP = re.compile(r"\b[CVOBIM]\((?:mediverse\.pacs\.|main:)?([^)]*)\)")


def table(options: dict[str, Any], computed: Collection[str] = ()) -> str:
    """The Markdown table of one entry point's ``options``; ``computed``: its names with a default elsewhere."""
    lines = ["| Variable | Type | Default | Meaning |", "| --- | --- | --- | --- |"]
    lines += [f"| {' | '.join(cells)} |" for cells in _rows(options, "", computed)]
    return "\n".join(lines)


def _rows(options: dict[str, Any], indent: str, computed: Collection[str]) -> Iterator[tuple[str, str, str, str]]:
    for name, option in options.items():
        shown = f"{indent}`{'.' if indent else ''}{name}`"
        yield shown, _type(option), _default(option, name in computed), _meaning(option)
        yield from _rows(option.get("options") or {}, f"{indent}&nbsp;&nbsp;", ())


def _type(option: dict[str, Any]) -> str:
    kind = option.get("type", "str")
    return f"{kind} of {option['elements']}" if kind == "list" and "elements" in option else str(kind)


def _default(option: dict[str, Any], computed: bool) -> str:
    if option.get("required"):
        return "required"
    value = option.get("default")
    if value is None:
        return "computed" if computed else ""
    if isinstance(value, str):
        return "computed" if "{{" in value else f"`{value or _EMPTY}`"
    return f"`{json.dumps(value)}`"


def _meaning(option: dict[str, Any]) -> str:
    said = option.get("description", "")
    text = " ".join(said if isinstance(said, list) else [said])
    if option.get("choices"):
        text += f" One of {', '.join(f'`{choice}`' for choice in option['choices'])}."
    return " ".join(_MARKUP.sub(r"`\1`", text).replace("|", "\\|").split())


def made(role: Path) -> str:
    """The README of a role with the table as its specification gives it; ValueError when the marks are missing."""
    spec = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]["main"]
    defaults = role / "defaults" / "main.yml"
    computed = yaml.safe_load(defaults.read_text(encoding="utf-8")) if defaults.is_file() else {}
    text = (role / "README.md").read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    __, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"roles/{role.name}/README.md lacks the marks around its table: {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{table(spec['options'], computed)}\n\n{END}{after}"


def main() -> int:
    """Write the tables, or say which ones differ."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.role_tables", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a table is not up to date")
    check = parser.parse_args().check
    stale = 0
    for role in sorted(path for path in ROLES.iterdir() if path.is_dir()):
        readme = role / "README.md"
        try:
            text = made(role)
        except ValueError as error:
            print(error)
            return 1
        if text == readme.read_text(encoding="utf-8"):
            continue
        stale += 1
        if check:
            print(f"roles/{role.name}/README.md: the table of variables is not up to date; run 'make tables'.")
        else:
            readme.write_text(text, encoding="utf-8")
            print(f"roles/{role.name}/README.md: written")
    return 1 if stale and check else 0


if __name__ == "__main__":
    sys.exit(main())
