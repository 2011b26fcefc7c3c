# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The site on a line has the settings that the roles write, and changes only where things are."""

from __future__ import annotations

from tests.kit import product


def test_gateway_is_the_role_s() -> None:
    made = product.gateway({"jobs": 3})
    assert made["MediverseForwarder"]["Destinations"][0]["Jobs"] == 3
    assert (made["SaveJobs"], made["OverwriteInstances"], made["SyncStorageArea"]) == (False, "IfChanged", True)
    assert made["LuaScripts"][-1] == "/etc/forwarder/main.lua"
    assert product.gateway({}, "/x.lua")["LuaScripts"] == ["/x.lua"]


def test_cloud_is_the_role_s() -> None:
    assert product.cloud()["Mediverse"]["Roles"][product.CLOUD_GATEWAY[0]] == "gateway"


def test_proxy_host_is_the_playbook_s() -> None:
    text = product.proxy_host("# extra")
    assert "proxy_request_buffering off;" in text
    assert "http2 off;" in text
    assert "ssl_certificate " in text
    assert "# extra" in text
    assert "limit_req zone=mediverse_strangers " in text
    assert "zone=mediverse_strangers:10m rate=5r/s;" in product.proxy_top()


def test_every_destination_of_the_role_has_its_own_user_and_shares_the_rest() -> None:
    copy = {"name": "archive", "url": "https://archive.example.org/", "username": "copier", "password": "x"}
    hours = {"from": "07:00", "to": "19:00", "mbit": "2.5", "days": ["mon"]}
    made = product.gateway({"jobs": 3, "office_hours": hours}, more_peers=[copy])
    section = made["MediverseForwarder"]
    assert [(one["Peer"], one["SkipHttpUsers"], one["Jobs"]) for one in section["Destinations"]] == [
        (product.PEER, [product.CLOUD_GATEWAY[0]], 3),
        ("archive", ["copier"], 3),
    ]
    assert section["OfficeHours"] == {"From": "07:00", "To": "19:00", "Mbit": 2.5, "Days": ["mon"]}
    assert made["ConcurrentJobs"] == 14
    same_name = product.gateway({}, more_peers=[{**copy, "username": "admin"}])  # as is the gateway's own
    assert same_name["MediverseForwarder"]["Destinations"][1]["SkipHttpUsers"] == []
    plain = product.gateway({"skip_http_users": ["a", "b"], "jobs": 32})
    assert plain["MediverseForwarder"]["Destinations"][0]["SkipHttpUsers"] == ["a", "b"]
    assert "OfficeHours" not in plain["MediverseForwarder"]
    assert plain["ConcurrentJobs"] == 66
