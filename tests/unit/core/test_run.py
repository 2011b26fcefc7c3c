# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""run(): the order of reading, planning and writing, with a service invented for the purpose."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.errors import InputError
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.fields import Field
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.http import Api
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.reconcile import DELETE, Plan
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.resource import Params, ResourceSpec, Service
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.runner import run_module

from ..fake_api import FakeApi


class Client:
    """A door as JSON under /doors/NAME."""

    def __init__(self, api: Api, params: Params) -> None:
        self._api = api
        self.warnings: list[str] = []

    def get(self, key: str) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self._api.read(f"/doors/{key}")
        if found and found.get("old"):
            self.warnings.append("The door is old.")
        return found

    def create(self, key: str, planned: Plan) -> None:
        self._api.send("POST", "/doors", json={"id": key, **planned.desired})

    def update(self, key: str, planned: Plan, current: dict[str, Any]) -> None:
        self._api.send("PATCH", f"/doors/{key}", json=planned.delta)

    def delete(self, key: str, current: dict[str, Any]) -> None:
        self._api.send("DELETE", f"/doors/{key}")


def _validate(params: Params, current: Mapping[str, Any] | None, planned: Plan) -> None:
    if planned.action == DELETE and current and current.get("locked"):
        raise InputError("The door is locked; unlock it first.")


DOOR = ResourceSpec(
    service=Service("Doors", "http://doors.test"),
    fields=(
        Field("name", key=True, normalise=str.upper),
        Field("colour", needed=True),
        Field("code", secret=True),
        Field("size", type="int", immutable=True),
    ),
    client=Client,
    returns="door",
    noun="door",
    validate=_validate,
    finish=lambda client, params: {"waited": True},
)
MODULE = SimpleNamespace(main=lambda: run_module(DOOR))


def test_key_is_normalised_before_it_is_used(api: FakeApi) -> None:
    api.expect("GET", "/doors/A").reply(404)
    api.expect("POST", "/doors", json={"id": "A", "colour": "red"}).reply(201)
    api.expect("GET", "/doors/A").reply(json={"colour": "red"})
    result = api.run(MODULE, name="a", colour="red")
    assert result["door"] == {"name": "A", "colour": "red"}
    assert result["waited"]


def test_patch_sends_the_difference(api: FakeApi) -> None:
    api.expect("GET", "/doors/A").reply(json={"colour": "red", "code": "1234-old"})
    api.expect("PATCH", "/doors/A", json={"code": "5678-new"}).reply()
    api.expect("GET", "/doors/A").reply(json={"colour": "red", "code": "5678-new"})
    result = api.run(MODULE, name="a", colour="red", code="5678-new")
    assert result["door"]["code"] == "********"
    assert "1234-old" not in api.output
    assert "5678-new" not in api.output


def test_secret_that_only_the_server_knew_is_hidden_in_its_own_error(api: FakeApi) -> None:
    api.expect("GET", "/doors/A").reply(json={"colour": "red", "code": "1234-old"})
    api.expect("PATCH", "/doors/A").reply(400, text="code 1234-old is not allowed")
    result = api.run(MODULE, name="a", colour="blue")
    assert result["failed"]
    assert "1234-old" not in api.output


@pytest.mark.parametrize(("status", "changed"), [(400, False), (409, False), (500, True), (503, True)])
def test_a_failed_write_says_whether_something_may_have_happened(api: FakeApi, status: int, changed: bool) -> None:
    api.expect("GET", "/doors/A").reply(404)
    api.expect("POST", "/doors").reply(status)
    result = api.run(MODULE, name="a", colour="red")
    assert result["failed"]
    assert result["changed"] is changed
    assert result["diff"]["after"]["colour"] == "red"


def test_object_that_vanished_after_the_write(api: FakeApi) -> None:
    api.expect("GET", "/doors/A").reply(404)
    api.expect("POST", "/doors").reply()
    api.expect("GET", "/doors/A").reply(404)
    result = api.run(MODULE, name="a", colour="red")
    assert "did not keep state (asked for 'present', found 'absent')" in result["msg"]


def test_immutable_is_refused_before_writing(api: FakeApi) -> None:
    api.expect("GET", "/doors/A").reply(json={"colour": "red", "size": 1})
    result = api.run(MODULE, name="a", colour="blue", size=2)
    assert "size of door 'a' is 1 and cannot be changed to 2" in result["msg"]


def test_rule_against_the_server_holds_in_check_mode(api: FakeApi) -> None:
    api.expect("GET", "/doors/A").reply(json={"colour": "red", "locked": True})
    result = api.run(MODULE, check_mode=True, name="a", state="absent")
    assert result["msg"] == "The door is locked; unlock it first."


def test_warnings_reach_the_operator_and_finish_waits_for_present_only(
    api: FakeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    api.expect("GET", "/doors/A").reply(json={"colour": "red", "old": True})
    assert api.run(MODULE, name="a", colour="red")["waited"]
    assert "The door is old." in capsys.readouterr().err
    api.expect("GET", "/doors/A").reply(404)
    assert "waited" not in api.run(MODULE, name="a", state="absent")
    api.expect("GET", "/doors/A").reply(json={"colour": "red"})
    assert "waited" not in api.run(MODULE, check_mode=True, name="a", colour="red")


def test_table_and_key_have_to_agree() -> None:
    with pytest.raises(ValueError, match="the key is 'name', but the table marks"):
        ResourceSpec(DOOR.service, (Field("colour"),), Client, "door", "door")
