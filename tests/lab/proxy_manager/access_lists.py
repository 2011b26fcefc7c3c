# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Access lists and their htpasswd files."""

from __future__ import annotations

import subprocess
from typing import Any

from .backend import Answer, Backend, Request
from .errors import Internal, NeverAnswers, not_found
from .store import Row
from .views import LIST_TREE, LISTS_TREE, Tree, expand, mask_items, parse_expand, shown


def index(backend: Backend, request: Request) -> Answer:
    """Answer GET /nginx/access-lists."""
    backend.user_of(request)
    tree = parse_expand(request.query.get("expand"), LISTS_TREE)
    wanted = request.query.get("query", "").lower()
    rows = backend.store.select("access_list", lambda row: wanted in row["name"].lower())
    rows.sort(key=lambda row: str(row["name"]))
    return 200, [mask_items(_expanded(backend, row, tree)) for row in rows]


def get(backend: Backend, request: Request) -> Answer:
    """Answer GET /nginx/access-lists/ID; lists reached through its hosts are not masked."""
    backend.user_of(request)
    return 200, mask_items(_load(backend, request.ids[0], request.query.get("expand")))


def create(backend: Backend, request: Request) -> Answer:
    """Answer POST /nginx/access-lists."""
    data = backend.payload("list_create", request)
    user = backend.user_of(request)
    flags = {"satisfy_any": data.get("satisfy_any", False), "pass_auth": data.get("pass_auth", True)}
    row = backend.store.insert(
        "access_list",
        {"is_deleted": False, "owner_user_id": user["id"], "name": data["name"], "meta": {}, **flags},
    )
    if "items" not in data:
        raise Internal("the list has no items")  # and the row stays
    _add_items(backend, row["id"], data["items"])
    _add_clients(backend, row["id"], data.get("clients") or [])
    fresh = _load(backend, row["id"], "owner,items,clients,proxy_hosts.access_list.[clients,items]")
    _write_passwords(backend, fresh)
    for host in fresh["proxy_hosts"]:
        backend.nginx.write(host)
    return 201, mask_items(fresh)


def update(backend: Backend, request: Request) -> Answer:
    """Answer PUT /nginx/access-lists/ID. The flags count only when ``name`` is sent with them."""
    data = backend.payload("list_update", request)
    backend.user_of(request)
    list_id = _load(backend, request.ids[0])["id"]
    if data.get("name"):
        flags: Row = {key: data[key] for key in ("name", "satisfy_any", "pass_auth") if key in data}
        backend.store.patch("access_list", list_id, flags)
    if "items" in data:
        keep = [item.get("username") for item in data["items"] if not item.get("password")]
        backend.store.delete(
            "access_list_auth", lambda row: row["access_list_id"] == list_id and row["username"] not in keep
        )
        _add_items(backend, list_id, [item for item in data["items"] if item.get("password")])
    if "clients" in data:
        backend.store.delete("access_list_client", lambda row: bool(row["access_list_id"] == list_id))
        _add_clients(backend, list_id, [client for client in data["clients"] if client.get("address")])
    fresh = _load(backend, list_id, "owner,items,clients,proxy_hosts.[certificate,access_list.[clients,items]]")
    _write_passwords(backend, fresh)
    for host in fresh["proxy_hosts"]:
        backend.nginx.write(host)
    backend.nginx.reload()
    return 200, mask_items(fresh)


def delete(backend: Backend, request: Request) -> Answer:
    """Answer DELETE /nginx/access-lists/ID: hosts that used it come back open and without TLS."""
    backend.user_of(request)
    row = _load(backend, request.ids[0], "proxy_hosts,items,clients")
    backend.store.patch("access_list", row["id"], {"is_deleted": True})
    for host in row["proxy_hosts"]:
        backend.store.patch("proxy_host", host["id"], {"access_list_id": 0})
        backend.nginx.write({**host, "access_list_id": 0})
    backend.nginx.reload()
    _password_file(backend, row["id"]).unlink(missing_ok=True)
    return 200, True


def _add_items(backend: Backend, list_id: int, items: list[Row]) -> None:
    for item in items:
        columns: Row = {"username": item.get("username"), "password": item.get("password", ""), "meta": {}}
        backend.store.insert("access_list_auth", {"access_list_id": list_id, **columns})


def _add_clients(backend: Backend, list_id: int, clients: list[Row]) -> None:
    for client in clients:
        columns: Row = {"address": client.get("address"), "directive": client.get("directive"), "meta": {}}
        backend.store.insert("access_list_client", {"access_list_id": list_id, **columns})


def _load(backend: Backend, list_id: int, expression: str | None = None) -> Row:
    row = backend.store.get("access_list", list_id)
    if row is None:
        raise not_found(list_id)
    return _expanded(backend, row, parse_expand(expression, LIST_TREE))


def _expanded(backend: Backend, row: Row, tree: Tree) -> Row:
    hosts = backend.store.select("proxy_host", lambda host: bool(host["access_list_id"] == row["id"]))
    row["proxy_host_count"] = len(hosts)
    return shown(expand(backend.store, "access_list", row, tree))


def _password_file(backend: Backend, list_id: int) -> Any:
    return backend.paths.data / "access" / str(list_id)


def _write_passwords(backend: Backend, access: Row) -> None:
    path = _password_file(backend, access["id"])
    path.write_text("", encoding="utf-8")
    for item in access["items"]:
        if not item["password"]:
            raise NeverAnswers
        if item["password"].startswith("-"):
            raise Internal("openssl passwd: unknown option")  # and the file stays half written
        line = f"{item['username']}:{_apr1(item['password'])}\n"
        with path.open("a", encoding="utf-8") as handle:
            handle.write(line)


def _apr1(password: str) -> str:
    command = ["openssl", "passwd", "-apr1", "-stdin"]
    return subprocess.run(command, input=password, capture_output=True, text=True, check=True).stdout.strip()
