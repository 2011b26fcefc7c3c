# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where our code looks for a text in what somebody else said, and the source of whoever says it."""

from __future__ import annotations

import ast
import re
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import yaml
from jinja2 import nodes

_PACKAGES = Path(sysconfig.get_path("purelib"))
# What holds somebody's words, by the last part of its name.
_HEARD = {
    *("msg", "message", "error", "exception", "reason", "said", "told", "lower", "complaint"),
    *("stderr", "stdout", "stderr_lines", "stdout_lines", "module_stderr", "module_stdout"),
}
_SEARCHES = {"search", "match", "regex", "fullmatch", "contains", "regex_search", "regex_findall", "startswith"}
_CONDITIONS = {"when", "that", "failed_when", "changed_when", "until"}
_KEYWORDS = {"action", "local_action"}


class Match(NamedTuple):
    """``module`` is empty when no task of the role says it. ``regex``: whether the text is a pattern."""

    file: str
    text: str
    module: str
    regex: bool
    fold: bool


# ---- tasks
class _Loader(yaml.SafeLoader):
    """Reads tags such as !vault as nothing: they hold no condition."""


_Loader.add_multi_constructor("!", lambda loader, suffix, node: None)


def _tasks(found: Any) -> Iterator[dict[str, Any]]:
    if isinstance(found, list):
        for one in found:
            yield from _tasks(one)
    elif isinstance(found, dict):
        yield found
        for key in ("block", "rescue", "always", "tasks", "pre_tasks", "post_tasks", "handlers"):
            yield from _tasks(found.get(key))


def _module(task: dict[str, Any]) -> str:
    return next((key for key in task if key.count(".") >= 2 or key in _KEYWORDS), "")


def _expressions(value: Any, bare: bool = False) -> Iterator[str]:
    """Every template below ``value``; a condition is one without braces."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from _expressions(one, key in _CONDITIONS)
    elif isinstance(value, list):
        for one in value:
            yield from _expressions(one, bare)
    elif isinstance(value, str) and (bare or "{{" in value or "{%" in value):
        yield "{{ " + value + " }}" if bare and "{{" not in value else value


def _heard(node: nodes.Node) -> str | None:
    """The variable whose words an expression holds; None when it holds nobody's."""
    for one in (node, *node.find_all((nodes.Getattr, nodes.Getitem, nodes.Filter))):
        attribute = one.attr if isinstance(one, nodes.Getattr) else None
        if isinstance(one, nodes.Getitem) and isinstance(one.arg, nodes.Const):
            attribute = one.arg.value
        # map(attribute='msg')
        if isinstance(one, nodes.Filter):
            values = [key.value for key in one.kwargs if key.key == "attribute"]
            attribute = next((value.value for value in values if isinstance(value, nodes.Const)), None)
        if attribute in _HEARD:
            return next((name.name for name in one.find_all(nodes.Name)), "")
    return None


def _folds(node: nodes.Node) -> bool:
    return any(one.name == "lower" for one in (node, *node.find_all(nodes.Filter)) if isinstance(one, nodes.Filter))


def _texts(node: nodes.Node | list[Any]) -> list[str]:
    found = node if isinstance(node, list) else [node]
    constants = [one for part in found for one in (part, *part.find_all(nodes.Const)) if isinstance(one, nodes.Const)]
    return [one.value for one in constants if isinstance(one.value, str)]


def _looked_for(template: str) -> Iterator[tuple[str, str, bool, bool]]:
    """(variable, text, whether it is a pattern, whether letter case is ignored) of each search in a template."""
    parsed = jinja2.Environment(extensions=["jinja2.ext.do"]).parse(template)
    for compare in parsed.find_all(nodes.Compare):
        for operand in compare.ops:
            if operand.op in ("in", "notin", "eq", "ne") and (name := _heard(operand.expr)) is not None:
                texts = [text for text in _texts(compare.expr) if text] if _heard(compare.expr) is None else []
                yield from ((name, text, False, _folds(operand.expr)) for text in texts)
            elif operand.op in ("eq", "ne") and (name := _heard(compare.expr)) is not None:
                texts = [text for text in _texts(operand.expr) if text]
                yield from ((name, text, False, _folds(compare.expr)) for text in texts)
    for node in parsed.find_all((nodes.Test, nodes.Filter)):
        assert isinstance(node, (nodes.Test, nodes.Filter))
        arguments = list(node.args or [])
        called = node.name
        if called in ("select", "reject", "selectattr", "rejectattr") and arguments:
            named = [text for text in _texts(arguments) if text in _SEARCHES]
            if not named:
                continue
            attribute = _texts(arguments[:1])[0] if called.endswith("attr") else ""
            arguments, called = arguments[-1:], named[0]
            name = next((one.name for one in node.find_all(nodes.Name)), "") if attribute in _HEARD else None
        else:
            name = None
        if called not in _SEARCHES or node.node is None:
            continue
        name = _heard(node.node) if name is None else name
        if name is not None:
            yield from ((name, text, called != "contains", _folds(node.node)) for text in _texts(arguments))


