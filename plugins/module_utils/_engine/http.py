# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The only place that speaks HTTP.

An :class:`Endpoint` says where and how; a :class:`Transport` performs one request and returns whatever status came
back; an :class:`Api` is what clients hold: it turns refused logins, missing answers and bad statuses into sentences.
Statuses are answers, not exceptions, until :class:`Api` judges them. Transports raise ApiError only when there was no
answer.
"""

from __future__ import annotations

import base64
import ipaddress
import json as json_module
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from urllib.parse import urlsplit

from .errors import LOGIN, NOT_JSON, STATUS, TIMEOUT, TLS, UNREACHABLE, ApiError
from .messages import NOT_ASKED, Request, Response, Taken, Until, filled
from .waiting import wait_until

try:
    import requests
except ImportError:
    HAS_REQUESTS = False
else:
    HAS_REQUESTS = True

# A repeated POST or PATCH may do something twice; these cannot.
_REPEATABLE = ("GET", "HEAD", "PUT", "DELETE")
_BUSY = (429, 502, 503, 504)
LONGEST_PAUSE = 5.0
_CONNECT_TIMEOUT = 10.0


@dataclass(frozen=True)
class Endpoint:
    """Where an API is and how to talk to it.

    service    its name in messages; url without a trailing slash; headers go out with every request (authorization).
    timeout    seconds without a byte from the server; retry_for is the budget in seconds for repeating safe requests.
    longest_pause  seconds that a server may ask us to stay away between two of them; what it asks beyond is not kept.
    """

    service: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    validate_certs: bool = True
    ca_path: str | None = None
    timeout: float = 30.0
    retry_for: float = 10.0
    longest_pause: float = LONGEST_PAUSE

    @property
    def where(self) -> str:
        """How messages name it."""
        return f"{self.service} at {self.url}"

    @property
    def is_loopback(self) -> bool:
        """Whether the address is the machine itself, which no proxy may stand in front of."""
        host = urlsplit(self.url).hostname or ""
        try:
            return host == "localhost" or ipaddress.ip_address(host).is_loopback
        except ValueError:
            # A name, which may begin like an address and lead anywhere.
            return False


class Transport(Protocol):
    """Performs requests against the endpoint it was made for.

    far        whether the way there takes longer than anything that is asked: then it pays to say before what will be
               asked.
    """

    far: bool

    @property
    def endpoint(self) -> Endpoint:
        """The endpoint."""

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Response:
        """Send ``body`` to ``url + path``; raises ApiError (unreachable, tls, timeout) when no answer came."""

    def exchange(self, asked: Sequence[Request]) -> Iterator[Response]:
        """The answers to several requests in their order. What one needs of an answer before it is ``taken``.

        Raises ApiError at the first one without an answer. Whether a later request went out when somebody stops
        reading is not said.
        """


class RequestsTransport:
    """Direct HTTP from where the code runs, over one session."""

    far = False

    def __init__(self, endpoint: Endpoint, clock: Callable[[], float] = time.monotonic) -> None:
        self.endpoint = endpoint
        self._clock = clock
        self._session = requests.Session()
        self._session.trust_env = not endpoint.is_loopback
        # Without an own auth object, requests would replace our header by what ~/.netrc holds for the host.
        self._session.auth = lambda request: request
        self._session.headers.update({"User-Agent": "mediverse.pacs", "Accept": "application/json, */*;q=0.5"})

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Response:
        """See :class:`Transport`; safe requests are repeated within the endpoint's budget."""

        def once() -> Response:
            return self._once(method, path, body, {**self.endpoint.headers, **(headers or {})}, timeout)

        return repeat(once, method, self.endpoint.retry_for, self._clock, longest=self.endpoint.longest_pause)

    def exchange(self, asked: Sequence[Request]) -> Iterator[Response]:
        """See :class:`Transport`; each goes out when the answer before was read."""
        known: list[Response] = []
        for one in asked:
            whole = filled(one, known)
            known.append(self._awaited(whole) if whole else NOT_ASKED)
            yield known[-1]

    def _awaited(self, one: Request) -> Response:
        def ask() -> Response:
            return self.request(one.method, one.path, one.body, one.headers, one.timeout)

        until = one.until
        if until is None:
            began = self._clock()
            answer = ask()
            return replace(answer, seconds=self._clock() - began)
        answer, seconds = wait_until(ask, until.done, until.seconds, until.pause)
        return replace(answer, seconds=seconds)

    def _once(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], timeout: float | None
    ) -> Response:
        point = self.endpoint
        seconds = timeout or point.timeout
        try:
            answer = self._session.request(
                method,
                point.url + path,
                data=body,
                # Header values as bytes: http.client would otherwise insist on Latin-1.
                headers={name: value.encode("utf-8") for name, value in headers.items()},
                timeout=(min(_CONNECT_TIMEOUT, seconds), seconds),
                verify=(point.ca_path or True) if point.validate_certs else False,
                allow_redirects=False,
            )
        except requests.exceptions.SSLError as error:
            raise tls_failure(point, path, str(_root(error))) from None
        except requests.exceptions.Timeout:
            raise timed_out(point, path, seconds) from None
        except OSError as error:
            # requests' exceptions are OSErrors, and so is a ca_path that does not exist.
            raise unreachable(point, path, str(_root(error))) from None
        return Response(answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, answer.content)


