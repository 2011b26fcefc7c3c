# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of a scanner: what stands on it, what differs from the site file, and that no text of it is code."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import segno
from ansible_collections.mediverse.pacs.plugins.plugin_utils import _sheet as sheet
from ansible_collections.mediverse.pacs.plugins.plugin_utils._transfer_syntaxes import in_groups

from .gateway import ROOT, SCANNERS, SESSION, SITE, SYNTAXES, TUNNEL, deployed, scanner

CHROMIUM = shutil.which("chromium")
BOTH = [SESSION, SCANNERS]


def one(found: dict[str, Any], adapters: list[dict[str, Any]] | None = None, site: sheet.Site = SITE) -> dict[str, Any]:
    data: dict[str, Any]
    (data,) = sheet.sheets(site, found, BOTH if adapters is None else adapters)
    return data


def page(data: dict[str, Any]) -> str:
    code = segno.make(sheet.qr_text(data), micro=False, error="m").svg_inline(omitsize=True, border=2)
    text: str = sheet.render(data, code, "2026-11-30")
    return text


def test_what_a_finished_gateway_says_stands_on_the_page() -> None:
    data = one(deployed(scanner()))
    assert (data["differs"], data["link"]) == ([], True)
    text = page(data)
    for value in ("MEDIVERSE", "192.168.0.20", "4242", "CT_SCANNER", "192.168.0.10", "104", "2026-11-30", "ISO_IR 192"):
        assert value in text
    assert "Stop: ask" not in text
    assert "It confirms what the <b>PC</b> has" in text
    assert SITE.viewer in text


def test_the_code_has_the_values_as_lines() -> None:
    assert sheet.qr_text(one(deployed(scanner()))).splitlines() == [
        *("SITE=kanifing", "SCANNER=ct1", "AET=MEDIVERSE", "HOST=192.168.0.20", "PORT=4242"),
        *("SCANNER_AET=CT_SCANNER", "SCANNER_HOST=192.168.0.10", "SCANNER_MASK=255.255.255.0", "SCANNER_PORT=104"),
        *("WORKLIST=yes", "STORAGE_COMMITMENT=yes"),
    ]


@pytest.mark.parametrize(
    ("change", "gateway", "sentence"),
    [
        ({"aet": "CT_1"}, {}, "The AE title of ct1 is CT_1, and CT_SCANNER in the site file."),
        ({"host": "192.168.0.11"}, {}, "The address of ct1 is 192.168.0.11, and 192.168.0.10 in the site file."),
        ({"port": 11112}, {}, "The port of ct1 is 11112, and 104 in the site file."),
        ({"manufacturer": "GE"}, {}, "The manufacturer of ct1 is GE, and Generic in the site file."),
        ({"allow_store": False}, {}, "The gateway does not let ct1 send images (C-STORE); run the playbook site."),
        ({}, {"default_encoding": "Latin1"}, "The character set of worklists is Latin1, and Utf8 in the site file."),
        ({}, {"plugins": ["explorer.js"]}, "The gateway runs without its worklist plugin; run the playbook site."),
        (
            {},
            {"system": {"DicomAet": "ORTHANC", "DicomPort": 4242, "Version": "1.13.0"}},
            "The gateway's AE title is ORTHANC, and MEDIVERSE in the site file.",
        ),
        (
            {},
            {"system": {"DicomAet": "MEDIVERSE", "DicomPort": 104, "Version": "1.13.0"}},
            "The gateway's DICOM port is 104, and 4242 in the site file.",
        ),
    ],
)
def test_a_difference_is_a_sentence_on_the_page(change: dict[str, Any], gateway: dict[str, Any], sentence: str) -> None:
    data = one(deployed(scanner(**change), **gateway))
    assert data["differs"] == [sentence]
    assert "Stop: ask the operator" in page(data)
    assert sentence.replace("'", "&#39;") in page(data)


def test_the_page_shows_what_is_deployed_where_the_site_file_differs() -> None:
    data = one(deployed(scanner(aet="CT_1", allow_n_action=False), plugins=[]))
    assert (data["scanner_aet"], data["worklist"], data["commitment"]) == ("CT_1", False, False)
    assert "switch it off at the scanner" in page(data)
    assert "STORAGE_COMMITMENT=no" in sheet.qr_text(data)


