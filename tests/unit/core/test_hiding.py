# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What leaves a module holds no secret, whatever version of ansible-core looks after it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils._engine import hiding
from ansible_collections.mediverse.pacs.plugins.modules import orthanc_peer, syncthing_info

from ..fake_api import FakeApi

PASSWORD = "Pl4nted-in-the-answer"


def test_each_text_is_masked_and_the_rest_stays() -> None:
    result = {"msg": f"not {PASSWORD}", "list": [{"a": PASSWORD}], "port": 8042, "names": {"ab": "x", "abc": "ab"}}
    shown = hiding.without_secrets(result, {"password": PASSWORD, "name": "x"}, {PASSWORD, "ab", ""})
    assert shown == {
        "msg": "not ********",
        "list": [{"a": "********"}],
        "port": 8042,
        # A short one would make texts unreadable, but nothing may be that one. Names of keys are no secrets.
        "names": {"ab": "x", "abc": "********"},
        "invocation": {"module_args": {"password": "********", "name": "x"}},
    }


def test_hiding_reaches_the_set_of_the_task_and_the_core(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(hiding, "register_secrets", told.append)
    hidden = {"a"}
    hiding.hide(iter(["b", "c"]), hidden)
    assert (hidden, told) == ({"a", "b", "c"}, [{"b", "c"}])
    monkeypatch.setattr(hiding, "register_secrets", None)
    hiding.hide(["d"], hidden)
    assert hidden == {"a", "b", "c", "d"}


def test_an_answer_that_repeats_the_password_is_masked_in_the_result(both: FakeApi) -> None:
    both.expect("GET", "/peers/cloud/configuration").reply(500, text=f"user admin, password {PASSWORD}")
    result = both.run(orthanc_peer, name="cloud", url="http://c:1", api_username="admin", api_password=PASSWORD)
    assert result["failed"]
    assert PASSWORD not in json.dumps(result)


def test_the_key_of_an_api_is_masked_in_the_result(both: FakeApi) -> None:
    both.expect("GET", "/rest/config").reply(403, text=f"no such key: {PASSWORD}")
    result = both.run(syncthing_info, api_key=PASSWORD)
    assert result["failed"]
    assert PASSWORD not in json.dumps(result)