def _root(error: BaseException) -> BaseException:
    """The innermost reason: requests wraps urllib3, which wraps the socket's error."""
    seen: list[BaseException] = []
    while error not in seen:
        seen.append(error)
        inner = getattr(error, "reason", None) or error.__cause__
        if inner is None and error.args:
            inner = error.args[-1]
        if isinstance(inner, BaseException):
            error = inner
    return error


def repeat(
    once: Callable[[], Response],
    method: str,
    budget: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    longest: float = LONGEST_PAUSE,
) -> Response:
    """Repeat a request that may safely go out twice while the server is starting or busy, for ``budget`` seconds."""
    deadline = clock() + budget
    pause = 0.2
    while True:
        answer: Response | ApiError
        try:
            answer = once()
        except ApiError as error:
            if error.kind != UNREACHABLE:
                raise
            answer = error
        response = None if isinstance(answer, ApiError) else answer
        again = repeatable(method) and (response is None or busy(response))
        delay = max(pause, _retry_after(response, longest))
        if not again or clock() + delay > deadline:
            if isinstance(answer, ApiError):
                raise answer
            return answer
        sleep(delay)
        pause = min(pause * 2, LONGEST_PAUSE)


def repeatable(method: str) -> bool:
    """Whether it does no harm to send it twice."""
    return method in _REPEATABLE


def busy(answer: Response) -> bool:
    """Whether the server asks to come again."""
    return answer.status in _BUSY


def _retry_after(answer: Response | None, longest: float) -> float:
    if answer is None:
        return 0.0
    try:
        return min(float(answer.headers.get("retry-after", "0")), longest)
    except ValueError:
        return 0.0


@dataclass(frozen=True)
class Ask:
    """What a client asks: a request with the body ``json`` (not None) or ``body``.

    accept     statuses besides 2xx that are answers. harmless: it changes nothing in spite of its method (a login, a
               search). taken: what of an answer before stands in the path; without it, the answer is ``NOT_ASKED``.
    """

    method: str
    path: str
    json: Any = None
    body: bytes | None = None
    headers: Mapping[str, str] | None = None
    accept: tuple[int, ...] = ()
    timeout: float | None = None
    harmless: bool = False
    until: Until | None = None
    taken: Taken | None = None


