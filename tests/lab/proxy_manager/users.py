# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set-up, login, users, passwords and the second factor."""

from __future__ import annotations

import secrets

import pyotp

from .backend import Answer, Backend, Request
from .errors import ApiError, Internal, NotModelled, invalid, not_found
from .store import Row
from .tokens import hash_password, password_fits
from .views import USER_TREE, expand, parse_expand, shown

_SECOND_FACTOR = "second_factor"


def health(backend: Backend, request: Request) -> Answer:
    """Answer GET /: state and version."""
    version = dict(zip(("major", "minor", "revision"), backend.version, strict=True))
    return 200, {"status": "OK", "setup": backend.is_set_up(), "version": version}


def login(backend: Backend, request: Request) -> Answer:
    """Answer POST /tokens: a token, or the challenge of the second factor with the same status."""
    data = backend.payload("login", request)
    user = _authenticate(backend, data["identity"], data["secret"])
    if user.get(_SECOND_FACTOR, {}).get("enabled"):
        return 200, {
            "requires_2fa": True,
            "challenge_token": backend.tokens.create(user["id"], "2fa-challenge", "5m")[0],
        }
    token, expires = backend.tokens.create(user["id"], "user", "1d")
    return 200, {"token": token, "expires": expires}


def refresh(backend: Backend, request: Request) -> Answer:
    """Answer GET /tokens: a fresh token of any length of life."""
    user = backend.user_of(request, admin=False)
    token, expires = backend.tokens.create(user["id"], "user", request.query.get("expiry") or "1d")
    return 200, {"token": token, "expires": expires}


def second_factor_login(backend: Backend, request: Request) -> Answer:
    """Answer POST /tokens/2fa: the token, for the challenge and a code."""
    data = backend.payload("second_factor", request)
    try:
        claims = backend.tokens.read(data["challenge_token"])
    except ApiError as error:
        raise invalid("Invalid or expired challenge token") from error
    if claims["scope"] != ["2fa-challenge"]:
        raise invalid("Invalid challenge token")
    user = backend.store.get("user", claims["attrs"]["id"])
    if user is None or not _use_code(backend, user, data["code"]):
        raise invalid("Invalid verification code", "error.invalid-2fa")
    token, expires = backend.tokens.create(user["id"], "user", "1d")
    return 200, {"token": token, "expires": expires}


def create(backend: Backend, request: Request) -> Answer:
    """Answer POST /users: open to everybody as long as there is no user."""
    if not backend.is_set_up() and isinstance(request.body, dict):
        request.body["is_disabled"] = False
        if not isinstance(request.body.get("roles"), list):
            request.body["roles"] = []
        if "admin" not in request.body["roles"]:
            request.body["roles"].append("admin")
        data = backend.payload("user_create", request)
    else:
        data = backend.payload("user_create", request)
        backend.user_of(request)
    auth = data.pop("auth", None)
    # The e-mail is stored as sent although login looks for it in lower case; and no password is no obstacle.
    user = backend.add_user({"roles": [], **data}, str(auth["secret"]) if auth else None)
    return 201, _show(backend, user["id"], "permissions")


def index(backend: Backend, request: Request) -> Answer:
    """Answer GET /users."""
    backend.user_of(request)
    tree = parse_expand(request.query.get("expand"), USER_TREE)
    rows = sorted(backend.store.select("user"), key=lambda row: str(row["name"]))
    return 200, [_hide(expand(backend.store, "user", row, tree)) for row in rows]


def get(backend: Backend, request: Request) -> Answer:
    """Answer GET /users/ID and /users/me."""
    return 200, _show(backend, _target(backend, request), request.query.get("expand"))


def update(backend: Backend, request: Request) -> Answer:
    """Answer PUT /users/ID and /users/me."""
    data = backend.payload("user_update", request)
    user_id = _target(backend, request)
    if "email" in data:
        data["email"] = data["email"].lower().strip()
        if backend.store.select("user", lambda row: bool(row["email"] == data["email"] and row["id"] != user_id)):
            raise invalid(f"Email address already in use - {data['email']}")
    backend.store.patch("user", user_id, data)
    return 200, _show(backend, user_id, None)


def delete(backend: Backend, request: Request) -> Answer:
    """Answer DELETE /users/ID."""
    user_id = _target(backend, request)
    if backend.user_of(request)["id"] == user_id:
        raise ApiError(403, "Permission Denied")
    backend.store.patch("user", user_id, {"is_deleted": True})
    return 200, True


