# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The field table: what a resource consists of, said once.

A module is a tuple of :class:`Field`. From it come the argument spec, the comparison with the server, the body that
is sent, the masking of secrets and the result. Values are looked at in two vocabularies: *options* (what the operator
writes, ``snake_case``) and *API names* (what the server calls them).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._rules import values

MASK = "********"
MASK_NEW = "******** (new)"

# Marks a constant that is not there; None is a legal value of an API.
_NOTHING: Any = object()


@dataclass(frozen=True)
class Field:
    """One property of a resource.

    option      the name in the task.
    api         the name in the API; the same as ``option`` when left out.
    type        Ansible's type (str, int, bool, float, list, dict, path, raw); ``elements`` for lists.
    suboptions  the fields of a dict, or of each dict in a list. Dicts are compared key by key: what the task leaves
                out is left alone.
    choices     the values the task may use.
    aliases     other names of the option.
    key         this field is the identity; it is required, is never compared and never sent unless the client does so.
    needed      the task must give it when the object is created.
    default     what a *new* object gets when the task is silent. It is no Ansible default: an existing object is
                never compared with it.
    constant    a value that is always wanted. The field is no option; use it for what the product insists on, or to
                force a repair.
    secret      hidden in logs, results and diffs, both the old and the new value.
    write_only  the server never returns it. See ``update_secret`` in :mod:`.reconcile` for when it is sent again.
    read_only   returned by the server and shown in results; no option.
    immutable   it can be set on creation only; a difference is an error that names the way out.
    unordered   a list whose order has no meaning.
    normalise   value -> canonical value. Applied to the wanted value (the canonical value is what is sent) and to the
                current one.
    compare     (wanted, current) -> bool, "these are the same". Replaces the built-in comparison; both sides are
                canonical.
    check       value -> None when it is right, or what is wrong with it, as the rules of :mod:`.._rules` say it:
                ``has 17 characters; expected at most 16``. May raise ValueError with a clause such as ``must name each
                user once``.
    """

    option: str
    api: str = ""
    type: str = "str"
    elements: str | None = None
    suboptions: tuple[Field, ...] = ()
    choices: tuple[Any, ...] = ()
    aliases: tuple[str, ...] = ()
    key: bool = False
    needed: bool = False
    default: Any = None
    constant: Any = _NOTHING
    secret: bool = False
    write_only: bool = False
    read_only: bool = False
    immutable: bool = False
    unordered: bool = False
    normalise: Callable[[Any], Any] | None = None
    compare: Callable[[Any, Any], bool] | None = None
    check: Callable[[Any], str | None] | None = None

    def __post_init__(self) -> None:
        if not self.api:
            object.__setattr__(self, "api", self.option)
        for wrong, why in self._contradictions():
            if wrong:
                raise ValueError(f"field {self.option}: {why}")

    def _contradictions(self) -> Iterable[tuple[bool, str]]:
        yield not self.option, "a field needs an option name"
        yield (
            (self.type == "list") != (self.elements is not None),
            "elements belongs to type list, and type list needs it",
        )
        yield bool(self.suboptions) and "dict" not in (self.type, self.elements), "suboptions need dicts"
        yield self.unordered and self.type != "list", "only a list can be unordered"
        yield self.read_only and self.write_only, "read_only and write_only exclude each other"
        yield self.read_only and (self.needed or self.immutable), "a read_only field cannot be set"
        yield self.read_only and self.default is not None, "a read_only field has no default"
        yield self.write_only and self.immutable, "a write_only value cannot be compared, so it cannot be immutable"
        yield self.write_only and self.compare is not None, "a write_only value cannot be compared"
        yield self.needed and self.default is not None, "a needed field has no default"
        yield self.key and (self.secret or self.read_only or self.write_only), "the key is neither secret nor one-way"
        yield self.key and self.default is not None, "the key has no default"
        yield (
            self.is_constant and (self.read_only or self.write_only or self.key),
            "a constant is compared, so it is two-way",
        )
        yield self.is_constant and (self.needed or self.default is not None), "a constant cannot be set"
        yield (
            bool(self.choices) and self.default is not None and self.default not in self.choices,
            "the default is no choice",
        )
        if self.suboptions:
            check_table(self.suboptions, self.option)

    @property
    def is_constant(self) -> bool:
        """Whether the value is fixed by the table."""
        return self.constant is not _NOTHING

    @property
    def is_option(self) -> bool:
        """Whether the operator can write it."""
        return not (self.read_only or self.is_constant)


def check_table(fields: Sequence[Field], where: str) -> None:
    """Refuse a table in which two fields share an option or an API name."""
    for names in ([f.option for f in fields], [f.api for f in fields]):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{where}: named twice: {', '.join(twice)}")


def argument_spec(fields: Iterable[Field]) -> dict[str, dict[str, Any]]:
    """Ansible's argument spec of the options in the table."""
    return {f.option: _option_spec(f) for f in fields if f.is_option}


def _option_spec(field: Field) -> dict[str, Any]:
    # no_log is always explicit: Ansible warns about names such as "password_file" that only look secret.
    spec: dict[str, Any] = {"type": field.type, "no_log": field.secret}
    if field.key:
        spec["required"] = True
    if field.elements:
        spec["elements"] = field.elements
    if field.choices:
        spec["choices"] = list(field.choices)
    if field.aliases:
        spec["aliases"] = list(field.aliases)
    if field.suboptions:
        # Inside a list an entry is always written whole, so what identifies it can be demanded by Ansible itself.
        spec["options"] = argument_spec(field.suboptions)
        for sub in field.suboptions:
            if sub.needed and sub.is_option:
                spec["options"][sub.option]["required"] = True
    return spec


