# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proxy hosts: which names nginx answers to, and where it forwards.

Access list and certificate are written by name in a task and kept as ids by the server. A dangling id would be accepted
and mean an open host without TLS, so names are resolved here and never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from .._errors import NOT_KEPT, ApiError, InputError
from .._fields import Field
from .._http import Api
from .._reconcile import DELETE, Plan
from .._resource import Params, ResourceSpec
from . import _hosts
from ._session import NGINX_PROXY_MANAGER, TRUSTS_PROXIES, Row, Session
from .certificate import find_certificate, label_of, same_label

_NAME = re.compile(r"(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_DEFAULT_LOCATION = re.compile(r"^(?:.*;)?\s*location\s*/\s*\{", re.IGNORECASE | re.MULTILINE)
_FLAGS = ("ssl_forced", "http2_support", "hsts_enabled", "hsts_subdomains")


def check_domain(value: str) -> None:
    """A host name, or a wildcard for one label. The server would take anything and nginx might not."""
    if not _NAME.fullmatch(value.strip().lower()) or len(value) > 253:
        raise ValueError("must be a host name such as pacs.example.org")


def check_domains(value: Sequence[str]) -> None:
    """Host names, each once."""
    if not value:
        raise ValueError("must name at least one host name")
    for name in value:
        try:
            check_domain(name)
        except ValueError as error:
            raise ValueError(f"holds {name!r}, which {error}") from None
    if len({name.lower() for name in value}) != len(value):
        raise ValueError("must name each host name once")


def lower_sorted(value: Sequence[str] | None) -> list[str]:
    """Names as they are compared."""
    return sorted(name.strip().lower() for name in value or [])


def _check_upstream(value: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9_.:\[\]-]+", value) or len(value) > 255:
        raise ValueError("must be a host name or an IP address, without scheme, port or path")


def _check_port(value: int) -> None:
    if not 1 <= value <= 65535:
        raise ValueError("must be between 1 and 65535")


_LOCATION = (
    Field("path", needed=True),
    Field("forward_scheme", choices=("http", "https"), default="http"),
    Field("forward_host", needed=True),
    Field("forward_port", type="int", needed=True, check=_check_port),
    Field("forward_path", default=""),
    Field("advanced_config", default=""),
)
FIELDS = (
    Field("domain", key=True, check=check_domain, normalise=lambda value: value.strip().lower()),
    Field("domain_names", type="list", elements="str", unordered=True, check=check_domains, normalise=lower_sorted),
    Field("forward_scheme", choices=("http", "https"), default="http"),
    Field("forward_host", needed=True, check=_check_upstream),
    Field("forward_port", type="int", needed=True, check=_check_port),
    Field("access_list", default=""),
    Field("certificate", default="", compare=same_label),
    Field("ssl_forced", type="bool", default=False),
    Field("http2_support", type="bool", default=False),
    Field("hsts_enabled", type="bool", default=False),
    Field("hsts_subdomains", type="bool", default=False),
    Field("trust_forwarded_proto", type="bool"),
    Field("block_exploits", type="bool", default=False),
    Field("caching_enabled", type="bool", default=False),
    Field("allow_websocket_upgrade", type="bool", default=False),
    Field("advanced_config", default="", normalise=lambda value: (value or "").strip()),
    Field("locations", type="list", elements="dict", suboptions=_LOCATION, normalise=lambda value: value or []),
    Field("enabled", type="bool", default=True),
    # What nginx refused, or what a run left half done, is sent again.
    Field("nginx_accepts", type="bool", constant=True),
    Field("id", type="int", read_only=True),
)
# Everything that a PUT sends. "enabled" is never among it: the server would store it and keep serving the host.
_SENT = tuple(
    f.api
    for f in FIELDS
    if f.api not in ("domain", "access_list", "certificate", "enabled", "nginx_accepts", "id", "trust_forwarded_proto")
)


def _validate(params: Params, current: Mapping[str, Any] | None, planned: Plan) -> None:
    if planned.action == DELETE or params["state"] == "absent":
        return
    wanted = planned.desired or dict(current or {})
    name = params["domain"]
    if params["domain_names"] and name.strip().lower() not in lower_sorted(params["domain_names"]):
        raise InputError(f"domain_names of proxy host {name!r} must contain its domain. Add it to the list.")
    for flag, needs in (
        ("ssl_forced", "certificate"),
        ("http2_support", "certificate"),
        ("hsts_enabled", "ssl_forced"),
        ("hsts_subdomains", "hsts_enabled"),
    ):
        if params[flag] and not wanted.get(needs):
            raise InputError(
                f"{flag} of proxy host {name!r} needs {needs}, without which the server ignores it. "
                f"Set {needs}, or leave {flag} out."
            )
    if wanted.get("access_list") and wanted.get("caching_enabled"):
        raise InputError(
            f"Proxy host {name!r} cannot have both caching_enabled and an access list: pictures and scripts would be "
            "given to everybody, without a login. Switch caching_enabled off."
        )
    if wanted.get("access_list") and _DEFAULT_LOCATION.search(str(wanted.get("advanced_config") or "")):
        raise InputError(
            f"advanced_config of proxy host {name!r} has its own 'location /', to which the access list does not "
            "apply. Put the lines at server level, or do without access_list."
        )


class ProxyHostClient:
    """Proxy hosts of one server, found by one of their names."""

    def __init__(self, api: Api, params: Params) -> None:
        self._session = Session(api, params)
        self._params = params
        self.warnings: list[str] = []

    def get(self, key: str) -> dict[str, Any] | None:
        """The host with the names of its access list and certificate in place of their ids."""
        if self._params["trust_forwarded_proto"] is not None and self._session.version < TRUSTS_PROXIES:
            raise InputError(
                "trust_forwarded_proto needs Nginx Proxy Manager 2.14. Leave it out, or update the server."
            )
        found = None
        for host in self._session.rows("proxy-hosts", "access_list,certificate"):
            if key in lower_sorted(host["domain_names"]):
                found = self._named(host)
        if self._params["state"] == "present":
            self._require_named(found or {})
        return found

    def create(self, key: str, planned: Plan) -> None:
        """Add it and make sure that nginx took it."""
        body = self._body({"domain_names": [key], **planned.desired})
        if not body["certificate_id"]:
            del body["certificate_id"]
        body["enabled"] = planned.desired["enabled"]
        try:
            number = int(self._session.send("POST", "proxy-hosts", body)["id"])
        except ApiError as error:
            if error.status is not None and error.status >= 500:
                self._remove_half_made(key)
                raise self._broken(error, key) from None
            raise
        reason = _hosts.refusal(self._session, number)
        if reason:
            raise self._refused(key, number, reason, "The host is there and not served.")

    def update(self, key: str, planned: Plan, current: dict[str, Any]) -> None:
        """Bring it to the plan; see :mod:`._hosts` for why a protected host is closed before it is enabled."""
        path = f"proxy-hosts/{current['id']}"
        body = self._body(planned.desired)
        switch = planned.delta.get("enabled")
        try:
            if switch is False:
                self._session.send("POST", f"{path}/disable")
            if switch and body["access_list_id"]:
                self._session.send("PUT", path, {**body, "advanced_config": _hosts.CLOSED + body["advanced_config"]})
            if switch:
                self._session.send("POST", f"{path}/enable")
            self._session.send("PUT", path, body)
        except ApiError as error:
            if error.status is not None and error.status >= 500:
                self._mark_unserved(path, current)
                raise self._broken(error, key) from None
            raise
        reason = _hosts.refusal(self._session, current["id"])
        if reason:
            # nginx has dropped the good configuration, too: put it back before telling.
            served = current["nginx_accepts"] and current["enabled"]
            if served:
                self._session.send("PUT", path, self._former(current))
            state = "The former configuration is in force again." if served else "The host is not served."
            raise self._refused(key, current["id"], reason, state)

    def delete(self, key: str, current: dict[str, Any]) -> None:
        """Remove it. Its certificate and access list stay."""
        self._session.send("DELETE", f"proxy-hosts/{current['id']}")

    def _named(self, host: Row) -> dict[str, Any]:
        access, certificate = host.get("access_list"), host.get("certificate")
        accepted = (host.get("meta") or {}).get("nginx_online") is True or not host["enabled"]
        return {
            **host,
            "access_list": _label(host["access_list_id"], access and access["name"]),
            "certificate": _label(host["certificate_id"], certificate and label_of(certificate)),
            "advanced_config": _hosts.advanced_config_of(host),
            "nginx_accepts": accepted and not _hosts.is_closed(host),
        }

    def _body(self, desired: Mapping[str, Any]) -> dict[str, Any]:
        """All properties in the server's terms. Raises InputError for a name that does not exist, before any write."""
        body = {name: desired[name] for name in _SENT if name in desired}
        if desired.get("trust_forwarded_proto") is not None:
            body["trust_forwarded_proto"] = desired["trust_forwarded_proto"]
        body["access_list_id"] = self._list_id(str(desired.get("access_list") or ""))
        body["certificate_id"] = self._certificate_id(str(desired.get("certificate") or ""))
        body["advanced_config"] = body.get("advanced_config") or ""
        if not body["certificate_id"]:
            # With an explicit 0 the server would keep flags that only a certificate gives a meaning to.
            body.update(dict.fromkeys(_FLAGS, False))
        if body.get("locations") is None:
            body.pop("locations", None)
        return body

    @staticmethod
    def _former(current: Mapping[str, Any]) -> dict[str, Any]:
        body = {name: current[name] for name in (*_SENT, "access_list_id", "certificate_id") if name in current}
        return {**body, "locations": current.get("locations") or []}

    def _list_id(self, name: str) -> int:
        if not name:
            return 0
        found = [row for row in self._session.rows("access-lists") if row["name"] == name]
        if len(found) != 1:
            raise InputError(
                f"{self._session.api.where} has {len(found) or 'no'} access list{'s' if found else ''} "
                f"called {name!r}. "
                + ("Remove all but one." if found else "Create it with nginx_proxy_manager_access_list first.")
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
        """After a failed POST the row may exist; left alone it would look finished to the next run."""
        for host in self._session.rows("proxy-hosts"):
            if key in lower_sorted(host["domain_names"]):
                self._session.api.send("DELETE", f"/api/nginx/proxy-hosts/{host['id']}", accept=(500,))

    def _mark_unserved(self, path: str, current: Mapping[str, Any]) -> None:
        """After a failed PUT the row has the new values and claims that nginx has them, too. Take the claim back, so
        that the next run sees a difference; the server stores this although it answers 500 once more.
        """
        meta = {**(current.get("meta") or {}), "nginx_online": False, "nginx_err": "the last change was not applied"}
        self._session.api.send("PUT", f"/api/nginx/{path}", json={"meta": meta}, accept=(500,))

    def _refused(self, key: str, number: int, reason: str, state: str) -> ApiError:
        return ApiError(
            f"nginx refused the configuration of proxy host {key!r} ({reason}). {state} "
            "Correct advanced_config, locations or forward_host and run again.",
            kind=NOT_KEPT,
            path=f"/api/nginx/proxy-hosts/{number}",
        )

    def _broken(self, error: ApiError, key: str) -> ApiError:
        return ApiError(
            f"{error.msg} The server could not apply proxy host {key!r}, usually because another host, certificate or "
            "access list breaks nginx's whole configuration: its log says which. Repair that and run again.",
            kind=error.kind,
            status=error.status,
            path=error.path,
        )


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
    validate=_validate,
)
