# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets in texts: every spelling of one is found and masked."""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

MASK = "********"
# Shorter ones are no secrets, and to mask them would make texts unreadable.
_SHORTEST = 4
_CODE = re.compile("%[0-9A-F]{2}")


def spellings(secret: str, username: str = "") -> set[str]:
    """How a secret may stand in a text: as it is, and as JSON, YAML, Python, a shell, a URL, XML or HTTP write it."""
    quoted = (quote(secret, safe=""), quote(secret), quote_plus(secret))
    plain = {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        # Orthanc's configuration, where a dollar would begin the name of a variable.
        json.dumps(secret)[1:-1].replace("$", "\\u0024"),
        json.dumps(secret, ensure_ascii=False)[1:-1].replace("$", "\\u0024"),
        repr(secret)[1:-1],
        secret.replace("'", "''"),
        secret.replace("\\", "\\\\").replace('"', '\\"'),
        shlex.quote(secret).strip("'"),
        # Some programs write a slash so, and compose a dollar.
        json.dumps(secret)[1:-1].replace("/", "\\/"),
        secret.replace("$", "$$"),
        *quoted,
        *(_CODE.sub(lambda code: code[0].lower(), one) for one in quoted),
        escape(secret),
        escape(secret, {'"': "&quot;"}),
        escape(secret, {'"': "&quot;", "'": "&#39;"}),
        escape(secret, {'"': "&quot;", "'": "&#x27;"}),
    }
    # A text that is quoted once more, such as JSON in a message that is shown as JSON.
    twice = {json.dumps(one)[1:-1] for one in plain} | {repr(one)[1:-1] for one in plain}
    pair = f"{username}:{secret}"
    # Without the signs that fill it up, which not everybody writes.
    coded = {base64.b64encode(text.encode()).decode().rstrip("=") for text in (secret, *([pair] if username else []))}
    return plain | twice | coded


def masker(logins: Iterable[tuple[str, str]]) -> Callable[[str], str]:
    """A function that masks the passwords of ``(username, password)`` in a text, in every spelling."""
    found: set[str] = set()
    for username, password in logins:
        if len(password) >= _SHORTEST:
            found |= spellings(password, username)
    # The longest first: a spelling may be part of another one.
    pattern = "|".join(re.escape(one) for one in sorted(found, key=len, reverse=True))
    return (lambda text: re.sub(pattern, MASK, text)) if pattern else (lambda text: text)


def masked(value: Any, hide: Callable[[str], str], keys: bool = False) -> Any:
    """A copy of a structure of mappings and lists in which ``hide`` (a :func:`masker`) was applied to each text.

    Whatever is written to a file from results goes through this with ``keys``: from ansible-core 2.22 on a registered
    result holds its secrets, and only what is shown is masked.
    """
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, Mapping):
        return {
            hide(key) if keys and isinstance(key, str) else key: masked(part, hide, keys) for key, part in value.items()
        }
    if isinstance(value, (list, tuple, set)):
        return [masked(part, hide, keys) for part in value]
    return value