def to_api(field: Field, value: Any) -> Any:
    """A value of the task in the server's vocabulary; raises ValueError with a sentence that names the option."""
    if value is None:
        return None
    if field.suboptions:
        value = [_dict_to_api(field, item) for item in value] if field.type == "list" else _dict_to_api(field, value)
    if field.check:
        try:
            wrong, link = field.check(value), "which"
        except ValueError as error:
            wrong, link = str(error), "but it"
        if wrong:
            text = show(field, value)
            shown = "" if field.secret else f" is {values.show(text) if isinstance(text, str) else repr(text)}, {link}"
            raise ValueError(f"{field.option}{shown} {wrong}")
    return canonical(field, value)


def _dict_to_api(field: Field, value: Mapping[str, Any]) -> dict[str, Any]:
    wanted: dict[str, Any] = {}
    for sub in field.suboptions:
        given = sub.constant if sub.is_constant else value.get(sub.option)
        if given is None and field.type == "list" and not sub.is_constant:
            given = copy.deepcopy(sub.default)
        if given is not None or sub.is_constant:
            try:
                wanted[sub.api] = to_api(sub, given)
            except ValueError as error:
                raise ValueError(f"{field.option}.{error}") from None
    return wanted


def canonical(field: Field, value: Any) -> Any:
    """The value as it is compared."""
    return field.normalise(value) if field.normalise else value


def same(field: Field, wanted: Any, current: Any) -> bool:
    """Whether the server already has what is wanted; ``wanted`` comes from :func:`to_api`, ``current`` from the
    server.
    """
    current = canonical(field, current)
    if field.compare:
        return field.compare(wanted, current)
    if field.suboptions and field.type == "dict":
        return _covers(field, wanted, current)
    if field.type == "list" and isinstance(current, list) and isinstance(wanted, list):
        return _same_list(field, wanted, current)
    return _equal(wanted, current)


def _equal(wanted: Any, current: Any) -> bool:
    # True == 1 in Python; a server that turned a number into a boolean did not keep the value.
    if isinstance(wanted, bool) is not isinstance(current, bool):
        return False
    return bool(wanted == current)


def _covers(field: Field, wanted: Any, current: Any) -> bool:
    if not isinstance(current, Mapping) or not isinstance(wanted, Mapping):
        return _equal(wanted, current)
    by_api = {sub.api: sub for sub in field.suboptions}
    return all(
        by_api[name].write_only or same(by_api[name], value, current.get(name))
        for name, value in wanted.items()
        if name in by_api
    )


def _same_list(field: Field, wanted: list[Any], current: list[Any]) -> bool:
    if len(wanted) != len(current):
        return False

    def equal(one: Any, other: Any) -> bool:
        return _covers(field, one, other) if field.suboptions else _equal(one, other)

    if not field.unordered:
        return all(equal(one, other) for one, other in zip(wanted, current))
    left = list(current)
    for one in wanted:
        found = next((index for index, other in enumerate(left) if equal(one, other)), None)
        if found is None:
            return False
        del left[found]
    return True


def merge(field: Field, wanted: Any, current: Any) -> Any:
    """What the server should hold afterwards: dicts are completed with the keys that the task left out."""
    if field.type == "dict" and field.suboptions and isinstance(current, Mapping) and isinstance(wanted, Mapping):
        by_api = {sub.api: sub for sub in field.suboptions}
        merged = copy.deepcopy(dict(current))
        for name, value in wanted.items():
            merged[name] = merge(by_api[name], value, current.get(name)) if name in by_api else value
        return merged
    return copy.deepcopy(wanted)


def show(field: Field, value: Any, new: bool = False) -> Any:
    """A value for results and diffs: in option names, secrets masked. ``new`` says that a secret is about to change."""
    if value is None:
        return None
    if field.secret:
        return MASK_NEW if new else MASK
    if field.suboptions and isinstance(value, list):
        return [show_all(field.suboptions, item, new) if isinstance(item, Mapping) else item for item in value]
    if field.suboptions and isinstance(value, Mapping):
        return show_all(field.suboptions, value, new)
    return copy.deepcopy(value)


def show_all(fields: Iterable[Field], value: Mapping[str, Any], new: bool = False) -> dict[str, Any]:
    """All known properties of an object, for results; what the table does not name is not shown."""
    return {f.option: show(f, canonical(f, value[f.api]), new) for f in fields if f.api in value and not f.write_only}


def secrets_of(fields: Iterable[Field], value: Any) -> set[str]:
    """Every secret text in an object of the server, so that Ansible can mask it wherever it turns up."""
    found: set[str] = set()
    if not isinstance(value, Mapping):
        return found
    for field in fields:
        part = value.get(field.api)
        if field.write_only:
            # What comes back in its place (null, or names of headers) is no secret; hiding it would blank the output.
            continue
        if field.secret:
            found |= _texts(part)
        elif field.suboptions:
            for item in part if isinstance(part, list) else [part]:
                found |= secrets_of(field.suboptions, item)
    return found


def _texts(value: Any) -> set[str]:
    if isinstance(value, Mapping):
        return {text for item in value.values() for text in _texts(item)}
    if isinstance(value, (list, tuple)):
        return {text for item in value for text in _texts(item)}
    return {str(value)} if value not in (None, "", True, False) else set()
