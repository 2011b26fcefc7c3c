# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept of the PC that was accepted for a site, and how an operator is told of one that wants to be. Pure.

The hub admits keys. What proves the PC to the controller, its certificate, and the password of its account are kept
with the secrets of the site, in one piece, so that a password never stands beside the certificate of another PC.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import ssl
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..module_utils._access import report as reports
from ..module_utils._site.secret_store import generate

# Ansible requires it, but a test of Ansible's imports this file where it is not.
with contextlib.suppress(ImportError):
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

PURPOSE = "gateway_pc"
"""Under which the secrets of the site keep it."""
WINRM_PORT = 5986


class EnrolledError(Exception):
    """A PC that cannot be used or accepted; the text says in one sentence why, and what to do."""


class Pc(NamedTuple):
    """What is kept: the whole fingerprint, the certificate (base64 of its DER), and the password of the account."""

    fingerprint: str
    certificate: str
    password: str

    def text(self) -> str:
        """As the store has it."""
        return json.dumps(self._asdict(), sort_keys=True)

    def pem(self) -> str:
        """The certificate as programs read it."""
        return ssl.DER_cert_to_PEM_cert(base64.b64decode(self.certificate))


def kept(text: str, site: str) -> Pc | None:
    """What the store has; None for an empty text. Raises :class:`EnrolledError` for anything else."""
    if not text:
        return None
    try:
        return Pc(**json.loads(text))
    except (TypeError, ValueError):
        raise EnrolledError(
            f"What the secrets of {site} have as {PURPOSE} is not whole; remove it there and run accept.yml again."
        ) from None


def pinned(former: Pc | None, entry: Mapping[str, Any]) -> Pc:
    """What is kept of an accepted PC. The same one keeps its password, another one gets a new one.

    entry   what the hub has of the site, with the whole report
    """
    if former is not None and (former.fingerprint, former.certificate) == (
        entry["fingerprint"],
        entry["report"]["certificate"],
    ):
        return former
    return Pc(entry["fingerprint"], entry["report"]["certificate"], new_password())


def new_password() -> str:
    """With letters of every kind, as policies of Windows may ask for."""
    while True:
        found = generate()
        if all(re.search(kind, found) for kind in ("[A-Z]", "[a-z]", "[0-9]", "[_-]")):
            return found


def first_password(key: str, ciphertext: str, site: str) -> str:
    """The password that the PC gave its account, out of its report. ``key``: the site's enrolment key in PEM."""
    failed = EnrolledError(
        f"The first password of the PC of {site} was encrypted for another key than that of the site's secrets; make a "
        "new stick, run enrol.cmd on the PC, and accept it again."
    )
    try:
        private = load_pem_private_key(key.encode(), None)
        if not isinstance(private, RSAPrivateKey):
            raise failed
        oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)
        return private.decrypt(base64.b64decode(ciphertext), oaep).decode()
    except ValueError:
        raise failed from None


def whose(site: str, pc: Pc | None, accepted: Mapping[str, Any] | None, tunnel: bool) -> Pc:
    """The PC of a run. Raises :class:`EnrolledError` where none was accepted, or not to the end.

    accepted   what the hub has of the site; with a VPN of the site's own the hub is not asked
    """
    if pc is None or (tunnel and accepted is None):
        raise EnrolledError(
            f"No PC was accepted for {site}; make its stick with flash_drive.yml, run enrol.cmd on the PC, and accept "
            f"it with accept.yml. A PC that was set up by hand has sites.{site}.gateway.host and user in the site file."
        )
    if tunnel and accepted is not None and accepted["fingerprint"] != pc.fingerprint:
        raise EnrolledError(f"The PC of {site} was accepted in part only; run accept.yml for it again.")
    return pc


def described(came: Mapping[str, Any], scanner_mac: str, former: Mapping[str, Any] | None) -> Iterator[str]:
    """What an operator sees of a PC that wants to be accepted, as lines.

    came          what the hub has of the report: ``fingerprint``, ``shown`` and ``report``
    scanner_mac   of the site file, or empty
    former        the entry of the site's accepted PC
    """
    report = came["report"]
    yield f"The PC {report['computer']} (Windows {report['windows']}) wants to be the gateway of {report['site']}."
    if former and not came["fingerprint"].startswith(former["fingerprint"]):
        name = former["report"]["computer"] if former["report"] else "another one"
        yield f"It would take the place of {name}, which is locked out then."
    for adapter in report["adapters"]:
        link = "link" if adapter["link"] else "no link"
        addresses = ", ".join(adapter["addresses"]) or "no address"
        yield f"  {adapter['name']}: {adapter['mac']}, {link}, {addresses}{_fits(adapter, scanner_mac)}"
    if scanner_mac and scanner_mac not in [adapter["mac"] for adapter in report["adapters"]]:
        yield f"  None of them is scanner_mac {scanner_mac}; correct it in the site file before site.yml."
    yield f"Fingerprint: {came['shown']}"


def _fits(adapter: Mapping[str, Any], scanner_mac: str) -> str:
    if scanner_mac:
        return " <- scanner_mac of the site file" if adapter["mac"] == scanner_mac else ""
    return "; leads to the Internet" if adapter["default_route"] else "; fits scanner_mac"


def short_fingerprint(text: str, site: str) -> str:
    """The first digits of the fingerprint that a short text holds. Raises :class:`EnrolledError`."""
    try:
        return reports.decode_short(text, site).fingerprint
    except reports.ReportError as error:
        raise EnrolledError(str(error)) from None


def nothing_came(site: str, token: Mapping[str, Any] | None) -> str:
    """The sentence about a site for which no PC has reported."""
    if token is None:
        return f"There is no stick for {site}; make one with flash_drive.yml, and run enrol.cmd on the PC."
    if token["ended"]:
        return f"The time of the stick for {site} was over at {token['ends']}; make a new one with flash_drive.yml."
    return (
        f"No PC has reported for {site} yet; run enrol.cmd of its stick on the PC. Where that has no line at all, it "
        "shows a text: give it with -e text='MV1 ...'."
    )
