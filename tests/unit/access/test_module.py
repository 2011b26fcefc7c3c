# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ``hub_access``: the same as the program on the hub, and nothing in check mode."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils._access.store import AccessError, Places
from ansible_collections.mediverse.pacs.plugins.modules import hub_access

from tests.unit.access.hub_programs import TOKEN, Hub, fingerprint, moment, report, ssh_key


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    made = Hub(tmp_path)
    monkeypatch.setenv("PATH", made.environment["PATH"])
    return made


def call(hub: Hub, state: str, check: bool = False, **more: Any) -> dict[str, Any]:
    given = {"site": "kanifing", "state": state, "token": None, "fingerprint": None, "text": None, **more}
    done: dict[str, Any] = hub_access.run(given, check, Places(str(hub.root)))
    return done


def test_from_token_to_revocation_and_check_mode_before_each(hub: Hub) -> None:
    token = {"token": TOKEN, "key": ssh_key(7), "made": moment(0), "ends": moment(48), "way": "tunnel"}
    steps: list[tuple[str, dict[str, Any]]] = [
        ("token", {"token": token}),
        ("accept", {"fingerprint": fingerprint(report())}),
        ("revoke", {}),
    ]
    for state, more in steps:
        before = hub.state()
        assert call(hub, state, check=True, **more)["changed"] is True
        assert hub.state() == before
        assert call(hub, state, **more)["changed"] is True
        assert hub.state() != before
        if state == "token":
            hub.send(report())
        else:
            assert call(hub, state, check=True, **more)["changed"] is False
    assert call(hub, "look")["access"]["accepted"] is None


def test_a_refusal_is_a_sentence(hub: Hub) -> None:
    with pytest.raises(AccessError, match="No PC has reported for kanifing; make its stick"):
        call(hub, "accept", fingerprint=fingerprint(report()))
