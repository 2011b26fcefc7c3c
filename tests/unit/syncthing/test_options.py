# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""syncthing_options: PATCH only, the GUI last, and never a password in clear."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from ansible_collections.mediverse.pacs.plugins.modules import syncthing_options

from ..fake_api import FakeApi
from .samples import KEY, LOCKED, config, reads

GUI = "/rest/config/gui"
OPTIONS = "/rest/config/options"
SOMEBODYS = "$2a$10$" + "x" * 53


def run(api: FakeApi, check_mode: bool = False, **options: Any) -> dict[str, Any]:
    """Run the module."""
    return api.run(syncthing_options, check_mode, api_key=KEY, **options)


def changed(gui: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    """The sample configuration with other options."""
    content = config(gui=gui)
    content["options"].update(options)
    return content


def test_only_what_differs_goes_out_and_the_gui_last(both: FakeApi) -> None:
    reads(both, config())
    both.expect("PATCH", OPTIONS, json={"relaysEnabled": False}).reply()
    both.expect("PATCH", GUI, json={"user": "m", "password": LOCKED}).reply()
    reads(both, changed({"user": "m", "password": LOCKED}, relaysEnabled=False))
    result = run(both, relays_enabled=False, reconnection_interval=60, gui={"user": "m", "password_hash": LOCKED})
    assert result["changed"]
    assert LOCKED not in both.output
    assert KEY not in both.output


def test_a_hash_that_is_there_already_is_no_change(both: FakeApi) -> None:
    reads(both, config(gui={"user": "m", "password": LOCKED}))
    assert not run(both, gui={"user": "m", "password_hash": LOCKED})["changed"]


def test_the_old_hash_is_hidden_too(api: FakeApi) -> None:
    reads(api, config(gui={"user": "m", "password": SOMEBODYS}))
    result = run(api, check_mode=True, gui={"user": "m", "password_hash": LOCKED})
    assert result["changed"]
    assert SOMEBODYS not in api.output


def test_somebodys_login_stays_when_asked_so(both: FakeApi) -> None:
    login = {"user": "operator", "password": SOMEBODYS}
    wanted = {"user": "m", "password_hash": LOCKED, "insecure_skip_hostcheck": False}
    reads(both, config(gui={**login, "insecureSkipHostcheck": True}))
    both.expect("PATCH", GUI, json={"insecureSkipHostcheck": False}).reply()
    reads(both, config(gui=login))
    assert run(both, gui=wanted, gui_login="when_empty")["changed"]
    reads(both, config(gui=login))
    assert not run(both, gui=wanted, gui_login="when_empty")["changed"]


def test_an_empty_login_is_filled_and_checked(api: FakeApi) -> None:
    reads(api, config())
    api.expect("PATCH", GUI, json={"user": "m", "password": LOCKED}).reply()
    reads(api, config())
    result = run(api, gui={"user": "m", "password_hash": LOCKED}, gui_login="when_empty")
    assert result["failure"]["code"] == "not_kept"


def test_the_api_may_be_away_after_a_change_of_the_gui(both: FakeApi) -> None:
    reads(both, config())
    both.expect("PATCH", GUI).reply()
    both.expect("GET", "/rest/config").fail(requests.exceptions.ConnectionError("Connection refused"))
    reads(both, config(gui={"insecureSkipHostcheck": True}))
    assert run(both, gui={"insecure_skip_hostcheck": True})["changed"]


def test_null_means_the_default_listener(api: FakeApi) -> None:
    reads(api, changed(listenAddresses=None))
    assert not run(api, listen_addresses=["default"])["changed"]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"gui": {"user": "m", "password_hash": "in clear"}}, "must be a bcrypt hash"),
        ({"gui": {"address": "8384"}}, "an address and a port"),
        ({"listen_addresses": ["0.0.0.0:22000"]}, "such as 'tcp://0.0.0.0:22000'"),
        ({"listen_addresses": [""]}, "such as 'tcp://0.0.0.0:22000'"),
        ({"reconnection_interval": 1}, "at least 5 s"),
        ({"usage_reporting": -2}, "must be -1"),
        ({"max_send_kbps": -1}, "must not be negative"),
        ({"relay_enabled": False}, "Unsupported parameters"),
    ],
)
def test_nonsense_is_refused_before_anything_is_asked(api: FakeApi, options: dict[str, Any], complaint: str) -> None:
    result = run(api, **options)
    assert result["failed"]
    assert complaint in result["msg"]
    assert "in clear" not in result["msg"]
    assert api.requests == []


@pytest.mark.parametrize("gui", [{"user": "m"}, {"password_hash": LOCKED}])
def test_half_a_login_is_none(api: FakeApi, gui: dict[str, str]) -> None:
    reads(api, config())
    assert "user and password_hash together" in run(api, gui=gui)["msg"]
    assert api.writes == []


def test_check_mode_writes_nothing(both: FakeApi) -> None:
    reads(both, config())
    assert run(both, check_mode=True, relays_enabled=False, gui={"use_tls": True})["changed"]
    assert both.writes == []
