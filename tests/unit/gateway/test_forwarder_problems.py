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
from ansible_collections.mediverse.pacs.plugins.filter.forwarder_problems import (
    BOUNDS,
    DAYS,
    LARGEST,
    LISTS,
    LOSSLESS,
    MBIT,
    TIMEOUT,
    forwarder_problems,
)

from tests.kit import product

ROLE = Path(__file__).parents[3] / "roles" / "orthanc_windows_gateway"
LUA = (ROLE / "files" / "forwarder" / "settings.lua").read_text(encoding="utf-8")
SPEC = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]["main"]
OPTIONS: dict[str, dict[str, Any]] = SPEC["options"]["orthanc_windows_gateway_forwarder"]["options"]
NUMBER = re.compile(r"^\s*(\w+)\s*=\s*\{ type = 'integer', default = (\d+), min = (\d+), max = (\d+) \}", re.M)
# Nobody has a reason to set these, so they are no variables of the role.
INTERNAL = {"smallest_batch", "window"}
HOURS: dict[str, Any] = {"from": "07:00", "to": "19:00", "mbit": 4}


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def test_bounds_are_those_of_the_forwarder() -> None:
    found = {snake(name): (int(least), int(most)) for name, __, least, most in NUMBER.findall(LUA)}
    days = re.search(r"^local MOST_DAYS = (\d+)$", LUA, re.M)
    assert days
    expected = {**BOUNDS, "largest_megabytes": LARGEST, **{name: found[name] for name in INTERNAL}}
    assert {**found, "keep_days": (0, int(days[1]))} == expected
    rate = re.search(r"^\s*Mbit\s*=\s*\{ type = 'number', min = ([\d.]+), max = (\d+),", LUA, re.M)
    assert rate
    assert (float(rate[1]), int(rate[2])) == MBIT


def test_defaults_are_those_of_the_forwarder() -> None:
    found = {snake(name): int(default) for name, default, __, __ in NUMBER.findall(LUA)}
    documented = {name: OPTIONS[name]["default"] for name in BOUNDS}
    assert documented == {name: found.get(name, 0) for name in BOUNDS}
    written = product.gateway({})["MediverseForwarder"]
    destination = {snake(name): value for name, value in written["Destinations"][0].items()}
    assert {name: {**destination, "keep_days": written["KeepDays"]}[name] for name in BOUNDS} == documented


@pytest.mark.parametrize("name", BOUNDS)
def test_bounds_are_documented(name: str) -> None:
    description = OPTIONS[name]["description"]
    text = description if isinstance(description, str) else " ".join(description)
    assert f"{BOUNDS[name][0]} to {BOUNDS[name][1]}." in text


def test_choices_are_documented() -> None:
    assert tuple(OPTIONS["skip_origins"]["choices"]) == LISTS["skip_origins"]
    assert tuple(OPTIONS["office_hours"]["options"]["days"]["choices"]) == DAYS
    assert set(OPTIONS) == {*BOUNDS, *LISTS, "compress", "transcode", "office_hours"}


def test_good_settings_have_no_problem() -> None:
    assert forwarder_problems({}) == []
    assert forwarder_problems({name: bounds[0] for name, bounds in BOUNDS.items()}) == []
    assert forwarder_problems({name: str(bounds[1]) for name, bounds in BOUNDS.items()}) == []
    assert forwarder_problems({"office_hours": {**HOURS, "mbit": "2.5", "days": ["mon"]}}) == []
    assert forwarder_problems({"office_hours": {}, "transcode": "", "compress": "yes", "skip_origins": []}) == []
    assert [forwarder_problems({"transcode": uid}) for uid in LOSSLESS] == [[]] * len(LOSSLESS)
    assert forwarder_problems({}, [{"name": "cloud"}, {"name": "archive", "timeout": "600"}]) == []


@pytest.mark.parametrize("name", BOUNDS)
def test_numbers_have_bounds(name: str) -> None:
    least, most = BOUNDS[name]
    for value in (least - 1, most + 1, 2.5, "two", True, None, ""):
        (found,) = forwarder_problems({name: value})
        expected = f"expected a whole number from {least} to {most}."
        assert found == f"orthanc_windows_gateway_forwarder.{name} is {value}; {expected}"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"jobz": 3}, "has the unknown setting 'jobz'"),
        ({"transcode": "JPEG-LS"}, "transcode is 'JPEG-LS'; expected nothing, or a lossless transfer syntax"),
        ({"transcode": "1.2.840.10008.1.2.4.50"}, "transcode is '1.2.840.10008.1.2.4.50'; expected nothing, or"),
        ({"compress": "a lot"}, "compress is 'a lot'; expected true or false."),
        ({"skip_http_users": "admin"}, "skip_http_users is admin; expected a list of names."),
        ({"skip_remote_aets": [12]}, "skip_remote_aets is [12]; expected a list of names."),
        ({"skip_origins": ["Moon"]}, "expected a list out of DicomProtocol, RestApi, Plugins, Lua."),
        ({"office_hours": {**HOURS, "from": "7"}}, "goes from '7' to '19:00' with 4 Mbit/s; expected two times in"),
        ({"office_hours": {**HOURS, "to": 1140}}, "goes from '07:00' to '1140' with 4 Mbit/s"),
        ({"office_hours": {**HOURS, "mbit": 0}}, "with 0 Mbit/s; expected two times in quotes"),
        ({"office_hours": {"from": "07:00", "to": "19:00"}}, "with no Mbit/s"),
        ({"office_hours": {**HOURS, "days": ["Monday"]}}, "days is ['Monday']; expected a list of days out of mon,"),
        ({"office_hours": "07:00-19:00"}, "expected a dictionary with from, to and mbit."),
    ],
)
def test_each_mistake_is_one_sentence(settings: dict[str, Any], expected: str) -> None:
    (found,) = forwarder_problems(settings)
    assert expected in found
    assert found.startswith("orthanc_windows_gateway_forwarder")
    assert found.endswith(".")


@pytest.mark.parametrize("seconds", [0, -1, TIMEOUT[1] + 1, "an hour"])
def test_every_destination_has_a_sensible_timeout(seconds: Any) -> None:
    (found,) = forwarder_problems({}, [{"name": "cloud", "timeout": 600}, {"name": "archive", "timeout": seconds}])
    assert found.startswith(f"The destination 'archive' has the timeout {seconds}; expected a whole number of seconds")


def test_all_mistakes_are_found_in_one_pass() -> None:
    assert len(forwarder_problems({"jobs": 100, "batch": 0, "keep_days": -1}, [{"name": "cloud", "timeout": 0}])) == 4
