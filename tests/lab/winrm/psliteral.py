# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads PowerShell literals: just enough to take ``$spec = @{...}`` out of a module's source.

``parse(text, position)`` gives Python values: hash tables are dicts, arrays lists, strings, numbers, booleans and None.
What can only be known by running the script (variables, calls, casts of script blocks) is ``UNKNOWN``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final


class _Unknown:
    def __repr__(self) -> str:
        return "UNKNOWN"

    def __bool__(self) -> bool:
        return False


UNKNOWN: Final = _Unknown()
CONSTANTS: Final = {"true": True, "false": False, "null": None}
Resolve = Callable[[str], Any]

_SKIP = re.compile(r"(?:\s+|`\r?\n|<\#.*?\#>|\#[^\n]*)+", re.S)
_TOKEN = re.compile(
    r"""(?P<open>@\{|@\()
      | (?P<here>@'\r?\n.*?\r?\n'@|@"\r?\n.*?\r?\n"@)
      | (?P<cast>\[[A-Za-z][\w.,\[\] ]*\](?!::))
      | (?P<single>'(?:[^']|'')*')
      | (?P<double>"(?:[^"`]|`.|"")*")
      | (?P<variable>\$[\w:]+(?:\.\w+)*)
      | (?P<number>-?\d+(?:\.\d+)?(?![\w.]))
      | (?P<word>[A-Za-z_][\w-]*)
      | (?P<mark>[{}()=;,+])
    """,
    re.S | re.X,
)


class LiteralError(ValueError):
    """The text at the given place is not a literal that this reader knows."""


class _Reader:
    def __init__(self, text: str, position: int, resolve: Resolve) -> None:
        self.text, self.position, self._resolve = text, position, resolve

    def peek(self) -> tuple[str, str]:
        """(kind, text) of the next token, ("end", "") at the end, ("other", c) for anything else."""
        skipped = _SKIP.match(self.text, self.position)
        if skipped:
            self.position = skipped.end()
        if self.position >= len(self.text):
            return "end", ""
        match = _TOKEN.match(self.text, self.position)
        if not match:
            return "other", self.text[self.position]
        return str(match.lastgroup), match.group()

    def take(self) -> tuple[str, str]:
        kind, text = self.peek()
        self.position += len(text)
        return kind, text

    def expect(self, mark: str) -> None:
        found = self.take()[1]
        if found != mark:
            line = self.text.count("\n", 0, self.position) + 1
            raise LiteralError(f"line {line}: expected {mark!r}, found {found!r}")

    def value(self) -> Any:
        """One value with its comma list and its ``+`` expressions."""
        first = self.atom()
        while self.peek()[1] == "+":
            self.take()
            other = self.atom()
            first = first + other if isinstance(first, list) and isinstance(other, list) else UNKNOWN
        if self.peek()[1] != ",":
            return first
        items = [first]
        while self.peek()[1] == ",":
            self.take()
            items.append(self.atom())
        return items

    def atom(self) -> Any:
        kind, text = self.peek()
        if kind == "open":
            self.take()
            return self._table() if text == "@{" else self._array()
        if text == ",":  # the unary comma makes an array of one
            self.take()
            return [self.atom()]
        if kind == "cast":
            self.take()
            return self.atom()
        if text in ("{", "("):
            self._skip_balanced()
            return UNKNOWN
        if kind in ("end", "other", "mark"):
            raise LiteralError(f"unexpected {text!r} in a literal")
        self.take()
        return self._scalar(kind, text)

    def _scalar(self, kind: str, text: str) -> Any:
        if kind == "variable":
            name = text[1:].lower()
            return CONSTANTS[name] if name in CONSTANTS else self._resolve(text[1:])
        if kind == "number":
            return float(text) if "." in text else int(text)
        if kind == "single":
            return text[1:-1].replace("''", "'")
        if kind == "double":
            return UNKNOWN if "$" in text else re.sub(r"`(.)", r"\1", text[1:-1]).replace('""', '"')
        if kind == "here":
            return text[2:-2].strip("\r\n")
        return text

    def _table(self) -> dict[str, Any]:
        out: dict[str, Any] = {}
        while True:
            kind, text = self.take()
            if text == "}":
                return out
            if text == ";":
                continue
            if kind not in ("word", "single", "double", "number"):
                raise LiteralError(f"unexpected key {text!r} in a hash table")
            self.expect("=")
            out[str(self._scalar(kind, text))] = self.value()

    def _array(self) -> list[Any]:
        out: list[Any] = []
        while True:
            text = self.peek()[1]
            if text == ")":
                self.take()
                return out
            if text in (",", ";"):
                self.take()
                continue
            out.append(self.atom())

    def _skip_balanced(self) -> None:
        depth = 0
        while True:
            kind, text = self.take()
            if kind == "end":
                raise LiteralError("a bracket is not closed")
            if text in ("{", "(", "@{", "@("):
                depth += 1
            elif text in ("}", ")"):
                depth -= 1
                if depth == 0:
                    return


def parse(text: str, position: int = 0, resolve: Resolve = lambda __: UNKNOWN) -> Any:
    """The literal at ``position``; ``resolve`` gives the values of variables. Raises LiteralError."""
    return _Reader(text, position, resolve).value()
