# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the logins of people who may open a viewer, before anything is changed for them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..module_utils.nginx_proxy_manager.access_list import check_items

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

# Every browser and curl send these alike; nobody knows as which bytes others are sent.
_PASSWORD = re.compile(r"[!-,.-~][ -~]*")


def reader_problems(people: Any, variable: str, own: Sequence[str] = (), shortest: int = 1) -> list[str]:
    """Sentences that name the variable, the person and what is expected; nothing of a password."""
    if people is None or people == "":
        return []
    if isinstance(people, Mapping):
        people = [{"username": name, "password": password} for name, password in people.items()]
    elif not isinstance(people, list) or not all(isinstance(one, Mapping) and "username" in one for one in people):
        return [f"{variable} is no mapping of names and passwords, such as {{anna: a password from the vault}}."]
    found = []
    for one in people:
        name, password = str(one["username"]), one.get("password")
        if name in own:
            found.append(f"{variable} names {name!r}, which is the site's own login; take another name.")
        if not isinstance(password, str) or not _PASSWORD.fullmatch(password) or len(password) < shortest:
            found.append(
                f"{variable} has a password of {name!r} that is not usable; expected a text of at least {shortest} "
                "printable ASCII characters that begins with neither a hyphen nor a space and has no line break, "
                "not even at its end."
            )
    try:
        check_items([{**one, "password": None} for one in people])
    except ValueError as error:
        found.append(f"{variable} {error}.")
    return found


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name and function."""
        return {"reader_problems": reader_problems}
