# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeping hosts as they were while the server forgets parts of them.

The server writes a host's nginx file anew in several situations without its access list or certificate: when the host
is enabled, and when a certificate for one of its names is requested. The next PUT of the host puts everything back; in
between the host would be open to everybody. So a protected host is closed first, by a line at the head of its own
nginx configuration that refuses everybody, and opened by the PUT that puts everything back. The line says whose it is,
and a note (see :mod:`._notes`) stands about every host that is touched: a run that dies in between leaves both behind,
and the next one recognises and repairs what they tell of.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

from .._engine.errors import ApiError
from . import _notes
from ._session import Row, Session

CLOSED = "deny all; # mediverse.pacs: closed until its access list is back\n"
PROXY_HOSTS = "proxy-hosts"
KINDS = (PROXY_HOSTS, "redirection-hosts", "dead-hosts")
_NO_ANSWER = (502, 503, 504)


def advanced_config_of(host: Row) -> str:
    """The host's own nginx lines, without ours."""
    return str(host.get("advanced_config") or "").removeprefix(CLOSED)


def is_closed(host: Row) -> bool:
    """Whether a run has closed the host and not opened it again."""
    return str(host.get("advanced_config") or "").startswith(CLOSED)


def with_names(session: Session, names: Iterable[str]) -> list[tuple[str, Row]]:
    """All hosts of any kind that answer to one of the names: (kind, host)."""
    wanted = {name.lower() for name in names}
    return [
        (kind, host)
        for kind in KINDS
        for host in session.rows(kind)
        if any(name.lower() in wanted for name in host["domain_names"])
    ]


def close(session: Session, host: Row) -> None:
    """Refuse everybody until :func:`restore`."""
    if not is_closed(host):
        session.send("PUT", f"proxy-hosts/{host['id']}", {"advanced_config": CLOSED + advanced_config_of(host)})


def restore(session: Session, hosts: Iterable[tuple[str, Row]]) -> None:
    """Have the server write the files of hosts anew, complete, and reload nginx. One that somebody has removed in the
    meantime is no obstacle, and one that fails does not keep the others from it. Raises the first ApiError.
    """
    failed: ApiError | None = None
    for kind, host in hosts:
        body = {"domain_names": host["domain_names"]}
        if kind == PROXY_HOSTS:
            body["advanced_config"] = advanced_config_of(host)
        try:
            session.send("PUT", f"{kind}/{host['id']}", body)
        except ApiError as error:
            if error.status != 404:
                failed = failed or error
    if failed is not None:
        raise failed


@contextmanager
def undisturbed(session: Session, names: Iterable[str]) -> Iterator[None]:
    """Around a certificate request for the names: hosts with an access list stay closed, all are complete afterwards,
    also when the request fails. The failure that is told is that of the request.
    """
    affected = with_names(session, names)
    certificates = session.rows("certificates")
    with ExitStack() as notes:
        for kind, host in affected:
            if kind == PROXY_HOSTS:
                earlier = _notes.about(certificates, _notes.HOST, domains=host["domain_names"])
                notes.enter_context(_notes.Note(session, _notes.HOST, domains=host["domain_names"], earlier=earlier))
        failed: ApiError | None = None
        try:
            for kind, host in affected:
                if kind == PROXY_HOSTS and host["access_list_id"] and host["enabled"]:
                    close(session, host)
            yield
        except ApiError as error:
            failed = error
        try:
            restore(session, affected)
        except ApiError as error:
            if failed is None:
                raise
            failed.msg += f" The hosts of its names could not be put back, either: run again. ({error.msg})"
            raise failed from None
        if failed is not None and (failed.status is None or failed.status in _NO_ANSWER):
            # Nobody knows whether the server is still at it, and then it writes the hosts once more when it is through:
            # the notes about them stay.
            raise failed
    if failed is not None:
        # Outside: the hosts are complete, so the notes about them are gone.
        raise failed


def refusal(session: Session, number: int) -> str | None:
    """Why nginx does not serve a host that it should, or None. The answers to POST and PUT do not tell."""
    host = session.row(PROXY_HOSTS, number)
    if host is None:
        return "the host has disappeared"
    meta = host.get("meta") or {}
    if not host["enabled"] or meta.get("nginx_online") is True:
        return None
    return reason_of(host)


def reason_of(host: Row) -> str:
    """What nginx said about a host that it refused, in one line."""
    said = str((host.get("meta") or {}).get("nginx_err") or "the server does not say why")
    return " ".join(said.split())


def broken(session: Session, error: ApiError, what: str) -> ApiError:
    """What to tell about an answer that the server gives when nginx refuses its whole configuration."""
    if error.status is None or error.status < 500:
        return error
    try:
        refused = [
            host
            for host in session.rows(PROXY_HOSTS)
            if host["enabled"] and (host.get("meta") or {}).get("nginx_online") is not True
        ]
    except ApiError:
        refused = []
    told = "".join(f" nginx has refused proxy host {host['domain_names'][0]!r} before." for host in refused[:3])
    return ApiError(
        f"{error.msg} The server could not apply {what}, usually because another host, certificate or access list "
        f"breaks nginx's whole configuration: its log says which.{told} Repair that and run again.",
        kind=error.kind,
        status=error.status,
        path=error.path,
    )
