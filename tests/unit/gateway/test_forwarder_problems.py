# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role refuses is what the forwarder would refuse after the restart, and the two cannot drift apart."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.mediverse.pacs.plugins.plugin_utils._forwarder import (
    DAYS,
    KEEP_DAYS,
    LARGEST,
    LOSSLESS,
    MBIT,
    SETTINGS,
    TIMEOUT,
    Setting,
    problems,
    section,
)

from tests.kit import product

ROLE = Path(__file__).parents[3] / "roles" / "orthanc_windows_gateway"
LUA = (ROLE / "files" / "forwarder" / "settings.lua").read_text(encoding="utf-8")
SPEC = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]["main"]
OPTIONS: dict[str, dict[str, Any]] = SPEC["options"]["orthanc_windows_gateway_forwarder"]["options"]
FIELD = re.compile(r"^  (\w+)\s*= \{ type = '(\w+)', (.*?) \},", re.M)
# Nobody has a reason to set these, so they are no variables of the role; the others are written by it.
INTERNAL = {"SmallestBatch", "Window", "Peer", "LargestMegabytes"}
NUMBERS = [setting for setting in (*SETTINGS, KEEP_DAYS) if setting.type == "integer"]
HOURS: dict[str, Any] = {"from": "07:00", "to": "19:00", "mbit": 4}
PEER = {"name": "cloud", "url": "https://cloud.example.org/", "username": "gateway", "password": "cloud-password"}


def forwarder_problems(forwarder: Any, peers: Any = ()) -> list[str]:
    return list(problems(forwarder, peers))


def of_lua() -> dict[str, tuple[str, str, tuple[int, int]]]:
    """By name what settings.lua says of each setting of a destination: type, default, bounds."""
    table = LUA.partition("local DESTINATION = {")[2].partition("\n}")[0]
    found = {}
    for name, kind, rest in FIELD.findall(table):
        default = re.search(r"default = (\{.*\}|[^,]*)", rest)
        bounds = re.search(r"min = (\d+), max = (\d+)", rest)
        found[name] = (
            kind,
            default[1].strip() if default else "",
            (int(bounds[1]), int(bounds[2])) if bounds else (0, 0),
        )
    return found


