# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The script that lists a PC's adapters, on the real engine, with the lab's adapters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.gateway.test_scripts import DONE, DONE_UNPLUGGED, FRESH, PWSH, SESSION, TUNNEL, run

pytestmark = pytest.mark.skipif(PWSH is None, reason="no pwsh on PATH: install PowerShell 7 to run the .ps1 files")
SCRIPT = str(Path(__file__).parents[3] / "playbooks" / "files" / "adapters.ps1")


def listed(folder: Path, *adapters: dict[str, Any]) -> list[dict[str, Any]]:
    done = run(SCRIPT, {"parameters": {}, "interfaces": list(adapters)}, folder)
    assert not done["changed"]
    return list(done["result"]["adapters"])


def test_adapters_have_what_they_use(tmp_path: Path) -> None:
    assert listed(tmp_path, SESSION, {**FRESH, **DONE}) == [
        {
            "name": "Ethernet 5",
            "mac": "00-00-00-00-00-05",
            "link": True,
            "hardware": True,
            "addresses": ["10.8.0.12/24"],
            "default_route": True,
        },
        {
            "name": "Ethernet 7",
            "mac": "00-1B-44-11-3A-B7",
            "link": True,
            "hardware": True,
            "addresses": ["192.168.0.20/24"],
            "default_route": False,
        },
    ]


@pytest.mark.parametrize("stored", ["192.168.0.1", None])
def test_the_default_route_of_one_without_link_is_what_is_stored(stored: str | None, tmp_path: Path) -> None:
    unplugged = {**FRESH, **DONE_UNPLUGGED, "gateway": None, "stored": {**DONE["stored"], "gateway": stored}}
    (found,) = listed(tmp_path, unplugged)
    assert found["default_route"] == bool(stored)


@pytest.mark.parametrize(
    ("adapter", "link", "hardware", "addresses"),
    [
        (TUNNEL, True, False, ["10.8.0.12/24"]),
        ({**FRESH, **DONE_UNPLUGGED}, False, True, ["192.168.0.20/24"]),
        ({**FRESH, "status": "Disconnected", "addresses": []}, False, True, []),
        ({**FRESH, "status": "Disabled"}, False, True, []),
    ],
    ids=["tunnel", "unplugged", "unplugged and fresh", "disabled"],
)
def test_one_without_link_has_what_is_stored(
    adapter: dict[str, Any], link: bool, hardware: bool, addresses: list[str], tmp_path: Path
) -> None:
    (found,) = listed(tmp_path, adapter)
    assert (found["link"], found["hardware"], found["addresses"]) == (link, hardware, addresses)
