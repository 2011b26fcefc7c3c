# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A deployed gateway as the tests of the sheets see it."""

from __future__ import annotations

from typing import Any

from ansible_collections.mediverse.pacs.plugins.plugin_utils._sheet import Site

ROOT = "1.2.840.10008.1.2"
NUMBERS = [*range(50, 67), 70, 80, 81, *range(90, 96), *range(100, 109), 110, 111, 112, 201, 202, 203]
SYNTAXES = [
    ROOT,
    *(f"{ROOT}.{end}" for end in ("1", "1.99", "2", "5", "6.1", "6.2")),
    *(f"{ROOT}.4.{n}" for n in NUMBERS),
]
"""What Orthanc 1.13.0 answers for its defaults."""
SITE = Site(
    name="kanifing",
    label="Kanifing General Hospital",
    viewer="https://kanifing.viewer.mediverse.ai/",
    aet="MEDIVERSE",
    port=4242,
    address="192.168.0.20/24",
    encoding="Utf8",
    scanners={"ct1": {"aet": "CT_SCANNER", "host": "192.168.0.10", "port": 104}},
)
SESSION = {"name": "Ethernet 5", "link": True, "hardware": True, "addresses": ["10.8.0.12/24"]}
SCANNERS = {"name": "Ethernet 7", "link": True, "hardware": True, "addresses": ["192.168.0.20/24"]}
TUNNEL = {"name": "mediverse", "link": True, "hardware": False, "addresses": ["10.98.0.12/32"]}
RAW = {"AET": "CT_SCANNER", "Host": "192.168.0.10", "Port": 104, "Manufacturer": "Generic", "AllowNAction": True}
RAW |= {"AllowEcho": True, "AllowStore": True, "AllowFindWorklist": True}
RAW |= {"AllowFind": False, "AllowGet": False, "AllowMove": False}
"""A scanner as Orthanc has it."""


def scanner(name: str = "ct1", **change: Any) -> dict[str, Any]:
    """A scanner as ``orthanc_info`` returns it."""
    entry: dict[str, Any] = {"name": name, "aet": "CT_SCANNER", "host": "192.168.0.10", "port": 104}
    entry |= {"manufacturer": "Generic", "allow_echo": True, "allow_store": True, "allow_find_worklist": True}
    return {**entry, "allow_n_action": True, "allow_find": False, "allow_get": False, "allow_move": False, **change}


def deployed(*scanners: dict[str, Any], **change: Any) -> dict[str, Any]:
    """What ``orthanc_info`` says of a gateway with these scanners."""
    self_test = scanner("self-test", aet="MEDIVERSE", host="127.0.0.1", port=4242)
    found: dict[str, Any] = {
        "system": {"DicomAet": "MEDIVERSE", "DicomPort": 4242, "Version": "1.13.0"},
        "modalities": {one["name"]: one for one in [*scanners, self_test]},
        "plugins": ["explorer.js", "worklists"],
        "transfer_syntaxes": SYNTAXES,
        "default_encoding": "Utf8",
    }
    return {**found, **change}
