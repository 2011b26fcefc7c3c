# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of a gateway's destinations and scanners: options that the modules know, and no right too many."""

from __future__ import annotations

from typing import Any

from ansible_collections.mediverse.pacs.plugins.filter.gateway_partners import gateway_partners
from ansible_collections.mediverse.pacs.plugins.modules import orthanc_modality, orthanc_peer

SELF = {"name": "self-test", "aet": "MEDIVERSE", "port": 4242}
CLOUD: dict[str, Any] = {
    "name": "cloud",
    "url": "https://cloud.test/",
    "username": "gateway",
    "password": "p",
    "http_headers": {"X": "y"},
    "largest_mb": 213,
    "jobs": 4,
}
CT: dict[str, Any] = {"aet": "CT", "host": "192.0.2.1", "port": 104}


def test_the_modules_know_each_option() -> None:
    partners = gateway_partners([CLOUD], {"ct1": {**CT, "manufacturer": "GE"}}, SELF)
    for kind, module in (("peers", orthanc_peer), ("modalities", orthanc_modality)):
        known = module.SPEC.argument_spec()[kind]["options"]
        for one in partners[kind]:
            assert set(one) <= set(known)


def test_a_destination_gets_an_hour_unless_it_says_otherwise() -> None:
    (cloud, archive) = gateway_partners([CLOUD, {**CLOUD, "timeout": 600, "http_headers": None}], {}, SELF)["peers"]
    assert (cloud["timeout"], archive["timeout"]) == (3600, 600)
    assert (cloud["http_headers"], "http_headers" in archive) == ({"X": "y"}, False)


def test_a_scanner_stores_and_asks_and_the_gateway_itself_stores_nothing() -> None:
    scanner, itself = gateway_partners([], {"ct1": {**CT, "manufacturer": ""}}, SELF)["modalities"]
    assert (scanner["name"], scanner["manufacturer"], itself["host"]) == ("ct1", "Generic", "127.0.0.1")
    granted = [{name for name, value in one.items() if name.startswith("allow") and value} for one in (scanner, itself)]
    assert granted == [{"allow_echo", "allow_store", "allow_find_worklist"}, {"allow_echo", "allow_find_worklist"}]
    refused = [name for name, value in itself.items() if value is False]
    assert refused == ["allow_store", "allow_find", "allow_get", "allow_move"]
