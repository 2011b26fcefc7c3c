# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users, passwords and secrets. No sentence from here holds one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from . import values

SECRET_LENGTHS = (12, 128)
"""Characters, from and to, of a secret that opens a service."""
PROXY_ADMIN_LENGTHS = (8, 64)
"""Of the proxy manager's administrator, as its own web page takes them. Its bcrypt reads 72 bytes."""
TOKEN_LENGTHS = (20, 128)

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
_API_USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_READER = re.compile(r"[^\s:#\x00-\x1f\x7f][^\s:\x00-\x1f\x7f]*")
# Every browser and curl send these alike; nobody knows as which bytes others are sent.
_READER_PASSWORD = re.compile(r"[!-,.-~][ -~]*")
LONGEST_READER_PASSWORD = 256
"""Bytes. The proxy manager makes the entries of its password file with openssl, which reads no more."""


def is_known_password(value: str) -> bool:
    """Whether the value is a well-known password, wherever it stands; names such as ``orthanc`` are not."""
    return value.strip().lower() in _PASSWORDS


def names_a_secret(key: str) -> bool:
    """Whether a key such as ``admin_password`` or ``apiKey`` announces a secret."""
    return bool(_SECRET_KEY.search(key))


def secret(value: Any) -> str | None:
    """A password between machines, which goes through JSON, Orthanc's configuration and HTTP's Basic login."""
    if isinstance(value, str) and "${" in value:
        return (
            "contains '${', which Orthanc replaces by an environment variable when it reads its configuration; "
            "expected a password without it"
        )
    return _hard_to_guess(value, SECRET_LENGTHS)


def proxy_admin_password(value: Any) -> str | None:
    """A password that the proxy manager's administrator may be given. The server takes any for the first account, but
    could not change one of another length later, and would not tell apart long ones by what follows the 72nd byte.
    """
    return _hard_to_guess(value, PROXY_ADMIN_LENGTHS)


def _hard_to_guess(value: Any, lengths: tuple[int, int]) -> str | None:
    if not isinstance(value, str):
        return f"is {values.kind(value)}; a secret must be a string, so quote it"
    if value.strip().lower() in _PASSWORDS | _NAMES:
        return "is a well-known default that every attacker tries first; expected another one"
    if not lengths[0] <= len(value) <= lengths[1]:
        return f"has {len(value)} characters; expected {lengths[0]} to {lengths[1]}"
    if not _PRINTABLE.fullmatch(value):
        return (
            "contains a character that is not printable ASCII, which not every client sends in the same way; expected "
            "none"
        )
    return None


def token(value: Any) -> str | None:
    """A secret that stands in a header and in a file of nginx, where nothing may need quoting."""
    if not isinstance(value, str) or not re.fullmatch(
        rf"[A-Za-z0-9._~-]{{{TOKEN_LENGTHS[0]},{TOKEN_LENGTHS[1]}}}", value
    ):
        low, high = TOKEN_LENGTHS
        return f"is not usable; expected {low} to {high} letters, digits, hyphens, dots, underscores and tildes"
    return None


def api_user(value: Any) -> str | None:
    """A user of Orthanc's REST API."""
    if not isinstance(value, str) or not _API_USER.fullmatch(value):
        return (
            "is no name of a user; expected up to 64 letters, digits, dots, hyphens, underscores and at signs, the "
            "first a letter or digit"
        )
    return None


def reader(value: Any) -> str | None:
    """The name by which a person logs in at the proxy; a line of nginx's password file begins with it."""
    if not isinstance(value, str) or not _READER.fullmatch(value):
        return "is no user name; a user name has no colon and no space, is not empty and begins with no '#'"
    return None


def reader_password(value: Any, shortest: int = 1) -> str | None:
    """A password that a person types into a browser, of at least ``shortest`` characters.

    The proxy manager hands it to openssl, which takes a leading hyphen for an option and reads 256 bytes.
    """
    usable = isinstance(value, str) and _READER_PASSWORD.fullmatch(value)
    if not usable or not shortest <= len(value) <= LONGEST_READER_PASSWORD:
        return (
            f"is not usable; expected a text of at least {shortest} printable ASCII characters, at most "
            f"{LONGEST_READER_PASSWORD}, that begins with neither a hyphen nor a space and has no line break, not even "
            "at its end"
        )
    if is_known_password(value):
        return "is a well-known default that every attacker tries first; expected another one"
    return None


def readers(people: Any, variable: str, own: Sequence[str] = (), shortest: int = 1) -> Iterator[str]:
    """Sentences about people who may log in at the proxy, with the variable and the person but nothing of a password.

    ``people``: a list of maps with ``username`` and ``password``, or a map of names and passwords.
    ``own``: names that stand for the site already. ``shortest``: the fewest characters of a password.
    """
    if people is None or people == "":
        return
    if isinstance(people, Mapping):
        people = [{"username": name, "password": password} for name, password in people.items()]
    elif not isinstance(people, list) or not all(isinstance(one, Mapping) and "username" in one for one in people):
        yield f"{variable} is no mapping of names and passwords, such as {{anna: a password from the vault}}."
        return
    for one in people:
        name = str(one["username"])
        if wrong := reader(name):
            yield f"{variable} holds the user {name!r}, which {wrong}."
        elif name in own:
            yield f"{variable} names {name!r}, which is the site's own login; take another name."
        if wrong := reader_password(one.get("password"), shortest):
            yield f"{variable} has a password of {name!r} that {wrong}."
    if len({str(one["username"]) for one in people}) < len(people):
        yield f"{variable} must name each user once."
