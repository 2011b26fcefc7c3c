# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Access lists: the logins and addresses that may use the hosts they are given to.

The server masks the passwords of a list, but shows them in clear on the way through a host that uses it. Where it does,
passwords are compared exactly, and otherwise by the hint (first character and length).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

from .._engine.errors import ApiError, InputError
from .._engine.fields import Field
from .._engine.http import Api
from .._engine.reconcile import DELETE, Plan
from .._engine.resource import Params, ResourceSpec
from .._rules import logins
from . import _hosts, _notes
from ._session import NGINX_PROXY_MANAGER, Row, Session

_ALWAYS, _ON_CREATE = "always", "on_create"


def check_items(value: Sequence[Mapping[str, Any]]) -> None:
    """Names and passwords that the server can put into its password file; it does not check them itself."""
    names = [str(item["username"]) for item in value]
    if len(set(names)) != len(names):
        raise ValueError("must name each user once")
    for item in value:
        name, password = str(item["username"]), item.get("password")
        if wrong := logins.reader(name):
            raise ValueError(f"holds the user {name!r}, which {wrong}")
        if password is not None and (password == "" or password.startswith("-") or not password.isprintable()):
            raise ValueError(
                f"holds a password of {name!r} that is empty, begins with a minus sign or has control characters; "
                "the server would hang or write half a file"
            )
        if password is not None and len(password.encode("utf-8", "replace")) > logins.LONGEST_READER_PASSWORD:
            raise ValueError(
                f"holds a password of {name!r} that is longer than {logins.LONGEST_READER_PASSWORD} bytes, with which "
                "nobody could log in"
            )


def _check_clients(value: Sequence[Mapping[str, Any]]) -> None:
    for client in value:
        address = str(client["address"])
        if address != "all":
            try:
                ipaddress.ip_network(address)
            except ValueError as error:
                raise ValueError(f"holds {address!r}, which is no address or network ({error})") from None


def _same_items(wanted: Sequence[Mapping[str, Any]], current: Sequence[Mapping[str, Any]] | None) -> bool:
    """Same users, and the same passwords where the task gives them."""
    have = {item["username"]: item.get("password") for item in current or []}
    if len(have) != len(current or []) or have.keys() != {item["username"] for item in wanted}:
        return False
    return all(item.get("password") in (None, have[item["username"]]) for item in wanted)


_ITEM = (Field("username", needed=True), Field("password", secret=True))
_CLIENT = (Field("address", needed=True), Field("directive", choices=("allow", "deny"), default="allow"))
FIELDS = (
    Field("name", key=True),
    Field(
        "items",
        type="list",
        elements="dict",
        suboptions=_ITEM,
        aliases=("users",),
        default=[],
        secret=False,
        unordered=True,
        check=check_items,
        compare=_same_items,
        normalise=lambda value: list(value or []),
    ),
    Field(
        "clients",
        type="list",
        elements="dict",
        suboptions=_CLIENT,
        default=[],
        check=_check_clients,
        normalise=lambda value: list(value or []),
    ),
    Field("satisfy_any", type="bool", default=False),
    Field("pass_auth", type="bool", default=False),
    # What a run left half done, is sent again.
    Field("applied", type="bool", constant=True),
    Field("id", type="int", read_only=True),
    Field("used_by", type="list", elements="str", read_only=True),
)


def _validate(params: Params, current: Mapping[str, Any] | None, planned: Plan) -> None:
    name = params["name"]
    if planned.action == DELETE and current and current["used_by"]:
        raise InputError(
            f"Access list {name!r} is used by {', '.join(current['used_by'])}; removing it would open those hosts to "
            "everybody and drop their TLS. Give them another access list first, or remove them."
        )
    if params["state"] == "absent":
        return
    wanted = planned.desired or dict(current or {})
    if not wanted.get("items") and not wanted.get("clients"):
        raise InputError(f"Access list {name!r} would let everybody in. Give it items (users) or clients (addresses).")
    known = {item["username"] for item in (current or {}).get("items", [])}
    unknown = [
        item["username"] for item in params["items"] or [] if item["password"] is None and item["username"] not in known
    ]
    if unknown:
        raise InputError(f"New users of access list {name!r} need a password: {', '.join(unknown)}.")