def of_tasks(root: Path) -> Iterator[Match]:
    """Searches in what a task of the same role, or of the playbooks, answered."""
    folders = [*sorted((root / "roles").glob("*")), root / "playbooks"]
    for folder in folders:
        files = [file for file in sorted(folder.rglob("*.yml")) if file.name != "argument_specs.yml"]
        read = {file: yaml.load(file.read_text(encoding="utf-8"), Loader=_Loader) for file in files}
        said_by = {
            task["register"]: _module(task)
            for content in read.values()
            for task in _tasks(content)
            if "register" in task
        }
        for file, content in read.items():
            shown = str(file.relative_to(root))
            for template in _expressions(content):
                for name, text, regex, fold in _looked_for(template):
                    yield Match(shown, text, said_by.get(name, ""), regex, fold)


# ---- Python
def _last(node: ast.AST) -> set[str]:
    """The last part of an expression: ``error`` of ``answer["error"].lower()``, of either side of ``a or b``."""
    if isinstance(node, ast.Name):
        return {node.id}
    if isinstance(node, ast.Attribute):
        return {node.attr}
    if isinstance(node, ast.Subscript):
        return {str(node.slice.value)} if isinstance(node.slice, ast.Constant) else _last(node.value)
    if isinstance(node, ast.BoolOp):
        return {name for one in node.values for name in _last(one)}
    if isinstance(node, ast.Call):
        first = node.args[0] if node.args else None
        if isinstance(node.func, ast.Attribute) and node.func.attr == "get" and isinstance(first, ast.Constant):
            return {str(first.value)}
        inner = node.func.value if isinstance(node.func, ast.Attribute) else first
        return _last(inner) if inner is not None else set()
    return set()


def _hears(node: ast.AST) -> bool:
    return bool(_last(node) & _HEARD)


class _Constants:
    """What the names of a file stand for, as far as they are written there."""

    def __init__(self, tree: ast.Module) -> None:
        self._values: dict[str, ast.AST] = {}
        self._loops: dict[str, list[tuple[ast.AST, int | None]]] = {}
        for node in tree.body:
            targets = node.targets if isinstance(node, ast.Assign) else []
            for target in targets:
                if isinstance(target, ast.Name) and isinstance(node, ast.Assign):
                    self._values[target.id] = node.value
        for one in ast.walk(tree):
            if isinstance(one, (ast.For, ast.comprehension)):
                parts = one.target.elts if isinstance(one.target, ast.Tuple) else [one.target]
                for index, part in enumerate(parts):
                    if isinstance(part, ast.Name):
                        place = index if isinstance(one.target, ast.Tuple) else None
                        self._loops.setdefault(part.id, []).append((one.iter, place))

    def texts(self, node: ast.AST, depth: int = 0) -> list[str]:
        """All texts that an expression may be; none for what is not written in this file."""
        if isinstance(node, ast.Constant):
            return [node.value] if isinstance(node.value, str) else []
        if isinstance(node, ast.Call):
            inner = node.func.value if isinstance(node.func, ast.Attribute) else node.func
            compiled = isinstance(inner, ast.Name) and inner.id == "re" and node.args
            return self.texts(node.args[0] if compiled else inner, depth)
        if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
            return [text for one in node.elts for text in self.texts(one, depth)]
        if not isinstance(node, ast.Name) or depth > 3:
            return []
        if node.id in self._values:
            return self.texts(self._values[node.id], depth + 1)
        found = []
        for iterated, place in self._loops.get(node.id, []):
            table = self._values.get(iterated.id) if isinstance(iterated, ast.Name) else iterated
            rows = table.elts if isinstance(table, (ast.Tuple, ast.List)) else []
            cells = rows if place is None else [row.elts[place] for row in rows if isinstance(row, ast.Tuple)]
            found += [text for cell in cells for text in self.texts(cell, depth + 1)]
        return found


