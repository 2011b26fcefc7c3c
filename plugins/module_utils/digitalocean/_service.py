# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How DigitalOcean's API is reached: the token, lists in pages, the rate limit, and actions that take their time.

A write is answered before it is done; what it began is an action, which is asked about until it ends. A POST whose
answer was lost may have been carried out, so it is never sent twice blindly: whoever sends one looks again first.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from ansible.module_utils.basic import env_fallback

from .._engine.errors import LOGIN, STATUS, TIMEOUT, UNREACHABLE, ApiError, InputError
from .._engine.http import Api
from .._engine.messages import Response
from .._engine.resource import Params, Service

Row = dict[str, Any]

# The most that the API gives at once.
_PAGE = 200
_READINGS = 3
# Nobody has so many; a server that always promises another page would keep us for ever.
_MOST_PAGES = 500
TOO_MANY, _SERVER = 429, 500
# What an object is known by in a list: the first of these that it has.
_KEYS = ("id", "ip", "slug", "name")
# A burst is over after a minute. Who has used up the hour is told so, and does not wait.
_LONGEST_LIMIT = 150.0
_BUSY = re.compile(r"pending event|is locked|in progress", re.IGNORECASE)
_TOKEN = re.compile(r"[!-~]+")
# Statuses of a POST that say why it cannot be done now or at all.
TAKEN = 409
CONFLICT = (TAKEN, 422)

WAITING: dict[str, dict[str, Any]] = {
    "wait_timeout": {"type": "int", "default": 600},
    "wait_interval": {"type": "float", "default": 3.0},
}


def explain(answer: Response) -> str:
    """The server's own message, with the number that its support asks for."""
    try:
        said = answer.json()
        number = said.get("request_id")
        return str(said["message"]) + (f" (request {number})" if number else "")
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""


DIGITALOCEAN = Service(
    name="DigitalOcean",
    api_url="https://api.digitalocean.com",
    options={
        "api_token": {
            "type": "str",
            "required": True,
            "no_log": True,
            "fallback": (env_fallback, ["DIGITALOCEAN_TOKEN"]),
        }
    },
    headers=lambda params: {"Authorization": f"Bearer {str(params['api_token']).strip()}"},
    login_help="Check api_token or DIGITALOCEAN_TOKEN: it must be of this team and have the rights that are needed.",
    explain=explain,
    retry_for=30.0,
    # What it asks for is kept; beyond retry_for the Cloud waits itself.
    longest_pause=3600.0,
)


class Again(Exception):
    """Nothing was sent: the rate limit was waited for, and what was seen before it is too old to rest on."""


