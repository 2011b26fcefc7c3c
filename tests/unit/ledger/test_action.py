# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plugin delivery_ledger: steps on a Windows gateway, and what it refuses."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible_collections.mediverse.pacs.plugins.action import delivery_ledger as action
from ansible_collections.mediverse.pacs.plugins.modules import delivery_ledger

from tests.unit.fake_api import FakeApi

# What the plugin calls a host without a name.
HOST = "gateway"


@pytest.fixture
def gateway(api: FakeApi) -> FakeApi:
    """A Windows gateway, of which win_uri asks each question."""
    api.windows = True
    return api


def test_the_questions_to_a_windows_gateway_go_through_win_uri(gateway: FakeApi) -> None:
    gateway.expect("GET", "/tools/now").reply(text="20261123T000100")
    opened = gateway.run(delivery_ledger, step="open", first="2026-11-21", last="yesterday", api_password="x")
    assert (opened["now"], opened["days"]) == ("2026-11-23T00:01:00Z", ["2026-11-21", "2026-11-22"])
    for __ in opened["days"]:
        gateway.expect("POST", "/tools/find", harmless=True).reply(json=[])
    summed = gateway.run(delivery_ledger, check_mode=True, step="sum", so_far=opened, api_password="x")
    assert ([day["images"] for day in summed["days"]], summed["portions"]) == ([0, 0], [])
    assert len(gateway.win_uri_calls) == 3


def test_what_is_refused(gateway: FakeApi) -> None:
    gateway.expect("GET", "/tools/now").reply(text="20261123T000100")
    said = gateway.run(delivery_ledger, step="open", first="22.11.2026")["msg"]
    assert said.startswith("The range of days cannot be: '22.11.2026' is no day; expected a date")
    assert "so_far" in gateway.run(delivery_ledger, step="sum")["msg"]
    gateway.expect("GET", "/tools/now").reply(401, text="")
    answer = gateway.run(delivery_ledger, step="open")
    assert answer["failure"]["code"] == "login"
    assert "Check api_username and api_password." in answer["msg"]
    # The address is that of the host itself, which several hosts have.
    assert answer["msg"].startswith(f"{HOST}: Orthanc at http://127.0.0.1:8042 refused the login")


def test_a_cloud_that_was_not_reached_is_named(gateway: FakeApi) -> None:
    so_far = {"began": "b", "now": "2026-11-23T00:01:00Z", "ended": 0, "days": [], "portions": [{}]}
    unreachable = {"unreachable": True, "changed": False, "msg": "Connection refused"}
    given: dict[str, Any] = {"so_far": so_far, "peer": "cloud", "cloud": "demo-cloud", "answers": [unreachable]}
    assert gateway.run(delivery_ledger, step="compare", **given)["msg"] == "demo-cloud: Connection refused"


def test_a_gateway_that_is_off_is_a_failure_which_the_role_can_report(gateway: FakeApi) -> None:
    silence = AnsibleConnectionFailure("No route to host")
    with mock.patch.object(action.ActionModule, "ask", side_effect=silence):
        answer = gateway.run(delivery_ledger, step="open")
    assert answer["failed"]
    assert answer["msg"] == f"{HOST}: cannot be reached: No route to host"


def test_a_range_that_ends_before_it_begins_asks_nobody(gateway: FakeApi) -> None:
    said = gateway.run(delivery_ledger, step="range", first="2026-11-07", last="2026-11-01")["msg"]
    assert said == "The range of days cannot be: from 2026-11-07 is later than until 2026-11-01."
    assert not gateway.run(delivery_ledger, step="range").get("failed")
    assert gateway.requests == []
