# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makers publish about their files, in the three forms in which it is found. Pure.

sums     text with lines ``<SHA-256>  <name>``, as ``sha256sum`` writes it, whatever stands around them.
github   the description of a release by GitHub's API, where each file has a ``digest``.
signify  such lines with BLAKE2b of 256 bits, under two lines of a signature by Ed25519, as OpenBSD's signify writes it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from typing import Any

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    Ed25519PublicKey = None  # type: ignore[assignment,misc]

KINDS = ("sums", "github", "signify")

_LINE = re.compile(r"^([0-9a-fA-F]{64}) [ *](\S.*?)\s*$", re.MULTILINE)
_ALGORITHM_AND_KEY = 10
"""Bytes before a key or signature of signify: two for the algorithm, eight for the number of the key."""


class PublishedError(Exception):
    """What was published cannot be used; the text is the end of a sentence."""


def new_hash(kind: str) -> Any:
    """The sum that the makers use."""
    return hashlib.blake2b(digest_size=32) if kind == "signify" else hashlib.sha256()


def expected(kind: str, content: bytes, name: str, key: str = "") -> str:
    """The sum of the file ``name`` in hexadecimal digits, by :func:`new_hash`; raises PublishedError."""
    if kind == "github":
        return _of_release(content, name)
    text = _signed(content, key) if kind == "signify" else content
    found: dict[str, str] = {file: digest.lower() for digest, file in _LINE.findall(text.decode("utf-8", "replace"))}
    if name not in found:
        raise PublishedError(f"does not name {name}, which may be too old or too new for it")
    return found[name]


def _of_release(content: bytes, name: str) -> str:
    try:
        assets = {str(one["name"]): str(one.get("digest") or "") for one in json.loads(content)["assets"]}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise PublishedError("is no description of a release") from None
    algorithm, __, digest = assets.get(name, "").partition(":")
    if algorithm != "sha256" or not re.fullmatch("[0-9a-f]{64}", digest):
        raise PublishedError(f"has no SHA-256 of {name}")
    return digest


def _signed(content: bytes, key: str) -> bytes:
    """The signed text, whose signature is good."""
    if Ed25519PublicKey is None:
        raise PublishedError("is signed, and the Python library cryptography, which checks that, is missing here")
    comment, __, rest = content.partition(b"\n")
    line, __, text = rest.partition(b"\n")
    try:
        public = base64.b64decode(key, validate=True)
        signature = base64.b64decode(line.strip(), validate=True)
    except binascii.Error:
        raise PublishedError("is not signed as its maker signs") from None
    head = public[:_ALGORITHM_AND_KEY]
    if not comment.startswith(b"untrusted comment: ") or head[:2] != b"Ed" or signature[:_ALGORITHM_AND_KEY] != head:
        raise PublishedError("is not signed with its maker's key")
    try:
        Ed25519PublicKey.from_public_bytes(public[_ALGORITHM_AND_KEY:]).verify(signature[_ALGORITHM_AND_KEY:], text)
    except (InvalidSignature, ValueError):
        raise PublishedError("has a signature that is not its maker's") from None
    return text
