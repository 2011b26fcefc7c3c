"""Orthanc's access rules: the real Lua file of the role, in a real Lua interpreter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lupa.lua53 import LuaRuntime

SCRIPT = Path(__file__).resolve().parents[3] / "roles" / "cloud_pacs" / "files" / "access.lua"
ROLES = {"root": "admin", "site": "gateway", "screen": "viewer", "odd": "janitor"}
INSTANCE = "/instances/19816330-cb02e1cf-df3a8fe8-bf510623-ccefe9f5"

Ask = Callable[..., bool]


def load(configuration: dict[str, Any]) -> Ask:
    """Load the script as Orthanc does and return its filter as ``ask(user, method, path)``."""
    lua = LuaRuntime(unpack_returned_tuples=True)
    lua.globals().GetOrthancConfiguration = lambda: lua.table_from(configuration, recursive=True)
    lua.execute(SCRIPT.read_text(encoding="utf-8"))
    rule = lua.globals().IncomingHttpRequestFilter
    return lambda user, method, path: rule(method, path, "10.0.0.1", user, lua.table())


@pytest.fixture
def ask() -> Ask:
    return load({"Mediverse": {"Roles": ROLES, "ViewerMayStore": False}})


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["/system", "/tools/reset", INSTANCE, "/"])
def test_the_administrator_may_do_everything(ask: Ask, method: str, path: str) -> None:
    assert ask("root", method, path) is True


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/system"),
        ("GET", "/statistics"),
        ("GET", INSTANCE),
        ("GET", f"{INSTANCE}/metadata"),
        ("GET", f"{INSTANCE}/metadata/1042"),
        ("GET", f"{INSTANCE}/attachments/dicom/md5"),
        ("POST", "/instances"),
        ("POST", "/dicom-web/studies"),
        ("POST", "/dicom-web/studies/1.2.840.1"),
        ("POST", "/tools/find"),
        ("POST", "/tools/lookup"),
        ("POST", "/tools/count-resources"),
    ],
)
def test_the_gateway_stores_and_asks(ask: Ask, method: str, path: str) -> None:
    assert ask("site", method, path) is True


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", INSTANCE),
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
