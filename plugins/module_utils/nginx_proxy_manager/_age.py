# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a requested certificate lives, and when it is due.

Lifetimes are getting shorter, so what is due is a share of the lifetime. The server tells neither when a certificate
begins nor how long it lives; but it writes the row of a requested one at its issue and at each renewal and never else,
so that the row's last change is when it begins.
"""

from __future__ import annotations

import datetime

from .._engine.errors import InputError
from .._engine.resource import Params
from ._session import Row

_UTC = datetime.timezone.utc
_NEVER_ISSUED = datetime.timedelta(hours=1)


def moment(text: object) -> datetime.datetime:
    """A time of the server: SQLite gives local time without a zone, the other databases ISO with Z. The server's zone
    is not known; a day more or less does not matter for renewal, and differences of two are exact.
    """
    read = datetime.datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    return read if read.tzinfo else read.replace(tzinfo=_UTC)


def lifetime(row: Row) -> datetime.timedelta:
    """From the last change of the row to its end."""
    return moment(row["expires_on"]) - moment(row["modified_on"])


def days_of(span: datetime.timedelta) -> int:
    """Whole days, as one says it: the server needs a moment to write down what begins."""
    return round(span / datetime.timedelta(days=1))


def was_issued(row: Row) -> bool:
    """Whether there are files behind a row. One that is requested gets the moment of the request as its end, and keeps
    it when the request dies; a brought one is empty until it is uploaded.
    """
    if row["provider"] != "letsencrypt":
        return bool((row.get("meta") or {}).get("certificate"))
    return moment(row["expires_on"]) - moment(row["created_on"]) > _NEVER_ISSUED


def is_due(row: Row, params: Params, now: datetime.datetime | None = None) -> bool:
    """Whether the task wants it renewed. Raises InputError when it would want that at every run."""
    left = moment(row["expires_on"]) - (now or datetime.datetime.now(_UTC))
    days, whole = int(params["renew_before_days"]), lifetime(row)
    if datetime.timedelta() < whole <= datetime.timedelta(days=days):
        raise InputError(
            f"renew_before_days is {days}, but the certificate for {', '.join(row['domain_names'])} lives "
            f"{days_of(whole)} days, so that every run would renew it. Use renew_before_share."
        )
    return left < max(datetime.timedelta(days=days), whole * float(params["renew_before_share"]))
