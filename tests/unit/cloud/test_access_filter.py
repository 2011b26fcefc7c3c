# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Orthanc's access rules: the real Lua file of the role, in a real Lua interpreter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from lupa.lua53 import LuaRuntime

SCRIPT = Path(__file__).resolve().parents[3] / "roles" / "cloud_pacs" / "files" / "access.lua"
ROLES = {"root": "admin", "site": "gateway", "screen": "viewer", "odd": "janitor"}
INSTANCE = "/instances/19816330-cb02e1cf-df3a8fe8-bf510623-ccefe9f5"

Ask = Callable[..., bool]
# What Linux shows in a container whose default gateway is 172.18.0.1.
ROUTES = [
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT",
    "eth0\t00000000\t010012AC\t0003\t0\t0\t0\t00000000\t0\t0\t0",
    "eth0\t000012AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0",
]
HOST = "172.18.0.1"
PROXY = {"x-forwarded-for": "203.0.113.9", "x-real-ip": "203.0.113.9", "x-forwarded-scheme": "https"}


def load(configuration: dict[str, Any], routes: Sequence[str] | None = tuple(ROUTES)) -> Ask:
    """Load the script as Orthanc does and return its filter as ``ask(user, method, path, ip, headers)``."""
    lua = LuaRuntime(unpack_returned_tuples=True)
    lua.globals().GetOrthancConfiguration = lambda: lua.table_from(configuration, recursive=True)
    lua.globals().ROUTES = lua.table_from(routes) if routes is not None else None
    lua.execute(
        "io.open = function(name) if name ~= '/proc/net/route' or not ROUTES then return nil end "
        "local n = 0 return { close = function() end, lines = function() return function() n = n + 1 "
        "return ROUTES[n] end end } end"
    )
    lua.execute(SCRIPT.read_text(encoding="utf-8"))
    rule = lua.globals().IncomingHttpRequestFilter

    def ask(user: str | None, method: str, path: str, ip: str = HOST, headers: dict[str, str] | None = None) -> bool:
        return bool(rule(method, path, ip, user, lua.table_from(headers or {})))

    return ask


@pytest.fixture
def ask() -> Ask:
    return load({"Mediverse": {"Roles": ROLES, "ViewerMayStore": False}})


@pytest.mark.parametrize("ip", [HOST, "127.0.0.1"])
def test_the_administrator_comes_from_the_host_and_from_inside(ask: Ask, ip: str) -> None:
    assert ask("root", "GET", "/changes", ip) is True


@pytest.mark.parametrize("ip", ["172.18.0.2", "172.18.0.11", "203.0.113.9", "10.0.0.1", "", "::1"])
def test_and_from_nowhere_else(ask: Ask, ip: str) -> None:
    assert ask("root", "GET", "/system", ip) is False
    assert ask("root", "DELETE", "/patients/x", ip) is False


@pytest.mark.parametrize("name", sorted(PROXY))
@pytest.mark.parametrize("value", ["203.0.113.9", "127.0.0.1", ""])
@pytest.mark.parametrize("user", ["root", "screen"])
def test_only_the_gateway_comes_through_a_proxy(ask: Ask, user: str, name: str, value: str) -> None:
    assert ask(user, "GET", "/dicom-web/studies") is True
    assert ask(user, "GET", "/dicom-web/studies", HOST, {name: value}) is False
    assert ask("site", "POST", "/instances", "172.18.0.2", {name: value}) is True


def test_an_unreadable_table_of_routes_leaves_the_container_itself() -> None:
    ask = load({"Mediverse": {"Roles": ROLES}}, routes=None)
    assert ask("root", "GET", "/system", "127.0.0.1") is True
    assert ask("root", "GET", "/system", HOST) is False


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["/system", "/tools/reset", INSTANCE, "/"])
def test_the_administrator_may_do_everything(ask: Ask, method: str, path: str) -> None:
    assert ask("root", method, path) is True


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/system"),
        ("POST", "/instances"),
    ],
)
def test_the_gateway_stores_and_asks(ask: Ask, method: str, path: str) -> None:
    assert ask("site", method, path) is True


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", INSTANCE),
        ("GET", INSTANCE),
        ("GET", "/statistics"),
        ("GET", f"{INSTANCE}/metadata"),
        ("GET", f"{INSTANCE}/tags"),
        ("GET", f"{INSTANCE}/attachments/dicom/md5"),
        ("POST", "/dicom-web/studies"),
        ("POST", "/dicom-web/studies/1.2.840.1"),
        ("POST", "/tools/find"),
        ("POST", "/tools/lookup"),
        ("POST", "/tools/count-resources"),
        ("GET", f"{INSTANCE}/file"),
        ("GET", f"{INSTANCE}/attachments/dicom/data"),
        ("GET", f"{INSTANCE}/preview"),
        ("GET", "/instances"),
        ("GET", "/studies"),
        ("GET", "/changes"),
        ("DELETE", "/changes"),
        ("GET", "/dicom-web/studies"),
        ("POST", f"{INSTANCE}/modify"),
        ("POST", f"{INSTANCE}/export"),
        ("POST", "/tools/execute-script"),
        ("POST", "/tools/shutdown"),
        ("POST", "/tools/find/../reset"),
        ("PUT", f"{INSTANCE}/metadata/1042"),
        ("PUT", "/peers/x"),
        ("GET", "/system/"),
        ("GET", "/systemx"),
        ("GET", "/x/system"),
    ],
)
def test_the_gateway_does_nothing_else(ask: Ask, method: str, path: str) -> None:
    assert ask("site", method, path) is False


@pytest.mark.parametrize(
    "path",
    [
        "/dicom-web/studies",
        "/dicom-web/studies/1.2.3/series/4.5/metadata",
        "/dicom-web/studies/1.2.3/series/4.5/instances/6.7/frames/1",
        "/dicom-web/series",
        "/dicom-web/instances",
        "/wado",
    ],
)
def test_the_viewer_reads_and_only_reads(ask: Ask, path: str) -> None:
    assert ask("screen", "GET", path) is True
    assert [ask("screen", method, path) for method in ("POST", "PUT", "DELETE", "PATCH")] == [False] * 4


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/system",
        "/instances",
        f"{INSTANCE}/file",
        "/changes",
        "/tools/find",
        "/dicom-web/servers",
        "/dicom-web/servers/x/get",
        "/dicom-web/studiesx",
        "/x/dicom-web/studies",
        "/wado/x",
        "/ui/app/",
    ],
)
def test_the_viewer_sees_nothing_else(ask: Ask, path: str) -> None:
    assert ask("screen", "GET", path) is False
    assert ask("screen", "POST", path) is False


@pytest.mark.parametrize("user", ["odd", "unknown", "", None])
def test_a_user_without_a_role_is_refused(ask: Ask, user: str | None) -> None:
    assert ask(user, "GET", "/dicom-web/studies") is False
    assert ask(user, "POST", "/instances") is False


def test_uploading_is_one_explicit_path() -> None:
    ask = load({"Mediverse": {"Roles": ROLES, "ViewerMayStore": True}})
    assert ask("screen", "POST", "/dicom-web/studies") is True
    assert ask("screen", "POST", "/dicom-web/studies/1.2.3") is False
    assert ask("screen", "POST", "/instances") is False
    assert ask("screen", "DELETE", "/dicom-web/studies") is False


def test_without_its_section_everybody_is_refused() -> None:
    ask = load({})
    assert ask("root", "GET", "/system") is False
