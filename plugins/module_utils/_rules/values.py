# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text, whole numbers and folders, and how a value is shown in a sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Optional

Rule = Callable[[Any], Optional[str]]
"""A value to what is wrong with it; None when nothing is."""

_LONGEST_SHOWN = 60
# Of a login in a URL; greedy, because a password may hold an @ itself.
_PASSWORD = re.compile(r"([^\s/@:]*):\S*@")
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,17})", re.ASCII)
_ON = frozenset({"yes", "on", "true", "1", "y", "t"})
_SWITCHES = _ON | {"no", "off", "false", "0", "n", "f"}
_FOLDER = re.compile(r"(?:/[A-Za-z0-9._-]+)+")
_CHECKSUM = re.compile(r"[0-9A-Fa-f]{64}")
_MODE = re.compile(r"[0-7]{3,4}")
_PLAIN = re.compile(r"[A-Za-z0-9._-]+")
_WINDOWS_PATH = re.compile(r"""[A-Za-z]:(?:\\[^\\/:*?"<>|\x00-\x1f\x7f]+)+""")
_WINDOWS_FOLDER = re.compile(r"[A-Za-z]:(?:\\[A-Za-z0-9_-]+)+")


def kind(value: Any) -> str:
    """What sort of value it is, in words: ``a map``, ``a list``, ``true or false``, ``a number``, ``empty``."""
    if isinstance(value, bool):
        return "true or false"
    if value is None:
        return "empty"
    for types, words in ((str, "a text"), ((int, float), "a number"), (Mapping, "a map"), (Sequence, "a list")):
        if isinstance(value, types):
            return words
    return f"a {type(value).__name__}"


def show(value: Any) -> str:
    """How a value appears in a sentence: in quotes and never longer than a line. Of maps and lists only what they are,
    because nobody knows what stands in them; of a login in a URL the name.
    """
    if value is not None and not isinstance(value, (str, int, float)):
        return kind(value)
    text = repr(_PASSWORD.sub(r"\1:***@", str(value)) if isinstance(value, str) else value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 4]}...'"


def text(value: Any) -> str | None:
    """A string that is not empty."""
    if not isinstance(value, str):
        hint = "; quote it" if isinstance(value, (int, float)) else ""
        return f"is {kind(value)}; expected a text{hint}"
    return None if value.strip() else "is empty; expected a text"


def one_line(longest: int, without: str = "") -> Rule:
    """The rule for one printable line of at most ``longest`` characters, with none of the characters ``without``."""

    def rule(value: Any) -> str | None:
        words = " or ".join(repr(character) for character in without)
        expected = f"expected one line of 1 to {longest} printable characters{f' without {words}' if words else ''}"
        wrong = text(value)
        if wrong:
            return f"{wrong.partition(';')[0]}; {expected}"
        if len(value) > longest:
            return f"has {len(value)} characters; {expected}"
        if not value.isprintable() or any(character in value for character in without):
            return f"has a character that cannot stand there; {expected}"
        return None

    return rule


def whole(value: Any, low: int, high: int, what: str = "a whole number") -> str | None:
    """A whole number from ``low`` to ``high``, as a number or in plain decimal digits, as templates make them.

    Signs, spaces, underscores, leading zeros and other bases are no plain decimal: one reader takes them for another
    number than the next one.
    """
    found = number(value)
    if found is None or not low <= found <= high:
        return f"is not {what}; expected {what} from {low} to {high}"
    return None


def number(value: Any) -> int | None:
    """The number that a value is in plain decimal, None for anything else; see :func:`whole`."""
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    return int(value) if isinstance(value, str) and _WHOLE.fullmatch(value) else None


def switch(value: Any) -> str | None:
    """True or false, in any of Ansible's spellings."""
    if str(value).lower() not in _SWITCHES or not isinstance(value, (bool, int, str)):
        return "is neither true nor false; expected one of them"
    return None


def is_on(value: Any) -> bool:
    """What a switch says."""
    return str(value).lower() in _ON


def within(low: int, high: int, what: str = "a whole number") -> Rule:
    """The rule for a whole number in these bounds."""
    return lambda value: whole(value, low, high, what)


def choice(*known: str) -> Rule:
    """The rule for one of some words."""
    return lambda value: None if isinstance(value, str) and value in known else f"is none of {', '.join(known)}"


def plain(longest: int) -> Rule:
    """The rule for a name that no tool has to quote; a number is one, too."""

    def rule(value: Any) -> str | None:
        name = str(value) if number(value) is not None else value
        if not isinstance(name, str) or len(name) > longest or not _PLAIN.fullmatch(name):
            return f"is no plain name; expected 1 to {longest} letters, digits, dots, underscores and dashes"
        return None

    return rule


def mode(value: Any) -> str | None:
    """The permissions of a file under Linux. A number is refused: YAML reads it as decimal, or as octal."""
    if not isinstance(value, str) or not _MODE.fullmatch(value):
        return "is no mode; expected three or four octal digits in quotes, such as '2750'"
    return None


def checksum(value: Any) -> str | None:
    """A SHA-256 in hexadecimal digits."""
    if not isinstance(value, str) or not _CHECKSUM.fullmatch(value):
        return "is no SHA-256 checksum; expected 64 hexadecimal digits in quotes"
    return None


def controllers_path(value: Any) -> str | None:
    """A file on the controller, whatever directory a run is started from."""
    if not isinstance(value, str) or not value.startswith("/") or not value.isprintable():
        return "is no absolute path; expected one of a file on the controller"
    return None


def folder(value: Any) -> str | None:
    """An absolute directory under Linux, at least one level below the root, in characters that no tool has to quote."""
    wrong = text(value)
    if wrong:
        return wrong
    if not _FOLDER.fullmatch(value) or {".", ".."} & set(value.split("/")):
        end = " without a slash at its end" if value.endswith("/") else ""
        return f"is not a directory; expected an absolute path{end} of letters, digits, '.', '_' and '-'"
    return None


def windows_path(value: Any) -> str | None:
    """A folder or file below a drive of Windows, in characters that Windows takes."""
    if not isinstance(value, str) or not _WINDOWS_PATH.fullmatch(value):
        return "is no absolute path of Windows; expected one below a drive, such as C:\\ProgramData\\Mediverse"
    return None


def windows_folder(value: Any) -> str | None:
    """A folder below a drive of Windows. Orthanc's database fails on paths with spaces and letters outside ASCII."""
    if not isinstance(value, str) or not _WINDOWS_FOLDER.fullmatch(value):
        return (
            "is not a folder; expected one below a drive, of letters, digits, '-' and '_', such as C:\\Orthanc, "
            "because Orthanc's database fails on others"
        )
    return None
