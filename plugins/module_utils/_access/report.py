# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a PC says about itself when it is enrolled: the report, its fingerprint, and its short text (decision 0047).

A report comes from a machine that nobody trusts yet, so it is taken only as exactly what ``enrol.ps1`` writes. The file
needs Python's own library alone and nothing of this collection: the hub may run it as it stands.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

FORMAT = 1
LARGEST = 64 * 1024
"""Bytes of a whole report."""
USER = "mediverse"
"""The account that the PC makes for the playbooks."""
SHOWN = 24
"""Hexadecimal digits of a fingerprint that people compare."""
WHOLE = 64
"""Those of all of it."""

_BOUND = ("site", "machine", "wireguard", "ssh", "certificate", "password")
_MOST_ADAPTERS, _MOST_ADDRESSES, _MOST_CERTIFICATE = 32, 16, 4096
# What RSA-OAEP gives with a key of 2048, 3072 or 4096 bits.
_CIPHERTEXTS = (256, 384, 512)
_KEY_TYPE = b"\0\0\0\x0bssh-ed25519\0\0\0\x20"

SITE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
TOKEN = re.compile(r"[A-Za-z0-9_-]{8,64}")
_MACHINE = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_WINDOWS = re.compile(r"10\.0\.[1-9][0-9]{4,5}")
_MAC = re.compile(r"[0-9A-F]{2}(?::[0-9A-F]{2}){5}")

_SHORT = "MV1"
_SHORT_BYTES, _CHECK, _GROUP = 44, 6, 5
# Digits that base32 has not, and the letters for which they are read.
_MISREAD = str.maketrans("0189", "OIBG")


class ReportError(ValueError):
    """A report or a short text that is not taken; the text says in one sentence what is wrong with it."""


class Short(NamedTuple):
    """What a short text says: WireGuard's public key in base64, and the fingerprint's first digits."""

    wireguard: str
    fingerprint: str


