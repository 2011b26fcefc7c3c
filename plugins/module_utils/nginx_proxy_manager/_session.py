# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Nginx Proxy Manager's API is reached: versions, the login, and how it words its errors.

Its answers need reading between the lines. A missing permission is a 404, a wrong login a 400, and an account with a
second factor gets 200 without a token. So one session logs in once, makes sure that it is an administrator, and only
then believes that a 404 means "absent".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from .._engine.errors import INPUT, LOGIN, NOT_JSON, ApiError, InputError
from .._engine.http import Api, form
from .._engine.messages import Response
from .._engine.resource import Params, Service

Row = dict[str, Any]

Version = tuple[int, int, int]
# Older ones pass logins on to the server behind, refuse whoever a list of users lets in, and fail at certificates.
OLDEST: Version = (2, 15, 0)

_NOISE = re.compile(r"^\s*at |Saving debug log to|See the logfile|Ask for help")
_LOG = re.compile(r"Saving debug log to (\S+)")
_NOT_FOUND, _TOO_LARGE = 404, 413
_ADMIN_PORT = 81
# A shell reads the credentials of a DNS provider on the server.
_FOR_A_SHELL = re.compile(r"[A-Za-z0-9_=.\n -]*")


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
    # Which name failed and why reaches the log of the server and nothing else.
    log = next((found[1] for found in map(_LOG.search, map(str, stack)) if found), "")
    if log:
        told = f"{told} The cause stands in {log} on the server.".lstrip()
    if answer.status == _TOO_LARGE:
        told = "the server takes 100 kB of JSON at most; make advanced_config, or the lists of users or names, shorter"
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
    """What the server says about itself without a login: its version, and whether it has a user."""

    version: Version
    set_up: bool


class Session:
    """One logged-in conversation. The login happens at the first request that needs it, once."""

    def __init__(self, api: Api, params: Params) -> None:
        self.api = api
        self._email = email_of(params)
        self._password = str(params["api_password"])
        self._health: Health | None = None
        self._connected = False
        # How many writes the server has taken.
        self.writes = 0

    @property
    def health(self) -> Health:
        """Version and state of set-up, asked once. Raises ApiError for something else, and for a server that is too
        old.
        """
        if self._health is None:
            try:
                answer = self.api.read("/api/", absent=())
                numbers = answer["version"]
                version = (int(numbers["major"]), int(numbers["minor"]), int(numbers["revision"]))
                self._health = Health(version, bool(answer.get("setup")))
            except (KeyError, TypeError, ValueError, AttributeError):
                raise self._stranger(None) from None
            except ApiError as error:
                # A port that it proxies answers 404 for a path that it does not have.
                raise self._stranger(error.status) if error.status == _NOT_FOUND else error from None
            if version < OLDEST:
                raise ApiError(
                    f"{self.api.where} is version {'.'.join(map(str, version))}, and this collection needs "
                    f"{'.'.join(map(str, OLDEST))} or newer. Update the server first.",
                    kind=INPUT,
                    path="/api/",
                )
        return self._health

    def _stranger(self, status: int | None) -> ApiError:
        said = f"HTTP {status}" if status else "something else"
        return ApiError(
            f"{self.api.where} does not answer like Nginx Proxy Manager ({said}). "
            "Set api_url to its admin port (81), not to the ports that it proxies.",
            kind=NOT_JSON,
            status=status,
            path="/api/",
        )

    def forget_health(self) -> None:
        """Ask again next time: the server has just been set up."""
        self._health = None

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
        if not self.health.set_up:
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
        if self.api.read_only and not self.health.set_up:
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
        _check_credentials(json)
        answer = self.api.send(method, f"/api/nginx/{path}", json=json, timeout=timeout)
        self.writes += 1
        return self.api.parse(answer, f"/api/nginx/{path}")

    def served_by_itself(self, names: Iterable[str]) -> str:
        """The name under which this very conversation goes through the proxy, if it is one of these.

        The server's ports may be published at any others, so under such a name only the admin port is taken for
        another way. Who has that one elsewhere gives an address.
        """
        url = urlsplit(self.api.transport.endpoint.url)
        host = (url.hostname or "").lower()
        return host if url.port != _ADMIN_PORT and host in {name.lower() for name in names} else ""

    def upload(self, path: str, parts: Mapping[str, str]) -> None:
        """Send texts as files of a form."""
        self.connect()
        body, kind = form({name: (f"{name}.pem", text, "application/x-pem-file") for name, text in parts.items()})
        self.api.send("POST", f"/api/nginx/{path}", body=body, headers={"Content-Type": kind})
        self.writes += 1


def _check_credentials(body: Any) -> None:
    """Nothing that a shell could run may be sent as the credentials of a DNS provider, whoever sends it."""
    meta = body.get("meta") if isinstance(body, Mapping) else None
    text = meta.get("dns_provider_credentials") if isinstance(meta, Mapping) else None
    if text is not None and not _FOR_A_SHELL.fullmatch(str(text)):
        raise InputError(
            "dns_provider_credentials may have letters, digits, spaces and the characters _ = . - only, because the "
            "server gives them to a shell. Use a token of these characters."
        )


def email_of(params: Params) -> str:
    """The task's account as the server looks for it: one with a capital letter could never log in."""
    return str(params["api_email"]).strip().lower()
