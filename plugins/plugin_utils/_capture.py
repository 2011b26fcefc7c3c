# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module returned on Windows, as a file that may leave the hospital. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from ..module_utils._engine.secrets import MASK, masked, masker
from ..module_utils._rules.logins import names_a_secret

FORMAT = 1
_IN_AN_ADDRESS = re.compile(r"://[^/@:\s]*:([^/@\s]+)@")
COLLECTIONS = ("ansible.windows.", "community.windows.")
# Contents of files, scripts' answers and HTTP: a model needs their shape, and they may tell of patients.
_RETURNED = frozenset(
    {"content", "diff", "host_out", "json", "output", "raw_content", "result", "stdout", "stdout_lines"}
)
_GIVEN = frozenset({"body", "content"})
# Of the connection and of Ansible, not of the module.
_NOT_THE_MODULES = frozenset({"ansible_facts", "exception", "deprecations", "warnings", "attempts", "retries"})


def secrets_in(variables: Any, keyed: bool = False) -> Iterator[str]:
    """Texts below a key that announces a secret, such as ``ansible_password`` or ``secrets``, at any depth.

    The password in an address, such as that of a proxy, is one under any key.
    """
    if isinstance(variables, Mapping):
        for key, value in variables.items():
            yield from secrets_in(value, keyed or names_a_secret(str(key)))
    elif isinstance(variables, (list, tuple)):
        for value in variables:
            yield from secrets_in(value, keyed)
    elif isinstance(variables, str) and variables:
        if keyed:
            yield variables
        for password in _IN_AN_ADDRESS.findall(variables):
            yield from (password, unquote(password))


def shape(value: Any) -> Any:
    """The same structure with the name of its type in the place of each value; a list is told by its first element."""
    if isinstance(value, Mapping):
        return {str(key): shape(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [shape(value[0])] if value else []
    if value is None:
        return "none"
    return {"bool": "bool", "int": "int", "float": "float"}.get(type(value).__name__, "str")


def _cleaned(value: Any, contents: frozenset[str], keyed: bool = False) -> Any:
    """Without what stands below a key that announces a secret, and of contents the shape alone."""
    if isinstance(value, Mapping):
        return {
            str(key): shape(part)
            if key in contents and part
            else _cleaned(part, contents, keyed or names_a_secret(str(key)))
            for key, part in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_cleaned(part, contents, keyed) for part in value]
    return MASK if keyed and isinstance(value, str) and value else value


def fixture(
    module: str,
    arguments: Mapping[str, Any],
    check: bool,
    result: Mapping[str, Any],
    secrets: Iterable[str],
    users: Iterable[str],
) -> dict[str, Any]:
    """One call of a module as it may be kept: no secret in any spelling, no content.

    secrets   texts that may stand nowhere.
    users     names with which one of them may be joined, as HTTP's Basic login does.
    """
    known = set(secrets)
    hide = masker((user, secret) for secret in known for user in ("", *users))
    kept = {key: value for key, value in result.items() if key not in _NOT_THE_MODULES and not key.startswith("_")}
    made = {
        "format": FORMAT,
        "module": module,
        "check_mode": check,
        "arguments": _cleaned({key: value for key, value in arguments.items() if not key.startswith("_")}, _GIVEN),
        "result": _cleaned(kept, _RETURNED),
    }
    return dict(masked(made, hide, keys=True))


def differences(expected: Any, found: Any, where: str = "") -> list[str]:
    """How the shape of an answer differs from a recorded one: a sentence for each key."""
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        out: list[str] = []
        for key in sorted({*expected, *found}):
            place = f"{where}.{key}" if where else str(key)
            if key not in found:
                out.append(f"{place} is missing; Windows answers {expected[key]}")
            elif key not in expected:
                out.append(f"{place} is not answered by Windows")
            else:
                out += differences(expected[key], found[key], place)
        return out
    if isinstance(expected, list) and isinstance(found, list):
        # Of an empty list nobody knows what it would hold.
        return differences(expected[0], found[0], f"{where}[]") if expected and found else []
    return [] if expected == found else [f"{where} is {found}; Windows answers {expected}"]