def parse(data: bytes, way: str | None = None) -> dict[str, Any]:
    """The report in those bytes, as decision 0047 has it. ``way`` is ``tunnel`` or ``own`` where it is known.

    Raises :class:`ReportError`. No sentence repeats what the PC sent: it may be shown on a terminal.
    """
    if len(data) > LARGEST:
        raise ReportError(f"The report has more than {LARGEST} bytes; it is none that enrol.ps1 wrote.")
    try:
        report = json.loads(data.decode("utf-8"), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise ReportError("The report is no JSON in UTF-8 with each key once; let enrol.ps1 send it again.") from error
    _map(report, _REPORT, "The report")
    if way is not None:
        _fits(report, way)
    return dict(report)


def fingerprint(report: Mapping[str, Any]) -> str:
    """The SHA-256, 64 hexadecimal digits, of what makes the PC this one."""
    return hashlib.sha256("".join(f"{report[key]}\n" for key in _BOUND).encode()).hexdigest()


def shown(digits: str) -> str:
    """A fingerprint as people compare it: its first 24 digits in groups of four, in one word for command lines."""
    return _grouped(digits[:SHOWN], 4)


def plain(typed: str) -> str:
    """The digits of a typed fingerprint; groups and capitals do not matter."""
    return re.sub(r"[\s:-]", "", typed).lower()


def same(digits: str, typed: str) -> bool:
    """Whether a typed fingerprint is this one; digits after the shown ones do not matter."""
    found = plain(typed)
    return len(found) >= SHOWN and digits.startswith(found)


def encode_short(site: str, wireguard: str, digits: str) -> str:
    """The short text of a report: ``MV1`` and 16 groups of five letters of base32.

    They are the 32 bytes of WireGuard's public key, the first 12 of the fingerprint, and the first 6 of the SHA-256 of
    ``MV1 <site>``, a line feed and these 44 bytes: a text with a mistake, or of another site, is noticed.
    """
    body = base64.b64decode(wireguard) + bytes.fromhex(digits[:SHOWN])
    letters = base64.b32encode(body + _check(site, body)).decode()
    return f"{_SHORT}-{_grouped(letters, _GROUP)}"


def decode_short(text: str, site: str) -> Short:
    """What a short text says. Spaces, dashes, lines and small letters do not matter; raises :class:`ReportError`."""
    letters = re.sub(r"[\s-]", "", text).upper()
    if not letters.startswith(_SHORT):
        raise ReportError(f"The text does not begin with {_SHORT}; it is shown by enrol.ps1 at its end.")
    letters = letters.replace(_SHORT, "", 1).translate(_MISREAD)
    expected = (_SHORT_BYTES + _CHECK) * 8 // 5
    if len(letters) != expected:
        raise ReportError(
            f"The text has {len(letters)} letters after {_SHORT} instead of {expected}; compare it group by group."
        )
    try:
        raw = base64.b32decode(letters)
    except ValueError as error:
        raise ReportError("The text has signs that are not in it: they are A to Z and 2 to 7.") from error
    body, check = raw[:_SHORT_BYTES], raw[_SHORT_BYTES:]
    if check != _check(site, body):
        raise ReportError(
            f"The check sum of the text is wrong: a letter is mistyped, or it is not of {site}; compare the groups."
        )
    return Short(base64.b64encode(body[:32]).decode(), body[32:].hex())


def _grouped(text: str, size: int) -> str:
    return "-".join(re.findall(f".{{1,{size}}}", text))


def _check(site: str, body: bytes) -> bytes:
    return hashlib.sha256(f"{_SHORT} {site}\n".encode() + body).digest()[:_CHECK]


def _fits(report: Mapping[str, Any], way: str) -> None:
    keys = [key for key in ("wireguard", "ssh") if report[key]]
    if way == "own" and keys:
        raise ReportError("The report has keys of a tunnel, and the site has a way of its own; take its newest stick.")
    if way != "own" and not keys:
        raise ReportError(
            "The report has no key of a tunnel, and the site needs one; run enrol.cmd of its newest stick."
        )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _map(value: Any, rules: Mapping[str, Callable[[Any], bool]], what: str) -> None:
    if not isinstance(value, dict):
        raise ReportError(f"{what} is no JSON object; let enrol.ps1 send it again.")
    missing, more = [key for key in rules if key not in value], [key for key in value if key not in rules]
    if missing:
        raise ReportError(f"{what} lacks {', '.join(missing)}; the stick and the hub must be of one version.")
    if more:
        raise ReportError(f"{what} has {len(more)} unknown keys; the stick and the hub must be of one version.")
    for key, rule in rules.items():
        if not rule(value[key]):
            raise ReportError(f"{what} has a wrong {key}; let enrol.ps1 of the site's own stick send it again.")


def _words(longest: int) -> Callable[[Any], bool]:
    def rule(value: Any) -> bool:
        return isinstance(value, str) and 0 < len(value) <= longest and value.isprintable() and value == value.strip()

    return rule


def _like(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    def rule(value: Any) -> bool:
        return isinstance(value, str) and pattern.fullmatch(value) is not None

    return rule


def _bytes(value: Any) -> bytes:
    """The bytes of a base64 text in its one spelling; empty for anything else."""
    try:
        found = base64.b64decode(value, validate=True) if isinstance(value, str) else b""
    except ValueError:
        return b""
    return found if base64.b64encode(found).decode() == value else b""


def _is_format(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value == FORMAT


def _is_user(value: Any) -> bool:
    return isinstance(value, str) and value == USER


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def is_time(value: Any) -> bool:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}(?:-[0-9]{2}){2}T[0-9]{2}(?::[0-9]{2}){2}Z", value):
        return False
    try:
        datetime.datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        return False
    return True


def _is_ciphertext(value: Any) -> bool:
    return len(_bytes(value)) in _CIPHERTEXTS


def is_wireguard(value: Any) -> bool:
    return value == "" or (len(_bytes(value)) == 32 and any(_bytes(value)))


def is_ssh(value: Any) -> bool:
    if value == "":
        return True
    kind, __, key = value.partition(" ") if isinstance(value, str) else ("", "", "")
    return kind == "ssh-ed25519" and _bytes(key).startswith(_KEY_TYPE) and len(_bytes(key)) == len(_KEY_TYPE) + 32


def _is_certificate(value: Any) -> bool:
    """One DER sequence of the length that it says; whether it is a certificate is judged where it is trusted."""
    found = _bytes(value)
    if not 256 <= len(found) <= _MOST_CERTIFICATE or found[:2] != b"\x30\x82":
        return False
    return int.from_bytes(found[2:4], "big") == len(found) - 4


def _is_addresses(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= _MOST_ADDRESSES and all(map(_is_address, value))


def _is_address(value: Any) -> bool:
    try:
        return isinstance(value, str) and str(ipaddress.IPv4Interface(value)) == value
    except ValueError:
        return False


def _is_adapters(value: Any) -> bool:
    if not isinstance(value, list) or not 0 < len(value) <= _MOST_ADAPTERS:
        return False
    for number, adapter in enumerate(value, start=1):
        _map(adapter, _ADAPTER, f"Adapter {number} of the report")
    return True


_ADAPTER: dict[str, Callable[[Any], bool]] = {
    "name": _words(256),
    "mac": _like(_MAC),
    "link": _is_flag,
    "addresses": _is_addresses,
    "default_route": _is_flag,
}
_REPORT: dict[str, Callable[[Any], bool]] = {
    "format": _is_format,
    "site": _like(SITE),
    "token": _like(TOKEN),
    "machine": _like(_MACHINE),
    "computer": _words(63),
    "windows": _like(_WINDOWS),
    "made": is_time,
    "user": _is_user,
    "password": _is_ciphertext,
    "wireguard": is_wireguard,
    "ssh": is_ssh,
    "certificate": _is_certificate,
    "adapters": _is_adapters,
}
