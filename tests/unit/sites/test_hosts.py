# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts, groups and variables that a correct site file gives."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.plugin_utils._sites import Host, read
from ansible_collections.mediverse.pacs.plugins.plugin_utils._sites_files import is_named, resembles
from jinja2 import Environment, StrictUndefined

from tests.unit.sites.site_file import REMOVED, changed

SITE_VARIABLES = {
    "mediverse_site": "kanifing",
    "mediverse_label": "kanifing",
    "mediverse_domain": "mediverse.ai",
    "mediverse_viewer_fqdn": "kanifing.viewer.mediverse.ai",
    "mediverse_pacs_fqdn": "kanifing.pacs.mediverse.ai",
    "mediverse_peer": "MediverseCloud_kanifing",
    "mediverse_worklist_folder": "wl-kanifing",
    "mediverse_gateway_aet": "MEDIVERSE",
    "mediverse_scanners": {
        "ct1": {"aet": "CT_SCANNER", "host": "192.168.0.10", "port": 104, "manufacturer": "Generic"}
    },
    "mediverse_scanner_address": "192.168.0.20/24",
    "mediverse_scanner_mac": "00:1B:44:11:3A:B7",
    "mediverse_cloud": "kanifing-cloud",
    "mediverse_gateway": "kanifing-gateway",
    "mediverse_gateway_kind": "hand",
    "mediverse_gateway_host": "10.8.0.12",
    "mediverse_to_gateways": "ssh",
    "mediverse_hub": "hub",
    "mediverse_rest_port": 8042,
    "mediverse_worklist_root": "/files/worklists_wl",
    "mediverse_worklist_uid": "1000",
    "mediverse_hub_sync_address": "tcp://clfy.mediverse.ai:22000",
}


def hosts(*changes: tuple[str, Any], second: bool = False) -> dict[str, Host]:
    return {host.name: host for host in read(changed(*changes, second=second).encode(), "mediverse.sites.yml")}


def test_the_hub() -> None:
    hub = hosts()["hub"]
    assert hub.groups == ("worklist_hub",)
    assert hub.variables == {
        "ansible_host": "clfy.mediverse.ai",
        "ansible_port": 22,
        "ansible_user": "root",
        "ansible_python_interpreter": "/usr/bin/python3",
    }


def test_the_cloud_host() -> None:
    cloud = hosts()["kanifing-cloud"]
    assert cloud.groups == ("kanifing", "cloud_pacs")
    assert cloud.variables == {
        "ansible_host": "203.0.113.10",
        "ansible_port": 22,
        "ansible_user": "root",
        "ansible_python_interpreter": "/usr/bin/python3",
        **SITE_VARIABLES,
    }


def test_the_gateway() -> None:
    gateway = hosts()["kanifing-gateway"]
    assert gateway.groups == ("kanifing", "orthanc_gateways")
    assert gateway.variables == {
        "ansible_host": "10.8.0.12",
        "ansible_port": 5986,
        "ansible_user": "Administrator",
        "ansible_password": "{{ mediverse_winrm_password }}",
        "ansible_connection": "winrm",
        "ansible_winrm_scheme": "https",
        "ansible_winrm_transport": "ntlm",
        "ansible_winrm_message_encryption": "always",
        "ansible_winrm_operation_timeout_sec": 60,
        "ansible_winrm_read_timeout_sec": 90,
        "ansible_winrm_ca_trust_path": "{{ mediverse_winrm_ca | default('legacy_requests', true) }}",
        **SITE_VARIABLES,
    }


@pytest.mark.parametrize(
    ("gateway", "kind", "host"), [(None, "tunnel", ""), ({}, "tunnel", ""), ({"host": "10.8.0.12"}, "own", "10.8.0.12")]
)
def test_an_enrolled_gateway(gateway: dict[str, Any] | None, kind: str, host: str) -> None:
    """What it is reached by is looked up in the run; until then its host is nowhere, and it has no password."""
    path = "sites.kanifing.gateway"
    variables = hosts((path, REMOVED if gateway is None else gateway))["kanifing-gateway"].variables
    assert (variables["mediverse_gateway_kind"], variables["mediverse_gateway_host"]) == (kind, host)
    assert variables["ansible_user"] == "mediverse"
    # pywinrm's word for no proxy, whatever the environment has.
    assert variables["ansible_winrm_proxy"] is None
    names = ("ansible_host", "ansible_port", "ansible_password", "ansible_winrm_ca_trust_path")
    templates = [Environment(undefined=StrictUndefined).from_string(variables[name]) for name in names]
    known = {"host": "127.0.0.1", "port": 40001, "password": "p", "ca": "/tmp/ca"}
    assert [one.render(mediverse_way=known) for one in templates] == ["127.0.0.1", "40001", "p", "/tmp/ca"]
    for unknown in ({}, {"mediverse_way": {"failed": True}}):
        assert [one.render(**unknown) for one in templates] == ["not-known-yet.invalid", "5986", "", "/nonexistent"]


