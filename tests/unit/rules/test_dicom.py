# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AE titles, names of scanners, manufacturers, and what must fit together between scanners."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils._rules import dicom
from ansible_collections.mediverse.pacs.plugins.module_utils._rules.values import Rule

from tests.unit.rules.judging import Right, Wrong, refuse, singly, worded

RIGHT: Right = [
    (dicom.aet, ["CT", "CT SCANNER 1", "A" * 16, "ct-1_x", "{}$%&/()"]),
    (dicom.scanner_name, ["ct1", "MR_2", "x-ray-room-3", "9", "a" * 32]),
    (dicom.orthanc_name, ["MediverseCloud_kanifing", "_x", "-"]),
    (dicom.manufacturer, ["Generic", "GE", "Vitrea"]),
]

WRONG: Wrong = [
    (
        dicom.aet,
        [
            ("", "is empty"),
            ("   ", "is empty"),
            ("A" * 17, "has 17 characters"),
            ("CT\\1", "contains"),
            ("CT\n", "contains"),
            ("CT\u00c9", "contains"),
            ("CT\t1", "contains"),
            (" CT", "begins or ends with a space"),
            ("CT ", "begins or ends with a space"),
            (104, "is a number"),
            (None, "is empty"),
            (True, "is true or false"),
            (["CT"], "is a list"),
        ],
    ),
    (
        dicom.scanner_name,
        [
            ("ct 1", "no name of a scanner"),
            ("", "no name"),
            ("a" * 33, "up to 32"),
            ("ct1\n", "no name"),
            ("_ct", "no name"),
            (1, "no name"),
            ("self-test", "uses for itself"),
            ("Self-Test", "uses for itself"),
            ("mediverse-proof", "uses for itself"),
        ],
    ),
    (
        dicom.orthanc_name,
        [("a/b", "letters"), ("", "letters"), ("a\n", "letters"), ("é", "letters"), (None, "letters")],
    ),
    (
        dicom.manufacturer,
        [("Siemens", "Generic, "), ("generic", "Generic, "), ("", "Generic, "), (["GE"], "Generic, ")],
    ),
]


@pytest.mark.parametrize(("rule", "value"), singly(RIGHT))
def test_what_is_right(rule: Rule, value: Any) -> None:
    assert rule(value) is None


@pytest.mark.parametrize(("rule", "value", "words"), worded(WRONG))
def test_what_is_wrong_and_why(rule: Rule, value: Any, words: str) -> None:
    refuse(rule, value, words)


NET = "192.168.0.20/24"
CT = {"aet": "CT", "host": "192.168.0.10", "port": 104}


@pytest.mark.parametrize(
    ("scanners", "expected"),
    [
        ({"ct1": CT, "mr1": {"aet": "MR", "host": "192.168.0.11", "port": 104}}, []),
        ({"ct1": CT, "ct2": {**CT, "aet": "CT2", "port": 105}}, []),
        ({"ct1": CT, "ct2": {**CT, "aet": "CT", "host": "192.168.0.11"}}, [("ct2", "aet", "of scanner ct1 too;")]),
        (
            {"ct1": CT, "ct2": {**CT, "aet": "ct", "host": "192.168.0.11"}},
            [("ct2", "aet", "of scanner ct1 too ('CT'; Orthanc")],
        ),
        ({"ct1": {**CT, "aet": "MEDIVERSE"}}, [("ct1", "aet", "of the gateway too")]),
        ({"ct1": {**CT, "aet": "mediverse"}}, [("ct1", "aet", "of the gateway too ('MEDIVERSE'")]),
        ({"ct1": CT, "ct2": {**CT, "aet": "CT2"}}, [("ct2", "host", "with port 104 is scanner ct1 too")]),
        (
            {"ct1": CT, "ct2": {**CT, "aet": "CT2", "port": "104"}},
            [("ct2", "host", "with port 104 is scanner ct1 too")],
        ),
        ({"ct1": {**CT, "host": "192.168.1.10"}}, [("ct1", "host", "is outside 192.168.0.0/24")]),
        ({"ct1": {**CT, "host": "192.168.0.20"}}, [("ct1", "host", "the gateway's own address")]),
        ({"ct1": {**CT, "host": "192.168.0.255"}}, [("ct1", "host", "network or broadcast address")]),
        ({"ct1": {"aet": "CT"}, "ct2": {"port": 104}, "ct3": {}}, []),
    ],
)
def test_what_must_fit_together_between_scanners(
    scanners: dict[str, Any], expected: list[tuple[str, str, str]]
) -> None:
    found = list(dicom.together(scanners, "MEDIVERSE", NET))
    assert [(name, key) for name, key, __ in found] == [(name, key) for name, key, __ in expected]
    assert all(words in clause for (__, __, clause), (__, __, words) in zip(found, expected, strict=True))


def test_without_the_gateways_own_values_the_scanners_are_compared_with_each_other() -> None:
    scanners = {"ct1": {**CT, "host": "10.0.0.1"}, "ct2": {**CT, "aet": "ct", "host": "10.0.0.2"}}
    assert [name for name, __, __ in dicom.together(scanners, None, None)] == ["ct2"]


def test_what_orthanc_compares_of_a_title() -> None:
    assert dicom.aet_key("Ct_Scanner 1") == dicom.aet_key("CT_SCANNER 1")
    assert dicom.aet_key("CT1") != dicom.aet_key("CT2")
