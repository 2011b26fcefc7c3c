# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proxy hosts: which names nginx answers to, and where it forwards.

Access list and certificate are written by name in a task and kept as ids by the server. A dangling id would be accepted
and mean an open host without TLS, so names are resolved here and never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._engine.errors import NOT_KEPT, ApiError, InputError
from .._engine.http import Api
from .._engine.reconcile import Plan
from .._engine.resource import Params, ResourceSpec
from . import _hosts, _lines, _notes
from ._certificates import label_of
from ._host_fields import FIELDS, FLAGS, OPTIONS, SENT, lower_sorted, texts, validate
from ._session import NGINX_PROXY_MANAGER, Row, Session
from .certificate import find_certificate

# A mark in the server's free properties of a host.
_SWITCHED_OFF = "mediverse.pacs: switched off until nginx takes it"


class ProxyHostClient:
    """Proxy hosts of one server, found by one of their names."""

    def __init__(self, api: Api, params: Params) -> None:
        self._session = Session(api, params)
        self._params = params
        self._notes: list[int] = []
        self.warnings: list[str] = []

    def get(self, key: str) -> dict[str, Any] | None:
        """The host with the names of its access list and certificate in place of their ids."""
        found = None
        certificates = self._session.rows("certificates", "proxy_hosts")
        for host in self._session.rows("proxy-hosts", "access_list,certificate"):
            if key in lower_sorted(host["domain_names"]):
                found = self._named(host, certificates)
        self._notes = _notes.about(certificates, _notes.HOST, domains=found["domain_names"] if found else [key])
        if self._params["state"] == "present":
            self._require_named(found or {})
        elif found is None and self._notes:
            return {"id": None, "domain_names": [key]}  # only a note is left of it
        return found

    def create(self, key: str, planned: Plan) -> None:
        """Add it and make sure that nginx took it."""
        body = self._body({"domain_names": [key], **planned.desired})
        if not body["certificate_id"]:
            del body["certificate_id"]
        body["enabled"] = planned.desired["enabled"]
        with self._note(body["domain_names"]):
            try:
                number = int(self._session.send("POST", "proxy-hosts", body)["id"])
            except ApiError as error:
                if error.status is not None and error.status >= 500:
                    self._remove_half_made(key)
                raise _hosts.broken(self._session, error, f"proxy host {key!r}") from None
            reason = _hosts.refusal(self._session, number)
            if reason:
                # Left alone, the server would write it again with the next change of its access list, and then nginx
                # refuses everything.
                self._session.send("DELETE", f"proxy-hosts/{number}")
        if reason:
            raise self._refused(key, number, reason, "The host has been removed again.", planned.desired)

    def update(self, key: str, planned: Plan, current: dict[str, Any]) -> None:
        """Bring it to the plan; see :mod:`._hosts` for why a protected host is closed before it is enabled."""
        path = f"proxy-hosts/{current['id']}"
        with self._note(current["domain_names"]):
            try:
                body = self._body(planned.desired)
                self._apply(path, body, current, planned.desired["enabled"])
                reason = _hosts.refusal(self._session, current["id"])
                state = self._put_back(path, current) if reason else ""
            except ApiError as error:
                raise _hosts.broken(self._session, error, f"proxy host {key!r}") from None
        if reason:
            raise self._refused(key, current["id"], reason, state, planned.desired, current)

    def delete(self, key: str, current: dict[str, Any]) -> None:
        """Remove it. Its certificate and access list stay. It is disabled first: of a host whose row is gone, nobody
        could remove the file any more.
        """
        if current["id"] is None:
            _notes.clear(self._session, self._notes)
            return
        path = f"proxy-hosts/{current['id']}"
        with self._note(current["domain_names"]):
            try:
                if current["row"]["enabled"]:
                    self._session.send("POST", f"{path}/disable")
                self._session.send("DELETE", path)
            except ApiError as error:
                raise _hosts.broken(self._session, error, f"the removal of proxy host {key!r}") from None

    def _apply(self, path: str, body: Row, current: Mapping[str, Any], on: bool) -> None:
        send = self._session.send
        was_on, in_doubt = current["row"]["enabled"], not current["nginx_accepts"]
        closed = {**body, "advanced_config": _hosts.CLOSED + body["advanced_config"]}
        meta = current["row"].get("meta") or {}
        if in_doubt:
            # Only the last write takes the mark away.
            body = {**body, "meta": {name: value for name, value in meta.items() if name != _SWITCHED_OFF}}
        if on and was_on:
            try:
                send("PUT", path, body)
                return
            except ApiError as error:
                if error.status is None or error.status < 500 or not in_doubt:
                    raise
            # Its own file may be what breaks nginx; disabling is the only thing that takes it out of the way.
            self._switch_off(path, current["row"])
        elif not on and was_on:
            send("POST", f"{path}/disable")
        if on or (in_doubt and not was_on):
            send("PUT", path, closed)
            self._enable(path, in_doubt)
        if not on and not was_on and in_doubt:
            # The row said disabled, and nginx may never have heard of it.
            send("POST", f"{path}/disable")
        send("PUT", path, body)

    def _enable(self, path: str, in_doubt: bool) -> None:
        try:
            self._session.send("POST", f"{path}/enable")
        except ApiError as error:
            if error.status is None or error.status < 500 or not in_doubt:
                raise
            # The file of a host that was disabled halfway may still lie there and break nginx.
            self._session.send("POST", f"{path}/disable")
            self._session.send("POST", f"{path}/enable")

    def _put_back(self, path: str, current: Mapping[str, Any]) -> str:
        """After nginx has refused a change, and dropped the good configuration with it. Returns what is so now."""
        if current["nginx_accepts"] and current["row"]["enabled"]:
            self._session.send("PUT", path, self._former(current["row"]))
            if _hosts.refusal(self._session, current["id"]) is None:
                return "The former configuration is in force again."
        # The server would write it again with the next change of its access list, and nginx would refuse everything.
        row = self._session.row("proxy-hosts", current["id"]) or current["row"]
        if row["enabled"]:
            self._switch_off(path, row)
        return "The host is switched off until that is done."

    def _switch_off(self, path: str, row: Row) -> None:
        """Disable a host that is not meant to be disabled. It is marked first, so that the next run enables it again;
        the server keeps the mark although it may answer 500.
        """
        meta = {**(row.get("meta") or {}), _SWITCHED_OFF: True}
        self._session.api.send("PUT", f"/api/nginx/{path}", json={"meta": meta}, accept=(500,))
        self._session.send("POST", f"{path}/disable")

    def _note(self, names: Sequence[str]) -> _notes.Note:
        return _notes.Note(self._session, _notes.HOST, domains=names, earlier=self._notes)

    def _named(self, host: Row, certificates: Sequence[Row]) -> dict[str, Any]:
        access, certificate = host.get("access_list"), host.get("certificate")
        meta = host.get("meta") or {}
        served = (not host["enabled"] or meta.get("nginx_online") is True) and _SWITCHED_OFF not in meta
        noted = _notes.about(certificates, _notes.HOST, domains=host["domain_names"])
        shown, hidden = _lines.split(_hosts.advanced_config_of(host))
        return {
            **host,
            "row": host,
            "access_list": _label(host["access_list_id"], access and access["name"]),
            "certificate": _label(host["certificate_id"], certificate and label_of(certificate)),
            "advanced_config": shown,
            "secret_config": hidden,
            "enabled": host["enabled"] or _SWITCHED_OFF in meta,
            "locations": [_location(one) for one in host.get("locations") or []],
            "nginx_accepts": served and not noted and not _hosts.is_closed(host),
        }

    def _body(self, desired: Mapping[str, Any]) -> dict[str, Any]:
        """All properties in the server's terms. Raises InputError for a name that does not exist, before any write."""
        body = {name: desired[name] for name in SENT if desired.get(name) is not None}
        body["access_list_id"] = self._list_id(str(desired.get("access_list") or ""))
        body["certificate_id"] = self._certificate_id(str(desired.get("certificate") or ""))
        body["advanced_config"] = _lines.join(desired.get("advanced_config") or "", desired.get("secret_config") or "")
        if not body["certificate_id"]:
            # With an explicit 0 the server would keep flags that only a certificate gives a meaning to.
            body.update(dict.fromkeys(FLAGS, False))
        if desired.get("locations") is not None:
            body["locations"] = [_sent_location(one) for one in desired["locations"]]
        return body

    @staticmethod
    def _former(row: Row) -> Row:
        """What puts a host back as it was."""
        names = (*SENT, "access_list_id", "certificate_id")
        body = {name: row[name] for name in names if row.get(name) is not None}
        return {**body, "advanced_config": _hosts.advanced_config_of(row), "locations": row.get("locations") or []}

    def _list_id(self, name: str) -> int:
        if not name:
            return 0
        found = [row for row in self._session.rows("access-lists") if row["name"] == name]
        if len(found) != 1:
            way_out = "Remove all but one." if found else "Create it with nginx_proxy_manager_access_list first."
            raise InputError(
                f"{self._session.api.where} has {len(found) or 'no'} access list{'s' if found else ''} "
                f"called {name!r}. {way_out}"
            )
        return int(found[0]["id"])

    def _certificate_id(self, label: str) -> int:
        if not label:
            return 0
        found = find_certificate(self._session.rows("certificates", "proxy_hosts"), label)
        if found is None:
            raise InputError(
                f"{self._session.api.where} has no certificate {label!r}. "
                "Create it with nginx_proxy_manager_certificate first."
            )
        return int(found["id"])

    def _require_named(self, current: Mapping[str, Any]) -> None:
        """Refuse names that nothing has. In check mode only warn: the tasks before this one have not made them."""
        for option, resolve in (("access_list", self._list_id), ("certificate", self._certificate_id)):
            wanted = self._params[option] or ""
            if wanted != current.get(option):
                try:
                    resolve(wanted)
                except InputError as error:
                    if not self._session.api.read_only:
                        raise
                    self.warnings.append(error.msg)

    def _remove_half_made(self, key: str) -> None:
        """After a failed POST the row may exist."""
        for host in self._session.rows("proxy-hosts"):
            if key in lower_sorted(host["domain_names"]):
                self._session.api.send("DELETE", f"/api/nginx/proxy-hosts/{host['id']}", accept=(500,))

    def _refused(self, key: str, number: int, reason: str, state: str, *hosts: Mapping[str, Any]) -> ApiError:
        secrets = [text for host in hosts for option, text in texts(host) if option.startswith("secret")]
        return ApiError(
            f"nginx refused the configuration of proxy host {key!r} ({_lines.scrub(reason, secrets)}). {state} "
            "Correct advanced_config, secret_config, locations or forward_host and run again.",
            kind=NOT_KEPT,
            path=f"/api/nginx/proxy-hosts/{number}",
        )


def _location(one: Row) -> Row:
    """A location of the server in our terms."""
    shown, hidden = _lines.split(str(one.get("advanced_config") or ""))
    return {**one, "advanced_config": shown, "secret_config": hidden}


def _sent_location(one: Mapping[str, Any]) -> Row:
    """A location in the server's terms."""
    text = _lines.join(one.get("advanced_config") or "", one.get("secret_config") or "")
    return {**{name: value for name, value in one.items() if name != "secret_config"}, "advanced_config": text}


def _label(number: int, name: str | None) -> str:
    """The name behind an id. An id that leads nowhere gets a name that nothing has, so that it differs."""
    return "" if not number else name if name is not None else f"(missing, id {number})"


PROXY_HOST = ResourceSpec(
    service=NGINX_PROXY_MANAGER,
    fields=FIELDS,
    client=ProxyHostClient,
    returns="proxy_host",
    noun="proxy host",
    key="domain",
    validate=validate,
    options=OPTIONS,
)
