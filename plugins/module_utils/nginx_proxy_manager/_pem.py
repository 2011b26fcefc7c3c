# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PEM texts of certificates that a task brings along.

The server checks neither that key and certificate belong together, which would break nginx, nor that the key has no
passphrase, which would bring the server itself down. Both are checked here.
"""

from __future__ import annotations

import os
import ssl
import tempfile
from pathlib import Path

from .._errors import InputError


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
        for path, text in zip(paths, (certificate, key)):  # noqa: B905 (Python 3.9)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
                handle.write(canonical(text))
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(paths[0], paths[1], password=lambda: "")
        except (ssl.SSLError, ValueError) as error:
            raise InputError(
                f"certificate and certificate_key cannot be used together ({error}). "
                "Give the key that this certificate was made for."
            ) from None