@pytest.mark.parametrize(
    ("path", "value", "host", "variable", "expected"),
    [
        ("sites.kanifing.label", "Kanifing Général", "kanifing-cloud", "mediverse_label", "Kanifing Général"),
        ("sites.kanifing.cloud.user", "deploy", "kanifing-cloud", "ansible_user", "deploy"),
        ("sites.kanifing.cloud.user", "deploy", "kanifing-cloud", "ansible_become", True),
        ("sites.kanifing.cloud.port", 2222, "kanifing-cloud", "ansible_port", 2222),
        ("sites.kanifing.cloud.rest_port", 8050, "kanifing-gateway", "mediverse_rest_port", 8050),
        ("sites.kanifing.gateway.user", "HOSPITAL\\ansible", "kanifing-gateway", "ansible_user", "HOSPITAL\\ansible"),
        ("sites.kanifing.gateway.port", 15986, "kanifing-gateway", "ansible_port", 15986),
        ("sites.kanifing.gateway.aet", "KANIFING", "kanifing-cloud", "mediverse_gateway_aet", "KANIFING"),
        (
            "sites.kanifing.gateway.scanner_mac",
            "00-1b-44-11-3a-b7",
            "kanifing-gateway",
            "mediverse_scanner_mac",
            "00:1B:44:11:3A:B7",
        ),
        ("hub.worklist_root", "/srv/wl", "kanifing-gateway", "mediverse_worklist_root", "/srv/wl"),
        ("hub.worklist_uid", 1001, "kanifing-gateway", "mediverse_worklist_uid", "1001"),
        (
            "hub.sync_address",
            "tcp://sync.mediverse.ai:22001",
            "kanifing-cloud",
            "mediverse_hub_sync_address",
            "tcp://sync.mediverse.ai:22001",
        ),
        ("hub.host", "fd00::5", "kanifing-cloud", "mediverse_hub_sync_address", "tcp://[fd00::5]:22000"),
        ("hub.port", 2022, "hub", "ansible_port", 2022),
    ],
)
def test_optional_keys(path: str, value: Any, host: str, variable: str, expected: Any) -> None:
    assert hosts((path, value))[host].variables[variable] == expected


def test_a_gateway_with_one_adapter() -> None:
    without = [(f"sites.kanifing.gateway.{key}", REMOVED) for key in ("scanner_address", "scanner_mac")]
    found = hosts(*without)["kanifing-gateway"].variables
    assert (found["mediverse_scanner_address"], found["mediverse_scanner_mac"]) == ("", "")


def test_manufacturer_of_a_scanner() -> None:
    found = hosts(("sites.kanifing.scanners.ct1.manufacturer", "GE"))
    assert found["kanifing-gateway"].variables["mediverse_scanners"]["ct1"]["manufacturer"] == "GE"


def test_two_sites_have_their_own_hosts() -> None:
    assert list(hosts(second=True)) == ["hub", "kanifing-cloud", "kanifing-gateway", "brikama-cloud", "brikama-gateway"]


def test_variables_are_plain_json() -> None:
    for host in hosts(second=True).values():
        assert json.loads(json.dumps(host.variables)) == host.variables


@pytest.mark.parametrize(
    ("name", "accepted"),
    [
        ("mediverse.sites.yml", True),
        ("inventories/production/sites.yaml", True),
        ("my-sites.yml", True),
        ("sites.json", False),
        ("production.yml", False),
        ("sites", False),
    ],
)
def test_file_names(name: str, accepted: bool) -> None:
    assert is_named(name) is accepted


@pytest.mark.parametrize(
    ("name", "alike"),
    [
        ("mediverse.SITES.YML", True),
        ("mediverse-sites", True),
        ("site.json", True),
        ("website.ini", False),
        ("ONSITE.yml", False),
        ("hosts.yml", False),
    ],
)
def test_names_that_were_meant_for_a_site_file(name: str, alike: bool) -> None:
    """The inventory plugin refuses such a file instead of leaving it to others."""
    assert resembles(name) is alike
