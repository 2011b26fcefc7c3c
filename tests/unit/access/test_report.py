# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a PC: taken as it is written, refused in one sentence otherwise; its fingerprint and short text."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils._access import report as reports

KEY = base64.b64encode(bytes(range(1, 33))).decode()
SSH = "ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(range(32))).decode()
ADAPTER: dict[str, Any] = {
    "name": "Ethernet",
    "mac": "00:1B:44:11:3A:B7",
    "link": True,
    "addresses": ["192.168.1.20/24"],
    "default_route": True,
}
REPORT: dict[str, Any] = {
    "format": 1,
    "site": "kanifing",
    "token": "k3v9a8b7",
    "machine": "8a4e1f0c-3b5d-4c1e-9f7a-0123456789ab",
    "computer": "CT-PC",
    "windows": "10.0.19045",
    "made": "2026-11-30T19:02:11Z",
    "user": "mediverse",
    "password": base64.b64encode(bytes(range(256)) + bytes(128)).decode(),
    "wireguard": KEY,
    "ssh": SSH,
    "certificate": base64.b64encode(b"\x30\x82\x02\x00" + bytes(512)).decode(),
    "adapters": [ADAPTER],
}
WITHOUT_LINK = {**ADAPTER, "name": "Ethernet 2 (Büro)", "link": False, "addresses": [], "default_route": False}


def written(**change: Any) -> bytes:
    return json.dumps({**REPORT, **change}).encode()


@pytest.mark.parametrize(
    ("change", "way"),
    [
        ({}, "tunnel"),
        ({}, None),
        ({"ssh": ""}, "tunnel"),
        ({"wireguard": ""}, "tunnel"),
        ({"ssh": "", "wireguard": ""}, "own"),
        ({"computer": "RÖNTGEN_1"}, None),
        ({"adapters": [ADAPTER, WITHOUT_LINK]}, None),
        ({"adapters": [{**ADAPTER, "addresses": ["169.254.3.4/16", "10.0.0.1/8"]}]}, None),
    ],
)
def test_what_the_pc_writes_is_taken(change: dict[str, Any], way: str | None) -> None:
    assert reports.parse(written(**change), way) == {**REPORT, **change}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", 2),
        ("format", True),
        ("format", "1"),
        ("site", "Kanifing"),
        ("site", "../kanifing"),
        ("site", "kanifing\n"),
        ("token", ""),
        ("token", "a b c d e f g h"),
        ("machine", "8A4E1F0C-3B5D-4C1E-9F7A-0123456789AB"),
        ("machine", 1),
        ("computer", ""),
        ("computer", "a\x1b[2J"),
        ("computer", " a"),
        ("windows", "6.1.7601"),
        ("windows", "10.0.19045; rm"),
        ("made", "2026-13-30T19:02:11Z"),
        ("made", "2026-11-30T19:02:11"),
        ("user", "Administrator"),
        ("password", "secret"),
        ("password", base64.b64encode(bytes(100)).decode()),
        ("wireguard", KEY[:-1]),
        ("wireguard", KEY + "\n"),
        ("wireguard", base64.b64encode(bytes(32)).decode()),
        ("wireguard", None),
        # The last letter before = has bits that say nothing: another spelling of the same key.
        ("wireguard", KEY[:-2] + "B="),
        ("ssh", SSH + " comment"),
        ("ssh", 'command="sh" ' + SSH),
        ("ssh", SSH.replace("ed25519", "rsa", 1)),
        ("ssh", SSH + "\n" + SSH),
        ("certificate", ""),
        ("certificate", base64.b64encode(b"\x30\x82\x02\x01" + bytes(512)).decode()),
        ("adapters", []),
        ("adapters", {}),
        ("adapters", [ADAPTER] * 33),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_key(key: str, value: Any) -> None:
    with pytest.raises(reports.ReportError) as refused:
        reports.parse(written(**{key: value}))
    assert str(refused.value) == f"The report has a wrong {key}; let enrol.ps1 of the site's own stick send it again."


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"mac": "00-1B-44-11-3A-B7"}, "has a wrong mac;"),
        ({"name": "a\nb"}, "has a wrong name;"),
        ({"link": 1}, "has a wrong link;"),
        ({"addresses": ["192.168.1.20"]}, "has a wrong addresses;"),
        ({"addresses": ["fe80::1/64"]}, "has a wrong addresses;"),
        ({"addresses": ["10.0.0.1/24"] * 17}, "has a wrong addresses;"),
        ({"default_route": None}, "has a wrong default_route;"),
        ({"more": 1}, "has 1 unknown keys;"),
    ],
)
def test_a_wrong_adapter_is_refused_by_its_number(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(reports.ReportError, match=f"^Adapter 2 of the report {sentence}"):
        reports.parse(written(adapters=[ADAPTER, {**ADAPTER, **change}]))


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "The report is no JSON"),
        (b"\xff", "The report is no JSON"),
        (b"[" * 60000, "The report is no JSON"),
        (b'{"format": 1, "format": 1}', "The report is no JSON in UTF-8 with each key once"),
        (b"[]", "The report is no JSON object"),
        (b"{}", "The report lacks format, site, token,"),
        (written(extra=1), "The report has 1 unknown keys"),
        (written() + b" " * 64 * 1024, "The report has more than 65536 bytes"),
    ],
)
def test_what_is_no_report_is_refused(data: bytes, sentence: str) -> None:
    with pytest.raises(reports.ReportError) as refused:
        reports.parse(data)
    assert str(refused.value).startswith(sentence)
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize(
    ("change", "way", "sentence"),
    [
        ({}, "own", "the site has a way of its own"),
        ({"ssh": "", "wireguard": ""}, "tunnel", "the site needs one"),
    ],
)
def test_the_keys_fit_the_way(change: dict[str, Any], way: str, sentence: str) -> None:
    with pytest.raises(reports.ReportError, match=sentence):
        reports.parse(written(**change), way)


