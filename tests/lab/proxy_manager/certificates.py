# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates: requested from the simulated ACME, or uploaded."""

from __future__ import annotations

import time

from . import acme
from .backend import Answer, Backend, Request
from .errors import ApiError, Internal, NotModelled, invalid, not_found
from .pem import certificate_info, check_key
from .store import Row, now
from .views import CERTIFICATE_TREE, expand, parse_expand, shown

_PARTS = ("certificate", "certificate_key", "intermediate_certificate")


def index(backend: Backend, request: Request) -> Answer:
    """Answer GET /nginx/certificates; uploaded private keys are in ``meta``, in clear."""
    backend.user_of(request)
    tree = parse_expand(request.query.get("expand"), CERTIFICATE_TREE)
    wanted = request.query.get("query", "").lower()
    rows = backend.store.select("certificate", lambda row: wanted in row["nice_name"].lower())
    rows.sort(key=lambda row: str(row["nice_name"]))
    return 200, [shown(expand(backend.store, "certificate", row, tree)) for row in rows]


def get(backend: Backend, request: Request) -> Answer:
    """Answer GET /nginx/certificates/ID."""
    backend.user_of(request)
    row = _load(backend, request.ids[0])
    return 200, expand(backend.store, "certificate", row, parse_expand(request.query.get("expand"), CERTIFICATE_TREE))


def create(backend: Backend, request: Request) -> Answer:
    """Answer POST /nginx/certificates: the row of a custom one, or a finished Let's Encrypt one."""
    with backend.lock:
        data = backend.payload("certificate_create", request)
        user = backend.user_of(request)
        if data["provider"] == "other":
            return 201, shown(_insert(backend, user, data))
        if not data.get("domain_names"):
            raise Internal("Cannot read properties of undefined (reading 'join')")
    row = request_certificate(backend, user, data["domain_names"], data.get("meta") or {})
    info = certificate_info(_live_text(backend, row["id"]), refuse_expired=False)
    row["meta"] = {**row["meta"], "letsencrypt_certificate": info}
    return 201, shown(row)


def request_certificate(backend: Backend, user: Row, domains: list[str], meta: Row) -> Row:
    """Take every host of these domains offline, ask for the certificate, and put the hosts' files back.

    The files are put back without certificate and access list, and after success nginx is not even told: the hosts
    stay offline until the next write, and come back open. On failure nginx is reloaded, which opens them at once.
    """
    if meta.get("dns_challenge"):
        raise NotModelled("DNS-01 challenges")
    with backend.lock:
        named = {"provider": "letsencrypt", "nice_name": ", ".join(domains), "domain_names": domains, "meta": meta}
        row = _insert(backend, user, named)
        lower = {name.lower() for name in domains}
        hosts = backend.store.select(
            "proxy_host", lambda host: any(name.lower() in lower for name in host["domain_names"])
        )
        for host in hosts:
            backend.nginx.remove(host["id"])
    try:
        with backend.lock:
            backend.nginx.write_acme_request(row["id"], row["domain_names"])
            backend.nginx.reload()
        acme.obtain(backend, row["id"], domains, meta.get("key_type", "ecdsa"))
    except ApiError:
        with backend.lock:
            backend.store.delete("certificate", lambda one: bool(one["id"] == row["id"]))
            backend.nginx.remove_acme_request(row["id"])
            _write_all(backend, hosts)
            backend.nginx.reload()
        raise
    with backend.lock:
        backend.nginx.remove_acme_request(row["id"])
        backend.nginx.reload()
        backend.nginx.settle()
        _write_all(backend, hosts)
        return _store_end(backend, row["id"])


def renew(backend: Backend, request: Request) -> Answer:
    """Answer POST .../renew. nginx is not reloaded: it serves the old certificate until something else reloads it."""
    with backend.lock:
        backend.user_of(request)
        row = _load(backend, request.ids[0])
    if row["provider"] != "letsencrypt":
        raise invalid("Only Let'sEncrypt certificates can be renewed")
    acme.renew(backend, row["id"], row["domain_names"], row["meta"].get("key_type", "ecdsa"))
    with backend.lock:
        return 200, shown(_store_end(backend, row["id"]))


def delete(backend: Backend, request: Request) -> Answer:
    """Answer DELETE /nginx/certificates/ID. Hosts keep pointing at the files that are gone."""
    backend.user_of(request)
    row = _load(backend, request.ids[0])
    backend.store.patch("certificate", row["id"], {"is_deleted": True})
    if row["provider"] == "letsencrypt":
        acme.revoke(backend, row["id"])
    return 200, True


def check(backend: Backend, request: Request) -> Answer:
    """Answer POST /nginx/certificates/validate; nobody is asked for a token."""
    return 200, _validate(request)


def upload(backend: Backend, request: Request) -> Answer:
    """Answer POST .../upload. Key and certificate need not belong together, and nginx is not reloaded."""
    with backend.lock:
        backend.user_of(request)
        row = _load(backend, request.ids[0])
    if row["provider"] != "other":
        raise invalid("Cannot upload certificates for this type of provider")
    found = _validate(request)
    if "certificate" not in found:
        raise invalid("Certificate file was not provided")
    with backend.lock:
        meta = {**row["meta"], **{name: request.files[name].decode() for name in _PARTS if name in request.files}}
        info = found["certificate"]
        backend.store.patch(
            "certificate",
            row["id"],
            {
                "expires_on": _local(info["dates"]["to"]),
                "domain_names": [info["cn"]] if info.get("cn") else [],
                "meta": meta,
            },
        )
        folder = backend.paths.data / "custom_ssl" / f"npm-{row['id']}"
        folder.mkdir(parents=True, exist_ok=True)
        texts = [meta["certificate"], *([meta[_PARTS[2]]] if _PARTS[2] in meta else [])]
        (folder / "fullchain.pem").write_text("\n".join(texts), encoding="utf-8")
        (folder / "privkey.pem").write_text(str(meta.get("certificate_key")), encoding="utf-8")
    return 200, {name: meta[name] for name in _PARTS if name in meta}


def _validate(request: Request) -> Row:
    found: Row = {}
    for name in _PARTS:
        if name in request.files:
            text = request.files[name].decode(errors="replace")
            found[name] = check_key(text) if name == "certificate_key" else certificate_info(text)
    return found


def _insert(backend: Backend, user: Row, data: Row) -> Row:
    return backend.store.insert(
        "certificate",
        {
            "is_deleted": False,
            "owner_user_id": user["id"],
            "provider": data["provider"],
            "nice_name": data.get("nice_name", ""),
            "domain_names": sorted(data.get("domain_names") or []),
            "expires_on": now(),
            "meta": data.get("meta") or {},
        },
    )


def _load(backend: Backend, certificate_id: int) -> Row:
    row = backend.store.get("certificate", certificate_id)
    if row is None:
        raise not_found(certificate_id)
    return shown(row)


def _write_all(backend: Backend, hosts: list[Row]) -> None:
    for host in hosts:
        backend.nginx.write(host)


def _store_end(backend: Backend, certificate_id: int) -> Row:
    info = certificate_info(_live_text(backend, certificate_id), refuse_expired=False)
    backend.store.patch("certificate", certificate_id, {"expires_on": _local(info["dates"]["to"])})
    return _load(backend, certificate_id)


def _live_text(backend: Backend, certificate_id: int) -> str:
    return (backend.paths.letsencrypt / "live" / f"npm-{certificate_id}" / "fullchain.pem").read_text(encoding="utf-8")


def _local(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
