# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No tracked file names a machine's own path or a package host, or holds a mark for later work."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# With a letter in brackets, so that this file does not find itself.
_FORBIDDEN = (
    (re.compile(r"(?<![\w.])/(?:w[o]rk|h[o]me/\w+)/"), "a path of one machine"),
    (re.compile(r"\b(?:T[O]DO|F[I]XME|X[X]X)\b"), "a mark for later work"),
    (
        re.compile(r"\b(?:deb|security|snapshot)\.d[e]bian\.org\b|registry\.n[p]mjs|p[y]pi\.org|files\.p[y]thonhosted"),
        "the host name of a package source",
    ),
)
_IGNORED = {"LICENSE"}


def problems(name: str, text: str) -> Iterator[str]:
    """One line for each forbidden thing in ``text``, with its place."""
    for number, line in enumerate(text.splitlines(), 1):
        for pattern, what in _FORBIDDEN:
            found = pattern.search(line)
            if found:
                yield f"{name}:{number}: {what}: {found[0]!r}"


def main() -> int:
    """Check every tracked text file; exit code 1 when something is found."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found: list[str] = []
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if name in _IGNORED or not path.is_file() or path.is_symlink():
            continue
        try:
            found.extend(problems(name, path.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue
    print("\n".join(found) or "No leftovers.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
