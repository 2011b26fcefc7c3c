# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Nginx Proxy Manager's API is reached: versions, the login, and how it words its errors.

Its answers need reading between the lines. A missing permission is a 404 (a 403 before 2.13), a wrong login a 400 (a
401 before 2.13), and an account with a second factor gets 200 without a token. So one session logs in once, makes sure
that it is an administrator, and only then believes that a 404 means "absent".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .._errors import LOGIN, NOT_JSON, ApiError
from .._http import Api, Response
from .._resource import Params, Service

Row = dict[str, Any]

Version = tuple[int, int, int]
FIRST_USER_IS_OPEN: Version = (2, 13, 0)
KEY_TYPES: Version = (2, 13, 6)
TRUSTS_PROXIES: Version = (2, 14, 0)
OPEN_WITHOUT_ADDRESSES: Version = (2, 15, 0)

_NOISE = re.compile(r"^\s*at |^Error: Saving debug log|^Saving debug log|See the logfile|Ask for help")


def explain(answer: Response) -> str:
    """The server's reason: its message, and what certbot said, which is only found among the debug lines."""
    try:
        said = answer.json()
        error = said["error"]
        message = error if isinstance(error, str) else error["message"]
        stack = (said.get("debug") or {}).get("stack") or []
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
    text = str(message.get("message", message) if isinstance(message, Mapping) else message)
    lines = [str(line).removeprefix("Error: ").strip() for line in stack if not _NOISE.search(str(line))]
    told = " ".join(line for line in lines if line and line not in text)[:600]
    return f"{text}: {told}" if told else text


NGINX_PROXY_MANAGER = Service(
    name="Nginx Proxy Manager",
    api_url="http://127.0.0.1:81",
    options={
        "api_email": {"type": "str", "required": True},
        "api_password": {"type": "str", "required": True, "no_log": True},
    },
    login_help="Check api_email and api_password.",
    explain=explain,
)


@dataclass(frozen=True)
class Health:
    """What the server says about itself without a login. ``set_up`` is None before 2.13, which always has a user."""

    version: Version
    set_up: bool | None


class Session:
    """One logged-in conversation. The login happens at the first request that needs it, once."""

    def __init__(self, api: Api, params: Params) -> None:
        self.api = api
        self._email = email_of(params)
        self._password = str(params["api_password"])
        self._health: Health | None = None
        self._connected = False

    @property
    def health(self) -> Health:
        """Version and state of set-up, asked once."""
        if self._health is None:
            answer = self.api.read("/api/", absent=())
            try:
                numbers = answer["version"]
                version = (int(numbers["major"]), int(numbers["minor"]), int(numbers["revision"]))
                self._health = Health(version, answer.get("setup"))
            except (KeyError, TypeError, ValueError, AttributeError):
                raise ApiError(
                    f"{self.api.where} does not answer like Nginx Proxy Manager. "
                    "Set api_url to its admin port (81), not to the ports that it proxies.",
                    kind=NOT_JSON,
                    path="/api/",
                ) from None
        return self._health

    def forget_health(self) -> None:
        """Ask again next time: the server has just been set up."""
        self._health = None

    @property
    def version(self) -> Version:
        """The server's version."""
        return self.health.version

    def try_login(self, email: str, password: str) -> bool:
        """Log in; False when the server does not know the pair. Later requests use the new token.

        Raises ApiError when the account has a second factor, which nobody can answer here.
        """
        # Scripts before us may have left a header; a stale one would turn the login into another error.
        self.api.headers.pop("Authorization", None)
        body = {"identity": email, "secret": password}
        answer = self.api.send("POST", "/api/tokens", json=body, accept=(400, 401), harmless=True)
        if answer.status in (400, 401):
            return False
        said = self.api.parse(answer, "/api/tokens")
        if "token" not in said:
            raise ApiError(
                f"{self.api.where} wants a second factor for {email}, which automation cannot give. "
                "Use an administrator without two-factor authentication for api_email.",
                kind=LOGIN,
                status=answer.status,
                path="/api/tokens",
            )
        self.api.headers["Authorization"] = f"Bearer {said['token']}"
        return True

    def connect(self) -> None:
        """Log in with the task's account and make sure that it is an administrator's."""
        if self._connected:
            return
        if self.health.set_up is False:
            raise ApiError(
                f"{self.api.where} has no administrator yet. Create it with nginx_proxy_manager_admin first.",
                kind=LOGIN,
                path="/api/",
            )
        if not self.try_login(self._email, self._password):
            raise ApiError(
                f"{self.api.where} refused the login of {self._email}. {NGINX_PROXY_MANAGER.login_help}",
                kind=LOGIN,
                status=400,
                path="/api/tokens",
            )
        roles = self.me().get("roles", [])
        if "admin" not in roles:
            raise ApiError(
                f"{self._email} is no administrator of {self.api.where}, so it does not see everything. "
                "Use an account with the role admin for api_email.",
                kind=LOGIN,
                path="/api/users/me",
            )
        self._connected = True

    def me(self) -> Row:
        """The account that is logged in."""
        return dict(self.api.read("/api/users/me", absent=()))

    def rows(self, kind: str, expand: str = "") -> list[Row]:
        """All objects of a kind, such as ``proxy-hosts``."""
        if self.api.read_only and self.health.set_up is False:
            # In check mode the task that makes the administrator has not run, and a server without one has nothing.
            return []
        self.connect()
        query = f"?expand={expand}" if expand else ""
        return list(self.api.read(f"/api/nginx/{kind}{query}", absent=()))

    def row(self, kind: str, number: int, expand: str = "") -> Row | None:
        """One object, or None when it is gone."""
        self.connect()
        query = f"?expand={expand}" if expand else ""
        found: Row | None = self.api.read(f"/api/nginx/{kind}/{number}{query}")
        return found

    def send(self, method: str, path: str, json: Any = None, timeout: float | None = None) -> Any:
        """A write below /api/nginx/; returns the parsed answer."""
        self.connect()
        answer = self.api.send(method, f"/api/nginx/{path}", json=json, timeout=timeout)
        return self.api.parse(answer, f"/api/nginx/{path}")

    def upload(self, path: str, parts: Mapping[str, str]) -> None:
        """Send texts as files of a form."""
        self.connect()
        body, kind = multipart(parts)
        self.api.send("POST", f"/api/nginx/{path}", body=body, headers={"Content-Type": kind})


def email_of(params: Params) -> str:
    """The task's account as the server looks for it: one with a capital letter could never log in."""
    return str(params["api_email"]).strip().lower()


def multipart(parts: Mapping[str, str]) -> tuple[bytes, str]:
    """The body of a form whose parts are files, and its content type. PEM texts cannot contain the boundary."""
    boundary = "mediverse-pacs-d41d8cd98f00b204"
    lines: list[str] = []
    for name, text in parts.items():
        head = f'Content-Disposition: form-data; name="{name}"; filename="{name}.pem"'
        lines += [f"--{boundary}", head, "Content-Type: application/x-pem-file", "", text]
    return "\r\n".join([*lines, f"--{boundary}--", ""]).encode(), f"multipart/form-data; boundary={boundary}"
