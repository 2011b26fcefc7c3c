# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP side of the double: nginx passes /api/ of port 81 to it, without the prefix."""

from __future__ import annotations

import email.parser
import email.policy
import json
import os
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from .api import answer
from .backend import DEFAULT_VERSION, Answer, Backend, Request, Version, log
from .errors import Crash, NeverAnswers
from .nginx_control import Paths

ADDRESS = ("127.0.0.1", 3000)
# The real server leaves some requests open for ever; the proxy in front gives up after this many seconds.
_FOR_EVER = 900.0
_LONGEST_JSON = 100 * 1024


class Handler(BaseHTTPRequestHandler):
    """One connection. ``backend`` is set on the class before the server starts."""

    backend: Backend
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            status, body = respond(self.backend, self.command, self.path, dict(self.headers.items()), raw)
        except NeverAnswers:
            threading.Event().wait(_FOR_EVER)
            return
        except Crash:
            log(f"{self.command} {self.path} brings the server down, as it does the real one")
            os._exit(1)
        self._send(status, body)

    do_GET = do_POST = do_PUT = do_DELETE = _serve

    def _send(self, status: int, body: Any) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the access log out of the container's log: nginx writes one."""


def respond(backend: Backend, method: str, path: str, headers: Mapping[str, str], raw: bytes) -> Answer:
    """Answer a request as it came over the wire; ``path`` is without ``/api``."""
    lower = {name.lower(): value for name, value in headers.items()}
    kind = lower.get("content-type", "")
    scheme, __, token = lower.get("authorization", "").partition(" ")
    url = urlsplit(path)
    request = Request(method, url.path, dict(parse_qsl(url.query)))
    request.token = token if scheme == "Bearer" and token else None
    if kind.startswith("multipart/form-data"):
        request.files = parse_multipart(kind, raw)
    elif kind.startswith("application/json") and raw:
        if len(raw) > _LONGEST_JSON:
            return 413, {"error": {"code": 413, "message": "Internal Error"}}
        try:
            request.body = json.loads(raw)
        except ValueError:
            return 400, {"error": {"code": 400, "message": "Internal Error"}}
    return answer(backend, request)


def parse_multipart(content_type: str, raw: bytes) -> dict[str, bytes]:
    """Return the parts of a form that carry a file name, by field name."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + raw)
    files: dict[str, bytes] = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        if name and part.get_filename():
            content = part.get_payload(decode=True)
            files[str(name)] = content if isinstance(content, bytes) else b""
    return files


def version_from(text: str) -> Version:
    """Return a version from text such as 2.12.6."""
    major, minor, revision = (int(part) for part in text.split("."))
    return major, minor, revision


def main() -> None:
    """Serve the API until the process is ended."""
    version = version_from(os.environ.get("LAB_NPM_VERSION", ".".join(map(str, DEFAULT_VERSION))))
    Handler.backend = Backend(Paths(), version)
    email_address, password = (_setting(f"INITIAL_ADMIN_{name}") for name in ("EMAIL", "PASSWORD"))
    if email_address and password:
        Handler.backend.first_user(email_address, password)
    log(f"API of Nginx Proxy Manager {'.'.join(map(str, version))} (a double) ready on port 81")
    ThreadingHTTPServer(ADDRESS, Handler).serve_forever()


def _setting(name: str) -> str:
    """Return a value of the environment, or of the file that NAME__FILE points to."""
    path = os.environ.get(f"{name}__FILE")
    if path:
        return Path(path).read_text(encoding="utf-8").strip()
    return os.environ.get(name, "")


if __name__ == "__main__":
    main()
