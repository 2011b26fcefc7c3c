# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The site on a line has the settings that the roles write, and changes only where things are."""

from __future__ import annotations

from tests.wan import product


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
