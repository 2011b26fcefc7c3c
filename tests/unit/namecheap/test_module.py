# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module namecheap_records as a whole, over HTTP: what leaves the machine, and what a result shows."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from ansible.module_utils.common.parameters import PASS_VARS
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mediverse.pacs.plugins.modules import namecheap_records

from tests.names.double import GET, SET, Double, serving
from tests.names.sample import DOMAIN, zone

from .support import KEY, OWNED, World

TASK: dict[str, Any] = {
    "zone": DOMAIN,
    "owned": OWNED,
    "records": [{"name": f"kanifing.viewer.{DOMAIN}", "value": "203.0.113.10"}],
    "zone_has_srv": False,
    "api_user": "mediverse",
    "api_key": KEY,
    "client_ip": "203.0.113.5",
}

# From 2.20 on a module says what it was called with only if it is told to.
_SAID_WITH_IT = {"_ansible_inject_invocation": True} if "inject_invocation" in PASS_VARS else {}


def _run(address: str, folder: Path, **options: Any) -> tuple[dict[str, Any], str]:
    out = io.StringIO()
    given = {
        **TASK,
        "api_url": address,
        "folder": str(folder),
        "_ansible_diff": True,
        **_SAID_WITH_IT,
        **options,
    }
    with (
        patch_module_args({name: value for name, value in given.items() if value is not None}),
        contextlib.redirect_stdout(out),
        pytest.raises(SystemExit),
    ):
        namecheap_records.main()
    result = json.loads(out.getvalue())
    # How a module tells Ansible from 2.22 on what to hide.
    result.pop("_ansible_new_secrets", None)
    return result, json.dumps(result)


def test_the_key_is_in_the_body_of_a_post_and_nowhere_else(tmp_path: Path) -> None:
    double = Double({DOMAIN: zone()})
    with serving(double) as address:
        result, shown = _run(address, tmp_path)
        assert result["changed"], shown
        double.key = "f" * 32
        refused, told = _run(address, tmp_path, records=[{"name": f"x.pacs.{DOMAIN}", "value": "203.0.113.1"}])
    assert refused["failed"]
    assert double.calls == [("POST", command) for command in (GET, GET, SET, GET, GET)]
    assert set(double.seen_urls) == {"/xml.response"}
    for text in (shown, told):
        assert KEY not in text
    assert result["invocation"]["module_args"]["api_user"] == "********"
    # The name of the account is mostly a part of the zone's; that stays readable.
    assert DOMAIN in shown
    assert DOMAIN in refused["msg"]
    kept = list(tmp_path.rglob("*"))
    assert kept
    assert all(KEY.encode() not in file.read_bytes() for file in kept)


def test_the_login_may_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAMECHEAP_API_USER", "mediverse")
    monkeypatch.setenv("NAMECHEAP_API_KEY", KEY)
    monkeypatch.setenv("NAMECHEAP_CLIENT_IP", "203.0.113.5")
    with serving(Double({DOMAIN: zone()})) as address:
        result, shown = _run(address, tmp_path, api_user=None, api_key=None, client_ip=None)
    assert result["changed"], shown
    assert KEY not in shown


def test_check_mode_writes_nothing(tmp_path: Path) -> None:
    double = Double({DOMAIN: zone()})
    with serving(double) as address:
        result, __ = _run(address, tmp_path, _ansible_check_mode=True)
    assert result["changed"]
    assert double.calls == [("POST", GET)]
    assert double.states == []


def test_a_body_that_was_cut_off_changes_nothing(world: World) -> None:
    """The key comes last, and without it even a server that takes what it gets refuses."""
    bodies: list[str] = []
    answer = world.double.respond

    def respond(method: str, url: str, body: str) -> tuple[int, str]:
        bodies.append(body)
        return answer(method, url, body)

    with mock.patch.object(world.double, "respond", respond):
        world.ok(records=TASK["records"])
    whole = next(body for body in bodies if SET in body)
    double = Double({DOMAIN: zone()}, per_minute=1_000_000)
    for length in range(0, len(whole), 7):
        double.respond("POST", "/xml.response", whole[:length])
    double.respond("POST", "/xml.response", whole[:-1])
    assert double.states == []
    double.respond("POST", "/xml.response", whole)
    assert len(double.states) == 1