def _python(tree: ast.Module) -> Iterator[tuple[str, bool]]:
    known = _Constants(tree)
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Compare)
            and isinstance(node.ops[0], (ast.In, ast.NotIn))
            and _hears(node.comparators[0])
        ):
            yield from ((text, False) for text in known.texts(node.left))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _SEARCHES:
            owner, arguments = node.func.value, node.args
            if isinstance(owner, ast.Name) and owner.id == "re" and len(arguments) > 1 and _hears(arguments[1]):
                yield from ((text, True) for text in known.texts(arguments[0]))
            elif node.func.attr == "startswith" and _hears(owner) and arguments:
                yield from ((text, False) for text in known.texts(arguments[0]))
            elif arguments and _hears(arguments[0]):
                yield from ((text, True) for text in known.texts(owner))


def alternatives(pattern: str) -> list[str]:
    """``a|b(c|d)`` is ``a`` and ``b(c|d)``: each has a source of its own."""
    parts, depth, begun = [], 0, 0
    for place, char in enumerate(pattern):
        escaped = pattern[:place].endswith("\\") and not pattern[:place].endswith("\\\\")
        depth += 0 if escaped else (char in "([") - (char in ")]")
        if char == "|" and not depth and not escaped:
            parts.append(pattern[begun:place])
            begun = place + 1
    return [*parts, pattern[begun:]]


def of_plugins(root: Path) -> Iterator[Match]:
    """Searches of our own Python in what was heard from elsewhere."""
    for file in sorted((root / "plugins").rglob("*.py")):
        shown = str(file.relative_to(root))
        for text, regex in dict.fromkeys(_python(ast.parse(file.read_text(encoding="utf-8")))):
            for part in alternatives(text) if regex else [text]:
                yield Match(shown, part, "", regex, False)


# ---- sources
_IMPORTS = re.compile(
    r"^\s*(?:from|import)\s+(ansible(?:_collections\.\w+\.\w+\.plugins)?\.module_utils[\w.]*)"
    r"(?:\s+import\s+\(?([\w, ]+))?"
    r"|^#\s*(?:AnsibleRequires|Requires)\s+-(?:CSharpUtil|PowerShell|Module)\s+(\S+)",
    re.M,
)


def _collection(name: str) -> tuple[Path, Path, str]:
    """(folder of modules, folder of utilities, short name) of a module."""
    namespace, collection, short = name.split(".", 2)
    if (namespace, collection) == ("ansible", "builtin"):
        return _PACKAGES / "ansible" / "modules", _PACKAGES / "ansible" / "module_utils", short
    plugins = _PACKAGES / "ansible_collections" / namespace / collection / "plugins"
    return plugins / "modules", plugins / "module_utils", short


def _needed(text: str, utilities: Path) -> Iterator[Path]:
    """Files of utilities that a module or a utility names."""
    core = _PACKAGES / "ansible" / "module_utils"
    for module, names, windows in _IMPORTS.findall(text):
        if windows:
            short = windows.rsplit(".", 1)[-1]
            name = windows if windows.startswith("Ansible.") else short
            folders = [utilities, core / "powershell", core / "csharp"]
            yield from (path for at in folders for end in ("psm1", "cs") if (path := at / f"{name}.{end}").is_file())
            continue
        base = _PACKAGES / Path(*module.split("."))
        parts = [base, *(base / part.strip() for part in names.split(",") if part.strip())]
        yield from (path for part in parts if (path := part.with_suffix(".py")).is_file())


def module_source(name: str) -> str:
    """All that can speak when a module does: itself, its action plugin, and the utilities that they need."""
    modules, utilities, short = _collection(name)
    action = modules.parent / ("plugins/action" if modules.parent.name == "ansible" else "action") / f"{short}.py"
    waiting = [path for path in (modules / f"{short}.ps1", modules / f"{short}.py", action) if path.is_file()]
    read: dict[Path, str] = {}
    while waiting:
        path = waiting.pop()
        if path not in read:
            read[path] = path.read_text(encoding="utf-8")
            waiting += _needed(read[path], utilities)
    return "\n".join(read.values())


def package_source(name: str) -> str:
    """A file of an installed package or of Python itself, such as ``winrm/transport.py``."""
    for folder in (_PACKAGES, Path(sysconfig.get_path("stdlib"))):
        if (folder / name).is_file():
            return (folder / name).read_text(encoding="utf-8")
    return ""


def occurs(match: Match, source: str) -> bool:
    """Whether whoever wrote ``source`` can say the text."""
    if match.regex:
        return re.search(match.text, source, re.I if match.fold else 0) is not None
    return match.text in source or (match.fold and match.text in source.lower())
