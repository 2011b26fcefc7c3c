# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate that nginx really gives to visitors, which need not be the one that the server holds.

The server renews files and does not always have nginx read them. Of a requested certificate its API tells no more than
when it ends, in its own local time without a zone. Two certificates are taken for the same when their ends are a whole
number of quarter hours apart and less than a day: that is a zone; another certificate ends in another second.
"""

from __future__ import annotations

import datetime
import socket
import ssl

from .._engine.errors import INPUT, ApiError
from ._pem import end_of

_TIMEOUT = 10.0
_ZONES = datetime.timedelta(hours=15)
_STEP = datetime.timedelta(minutes=15)


def address_of(text: str) -> tuple[str, int]:
    """Host and port of an option such as ``127.0.0.1:443``; raises ValueError with a clause."""
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError("must be an address and a port, such as 127.0.0.1:443")
    return host.strip("[]"), int(port)


def certificate_at(where: str, name: str) -> bytes | None:
    """The DER of the certificate that is given for a host name, or None when the name gets none."""
    host, port = address_of(where)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # It is looked at, not trusted: an expired or foreign one is what this is about.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        raw = socket.create_connection((host, port), _TIMEOUT)
    except OSError as error:
        raise ApiError(
            f"The certificate for {name} cannot be looked at: {where} does not answer ({error}). "
            "Set served_at to the address where visitors reach the proxy with TLS, as seen from here.",
            kind=INPUT,
        ) from None
    try:
        with raw, context.wrap_socket(raw, server_hostname=name) as connection:
            return connection.getpeercert(binary_form=True)
    except OSError:
        # The proxy refuses the handshake for a name that has no TLS.
        return None


def same_end(served: bytes, expires_on: datetime.datetime) -> bool:
    """Whether a served certificate is the one of which the server tells the end."""
    apart = abs(end_of(served) - expires_on)
    return apart < _ZONES and apart % _STEP == datetime.timedelta(0)
