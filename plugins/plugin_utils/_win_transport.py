# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP performed on a Windows target, through the open connection.

The APIs of a gateway listen on its own loopback address and nothing is opened for management, so each request travels
as a module over WinRM. That takes seconds: nothing here asks twice what it could ask once. One request is made by
``ansible.windows.win_uri``, several by a script of our own in one trip (``_requests.ps1``).
"""

from __future__ import annotations

import base64
import gzip
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..module_utils._engine.errors import NO_SCRIPT, TIMEOUT, TLS, UNREACHABLE, ApiError
from ..module_utils._engine.http import Endpoint, repeat, timed_out, tls_failure, unreachable
from ..module_utils._engine.messages import NOT_ASKED, Request, Response, filled

# Runs a module of ansible.windows with these arguments and returns its result.
Execute = Callable[[str, dict[str, Any]], Mapping[str, Any]]

_SCRIPT = Path(__file__).with_name("_requests.ps1")
# What win_uri says before the words of a web request that had no answer. In any other case it was not made at all.
_SENDING = "Unhandled exception occurred when sending web request. Exception: "

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
    far = True

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
        return self._repeated(Request(method, path, body, headers or {}, timeout))

    def _repeated(self, one: Request, *told: Response | ApiError) -> Response:
        """``told``: what the request got when it went out for the first time, if it did."""
        before = list(told)

        def once() -> Response:
            return _given(before.pop()) if before else self._once(one)

        return repeat(once, one.method, self.endpoint.retry_for, self._clock)

    def _once(self, one: Request) -> Response:
        arguments: dict[str, Any] = {
            "url": self.endpoint.url + one.path,
            "method": one.method,
            # Made here and not by url_password, which loses every character that is not ASCII.
            "headers": self._headers(one.headers),
            "http_agent": "mediverse.pacs",
            "follow_redirects": "none",
            "return_content": True,
            "status_code": _ALL_STATUSES,
            "timeout": max(1, int(self._seconds(one))),
            "use_proxy": not self.endpoint.is_loopback,
            "validate_certs": self.endpoint.validate_certs,
        }
        if one.body is not None:
            arguments["body"] = one.body.decode("utf-8")
        result = self._execute("win_uri", arguments)
        status = result.get("status_code")
        if not status:
            raise self._failure(result, one)
        found = {name: str(result[key]) for name, key in _HEADERS.items() if result.get(key) is not None}
        return Response(int(status), found, str(result.get("content") or "").encode("utf-8"))

    def exchange(self, asked: Sequence[Request]) -> Iterator[Response]:
        """Several requests in one trip. What the server was not ready for is repeated like a single request."""
        known: list[Response] = []
        while len(known) < len(asked):
            for answer in self._trip(asked, known):
                one = filled(asked[len(known)], known)
                if one is None or answer is NOT_ASKED:
                    known.append(NOT_ASKED)
                else:
                    # What was awaited was repeated there.
                    known.append(_given(answer) if one.until else self._repeated(one, answer))
                yield known[-1]

    def _trip(self, all_asked: Sequence[Request], known: Sequence[Response]) -> list[Response | ApiError]:
        """Answers beyond those that are known, up to the first request that got none, for which there is an error."""
        first = len(known)
        asked: list[Request] = []
        for one in all_asked[first:]:
            here = one.taken is None or one.taken.source >= first
            whole = one if here else filled(one, known)
            if whole is None:
                break
            asked.append(whole)
        if not asked:
            return [NOT_ASKED]
        result = self._execute(
            "win_powershell",
            {
                "script": _SCRIPT.read_text(encoding="utf-8"),
                # Not sensitive_parameters: the module makes those by a cmdlet, and what cmdlets get is written to the
                # event log where a policy says so. These reach the script without one, and the task has no_log.
                "parameters": {"Lines": "\n".join(self._line(one, first) for one in asked)},
                "depth": 5,
            },
        )
        found = (result.get("result") or {}).get("answers")
        if result.get("failed") or not found:
            raise self._no_script(result, asked[0])
        return [self._answer(one, answer) for one, answer in zip(asked, found, strict=False)]

    def _line(self, one: Request, first: int) -> str:
        """``first``: the number of the request in the first line."""
        point, until, taken = self.endpoint, one.until, one.taken
        fields: list[str | bytes] = [one.method, point.url + one.path, str(max(1, int(self._seconds(one))))]
        fields += [_flag(not point.is_loopback), _flag(point.validate_certs), _flag(one.body is not None)]
        fields += [one.body or b"", until.pattern if until else "", _flag(bool(until and until.matches))]
        fields += [str(until.seconds if until else 0), str(until.pause if until else 0)]
        fields += [str(taken.source - first if taken else -1), taken.pattern if taken else ""]
        fields += [_flag(bool(taken and taken.least))]
        for name, value in self._headers(one.headers).items():
            fields += [name, value]
        coded = (base64.b64encode(field.encode("utf-8") if isinstance(field, str) else field) for field in fields)
        return " ".join(code.decode("ascii") for code in coded)

    def _answer(self, one: Request, found: Mapping[str, Any]) -> Response | ApiError:
        if int(found["status"]) == NOT_ASKED.status:
            return NOT_ASKED
        if found["status"]:
            body = gzip.decompress(base64.b64decode(found["body"]))
            return Response(int(found["status"]), dict(found["headers"]), body, float(found["seconds"]))
        reason = str(found["reason"]).strip().rstrip(".")
        return self._error(str(found["kind"]), one, reason)

    def _headers(self, more: Mapping[str, str]) -> dict[str, str]:
        return {"Accept": "application/json, */*;q=0.5", **self.endpoint.headers, **more}

    def _seconds(self, one: Request) -> float:
        return one.timeout or self.endpoint.timeout

    def _failure(self, result: Mapping[str, Any], one: Request) -> ApiError:
        """Why ``win_uri`` has no status."""
        said = str(result.get("msg") or "")
        if not self.endpoint.url.lower().startswith(("http://", "https://")):
            # Such an address ends the module before it has sent anything.
            return unreachable(self.endpoint, one.path, "its address begins with neither http:// nor https://")
        if not said.startswith(_SENDING):
            return self._no_script(result, one)
        reason = said.removeprefix(_SENDING).strip().rstrip(".")
        lower = reason.lower()
        kind = TIMEOUT if any(word in lower for word in _TIMED_OUT) else UNREACHABLE
        if kind == UNREACHABLE and any(word in lower for word in _UNTRUSTED):
            kind = TLS
        return self._error(kind, one, reason)

    def _no_script(self, result: Mapping[str, Any], one: Request) -> ApiError:
        """Nobody was asked: its words are about scripts, although some of them are also said of a line."""
        thrown = [str(error["exception"]["message"]) for error in result.get("error") or [] if error.get("exception")]
        reason = str(result.get("msg") or next(iter(thrown), "") or "it gave no reason").strip().rstrip(".")
        return ApiError(
            f"The computer does not run the script that asks {self.endpoint.where} ({reason}). Look there at AppLocker "
            "and other application control, at the language mode of PowerShell, and at the antivirus.",
            kind=NO_SCRIPT,
            path=one.path,
        )

    def _error(self, kind: str, one: Request, reason: str) -> ApiError:
        if kind == TIMEOUT:
            return timed_out(self.endpoint, one.path, self._seconds(one))
        return (tls_failure if kind == TLS else unreachable)(self.endpoint, one.path, reason)


def _given(answer: Response | ApiError) -> Response:
    if isinstance(answer, ApiError):
        raise answer
    return answer


def _flag(value: bool) -> str:
    return "1" if value else "0"
