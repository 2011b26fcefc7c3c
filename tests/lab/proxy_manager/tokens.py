# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bearer tokens and password hashes of the double."""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import json
import re
import secrets
import time
from pathlib import Path
from typing import Any

import jwt

from .errors import Internal, invalid

_ALGORITHM = "HS256"
_UNITS = {
    "ms": 0.001,
    "s": 1,
    "m": 60,
    "h": 3600,
    "d": 86400,
    "w": 604800,
    "M": 2629800,
    "Q": 7889400,
    "y": 31557600,
}


def hash_password(secret: str) -> str:
    """Return a salted hash of a password."""
    salt = secrets.token_bytes(16)
    return base64.b64encode(salt + _derive(secret, salt)).decode()


def password_fits(secret: str, stored: str) -> bool:
    """Tell whether a password is the one that was hashed."""
    raw = base64.b64decode(stored)
    return hmac.compare_digest(_derive(secret, raw[:16]), raw[16:])


def _derive(secret: str, salt: bytes) -> bytes:
    # Cheap on purpose: nothing that the lab protects is worth more, and tests log in hundreds of times. bcrypt, which
    # the real server uses, reads no more than 72 bytes.
    return hashlib.scrypt(secret.encode()[:72], salt=salt, n=2**8, r=8, p=1)


def seconds_of(period: str) -> float:
    """Return the seconds of a period such as ``1d`` or ``30m``."""
    match = re.fullmatch(r"(\d+)(ms|[yQMwdhms])", period)
    if not match:
        raise invalid(f"Invalid expiry time: {period}")
    return int(match[1]) * _UNITS[match[2]]


class Tokens:
    """Makes and checks tokens with a key that is kept in the data directory.

    The real server signs with RS256; nobody but the server reads the signature, so HMAC-SHA256 does here.
    """

    def __init__(self, key_file: Path) -> None:
        if not key_file.exists():
            key_file.write_text(json.dumps({"key": secrets.token_hex(32)}), encoding="utf-8")
        self._key = bytes.fromhex(json.loads(key_file.read_text(encoding="utf-8"))["key"])

    def create(self, user_id: int, scope: str, period: str) -> tuple[str, str]:
        """Return a token and the time of its end in ISO form."""
        end = time.time() + seconds_of(period)
        claims = {"attrs": {"id": user_id}, "scope": [scope], "exp": int(end), "jti": secrets.token_hex(8)}
        expires = datetime.datetime.fromtimestamp(end, tz=datetime.UTC).isoformat(timespec="milliseconds")
        return jwt.encode(claims, self._key, _ALGORITHM), expires.replace("+00:00", "Z")

    def read(self, token: str) -> dict[str, Any]:
        """Return the claims of a token.

        Raises:
            Internal: It is not a token of this server.
            ApiError: It has expired.
        """
        try:
            return jwt.decode(token, self._key, [_ALGORITHM])
        except jwt.ExpiredSignatureError as error:
            raise invalid("Token has expired") from error
        except jwt.InvalidTokenError as error:
            raise Internal("jwt malformed") from error