def test_scanners_on_one_side_only() -> None:
    found = deployed(scanner("mr1"))
    assert one(found)["differs"] == [
        "Scanner mr1 does not stand in the site file; the next run of the playbook site forgets it."
    ]
    assert sheet.missing(SITE, found) == [
        "Scanner ct1 stands in the site file and not in the gateway, so it gets no sheet; run the playbook site."
    ]


@pytest.mark.parametrize(
    "name", ["x/../../../evil", "mediverse-1-found", "Self-Test", "", "a" * 33, "../x", "\x1b[31mred"]
)
def test_a_name_that_is_none_of_a_scanner_gets_no_page(name: str) -> None:
    """The gateway says it, and it would become the name of a file."""
    found = deployed(scanner(name), scanner())
    assert [data["scanner"] for data in sheet.sheets(SITE, found, BOTH)] == ["ct1"]
    (said,) = sheet.strangers(found)
    assert said.startswith(f"The gateway knows a modality {ascii(name)[:40]}")
    assert said.isprintable()
    assert sheet.strangers(deployed(scanner())) == []


def test_many_scanners_have_a_page_each_and_the_self_test_none() -> None:
    names = [f"us{number}" for number in range(40)]
    pages = sheet.sheets(SITE, deployed(*(scanner(name) for name in names)), BOTH)
    assert [data["scanner"] for data in pages] == sorted(names)


@pytest.mark.parametrize(
    ("adapters", "host", "expected"),
    [
        (BOTH, "192.168.0.10", ("192.168.0.20", True, "")),
        ([SESSION, {**SCANNERS, "link": False}], "192.168.0.10", ("192.168.0.20", False, "")),
        ([{**SESSION, "addresses": ["192.168.1.5/16"]}, SCANNERS], "192.168.0.10", ("192.168.0.20", True, "")),
        ([TUNNEL, {**SCANNERS, "addresses": ["172.20.1.5/16"]}], "172.20.9.9", ("172.20.1.5", True, "")),
        ([TUNNEL, SCANNERS], "ct.hospital.example", ("192.168.0.20", True, "")),
        (
            [TUNNEL, {**SCANNERS, "addresses": ["172.20.1.5/16"]}],
            "192.168.0.10",
            ("172.20.1.5", True, ""),
        ),
        (
            [{**SESSION, "default_route": True}, {**SCANNERS, "addresses": ["172.20.1.5/16"]}],
            "192.168.0.10",
            ("10.8.0.12", True, ""),
        ),
        ([{**SESSION, "default_route": True}, SCANNERS], "172.16.0.9", ("10.8.0.12", True, "")),
        (
            [{**TUNNEL, "default_route": True}, SESSION, {**SCANNERS, "addresses": ["172.20.1.5/16"]}],
            "192.168.0.10",
            ("", False, "It is not known at which address 192.168.0.10 reaches the PC, which has 10.8"),
        ),
        (
            [SESSION, {**SCANNERS, "addresses": ["172.20.1.5/16", "169.254.9.9/16"]}],
            "192.168.0.10",
            (
                "",
                False,
                "It is not known at which address 192.168.0.10 reaches the PC, which has 10.8",
            ),
        ),
        (
            [],
            "192.168.0.10",
            ("", False, "It is not known at which address 192.168.0.10 reaches the PC, which has none"),
        ),
    ],
    ids=[
        "own network",
        "no link",
        "overlapping networks",
        "one adapter and a tunnel",
        "by name",
        "routed",
        "default route",
        "default route before the scanners' own",
        "default route of a tunnel",
        "two ways",
        "no address",
    ],
)
def test_the_address_is_the_one_that_the_scanner_reaches(
    adapters: list[dict[str, Any]], host: str, expected: tuple[str, bool, str]
) -> None:
    data = one(deployed(scanner(host=host)), adapters)
    assert (data["host"], data["link"]) == expected[:2]
    odd = [said for said in data["differs"] if "router" in said or "not known" in said]
    assert not odd or not data["notes"]
    assert [said[: len(expected[2])] for said in odd] == ([expected[2]] if expected[2] else [])


