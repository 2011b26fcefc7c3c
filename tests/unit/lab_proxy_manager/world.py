# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A double without network and nginx, and the calls that tests make of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.lab.proxy_manager.api import answer
from tests.lab.proxy_manager.backend import DEFAULT_VERSION, Backend, Request, Version
from tests.lab.proxy_manager.nginx_control import Paths
from tests.lab.proxy_manager.server import respond

from .fake_nginx import FakeNginx

EMAIL, PASSWORD = "ada@example.com", "Sup3rSecret!"
FORWARD = {"forward_scheme": "http", "forward_host": "upstream", "forward_port": 8000}


class World:
    """One server. ``token`` goes out with every call."""

    def __init__(self, root: Path, authority: Path, version: Version = DEFAULT_VERSION) -> None:
        self._paths = Paths(root / "data", root / "letsencrypt", authority)
        self.nginx = FakeNginx(self._paths)
        self.token: str | None = None
        self.restart(version)

    @property
    def data(self) -> Path:
        """The data directory."""
        return self._paths.data

    def restart(self, version: Version = DEFAULT_VERSION) -> None:
        """Start the server anew over the same files."""
        self._paths.make()
        self.backend = Backend(self._paths, version, run=self.nginx, pause=0)

    def call(self, method: str, path: str, body: Any = None, **files: str) -> tuple[int, Any]:
        """Return status and body of one call; ``path`` may have a query."""
        path, __, query = path.partition("?")
        request = Request(method, path, dict(part.split("=", 1) for part in query.split("&") if part), self.token, body)
        request.files = {name: text.encode() for name, text in files.items()}
        return answer(self.backend, request)

    def respond(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        """Return status and body of a call as it comes over the wire, with the token of its headers."""
        return respond(self.backend, method, path, headers, body)

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        """Return the body of a call that must succeed."""
        status, said = self.call(method, path, body)
        assert status in (200, 201), (status, said)
        return said

    def set_up(self) -> None:
        """Create the administrator and log in."""
        auth = {"type": "password", "secret": PASSWORD}
        self.ok("POST", "/users", {"name": "Ada", "nickname": "Ada", "email": EMAIL, "auth": auth})
        self.log_in()

    def log_in(self, email: str = EMAIL, password: str = PASSWORD) -> None:
        """Use a token of the account from here on."""
        self.token = self.ok("POST", "/tokens", {"identity": email, "secret": password})["token"]

    def host(self, name: str, **more: Any) -> int:
        """Create a proxy host and return its id."""
        return int(self.ok("POST", "/nginx/proxy-hosts", {"domain_names": [name], **FORWARD, **more})["id"])

    def access_list(self, name: str = "staff", password: str = "hunter22", **more: Any) -> int:
        """Create an access list with one user, ann, and return its id."""
        body = {"name": name, "pass_auth": False, "items": [{"username": "ann", "password": password}], **more}
        return int(self.ok("POST", "/nginx/access-lists", body)["id"])

    def certificate(self, *names: str) -> int:
        """Request a certificate and return its id."""
        body = {"provider": "letsencrypt", "domain_names": list(names), "meta": {"key_type": "ecdsa"}}
        return int(self.ok("POST", "/nginx/certificates", body)["id"])
