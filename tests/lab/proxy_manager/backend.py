# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every handler works with: the rows, nginx, the tokens, and who is asking."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from .errors import Denied, NotModelled, invalid
from .nginx_control import NginxControl, Paths, run_nginx
from .schema import validate
from .schemas import request_schemas
from .store import Row, Store
from .tokens import Tokens, hash_password

Answer = tuple[int, Any]
Version = tuple[int, int, int]
DEFAULT_VERSION: Version = (2, 15, 1)


def log(message: str) -> None:
    """Write a line to the container's log."""
    print(f"[proxy-manager-double] {message}", flush=True)


@dataclass
class Request:
    """One call of the API.

    Attributes:
        method: HTTP verb.
        path: Path without the leading ``/api``.
        query: Query parameters, last value of each.
        token: Bearer token or None.
        body: Decoded JSON body; None without a body.
        files: Parts of an upload by name.
        ids: Numbers of the path, such as the host's id.
    """

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    token: str | None = None
    body: Any = None
    files: dict[str, bytes] = field(default_factory=dict)
    ids: list[int] = field(default_factory=list)


class Backend:
    """State of the double. Handlers run one at a time under `lock`, but for those that request a certificate."""

    def __init__(
        self, paths: Paths, version: Version = DEFAULT_VERSION, run: Any = run_nginx, pause: float = 0.5
    ) -> None:
        paths.make()
        self.paths = paths
        self.version = version
        self.store = Store(paths.data / "database.json")
        self.nginx = NginxControl(paths, self.store, run, pause=pause)
        self.tokens = Tokens(paths.data / "keys.json")
        self.lock = threading.RLock()
        self.certbot = threading.Lock()
        self._schemas = request_schemas()

    def is_set_up(self) -> bool:
        """Tell whether any active user exists."""
        return bool(self.store.select("user"))

    def payload(self, operation: str, request: Request) -> dict[str, Any]:
        """Return the request's body, coerced and checked against the schema of the operation."""
        if request.body is None:
            raise invalid("Payload is undefined")
        return dict(validate(self._schemas[operation], request.body))

    def user_of(self, request: Request, admin: bool = True) -> Row:
        """Return the user of the request's token.

        Raises:
            Denied: No token, a token of a challenge, or one of a user who is gone.
            NotModelled: The user lacks the role admin, whose finer permissions the double does not know.
        """
        if not request.token:
            raise Denied
        claims = self.tokens.read(request.token)
        user = self.store.get("user", claims["attrs"]["id"])
        if claims["scope"] != ["user"] or user is None or user["is_disabled"]:
            raise Denied
        if admin and "admin" not in user["roles"]:
            raise NotModelled("the permissions of users without the role admin")
        return user

    def add_user(self, values: Row, secret: str | None) -> Row:
        """Insert a user and, if given, the password."""
        user = self.store.insert("user", {"is_deleted": False, "is_disabled": False, "avatar": "", **values})
        if secret is not None:
            self.store.insert("auth", {"user_id": user["id"], "type": "password", "secret": hash_password(secret)})
        return user

    def first_user(self, email: str, password: str) -> None:
        """Create the administrator that the environment asks for."""
        if not self.is_set_up():
            # The real server prints the password too: a trap for whoever keeps its log.
            log(f"Creating a new user: {email} with password: {password}")
            self.add_user({"email": email, "name": "Administrator", "nickname": "Admin", "roles": ["admin"]}, password)