def set_password(backend: Backend, request: Request) -> Answer:
    """Answer PUT /users/ID/auth; one's own password needs the current one."""
    data = backend.payload("password", request)
    user_id = _target(backend, request)
    if backend.user_of(request, admin=False)["id"] == user_id:
        if not data.get("current"):
            raise invalid("Current password was not supplied")
        user = backend.store.get("user", user_id)
        assert user is not None
        _authenticate(backend, user["email"], data["current"])
    secret = hash_password(data["secret"])
    known = backend.store.select("auth", lambda row: bool(row["user_id"] == user_id))
    if known:
        backend.store.patch("auth", known[0]["id"], {"secret": secret})
    else:
        backend.store.insert("auth", {"user_id": user_id, "type": "password", "secret": secret})
    return 200, True


def second_factor_state(backend: Backend, request: Request) -> Answer:
    """Answer GET /users/me/2fa."""
    factor = _factor(backend, request)
    return 200, {"enabled": bool(factor.get("enabled")), "backup_codes_remaining": len(factor.get("codes", []))}


def second_factor_begin(backend: Backend, request: Request) -> Answer:
    """Answer POST /users/me/2fa: a secret for the authenticator, not yet in force."""
    user_id = _target(backend, request)
    secret = pyotp.random_base32()
    backend.store.patch("user", user_id, {_SECOND_FACTOR: {"secret": secret, "enabled": False, "codes": []}})
    return 200, {"secret": secret, "otpauth_url": f"otpauth://totp/lab?secret={secret}"}


def second_factor_enable(backend: Backend, request: Request) -> Answer:
    """Answer POST /users/me/2fa/enable."""
    code = backend.payload("code", request)["code"]
    factor = _factor(backend, request)
    if not factor or not _is_code(factor, code):
        raise invalid("Invalid verification code", "error.invalid-2fa")
    codes = [secrets.token_hex(4).upper() for __ in range(8)]
    enabled = {**factor, "enabled": True, "codes": codes}
    backend.store.patch("user", _target(backend, request), {_SECOND_FACTOR: enabled})
    return 200, {"backup_codes": codes}


def second_factor_disable(backend: Backend, request: Request) -> Answer:
    """Answer DELETE /users/me/2fa?code=."""
    user_id = _target(backend, request)
    user = backend.store.get("user", user_id)
    if user is None or not _use_code(backend, user, request.query.get("code", "")):
        raise invalid("Invalid verification code", "error.invalid-2fa")
    backend.store.patch("user", user_id, {_SECOND_FACTOR: {}})
    return 200, True


def _authenticate(backend: Backend, identity: str, secret: str) -> Row:
    wanted = identity.lower().strip()
    found = backend.store.select("user", lambda row: bool(row["email"] == wanted and not row["is_disabled"]))
    if found:
        stored = backend.store.select("auth", lambda row: bool(row["user_id"] == found[0]["id"]))
        if stored and password_fits(secret, stored[0]["secret"]):
            return found[0]
    raise ApiError(400, "Invalid email or password", i18n="error.invalid-auth")


def _target(backend: Backend, request: Request) -> int:
    if request.ids:
        if not backend.store.get("user", request.ids[0]):
            backend.user_of(request)
            raise not_found(request.ids[0])
        if backend.user_of(request, admin=False)["id"] != request.ids[0]:
            backend.user_of(request)
        return request.ids[0]
    if not request.token:
        raise Internal("no user in the token")
    return int(backend.user_of(request, admin=False)["id"])


def _factor(backend: Backend, request: Request) -> Row:
    user = backend.store.get("user", _target(backend, request))
    return dict((user or {}).get(_SECOND_FACTOR) or {})


def _use_code(backend: Backend, user: Row, code: str) -> bool:
    factor = user.get(_SECOND_FACTOR) or {}
    if code and code in factor.get("codes", []):
        factor["codes"].remove(code)
        backend.store.patch("user", user["id"], {_SECOND_FACTOR: factor})
        return True
    return bool(factor) and _is_code(factor, code)


def _is_code(factor: Row, code: str) -> bool:
    # Not verify(), to which digits of other scripts are the same.
    return code == pyotp.TOTP(factor["secret"]).now()


def _show(backend: Backend, user_id: int, expression: str | None) -> Row:
    user = backend.store.get("user", user_id)
    if user is None:
        raise not_found(user_id)
    return _hide(expand(backend.store, "user", user, parse_expand(expression, USER_TREE)))


def _hide(user: Row) -> Row:
    user.pop(_SECOND_FACTOR, None)
    return shown(user)


def permissions(backend: Backend, request: Request) -> Answer:
    """Refuse PUT /users/ID/permissions loudly."""
    raise NotModelled("permissions of single users")
