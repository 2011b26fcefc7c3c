# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How certificates are called, and who uses them."""

from __future__ import annotations

from collections.abc import Sequence

from ._notes import is_note
from ._session import Row

LETSENCRYPT = "letsencrypt"
USERS = ("proxy_hosts", "redirection_hosts", "dead_hosts", "streams")


def names_of(text: str) -> list[str]:
    """Host names from a text with commas, as they are compared."""
    return sorted(part.strip().lower() for part in text.split(",") if part.strip())


def label_of(certificate: Row) -> str:
    """How a task names a certificate: a requested one by its names, a brought one by its name."""
    if certificate["provider"] == LETSENCRYPT:
        return ",".join(names_of(",".join(certificate["domain_names"])))
    return str(certificate["nice_name"])


def same_label(wanted: str | None, current: str | None) -> bool:
    """Whether two labels mean the same certificate."""
    return wanted == current or names_of(wanted or "") == names_of(current or "")


def same_certificate(row: Row, label: str) -> bool:
    """Whether a row is what a label means."""
    if row["provider"] == LETSENCRYPT:
        return same_label(label, label_of(row))
    return label == label_of(row) and not is_note(row)


def used_by(row: Row) -> list[str]:
    """The hosts and streams of a certificate, by their names."""
    return sorted(name for kind in USERS for host in row.get(kind) or [] for name in _called(host))


def _called(host: Row) -> list[str]:
    return list(host.get("domain_names") or [f"stream on port {host.get('incoming_port')}"])


def check_domains(value: Sequence[str]) -> None:
    """Names that can be requested by an HTTP challenge."""
    for name in value:
        if name.startswith("*."):
            raise ValueError(
                f"holds {name!r}; wildcards need a DNS challenge, which this module does not do. "
                "Name each host, or bring a certificate with provider=custom"
            )
        if not name.strip() or any(character in name for character in " ,/:@*"):
            raise ValueError(f"holds {name!r}, which is no host name")
