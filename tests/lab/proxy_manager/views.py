# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows as the API shows them, with the relations that ``expand`` asks for.

Passwords of access lists are masked on the list itself only. Reached through a host they are in clear, as they are in
the real server.
"""

from __future__ import annotations

import re
from typing import Any

from .errors import Internal
from .store import Row, Store

Tree = dict[str, Any]

_LIST_TREE: Tree = {"items": {}, "clients": {}}
HOST_TREE: Tree = {"owner": {}, "certificate": {}, "access_list": _LIST_TREE}
LIST_TREE: Tree = {"owner": {}, **_LIST_TREE, "proxy_hosts": {"certificate": {}, "access_list": _LIST_TREE}}
LISTS_TREE: Tree = {"owner": {}, **_LIST_TREE}
CERTIFICATE_TREE: Tree = {"owner": {}, "proxy_hosts": {}, "redirection_hosts": {}, "dead_hosts": {}, "streams": {}}
USER_TREE: Tree = {"permissions": {}}
_EMPTY_TABLES = ("redirection_hosts", "dead_hosts", "streams")


def parse_expand(text: str | None, allowed: Tree) -> Tree:
    """Return the relation tree that an ``expand`` parameter such as ``owner,access_list.[items]`` names.

    Raises:
        Internal: The text is not an expression or names a relation that this route does not give.
    """
    if not text:
        return {}
    tokens = re.findall(r"\w+|[.,\[\]]", text)
    if "".join(tokens) != re.sub(r"\s", "", text):
        raise Internal(f"invalid relation expression {text}")
    tree = _parse_list(tokens)
    if tokens:
        raise Internal(f"invalid relation expression {text}")
    _require(tree, allowed)
    return tree


def _parse_list(tokens: list[str]) -> Tree:
    tree: Tree = {}
    while True:
        if not tokens or not re.fullmatch(r"\w+", tokens[0]):
            raise Internal("invalid relation expression")
        name = tokens.pop(0)
        tree.setdefault(name, {}).update(_parse_below(tokens))
        if not tokens or tokens[0] != ",":
            return tree
        tokens.pop(0)


def _parse_below(tokens: list[str]) -> Tree:
    if not tokens or tokens[0] != ".":
        return {}
    tokens.pop(0)
    if tokens and tokens[0] == "[":
        tokens.pop(0)
        tree = _parse_list(tokens)
        if not tokens or tokens.pop(0) != "]":
            raise Internal("invalid relation expression")
        return tree
    if not tokens:
        raise Internal("invalid relation expression")
    name = tokens.pop(0)
    return {name: _parse_below(tokens)}


def _require(tree: Tree, allowed: Tree) -> None:
    for name, below in tree.items():
        if name not in allowed:
            raise Internal(f"relation {name} is not allowed")
        _require(below, allowed[name])


def expand(store: Store, kind: str, row: Row, tree: Tree) -> Row:
    """Return the row with the relations of the tree filled in. ``kind`` is the table the row comes from."""
    for name, below in tree.items():
        if name == "owner":
            row[name] = store.get("user", row["owner_user_id"])
            if row[name] and kind != "access_list":
                row[name].pop("is_deleted", None)
        elif name in ("items", "clients"):
            table = "access_list_auth" if name == "items" else "access_list_client"
            row[name] = store.select(table, lambda one: bool(one["access_list_id"] == row["id"]))
        elif name == "proxy_hosts":
            column = "access_list_id" if kind == "access_list" else "certificate_id"
            hosts = [host for host in store.select("proxy_host") if host[column] == row["id"]]
            row[name] = [expand(store, "proxy_host", host, below) for host in hosts]
        elif name in ("certificate", "access_list"):
            related = store.get(name, row[f"{name}_id"])
            row[name] = expand(store, name, related, below) if related else None
        elif name in _EMPTY_TABLES:
            row[name] = []
        elif name == "permissions":
            row[name] = _permissions(row)
    return row


def _permissions(user: Row) -> Row:
    kinds = ("proxy_hosts", "redirection_hosts", "dead_hosts", "streams", "access_lists", "certificates")
    return {"visibility": "all" if "admin" in user["roles"] else "user", **dict.fromkeys(kinds, "manage")}


def mask_items(access: Row) -> Row:
    """Blank the passwords of a list's own items and add the hint: the first character, and stars to its length. The
    real server counts in units of UTF-16, so that an emoji is two, and its first half is what is shown.
    """
    for item in access.get("items") or []:
        units = (item["password"] or "").encode("utf-16-le")
        first = units[:2].decode("utf-16-le", "surrogatepass")
        item["hint"] = first + "*" * (len(units) // 2 - 1) if units else "*" * 9
        item["password"] = ""
    return access


def shown(row: Row) -> Row:
    """Drop the column that the API never shows of a row itself."""
    row.pop("is_deleted", None)
    return row
