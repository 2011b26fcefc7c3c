# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a secret may stand in an output: a list of its own, which knows nothing of how the product masks."""

from __future__ import annotations

import base64
import html
import json
import shlex
import urllib.parse
from collections.abc import Iterable, Mapping
from typing import Any

import yaml


def spellings(secret: str, users: Iterable[str] = ()) -> set[str]:
    """``users``: whose login it may be part of."""
    plain = {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret).replace("/", "\\/")[1:-1],
        repr(secret)[1:-1],
        shlex.quote(secret),
        shlex.quote(secret).strip("'"),
        secret.replace("'", "''"),
        _yaml(secret, '"')[1:-1],
        _yaml(secret, "'")[1:-1],
        urllib.parse.quote(secret),
        urllib.parse.quote(secret, safe=""),
        urllib.parse.quote_plus(secret),
        html.escape(secret),
        html.escape(secret, quote=False),
        json.dumps(secret)[1:-1].replace("$", "\\u0024"),
        json.dumps(secret, ensure_ascii=False)[1:-1].replace("$", "\\u0024"),
        secret.replace("$", "$$"),
    }
    again = {quoted(one)[1:-1] for one in plain for quoted in (json.dumps, repr)}
    coded = {
        base64.b64encode(text.encode()).decode().rstrip("=")
        for text in (secret, *(f"{user}:{secret}" for user in users))
    }
    return {one for one in plain | again | coded if len(one) > 6}


def _yaml(text: str, style: Any) -> str:
    return (
        str(yaml.safe_dump(text, default_style=style, width=1 << 20, allow_unicode=True)).strip().removesuffix("\n...")
    )


def shown(text: str, secrets: Mapping[str, str], users: Iterable[str] = ()) -> list[str]:
    """The purposes whose secret stands in the text, in whatever spelling."""
    # Wrapped and indented lines hide nothing from a reader.
    joined = " ".join(text.split())
    users = list(users)
    return [
        purpose
        for purpose, secret in secrets.items()
        if any(form in text or " ".join(form.split()) in joined for form in spellings(secret, users))
    ]
