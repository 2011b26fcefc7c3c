# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.filter.gateway_problems import gateway_problems

GOOD: dict[str, Any] = {"aet": "CT_SCANNER", "host": "192.168.0.10", "port": 104}


def problems(address: str = "192.168.0.20/24", own: str = "MEDIVERSE", **change: Any) -> list[str]:
    return list(gateway_problems({"ct1": {**GOOD, **change}}, aet=own, address=address))


def test_good_settings_have_no_problem() -> None:
    assert problems() == []
    assert problems(address="") == []
    assert problems(own="A" * 15, port="104") == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"aet": "A" * 17}, "has 17 characters"),
        ({"aet": ""}, "is empty"),
        ({"aet": "CT\\1"}, "may not contain"),
        ({"own": "CT_SCANNER"}, "the gateway's own"),
        ({"host": "ct1.local"}, "is not an IPv4 address"),
        ({"host": "192.168.1.10"}, "is outside 192.168.0.0/24"),
        ({"host": "192.168.0.20"}, "address of the gateway itself"),
        ({"port": 70000}, "not a number from 1 to 65535"),
        ({"address": "192.168.0.20"}, "scanner_address"),
        ({"address": "192.168.0.0/24"}, "scanner_address"),
        ({"address": "x"}, "scanner_address"),
    ],
)
def test_each_mistake_is_one_sentence(change: dict[str, Any], expected: str) -> None:
    found = problems(**change)
    assert len(found) == 1
    assert expected in found[0]
    assert found[0].endswith(".")


def test_two_scanners_with_one_title() -> None:
    found = gateway_problems(
        {"ct1": GOOD, "ct2": {**GOOD, "host": "192.168.0.11"}, "self-test": {**GOOD, "aet": "X"}}, aet="M"
    )
    assert [line for line in found if "belongs to 'ct1' already" in line]
    assert [line for line in found if "must not be 'self-test'" in line]
