# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples in the roles' READMEs are YAML, set what the roles know, and leave out nothing that a role needs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
_BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ROLES = sorted(path.parent for path in ROOT.glob("roles/*/README.md"))


def _options(role: str) -> dict[str, Any]:
    text = (ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
    options: dict[str, Any] = yaml.safe_load(text)["argument_specs"]["main"]["options"]
    return options


_KNOWN = {name: option for role in _ROLES for name, option in _options(role.name).items()}


def _blocks(readme: Path) -> list[str]:
    return _BLOCK.findall(readme.read_text(encoding="utf-8"))


def _wrong(value: Any, options: dict[str, Any], place: str = "") -> Iterator[str]:
    """Keys that no option has, and required ones that are missing below those that are there."""
    if not isinstance(value, dict):
        return
    for key, given in value.items():
        if key not in options:
            yield f"{place}{key} is no option"
        elif inner := options[key].get("options"):
            for one in given if isinstance(given, list) else [given]:
                yield from _wrong(one, inner, f"{place}{key}.")
                yield from (f"{place}{key}.{name} is missing" for name in _needed(inner) - set(one))


def _needed(options: dict[str, Any]) -> set[str]:
    return {name for name, option in options.items() if option.get("required")}


def _settings(content: Any) -> Iterator[dict[str, Any]]:
    """Every map of settings of roles in an example, wherever it stands."""
    if isinstance(content, dict):
        own = {
            key: value for key, value in content.items() if str(key).startswith(tuple(f"{one.name}_" for one in _ROLES))
        }
        if own:
            yield own
        for key, value in content.items():
            if key not in own:
                yield from _settings(value)
    elif isinstance(content, list):
        for value in content:
            yield from _settings(value)


def test_there_are_examples() -> None:
    assert sum(len(_blocks(role / "README.md")) for role in _ROLES) >= 9


@pytest.mark.parametrize("role", _ROLES, ids=lambda role: role.name)
def test_an_example_sets_what_the_roles_know(role: Path) -> None:
    for text in _blocks(role / "README.md"):
        for settings in _settings(yaml.safe_load(text)):
            assert list(_wrong(settings, _KNOWN)) == []


@pytest.mark.parametrize("role", _ROLES, ids=lambda role: role.name)
def test_an_example_of_a_play_gives_the_role_all_that_it_needs(role: Path) -> None:
    for text in _blocks(role / "README.md"):
        # One that says that it is shortened is not asked.
        if text.startswith("- hosts:") and "# ..." not in text:
            (play,) = yaml.safe_load(text)
            (used,) = play["roles"]
            assert used["role"] == f"mediverse.pacs.{role.name}"
            assert _needed(_options(role.name)) - set(used["vars"]) == set()
