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

import datetime
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .._errors import ApiError, InputError
from .._fields import Field
from .._http import Api
from .._reconcile import CREATE, DELETE, Plan
from .._resource import Params, ResourceSpec
from . import _hosts, _pem
from ._session import FIRST_USER_IS_OPEN, KEY_TYPES, NGINX_PROXY_MANAGER, Row, Session, email_of

LETSENCRYPT = "letsencrypt"
_USERS = ("proxy_hosts", "redirection_hosts", "dead_hosts", "streams")
_BUSY = "Another instance of Certbot is already running"
# The server itself gives up after 15 minutes.
_REQUEST_TIMEOUT = 900.0
_WAIT_FOR_OTHERS = 300.0


def _names_of(text: str) -> list[str]:
    return sorted(part.strip().lower() for part in text.split(",") if part.strip())


def label_of(certificate: Row) -> str:
    """How a task names a certificate: a requested one by its names, a brought one by its name."""
    if certificate["provider"] == LETSENCRYPT:
        return ",".join(_names_of(",".join(certificate["domain_names"])))
    return str(certificate["nice_name"])


def same_label(wanted: str | None, current: str | None) -> bool:
    """Whether two labels mean the same certificate."""
    return wanted == current or _names_of(wanted or "") == _names_of(current or "")


def find_certificate(rows: Sequence[Row], label: str, provider: str | None = None) -> Row | None:
    """The certificate behind a label. Of several for the same names, one that is in use goes before one that is not,
    and a later end before an earlier one.
    """
    found = [
        row
        for row in rows
        if provider in (None, row["provider"])
        and (same_label(label, label_of(row)) if row["provider"] == LETSENCRYPT else label == label_of(row))
    ]
    return max(found, key=lambda row: (bool(_used_by(row)), str(row["expires_on"])), default=None)


def _used_by(row: Row) -> list[str]:
    return sorted(name for kind in _USERS for host in row.get(kind) or [] for name in _called(host))


def _called(host: Row) -> list[str]:
    return list(host.get("domain_names") or [f"stream on port {host.get('incoming_port')}"])


def _check_domains(value: Sequence[str]) -> None:
    for name in value:
        if name.startswith("*."):
            raise ValueError(
                f"holds {name!r}; wildcards need a DNS challenge, which this module does not do. "
                "Name each host, or bring a certificate with provider=custom"
            )
        if not name.strip() or any(character in name for character in " ,/:@*"):
            raise ValueError(f"holds {name!r}, which is no host name")


