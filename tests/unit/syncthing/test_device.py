# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""syncthing_device: what Syncthing would swallow, normalise or forget."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from ansible_collections.mediverse.pacs.plugins.modules import syncthing_device

from ..fake_api import FakeApi
from .samples import GATEWAY, HEADERS, KEY, SELF, STRANGER, config, device, reads

PATH = "/rest/config/devices"


def run(api: FakeApi, check_mode: bool = False, **options: Any) -> dict[str, Any]:
    """Run the module on STRANGER unless told otherwise."""
    return api.run(syncthing_device, check_mode, **{"device_id": STRANGER, "api_key": KEY, **options})


def test_a_new_device_gets_every_key_that_guards(both: FakeApi) -> None:
    reads(both, config())
    both.expect(
        "POST",
        PATH,
        json={
            "deviceID": STRANGER,
            "name": "s1",
            "introducer": False,
            "autoAcceptFolders": False,
            "untrusted": False,
            "allowedNetworks": [],
        },
    ).reply()
    reads(both, config(known=(device(STRANGER, name="s1"),)))
    result = run(both, name="s1")
    assert result["changed"]
    assert result["device"]["device_id"] == STRANGER


@pytest.mark.parametrize("written", [STRANGER.lower(), STRANGER.replace("-", "")])
def test_every_spelling_of_the_id_is_the_same_device(api: FakeApi, written: str) -> None:
    reads(api, config(known=(device(STRANGER),)))
    assert not run(api, device_id=written)["changed"]


def test_only_what_differs_is_patched(both: FakeApi) -> None:
    reads(both, config(known=(device(STRANGER, name="old", maxRecvKbps=7),)))
    both.expect("PATCH", f"{PATH}/{STRANGER}", json={"name": "new"}).reply()
    reads(both, config(known=(device(STRANGER, name="new", maxRecvKbps=7),)))
    result = run(both, name="new", max_recv_kbps=7, addresses=[])
    assert result["diff"]["before"]["name"] == "old"


def test_order_and_null_make_no_difference(api: FakeApi) -> None:
    stored = device(STRANGER, addresses=["tcp://b:1", "tcp://a:1"], allowedNetworks=None)
    reads(api, config(known=(stored,)))
    assert not run(api, addresses=["tcp://a:1", "tcp://b:1"], allowed_networks=[])["changed"]


def test_check_mode_reads_once_and_writes_nothing(both: FakeApi) -> None:
    reads(both, config())
    assert run(both, check_mode=True, name="s1")["changed"]
    assert both.writes == []


def test_absent_asks_first_because_delete_always_says_200(both: FakeApi) -> None:
    reads(both, config())
    assert not run(both, state="absent")["changed"]
    reads(both, config(known=(device(STRANGER),)))
    both.expect("DELETE", f"{PATH}/{STRANGER}").reply()
    reads(both, config(known=()))
    assert run(both, state="absent")["changed"]


def test_post_that_created_nothing_is_an_error(api: FakeApi) -> None:
    reads(api, config())
    api.expect("POST", PATH).reply()
    reads(api, config())
    result = run(api)
    assert result["failed"]
    assert result["failure"]["code"] == "not_kept"


def test_a_value_that_did_not_stick_is_an_error(api: FakeApi) -> None:
    reads(api, config(known=(device(STRANGER),)))
    api.expect("PATCH", f"{PATH}/{STRANGER}").reply()
    reads(api, config(known=(device(STRANGER),)))
    result = run(api, compression="always")
    assert result["failed"]
    assert "compression (asked for 'always', found 'metadata')" in result["msg"]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"device_id": "garbage"}, "eight groups of seven"),
        ({"device_id": STRANGER[:-1] + "A"}, "a check character is wrong"),
        ({"addresses": ["gw1:22000"]}, "never dial"),
        ({"addresses": [" tcp://x "]}, "never dial"),
        ({"addresses": ["http://x:1"]}, "never dial"),
        ({"addresses": ["not a url %%"]}, "never dial"),
        ({"allowed_networks": ["anywhere"]}, "CIDR"),
        ({"allowed_networks": ["10.8.0.1/24"]}, "CIDR"),
        ({"max_recv_kbps": -1}, "must not be negative"),
        ({"compression": "some"}, "compression must be one of"),
    ],
)
def test_nonsense_is_refused_before_anything_is_asked(api: FakeApi, options: dict[str, Any], complaint: str) -> None:
    result = run(api, **options)
    assert result["failed"]
    assert complaint in result["msg"]
    assert api.requests == []


@pytest.mark.parametrize(
    "address",
    ["dynamic", "tcp://h", "tcp4://h:1", "quic6://[fe80::1]:22000", "tcp://10.0.0.1:22000", "relay://r:1/?id=x"],
)
def test_addresses_that_syncthing_can_dial(api: FakeApi, address: str) -> None:
    reads(api, config(known=(device(STRANGER, addresses=[address]),)))
    assert not run(api, addresses=[address])["changed"]


def test_an_untrusted_device_cannot_also_be_an_introducer(api: FakeApi) -> None:
    reads(api, config())
    result = run(api, untrusted=True, introducer=True)
    assert "neither introducer" in result["msg"]
    assert api.writes == []


def test_its_own_id_is_no_peer(both: FakeApi) -> None:
    reads(both, config())
    assert "this Syncthing itself" in run(both, device_id=SELF)["msg"]


def test_without_the_header_the_id_is_asked_for(api: FakeApi) -> None:
    api.expect("GET", "/rest/config").reply(json=config(known=(device(STRANGER),)))
    api.expect("GET", "/rest/system/status").reply(json={"myID": SELF})
    assert not run(api)["changed"]


@pytest.mark.parametrize("reason", ["Forbidden", "CSRF Error", "Host check error"])
def test_a_refused_key_says_where_to_find_it(both: FakeApi, reason: str) -> None:
    both.expect("GET", "/rest/config").reply(403, text=f"{reason}\n")
    result = run(both)
    assert result["failure"]["code"] == "login"
    assert reason in result["msg"]
    assert "config.xml" in result["msg"]
    assert ("localhost" in result["msg"]) == (reason == "Host check error")


def test_a_write_is_repeated_while_the_api_restarts(both: FakeApi) -> None:
    reads(both, config(known=(device(STRANGER),)))
    refused = requests.exceptions.ConnectionError("Connection refused")
    both.expect("PATCH", f"{PATH}/{STRANGER}").fail(refused)
    both.expect("PATCH", f"{PATH}/{STRANGER}").fail(refused)
    both.expect("PATCH", f"{PATH}/{STRANGER}", json={"name": "s1"}).reply()
    both.expect("GET", "/rest/config").fail(refused)
    both.expect("GET", "/rest/config").reply(json=config(known=(device(STRANGER, name="s1"),)), headers=HEADERS)
    assert run(both, name="s1")["changed"]


def test_the_servers_own_words_are_passed_on(api: FakeApi) -> None:
    reads(api, config(known=(device(GATEWAY),)))
    api.expect("PATCH", f"{PATH}/{GATEWAY}").reply(500, text="disk full\nmore\n")
    result = run(api, device_id=GATEWAY, name="x")
    assert result["failure"] == {"status": 500, "code": "status", "path": f"{PATH}/{GATEWAY}"}
    assert "disk full" in result["msg"]


def test_the_key_is_nowhere_in_the_output(both: FakeApi) -> None:
    reads(both, config(known=(device(STRANGER),)))
    run(both)
    assert KEY not in both.output
