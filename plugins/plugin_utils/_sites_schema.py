# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of a site file: which keys stand where, and what must fit together between them.

``check`` returns the data in canonical form together with every problem of the file, never only the first one.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ..module_utils._rules.logins import is_known_password
from . import _sites_rules as rules
from ._sites_load import REPORTED, Problem, dotted
from ._sites_together import together

PLUGIN = "mediverse.pacs.sites"

# What people write instead, and what they mean by it, when the spelling alone does not tell.
_MEANT = {
    "ip": "host",
    "address": "host",
    "hostname": "host",
    "ansible_host": "host",
    "ae": "aet",
    "ae_title": "aet",
    "aetitle": "aet",
    "mac": "scanner_mac",
    "name": "label",
    "title": "label",
    "vendor": "manufacturer",
    "username": "user",
    "modalities": "scanners",
}


@dataclass(frozen=True)
class Key:
    """One key of a map: a rule for a value and how a wrong one is shown, or the shape of a map below it.

    ``beside``: the key that stands only together with this one; it may itself stand alone.
    """

    rule: rules.Rule | None = None
    shape: dict[str, Key] | None = None
    each: tuple[rules.Rule, dict[str, Key]] | None = None
    required: bool = False
    beside: str = ""
    show: Callable[[Any], str] = rules.show


SCANNER = {
    "aet": Key(rules.aet, required=True),
    "host": Key(rules.ipv4, required=True),
    "port": Key(rules.port, required=True),
    "manufacturer": Key(rules.manufacturer),
}
SITE = {
    "label": Key(rules.label),
    "cloud": Key(
        shape={
            "host": Key(rules.host, required=True),
            "user": Key(rules.linux_user, show=rules.show_user),
            "port": Key(rules.cloud_port),
            "rest_port": Key(rules.rest_port),
        },
        required=True,
    ),
    "gateway": Key(
        shape={
            # Which of them stand says how the PC comes into the site: see ``_sites.kind``.
            "host": Key(rules.host, beside="user"),
            "user": Key(rules.windows_user, beside="port", show=rules.show_user),
            "port": Key(rules.gateway_port),
            "aet": Key(rules.aet),
            "scanner_address": Key(rules.interface, beside="scanner_mac"),
            "scanner_mac": Key(rules.mac, beside="scanner_address"),
        },
    ),
    "scanners": Key(each=(rules.scanner_name, SCANNER), required=True),
}
HUB = {
    "host": Key(rules.host, required=True),
    "user": Key(rules.linux_user, show=rules.show_user),
    "port": Key(rules.hub_port),
    "worklist_root": Key(rules.folder),
    "worklist_uid": Key(rules.uid),
    "sync_address": Key(rules.sync_address),
    "to_gateways": Key(rules.to_gateways),
}


def _plugin_name(value: Any) -> str:
    if rules.text(value, PLUGIN) != PLUGIN:
        raise rules.Wrong(f"is another plugin; expected {PLUGIN}")
    return PLUGIN


FILE = {
    "plugin": Key(_plugin_name, required=True),
    "domain": Key(rules.domain, required=True),
    "hub": Key(shape=HUB, required=True),
    "sites": Key(each=(rules.site_id, SITE), required=True),
}


def check(data: Any) -> tuple[dict[str, Any], list[Problem]]:
    """The canonical data and all problems. The data may be used only when there are none.

    A value that is wrong stands in the data as None, or as what others may still be compared with.
    """
    problems: list[Problem] = []
    clean = _map(data, FILE, "", problems)
    problems.extend(together(clean))
    return clean, problems


def _map(data: Any, shape: dict[str, Key], path: str, problems: list[Problem]) -> dict[str, Any]:
    if data is REPORTED:
        return {}
    if not isinstance(data, dict):
        problems.append(Problem(path, _no_map(data, _listed(shape))))
        return {}
    clean: dict[str, Any] = {}
    meant: set[str | None] = set()
    for key, value in data.items():
        below = dotted(path, key)
        if key in shape:
            clean[key] = _value(value, shape[key], below, problems)
        elif value is not REPORTED:
            meant.add(_meant(key, shape))
            problems.append(_unknown(key, shape, below))
    problems.extend(_missing(data, shape, path, meant))
    return clean


def _missing(data: dict[str, Any], shape: dict[str, Key], path: str, meant: set[str | None]) -> Iterator[Problem]:
    for key, spec in shape.items():
        if key in data or key in meant:
            continue
        if spec.required:
            yield Problem(dotted(path, key), "the key is missing; it is required.")
        elif spec.beside and spec.beside in data:
            both = shape[spec.beside].beside == key
            expected = "expected both or neither" if both else f"expected it too, or no {spec.beside}"
            yield Problem(dotted(path, key), f"the key is missing beside {spec.beside}; {expected}.")


def _no_map(data: Any, expected: str) -> str:
    what = "the value is empty" if data is None else f"{rules.show_word(data)} stands there"
    return f"{what}; expected {expected}."


def _value(value: Any, spec: Key, path: str, problems: list[Problem]) -> Any:
    if spec.shape is not None:
        return _map(value, spec.shape, path, problems)
    if spec.each is not None:
        return _named(value, *spec.each, path, problems)
    if value is REPORTED:
        return None
    if isinstance(value, str) and is_known_password(value):
        problems.append(Problem(path, "the value is a well-known password; a site file holds no secrets."))
        return None
    return _ruled(spec.rule, value, path, problems, spec.show)


def _named(data: Any, name: rules.Rule, shape: dict[str, Key], path: str, problems: list[Problem]) -> dict[str, Any]:
    if data is REPORTED:
        return {}
    if not isinstance(data, dict) or not data:
        kind = path.rpartition(".")[2]
        problems.append(Problem(path, _no_map(data or None, f"at least one of the {kind} by its name")))
        return {}
    clean: dict[str, Any] = {}
    for key, value in data.items():
        below = dotted(path, key)
        if value is not REPORTED:
            _ruled(name, key, below, problems, what="the name ")
        # A map with a wrong name is compared with the others all the same.
        clean[key] = _map(value, shape, below, problems)
    return clean


def _ruled(
    rule: rules.Rule | None,
    value: Any,
    path: str,
    problems: list[Problem],
    show: Callable[[Any], str] = rules.show,
    what: str = "",
) -> Any:
    try:
        return rule(value) if rule else None
    except rules.Wrong as wrong:
        problems.append(Problem(path, f"{what}{show(value)} {wrong}."))
        return wrong.usable


def _meant(key: str, shape: dict[str, Key]) -> str | None:
    """The key that somebody most likely wanted to write."""
    name = key.partition(":")[0].strip().lower()
    if _MEANT.get(name) in shape:
        return _MEANT[name]
    near = difflib.get_close_matches(name, shape, n=1, cutoff=0.6)
    return near[0] if near else None


def _unknown(key: str, shape: dict[str, Key], path: str) -> Problem:
    meant = _meant(key, shape)
    space = ", with a space behind the colon" if ":" in key else ""
    hint = f" Did you mean {meant}{space}?" if meant else ""
    return Problem(path, f"the key is unknown; expected {_listed(shape)}.{hint}")


def _listed(keys: Any) -> str:
    return f"the keys {', '.join(keys)}"
