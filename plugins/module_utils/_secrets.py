# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which secret values the collection accepts. Used for the site file (controller) and for ``site_secrets`` (target)."""

from __future__ import annotations

import re

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
