# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Namecheap's API is asked. Everything goes in the body of a POST, so that no address holds the key.

Errors come with HTTP 200, the limit of requests with 405, and an answer that is not whole says nothing: only one that
is confirmed in all its parts is believed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

from ansible.module_utils.basic import env_fallback

from .._engine.errors import NOT_JSON, TIMEOUT, TLS, UNREACHABLE, ApiError, InputError
from .._engine.http import Api
from .._engine.messages import Response
from .._engine.resource import Service
from . import _words, _zone
from ._keep import Keep
from ._plan import Plan

PATH = "/xml.response"
_GET, _SET = "namecheap.domains.dns.getHosts", "namecheap.domains.dns.setHosts"
_SLOW_DOWN = (405, 429)
# No answer of theirs, whoever gives it; what was asked may have been done, or may be yet.
_DOWN = (408, *range(500, 600))
# Seconds before a question is asked again: when the limit was met, and when something of theirs failed.
PAUSES_OF_LIMIT = (20.0, 40.0, 60.0)
PAUSES_OF_FAULT = (2.0, 5.0, 15.0)

_GIVEN: dict[str, Any] = {"type": "str", "required": True}

NAMECHEAP = Service(
    name="Namecheap",
    api_url="https://api.namecheap.com",
    options={
        # Not hidden as a secret: it is often a part of the zone's name, which would be blanked in every message, too.
        "api_user": {**_GIVEN, "no_log": False, "fallback": (env_fallback, ["NAMECHEAP_API_USER"])},
        "api_key": {**_GIVEN, "no_log": True, "fallback": (env_fallback, ["NAMECHEAP_API_KEY"])},
        "client_ip": {**_GIVEN, "fallback": (env_fallback, ["NAMECHEAP_CLIENT_IP"])},
    },
    login_help="Check api_user, api_key and client_ip.",
    veiled=("api_user",),
)


class UnclearError(Exception):
    """Whether a write was carried out is not known. The text is a clause."""


