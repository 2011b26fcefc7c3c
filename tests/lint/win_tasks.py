# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the tasks of YAML files that call Windows modules, and checks their arguments without any host.

The specification comes from the module's own PowerShell source, as in the simulated Windows. Where an action plugin
stands before the module (win_copy, win_template, win_reboot), its documented options are what a task may use.
Values with a template are taken as given, whatever they will be.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ansible
import yaml

from tests.lab.winrm.arguments import ArgumentError, check_arguments
from tests.lab.winrm.psliteral import LiteralError
from tests.lab.winrm.spec import ModuleSpec, Option, read_spec

COLLECTIONS = Path(ansible.__file__).parent.parent / "ansible_collections"
_MODULE = re.compile(r"(?:(ansible|community|microsoft)\.(windows)\.)?(win_\w+)")
_WITH_ACTION = {"win_copy", "win_template", "win_reboot", "win_updates"}
_FREE_FORM = {"win_command", "win_shell"}
_LINE = "__line__"


def installed(collection: str) -> tuple[int, ...]:
    """The version of an installed collection, such as ``(3, 8, 0)`` for ``ansible.windows``."""
    manifest = json.loads((COLLECTIONS / collection.replace(".", "/") / "MANIFEST.json").read_text(encoding="utf-8"))
    return tuple(int(part) for part in manifest["collection_info"]["version"].split("."))


@dataclasses.dataclass(frozen=True)
class Task:
    """``module``: as written; ``arguments``: a mapping, or text; ``defaults``: stands under module_defaults."""

    file: Path
    line: int
    module: str
    arguments: Any
    defaults: bool


class _Loader(yaml.SafeLoader):
    """Remembers the line of every mapping and reads Ansible's own tags as plain text."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    out: dict[Any, Any] = loader.construct_mapping(node, deep=True)
    out[_LINE] = node.start_mark.line + 1
    return out


def _tagged(loader: _Loader, suffix: str, node: yaml.Node) -> str:
    return "{{ tagged }}"


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
_Loader.add_multi_constructor("!", _tagged)


def tasks(file: Path) -> Iterator[Task]:
    """The tasks of a file that call a Windows module. Raises yaml.YAMLError."""
    content = yaml.load(file.read_text(encoding="utf-8"), _Loader)
    yield from _walk(file, content, defaults=False)


def _walk(file: Path, node: Any, *, defaults: bool) -> Iterator[Task]:
    if isinstance(node, list):
        for item in node:
            yield from _walk(file, item, defaults=defaults)
    if not isinstance(node, dict):
        return
    for key, value in node.items():
        if isinstance(key, str) and _MODULE.fullmatch(key):
            extra = node.get("args")
            arguments = {**value, **extra} if isinstance(value, dict) and isinstance(extra, dict) else value
            if isinstance(value, str) and isinstance(extra, dict):
                arguments = {"_raw_params": value, **extra}
            yield Task(file, node.get(_LINE, 0), key, arguments, defaults)
        yield from _walk(file, value, defaults=defaults or key == "module_defaults")


def problem(task: Task) -> str | None:
    """What is wrong with the arguments of a task, None if nothing is."""
    match = _MODULE.fullmatch(task.module)
    if match is None or match.group(1) is None:
        return "write the full name of the module, such as ansible.windows.win_copy"
    short = match.group(3)
    try:
        spec = _spec(f"{match.group(1)}/{match.group(2)}", short)
    except (FileNotFoundError, LiteralError) as error:
        return f"its specification could not be read ({error})"
    if spec is None:
        return None
    arguments = task.arguments
    if isinstance(arguments, str):
        if short not in _FREE_FORM:
            return "write the arguments as a mapping"
        arguments = {"_raw_params": arguments}
    arguments = {key: value for key, value in (arguments or {}).items() if key != _LINE}
    relaxed = _relaxed(spec, arguments, partial=task.defaults)
    try:
        check_arguments(short, relaxed, _plain(arguments))
    except ArgumentError as error:
        return str(error)
    if spec.legacy:
        known = {name for name, option in spec.options.items()} | {a for o in spec.options.values() for a in o.aliases}
        unknown = sorted(set(arguments) - known)
        if unknown:
            return f"the module ignores what it does not know: {', '.join(unknown)}"
    return None


def _templated(value: Any) -> bool:
    if isinstance(value, str):
        return "{{" in value or "{%" in value
    if isinstance(value, dict):
        return any(_templated(item) for item in value.values())
    return isinstance(value, list) and any(_templated(item) for item in value)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if key != _LINE}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _relaxed(spec: ModuleSpec, arguments: dict[str, Any], *, partial: bool) -> ModuleSpec:
    """The specification with every option open whose value is a template; ``partial``: nothing is required."""
    options = {}
    for name, option in spec.options.items():
        given = [arguments[key] for key in (name, *option.aliases) if key in arguments]
        change: dict[str, Any] = {"required": False} if partial else {}
        if any(_templated(value) for value in given):
            change |= {"type": "raw", "choices": [], "elements": None, "rules": None}
        options[name] = dataclasses.replace(option, **change)
    loose: dict[str, Any] = {"required_if": [], "required_one_of": [], "required_together": []} if partial else {}
    return dataclasses.replace(spec, options=options, **loose)


@functools.cache
def _spec(collection: str, name: str) -> ModuleSpec | None:
    folder = COLLECTIONS / collection / "plugins"
    source = folder / "modules" / f"{name}.ps1"
    if name in _WITH_ACTION or not source.exists():
        return _documented(folder / "modules" / f"{name}.py")
    utilities = [file.read_text(encoding="utf-8-sig") for file in sorted((folder / "module_utils").glob("*.psm1"))]
    if collection != "ansible/windows":
        shared = COLLECTIONS / "ansible/windows/plugins/module_utils"
        utilities += [file.read_text(encoding="utf-8-sig") for file in sorted(shared.glob("*.psm1"))]
    return read_spec(source.read_text(encoding="utf-8-sig"), utilities)


def _documented(file: Path) -> ModuleSpec:
    """Names, types and choices out of a module's documentation."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in tree.body:
        named = isinstance(node, ast.Assign) and any(getattr(t, "id", "") == "DOCUMENTATION" for t in node.targets)
        if named and isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            options = yaml.safe_load(str(node.value.value)).get("options") or {}
            return ModuleSpec(
                supports_check_mode=True,
                options={
                    name: Option(
                        type=raw.get("type", "raw") if raw.get("type") != "path" else "str",
                        required=bool(raw.get("required")),
                        choices=list(raw.get("choices") or []),
                        aliases=list(raw.get("aliases") or []),
                    )
                    for name, raw in options.items()
                },
            )
    raise FileNotFoundError(f"{file.name} has no documentation")