def as_lua(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "{ " + ", ".join(map(as_lua, value)) + " }" if value else "{}"
    return f"'{value}'" if isinstance(value, str) else str(value)


def test_each_setting_is_one_of_the_forwarder_and_the_other_way_round() -> None:
    found = of_lua()
    assert set(found) == {setting.lua for setting in SETTINGS} | INTERNAL
    assert found["LargestMegabytes"][2] == LARGEST


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_type_default_and_bounds_are_those_of_the_forwarder(setting: Setting) -> None:
    default = [] if setting.default is None else setting.default
    assert of_lua()[setting.lua] == (setting.type, as_lua(default), setting.bounds)


def test_what_holds_for_all_destinations_is_as_in_the_forwarder() -> None:
    days = re.search(r"^local MOST_DAYS = (\d+)$", LUA, re.M)
    assert days
    assert KEEP_DAYS.bounds == (0, int(days[1]))
    rate = re.search(r"^\s*Mbit\s*=\s*\{ type = 'number', min = ([\d.]+), max = (\d+),", LUA, re.M)
    assert rate
    assert (float(rate[1]), int(rate[2])) == MBIT


@pytest.mark.parametrize("setting", [*SETTINGS, KEEP_DAYS], ids=lambda setting: setting.name)
def test_each_setting_is_documented_as_it_is(setting: Setting) -> None:
    option = OPTIONS[setting.name]
    types = {"integer": "int", "boolean": "bool", "string": "str", "list": "list"}
    assert option["type"] == types[setting.type]
    assert option.get("default") == setting.default
    assert tuple(option.get("choices", ())) == setting.choices
    text = option["description"] if isinstance(option["description"], str) else " ".join(option["description"])
    if setting.type == "integer":
        assert f"{setting.bounds[0]} to {setting.bounds[1]}." in text


def test_no_other_setting_is_documented() -> None:
    assert set(OPTIONS) == {*(setting.name for setting in (*SETTINGS, KEEP_DAYS)), "office_hours"}
    assert tuple(OPTIONS["office_hours"]["options"]["days"]["choices"]) == DAYS


def test_the_role_writes_the_defaults() -> None:
    written = product.gateway({})["MediverseForwarder"]
    (destination,) = written["Destinations"]
    expected = {setting.lua: setting.default for setting in SETTINGS if setting.default is not None}
    assert destination == {**expected, "Peer": "cloud", "SkipHttpUsers": ["gateway"], "LargestMegabytes": 0}
    assert written["KeepDays"] == 0
    assert "OfficeHours" not in written


def test_the_role_writes_what_is_set_in_the_types_of_the_forwarder() -> None:
    hours = {"from": "07:00", "to": "19:00", "mbit": "4", "days": ["mon"]}
    given = {"jobs": "8", "compress": "yes", "keep_days": "7", "office_hours": hours, "skip_http_users": ["a"]}
    made = section(
        given, [{**PEER, "largest_mb": "213"}, {**PEER, "name": "archive", "username": "copier"}], "admin", "l"
    )
    assert [one["Peer"] for one in made["Destinations"]] == ["cloud", "archive"]
    assert [one["LargestMegabytes"] for one in made["Destinations"]] == [213, 0]
    assert all(one["Jobs"] == 8 and one["Compress"] is True for one in made["Destinations"])
    assert all(one["SkipHttpUsers"] == ["a"] for one in made["Destinations"])
    assert made["KeepDays"] == 7
    assert made["OfficeHours"] == {"From": "07:00", "To": "19:00", "Mbit": 4.0, "Days": ["mon"]}


def test_what_the_administrator_uploads_goes_also_by_the_name_of_a_peers_user() -> None:
    made = section({}, [PEER, {**PEER, "name": "archive", "username": "copier"}], "gateway", "l")
    assert [one["SkipHttpUsers"] for one in made["Destinations"]] == [[], ["copier"]]


def test_good_settings_have_no_problem() -> None:
    assert forwarder_problems({}) == []
    assert forwarder_problems({setting.name: setting.bounds[0] for setting in NUMBERS}) == []
    assert forwarder_problems({setting.name: str(setting.bounds[1]) for setting in NUMBERS}) == []
    assert forwarder_problems({"office_hours": {**HOURS, "mbit": "2.5", "days": ["mon"]}}) == []
    assert forwarder_problems({"office_hours": {}, "transcode": "", "compress": "yes", "skip_origins": []}) == []
    assert [forwarder_problems({"transcode": uid}) for uid in LOSSLESS] == [[]] * len(LOSSLESS)
    assert forwarder_problems({}, [PEER, {**PEER, "name": "archive", "timeout": "600"}]) == []


@pytest.mark.parametrize("setting", NUMBERS, ids=lambda setting: setting.name)
def test_numbers_have_bounds(setting: Setting) -> None:
    least, most = setting.bounds
    for value in (least - 1, most + 1, 2.5, "two", True, None, "", "1_0", " 20", [20]):
        (found,) = forwarder_problems({setting.name: value})
        assert found.startswith(f"orthanc_windows_gateway_forwarder.{setting.name} is ")
        assert found.endswith(f"; expected a whole number from {least} to {most}.")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"jobz": 3}, "has the unknown setting 'jobz'"),
        ({"transcode": "JPEG-LS"}, "transcode is 'JPEG-LS'; expected nothing, or a lossless transfer syntax"),
        ({"transcode": "1.2.840.10008.1.2.4.50"}, "transcode is '1.2.840.10008.1.2.4.50'; expected nothing, or"),
        ({"compress": "a lot"}, "compress is 'a lot'; expected true or false."),
        ({"skip_http_users": "admin"}, "skip_http_users is 'admin'; expected a list of names."),
        ({"skip_remote_aets": [12]}, "skip_remote_aets is [12]; expected a list of names."),
        ({"skip_origins": ["Moon"]}, "expected a list out of DicomProtocol, RestApi, Plugins, Lua."),
        ({"office_hours": {**HOURS, "from": "7"}}, "goes from '7' to '19:00' with 4 Mbit/s; expected two times in"),
        ({"office_hours": {**HOURS, "to": 1140}}, "goes from '07:00' to '1140' with 4 Mbit/s"),
        ({"office_hours": {**HOURS, "mbit": 0}}, "with 0 Mbit/s; expected two times in quotes"),
        ({"office_hours": {"from": "07:00", "to": "19:00"}}, "with no Mbit/s"),
        ({"office_hours": {**HOURS, "days": ["Monday"]}}, "days is ['Monday']; expected a list of days out of mon,"),
        ({"transcode": ["1.2.840.10008.1.2.4.80"]}, "transcode is a list; expected nothing, or"),
        ([], "orthanc_windows_gateway_forwarder is a list; expected a map of settings"),
        (None, "orthanc_windows_gateway_forwarder is None; expected a map of settings"),
        ("x", "orthanc_windows_gateway_forwarder is 'x'; expected a map of settings"),
        ({"office_hours": "07:00-19:00"}, "expected a dictionary with from, to and mbit."),
    ],
)
def test_each_mistake_is_one_sentence(settings: Any, expected: str) -> None:
    (found,) = forwarder_problems(settings)
    assert expected in found
    assert found.startswith("orthanc_windows_gateway_forwarder")
    assert found.endswith(".")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        *(({"timeout": value}, f"the timeout {value!r}; expected a whole number of seconds") for value in (0, -1, "x")),
        ({"timeout": TIMEOUT[1] + 1}, "from 1 to 86400."),
        ({"largest_mb": 65537}, "the largest_mb 65537; expected a whole number of megabytes from 0 to 65536."),
        (
            {"url": "http://a.example.org/"},
            "the url 'http://a.example.org/', which is no address that begins with https",
        ),
        ({"url": None}, "the url None, which is no address that begins with https://"),
        ({"url": "https://user:cloud-password@a.example.org/"}, "contains a user name or password"),
        ({"username": None}, "a username that is empty"),
        ({"username": ""}, "a username that is empty"),
        ({"password": 12}, "a password that is a number"),
        ({"name": "cl oud"}, "a name that is no name in Orthanc"),
        ({"name": "cloud"}, "stands twice"),
    ],
)
def test_a_wrong_destination_is_one_sentence(change: dict[str, Any], expected: str) -> None:
    (found,) = forwarder_problems({}, [PEER, {**PEER, "name": "archive", **change}])
    assert expected in found
    assert "cloud-password" not in found


def test_a_destination_that_is_no_map() -> None:
    (found,) = forwarder_problems({}, ["https://cloud.example.org/"])
    assert "expected a map with name, url, username and password." in found


def test_all_mistakes_are_found_in_one_pass() -> None:
    assert len(forwarder_problems({"jobs": 100, "batch": 0, "keep_days": -1}, [{**PEER, "timeout": 0}])) == 4
