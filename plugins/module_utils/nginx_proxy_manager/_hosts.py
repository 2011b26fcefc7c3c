# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeping hosts as they were while the server forgets parts of them.

The server writes a host's nginx file anew in several situations without its access list or certificate: when the host
is enabled, and when a certificate for one of its names is requested. The next PUT of the host puts everything back; in
between the host would be open to everybody. So a protected host is closed first, by a line at the head of its own
nginx configuration that refuses everybody, and opened by the PUT that puts everything back. The line says whose it is:
a run that dies in between leaves a closed host behind, and the next one recognises and repairs it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from ._session import Row, Session

CLOSED = "deny all; # mediverse.pacs: closed until its access list is back\n"
KINDS = ("proxy-hosts", "redirection-hosts", "dead-hosts")


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


def restore(session: Session, kind: str, host: Row) -> None:
    """Have the server write the host's file anew, complete, and reload nginx."""
    body = {"domain_names": host["domain_names"]}
    if kind == "proxy-hosts":
        body["advanced_config"] = advanced_config_of(host)
    session.send("PUT", f"{kind}/{host['id']}", body)


@contextmanager
def undisturbed(session: Session, names: Iterable[str]) -> Iterator[None]:
    """Around a certificate request for the names: hosts with an access list stay closed, all are complete afterwards,
    also when the request fails.
    """
    affected = with_names(session, names)
    for kind, host in affected:
        if kind == "proxy-hosts" and host["access_list_id"] and host["enabled"]:
            close(session, host)
    try:
        yield
    finally:
        for kind, host in affected:
            restore(session, kind, host)


def refusal(session: Session, number: int) -> str | None:
    """Why nginx does not serve a host that it should, or None. The answers to POST and PUT do not tell."""
    host = session.row("proxy-hosts", number)
    if host is None:
        return "the host has disappeared"
    meta = host.get("meta") or {}
    if not host["enabled"] or meta.get("nginx_online") is True:
        return None
    return str(meta.get("nginx_err") or "the server does not say why").replace("\n", " ")
