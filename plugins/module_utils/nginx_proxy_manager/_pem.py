# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PEM texts of certificates that a task brings along.

The server checks neither that key and certificate belong together, which would break nginx, nor that the key has no
passphrase, which would bring the server itself down. Both are checked here.
"""

from __future__ import annotations

import datetime
import os
import re
import ssl
import tempfile
from pathlib import Path

from .._engine.errors import InputError

_ONE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n?", re.DOTALL)
_UTC_TIME, _EXPLICIT_VERSION = 0x17, 0xA0


def canonical(value: str | None) -> str:
    """A PEM text without differences in line ends, as it is sent and compared."""
    lines = [line.strip() for line in (value or "").strip().splitlines()]
    return "\n".join(line for line in lines if line) + "\n" if lines else ""


def check_certificate(value: str) -> None:
    """A certificate, its chain behind it."""
    if "-----BEGIN CERTIFICATE-----" not in value:
        raise ValueError("must be the PEM text of a certificate, followed by its chain")


def check_key(value: str) -> None:
    """A private key without a passphrase."""
    if "PRIVATE KEY-----" not in value:
        raise ValueError("must be the PEM text of a private key")
    if "ENCRYPTED" in value:
        raise ValueError("must not have a passphrase: the server would crash. Remove it with 'openssl pkey'")


def check_pair(certificate: str | None, key: str | None) -> None:
    """Make sure that a key belongs to its certificate.

    Raises InputError. The texts pass through files in a directory of this user only, because that is how the TLS
    library takes them.
    """
    if certificate is None or key is None:
        return
    with tempfile.TemporaryDirectory() as name:
        paths = [Path(name) / "certificate.pem", Path(name) / "key.pem"]
        for path, text in zip(paths, (certificate, key)):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
                handle.write(canonical(text))
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(paths[0], paths[1], password=lambda: "")
        except (ssl.SSLError, ValueError) as error:
            raise InputError(_why(str(error))) from None


def _why(reason: str) -> str:
    told = f"certificate and certificate_key cannot be used together ({reason}). "
    if "TOO_SMALL" in reason or "TOO_WEAK" in reason or "ca md too weak" in reason.lower():
        return told + "They belong together, but are too weak for nginx: have a certificate made for a longer key."
    return told + "Give the key that this certificate was made for."


def parts(text: str) -> tuple[str, str]:
    """The certificate itself, and the chain behind it."""
    found = _ONE.findall(text)
    return (found[0], "".join(found[1:])) if found else (text, "")


def end_of(der: bytes) -> datetime.datetime:
    """When a certificate ends. Python has no public way to read one that nothing vouches for."""
    body = _inside(_inside(der))
    if body[0] == _EXPLICIT_VERSION:
        body = _behind(body)
    # Serial number, algorithm and issuer stand in front of the validity, and its start in front of its end.
    for _skipped in range(3):
        body = _behind(body)
    end = _behind(_inside(body))
    text = _inside(end).decode("ascii")
    text = ("19" if text[:2] >= "50" else "20") + text if end[0] == _UTC_TIME else text
    return datetime.datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=datetime.timezone.utc)


def _length(der: bytes) -> tuple[int, int]:
    """Where the content of a DER value begins and ends."""
    if der[1] < 0x80:
        return 2, 2 + der[1]
    start = 2 + (der[1] & 0x7F)
    return start, start + int.from_bytes(der[2:start], "big")


def _inside(der: bytes) -> bytes:
    start, end = _length(der)
    return der[start:end]


def _behind(der: bytes) -> bytes:
    __, end = _length(der)
    return der[end:]