class AccessListClient:
    """Access lists of one server, found by their name."""

    def __init__(self, api: Api, params: Params) -> None:
        self._session = Session(api, params)
        self._params = params
        self.warnings: list[str] = []
        self._known: frozenset[str] = frozenset()
        self._notes: list[int] = []

    def get(self, key: str) -> dict[str, Any] | None:
        """The list with its users, and with their passwords as far as they can be known."""
        found = [row for row in self._session.rows("access-lists", "items,clients") if row["name"] == key]
        if len(found) > 1:
            raise InputError(
                f"{self._session.api.where} has {len(found)} access lists called {key!r}, and hosts may use any of "
                "them. Rename or remove all but one."
            )
        self._notes = _notes.about(self._session.rows("certificates"), _notes.LIST, name=key)
        if not found:
            gone = self._params["state"] == "absent" and self._notes
            return {"id": None, "used_by": []} if gone else None  # only a note is left of it
        number = int(found[0]["id"])
        full = self._session.row("access-lists", number, "items,clients,proxy_hosts.access_list.[items,clients]")
        if full is None:
            return None
        hosts = full.get("proxy_hosts") or []
        used_by = sorted(name for host in hosts for name in host["domain_names"])
        items = self._with_passwords(full, hosts)
        return {**full, "items": items, "used_by": used_by, "applied": not self._notes}

    def create(self, key: str, planned: Plan) -> None:
        """Add it, always with items: without them the server leaves a broken list behind."""
        with self._note(key):
            try:
                self._session.send("POST", "access-lists", self._body(key, planned.desired))
            except ApiError as error:
                if error.status is not None and error.status >= 500:
                    self._remove_half_made(key)
                raise _hosts.broken(self._session, error, f"access list {key!r}") from None

    def update(self, key: str, planned: Plan, current: dict[str, Any]) -> None:
        """Send the whole list: its flags count only together with its name."""
        with self._note(key):
            try:
                self._session.send("PUT", f"access-lists/{current['id']}", self._body(key, planned.desired))
            except ApiError as error:
                raise _hosts.broken(self._session, error, f"access list {key!r}") from None

    def delete(self, key: str, current: dict[str, Any]) -> None:
        """Remove it; that no host uses it has been checked."""
        if current["id"] is None:
            _notes.clear(self._session, self._notes)
            return
        with self._note(key):
            try:
                self._session.send("DELETE", f"access-lists/{current['id']}")
            except ApiError as error:
                raise _hosts.broken(self._session, error, f"the removal of access list {key!r}") from None

    def _note(self, key: str) -> _notes.Note:
        return _notes.Note(self._session, _notes.LIST, name=key, earlier=self._notes)

    def _body(self, key: str, desired: Mapping[str, Any]) -> Row:
        given = {item["username"]: item["password"] for item in self._params["items"] or [] if item["password"]}
        keep = self._params["update_password"] == _ON_CREATE
        known = self._known
        items = [
            {"username": name, **({"password": given[name]} if name in given and not (keep and name in known) else {})}
            for name in (item["username"] for item in desired["items"])
        ]
        clients = [{"address": one["address"], "directive": one["directive"]} for one in desired["clients"]]
        flags = {flag: bool(desired[flag]) for flag in ("satisfy_any", "pass_auth")}
        return {"name": key, **flags, "items": items, "clients": clients}

    def _with_passwords(self, full: Row, hosts: Sequence[Row]) -> list[Row]:
        """The list's users. A password that the server shows is taken; else the task's, if the hint allows it or the
        task does not want passwords compared.
        """
        self._known = frozenset(item["username"] for item in full["items"])
        given = {item["username"]: item["password"] for item in self._params["items"] or []}
        shown = [(host.get("access_list") or {}).get("items") or [] for host in hosts]
        clear = {item["username"]: item["password"] for item in (shown[0] if shown else []) if item.get("password")}
        return [
            {"username": item["username"], "password": self._password(item, given, clear)} for item in full["items"]
        ]

    def _password(self, item: Row, given: Mapping[str, Any], clear: Mapping[str, Any]) -> str:
        """One user's password; empty when it cannot be known, which differs from any that a task gives."""
        name = item["username"]
        wanted = given.get(name)
        if wanted and self._params["update_password"] == _ON_CREATE:
            return str(wanted)
        if name in clear:
            return str(clear[name])
        return str(wanted) if wanted and item.get("hint") == _hint(str(wanted)) else ""

    def _remove_half_made(self, key: str) -> None:
        for row in self._session.rows("access-lists"):
            if row["name"] == key:
                self._session.api.send("DELETE", f"/api/nginx/access-lists/{row['id']}", accept=(404, 500))


def _hint(password: str) -> str:
    """The server's hint at a password: its first character, and stars to its length. It counts as JavaScript does, in
    units of UTF-16; of an emoji it takes the first half, which its answer has as an escape of its own.
    """
    units = password.encode("utf-16-le")
    return units[:2].decode("utf-16-le", "surrogatepass") + "*" * (len(units) // 2 - 1)


ACCESS_LIST = ResourceSpec(
    service=NGINX_PROXY_MANAGER,
    fields=FIELDS,
    client=AccessListClient,
    returns="access_list",
    noun="access list",
    validate=_validate,
    options={"update_password": {"type": "str", "choices": [_ALWAYS, _ON_CREATE], "default": _ALWAYS, "no_log": False}},
)
