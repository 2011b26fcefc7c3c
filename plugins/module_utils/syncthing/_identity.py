# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who a Syncthing device is: its ID, made from its certificate, and the forms in which people write that ID.

A device ID is the SHA-256 of the device's certificate in base 32: 52 characters in four groups of 13, each followed by
one check character, shown as eight groups of seven (`AAAAAAA-BBBBBBB-...`). Deriving it from the certificate needs no
running Syncthing, so a task knows the ID as soon as the certificate exists.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

from .._engine.pieces import pieces

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_GROUP = 13
_SHOWN = 7
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)
_DER_SEQUENCE = 0x30


def _check_character(group: str) -> str:
    """Return the check character of one group: Luhn's algorithm in base 32, weights 1, 2, 1, 2 ... from the left."""
    total = 0
    for position, character in enumerate(group):
        product = _ALPHABET.index(character) * (1 + position % 2)
        total += product // 32 + product % 32
    return _ALPHABET[-total % 32]


def _shown(digest: str) -> str:
    """Return 52 base-32 characters as people see them: with the check characters, in groups of seven."""
    full = "".join(group + _check_character(group) for group in pieces(digest, _GROUP))
    return "-".join(pieces(full, _SHOWN))


def device_id(certificate: str) -> str:
    """Return the device ID that belongs to the first certificate of a PEM text; ValueError when it holds none."""
    found = _PEM.search(certificate)
    if found is None:
        raise ValueError("The text holds no PEM certificate; give the content of Syncthing's cert.pem.")
    try:
        der = base64.b64decode("".join(found.group(1).split()), validate=True)
    except binascii.Error:
        der = b""
    if not der or der[0] != _DER_SEQUENCE:
        raise ValueError("The PEM certificate cannot be decoded; read Syncthing's cert.pem again, it looks damaged.")
    digest = base64.b32encode(hashlib.sha256(der).digest()).decode("ascii").rstrip("=")
    return _shown(digest)


def canonical_device_id(text: object) -> str:
    """Return an ID in Syncthing's own form, whatever its case, spaces and dashes; ValueError, a clause, if it is none.

    The check characters are verified here, because a task with a wrong ID should say so before anything is written.
    """
    plain = re.sub(r"[\s-]", "", str(text)).upper()
    # The characters that Syncthing itself forgives, since the alphabet has no 0, 1 and 8.
    plain = plain.replace("0", "O").replace("1", "I").replace("8", "B")
    if len(plain) == 4 * (_GROUP + 1) and all(character in _ALPHABET for character in plain):
        digest = "".join(group[:_GROUP] for group in pieces(plain, _GROUP + 1))
        shown = _shown(digest)
        if shown.replace("-", "") == plain:
            return shown
        raise ValueError("is no device ID, because a check character is wrong; copy the whole ID again")
    if len(plain) == 4 * _GROUP and all(character in _ALPHABET for character in plain):
        return _shown(plain)
    raise ValueError("is no device ID, which is eight groups of seven letters and digits with dashes between them")
