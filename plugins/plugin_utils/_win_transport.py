# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP performed on a Windows target, by running ``ansible.windows.win_uri`` through the open connection.

The APIs of a gateway listen on its own loopback address and nothing is opened for management, so each request travels
as a module over WinRM. That takes a second or more: nothing here asks twice what it could ask once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ..module_utils._engine.errors import ApiError
from ..module_utils._engine.http import Endpoint, Response, repeat, timed_out, tls_failure, unreachable

# Runs win_uri with these arguments and returns its result.
Execute = Callable[[dict[str, Any]], Mapping[str, Any]]

# Every status is an answer; judging it is the client's business.
_ALL_STATUSES = list(range(100, 600))
# The headers that anybody here looks at, and what win_uri calls them.
_HEADERS = {
    "content-type": "content_type",
    "location": "location",
    "retry-after": "retry_after",
    "x-syncthing-id": "x_syncthing_id",
    "x-syncthing-version": "x_syncthing_version",
}
_TIMED_OUT = ("timed out", "timeout")
_UNTRUSTED = ("ssl", "tls", "trust relationship", "certificate")


class WinTransport:
    """See :class:`..module_utils._engine.http.Transport`."""

    # Clients that judge paths ask for this.
    windows = True

    def __init__(self, endpoint: Endpoint, execute: Execute, clock: Callable[[], float] = time.monotonic) -> None:
        self.endpoint = endpoint
        self._execute = execute
        self._clock = clock

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Response:
        """One request, made by the target; safe ones are repeated within the endpoint's budget."""
        seconds = timeout or self.endpoint.timeout
        arguments: dict[str, Any] = {
            "url": self.endpoint.url + path,
            "method": method,
            # Made here and not by url_password, which loses every character that is not ASCII.
            "headers": {"Accept": "application/json, */*;q=0.5", **self.endpoint.headers, **(headers or {})},
            "http_agent": "mediverse.pacs",
            "follow_redirects": "none",
            "return_content": True,
            "status_code": _ALL_STATUSES,
            "timeout": max(1, int(seconds)),
            "use_proxy": not self.endpoint.is_loopback,
            "validate_certs": self.endpoint.validate_certs,
        }
        if body is not None:
            arguments["body"] = body.decode("utf-8")
        return repeat(lambda: self._once(arguments, path, seconds), method, self.endpoint.retry_for, self._clock)

    def _once(self, arguments: dict[str, Any], path: str, seconds: float) -> Response:
        result = self._execute(dict(arguments))
        status = result.get("status_code")
        if not status:
            raise self._failure(result, path, seconds)
        found = {name: str(result[key]) for name, key in _HEADERS.items() if result.get(key) is not None}
        return Response(int(status), found, str(result.get("content") or "").encode("utf-8"))

    def _failure(self, result: Mapping[str, Any], path: str, seconds: float) -> ApiError:
        said = str(result.get("msg") or "win_uri gave no reason")
        reason = said.split("Exception: ", 1)[-1].strip().rstrip(".")
        lower = reason.lower()
        if any(word in lower for word in _TIMED_OUT):
            return timed_out(self.endpoint, path, seconds)
        if any(word in lower for word in _UNTRUSTED):
            return tls_failure(self.endpoint, path, reason)
        return unreachable(self.endpoint, path, reason)
