# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the logins of people who may open a viewer, before anything is changed for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..module_utils._rules import logins

DOCUMENTATION = r"""
name: reader_problems
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
short_description: What is wrong with the logins of people who may open a viewer
description:
  - Looks at the people of an access list, as a list of C(username) and C(password), or as a mapping of names and
    passwords.
  - No sentence holds a password.
positional: _input
options:
  _input:
    description: The people.
    type: raw
    required: true
  variable:
    description: The name of the variable in which they stand.
    type: str
    required: true
  own:
    description: Names that stand for the site already.
    type: list
    elements: str
    default: []
  shortest:
    description: The fewest characters of a password.
    type: int
    default: 1
"""

EXAMPLES = r"""
problems: "{{ mediverse_viewers | mediverse.pacs.reader_problems('mediverse_viewers', own=['viewer'], shortest=12) }}"
"""

RETURN = r"""
_value:
  description: Sentences; an empty list when nothing is wrong.
  type: list
  elements: str
"""


def reader_problems(people: Any, variable: str, own: Sequence[str] = (), shortest: int = 1) -> list[str]:
    """Sentences that name the variable, the person and what is expected; nothing of a password."""
    return list(logins.readers(people, variable, own, shortest))


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name and function."""
        return {"reader_problems": reader_problems}
