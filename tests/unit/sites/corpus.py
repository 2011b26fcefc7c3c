# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the corpus: site files with one mistake each, and unusual ones that are right, written as people write them.

A case begins with ``## what it is``. It changes ``base.sites.yml`` by whole lines, or is a file of its own:

- ``- port: 11112`` takes out the one line that reads so, ``+ port: 0104`` puts another in its place, as far indented;
  a ``+`` without a ``-`` before it goes to the end of the file as it stands;
- ``| plugin: x`` is a line of a file of its own;
- ``@ crlf`` and other words say how the file is written: see ``_WRITTEN``;
- ``=> path | words | words`` is a problem that must be reported, with these words in it, ``(file)`` being the whole
  file, and ``=> ok`` says that the file is right. There are as many problems as such lines, and no others.

No message may repeat ``SECRET``, which stands for a password in many cases.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).with_name("corpus")
BASE = (FOLDER / "base.sites.yml").read_text(encoding="utf-8")
SECRET = "Bijilo4ever"

_WRITTEN: dict[str, Callable[[str], bytes]] = {
    "utf-8": lambda text: text.encode(),
    "bom": lambda text: codecs.BOM_UTF8 + text.encode(),
    "crlf": lambda text: text.replace("\n", "\r\n").encode(),
    "latin-1": lambda text: text.encode("latin-1"),
    "utf-16": lambda text: text.encode("utf-16"),
    "utf-16-le": lambda text: text.encode("utf-16-le"),
    "no newline": lambda text: text.rstrip("\n").encode(),
    # For characters that an editor would not show: Python's escapes, such as \x00.
    "escapes": lambda text: text.encode().decode("unicode-escape").encode(),
}


@dataclass
class Case:
    """One file of the corpus: its bytes, and the path and the words of each problem; none when it is right."""

    name: str
    where: str
    content: bytes = b""
    problems: list[tuple[str, list[str]]] = field(default_factory=list)


def cases() -> list[Case]:
    """All cases, in the order of the files."""
    return [case for path in sorted(FOLDER.glob("*.txt")) for case in _cases(path)]


def _cases(path: Path) -> Iterator[Case]:
    blocks = path.read_text(encoding="utf-8").split("\n## ")
    line = blocks[0].count("\n") + 2
    for block in blocks[1:]:
        name, *lines = block.split("\n")
        yield _case(name.strip(), f"{path.name}:{line}", lines)
        line += len(lines) + 1


def _case(name: str, where: str, lines: list[str]) -> Case:
    case = Case(name, where)
    base, own, written, place, right = BASE.splitlines(), [], "utf-8", None, False
    for line in lines:
        sign, __, rest = line.partition(" ")
        if sign == "-":
            found = [at for at, known in enumerate(base) if known.strip() == rest.strip()]
            assert len(found) == 1, f"{where}: the base has {len(found)} lines {rest.strip()!r}"
            place = found[0]
            indent = base[place][: len(base[place]) - len(base[place].lstrip())]
            del base[place]
        elif sign == "+" and place is not None:
            base.insert(place, f"{indent}{rest}")
            place += 1
        elif sign == "+":
            base.append(rest)
        elif sign == "|":
            own.append(rest)
        elif sign == "@":
            written = rest
        elif line == "=> ok":
            right = True
        elif sign == "=>":
            reported, *words = rest.split(" | ")
            case.problems.append(("" if reported == "(file)" else reported, words))
        else:
            assert not line.strip() or sign == "#", f"{where}: {line!r} means nothing"
    assert right != bool(case.problems), f"{where}: what is expected?"
    case.content = _WRITTEN[written]("".join(f"{line}\n" for line in (own or base)))
    return case
