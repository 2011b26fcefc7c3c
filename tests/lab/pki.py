# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's certificate authority and the certificates of its Windows endpoints."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.lab.paths import STATE, private_directory, write_private

_DAY = datetime.timedelta(days=1)


def authority() -> tuple[Path, Path]:
    """Certificate and key of the lab's authority (PEM files), made on first use, renewed a month before its end."""
    directory = private_directory(STATE / "ca")
    certificate, key = directory / "ca.crt", directory / "ca.key"
    if certificate.exists() and key.exists() and _days_left(certificate) > 30:
        return certificate, key
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mediverse lab authority")])
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    public = private.public_key()
    builder = (
        _dated(name, name, public, days=3650)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )
    write_private(key, _pem(private))
    write_private(certificate, builder.sign(private, hashes.SHA256()).public_bytes(serialization.Encoding.PEM), 0o644)
    return certificate, key


def server_certificate(directory: Path, name: str, names: list[str], addresses: list[str]) -> tuple[Path, Path]:
    """A server certificate for ``names`` and IP ``addresses`` in ``directory``; kept while it fits and is valid."""
    certificate, key = directory / f"{name}.crt", directory / f"{name}.key"
    issuer_file, issuer_key_file = authority()
    issuer = x509.load_pem_x509_certificate(issuer_file.read_bytes())
    wanted = x509.SubjectAlternativeName(
        [*map(x509.DNSName, names), *(x509.IPAddress(ipaddress.ip_address(a)) for a in addresses)]
    )
    if certificate.exists() and key.exists() and _fits(certificate, issuer, wanted):
        return certificate, key
    issuer_key = serialization.load_pem_private_key(issuer_key_file.read_bytes(), password=None)
    assert isinstance(issuer_key, ec.EllipticCurvePrivateKey)
    private = ec.generate_private_key(ec.SECP256R1())
    public = private.public_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    authority_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    builder = (
        _dated(subject, issuer.subject, public, days=365)
        .add_extension(wanted, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(authority_id, critical=False)
    )
    write_private(key, _pem(private))
    signed = builder.sign(issuer_key, hashes.SHA256())
    write_private(certificate, signed.public_bytes(serialization.Encoding.PEM), 0o644)
    return certificate, key


def _dated(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + days * _DAY)
    )


def _pem(private: ec.EllipticCurvePrivateKey) -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _days_left(certificate: Path) -> float:
    try:
        loaded = x509.load_pem_x509_certificate(certificate.read_bytes())
    except ValueError:
        return 0.0
    return (loaded.not_valid_after_utc - datetime.datetime.now(datetime.UTC)) / _DAY


def _fits(certificate: Path, issuer: x509.Certificate, wanted: x509.SubjectAlternativeName) -> bool:
    if _days_left(certificate) < 30:
        return False
    loaded = x509.load_pem_x509_certificate(certificate.read_bytes())
    try:
        loaded.verify_directly_issued_by(issuer)
    except Exception:
        return False
    return loaded.extensions.get_extension_for_class(x509.SubjectAlternativeName).value == wanted
