# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes of the API, and what becomes of errors."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from . import access_lists, certificates, proxy_hosts, users
from .backend import Answer, Backend, Request, log
from .errors import ApiError, Denied, Internal, NotModelled, not_found

Handler = Callable[[Backend, Request], Answer]

_ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", r"/", users.health),
    ("POST", r"/tokens", users.login),
    ("GET", r"/tokens", users.refresh),
    ("POST", r"/tokens/2fa", users.second_factor_login),
    ("GET", r"/users", users.index),
    ("POST", r"/users", users.create),
    ("GET", r"/users/(me|\d+)", users.get),
    ("PUT", r"/users/(me|\d+)", users.update),
    ("DELETE", r"/users/(\d+)", users.delete),
    ("PUT", r"/users/(me|\d+)/auth", users.set_password),
    ("PUT", r"/users/(me|\d+)/permissions", users.permissions),
    ("GET", r"/users/(me|\d+)/2fa", users.second_factor_state),
    ("POST", r"/users/(me|\d+)/2fa", users.second_factor_begin),
    ("POST", r"/users/(me|\d+)/2fa/enable", users.second_factor_enable),
    ("DELETE", r"/users/(me|\d+)/2fa", users.second_factor_disable),
    ("GET", r"/nginx/proxy-hosts", proxy_hosts.index),
    ("POST", r"/nginx/proxy-hosts", proxy_hosts.create),
    ("GET", r"/nginx/proxy-hosts/(\w+)", proxy_hosts.get),
    ("PUT", r"/nginx/proxy-hosts/(\w+)", proxy_hosts.update),
    ("DELETE", r"/nginx/proxy-hosts/(\w+)", proxy_hosts.delete),
    ("POST", r"/nginx/proxy-hosts/(\w+)/enable", proxy_hosts.enable),
    ("POST", r"/nginx/proxy-hosts/(\w+)/disable", proxy_hosts.disable),
    ("GET", r"/nginx/access-lists", access_lists.index),
    ("POST", r"/nginx/access-lists", access_lists.create),
    ("GET", r"/nginx/access-lists/(\w+)", access_lists.get),
    ("PUT", r"/nginx/access-lists/(\w+)", access_lists.update),
    ("DELETE", r"/nginx/access-lists/(\w+)", access_lists.delete),
    ("GET", r"/nginx/certificates", certificates.index),
    ("POST", r"/nginx/certificates", certificates.create),
    ("POST", r"/nginx/certificates/validate", certificates.check),
    ("GET", r"/nginx/certificates/(\d+)", certificates.get),
    ("DELETE", r"/nginx/certificates/(\d+)", certificates.delete),
    ("POST", r"/nginx/certificates/(\d+)/upload", certificates.upload),
    ("POST", r"/nginx/certificates/(\d+)/renew", certificates.renew),
)
_UNLOCKED = (certificates.create, certificates.renew, certificates.upload, certificates.check)
_WITHOUT_TOKEN = (users.health, users.login, users.second_factor_login, certificates.check)
_UPLOADS = (certificates.upload, certificates.check)
_EMPTY_LISTS = ("/nginx/redirection-hosts", "/nginx/dead-hosts", "/nginx/streams")
_KNOWN_ELSEWHERE = (
    *(f"{path}(/.*)?" for path in _EMPTY_LISTS),
    "/nginx/certificates/.*",
    "/users/.*",
    "/(schema|audit-log|reports|settings|version)(/.*)?",
)


def answer(backend: Backend, request: Request) -> Answer:
    """Return status and JSON value of the answer to a request."""
    try:
        return _dispatch(backend, request)
    except Denied:
        return _denied(backend, request)
    except ApiError as error:
        if isinstance(error, Internal):
            log(f"{request.method} {request.path}: {error.reason}")
        return error.status, _error_body(request, error)


def _dispatch(backend: Backend, request: Request) -> Answer:
    path = request.path.rstrip("/") or "/"
    for method, pattern, handler in _ROUTES:
        match = re.fullmatch(pattern, path)
        if match and method == request.method:
            return _call(backend, request, handler, [part for part in match.groups() if part != "me"])
    if request.method == "GET" and path in _EMPTY_LISTS:
        backend.user_of(request)
        return 200, []
    if any(re.fullmatch(pattern, path) for pattern in _KNOWN_ELSEWHERE):
        raise NotModelled(f"{request.method} /api{path}")
    raise not_found(path)


def _call(backend: Backend, request: Request, handler: Handler, ids: list[str]) -> Answer:
    if request.token and handler not in _WITHOUT_TOKEN:
        backend.tokens.read(request.token)
    if not all(part.isdigit() for part in ids):
        raise Internal("data/id must be integer", status=400)
    request.ids = [int(part) for part in ids]
    if handler in _UPLOADS and not request.files:
        return 400, {"error": "No files were uploaded"}
    if handler in _UNLOCKED:
        return handler(backend, request)
    with backend.lock:
        return handler(backend, request)


def _denied(backend: Backend, request: Request) -> Answer:
    """Answer a request without permission: 404, and 500 where a host is created."""
    path = request.path.rstrip("/")
    if request.method == "POST" and path == "/nginx/proxy-hosts":
        return 500, _error_body(request, Internal("Cannot read properties of undefined (reading 'debug')"))
    return 404, _error_body(request, not_found(path))


def _error_body(request: Request, error: ApiError) -> dict[str, Any]:
    inner: dict[str, Any] = {"code": error.status, "message": error.message}
    if error.i18n:
        inner["message_i18n"] = error.i18n
    body: dict[str, Any] = {"error": inner}
    if "nginx/certificates" in request.path:
        previous = {"previous": error.previous} if error.previous is not None else {}
        body["debug"] = {"stack": error.stack or [f"Error: {error.message}"], **previous}
    return body
