# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of JSON Schema that the API's request bodies use, with the coercion and the messages of its validator.

The real server coerces scalars before it compares types, and a branch of ``anyOf`` coerces even if the branch then
fails; `certificate_id: 0` becomes the text "0" that way, which is why the SSL flags survive it.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from .errors import invalid

Schema = dict[str, Any]


def validate(schema: Schema, payload: Any) -> Any:
    """Return the coerced payload, or raise the API's 400 with every complaint in one message."""
    errors: list[str] = []
    value = _check(schema, payload, "data", errors)
    if errors:
        raise invalid(", ".join(errors))
    return value


def _check(schema: Schema, value: Any, where: str, errors: list[str]) -> Any:
    if "anyOf" in schema:
        return _any_of(schema["anyOf"], value, where, errors)
    kinds = schema.get("type")
    if kinds is not None:
        allowed = [kinds] if isinstance(kinds, str) else list(kinds)
        fits, value = _coerce(allowed, value)
        if not fits:
            errors.append(f"{where} must be {','.join(allowed)}")
            return value
    if "enum" in schema and value not in schema["enum"]:
        errors.append(f"{where} must be equal to one of the allowed values")
    if isinstance(value, dict):
        _check_object(schema, value, where, errors)
    elif isinstance(value, list):
        _check_array(schema, value, where, errors)
    elif isinstance(value, str):
        _check_text(schema, value, where, errors)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if "minimum" in schema and value < schema["minimum"]:
            errors.append(f"{where} must be >= {schema['minimum']}")
        if "maximum" in schema and value > schema["maximum"]:
            errors.append(f"{where} must be <= {schema['maximum']}")
    return value


def _any_of(branches: list[Schema], value: Any, where: str, errors: list[str]) -> Any:
    complaints: list[str] = []
    matched = False
    for branch in branches:
        mine: list[str] = []
        value = _check(branch, value, where, mine)
        matched = matched or not mine
        complaints += mine
    if not matched:
        errors += [*complaints, f"{where} must match a schema in anyOf"]
    return value


def _check_object(schema: Schema, value: dict[str, Any], where: str, errors: list[str]) -> None:
    known: dict[str, Schema] = schema.get("properties", {})
    errors += [f"{where} must have required property '{key}'" for key in schema.get("required", []) if key not in value]
    if schema.get("additionalProperties") is False:
        errors += [f"{where} must NOT have additional properties" for key in value if key not in known]
    if len(value) < schema.get("minProperties", 0):
        errors.append(f"{where} must NOT have fewer than {schema['minProperties']} properties")
    for key in value:
        if key in known:
            value[key] = _check(known[key], value[key], f"{where}/{key}", errors)


def _check_array(schema: Schema, value: list[Any], where: str, errors: list[str]) -> None:
    if len(value) < schema.get("minItems", 0):
        errors.append(f"{where} must NOT have fewer than {schema['minItems']} items")
    if len(value) > schema.get("maxItems", len(value)):
        errors.append(f"{where} must NOT have more than {schema['maxItems']} items")
    if schema.get("uniqueItems"):
        for index, item in enumerate(value):
            if item in value[:index]:
                first = value.index(item)
                errors.append(f"{where} must NOT have duplicate items (items ## {index} and {first} are identical)")
                break
    if "items" in schema:
        for index, item in enumerate(value):
            value[index] = _check(schema["items"], item, f"{where}/{index}", errors)


def _check_text(schema: Schema, value: str, where: str, errors: list[str]) -> None:
    if len(value) < schema.get("minLength", 0):
        errors.append(f"{where} must NOT have fewer than {schema['minLength']} characters")
    if len(value) > schema.get("maxLength", len(value)):
        errors.append(f"{where} must NOT have more than {schema['maxLength']} characters")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        errors.append(f'{where} must match pattern "{schema["pattern"]}"')
    if schema.get("format") == "client-address" and not _is_client_address(value):
        errors.append(f"{where} must match exactly one schema in oneOf")


def _is_client_address(value: str) -> bool:
    # Octets up to 999 pass here and break nginx later: a trap that a client has to know.
    if value == "all" or re.fullmatch(r"(\d{1,3}\.){3}\d{1,3}(/([0-9]|[12][0-9]|3[0-2]))?", value):
        return True
    try:
        return ipaddress.ip_network(value, strict=False).version == 6
    except ValueError:
        return False


def _coerce(allowed: list[str], value: Any) -> tuple[bool, Any]:
    if any(_is(kind, value) for kind in allowed):
        return True, value
    for kind in allowed:
        done, coerced = _coerce_to(kind, value)
        if done:
            return True, coerced
    return False, value


def _is(kind: str, value: Any) -> bool:
    if kind == "integer":
        return isinstance(value, int | float) and not isinstance(value, bool) and float(value).is_integer()
    types = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
    return isinstance(value, types[kind])


def _coerce_to(kind: str, value: Any) -> tuple[bool, Any]:
    if kind == "integer":
        if value is None or isinstance(value, bool):
            return True, int(bool(value))
        if isinstance(value, str) and re.fullmatch(r"\s*-?\d+\s*", value):
            return True, int(value)
    if kind == "boolean":
        table = {"true": True, "false": False, 1: True, 0: False, None: False}
        if isinstance(value, str | int | None) and value in table:
            return True, table[value]
    if kind == "string":
        if value is None:
            return True, ""
        if isinstance(value, bool):
            return True, str(value).lower()
        if isinstance(value, int | float):
            return True, f"{value:g}" if isinstance(value, float) else str(value)
    return False, value
