# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nginx lines that a task may add to a host, and what they must not do.

The server puts them into its configuration as they are. So they are read here the way nginx reads them: a closing brace
too many would leave the host's block, and a location of their own would not have the host's access list.

Lines with a secret stand behind the visible ones in the same property of the server, after a comment that tells where
they begin.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

HIDDEN = "# mediverse.pacs: hidden lines"

# What lets somebody past an access list, and how. `deny` and `auth_delay` are missing, because they only take away, and
# so are `return`, `error_page`, `try_files`, `internal` and whatever answers in the place of a server behind: each of
# them was seen to give nothing of it without a login.
_NOT_COVERED = " to which its access list would not apply"
_OTHER_RULES = ", a rule of its own beside its access list"
# nginx asks no login of the pages that it fetches by itself.
_FETCHES = ", which fetches pages past its access list"
_ADDRESSES = ", after which visitors could tell its access list any address"
# Where a certificate authority looks for its challenges everybody may, and the lines of a host hold there as well.
_WRITES = ", with which everybody could leave files where its access list does not apply"
_PROGRAM = ", a program of which nobody knows whether its access list would apply"
_OPENS = {
    **dict.fromkeys(("location", "include", "limit_except"), _NOT_COVERED),
    **dict.fromkeys(("allow", "satisfy"), _OTHER_RULES),
    **dict.fromkeys(("mirror", "ssi", "add_before_body", "add_after_body"), _FETCHES),
    **dict.fromkeys(("srcache_fetch", "srcache_store", "fancyindex_header", "fancyindex_footer"), _FETCHES),
    **dict.fromkeys(("set_real_ip_from", "real_ip_header", "real_ip_recursive"), _ADDRESSES),
    "dav_methods": _WRITES,
}
# By how a name begins: another module that asks who somebody is lets in whom it knows, where one of the two is enough.
_OPENING_KINDS = {"auth_": _OTHER_RULES, "js_": _PROGRAM, "perl": _PROGRAM}
_HARMLESS = ("auth_delay",)
_TOKEN = re.compile(
    r"""\s+ | \#[^\n]* | (?P<end>[;{}])
      | (?P<word> "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' | (?!["'])(?:\\.|\$\{|[^\s;{\\])+ )""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Statement:
    """One directive: its words, and how many blocks it stands in."""

    words: tuple[str, ...]
    depth: int


def statements(text: str) -> Iterator[Statement]:
    """The directives of some lines; raises ValueError with a clause when they do not stand on their own."""
    words: list[str] = []
    depth = place = 0
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None:
            raise ValueError("has a quotation mark or a backslash without its end")
        place = found.end()
        word, end = found["word"], found["end"]
        if word:
            if word[0] in "\"'" and place < len(text) and text[place] not in " \t\r\n;{)":
                raise ValueError("has a quotation mark in the middle of a word")
            words.append(word)
        elif end == "}":
            if words or depth == 0:
                raise ValueError("has a '}' that ends nothing of its own")
            depth -= 1
        elif end:
            if not words:
                raise ValueError(f"has a {end!r} without a directive")
            yield Statement(tuple(words), depth)
            words = []
            depth += end == "{"
    if words or depth:
        raise ValueError("ends in the middle of a directive or block (a ';' or '}' is missing)")


def check(text: str) -> None:
    """Refuse lines that do not stand on their own, and our own marks."""
    if "# mediverse.pacs:" in text:
        raise ValueError("must not contain the marks of this collection ('# mediverse.pacs:')")
    list(statements(text))


def opens(text: str) -> tuple[str, str] | None:
    """The first directive that would let somebody past an access list, and the part of a sentence that says how."""
    for statement in _parts(text):
        name = statement.words[0].strip("\"'").lower()
        how = _OPENS.get(name, _PROGRAM if "_by_lua" in name else "")
        if name not in _HARMLESS:
            how = how or next((why for start, why in _OPENING_KINDS.items() if name.startswith(start)), "")
        if how:
            return " ".join(statement.words), how
    return None


def rewrites(text: str) -> bool:
    """Whether there is a ``rewrite``, through which known faults of nginx run foreign code."""
    return any(statement.words[0].strip("\"'").lower() == "rewrite" for statement in _parts(text))


def _parts(text: str) -> Iterator[Statement]:
    try:
        yield from statements(text)
    except ValueError:
        # What stands on the server and cannot be read lets everybody past, as far as we know.
        yield Statement(("include", "something that cannot be read"), 0)


def join(shown: str, hidden: str) -> str:
    """Visible and hidden lines as the server keeps them."""
    return "\n".join(part for part in (shown, f"{HIDDEN}\n{hidden}" if hidden else "") if part)


def split(text: str) -> tuple[str, str]:
    """Visible and hidden lines."""
    shown, _mark, hidden = text.partition(HIDDEN)
    return shown.strip(), hidden.strip()


def scrub(reason: str, secrets: Iterable[str]) -> str:
    """nginx's reason without the words of hidden lines: it quotes what it does not understand."""
    for text in secrets:
        try:
            words = {word for statement in statements(text) for word in statement.words[1:]}
        except ValueError:
            words = set(text.split())
        bare = {word.strip("\"'") for word in words} | {part for word in words for part in re.findall(r"\w{4,}", word)}
        for word in sorted(bare, key=len, reverse=True):
            if len(word) > 3:
                reason = reason.replace(word, "********")
    return reason
