# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Device IDs and API keys: the two filters and the code below them."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.mediverse.pacs.plugins.filter.syncthing_api_key import FilterModule as KeyFilters
from ansible_collections.mediverse.pacs.plugins.filter.syncthing_api_key import syncthing_api_key
from ansible_collections.mediverse.pacs.plugins.filter.syncthing_device_id import FilterModule as IdFilters
from ansible_collections.mediverse.pacs.plugins.filter.syncthing_device_id import syncthing_device_id
from ansible_collections.mediverse.pacs.plugins.module_utils.syncthing._identity import canonical_device_id
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

# A certificate that Syncthing 1.29.5 made, and the ID which that process said it has. Its private key was thrown away.
REAL_CERTIFICATE = (Path(__file__).parent / "real_cert.pem").read_text()
REAL_ID = "AR7WFV3-O54RDRM-RGYDOOF-XCFSJTE-AC7LRH4-HRSKPAA-HM3TXU2-64Y7KQY"

CONFIG = """<configuration version="37">
    <folder id="decoy"><apikey>decoy</apikey></folder>
    <gui enabled="true" tls="false"><address>127.0.0.1:8384</address><apikey>k3y-Of-Thirty2</apikey></gui>
</configuration>
"""


def make_certificate(kind: str) -> str:
    """Return a self-signed PEM certificate with a key of the given kind."""
    key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
    digest: hashes.SHA256 | None = hashes.SHA256()
    if kind == "ecdsa":
        key = ec.generate_private_key(ec.SECP384R1())
    elif kind == "ed25519":
        key, digest = ed25519.Ed25519PrivateKey.generate(), None
    else:
        key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "syncthing")])
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(start).not_valid_after(start + datetime.timedelta(days=365))
    return builder.sign(key, digest).public_bytes(serialization.Encoding.PEM).decode("ascii")


def test_real_certificate_gives_the_id_syncthing_itself_shows() -> None:
    assert syncthing_device_id(REAL_CERTIFICATE) == REAL_ID


@pytest.mark.parametrize("kind", ["ecdsa", "ed25519", "rsa"])
def test_generated_certificates_give_well_formed_ids(kind: str) -> None:
    found = syncthing_device_id(make_certificate(kind))
    assert [len(group) for group in found.split("-")] == [7] * 8
    assert canonical_device_id(found) == found


def test_text_around_the_certificate_and_crlf_do_not_matter() -> None:
    text = "Bag Attributes\r\n" + REAL_CERTIFICATE.replace("\n", "\r\n") + make_certificate("ecdsa")
    assert syncthing_device_id(text) == REAL_ID


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("", "holds no PEM certificate"),
        ("-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----", "cannot be decoded"),
        ("-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----", "cannot be decoded"),
        (None, "apply b64decode"),
    ],
)
def test_wrong_certificates_are_refused_in_one_sentence(value: object, complaint: str) -> None:
    with pytest.raises(AnsibleFilterError, match=complaint):
        syncthing_device_id(value)


@pytest.mark.parametrize(
    "written",
    [
        REAL_ID,
        REAL_ID.lower(),
        REAL_ID.replace("-", ""),
        REAL_ID.replace("-", " "),
        REAL_ID.replace("O", "0").replace("I", "1").replace("B", "8"),
    ],
)
def test_every_spelling_of_an_id_becomes_syncthings_own(written: str) -> None:
    assert canonical_device_id(written) == REAL_ID


def test_an_id_of_the_old_kind_without_check_characters_is_accepted() -> None:
    plain = REAL_ID.replace("-", "")
    assert canonical_device_id("".join(plain[start : start + 13] for start in range(0, 56, 14))) == REAL_ID


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("garbage", "eight groups of seven"),
        ("", "eight groups of seven"),
        (REAL_ID.replace("AR7", "AR6"), "check character is wrong"),
        (REAL_ID[:-1] + "?", "eight groups of seven"),
    ],
)
def test_wrong_ids_are_refused(written: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        canonical_device_id(written)


def test_api_key_is_that_of_the_gui_section() -> None:
    assert syncthing_api_key(CONFIG) == "k3y-Of-Thirty2"
    assert syncthing_api_key("\ufeff" + CONFIG.replace("\n", "\r\n")) == "k3y-Of-Thirty2"


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("s3cret <not xml", "not XML"),
        ("<configuration><gui/></configuration>", "no API key"),
        ("<other><gui><apikey>s3cret</apikey></gui></other>", "no API key"),
        (b"<configuration/>", "apply b64decode"),
    ],
)
def test_wrong_configurations_are_refused_without_quoting_them(value: object, complaint: str) -> None:
    with pytest.raises(AnsibleFilterError, match=complaint) as caught:
        syncthing_api_key(value)
    assert "s3cret" not in str(caught.value)


def test_the_files_offer_their_filters() -> None:
    assert IdFilters().filters() == {"syncthing_device_id": syncthing_device_id}
    assert KeyFilters().filters() == {"syncthing_api_key": syncthing_api_key}