class Cloud:
    """The API as the clients of this package see it. ``actions`` are the actions that were waited for."""

    def __init__(self, api: Api, params: Params) -> None:
        self.api = api
        self.params = params
        self.actions: list[Row] = []
        # Whether anything was written, or may have been.
        self.wrote = False
        # When the outermost waiting ends; what is waited for inside of it has no more time.
        self._end = math.inf
        if not _TOKEN.fullmatch(str(params["api_token"]).strip()):
            raise InputError("api_token has spaces or characters that no token has. Give the token and nothing else.")
        for name in ("settle_seconds", "wait_timeout", "wait_interval", "shutdown_timeout"):
            if float(params.get(name) or 0) < 0:
                raise InputError(f"{name} is {params[name]}; expected seconds, and none below 0.")
        point = api.transport.endpoint
        if not point.url.startswith("https://") and not point.is_loopback:
            raise InputError(f"api_url is {point.url!r}, where the token would travel in clear. Use https.")

    def rows(self, path: str, root: str, **query: str) -> list[Row]:
        """All objects of a list, whatever number of pages it has. ``root`` is their key in the answer.

        Pages shift when something is made or removed between two of them, and what falls between is not seen; then it
        is read again.
        """
        for _reading in range(_READINGS):
            found, settled = self._pages(path, root, query)
            if settled:
                return found
        raise ApiError(
            f"{self.api.where} changed its list {path} each of {_READINGS} times that it was read, so that something "
            "may be missing. Run again when nobody else works on the account.",
            path=path,
        )

    def _pages(self, path: str, root: str, query: Mapping[str, str]) -> tuple[list[Row], bool]:
        found: dict[Any, Row] = {}
        totals: set[int] = set()
        for page in range(1, _MOST_PAGES + 1):
            asked = {"per_page": str(_PAGE), "page": str(page), **query}
            whole = f"{path}?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in asked.items())
            answer = self.api.parse(self.send("GET", whole), path)
            found.update({next(row[name] for name in _KEYS if name in row): row for row in answer[root]})
            if "total" in (answer.get("meta") or {}):
                totals.add(int(answer["meta"]["total"]))
            # Only whether there is another page is believed, and not where: the token goes to api_url alone.
            if not ((answer.get("links") or {}).get("pages") or {}).get("next"):
                return list(found.values()), totals in (set(), {len(found)})
        raise ApiError(f"{self.api.where} has no last page of {path}.", path=path)

    def one(self, path: str, root: str) -> Row | None:
        """One object; None when there is none."""
        answer = self.send("GET", path, accept=(404,))
        return None if answer.status == 404 else dict(self.api.parse(answer, path)[root])

    def send(
        self, method: str, path: str, json: Any = None, accept: tuple[int, ...] = (), fresh: bool = False
    ) -> Response:
        """One request. The rate limit is waited for, for two and a half minutes; a refused request did nothing.

        fresh  it rests on what was seen just before: after waiting for the rate limit, Again is raised instead.
        """
        waited = 0.0
        while True:
            answer = self._once(method, path, json, (*accept, TOO_MANY))
            if answer.status != TOO_MANY:
                return answer
            pause = _asked_pause(answer)
            if waited + pause > _LONGEST_LIMIT or time.monotonic() + pause > self._end:
                raise ApiError(
                    f"{self.api.where} takes no more requests with this token for {pause:.0f} s (HTTP 429). "
                    "Run again later; what is done already is found again.",
                    status=TOO_MANY,
                    path=path.partition("?")[0],
                )
            time.sleep(pause)
            waited += pause
            if fresh:
                raise Again

    def _once(self, method: str, path: str, json: Any, accept: tuple[int, ...]) -> Response:
        try:
            answer = self.api.send(method, path, json=json, accept=accept)
        except ApiError as error:
            self.wrote |= method != "GET" and is_lost(error)
            raise
        self.wrote |= method != "GET" and answer.status < 400
        return answer

    def made(self, path: str, json: Any) -> Row:
        """POST what there may be one of only, and its answer. Raises Again when it must be looked again before."""
        return dict(self.api.parse(self.send("POST", path, json=json, fresh=True), path))

    def wait(self, look: Callable[[], str], what: str) -> None:
        """Look until there is nothing to be waited for. ``look`` returns what it saw instead, or an empty text.

        An answer that is lost on the way is no sight of anything; it is looked again. What is waited for inside of
        another waiting ends with that.
        """
        limit, before = float(self.params["wait_timeout"]), self._end
        self._end = min(before, time.monotonic() + limit)
        try:
            self._until(look, what, limit)
        finally:
            self._end = before

    def _until(self, look: Callable[[], str], what: str, limit: float) -> None:
        interval = max(0.05, float(self.params["wait_interval"]))
        while True:
            try:
                seen = look()
            except ApiError as error:
                if not is_lost(error):
                    raise
                seen = error.msg
            if not seen:
                return
            if time.monotonic() >= self._end:
                raise ApiError(
                    f"{self.api.where} did not end {what} within {limit:g} s (wait_timeout); last seen: {seen}. "
                    "It may still go on there: run again, which finds what has become of it, or raise wait_timeout.",
                    kind=TIMEOUT,
                )
            time.sleep(interval)

    def state_of(self, number: int, what: str) -> Row | None:
        """An action; None when it is not listed yet. Raises ApiError when it ended in an error."""
        state = self.one(f"/v2/actions/{number}", "action")
        if state is not None and state["status"] == "errored":
            raise ApiError(
                f"{self.api.where} could not carry out {what}: its action {number} ({state['type']}) ended in an "
                "error. Run again; if it fails again, look at the server in DigitalOcean's control panel.",
                kind=STATUS,
                path=f"/v2/actions/{number}",
            )
        return state

    def follow(self, number: int, what: str) -> None:
        """Wait for the end of an action. Raises ApiError when it ends in an error."""
        last: Row = {}

        def look() -> str:
            nonlocal last
            last = self.state_of(number, what) or {"status": "not listed yet"}
            return "" if last["status"] == "completed" else f"action {number} is {last['status']}"

        self.wait(look, what)
        self.actions.append({"id": number, "type": last["type"], "status": last["status"]})

    def act(self, path: str, body: Row, what: str, done: Callable[[], bool]) -> None:
        """Begin an action as soon as the object is free for it, and wait until it is ``done``.

        Asked each time before: a run that was ended in the middle has left an action behind, and a lost answer may have
        begun one. The API begins none while another one is pending. A refusal is believed when it comes twice: between
        the look and the request another run may have done it, and then the API refuses what is already so.
        """
        refused = ""

        def look() -> str:
            nonlocal refused
            if done():
                return ""
            try:
                answer = self.send("POST", path, json=body, accept=CONFLICT)
            except ApiError as error:
                if not is_lost(error):
                    raise
                return "its answer was lost"
            if answer.status in CONFLICT:
                reason = explain(answer)
                if not _BUSY.search(reason):
                    if refused:
                        raise self.api.error("POST", path, answer)
                    refused = reason or "it was refused"
                return reason or "it was refused"
            self.follow(int(self.api.parse(answer, path)["action"]["id"]), what)
            return "" if done() else "its action ended, and it does not show yet"

        self.wait(look, what)

    def remove(self, path: str, what: str) -> None:
        """DELETE as soon as the object is free for it; one that is gone already is fine."""

        def look() -> str:
            answer = self.send("DELETE", path, accept=(404, *CONFLICT))
            if answer.status not in CONFLICT:
                return ""
            reason = explain(answer)
            if not _BUSY.search(reason):
                raise self.api.error("DELETE", path, answer)
            return reason

        self.wait(look, what)


