# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a hub cannot take, said before the role changes anything, and what its own firewall leaves out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mediverse.pacs.plugins.module_utils._access import fit
from ansible_collections.mediverse.pacs.plugins.module_utils._access.store import AccessError, Places
from ansible_collections.mediverse.pacs.plugins.modules import hub_access_check

from tests.unit.access.hub_programs import SETTINGS, Hub
from tests.unit.access.test_hub import accepted

_UFW = """#!/bin/sh
cd {programs}
case "$*" in
    status) cat ufw-status ;;
    "show added") cat ufw-added ;;
    *) exit 9 ;;
esac
"""
_FIREWALLD = """#!/bin/sh
[ "$*" = --state ] || exit 9
exit {code}
"""


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    made = Hub(tmp_path)
    monkeypatch.setenv("PATH", made.environment["PATH"])
    return made


def problem(hub: Hub, **change: Any) -> str | None:
    said: str | None = fit.problem(Places(str(hub.root)), {**SETTINGS, **change})
    return said


def program(hub: Hub, name: str, script: str) -> None:
    path = Path(hub.environment["PATH"].split(":", maxsplit=1)[0]) / name
    path.write_text(script)
    path.chmod(0o755)


def test_a_hub_without_sites_takes_any_network(hub: Hub) -> None:
    assert problem(hub) is None
    assert problem(hub, network="10.99.0.0/16") is None


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ("10.99.0.0/16", "kanifing has the address 10.98.0.2, which is not in the tunnel's network 10.99.0.0/16"),
        # It would have the sites' addresses, and the hub another one than their PCs know.
        ("10.0.0.0/8", "The hub has the address 10.98.0.1 in the tunnel, which the PCs of kanifing know"),
        ("10.98.0.0/17", None),
    ],
)
@pytest.mark.parametrize("revoked", [False, True])
def test_a_network_stays_once_a_site_has_an_address(hub: Hub, network: str, words: str | None, revoked: bool) -> None:
    accepted(hub)
    if revoked:
        hub("revoke", "kanifing")
    said = problem(hub, network=network)
    assert said is None if words is None else words in (said or "")


def test_an_address_counts_although_the_list_of_them_is_damaged(hub: Hub) -> None:
    accepted(hub)
    (hub.root / "var/lib/mediverse-access/addresses.json").write_text("{")
    assert "kanifing has the address" in (problem(hub, network="10.99.0.0/16") or "")


@pytest.mark.parametrize(
    ("route", "refused"),
    [
        ("10.98.7.0/24", True),
        ("10.98.0.0/16", True),
        ("10.0.0.0/8", True),
        ("10.98.0.9", True),
        ("0.0.0.0/1", False),
        ("10.99.0.0/16", False),
        ("default", False),
    ],
)
def test_a_network_that_a_fresh_hub_reaches_elsewhere_is_refused(hub: Hub, route: str, refused: bool) -> None:
    (hub.programs / "routes").write_text(
        json.dumps([{"dst": "10.98.0.0/16", "dev": "mediverse0"}, {"dst": route, "dev": "eth1"}])
    )
    said = problem(hub)
    assert (said is not None) == refused
    if refused:
        assert "which this hub reaches by eth1; choose another" in str(said)
    # Its own interface under a former name is none of others.
    (hub.programs / "routes").write_text(json.dumps([{"dst": "10.98.0.0/16", "dev": "mediverse0"}]))
    assert problem(hub, interface="mv1") is None


def test_a_route_that_came_later_does_not_stop_the_role(hub: Hub) -> None:
    accepted(hub)
    (hub.programs / "routes").write_text(json.dumps([{"dst": "10.98.7.0/24", "dev": "tun0"}]))
    assert problem(hub) is None
    assert fit.diverted(SETTINGS) == [
        "The route 10.98.7.0/24 by tun0 takes packets for gateways out of the tunnel; remove it from this hub."
    ]


def test_a_fresh_machine_has_no_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert fit.problem(Places(str(tmp_path)), SETTINGS) is None
    assert (fit.closed(SETTINGS), fit.diverted(SETTINGS)) == ([], [])


def test_settings_that_are_none_are_refused(hub: Hub) -> None:
    with pytest.raises(AccessError, match="What the role says about this hub cannot be used"):
        problem(hub, network="x")


def test_what_ufw_was_not_told_is_named_as_a_command(hub: Hub) -> None:
    program(hub, "ufw", _UFW.format(programs=hub.programs))
    added = [
        "ufw allow 51820/udp",
        "ufw allow 443/tcp",
        "ufw allow in on mediverse0",
        "ufw allow from 203.0.113.7 to 10.98.0.0/16 port 5986 proto tcp",
        "ufw route allow from 203.0.113.7 to 10.98.0.0/16 port 5986 proto tcp",
    ]
    (hub.programs / "ufw-status").write_text("Status: active\n")
    for number in range(len(added)):
        (hub.programs / "ufw-added").write_text("\n".join(added[:number] + added[number + 1 :]) + "\n")
        (said,) = fit.closed(SETTINGS)
        assert (
            said == f"ufw runs on this hub and has not been told: {added[number]}. Without that gateways do not come."
        )
    (hub.programs / "ufw-added").write_text("\n".join(added) + "\n")
    assert fit.closed(SETTINGS) == []
    (hub.programs / "ufw-added").write_text("")
    (hub.programs / "ufw-status").write_text("Status: inactive\n")
    assert fit.closed(SETTINGS) == []


@pytest.mark.parametrize("running", [True, False])
def test_firewalld_is_named_with_what_it_must_let_in(hub: Hub, running: bool) -> None:
    program(hub, "firewall-cmd", _FIREWALLD.format(code=0 if running else 252))
    assert (
        fit.closed({**SETTINGS, "operators": []})
        == [
            "firewalld runs on this hub; see that it lets in UDP 51820 from everywhere, TCP 443 from everywhere, "
            "whatever comes in by mediverse0."
        ][: int(running)]
    )


@pytest.mark.parametrize(("network", "failed"), [("10.98.0.0/16", False), ("10.99.0.0/16", True), ("10.98.0.0", True)])
def test_the_module_fails_with_the_sentence(
    hub: Hub, network: str, failed: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    accepted(hub)
    monkeypatch.setattr(hub_access_check, "Places", lambda __: Places(str(hub.root)))
    with patch_module_args({"settings": {**SETTINGS, "network": network}}), pytest.raises(SystemExit):
        hub_access_check.main()
    said = json.loads(capsys.readouterr().out)
    assert (said.get("failed", False), "network" in said.get("msg", "")) == (failed, failed)