class Session:
    """Questions about one zone."""

    def __init__(self, api: Api, params: Mapping[str, Any], keep: Keep) -> None:
        self._api, self._keep = api, keep
        self._zone = str(params["zone"]).strip().lower()
        self._pace = int(params["calls_per_minute"])
        self._account = {
            "ApiUser": params["api_user"],
            "UserName": params["api_user"],
            "ClientIp": params["client_ip"],
        }
        self._key = str(params["api_key"])
        self.sleep: Callable[[float], None] = time.sleep
        # The last answer about the records, as it came.
        self.raw = b""
        # Turns that were taken before they were needed, and the moment under which they are counted.
        self._turns, self._moment = 0, 0.0

    def reserve(self, number: int) -> None:
        """Take so many turns now, so that the pace stops nobody between the requests that follow."""
        self._moment = self._keep.take_turns(number, self._pace, self.sleep)
        self._turns = number

    def release(self) -> None:
        """Give back what is left of them."""
        if self._turns:
            self._keep.give_back(self._moment, self._turns)
            self._turns = 0

    def read(self) -> _zone.Zone:
        """The zone; asked again while something of theirs does not work."""
        pauses_of_limit, pauses = list(PAUSES_OF_LIMIT), list(PAUSES_OF_FAULT)
        while True:
            try:
                return self._read()
            except _BusyError as busy:
                left = pauses_of_limit if busy.limit else pauses
                if not left:
                    raise busy.error from None
                self.sleep(left.pop(0))

    def _read(self) -> _zone.Zone:
        try:
            answer = self._ask(_GET, {}, harmless=True)
        except ApiError as error:
            if error.kind in (UNREACHABLE, TIMEOUT):
                raise _BusyError(error, limit=False) from None
            raise
        result = self._result(answer, "DomainDNSGetHostsResult")
        try:
            _zone.refuse_breaks(answer.body)
            zone = _zone.parse(result, self._zone)
        except _zone.StrangeAnswerError as strange:
            raise ApiError(
                f"{self._api.where} answers the question for {self._zone} in a way that is not known: {strange}. "
                "Nothing may be built on that; make the names by hand.",
                kind=NOT_JSON,
                path=PATH,
            ) from None
        self.raw = answer.body
        return zone

    def write(self, plan: Plan) -> None:
        """Replace the zone. UnclearError when it may or may not have happened, ApiError when it did not.

        It is never sent twice from here: between two writes somebody has to look.
        """
        given = {"EmailType": plan.email_type}
        for number, host in enumerate(plan.hosts, start=1):
            parts = {
                "HostName": host.name.strip() or "@",
                "RecordType": host.type,
                "Address": host.address,
                "MXPref": host.mx_pref,
                "TTL": host.ttl,
            }
            given.update({f"{name}{number}": value for name, value in parts.items() if value != ""})
        try:
            answer = self._ask(_SET, given, harmless=False)
            result = self._result(answer, "DomainDNSSetHostsResult")
        except _BusyError as busy:
            raise UnclearError(busy.error.msg) from None
        except ApiError as error:
            # A connection that breaks is also told as one that cannot be trusted.
            if error.status is None or error.kind == NOT_JSON:
                raise UnclearError(error.msg) from None
            raise
        if result.get("IsSuccess", "").lower() != "true":
            raise UnclearError(f"{self._api.where} did not say that it took the records.")

    def _ask(self, command: str, given: Mapping[str, str], harmless: bool) -> Response:
        if self._turns:
            self._turns -= 1
        else:
            self._keep.take_turns(1, self._pace, self.sleep)
        sld, __, tld = self._zone.partition(".")
        # The key comes last: a request that was cut off on its way has none, and is refused.
        form = {"Command": command, "SLD": sld, "TLD": tld, **given, **self._account, "ApiKey": self._key}
        try:
            return self._api.send(
                "POST",
                PATH,
                body=urlencode(form).encode("ascii"),
                headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/xml"},
                accept=(*_SLOW_DOWN, *_DOWN),
                harmless=harmless,
            )
        except ApiError as error:
            if error.kind == TLS and "http://" in error.msg:
                # What helps with others would send the key in the clear.
                said = "gave something other than TLS. Check api_url, and what stands between; it stays https://."
                raise ApiError(f"{self._api.where} {said}", kind=TLS, path=PATH) from None
            raise

    def _result(self, answer: Response, name: str) -> ElementTree.Element:
        """The part of an answer that is the result; ApiError or _BusyError when there is none."""
        if answer.status in _SLOW_DOWN:
            raise _BusyError(self._refused(_words.RATE, "", answer.status), limit=True)
        if answer.status in _DOWN:
            said = f"does not work at the moment (HTTP {answer.status}). Run it again in a few minutes."
            msg = f"{self._api.where} {said}"
            raise _BusyError(ApiError(msg, status=answer.status, path=PATH), limit=False)
        root = self._document(answer)
        errors = [element for element in root.iter() if _zone.plain(element.tag) == "Error"]
        if root.get("Status") != "OK" or errors:
            number, said = (errors[0].get("Number", ""), (errors[0].text or "").strip()) if errors else ("", "nothing")
            error = self._refused(number, said, answer.status)
            if number == _words.RATE or number in _words.THEIRS:
                raise _BusyError(error, limit=number == _words.RATE)
            raise error
        found = [element for element in root.iter() if _zone.plain(element.tag) == name]
        if len(found) != 1:
            raise self._no_answer(answer, f"without {name}")
        return found[0]

    def _document(self, answer: Response) -> ElementTree.Element:
        try:
            # A type of document could make the parser fetch or grow things; theirs have none.
            if b"<!DOCTYPE" in answer.body:
                raise self._no_answer(answer, "with a document type")
            root = ElementTree.fromstring(answer.body.strip())
        except (ElementTree.ParseError, LookupError, ValueError):
            # The latter two are about an encoding that nobody knows.
            raise self._no_answer(answer, "that is no whole XML") from None
        if _zone.plain(root.tag) != "ApiResponse":
            raise self._no_answer(answer, f"that begins with {_zone.plain(root.tag)}")
        return root

    def _no_answer(self, answer: Response, what: str) -> ApiError:
        return ApiError(
            f"{self._api.where} gave an answer {what}. Check api_url, and run it again in a few minutes.",
            kind=NOT_JSON,
            status=answer.status,
            path=PATH,
        )

    def _refused(self, number: str, said: str, status: int) -> ApiError:
        kind, what, todo = _words.explain(number, said)
        shown = f"error {number}" if number and status not in _SLOW_DOWN else f"HTTP {status}"
        msg = f"{self._api.where} refuses {self._zone}: {what} ({shown}). {todo}"
        return ApiError(msg, kind=kind, status=status, path=PATH)


def saved(path: str, zone: str) -> _zone.Zone:
    """The zone of an answer that was kept; InputError when the file is none."""
    try:
        body = Path(path).expanduser().read_bytes().strip()
        _zone.refuse_breaks(body)
        root = ElementTree.fromstring(body)
        (result,) = [element for element in root.iter() if _zone.plain(element.tag) == "DomainDNSGetHostsResult"]
        return _zone.parse(result, zone)
    except OSError as error:
        raise InputError(f"restore is {path}, which cannot be read ({error.strerror}).") from None
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise InputError(f"restore is {path}, which is no saved answer about {zone} ({error}).") from None


class _BusyError(Exception):
    """It may work in a moment. ``limit``: there were too many requests."""

    def __init__(self, error: ApiError, limit: bool) -> None:
        super().__init__(error.msg)
        self.error, self.limit = error, limit