def test_a_scanner_behind_a_router_is_told_so_and_nothing_differs() -> None:
    data = one(deployed(scanner()), [{**SESSION, "default_route": True}], SITE._replace(address=""))
    assert data["differs"] == []
    assert data["notes"] == [
        "192.168.0.10 is in another network than the PC, which has 10.8.0.12/24: the scanner needs the address of a "
        "router between them, as its gateway."
    ]
    text = page(data)
    assert "Stop: ask" not in text
    assert "is in another network than the PC" in text
    assert "that of its own network" in text
    assert "SCANNER_MASK" not in sheet.qr_text(data)


def test_the_subnet_mask_is_that_of_the_network_that_both_are_in() -> None:
    data = one(deployed(scanner(host="172.20.9.9")), [{**SCANNERS, "addresses": ["172.20.1.5/20"]}])
    assert (data["mask"], data["notes"]) == ("255.255.240.0", [])
    assert "Subnet mask" in page(data)
    assert "255.255.240.0" in page(data)
    assert "SCANNER_MASK=255.255.240.0" in sheet.qr_text(data)


def test_an_address_that_no_adapter_has_is_said() -> None:
    data = one(deployed(scanner()), [SESSION])
    said = "The PC has the address 10.8.0.12/24 and not 192.168.0.20/24, which the site file gives it."
    assert said in data["differs"]


def test_no_text_is_code() -> None:
    evil = "</title><script>alert(1)</script>\"'&"
    data = {**one(deployed(scanner(aet="<i>&'\""))), "label": evil, "viewer": evil, "differs": [evil]}
    text = page(data)
    assert "<script" not in text
    assert "alert(1)&lt;/script&gt;" in text
    assert "<i>&" not in text
    assert not re.search(r"\b(?:src|href|url)\b\s*[=(]", text), "a page loads nothing"


def test_every_syntax_of_orthanc_has_a_name() -> None:
    groups = in_groups(SYNTAXES)
    assert [name for name, __ in groups] == [
        *("Uncompressed", "JPEG", "JPEG-LS", "JPEG 2000", "HTJ2K", "JPEG XL", "RLE", "Video", "Other")
    ]
    assert not [name for __, names in groups for name in names if ROOT in name]
    assert groups[-1][1] == ["14 retired JPEG processes", "JPIP", "JPIP Deflate", "RFC 2557 MIME", "XML"]
    assert in_groups(["1.2.3", ROOT]) == [("Uncompressed", ["Implicit VR Little Endian"]), ("Other", ["1.2.3"])]


LONG = SITE._replace(
    name="a" * 32, label="W" * 64, viewer=f"https://{'a' * 32}.viewer.very-long-domain-of-a-hospital-group.example.org/"
)
WIDE = scanner("M" * 32, aet="W" * 16, host="192.168.100.210", port=65535, manufacturer="GenericNoUniversalWildcard")
AWAY = [{**SESSION, "link": False, "addresses": ["172.100.100.200/24"], "default_route": True}]
FAR = [{**SCANNERS, "link": False, "addresses": ["192.168.100.200/24"]}]


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH: install it to print the pages")
@pytest.mark.parametrize("differing", [0, 1, 40])
@pytest.mark.parametrize("size", ["usual", "long", "routed"])
def test_it_prints_on_one_page(size: str, differing: int, tmp_path: Path) -> None:
    data = one(deployed(scanner())) if size == "usual" else one(deployed(WIDE), FAR if size == "long" else AWAY, LONG)
    assert bool(data["notes"]) == (size == "routed")
    data["differs"] = [f"The manufacturer of {'M' * 32} is Generic, and GenericNoUniversalWildcard in the site file."]
    data["differs"] *= differing
    (tmp_path / "page.html").write_text(page(data), encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-pdf-header-footer"]
    command = [str(CHROMIUM), *flags, f"--user-data-dir={tmp_path / 'browser'}", "--print-to-pdf=page.pdf", "page.html"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=120)
    pdf = (tmp_path / "page.pdf").read_bytes()
    assert len(re.findall(rb"/Type */Page\b", pdf)) == 1
    # A4, in points.
    assert re.search(rb"/MediaBox *\[0 0 59[45][.0-9]* 84[12]", pdf)