class Api:
    """An API as its clients see it.

    login_help  the sentence after a refused login. explain turns an error answer into the server's own short reason.
    read_only   set in check mode and for info modules: a request that could change something is then a bug, and raises
                RuntimeError instead of going out.
    """

    def __init__(
        self,
        transport: Transport,
        login_help: str = "",
        explain: Callable[[Response], str] | None = None,
        read_only: bool = False,
    ) -> None:
        self.transport = transport
        self.read_only = read_only
        self._login_help = login_help
        self._explain = explain or _first_line
        # Added by clients that must log in first (a bearer token).
        self.headers: dict[str, str] = {}
        # Answers to what was foreseen, each for one use.
        self._foreseen: dict[str, Response | ApiError] = {}

    @property
    def where(self) -> str:
        """``Service at URL``, for messages."""
        return self.transport.endpoint.where

    def read(self, path: str, absent: tuple[int, ...] = (404,)) -> Any:
        """GET, parsed; None for a status in ``absent``."""
        answer = self.send("GET", path, accept=absent)
        return None if answer.status in absent else self.parse(answer, path)

    def send(
        self,
        method: str,
        path: str,
        json: Any = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        accept: tuple[int, ...] = (),
        timeout: float | None = None,
        harmless: bool = False,
        until: Until | None = None,
    ) -> Response:
        """One request; see :class:`Ask`. Raises ApiError for a status that is neither 2xx nor accepted."""
        asked = Ask(method, path, json, body, headers, accept, timeout, harmless, until)
        (answer,) = self.together(asked)
        return answer

    def together(self, *asked: Ask) -> list[Response]:
        """Several requests: one trip where the way is long. What one needs of an answer before it is ``taken``.

        Each answer is judged as by :meth:`send`, in order. Where the way is short, the first bad answer keeps the rest
        from being sent; where it is long, they have all been sent.
        """
        requests_made = [self._request(one) for one in asked]
        answers = self._answers(requests_made)
        return [self._judged(one, next(answers)) for one in asked]

    def foresee(self, *paths: str) -> None:
        """Ask at once for what will be read one after the other, where the way is long. Elsewhere nothing happens.

        Each answer serves once, and a write lets go of all: what was read before it may not be so any more. What could
        not be read is told when it is asked for.
        """
        if not self.transport.far:
            return
        self._foreseen = {}
        answers = self.transport.exchange([self._request(Ask("GET", path)) for path in paths])
        for path in paths:
            try:
                self._foreseen[path] = next(answers)
            except ApiError as error:
                self._foreseen[path] = error
                return

    def _request(self, one: Ask) -> Request:
        if self.read_only and one.method not in ("GET", "HEAD") and not one.harmless:
            raise RuntimeError(f"{one.method} {one.path} in check mode")
        body, extra = one.body, {**self.headers, **(one.headers or {})}
        if one.json is not None:
            body = json_module.dumps(one.json, ensure_ascii=False).encode("utf-8")
            extra.setdefault("Content-Type", "application/json")
        return Request(one.method, one.path, body, extra, one.timeout, one.until, one.taken)

    def _answers(self, made: Sequence[Request]) -> Iterator[Response]:
        # Those from which something is taken are counted in the order in which they are made.
        usable = not any(one.taken for one in made)
        known = [self._foreseen.pop(one.path, None) if usable and one.method == "GET" else None for one in made]
        if any(one.method != "GET" for one in made):
            self._foreseen = {}
        left = self._exchange([one for one, answer in zip(made, known) if answer is None])
        for answer in known:
            if isinstance(answer, ApiError):
                raise answer
            yield self._next(left) if answer is None else answer

    @staticmethod
    def _next(left: Iterator[Response]) -> Response:
        for answer in left:
            return answer
        raise RuntimeError("The transport gave fewer answers than it was asked for.")

    def _exchange(self, made: Sequence[Request]) -> Iterator[Response]:
        if len(made) != 1 or made[0].until is not None:
            return self.transport.exchange(made)
        one = made[0]
        return iter([self.transport.request(one.method, one.path, one.body, one.headers, one.timeout)])

    def _judged(self, one: Ask, answer: Response) -> Response:
        if 200 <= answer.status < 300 or answer.status in one.accept or answer is NOT_ASKED:
            return answer
        raise self.error(one.method, one.path, answer)

    def parse(self, answer: Response, path: str) -> Any:
        """The JSON of an answer."""
        try:
            return answer.json()
        except ValueError:
            kind = answer.headers.get("content-type", "no content type")
            raise ApiError(
                f"{self.where} answered {path} with {kind} instead of JSON. "
                "Check that api_url is the address of the API itself.",
                kind=NOT_JSON,
                status=answer.status,
                path=path,
            ) from None

    def error(self, method: str, path: str, answer: Response) -> ApiError:
        """The error for an answer with a bad status."""
        reason = self._explain(answer)
        said = f"HTTP {answer.status}" + (f": {reason}" if reason else "")
        if answer.status in (401, 403):
            msg = f"{self.where} refused the login or the permission for {method} {path} ({said}). {self._login_help}"
            return ApiError(msg.rstrip(), kind=LOGIN, status=answer.status, path=path)
        if 300 <= answer.status < 400:
            target = answer.headers.get("location", "elsewhere")
            msg = f"{self.where} redirects {path} to {target}. Set api_url to the address that answers itself."
            return ApiError(msg, status=answer.status, path=path)
        return ApiError(f"{self.where} refused {method} {path} ({said}).", kind=STATUS, status=answer.status, path=path)


def _first_line(answer: Response) -> str:
    kind = answer.headers.get("content-type", "")
    lines = answer.text.strip().splitlines() if "html" not in kind else []
    return lines[0][:200] if lines else ""


def basic_auth(username: str | None, password: str | None) -> dict[str, str]:
    """The Authorization header for HTTP basic authentication, in UTF-8; empty without a user name."""
    if not username:
        return {}
    pair = f"{username}:{password or ''}".encode()
    return {"Authorization": "Basic " + base64.b64encode(pair).decode("ascii")}


def form(files: Mapping[str, tuple[str, str, str]]) -> tuple[bytes, str]:
    """The body of a form and its content type; ``files``: name, text and type of each file by the name of its part."""
    made = requests.Request("POST", "http://localhost", files=dict(files)).prepare()
    body = made.body or b""
    return body.encode() if isinstance(body, str) else body, made.headers["Content-Type"]


def unreachable(point: Endpoint, path: str, reason: str) -> ApiError:
    """Nobody listens, or the connection broke."""
    return ApiError(
        f"{point.where} cannot be reached ({reason}). "
        "Check api_url, and that the service is running and listens there.",
        kind=UNREACHABLE,
        path=path,
    )


def timed_out(point: Endpoint, path: str, seconds: float) -> ApiError:
    """No answer in time."""
    return ApiError(
        f"{point.where} did not answer {path} within {seconds:g} s. Check the service, or raise api_timeout.",
        kind=TIMEOUT,
        path=path,
    )


def tls_failure(point: Endpoint, path: str, reason: str) -> ApiError:
    """The certificate or the handshake was not accepted."""
    if "WRONG_VERSION" in reason:
        return ApiError(
            f"{point.where} does not speak TLS on this port. Use http:// in api_url, or the port that has TLS.",
            kind=TLS,
            path=path,
        )
    return ApiError(
        f"{point.where} has no TLS connection that can be trusted ({reason}). "
        "Set ca_path to the authority that signed its certificate, or correct the host name in api_url.",
        kind=TLS,
        path=path,
    )
