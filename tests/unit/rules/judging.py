# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules and cases for them: what a rule lets pass, and what it refuses with which words.

The cases come from the standards and from what the servers do, not from the code. Each right one was taken by the
product that the case is about.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.mediverse.pacs.plugins.module_utils._rules.values import Rule

Right = list[tuple[Rule, list[Any]]]
Wrong = list[tuple[Rule, list[tuple[Any, str]]]]


def singly(right: Right) -> list[tuple[Rule, Any]]:
    """Each right value with its rule."""
    return [(rule, value) for rule, many in right for value in many]


def worded(wrong: Wrong) -> list[tuple[Rule, Any, str]]:
    """Each wrong value with its rule and the words that tell why."""
    return [(rule, *case) for rule, many in wrong for case in many]


def refuse(rule: Rule, value: Any, words: str) -> None:
    """The rule refuses the value with these words, in a clause that callers can go on with."""
    clause = rule(value)
    assert clause is not None
    assert words in clause
    assert clause[-1] not in ".;: "
    assert "\n" not in clause
