# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the bytes of a site file into plain data, and finds what a YAML parser would silently swallow.

YAML takes ``no`` for false, ``0104`` for 68 and ``20:11:22:33:44:55`` for a number. Here a plain word is a text or a
number in plain decimal; everything else becomes ``Misread``, which no rule accepts.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import yaml

from ..module_utils._rules.logins import is_known_password, names_a_secret

# The parser in C is some ten times faster; not every build of PyYAML has it.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# Stands for a value about which something was said already.
REPORTED = object()

_PLAIN = "tag:yaml.org,2002:"
_DEEPEST = 12
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
# What YAML lets nobody write as it is; a tab is allowed between words.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")
_ENCODINGS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SECRET_WORD = re.compile(
    r"((?:pass(?:word|wd|phrase)?|pwd|secret|token|api_?key|credential|private_?key)s?\s*[:=\s]\s*).+",
    re.IGNORECASE | re.DOTALL,
)
_NO_SECRETS = (
    "a site file holds no secrets; give them to the playbook as mediverse_secrets, from Ansible Vault or any lookup."
)


@dataclass(frozen=True)
class Problem:
    """One mistake: the dotted path of the value, and a sentence that says what is there and what is expected."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


@dataclass(frozen=True)
class Misread:
    """A plain word that YAML takes for something else than a text or a plain number, and for what."""

    text: str
    reads: str


def dotted(parent: str, key: object) -> str:
    """The path of a key below its parent, ``sites.kanifing.cloud``, on one line and without a secret."""
    shown = _shown(str(key))
    return f"{parent}.{shown}" if parent else shown


@lru_cache(maxsize=1024)
def _shown(key: str) -> str:
    shown = key if key.isprintable() else repr(key)
    return veiled(shown if len(shown) <= 60 else f"{shown[:56]}...")


@lru_cache(maxsize=1024)
def _is_secret(key: str) -> bool:
    """Whether a key announces a secret, or holds one because the space behind the colon is missing."""
    return names_a_secret(key) or veiled(key) != key


def veiled(text: str) -> str:
    """The text without what follows a word such as ``password:``."""
    return _SECRET_WORD.sub(r"\1****", text)


def load(raw: bytes, loader: Any = LOADER) -> tuple[Any, list[Problem]]:
    """Plain data and the problems of the text itself. The data is ``REPORTED`` when the file cannot be read."""
    text, problem = _decoded(raw)
    if problem:
        return REPORTED, [problem]
    node, unreadable = _composed(text, loader)
    if unreadable:
        return REPORTED, [Problem("", unreadable)]
    if node is None:
        return REPORTED, [Problem("", "the file is empty; expected the keys plugin, domain, hub and sites.")]
    tree = _Tree()
    return tree.build(node, "", 0), tree.problems


def parsed(raw: bytes, loader: Any = LOADER) -> tuple[yaml.Node | None, str | None]:
    """The nodes of any YAML file, and the sentence about one that cannot be read; it repeats nothing of the file."""
    text, problem = _decoded(raw)
    return (None, str(problem)) if problem else _composed(text, loader)


def _composed(text: str, loader: Any) -> tuple[yaml.Node | None, str | None]:
    try:
        return yaml.compose(text, Loader=loader), None
    except yaml.YAMLError as error:
        return None, _syntax(error, text, loader)
    except RecursionError:
        return None, "the file is nested too deeply; expected maps as in the example."


def _decoded(raw: bytes) -> tuple[str, Problem | None]:
    if raw.startswith(_ENCODINGS) or (b"\x00" in raw[:4] and raw.strip(b"\x00")):
        return "", Problem("", "the file is in UTF-16 or UTF-32; save it as UTF-8.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return "", Problem("", f"line {line} is not UTF-8; save the file as UTF-8.")
    if found := _CONTROL.search(text):
        line = text.count("\n", 0, found.start()) + 1
        return "", Problem("", f"line {line} holds the control character U+{ord(found[0]):04X}; take it out.")
    return text, None


class _Tree:
    """Builds the data from the nodes, because only they tell how a value was written."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._built: dict[int, Any] = {}
        self._open: set[int] = set()

    def build(self, node: yaml.Node, path: str, depth: int) -> Any:
        """The value of a node: dict, list, str, int, None, ``Misread`` or ``REPORTED``."""
        if isinstance(node, yaml.ScalarNode):
            return self._value(node, path, depth)
        key = id(node)
        if key in self._open:
            return self._report(path, f"line {_line(node)}: the alias stands for itself; expected a plain value.")
        if key in self._built:
            return self._built[key]
        if depth > _DEEPEST:
            return self._report(path, f"line {_line(node)} is nested too deeply; expected maps as in the example.")
        self._open.add(key)
        self._built[key] = self._value(node, path, depth)
        self._open.remove(key)
        return self._built[key]

    def _value(self, node: yaml.Node, path: str, depth: int) -> Any:
        kind = node.tag[len(_PLAIN) :] if node.tag.startswith(_PLAIN) else ""
        if isinstance(node, yaml.MappingNode) and kind == "map":
            return self._map(node, path, depth)
        if isinstance(node, yaml.SequenceNode) and kind == "seq":
            return [self.build(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and kind in _SCALARS:
            return _SCALARS[kind](node.value)
        # The name of a tag is not repeated: it may be a secret that begins with '!'.
        if "vault" in node.tag:
            return self._report(path, f"line {_line(node)}: {_NO_SECRETS}")
        return self._report(
            path,
            f"line {_line(node)} holds a tag, a word that begins with '!'; expected a plain value, which is quoted "
            "when it begins so.",
        )

    def _map(self, node: yaml.MappingNode, path: str, depth: int) -> Any:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key, value in node.value:
            line = _line(key)
            if key.tag == f"{_PLAIN}merge":
                self._merge(merged, self.build(value, path, depth + 1), path, line)
                continue
            if not isinstance(key, yaml.ScalarNode):
                self._report(
                    path,
                    f"line {line} has a map or a list in the place of a key; expected a word. Braces and brackets in "
                    "a text must be quoted, and a site file is not rendered.",
                )
                self.build(value, path, depth + 1)
                continue
            name = key.value
            below = dotted(path, name)
            if name in lines:
                self._report(below, f"the key stands twice, in lines {lines[name]} and {line}; expected once.")
                continue
            lines[name] = line
            if _is_secret(name):
                own[name] = self._secret(value, below)
                continue
            found = self.build(key, below, depth)
            if not isinstance(found, str):
                reads = found.reads if isinstance(found, Misread) else "a number" if name else "empty"
                self._report(below, f"line {line}: YAML reads the key {name} as {reads}; expected a word, so quote it.")
            own[name] = self.build(value, below, depth + 1)
        # Of a map without any other key, such as {{ hub }}, enough was said.
        return {**merged, **own} or (REPORTED if node.value else {})

    def _merge(self, merged: dict[str, Any], found: Any, path: str, line: int) -> None:
        parts = [part for part in (found if isinstance(found, list) else [found]) if part is not REPORTED]
        if not all(isinstance(part, dict) for part in parts):
            self._report(dotted(path, "<<"), f"line {line}: only a map can be merged; expected an alias of one.")
            return
        for part in parts:
            for name, value in part.items():
                merged.setdefault(name, value)

    def _secret(self, value: yaml.Node, path: str) -> Any:
        burned = (
            " This one is a well-known password: change it where it is used."
            if isinstance(value, yaml.ScalarNode) and is_known_password(value.value)
            else ""
        )
        return self._report(path, f"{_NO_SECRETS}{burned}")

    def _report(self, path: str, message: str) -> Any:
        self.problems.append(Problem(path, message))
        return REPORTED


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _number(text: str) -> int | Misread:
    if _DECIMAL.fullmatch(text):
        return int(text)
    digits = text.replace("_", "").lower()
    kind, base = "the number", 10
    for prefix, name, value in (("0x", "hexadecimal", 16), ("0b", "binary", 2), ("0", "octal", 8)):
        if digits.lstrip("+-").startswith(prefix) and ":" not in digits:
            kind, base = f"the {name} number", value
            break
    if len(digits) > 18 or ":" in digits:
        return Misread(text, "a number in base 60" if ":" in digits else "a number")
    try:
        return Misread(text, f"{kind} {int(digits.lstrip('+-').removeprefix('0x').removeprefix('0b'), base)}")
    except ValueError:
        return Misread(text, "a number")


def number(node: yaml.ScalarNode) -> str | None:
    """What YAML reads in a number that begins with 0 or holds a colon: ``the octal number 192``; else None."""
    if node.tag != f"{_PLAIN}int":
        return None
    found = _number(node.value)
    if not isinstance(found, Misread) or not (":" in node.value or node.value.lstrip("+-").startswith("0")):
        return None
    return found.reads


_SCALARS: dict[str, Any] = {
    "str": str,
    "value": str,
    "merge": str,
    "int": _number,
    "float": lambda text: Misread(text, "a number in base 60" if ":" in text else "a number"),
    "bool": lambda text: Misread(text, "true or false"),
    "null": lambda text: Misread(text, "empty") if text else None,
    "timestamp": lambda text: Misread(text, "a date"),
}

# What the parsers say (in C, in Python), and what is wrong then. Their words may repeat a piece of the file.
_SYNTAX = (
    (
        "expected escape sequence|escape character|hexdecimal|hexadecimal",
        "a backslash in double quotes begins a special character; write the value in single quotes",
    ),
    (
        "mapping values are not allowed",
        "a second ': ' stands in one line, or the line is indented wrongly; quote the value, or correct the indent",
    ),
    ("quoted scalar", "the quote that opens here is never closed"),
    ("alias|anchor", "a word begins with '*' or '&'; quote it when it is meant as a value"),
    ("tag|URI", "a word begins with '!'; quote it when it is meant as a value"),
    ("document", "a second document begins, or '---' or '...' stands inside the file; expected one document"),
    ("directive", "a line begins with '%'; quote it when it is meant as a value"),
    (
        "flow (mapping|sequence)|flow entry",
        "the brace or bracket that opens here is never closed, or a comma or a ': ' is missing behind it",
    ),
    (
        "expected ':'|expected key|simple key|block (end|mapping|collection|sequence|entry)|indentation",
        "a ': ' is missing, the indentation differs from its neighbours', or a value needs quotes",
    ),
    ("nest", "the file is nested too deeply"),
)


def _syntax(error: yaml.YAMLError, text: str, loader: Any) -> str:
    """What is wrong with a file that cannot be parsed, with the line and without a word of the file."""
    said = f"{getattr(error, 'context', None) or ''} {getattr(error, 'problem', None) or ''}"
    mark, start = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    hint = next((hint for words, hint in _SYNTAX if re.search(words, said)), "it does not follow YAML's grammar")
    quote = _long_quote(text, mark, loader) if mark else None
    if quote:
        mark, hint = quote.start_mark, f"the quote that opens here is closed in line {quote.end_mark.line + 1} only"
    elif "cannot start any token" in said and mark:
        before = "".join(text.splitlines()[mark.line : mark.line + 1])[: mark.column + 1]
        hint = (
            "a tab stands there; indent with spaces"
            if "\t" in before
            else "a word begins with a special character; quote it"
        )
    elif "opens here" in hint and start:
        mark = start
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return f"{where}the file is not valid YAML: {hint}."


def _long_quote(text: str, mark: yaml.Mark, loader: Any) -> yaml.Token | None:
    """The quoted text over several lines that ends where the parser stumbled: its own end is missing most likely."""
    last = None
    try:
        for token in yaml.scan(text, Loader=loader):
            if token.start_mark.line > mark.line:
                break
            if isinstance(token, yaml.ScalarToken) and token.style in ("'", '"'):
                last = token if token.start_mark.line < token.end_mark.line == mark.line else last
    except yaml.YAMLError:
        pass
    return last