class SiteClient:
    """What all clients have: the account that they work on, and whether they have written to it."""

    def __init__(self, api: Api, params: Params) -> None:
        self.cloud = Cloud(api, params)
        self.warnings: list[str] = []

    @property
    def wrote(self) -> bool:
        """Whether anything was written, or may have been; also when the rest failed."""
        return self.cloud.wrote

    def warn(self, warning: str) -> None:
        """A warning of the task, once."""
        if warning not in self.warnings:
            self.warnings.append(warning)


def is_lost(error: ApiError) -> bool:
    """Whether nobody knows if the request was carried out."""
    return error.kind in (UNREACHABLE, TIMEOUT) or (error.status or 0) >= _SERVER


def is_busy(answer: Response) -> bool:
    """Whether it is refused only because something else is going on with the object."""
    return answer.status in CONFLICT and bool(_BUSY.search(explain(answer)))


def told(row: Row, name: str, right: str) -> Any:
    """A value that the API leaves out when the token may not see it; raises ApiError then, which names the right."""
    if name not in row:
        raise ApiError(
            f"DigitalOcean does not show {name!r} to this token. Give it the right {right}; nothing can be decided "
            "without.",
            kind=LOGIN,
        )
    return row[name]


def _asked_pause(answer: Response) -> float:
    """Seconds until the next request: after a burst they are said, and else the moment is when the hour ends."""
    try:
        if "retry-after" in answer.headers:
            return max(1.0, float(answer.headers["retry-after"]))
        return max(1.0, float(answer.headers["ratelimit-reset"]) - time.time())
    except (KeyError, ValueError):
        return 5.0
