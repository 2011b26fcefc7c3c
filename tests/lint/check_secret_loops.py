# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.lint.check_secret_loops [folder...]``: no task loops over what must not be shown.

Ansible prints the item of a loop when its task fails, whatever ``label`` says. So a loop may run neither over the
results of a task with ``no_log``, nor over an option that an argument specification marks as secret, nor over anything
that was made of the two by ``vars``, ``set_fact`` or a file of variables. What is left of them after ``length``, or
after ``map(attribute=...)`` with the name of something that is no secret, may be looped over: names, for instance.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.lint.references import RESULT, SECRET, Taint, kind_of

ROOT = Path(__file__).resolve().parents[2]
_LINE = "__line__"
_BLOCKS = ("block", "rescue", "always")
_LISTS = ("tasks", "pre_tasks", "post_tasks", "handlers")
# A task that includes others prints the item beside the name of the file, with no_log as without.
_INCLUDES = ("include_tasks", "include_role", "import_tasks", "import_role", "import_playbook", "include_vars")
# Modules whose result is hidden by themselves, and holds secrets.
_SECRETIVE = ("mediverse.pacs.site_secrets",)


class _Loader(yaml.SafeLoader):
    """Remembers the line of every mapping and reads Ansible's own tags as plain text."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    out: dict[Any, Any] = loader.construct_mapping(node, deep=True)
    out[_LINE] = node.start_mark.line + 1
    return out


def _tagged(loader: _Loader, suffix: str, node: yaml.Node) -> str:
    return ""


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
_Loader.add_multi_constructor("!", _tagged)


@dataclass
class _Scope:
    """What was found: what may not be shown, assignments of variables, and loops with their place."""

    taints: Taint = field(default_factory=dict)
    assigned: list[tuple[str, Any]] = field(default_factory=list)
    loops: list[tuple[Path, int, str, Any]] = field(default_factory=list)


def _read(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), _Loader) if path.is_file() else None  # a SafeLoader


def _assign(scope: _Scope, values: Any) -> None:
    for name, value in values.items() if isinstance(values, Mapping) else ():
        if name != _LINE:
            scope.assigned.append((str(name), value))


def _walk(scope: _Scope, path: Path, entries: Any, hidden: bool) -> None:
    """Every task below; ``hidden``: something above it has no_log."""
    for task in entries if isinstance(entries, list) else ():
        if not isinstance(task, Mapping):
            continue
        # A template may be true.
        covered = hidden or task.get("no_log") not in (None, False)
        _assign(scope, task.get("vars"))
        for key in (*_BLOCKS, *_LISTS):
            _walk(scope, path, task.get(key), covered)
        for key, value in task.items():
            name = str(key)
            if name.rsplit(".", 1)[-1] == "set_fact":
                _assign(scope, value)
            if name in _SECRETIVE and "register" in task:
                scope.taints[str(task["register"])] = SECRET
        if covered and "register" in task:
            scope.taints[str(task["register"])] = RESULT
        includes = any(str(key).rsplit(".", 1)[-1] in _INCLUDES for key in task)
        for key, value in task.items():
            if (key == "loop" or str(key).startswith("with_")) and (includes or not covered):
                scope.loops.append((path, int(task.get(_LINE, 0)), str(task.get("name", "")), value))


def _secret_options(options: Any, top: str = "") -> Iterator[tuple[str, str]]:
    """``(option, attribute)`` for each secret; the attribute is empty for an option that is one itself."""
    for name, spec in options.items() if isinstance(options, Mapping) else ():
        if not isinstance(spec, Mapping):
            continue
        if spec.get("no_log"):
            yield (top, name) if top else (name, "")
        yield from _secret_options(spec.get("options"), top or name)


def _collect(root: Path) -> tuple[_Scope, frozenset[str]]:
    """Everything below ``root``, and the attributes that are secret; names of variables are those of one role."""
    scope = _Scope()
    secret: set[str] = set()
    for specification in sorted(root.glob("roles/*/meta/argument_specs.yml")):
        for one in ((_read(specification) or {}).get("argument_specs") or {}).values():
            for option, attribute in _secret_options(one.get("options") if isinstance(one, Mapping) else None):
                scope.taints[option] = SECRET
                secret.add(attribute)
    for pattern in ("roles/*/vars/**/*.yml", "roles/*/defaults/**/*.yml"):
        for path in sorted(root.glob(pattern)):
            _assign(scope, _read(path))
    for pattern in ("roles/*/tasks/**/*.yml", "roles/*/handlers/**/*.yml", "playbooks/**/*.yml"):
        for path in sorted(root.glob(pattern)):
            content = _read(path)
            _assign(scope, content)
            _walk(scope, path, content, hidden=False)
    return scope, frozenset(secret - {""})


def problems(root: Path) -> Iterator[str]:
    """One line for each loop over something that must not be shown."""
    scope, secret = _collect(root)
    grown = True
    while grown:
        grown = False
        for name, value in scope.assigned:
            kind = kind_of(value, scope.taints, secret)
            if kind and scope.taints.get(name) not in (RESULT, kind):
                scope.taints[name] = kind
                grown = True
    for path, line, task, value in scope.loops:
        kind = kind_of(value, scope.taints, secret)
        if kind:
            what = "the result of a task with no_log" if kind == RESULT else "a secret"
            yield (
                f"{path.relative_to(root)}:{line}: {task!r} loops over {what}, and prints the item when it fails; "
                "loop over names, or let a module do it."
            )


def main(arguments: list[str]) -> int:
    """Print all problems; exit code 1 when there is one."""
    found = [line for root in arguments or [str(ROOT)] for line in problems(Path(root))]
    print("\n".join(found) or "No loop over what must not be shown.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
