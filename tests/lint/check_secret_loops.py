# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.lint.check_secret_loops [folder...]``: no task loops over what must not be shown.

Ansible prints the item of a loop when its task fails, whatever ``label`` says. So a loop may run neither over the
results of a task with ``no_log``, nor over an option that an argument specification marks as secret, nor over anything
that was made of the two: by ``vars`` of a task, block, play or role, by what an include hands on, by ``set_fact`` (also
in a loop, one item at a time), by a file of variables, or by a name in a text (``hostvars[host]['seen']``). ``until``
and ``with_...`` change nothing about it. What is left of them after ``length``, or after ``map(attribute=...)`` with
the name of something that is no secret, may be looped over: names, for instance.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.lint.references import RESULT, SECRET, Taint, kind_of

ROOT = Path(__file__).resolve().parents[2]
_LINE = "__line__"
_WORD = re.compile(r"(\w+)=(.*)", re.DOTALL)
_BLOCKS = ("block", "rescue", "always")
_LISTS = ("tasks", "pre_tasks", "post_tasks", "handlers")
# What a role of a play may have beside the variables that are handed to it.
_OF_A_ROLE = frozenset({"role", "name", "vars", "when", "tags", "become", "become_user", "delegate_to", "no_log"})
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
    # Name, value, and the loop in which that happens: its variable and what it goes over.
    assigned: list[tuple[str, Any, str, Any]] = field(default_factory=list)
    loops: list[tuple[Path, int, str, Any]] = field(default_factory=list)
    # Files whose tasks are hidden by whoever imports them.
    covered: list[Path] = field(default_factory=list)


def _read(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), _Loader) if path.is_file() else None  # a SafeLoader


def _assign(scope: _Scope, values: Any, loop_variable: str = "", loop: Any = None) -> None:
    """Variables that a map sets, or a text such as ``seen={{ answer.results }}``."""
    if isinstance(values, str) and (found := _WORD.match(values)):
        values = {found[1]: found[2]}
    for name, value in values.items() if isinstance(values, Mapping) else ():
        if name != _LINE:
            scope.assigned.append((str(name), value, loop_variable, loop))


def _loop_of(task: Mapping[Any, Any]) -> tuple[str, Any]:
    """The variable of a task's loop, and what it goes over; two times nothing without a loop."""
    control = task.get("loop_control")
    for key, value in task.items():
        if key == "loop" or str(key).startswith("with_"):
            return str(control.get("loop_var", "item")) if isinstance(control, Mapping) else "item", value
    return "", None


def _roles(scope: _Scope, entries: Any) -> None:
    """What the roles of a play are given, below ``vars`` and beside their names."""
    for role in entries if isinstance(entries, list) else ():
        if isinstance(role, Mapping):
            _assign(scope, role.get("vars"))
            _assign(scope, {key: value for key, value in role.items() if key not in _OF_A_ROLE})


def _imported(root: Path, path: Path, name: str, given: Any) -> Path | None:
    """The file with the tasks that an import or an include brings in; None when it is not known."""
    if name.endswith("_tasks"):
        file = given.get("file") if isinstance(given, Mapping) else given
        return path.parent / str(file)
    if name.endswith("_role") and isinstance(given, Mapping):
        role = str(given.get("name", "")).rpartition(".")[2]
        entry = str(given.get("tasks_from", "main")).removesuffix(".yml")
        return root / "roles" / role / "tasks" / f"{entry}.yml"
    return None


def _hides(name: str, given: Any, covered: bool) -> bool:
    """Whether the tasks that are brought in have no_log: an import hands its own on, an include what it applies."""
    if name.startswith("import_"):
        return covered
    applied = given.get("apply") if isinstance(given, Mapping) else None
    return isinstance(applied, Mapping) and applied.get("no_log") not in (None, False)


def _walk(scope: _Scope, root: Path, path: Path, entries: Any, hidden: bool) -> None:
    """Every task below; ``hidden``: something above it has no_log."""
    for task in entries if isinstance(entries, list) else ():
        if not isinstance(task, Mapping):
            continue
        # A template may be true.
        covered = hidden or task.get("no_log") not in (None, False)
        loop = _loop_of(task)
        _assign(scope, task.get("vars"), *loop)
        _roles(scope, task.get("roles"))
        for key in (*_BLOCKS, *_LISTS):
            _walk(scope, root, path, task.get(key), covered)
        for key, value in task.items():
            name = str(key)
            short = name.rsplit(".", 1)[-1]
            if short == "set_fact":
                _assign(scope, value, *loop)
                _assign(scope, task.get("args"), *loop)
            if short in _INCLUDES:
                applied = value.get("apply") if isinstance(value, Mapping) else None
                _assign(scope, applied.get("vars") if isinstance(applied, Mapping) else None, *loop)
                file = _imported(root, path, short, value)
                if file and _hides(short, value, covered):
                    scope.covered.append(file)
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
            _walk(scope, root, path, content, hidden=False)
    # What they register is the result of a task with no_log; their loops were looked at as those of others.
    seen: set[Path] = set()
    while files := [file for file in scope.covered if file not in seen]:
        for path in files:
            seen.add(path)
            hidden = _Scope(covered=scope.covered)
            _walk(hidden, root, path, _read(path), hidden=True)
            scope.taints |= hidden.taints
    return scope, frozenset(secret - {""})


def problems(root: Path) -> Iterator[str]:
    """One line for each loop over something that must not be shown."""
    scope, secret = _collect(root)
    grown = True
    while grown:
        grown = False
        for name, value, loop_variable, loop in scope.assigned:
            item = kind_of(loop, scope.taints, secret)
            taints = {**scope.taints, loop_variable: item} if item else scope.taints
            kind = kind_of(value, taints, secret)
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
