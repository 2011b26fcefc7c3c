# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proxy hosts."""

from __future__ import annotations

from . import certificates
from .backend import Answer, Backend, Request
from .errors import invalid, not_found
from .store import Row
from .views import HOST_TREE, expand, parse_expand, shown

_DEFAULTS: Row = {
    "is_deleted": False,
    "access_list_id": 0,
    "certificate_id": 0,
    "ssl_forced": False,
    "caching_enabled": False,
    "block_exploits": False,
    "advanced_config": "",
    "meta": {},
    "allow_websocket_upgrade": False,
    "http2_support": False,
    "enabled": True,
    "locations": None,
    "hsts_enabled": False,
    "hsts_subdomains": False,
    "trust_forwarded_proto": False,
}
_FULL = "certificate,owner,access_list.[clients,items]"


def index(backend: Backend, request: Request) -> Answer:
    """Answer GET /nginx/proxy-hosts."""
    backend.user_of(request)
    expression = request.query.get("expand")
    tree = parse_expand(expression, HOST_TREE)
    wanted = request.query.get("query", "").lower()
    hosts = backend.store.select("proxy_host", lambda row: wanted in str(row["domain_names"]).lower())
    hosts.sort(key=lambda row: str(row["domain_names"]))
    clean = "certificate" in (expression or "").split(",")
    return 200, [_show(expand(backend.store, "proxy_host", host, tree), clean) for host in hosts]


def get(backend: Backend, request: Request) -> Answer:
    """Answer GET /nginx/proxy-hosts/ID. Expanding the access list shows its passwords in clear."""
    backend.user_of(request)
    return 200, _load(backend, request.ids[0], request.query.get("expand"))


def create(backend: Backend, request: Request) -> Answer:
    """Answer POST /nginx/proxy-hosts: 201 whatever nginx thinks of it, and ``meta`` as it was sent."""
    data = backend.payload("host_create", request)
    user = backend.user_of(request)
    new_certificate = data.get("certificate_id") == "new"
    if new_certificate:
        del data["certificate_id"]
    _refuse_taken(backend, data["domain_names"])
    _clean_ssl(data)
    row = backend.store.insert("proxy_host", _columns({**_DEFAULTS, **data, "owner_user_id": user["id"]}))
    if new_certificate:
        certificate = certificates.request_certificate(backend, user, data["domain_names"], data.get("meta") or {})
        _update(backend, row["id"], {"certificate_id": certificate["id"]})
    host = _load(backend, row["id"], _FULL)
    answer = _load(backend, row["id"], _FULL)
    backend.nginx.configure(host)
    return 201, answer


def update(backend: Backend, request: Request) -> Answer:
    """Answer PUT /nginx/proxy-hosts/ID. ``enabled`` is stored and leaves nginx as it is."""
    data = backend.payload("host_update", request)
    user = backend.user_of(request)
    host_id = request.ids[0]
    _refuse_taken(backend, data.get("domain_names", []), besides=host_id)
    host = _load(backend, host_id)
    if data.get("certificate_id") == "new":
        names = data.get("domain_names") or host["domain_names"]
        meta = {**host["meta"], **data.get("meta", {})}
        data["certificate_id"] = certificates.request_certificate(backend, user, names, meta)["id"]
    return 200, _update(backend, host_id, data)


def delete(backend: Backend, request: Request) -> Answer:
    """Answer DELETE /nginx/proxy-hosts/ID."""
    backend.user_of(request)
    host = _load(backend, request.ids[0])
    backend.store.patch("proxy_host", host["id"], {"is_deleted": True})
    backend.nginx.remove(host["id"])
    backend.nginx.reload()
    return 200, True


def enable(backend: Backend, request: Request) -> Answer:
    """Answer POST .../enable: the host comes back without the users and addresses of its access list."""
    backend.user_of(request)
    # The relation is loaded without its items and clients: the worst trap of the real server.
    host = _load(backend, request.ids[0], "certificate,owner,access_list")
    if host["enabled"]:
        raise invalid("Host is already enabled")
    backend.store.patch("proxy_host", host["id"], {"enabled": True})
    backend.nginx.configure({**host, "enabled": True})
    return 200, True


def disable(backend: Backend, request: Request) -> Answer:
    """Answer POST .../disable."""
    backend.user_of(request)
    host = _load(backend, request.ids[0])
    if not host["enabled"]:
        raise invalid("Host is already disabled")
    backend.store.patch("proxy_host", host["id"], {"enabled": False})
    backend.nginx.remove(host["id"])
    backend.nginx.reload()
    return 200, True


def _update(backend: Backend, host_id: int, data: Row) -> Row:
    stored = _load(backend, host_id)
    combined = {**stored, **data}
    _clean_ssl(combined)
    backend.store.patch("proxy_host", host_id, _columns(combined))
    host = _load(backend, host_id, _FULL)
    if host["enabled"]:
        host["meta"] = backend.nginx.configure(host)
    return host


def _clean_ssl(data: Row) -> None:
    # An explicit 0 has become the text "0" by now, which is true: flags then survive without a certificate.
    if not data.get("certificate_id"):
        data["ssl_forced"] = data["http2_support"] = False
    if not data.get("ssl_forced"):
        data["hsts_enabled"] = False
    if not data.get("hsts_enabled"):
        data["hsts_subdomains"] = False


def _columns(data: Row) -> Row:
    names = {name: value for name, value in data.items() if name not in ("id", "created_on", "modified_on")}
    names["certificate_id"] = int(names["certificate_id"])
    names["domain_names"] = sorted(names["domain_names"])
    return names


def _refuse_taken(backend: Backend, names: list[str], besides: int = 0) -> None:
    taken = {
        name.lower()
        for host in backend.store.select("proxy_host", lambda row: bool(row["id"] != besides))
        for name in host["domain_names"]
    }
    for name in names:
        if name.lower() in taken:
            raise invalid(f"{name} is already in use")


def _load(backend: Backend, host_id: int, expression: str | None = None) -> Row:
    host = backend.store.get("proxy_host", host_id)
    if host is None:
        raise not_found(host_id)
    return _show(expand(backend.store, "proxy_host", host, parse_expand(expression, HOST_TREE)), clean=True)


def _show(host: Row, clean: bool) -> Row:
    if clean and host.get("certificate"):
        host["certificate"]["meta"] = {}
    return shown(host)
