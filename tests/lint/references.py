# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which variables a value of a playbook refers to, and whether what it takes of them may be shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jinja2
from jinja2 import nodes

# What a variable holds: whatever a task with no_log returned, or an option in which there are secrets.
RESULT, SECRET = "result", "secret"
Taint = dict[str, str]

_ENVIRONMENT = jinja2.Environment(extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"])
# What comes out of these filters is a number.
_HARMLESS = {"length", "count"}
# Attributes of a result that hold a number or a truth.
_TOLD = {"status", "status_code", "changed", "failed", "skipped", "unreachable", "rc"}


def kind_of(value: Any, taints: Mapping[str, str], secret: frozenset[str]) -> str:
    """The worst kind of what ``value`` refers to; empty when it may be shown. ``secret``: names of attributes."""
    if isinstance(value, str):
        found = _of_text(value, taints, secret)
    elif isinstance(value, Mapping):
        found = {kind_of(item, taints, secret) for item in value.values()}
    elif isinstance(value, list):
        found = {kind_of(item, taints, secret) for item in value}
    else:
        return ""
    return RESULT if RESULT in found else SECRET if SECRET in found else ""


def _of_text(text: str, taints: Mapping[str, str], secret: frozenset[str]) -> set[str]:
    if "{{" not in text and "{%" not in text:
        return set()
    try:
        tree = _ENVIRONMENT.parse(text)
    except jinja2.TemplateSyntaxError:
        # Not readable for us: every name in it counts.
        return {kind for name, kind in taints.items() if name in text}
    return _of_node(tree, taints, secret)


def _of_node(node: nodes.Node, taints: Mapping[str, str], secret: frozenset[str]) -> set[str]:
    if isinstance(node, nodes.Name):
        return {taints[node.name]} if node.name in taints else set()
    if isinstance(node, nodes.Test) or (isinstance(node, nodes.Filter) and node.name in _HARMLESS):
        return set()
    if isinstance(node, nodes.Compare):
        return set()
    if isinstance(node, nodes.Getattr) and node.attr in _TOLD:
        return set()
    named = {taints[name] for name in _named_by(node) if name in taints}
    if named:
        return named
    # A condition is not part of what comes out of it.
    skipped = node.test if isinstance(node, nodes.CondExpr) else None
    found = {
        kind for child in node.iter_child_nodes() if child is not skipped for kind in _of_node(child, taints, secret)
    }
    if isinstance(node, nodes.Filter) and node.name == "map":
        found &= _left_by(node, secret)
    return found


def _named_by(node: nodes.Node) -> set[str]:
    """Variables that are named by a text: ``vars['x']``, ``hostvars[host].x``, ``lookup('vars', 'x')``,
    ``map('extract', hostvars, 'x')``.
    """
    if isinstance(node, nodes.Getattr) and _is_of_a_host(node.node):
        return {node.attr}
    if isinstance(node, nodes.Getitem) and (_is_of_a_host(node.node) or _is_name(node.node, "vars")):
        return _texts(node.arg)
    if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name in _LOOKUPS:
        return {text for argument in node.args for text in _texts(argument)}
    if isinstance(node, nodes.Filter) and node.name == "map" and node.args and "extract" in _texts(node.args[0]):
        return {text for argument in node.args[1:] for text in _texts(argument)}
    return set()


_LOOKUPS = {"lookup", "query", "q"}


def _is_of_a_host(node: nodes.Node) -> bool:
    return isinstance(node, (nodes.Getitem, nodes.Getattr)) and _is_name(node.node, "hostvars")


def _is_name(node: nodes.Node, name: str) -> bool:
    return isinstance(node, nodes.Name) and node.name == name


def _texts(node: nodes.Node) -> set[str]:
    """The texts that are written there, alone or in a list."""
    found = [node, *node.find_all(nodes.Const)]
    return {one.value for one in found if isinstance(one, nodes.Const) and isinstance(one.value, str)}


def _left_by(node: nodes.Filter, secret: frozenset[str]) -> set[str]:
    """What ``map(attribute='...')`` leaves: of a secret option secret attributes, of a result all but numbers."""
    for keyword in node.kwargs:
        if keyword.key == "attribute" and isinstance(keyword.value, nodes.Const):
            last = str(keyword.value.value).rsplit(".", 1)[-1]
            if last in _TOLD:
                return set()
            return {RESULT, SECRET} if last in secret or _is_whole(last) else {RESULT}
    return {RESULT, SECRET}


def _is_whole(attribute: str) -> bool:
    """Whether the attribute is a list of entries, or announces a secret by its name."""
    return any(word in attribute for word in ("items", "password", "secret", "token", "key", "credential"))
