# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which secret values the collection accepts. Used for the site file (controller) and for ``site_secrets`` (target)."""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Callable, Iterable
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

SECRET_LENGTHS = range(12, 129)

# Values that stand in public manuals, images and default configurations. Whoever attacks a PACS tries these first.
_PASSWORDS = frozenset(
    {
        "alicepassword",
        "base64_encoded_credentials",
        "changeme",
        "changeme123",
        "orthanctest",
        "passw0rd",
        "passw0rd!",
        "password",
        "password123",
        "your_orthanc_cloud_password",
        "your_orthanc_cloud_username",
        "your_password",
    }
)
_NAMES = frozenset({"admin", "alice", "default", "demo", "dicom", "mediverse", "orthanc", "secret"})

_SECRET_KEY = re.compile(r"(pass(word|wd|phrase)?|pwd|secret|token|api_?key|credential|private_?key)s?$", re.IGNORECASE)
_PRINTABLE = re.compile(r"[ -~]*")


def is_burned(value: str) -> bool:
    """Whether the value is a well-known default and therefore no secret."""
    return value.strip().lower() in _PASSWORDS | _NAMES


def is_known_password(value: str) -> bool:
    """Whether the value is a well-known password, wherever it stands; names such as ``orthanc`` are not."""
    return value.strip().lower() in _PASSWORDS


def names_a_secret(key: str) -> bool:
    """Whether a key such as ``admin_password`` or ``apiKey`` announces a secret."""
    return bool(_SECRET_KEY.search(key))


def complaint(value: object) -> str | None:
    """Why a value that somebody supplied cannot be used as a secret; None when it can. Never contains the value."""
    if not isinstance(value, str):
        return f"it is a {type(value).__name__}; a secret must be a string, so quote it"
    if is_burned(value):
        return "it is a well-known default that every attacker tries first"
    if len(value) not in SECRET_LENGTHS:
        return f"it has {len(value)} characters; {SECRET_LENGTHS[0]} to {SECRET_LENGTHS[-1]} are needed"
    if "${" in value:
        return "it contains '${', which Orthanc replaces by an environment variable when it reads its configuration"
    if not _PRINTABLE.fullmatch(value):
        return "it contains a character that is not printable ASCII, which not every client sends in the same way"
    return None


_MASK = "********"
# Shorter ones are no secrets, and to mask them would make texts unreadable.
_SHORTEST = 4


def spellings(secret: str, username: str = "") -> set[str]:
    """How a secret may stand in a text: as it is, and as JSON, YAML, Python, a shell, a URL, XML or HTTP write it."""
    plain = {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        secret.replace("'", "''"),
        secret.replace("\\", "\\\\").replace('"', '\\"'),
        shlex.quote(secret).strip("'"),
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        escape(secret),
        escape(secret, {'"': "&quot;"}),
        escape(secret, {'"': "&quot;", "'": "&#39;"}),
        escape(secret, {'"': "&quot;", "'": "&#x27;"}),
    }
    # A text that is quoted once more, such as JSON in a message that is shown as JSON.
    twice = {json.dumps(one)[1:-1] for one in plain} | {repr(one)[1:-1] for one in plain}
    pair = f"{username}:{secret}"
    coded = {base64.b64encode(text.encode()).decode() for text in (secret, *([pair] if username else []))}
    return plain | twice | coded


def masker(logins: Iterable[tuple[str, str]]) -> Callable[[str], str]:
    """A function that masks the passwords of ``(username, password)`` in a text, in every spelling."""
    found: set[str] = set()
    for username, password in logins:
        if len(password) >= _SHORTEST:
            found |= spellings(password, username)
    # The longest first: a spelling may be part of another one.
    pattern = "|".join(re.escape(one) for one in sorted(found, key=len, reverse=True))
    return (lambda text: re.sub(pattern, _MASK, text)) if pattern else (lambda text: text)
