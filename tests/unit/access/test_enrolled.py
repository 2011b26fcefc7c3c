# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept of a PC, what an operator is shown of it, and whose password it was."""

from __future__ import annotations

import base64
import datetime
import json
from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils._access import report as reports
from ansible_collections.mediverse.pacs.plugins.plugin_utils import _enrolled as enrolled
from ansible_collections.mediverse.pacs.plugins.plugin_utils import _stick as stick
from ansible_collections.mediverse.pacs.plugins.plugin_utils._reach import of_host
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.unit.access.certificates import certificate
from tests.unit.access.hub_programs import report

KEY = stick.enrolment_key()
REPORT = report(certificate=certificate("10.98.0.2", "127.0.0.1")[0])
ENTRY: dict[str, Any] = {
    "fingerprint": reports.fingerprint(REPORT),
    "address": "10.98.0.2",
    "report": REPORT,
}
OTHER = report(number=2, certificate=REPORT["certificate"])
OTHERS: dict[str, Any] = {**ENTRY, "fingerprint": reports.fingerprint(OTHER), "report": OTHER}


def encrypted(password: str, key: str = KEY) -> str:
    private = load_pem_private_key(key.encode(), None)
    assert isinstance(private, RSAPrivateKey)
    oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)
    return base64.b64encode(private.public_key().encrypt(password.encode(), oaep)).decode()


def test_the_first_password_is_read_with_the_sites_own_key() -> None:
    assert enrolled.first_password(KEY, encrypted("Pa_ß7"), "kanifing") == "Pa_ß7"
    with pytest.raises(enrolled.EnrolledError, match="for another key than that of the site's secrets"):
        enrolled.first_password(KEY, encrypted("Pa_ß7", stick.enrolment_key()), "kanifing")
    with pytest.raises(enrolled.EnrolledError, match="for another key"):
        enrolled.first_password("no key", encrypted("Pa_ß7"), "kanifing")


def test_the_same_pc_keeps_its_password_and_another_one_gets_its_own() -> None:
    first = enrolled.pinned(None, ENTRY)
    assert enrolled.pinned(first, ENTRY) == first
    assert enrolled.kept(first.text(), "kanifing") == first
    other = enrolled.pinned(first, {**ENTRY, "fingerprint": "b" * 64})
    assert (other.fingerprint, other.certificate) == ("b" * 64, first.certificate)
    assert other.password != first.password
    assert first.pem().startswith("-----BEGIN CERTIFICATE-----")


def test_what_is_kept_is_whole_or_refused() -> None:
    assert enrolled.kept("", "kanifing") is None
    for text in ("x", "{}", "[1]", json.dumps({"fingerprint": "a"})):
        with pytest.raises(enrolled.EnrolledError, match="secrets of kanifing have as gateway_pc is not whole"):
            enrolled.kept(text, "kanifing")


def test_a_new_password_has_what_policies_of_windows_ask_for() -> None:
    for __ in range(200):
        found = enrolled.new_password()
        assert any(map(str.isupper, found))
        assert any(map(str.islower, found))
        assert any(map(str.isdigit, found))
        assert {"_", "-"} & set(found)


def test_whose_pc_a_run_speaks_to() -> None:
    pc = enrolled.pinned(None, ENTRY)
    assert enrolled.whose("kanifing", pc, ENTRY, tunnel=True) == pc
    assert enrolled.whose("kanifing", pc, None, tunnel=False) == pc
    for kept, accepted in ((None, None), (None, ENTRY), (pc, None)):
        with pytest.raises(enrolled.EnrolledError, match="No PC was accepted for kanifing; make its stick"):
            enrolled.whose("kanifing", kept, accepted, tunnel=True)
    with pytest.raises(enrolled.EnrolledError, match="accepted by its text only; run accept"):
        enrolled.whose("kanifing", pc, {**ENTRY, "report": None}, tunnel=True)
    with pytest.raises(enrolled.EnrolledError, match="names another PC for kanifing than the one that is kept"):
        enrolled.whose("kanifing", pc, OTHERS, tunnel=True)
    with pytest.raises(enrolled.EnrolledError, match="was changed on the hub"):
        enrolled.whose("kanifing", pc, {**OTHERS, "fingerprint": ENTRY["fingerprint"]}, tunnel=True)


