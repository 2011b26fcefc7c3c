# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates: requested from Let's Encrypt, or brought along.

The server knows no identity but its own ids: asking twice for the same names gives two certificates. So one is looked
up first, a requested one by its names and a brought one by its name. Requests for certificates disturb every host of
the names (see :mod:`._hosts`), and a renewed or uploaded certificate is served only after nginx has been reloaded,
which a PUT of a host does.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .._engine.errors import NOT_KEPT, ApiError, InputError
from .._engine.fields import Field
from .._engine.http import Api
from .._engine.reconcile import CREATE, DELETE, Plan
from .._engine.resource import Params, ResourceSpec
from . import _age, _hosts, _notes, _pem, _served
from ._certificates import LETSENCRYPT, USERS, check_domains, names_of, same_certificate, used_by
from ._session import NGINX_PROXY_MANAGER, Row, Session

# What certbot takes when the task is silent.
_DEFAULT_KEY = "ecdsa"
_BUSY = "Another instance of Certbot is already running"
# The server itself gives up after 15 minutes.
_REQUEST_TIMEOUT = 900.0
_WAIT_FOR_OTHERS = 300.0
# nginx takes a new configuration up a moment after it was told.
_WAIT_FOR_NGINX = 15.0
# The workers of before go on taking visitors beside the new ones for 100 ms and more (ngx_process_cycle.c), so that one
# look at the new certificate proves nothing of the next.
_LOOKS_IN_A_ROW = 5

