# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the argument specification of a PowerShell module out of its source.

Two kinds exist: modules on ``Ansible.Basic`` declare ``$spec``, older ones call ``Get-AnsibleParam`` for each option.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from .psliteral import UNKNOWN, LiteralError, parse

KNOWN_TYPES = {"bool", "dict", "float", "int", "json", "list", "path", "raw", "sid", "str"}


@dataclass
class Rules:
    """Options of one level with the rules between them. Names as in Ansible's argument specifications."""

    options: dict[str, Option] = field(default_factory=dict)
    mutually_exclusive: list[list[str]] = field(default_factory=list)
    required_together: list[list[str]] = field(default_factory=list)
    required_one_of: list[list[str]] = field(default_factory=list)
    required_if: list[list[Any]] = field(default_factory=list)
    required_by: dict[str, list[str]] = field(default_factory=dict)


@dataclass
class Option:
    """One option. ``type`` is "raw" where the module converts with code of its own."""

    type: str = "str"
    required: bool = False
    default: Any = None
    choices: list[Any] = field(default_factory=list)
    aliases: list[str] = field(default_factory=list)
    elements: str | None = None
    no_log: bool = False
    rules: Rules | None = None


@dataclass
class ModuleSpec(Rules):
    """The whole module. ``legacy``: unknown options are accepted, as by Get-AnsibleParam."""

    supports_check_mode: bool = False
    legacy: bool = False


def _listed(value: Any) -> list[Any]:
    if value is None or value is UNKNOWN:
        return []
    return [item for item in value if item is not UNKNOWN] if isinstance(value, list) else [value]


def _groups(value: Any) -> list[list[Any]]:
    return [group for group in _listed(value) if isinstance(group, list)]


def _option(raw: Any) -> Option:
    raw = raw if isinstance(raw, dict) else {}
    kind = raw.get("type", "str")
    default = raw.get("default")
    option = Option(
        type=kind if kind in KNOWN_TYPES else "raw",
        required=raw.get("required") is True,
        default=None if default is UNKNOWN else default,
        choices=_listed(raw.get("choices")),
        aliases=[str(name) for name in _listed(raw.get("aliases"))],
        elements=raw["elements"] if raw.get("elements") in KNOWN_TYPES else None,
        no_log=raw.get("no_log") is True,
    )
    if isinstance(raw.get("options"), dict):
        option.rules = Rules()
        _fill(option.rules, raw)
    return option


def _fill(rules: Rules, raw: dict[str, Any]) -> None:
    options = raw.get("options")
    rules.options = {name: _option(value) for name, value in (options if isinstance(options, dict) else {}).items()}
    rules.mutually_exclusive = _groups(raw.get("mutually_exclusive"))
    rules.required_together = _groups(raw.get("required_together"))
    rules.required_one_of = _groups(raw.get("required_one_of"))
    rules.required_if = [group for group in _groups(raw.get("required_if")) if len(group) >= 3]
    by = raw.get("required_by")
    rules.required_by = {key: _listed(value) for key, value in by.items()} if isinstance(by, dict) else {}


def _resolver(script: str) -> Callable[[str], Any]:
    """Variables that the script sets to a plain literal are known."""

    def resolve(name: str) -> Any:
        match = re.search(rf"(?im)^[ \t]*\${re.escape(name)}[ \t]*=[ \t]*(?=[@'\"])", script)
        if not match:
            return UNKNOWN
        try:
            return parse(script, match.end())
        except LiteralError:
            return UNKNOWN

    return resolve


def _fragment(name: str, utilities: Iterable[str]) -> dict[str, Any]:
    """The table that a function such as Get-AnsibleWindowsWebRequestSpec of a module utility returns."""
    for utility in utilities:
        text = re.sub(r"(?s)<#.*?#>", "", utility)  # the help of a function may show a table, too
        match = re.search(rf"(?is)function\s+{re.escape(name)}\b.*?(?=@\{{\s*options\s*=)", text)
        if match:
            table = parse(text, match.end(), _resolver(text))
            return table if isinstance(table, dict) else {}
    raise LiteralError(f"the function {name}, which completes the options, was not sent with the module")


def _basic(script: str, utilities: Iterable[str]) -> ModuleSpec | None:
    # The class goes by its short name after "using namespace Ansible.Basic".
    create = re.search(
        r"\[(?:Ansible\.Basic\.)?AnsibleModule\]::Create\(\s*\$args\s*,\s*([^)]*(?:\([^)]*\))?[^)]*)\)", script
    )
    if not create:
        return None
    named = re.match(r"\$(\w+)", create.group(1))
    start = re.search(rf"(?i)\${named.group(1)}\s*=\s*(?=@\{{)", script) if named else None
    place = start.end() if start else create.start(1)
    raw = parse(script, place, _resolver(script))
    if not isinstance(raw, dict) or not isinstance(raw.get("options", {}), dict):
        raise LiteralError("the options are not written as a table")
    for name in re.findall(r"Get-[\w-]+Spec\b", create.group(1)):
        extra = _fragment(name, utilities)
        merged = {key: dict(value) for key, value in (extra.get("options") or {}).items()}
        for key, value in (raw.get("options") or {}).items():
            merged[key] = {**merged.get(key, {}), **(value if isinstance(value, dict) else {})}
        raw = {**extra, **raw, "options": merged}
    spec = ModuleSpec(
        supports_check_mode=raw.get("supports_check_mode") is True,
        legacy=re.search(r"(?i)\$spec\.options\.\S+\s*=", script) is not None,
    )
    _fill(spec, raw)
    return spec


_PARAM = re.compile(r"Get-AnsibleParam\b((?:[^\n`]|`[^\n]|`\r?\n)*)", re.I)


def _argument(call: str, flag: str, resolve: Callable[[str], Any]) -> Any:
    match = re.search(rf"(?i)-{flag}\s+(?=[@'\"$\d])", call)
    if not match:
        return None
    try:
        return parse(call, match.end(), resolve)
    except LiteralError:
        return UNKNOWN


def _legacy(script: str) -> ModuleSpec | None:
    resolve = _resolver(script)
    spec = ModuleSpec(legacy=True, supports_check_mode=bool(re.search(r"-supports_check_mode\s+\$true", script, re.I)))
    for match in _PARAM.finditer(script):
        call = match.group(1)
        name = _argument(call, "name", resolve)
        if not name:
            positional = re.match(r"""\s+(?:-obj\s+)?\$\w+\s+["'](\w+)["']""", call)
            name = positional.group(1) if positional else None
        if not isinstance(name, str) or name.startswith("_ansible"):
            continue
        kind = _argument(call, "type", resolve)
        default = _argument(call, "default", resolve)
        spec.options[name] = Option(
            type=kind if kind in KNOWN_TYPES else "str" if kind is None else "raw",
            required=_argument(call, "failifempty", resolve) is True,
            default=None if default is UNKNOWN else default,
            choices=_listed(_argument(call, "validateset", resolve)),
            aliases=[str(alias) for alias in _listed(_argument(call, "aliases?", resolve))],
        )
    return spec if spec.options else None


def read_spec(script: str, utilities: Iterable[str] = ()) -> ModuleSpec | None:
    """The specification in ``script``, None if the module declares none.

    ``utilities``: sources of the module utilities sent along (for shared option tables).
    Raises LiteralError if the declaration cannot be read.
    """
    return _basic(script, list(utilities)) or _legacy(script)
