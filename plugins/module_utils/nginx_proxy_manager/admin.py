# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The administrator: the account that every other module logs in with.

A fresh server is open: whoever comes first creates the administrator, with no check of what is sent. That ends here
with the task's account, proven by a login.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._engine.errors import LOGIN, NOT_KEPT, ApiError, InputError
from .._engine.fields import Field
from .._engine.http import Api
from .._engine.reconcile import Plan
from .._engine.resource import Params, ResourceSpec
from .._rules import addresses, logins
from ._session import NGINX_PROXY_MANAGER, Session, email_of

FIELDS = (
    Field("full_name", "name", default="Administrator"),
    Field("nickname", default="Admin"),
    # Whether the task's e-mail address and password open the server; always wanted.
    Field("login_works", type="bool", constant=True),
    Field("email", read_only=True),
    Field("id", type="int", read_only=True),
)
_OPTIONS: dict[str, dict[str, Any]] = {
    "current_email": {"type": "str"},
    "current_password": {"type": "str", "no_log": True},
}


def _validate(params: Params, current: Mapping[str, Any] | None, planned: Plan) -> None:
    """The rules of the form in the user interface, which the server does not apply to the first account."""
    if "login_works" not in planned.differs:
        return
    if wrong := addresses.email(email_of(params)):
        raise InputError(f"api_email is {params['api_email']!r}, which {wrong}.")
    if wrong := logins.proxy_admin_password(params["api_password"]):
        raise InputError(f"api_password {wrong}.")


class AdminClient:
    """The one account that the task is about."""

    def __init__(self, api: Api, params: Params) -> None:
        self._session = Session(api, params)
        self._params = params
        self._email = email_of(params)
        self._opened_with = ""

    def get(self, key: Any) -> dict[str, Any] | None:
        """The account, or None while the server has none. It may have other credentials than it should."""
        if not self._session.health.set_up:
            return None
        works = self._session.try_login(self._email, self._params["api_password"])
        if not works:
            self._open_otherwise()
        me = self._session.me()
        if "admin" not in me.get("roles", []):
            raise ApiError(
                f"{me.get('email')} is no administrator of {self._session.api.where}. "
                "Use the account of an administrator.",
                kind=LOGIN,
                path="/api/users/me",
            )
        return {**me, "login_works": works}

    def create(self, key: Any, planned: Plan) -> None:
        """Create the first account, with its password: without one nobody could ever log in."""
        body = {
            "name": planned.desired["name"],
            "nickname": planned.desired["nickname"],
            "email": self._email,
            "roles": ["admin"],
            "is_disabled": False,
            "auth": {"type": "password", "secret": self._params["api_password"]},
        }
        self._session.api.send("POST", "/api/users", json=body)
        self._session.forget_health()
        self._prove()

    def update(self, key: Any, planned: Plan, current: dict[str, Any]) -> None:
        """Change e-mail address, names and password of the account, in this order and in one run."""
        profile = {name: planned.desired[name] for name in ("name", "nickname")}
        if current["email"] != self._email:
            profile["email"] = self._email
        self._session.api.send("PUT", "/api/users/me", json=profile)
        if "login_works" in planned.delta and self._opened_with != self._params["api_password"]:
            body = {"type": "password", "current": self._opened_with, "secret": self._params["api_password"]}
            self._session.api.send("PUT", "/api/users/me/auth", json=body)
        self._prove()

    def delete(self, key: Any, current: dict[str, Any]) -> None:
        """There is no state absent."""
        raise NotImplementedError

    def _open_otherwise(self) -> None:
        """Log in with what the account has now. A run that ended between the two changes has left the new e-mail
        address with the old password.
        """
        emails = [(self._params["current_email"] or self._email).strip().lower(), self._email]
        passwords = [self._params["current_password"], self._params["api_password"]]
        accounts = [
            (email, password)
            for password in passwords
            for email in dict.fromkeys(emails)
            if password is not None and (email, password) != (self._email, self._params["api_password"])
        ]
        for email, password in accounts:
            if self._session.try_login(email, password):
                self._opened_with = password
                return
        raise ApiError(
            f"{self._session.api.where} has an administrator already, and the login of {self._email} was refused. "
            "Correct api_email and api_password, or give current_email and current_password of the account to change. "
            "Only where nobody could ever log in, the server was ended while it made its first account, which has no "
            "password: stop the server, remove its database (data/database.sqlite), start it and run again.",
            kind=LOGIN,
            status=400,
            path="/api/tokens",
        )

    def _prove(self) -> None:
        if not self._session.try_login(self._email, self._params["api_password"]):
            raise ApiError(
                f"{self._session.api.where} accepted the account {self._email} and then refused its login. "
                "Look at the users in its user interface.",
                kind=NOT_KEPT,
                path="/api/tokens",
            )


ADMIN = ResourceSpec(
    service=NGINX_PROXY_MANAGER,
    fields=FIELDS,
    client=AdminClient,
    returns="admin",
    noun="administrator",
    key="",
    validate=_validate,
    options=_OPTIONS,
)
