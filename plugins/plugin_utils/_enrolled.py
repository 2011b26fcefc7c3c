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
import datetime
import ipaddress
import json
import re
import ssl
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..module_utils._access import report as reports
from ..module_utils._site.secret_store import generate

# Ansible requires it, but a test of Ansible's imports this file where it is not.
with contextlib.suppress(ImportError):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

PURPOSE = "gateway_pc"
"""Under which the secrets of the site keep it."""
ENROLMENT_KEY = "gateway_enrolment_key"
"""Under which they keep the private key for which the PCs of the site's sticks encrypt their first password."""
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
            f"What the secrets of {site} have as {PURPOSE} is not whole; restore them from a backup. Where there is "
            "none, revoke the PC with revoke.yml, and make it a new stick."
        ) from None


def proven(entry: Mapping[str, Any], site: str) -> dict[str, Any]:
    """What the hub has of a report, with ``fingerprint`` and ``shown`` as they are computed here.

    The fingerprint binds certificate, keys and first password, so what people have compared is nothing that a hub could
    choose. Raises :class:`EnrolledError` where the hub says another one, or has no report of the site.
    """
    try:
        report = reports.parse(json.dumps(entry["report"]).encode())
    except reports.ReportError as error:
        raise EnrolledError(f"What the hub has of the PC of {site} cannot be used: {error}") from None
    digits = reports.fingerprint(report)
    if report["site"] != site or entry["fingerprint"] != digits:
        raise EnrolledError(
            f"The hub's report of {site} is not the one that its fingerprint belongs to, so it was changed on the hub; "
            "see who was there before anything else. Nothing of it was kept."
        )
    return {**entry, "report": report, "fingerprint": digits, "shown": reports.shown(digits)}


def usable(entry: Mapping[str, Any], tunnel: bool, now: datetime.datetime) -> None:
    """Raises :class:`EnrolledError` for a certificate by which the PC could not prove itself later.

    entry   from :func:`proven`
    now     with its time zone
    """
    site = entry["report"]["site"]
    try:
        found = x509.load_der_x509_certificate(base64.b64decode(entry["report"]["certificate"]))
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        raise EnrolledError(
            f"The certificate of the PC of {site} cannot be read; make a new stick and run enrol.cmd on it."
        ) from None
    if tunnel and ipaddress.ip_address("127.0.0.1") not in names.get_values_for_type(x509.IPAddress):
        raise EnrolledError(
            f"The certificate of the PC of {site} lacks 127.0.0.1; run enrol.cmd of a new stick, which makes another."
        )
    begins, ends = found.not_valid_before_utc, found.not_valid_after_utc
    if not begins <= now <= ends:
        raise EnrolledError(
            f"The certificate of the PC of {site} is good from {begins:%Y-%m-%d %H:%M} to "
            f"{ends:%Y-%m-%d %H:%M} UTC, and it is {now:%Y-%m-%d %H:%M} here; set the clock that is "
            "wrong. If it is the PC's, run enrol.cmd -Remove and enrol.cmd of a new stick on it."
        )


def is_kept(former: Pc | None, entry: Mapping[str, Any]) -> bool:
    """Whether that is the PC that is kept already. ``entry``: from :func:`proven`; its fingerprint binds all of it."""
    return former is not None and former.fingerprint == entry["fingerprint"]


def pinned(former: Pc | None, entry: Mapping[str, Any]) -> Pc:
    """What is kept of an accepted PC. The same one keeps its password, another one gets a new one.

    entry   from :func:`proven`
    """
    if former is not None and is_kept(former, entry):
        return former
    return Pc(entry["fingerprint"], entry["report"]["certificate"], new_password())


def new_password() -> str:
    """With letters of every kind, as policies of Windows may ask for."""
    while True:
        found = generate()
        if all(re.search(kind, found) for kind in ("[A-Z]", "[a-z]", "[0-9]", "[_-]")):
            return found


