# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the inventory plugin documents is what the schema checks and what a host gets without the key.

The documentation is read and not obeyed: the schema alone says what is wrong with a site file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml
from ansible_collections.mediverse.pacs.plugins.inventory.sites import DOCUMENTATION
from ansible_collections.mediverse.pacs.plugins.module_utils._rules.dicom import MANUFACTURERS
from ansible_collections.mediverse.pacs.plugins.plugin_utils._sites import read
from ansible_collections.mediverse.pacs.plugins.plugin_utils._sites_schema import FILE, Key

from tests.unit.sites.site_file import changed

OPTIONS: dict[str, Any] = yaml.safe_load(DOCUMENTATION)["options"]
# The places of keys with a default, and the variable of a host that shows it.
SHOWN = {
    "hub.user": ("hub", "ansible_user"),
    "hub.port": ("hub", "ansible_port"),
    "hub.to_gateways": ("kanifing-gateway", "mediverse_to_gateways"),
    "hub.worklist_root": ("kanifing-gateway", "mediverse_worklist_root"),
    "hub.worklist_uid": ("kanifing-gateway", "mediverse_worklist_uid"),
    "sites.<siteid>.cloud.user": ("kanifing-cloud", "ansible_user"),
    "sites.<siteid>.cloud.port": ("kanifing-cloud", "ansible_port"),
    "sites.<siteid>.cloud.rest_port": ("kanifing-cloud", "mediverse_rest_port"),
    "sites.<siteid>.gateway.port": ("kanifing-gateway", "ansible_port"),
    "sites.<siteid>.gateway.aet": ("kanifing-gateway", "mediverse_gateway_aet"),
}


def documented(options: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every key by its path."""
    for name, option in options.items():
        yield f"{path}{name}", option
        yield from documented(option.get("suboptions", {}), f"{path}{name}.")


def checked(shape: Mapping[str, Key], path: str = "") -> Iterator[tuple[str, bool]]:
    """The same of the schema, with what it requires. A map by names has one, in place of all."""
    for name, key in shape.items():
        yield f"{path}{name}", key.required
        yield from checked(key.shape or {}, f"{path}{name}.")
        if key.each:
            below = f"{path}{name}.{'<siteid>' if name == 'sites' else '<name>'}"
            yield below, True
            yield from checked(key.each[1], f"{below}.")


DEFAULTS = {path: option["default"] for path, option in documented(OPTIONS) if "default" in option}


def test_the_keys_are_those_of_the_schema() -> None:
    assert {path: bool(option.get("required")) for path, option in documented(OPTIONS)} == dict(checked(FILE))


def test_every_default_is_looked_at() -> None:
    assert set(DEFAULTS) == {*SHOWN, "sites.<siteid>.scanners.<name>.manufacturer"}


@pytest.mark.parametrize("path", SHOWN)
def test_a_default_is_what_a_host_gets(path: str) -> None:
    name, variable = SHOWN[path]
    hosts = {host.name: host.variables for host in read(changed().encode(), "mediverse.sites.yml")}
    assert hosts[name][variable] == DEFAULTS[path]


def test_manufacturers_are_those_that_the_rule_knows() -> None:
    hosts = {host.name: host.variables for host in read(changed().encode(), "mediverse.sites.yml")}
    option = dict(documented(OPTIONS))["sites.<siteid>.scanners.<name>.manufacturer"]
    assert tuple(option["choices"]) == MANUFACTURERS
    assert hosts["kanifing-gateway"]["mediverse_scanners"]["ct1"]["manufacturer"] == option["default"]
