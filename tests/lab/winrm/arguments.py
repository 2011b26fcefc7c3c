# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks and converts a task's arguments as Ansible.Basic and the Legacy utilities do on Windows."""

from __future__ import annotations

import json
from typing import Any

from .spec import ModuleSpec, Option, Rules

TRUE = {"y", "yes", "on", "1", "true", "t", "1.0"}
FALSE = {"n", "no", "off", "0", "false", "f", "0.0"}


class ArgumentError(ValueError):
    """The arguments do not fit; the text is what Windows would answer."""


def _bool(value: Any) -> bool:
    text = str(value).lower()
    if text in TRUE:
        return True
    if text in FALSE:
        return False
    raise ValueError(
        f"The value '{value}' is not a valid boolean. Valid booleans include: {', '.join(sorted(TRUE | FALSE))}"
    )


def _list(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    if isinstance(value, str):
        return [part.strip() for part in value.split(",")]
    if isinstance(value, (int, float)):
        return [value]
    raise ValueError(f"{type(value).__name__} cannot be converted to a list")


def _dict(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    if isinstance(value, str) and value.startswith("{"):
        parsed = json.loads(value)
        if isinstance(parsed, dict):
            return parsed
    if isinstance(value, str):
        pairs = [part.partition("=") for part in value.replace(",", " ").split()]
        if pairs and all(mark for __, mark, __ in pairs):
            return {key: text for key, __, text in pairs}
        raise ValueError("dictionary requested, could not parse JSON or key=value")
    raise ValueError(f"{type(value).__name__} cannot be converted to a dict")


def convert(value: Any, kind: str) -> Any:
    """``value`` as ``kind``; raises ValueError with Windows' reason."""
    if kind == "bool":
        return _bool(value)
    if kind == "int":
        return int(str(value).strip())
    if kind == "float":
        return float(value)
    if kind == "list":
        return _list(value)
    if kind == "dict":
        return _dict(value)
    if kind == "json":
        return value if isinstance(value, str) else json.dumps(value)
    if kind in ("str", "path", "sid"):
        return str(value) if not isinstance(value, bool) else ("True" if value else "False")
    return value


def _inside(message: str, context: list[str]) -> str:
    return f"{message} found in {' -> '.join(context)}" if context else message


def _rename(rules: Rules, given: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Arguments under the option's own name (aliases, any letter case) and the names nobody knows."""
    names = {name.lower(): name for name in rules.options}
    for name, option in rules.options.items():
        names.update({alias.lower(): name for alias in option.aliases})
    out: dict[str, Any] = {}
    unknown: list[str] = []
    for key, value in given.items():
        known = names.get(key.lower())
        if known is None:
            unknown.append(key)
        elif out.get(known) is None:
            out[known] = value
    return out, unknown


def _converted(name: str, option: Option, value: Any, context: list[str]) -> Any:
    try:
        value = convert(value, option.type)
        if option.type == "list" and option.elements:
            value = [convert(item, option.elements) for item in value]
    except (ValueError, TypeError) as error:
        message = (
            f"argument for {name} is of type {type(value).__name__} and we were unable to convert to {option.type}"
        )
        raise ArgumentError(_inside(f"{message}: {error}", context)) from error
    if not option.choices:
        return value
    allowed = {str(choice).lower(): choice for choice in option.choices}
    many = option.type == "list"
    wrong = [str(item) for item in (value if many else [value]) if str(item).lower() not in allowed]
    if wrong:
        kind = "one or more of" if many else "one of"
        listed = ", ".join(map(str, option.choices))
        raise ArgumentError(
            _inside(f"value of {name} must be {kind}: {listed}. Got no match for: {', '.join(wrong)}", context)
        )
    return [allowed[str(item).lower()] for item in value] if many else allowed[str(value).lower()]


def _check_relations(rules: Rules, params: dict[str, Any], context: list[str]) -> None:
    def given(names: list[str]) -> list[str]:
        return [name for name in names if params.get(name) is not None]

    def fail(message: str) -> None:
        raise ArgumentError(_inside(message, context))

    for group in rules.required_together:
        if given(group) and len(given(group)) < len(group):
            fail(f"parameters are required together: {', '.join(group)}")
    for group in rules.required_one_of:
        if not given(group):
            fail(f"one of the following is required: {', '.join(group)}")
    for key, wanted, needed, *any_of in rules.required_if:
        if params.get(key) is None or str(params[key]).lower() != str(wanted).lower():
            continue
        needed = needed if isinstance(needed, list) else [needed]
        missing = [name for name in needed if params.get(name) is None]
        if any_of and any_of[0] is True:
            if len(missing) == len(needed):
                fail(f"{key} is {wanted} but any of the following are missing: {', '.join(missing)}")
        elif missing:
            fail(f"{key} is {wanted} but all of the following are missing: {', '.join(missing)}")
    for key, needed in rules.required_by.items():
        missing = [name for name in needed if params.get(name) is None]
        if params.get(key) is not None and missing:
            fail(f"missing parameter(s) required by '{key}': {', '.join(missing)}")


def _check(module: str, rules: Rules, given: dict[str, Any], context: list[str], lenient: bool) -> dict[str, Any]:
    params, unknown = _rename(rules, given)
    if unknown and not lenient:
        legal = ", ".join(sorted({*rules.options, *(a for o in rules.options.values() for a in o.aliases)}))
        where = _inside(f"Unsupported parameters for ({module}) module: {', '.join(unknown)}", context)
        raise ArgumentError(f"{where}. Supported parameters include: {legal}")
    for group in rules.mutually_exclusive:
        used = [name for name in group if params.get(name) is not None]
        if len(used) > 1:
            raise ArgumentError(_inside(f"parameters are mutually exclusive: {', '.join(used)}", context))
    missing = [name for name, option in rules.options.items() if option.required and params.get(name) is None]
    if missing and lenient:
        raise ArgumentError(f"Get-AnsibleParam: Missing required argument: {missing[0]}")
    if missing:
        raise ArgumentError(_inside(f"missing required arguments: {', '.join(sorted(missing))}", context))
    out: dict[str, Any] = {}
    for name, option in rules.options.items():
        value = params.get(name)
        out[name] = option.default if value is None else _converted(name, option, value, context)
    _check_relations(rules, out, context)
    for name, option in rules.options.items():
        if option.rules and isinstance(out[name], dict):
            out[name] = _check(module, option.rules, out[name], [*context, name], lenient)
        elif option.rules and isinstance(out[name], list):
            out[name] = [_check(module, option.rules, item, [*context, name], lenient) for item in out[name]]
    return out


def check_arguments(module: str, spec: ModuleSpec, given: dict[str, Any]) -> dict[str, Any]:
    """All options of the module with the given values converted and the defaults filled in. Raises ArgumentError."""
    given = {key: value for key, value in given.items() if not key.startswith("_ansible")}
    return _check(module, spec, given, [], spec.legacy)