FIELDS = (
    Field(
        "domain_names",
        type="list",
        elements="str",
        unordered=True,
        check=_check_domains,
        normalise=lambda value: _names_of(",".join(value or [])),
    ),
    Field("certificate", check=_pem.check_certificate, normalise=_pem.canonical),
    Field("certificate_key", secret=True, check=_pem.check_key, normalise=_pem.canonical),
    Field("key_type", choices=("ecdsa", "rsa"), immutable=True),
    # Always wanted: a certificate that need not be renewed yet.
    Field("due_for_renewal", type="bool", constant=False),
    Field("id", type="int", read_only=True),
    Field("name", "nice_name", read_only=True),
    Field("expires_on", read_only=True),
    Field("used_by", type="list", elements="str", read_only=True),
)
_OPTIONS: dict[str, dict[str, Any]] = {
    "provider": {"type": "str", "choices": [LETSENCRYPT, "custom"], "default": LETSENCRYPT},
    "name": {"type": "str"},
    "renew_before_days": {"type": "int", "default": 0},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


def _validate(params: Params, current: Mapping[str, Any] | None, planned: Plan) -> None:
    if planned.action == DELETE and current and current["used_by"]:
        raise InputError(
            f"Certificate {_label(params)!r} is used by {', '.join(current['used_by'])}; without its files nginx would "
            "refuse every further change on the server. Give those hosts another certificate first, or remove them."
        )
    if params["state"] == "present" and params["provider"] == "custom":
        if planned.action == CREATE and params["certificate"] is None:
            raise InputError(
                f"Certificate {params['name']!r} does not exist yet; creating it needs certificate and certificate_key."
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

    def get(self, key: Any) -> dict[str, Any] | None:
        """The certificate with its users, and whether it is due."""
        if self._params["key_type"] and self._session.version < KEY_TYPES:
            raise InputError("key_type needs Nginx Proxy Manager 2.13.6. Leave it out, or update it.")
        provider = LETSENCRYPT if self._params["provider"] == LETSENCRYPT else "other"
        found = find_certificate(
            self._session.rows("certificates", ",".join(_USERS)), _label(self._params), provider=provider
        )
        if found is None:
            return None
        meta = found.get("meta") or {}
        pems = {name: meta.get(name) for name in ("certificate", "certificate_key") if meta.get(name)}
        key_type = {"key_type": meta["key_type"]} if "key_type" in meta else {}
        return {**found, **pems, **key_type, "used_by": _used_by(found), "due_for_renewal": self._is_due(found)}

    def create(self, key: Any, planned: Plan) -> None:
        """Request it, or make a row and upload."""
        if self._params["provider"] == LETSENCRYPT:
            with _hosts.undisturbed(self._session, self._params["domain_names"]):
                self._request("POST", "certificates", self._order(planned))
            return
        number = self._session.send("POST", "certificates", {"provider": "other", "nice_name": self._params["name"]})
        try:
            self._upload(int(number["id"]))
        except ApiError:
            self._session.api.send("DELETE", f"/api/nginx/certificates/{number['id']}", accept=(404, 500))
            raise

    def update(self, key: Any, planned: Plan, current: dict[str, Any]) -> None:
        """Renew or upload, and have nginx take it."""
        if self._params["provider"] == LETSENCRYPT:
            self._request("POST", f"certificates/{current['id']}/renew", None)
        else:
            self._upload(int(current["id"]))
        for kind in _hosts.KINDS:
            for host in current.get(kind.replace("-", "_")) or []:
                _hosts.restore(self._session, kind, host)

    def delete(self, key: Any, current: dict[str, Any]) -> None:
        """Remove it; that nobody uses it has been checked."""
        self._session.send("DELETE", f"certificates/{current['id']}")

    def _order(self, planned: Plan) -> Row:
        meta: Row = {"dns_challenge": False}
        if planned.desired.get("key_type"):
            meta["key_type"] = planned.desired["key_type"]
        if self._session.version < FIRST_USER_IS_OPEN:
            meta.update(letsencrypt_agree=True, letsencrypt_email=email_of(self._params))
        return {"provider": LETSENCRYPT, "domain_names": planned.desired["domain_names"], "meta": meta}

    def _request(self, method: str, path: str, body: Row | None) -> None:
        """One request that runs certbot. It runs once at a time; another's turn, such as a renewal, is waited for."""
        deadline = self._clock() + _WAIT_FOR_OTHERS
        while True:
            try:
                self._session.send(method, path, body, timeout=_REQUEST_TIMEOUT)
                return
            except ApiError as error:
                if _BUSY not in error.msg or self._clock() > deadline:
                    raise
            self._sleep(5)

    def _upload(self, number: int) -> None:
        texts = {name: _pem.canonical(self._params[name]) for name in ("certificate", "certificate_key")}
        self._session.upload(f"certificates/{number}/upload", texts)

    def _is_due(self, row: Row) -> bool:
        days = self._params["renew_before_days"]
        if not days or row["provider"] != LETSENCRYPT:
            return False
        left = _end_of(str(row["expires_on"])) - datetime.datetime.now(datetime.UTC)
        return left < datetime.timedelta(days=days)


def _end_of(text: str) -> datetime.datetime:
    """The end of a certificate: SQLite gives local time without a zone, the other databases ISO with Z. The server's
    zone is not known; a day more or less does not matter for renewal.
    """
    end = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return end if end.tzinfo else end.replace(tzinfo=datetime.UTC)


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