ADAPTERS = [
    {"name": "Ethernet", "mac": "00:1B:44:11:3A:B7", "link": True, "addresses": ["10.0.0.4/24"], "default_route": True},
    {"name": "CT", "mac": "00:1B:44:11:3A:B8", "link": False, "addresses": [], "default_route": False},
]


@pytest.mark.parametrize(
    ("mac", "ends"),
    [
        ("", ["; leads to the Internet", "; fits scanner_mac"]),
        ("00:1B:44:11:3A:B8", ["10.0.0.4/24", " <- scanner_mac of the site file"]),
        ("00:1B:44:11:3A:B9", ["10.0.0.4/24", "no address", "correct it in the site file before site.yml."]),
    ],
)
def test_an_operator_sees_which_adapter_is_the_scanners(mac: str, ends: list[str]) -> None:
    came = {"fingerprint": "b" * 64, "shown": "bbbb bbbb", "report": {**ENTRY["report"], "adapters": ADAPTERS}}
    said = list(enrolled.described(came, mac, None))
    assert said[0] == "The PC CT-PC (Windows 10.0.19045) wants to be the gateway of kanifing."
    assert said[-1] == "Fingerprint: bbbb bbbb"
    for line, end in zip(said[1:-1], ends, strict=True):
        assert line.endswith(end)
    assert "  CT: 00:1B:44:11:3A:B8, no link, no address" in said[2]
    assert "take the place of CT-PC" in list(enrolled.described(came, mac, ENTRY))[1]


THERE = {"mediverse_gateway": "k-gateway", "mediverse_gateway_kind": "tunnel", "mediverse_site": "k"}
WAY = {"mediverse_way": {"address": "10.98.0.2", "comes": "wireguard"}, "ansible_user": "mediverse"}
THROUGH = {"mediverse_way": {"address": "10.98.0.2", "comes": "none", "host": "127.0.0.1"}}
OFF = {"mediverse_way": {"address": "10.98.0.2", "comes": "none"}, "ansible_user": "mediverse"}


@pytest.mark.parametrize(
    ("more", "said", "words"),
    [
        ({}, "Name or service not known", "k-gateway is not known in this run, because no PC was accepted for k; make"),
        ({"mediverse_way": {"failed": True}}, "not known", "no PC was accepted for k"),
        (OFF, "Connection reset", "k-gateway (10.98.0.2) does not come to the hub; check that it is switched on"),
        (WAY, "Connection reset", "k-gateway (10.98.0.2) does not answer by WinRM"),
        (WAY, "the specified credentials were rejected", "refuses the password that accept.yml has given mediverse"),
        ({**WAY, **THROUGH}, "Connection refused", "because the line from here to the hub is away; see"),
        (WAY, "CERTIFICATE_VERIFY_FAILED] certificate is not yet valid", "right certificate at a wrong time"),
        (OFF, "CERTIFICATE_VERIFY_FAILED", "shows another certificate than the PC that was accepted"),
    ],
)
def test_what_is_to_be_done_about_an_enrolled_pc(more: dict[str, object], said: str, words: str) -> None:
    assert words in of_host("k-gateway", {**THERE, **more}, said)


def test_a_certificate_that_could_prove_nothing_is_refused_before_anybody_is_admitted() -> None:
    now = datetime.datetime.now(datetime.UTC)
    enrolled.usable(ENTRY, True, now)
    bare = {"report": {**REPORT, "certificate": certificate("10.8.0.12")[0]}}
    enrolled.usable(bare, False, now)
    with pytest.raises(enrolled.EnrolledError, match=r"lacks 127\.0\.0\.1; run enrol"):
        enrolled.usable(bare, True, now)
    for days in (-1, 6 * 365):
        with pytest.raises(enrolled.EnrolledError, match=r"is good from .* set the clock that is wrong"):
            enrolled.usable(ENTRY, True, now + datetime.timedelta(days=days))
    with pytest.raises(enrolled.EnrolledError, match="cannot be read"):
        enrolled.usable({"report": report()}, True, now)