def test_the_fingerprint_is_over_what_makes_the_pc_this_one() -> None:
    text = "\n".join(REPORT[key] for key in ("site", "machine", "wireguard", "ssh", "certificate", "password")) + "\n"
    digits = reports.fingerprint(REPORT)
    assert digits == hashlib.sha256(text.encode()).hexdigest()
    assert reports.fingerprint({**REPORT, "made": "2027-01-01T00:00:00Z", "adapters": [], "token": "x"}) == digits
    for key in ("site", "machine", "wireguard", "ssh", "certificate", "password"):
        assert reports.fingerprint({**REPORT, key: "another"}) != digits


def test_a_fingerprint_is_shown_in_groups_and_typed_as_one_likes() -> None:
    digits = "3fa291c0" * 8
    assert reports.shown(digits) == "3fa2-91c0-3fa2-91c0-3fa2-91c0"
    for typed in (
        reports.shown(digits),
        reports.shown(digits).upper(),
        digits[:24],
        digits,
        "3FA2-91C0-3FA2-91c0:3fa2 91c0",
    ):
        assert reports.same(digits, typed), typed
    for typed in ("", "3fa2", digits[:23], digits[:23] + "1", digits + "0", "x" * 24):
        assert not reports.same(digits, typed), typed


def test_a_short_text_says_key_and_fingerprint() -> None:
    digits = reports.fingerprint(REPORT)
    text = reports.encode_short("kanifing", KEY, digits)
    groups = text.split("-")
    assert groups[0] == "MV1"
    assert [len(group) for group in groups[1:]] == [5] * 16
    said = reports.Short(KEY, digits[:24])
    for typed in (
        text,
        text.lower(),
        text.replace("-", ""),
        text.replace("-", " "),
        text.replace("-", "\n"),
        f" {text} ",
    ):
        assert reports.decode_short(typed, "kanifing") == said
    misread = text[:3] + text[3:].translate(str.maketrans("OIBG", "0189"))
    assert reports.decode_short(misread, "kanifing") == said


def test_one_wrong_letter_of_a_short_text_is_noticed_wherever_it_stands() -> None:
    text = reports.encode_short("kanifing", KEY, "3fa291c0" * 8)
    for place in range(4, len(text)):
        if text[place] == "-":
            continue
        wrong = text[:place] + ("A" if text[place] != "A" else "C") + text[place + 1 :]
        with pytest.raises(reports.ReportError, match="check sum"):
            reports.decode_short(wrong, "kanifing")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "does not begin with MV1"),
        ("hello", "does not begin with MV1"),
        ("MV1 AAAAA", "has 5 letters after MV1 instead of 80"),
        ("MV1 " + "ä" * 80, "has signs that are not in it"),
        ("MV1 " + "=" * 80, "has signs that are not in it"),
    ],
    ids=["nothing", "a word", "too short", "no ASCII", "only padding"],
)
def test_what_is_no_short_text_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(reports.ReportError, match=sentence):
        reports.decode_short(text, "kanifing")


def test_a_short_text_of_another_site_is_refused() -> None:
    with pytest.raises(reports.ReportError, match="it is not of serekunda"):
        reports.decode_short(reports.encode_short("kanifing", KEY, "3fa291c0" * 8), "serekunda")
