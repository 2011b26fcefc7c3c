# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the text of a site file into plain data, and finds what a YAML parser would silently swallow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

_PLAIN_TAGS = {
    f"tag:yaml.org,2002:{kind}" for kind in ("map", "seq", "str", "int", "float", "bool", "null", "timestamp")
}
_PLAIN_TAGS |= {"tag:yaml.org,2002:merge", "tag:yaml.org,2002:value"}


@dataclass(frozen=True)
class Problem:
    """One mistake: the dotted path of the value, and a sentence that says what is there and what is expected."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


def dotted(parent: str, key: object) -> str:
    """The path of a key below its parent, ``sites.kanifing.cloud``."""
    return f"{parent}.{key}" if parent else str(key)


def load(text: str) -> tuple[Any, list[Problem]]:
    """Plain data and the problems of the text itself: syntax, duplicate keys, tags. Data is None when unreadable."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        return None, [Problem("", f"the file is not valid YAML: {_where(error)}.")]
    if node is None:
        return None, [Problem("", "the file is empty; expected plugin, domain, hub and sites.")]
    problems = list(_swallowed(node, "", set()))
    if any(problem.message.startswith("the tag") for problem in problems):
        return None, problems
    try:
        return yaml.safe_load(text), problems
    except (yaml.YAMLError, ValueError, TypeError) as error:
        return None, [*problems, Problem("", f"the file is not valid YAML: {_where(error)}.")]


def _where(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    text = getattr(error, "problem", None) or str(error)
    return f"{text}, line {mark.line + 1}, column {mark.column + 1}" if mark else " ".join(str(text).split())


def _swallowed(node: yaml.Node, path: str, seen: set[int]) -> Iterator[Problem]:
    if id(node) in seen:
        return
    seen.add(id(node))
    if node.tag not in _PLAIN_TAGS:
        hint = (
            " Secrets do not belong here; give them to the playbook as mediverse_secrets."
            if "vault" in node.tag
            else ""
        )
        yield Problem(path, f"the tag {node.tag} cannot stand in a site file; expected a plain value.{hint}")
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _swallowed(item, f"{path}[{index}]", seen)
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            below = dotted(path, key.value if isinstance(key, yaml.ScalarNode) else "?")
            if isinstance(key, yaml.ScalarNode):
                if key.value in lines:
                    yield Problem(
                        below, f"the key stands twice, in lines {lines[key.value]} and {line}; expected once."
                    )
                lines[key.value] = line
            yield from _swallowed(value, below, seen)
