# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Switches of the roles: ``-e name=false`` gives a string, which counts as true wherever it is not made a boolean."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROLES = Path(__file__).resolve().parents[3] / "roles"
EXPRESSIONS = ("when", "that", "until", "failed_when", "changed_when")
"""Options that hold an expression without braces."""
QUOTED = re.compile(r"'[^']*'")
JINJA = re.compile(r"\{\{(.*?)\}\}|\{%(.*?)%\}", re.DOTALL)

PASSED_ON = re.compile(r"\{\{ \w+ \}\}")
"""The option of a module or of another role gets the variable as it is, and looks after it itself."""


class Loader(yaml.SafeLoader):
    """Takes Ansible's own tags for what they mark."""


Loader.add_multi_constructor("!", lambda loader, __, node: loader.construct_scalar(node))


def switches(role: str) -> list[str]:
    specs = yaml.safe_load((ROLES / role / "meta" / "argument_specs.yml").read_text())["argument_specs"]
    options = [option for entry in specs.values() for option in (entry.get("options") or {}).items()]
    return sorted({name for name, option in options if option["type"] == "bool"})


def expressions(data: Any, bare: bool = False) -> Iterator[str]:
    if isinstance(data, dict):
        for key, value in data.items():
            yield from expressions(value, key in EXPRESSIONS)
    elif isinstance(data, list):
        for value in data:
            yield from expressions(value, bare)
    elif isinstance(data, str) and bare:
        yield data
    elif isinstance(data, str) and not PASSED_ON.fullmatch(data):
        yield from ("".join(found) for found in JINJA.findall(data))


def uses(role: str) -> Iterator[tuple[str, str]]:
    """The name of a file of the role, and an expression in it."""
    for file in sorted((ROLES / role).rglob("*")):
        if file.suffix == ".j2":
            found = expressions(file.read_text())
        elif file.suffix == ".yml" and file.parent.name not in ("meta", "defaults"):
            found = expressions(yaml.load(file.read_text(), Loader))
        else:
            continue
        yield from ((str(file.relative_to(ROLES)), text) for text in found)


@pytest.mark.parametrize("role", sorted(folder.name for folder in ROLES.iterdir() if folder.is_dir()))
def test_switches_are_made_booleans(role: str) -> None:
    bare = [re.compile(rf"\b{name}\b(?!\s*\|\s*bool\b)") for name in switches(role)]
    assert not [(file, text) for file, text in uses(role) for name in bare if name.search(QUOTED.sub("''", text))]