def enrolment_key(found: Mapping[str, Any]) -> str:
    """In PEM, from the result of ``site_secrets``; empty where none is stored, as what it makes up opens nothing."""
    return "" if ENROLMENT_KEY in found.get("generated", ()) else str(found.get("secrets", {}).get(ENROLMENT_KEY, ""))


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
    if tunnel and accepted is not None:
        if not accepted["report"]:
            raise EnrolledError(f"The PC of {site} was accepted by its text only; run accept.yml for it again.")
        if not is_kept(pc, proven(accepted, site)):
            raise EnrolledError(
                f"The hub names another PC for {site} than the one that is kept with its secrets. Where an acceptance "
                "was cut off, run accept.yml again, and compare the fingerprint; if nobody has accepted another PC, "
                "see who was on the hub."
            )
    return pc


def described(came: Mapping[str, Any], scanner_mac: str, former: Mapping[str, Any] | None) -> Iterator[str]:
    """What an operator sees of a PC that wants to be accepted, as lines.

    came          from :func:`proven`
    scanner_mac   of the site file, or empty
    former        the entry of the site's accepted PC as the hub has it
    """
    report = came["report"]
    yield f"The PC {report['computer']} (Windows {report['windows']}) wants to be the gateway of {report['site']}."
    if former and not came["fingerprint"].startswith(former["fingerprint"]):
        yield (
            f"It would take the place of {_name(former)}, which is locked out of the tunnel then, but not of the "
            "cloud, whose login it knows: if it is lost, run revoke.yml first, and make another stick."
        )
    for adapter in report["adapters"]:
        link = "link" if adapter["link"] else "no link"
        addresses = ", ".join(adapter["addresses"]) or "no address"
        yield f"  {adapter['name']}: {adapter['mac']}, {link}, {addresses}{_fits(adapter, scanner_mac)}"
    if scanner_mac and scanner_mac not in [adapter["mac"] for adapter in report["adapters"]]:
        yield f"  None of them is scanner_mac {scanner_mac}; correct it in the site file before site.yml."
    yield f"Fingerprint: {came['shown']}"


def _name(former: Mapping[str, Any]) -> str:
    # It goes to a terminal, and so does nothing that was not looked at.
    with contextlib.suppress(reports.ReportError):
        return str(reports.parse(json.dumps(former["report"]).encode())["computer"])
    return "another one"


def _fits(adapter: Mapping[str, Any], scanner_mac: str) -> str:
    if scanner_mac:
        return " <- scanner_mac of the site file" if adapter["mac"] == scanner_mac else ""
    return "; leads to the Internet" if adapter["default_route"] else "; fits scanner_mac"


class Typed(NamedTuple):
    """What an operator has given of a PC: the digits of its fingerprint, and WireGuard's key where a text had it."""

    fingerprint: str
    wireguard: str = ""
    text: str = ""

    def fits(self, entry: Mapping[str, Any]) -> bool:
        """Whether that is the PC. ``entry``: from :func:`proven`."""
        key = entry["report"]["wireguard"]
        return bool(entry["fingerprint"].startswith(self.fingerprint) and self.wireguard in ("", key))


def typed(fingerprint: str, text: str, site: str) -> Typed | None:
    """What was given, in whatever spelling; None for nothing. Raises :class:`EnrolledError` for less than is needed."""
    if text:
        try:
            short = reports.decode_short(text, site)
        except reports.ReportError as error:
            raise EnrolledError(f"{error} Give it in one word with dashes, or in inner quotes.") from None
        return Typed(short.fingerprint, short.wireguard, text)
    digits = reports.plain(fingerprint)
    if not digits:
        return None
    if re.search(r"[^0-9a-f]", digits):
        raise EnrolledError("The fingerprint that was given has other signs than 0 to 9 and a to f; read it again.")
    if not reports.SHOWN <= len(digits) <= reports.WHOLE:
        raise EnrolledError(
            f"The fingerprint that was given has {len(digits)} of {reports.SHOWN} digits; give it in one word with "
            "dashes, -e fingerprint=3fa2-91c0-..., or in inner quotes."
        )
    return Typed(digits)


def nothing_came(site: str, token: Mapping[str, Any] | None) -> str:
    """The sentence about a site for which no PC has reported."""
    if token is None:
        return f"There is no stick for {site}; make one with flash_drive.yml, and run enrol.cmd on the PC."
    if token["ended"]:
        return f"The time of the stick for {site} was over at {token['ends']}; make a new one with flash_drive.yml."
    return (
        f"No PC has reported for {site} yet; run enrol.cmd of its stick on the PC. Where that cannot deliver its "
        "report it shows a text: give it with -e text=MV1-..., all of it."
    )