FIELDS = (
    Field(
        "domain_names",
        type="list",
        elements="str",
        unordered=True,
        check=check_domains,
        normalise=lambda value: names_of(",".join(value or [])),
    ),
    Field("certificate", check=_pem.check_certificate, normalise=_pem.canonical),
    Field("certificate_key", secret=True, check=_pem.check_key, normalise=_pem.canonical),
    Field("key_type", choices=("ecdsa", "rsa"), immutable=True),
    # Always wanted: a certificate that need not be renewed yet, that visitors get, and with which nothing is left half
    # done. Where visitors get it is looked at only when the task says where.
    Field("due_for_renewal", type="bool", constant=False),
    Field("served", type="bool", constant=True, compare=lambda wanted, current: current is not False),
    Field("applied", type="bool", constant=True),
    Field("id", type="int", read_only=True),
    Field("name", "nice_name", read_only=True),
    Field("expires_on", read_only=True),
    Field("lifetime_days", type="int", read_only=True),
    Field("used_by", type="list", elements="str", read_only=True),
)
_OPTIONS: dict[str, dict[str, Any]] = {
    "provider": {"type": "str", "choices": [LETSENCRYPT, "custom"], "default": LETSENCRYPT},
    "name": {"type": "str"},
    "renew_before_share": {"type": "float", "default": 0.25},
    "renew_before_days": {"type": "int", "default": 0},
    "served_at": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


def _validate(params: Params, current: Mapping[str, Any] | None, planned: Plan) -> None:
    if planned.action == DELETE and current and current["used_by"]:
        raise InputError(
            f"Certificate {_label(params)!r} is used by {', '.join(current['used_by'])}; without its files nginx would "
            "refuse every further change on the server. Give those hosts another certificate first, or remove them."
        )
    if params["state"] == "present" and params["provider"] == "custom":
        _validate_custom(params, current, planned)


def _validate_custom(params: Params, current: Mapping[str, Any] | None, planned: Plan) -> None:
    if params["name"].startswith(_notes.PREFIX):
        raise InputError(f"name must not begin with {_notes.PREFIX!r}, which marks this collection's own notes.")
    if planned.action == CREATE and params["certificate"] is None:
        raise InputError(
            f"Certificate {params['name']!r} does not exist yet; creating it needs certificate and certificate_key."
        )
    if params["certificate"] and current and current["has_chain"] and not _pem.parts(params["certificate"])[1]:
        raise InputError(
            f"Certificate {params['name']!r} has a chain that was uploaded elsewhere and that the server does not "
            "forget. Give the chain behind the new certificate, or remove the old one with state=absent first."
        )
    _pem.check_pair(params["certificate"], params["certificate_key"])


def _label(params: Params) -> str:
    return str(params["name"]) if params["provider"] == "custom" else ",".join(params["domain_names"] or [])


class CertificateClient:
    """Certificates of one server. ``sleep`` and ``clock`` are for waiting until somebody else's request is through."""

    def __init__(
        self,
        api: Api,
        params: Params,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = Session(api, params)
        self._params = params
        self._sleep = sleep
        self._clock = clock
        self._requested = params["provider"] == LETSENCRYPT
        self._rows: list[Row] = []
        self._notes: list[int] = []

    def get(self, key: Any) -> dict[str, Any] | None:
        """The certificate with its users, and whether it is due, served and finished."""
        self._check_options()
        label, provider = _label(self._params), LETSENCRYPT if self._requested else "other"
        rows = self._session.rows("certificates", ",".join(USERS))
        self._notes = self._about(rows)
        self._rows = [row for row in rows if row["provider"] == provider and same_certificate(row, label)]
        if not self._requested and len(self._rows) > 1:
            raise InputError(
                f"{self._session.api.where} has {len(self._rows)} certificates called {label!r}, and hosts may use any "
                "of them. Rename or remove all but one."
            )
        absent = self._params["state"] == "absent"
        # A requested one whose request died has a row and no files; it counts only as something to remove.
        usable = [row for row in self._rows if absent or not self._requested or _age.was_issued(row)]
        if not usable:
            return {"id": None, "used_by": []} if absent and self._notes else None
        found = best_of(usable)
        meta = found.get("meta") or {}
        pems = {name: meta.get(name) for name in ("certificate", "certificate_key") if meta.get(name)}
        chain = str(meta.get("intermediate_certificate") or "")
        if chain and "certificate" in pems:
            pems["certificate"] = _pem.canonical(pems["certificate"]) + _pem.canonical(chain)
        key_type = {"key_type": meta.get("key_type") or _DEFAULT_KEY} if self._requested else {}
        return {
            **found,
            **pems,
            **key_type,
            "has_chain": bool(chain),
            "used_by": sorted({name for row in (self._rows if absent else [found]) for name in used_by(row)}),
            "lifetime_days": _age.days_of(_age.lifetime(found)) if self._requested else None,
            "due_for_renewal": self._requested and not absent and _age.is_due(found, self._params),
            "served": None if absent else self._is_served(found),
            "applied": not self._notes,
        }

    def create(self, key: Any, planned: Plan) -> None:
        """Request it, or make a row and upload."""
        if not self._requested:
            with self._note():
                body = {"provider": "other", "nice_name": self._params["name"]}
                number = int(self._session.send("POST", "certificates", body)["id"])
                try:
                    self._upload(number, chained=False)
                except ApiError:
                    self._session.api.send("DELETE", f"/api/nginx/certificates/{number}", accept=(404, 500))
                    raise
            return
        names = self._params["domain_names"]
        self._require_another_way(names)
        with self._note(), _hosts.undisturbed(self._session, names):
            if not self._finish_or_discard():
                self._request("POST", "certificates", self._order(planned))

    def update(self, key: Any, planned: Plan, current: dict[str, Any]) -> None:
        """Renew or upload, and have nginx take it."""
        hosts = [(kind, host) for kind in _hosts.KINDS for host in current.get(kind.replace("-", "_")) or []]
        with self._note():
            try:
                if self._requested:
                    if "due_for_renewal" in planned.delta:
                        self._request("POST", f"certificates/{current['id']}/renew", None)
                    known = {(kind, host["id"]) for kind, host in hosts}
                    others = _hosts.with_names(self._session, current["domain_names"])
                    hosts += [(kind, host) for kind, host in others if (kind, host["id"]) not in known]
                elif self._params["certificate"] is not None:
                    self._upload(int(current["id"]), chained=current["has_chain"])
                _hosts.restore(self._session, hosts)
                self._forget_hosts(hosts)
            except ApiError as error:
                raise _hosts.broken(self._session, error, f"certificate {_label(self._params)!r}") from None
        self._wait_until_served(int(current["id"]))

    def delete(self, key: Any, current: dict[str, Any]) -> None:
        """Remove it, and what was requested for the same names; that nobody uses any of them has been checked."""
        with self._note():
            for row in self._rows:
                self._session.send("DELETE", f"certificates/{row['id']}")

    def _check_options(self) -> None:
        share, where = self._params["renew_before_share"], self._params["served_at"]
        if not 0 <= share < 1:
            raise InputError(f"renew_before_share is {share:g}, but it must be at least 0 and less than 1.")
        if where:
            try:
                _served.address_of(where)
            except ValueError as error:
                raise InputError(f"served_at is {where!r}, but it {error}.") from None

    def _about(self, rows: Iterable[Row]) -> list[int]:
        if self._requested:
            names = names_of(_label(self._params))
            noted = _notes.about(rows, _notes.CERTIFICATE, domains=names)
            exact = {int(row["id"]) for row in rows if names_of(",".join(row.get("domain_names") or [])) == names}
            return [number for number in noted if number in exact]
        return _notes.about(rows, _notes.CERTIFICATE, name=_label(self._params))

    def _note(self) -> _notes.Note:
        if self._requested:
            names = self._params["domain_names"]
            return _notes.Note(self._session, _notes.CERTIFICATE, domains=names, earlier=self._notes)
        return _notes.Note(self._session, _notes.CERTIFICATE, name=_label(self._params), earlier=self._notes)

    def _forget_hosts(self, hosts: Iterable[tuple[str, Row]]) -> None:
        """Take away what a dead request has left about hosts that are complete again."""
        rows = self._session.rows("certificates")
        for kind, host in hosts:
            if kind == _hosts.PROXY_HOSTS:
                _notes.clear(self._session, _notes.about(rows, _notes.HOST, domains=host["domain_names"]))

    def _require_another_way(self, names: Iterable[str]) -> None:
        own = self._session.served_by_itself(names)
        if own:
            raise InputError(
                f"api_url goes through {own}, which the server takes offline while its certificate is requested. "
                "Set api_url to the server's admin port (81), or to its address where that port is another one."
            )

    def _order(self, planned: Plan) -> Row:
        meta: Row = {"dns_challenge": False}
        if planned.desired.get("key_type"):
            meta["key_type"] = planned.desired["key_type"]
        return {"provider": LETSENCRYPT, "domain_names": planned.desired["domain_names"], "meta": meta}

    def _finish_or_discard(self) -> bool:
        """What to do with rows whose request died: wait while certbot is still at it, else remove them. True when one
        has become a certificate.
        """
        for row in self._rows:
            deadline = self._clock() + _WAIT_FOR_OTHERS
            while True:
                fresh = self._session.row("certificates", int(row["id"]))
                if fresh is not None and _age.was_issued(fresh):
                    return True
                try:
                    self._session.send("POST", f"certificates/{row['id']}/renew", timeout=_REQUEST_TIMEOUT)
                    return True
                except ApiError as error:
                    if error.status is None:
                        raise
                    if _BUSY not in error.msg or self._clock() > deadline:
                        break
                self._sleep(5)
            self._session.api.send("DELETE", f"/api/nginx/certificates/{row['id']}", accept=(404, 500))
        return False

    def _request(self, method: str, path: str, body: Row | None) -> None:
        """One request that runs certbot. It runs once at a time; another's turn, such as a renewal, is waited for."""
        deadline = self._clock() + _WAIT_FOR_OTHERS
        while True:
            try:
                self._session.send(method, path, body, timeout=_REQUEST_TIMEOUT)
                return
            except ApiError as error:
                if _BUSY not in error.msg or self._clock() > deadline:
                    error.msg = f"The certificate for {', '.join(self._params['domain_names'])}: {error.msg}"
                    raise
            self._sleep(5)

    def _upload(self, number: int, chained: bool) -> None:
        texts = {name: _pem.canonical(self._params[name]) for name in ("certificate", "certificate_key")}
        if chained:
            # The server would keep the chain that was once uploaded by itself, behind the new certificate.
            texts["certificate"], texts["intermediate_certificate"] = _pem.parts(texts["certificate"])
        self._session.upload(f"certificates/{number}/upload", texts)

    def _is_served(self, row: Row) -> bool | None:
        """Whether visitors of the hosts get this certificate; None when the task does not say where to look."""
        where = self._params["served_at"]
        names = [
            next((name for name in host["domain_names"] if "*" not in name), "")
            for host in row.get("proxy_hosts") or []
            if host["enabled"]
        ]
        if not where or not any(names):
            return None
        return all(self._is_this(row, _served.certificate_at(where, name)) for name in names if name)

    def _is_this(self, row: Row, der: bytes | None) -> bool:
        if der is None:
            return False
        text = (row.get("meta") or {}).get("certificate")
        if text:
            return ssl.PEM_cert_to_DER_cert(_pem.parts(_pem.canonical(str(text)))[0]) == der
        return _served.same_end(der, _age.moment(row["expires_on"]))

    def _wait_until_served(self, number: int) -> None:
        if not self._params["served_at"]:
            return
        deadline, looks = self._clock() + _WAIT_FOR_NGINX, 0
        while looks or self._clock() <= deadline:
            found = self._session.row("certificates", number, ",".join(USERS))
            served = None if found is None else self._is_served(found)
            if served is None:
                return
            looks = looks + 1 if served else 0
            if looks == _LOOKS_IN_A_ROW:
                return
            self._sleep(0.2 if looks else 0.5)
        raise ApiError(
            f"nginx was told to take certificate {_label(self._params)!r} up and still gives visitors another one at "
            f"{self._params['served_at']}. See whether another server answers there, and restart the proxy.",
            kind=NOT_KEPT,
        )


def best_of(rows: Iterable[Row]) -> Row:
    """Of several for the same names, one that is in use goes before one that is not, and a later end before an earlier
    one.
    """
    return max(rows, key=lambda row: (bool(used_by(row)), str(row["expires_on"])))


def find_certificate(rows: Iterable[Row], label: str) -> Row | None:
    """The certificate behind a label, if it can be served."""
    found = [row for row in rows if same_certificate(row, label) and _age.was_issued(row)]
    return best_of(found) if found else None


CERTIFICATE = ResourceSpec(
    service=NGINX_PROXY_MANAGER,
    fields=FIELDS,
    client=CertificateClient,
    returns="certificate",
    noun="certificate",
    key="",
    validate=_validate,
    options=_OPTIONS,
    constraints={
        "required_if": [
            ("provider", LETSENCRYPT, ["domain_names"]),
            ("provider", "custom", ["name"]),
        ],
        "mutually_exclusive": [("domain_names", "name")],
        "required_together": [("certificate", "certificate_key")],
    },
)
