# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab is described by lab.yml and one site file; whatever cannot be placed is refused in one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab.errors import LabError
from tests.lab.paths import REPOSITORY
from tests.lab.site import read_lab

SITES: dict[str, Any] = {
    "plugin": "mediverse.pacs.sites",
    "domain": "mediverse.test",
    "hub": {"host": "172.30.99.20"},
    "sites": {
        "demo": {
            "cloud": {"host": "172.30.99.10"},
            "gateway": {
                "user": "Administrator",
                "host": "172.30.99.30",
                "scanner_address": "172.30.99.50/27",
                "scanner_mac": "02:00:00:00:00:01",
            },
            "scanners": {"ct1": {"aet": "CT_SCANNER", "host": "172.30.99.40", "port": 104}},
        }
    },
}


def write(directory: Path, sites: dict[str, Any] | None = None, **lab: Any) -> Path:
    """An inventory directory with the two files."""
    settings = {"name": "try", "subnet": "172.30.99.0/24"} | lab
    (directory / "lab.yml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    (directory / "my.sites.yml").write_text(yaml.safe_dump(SITES if sites is None else sites), encoding="utf-8")
    return directory


def test_hosts_get_the_addresses_of_the_site_file(tmp_path: Path) -> None:
    lab = read_lab(write(tmp_path))
    assert {host.name: host.address for host in lab.hosts} == {
        "hub": "172.30.99.20",
        "demo-cloud": "172.30.99.10",
        "demo-gateway": "172.30.99.30",
        "scanner": "172.30.99.40",
    }
    assert lab.host("demo-cloud").aliases == ("demo.viewer.mediverse.test", "demo.pacs.mediverse.test")
    assert lab.container(lab.host("hub")) == "mediverse-try-hub"
    assert lab.sites == ("demo",)


def test_the_scanner_sends_to_the_scanner_side_of_the_gateway(tmp_path: Path) -> None:
    environment = read_lab(write(tmp_path)).host("scanner").environment
    assert environment["GATEWAY_HOST"] == "172.30.99.50"
    assert environment["SCANNER_AET"] == "CT_SCANNER"


def test_kinds_leave_hosts_out(tmp_path: Path) -> None:
    assert [host.name for host in read_lab(write(tmp_path, kinds=["cloud"])).hosts] == ["demo-cloud"]


def test_several_scanners_are_named_after_site_and_scanner(tmp_path: Path) -> None:
    sites = yaml.safe_load(yaml.safe_dump(SITES))
    sites["sites"]["demo"]["scanners"]["mr1"] = {"aet": "MR", "host": "172.30.99.41", "port": 104}
    names = [host.name for host in read_lab(write(tmp_path, sites)).hosts if host.kind == "scanner"]
    assert names == ["demo-ct1", "demo-mr1"]


@pytest.mark.parametrize(
    ("lab", "words"),
    [
        ({"name": "Bad Name"}, "name must be"),
        ({"name": "ca"}, "name must be"),
        ({"subnet": "172.30.99.5/24"}, "subnet must be"),
        ({"subnet": "172.30.98.0/24"}, "must be an IPv4 address inside"),
        ({"kinds": ["printer"]}, "kinds must be"),
    ],
)
def test_wrong_lab_file(tmp_path: Path, lab: dict[str, Any], words: str) -> None:
    with pytest.raises(LabError, match=words) as caught:
        read_lab(write(tmp_path, **lab))
    assert "\n" not in str(caught.value)


def test_two_hosts_on_one_address(tmp_path: Path) -> None:
    sites = yaml.safe_load(yaml.safe_dump(SITES))
    sites["hub"]["host"] = "172.30.99.10"
    with pytest.raises(LabError, match=r"same address 172\.30\.99\.10"):
        read_lab(write(tmp_path, sites))


def two_sites(**second: dict[str, Any]) -> dict[str, Any]:
    """The site, and another one with a gateway of its own."""
    sites: dict[str, Any] = yaml.safe_load(yaml.safe_dump(SITES))
    other = yaml.safe_load(yaml.safe_dump(SITES["sites"]["demo"]))
    other["gateway"] |= {"host": "172.30.99.31", "scanner_address": "172.30.99.51/27"}
    sites["sites"]["other"] = other | second
    return sites


def test_sites_may_share_the_machine_of_the_cloud_and_the_scanner(tmp_path: Path) -> None:
    lab = read_lab(write(tmp_path, two_sites()))
    assert [host.name for host in lab.hosts] == ["hub", "demo-cloud", "demo-gateway", "other-gateway", "scanner"]
    assert "other.viewer.mediverse.test" in lab.host("demo-cloud").aliases


def test_gateways_are_never_shared(tmp_path: Path) -> None:
    gateway = SITES["sites"]["demo"]["gateway"]
    with pytest.raises(LabError, match=r"other-gateway and demo-gateway have the same address 172\.30\.99\.30"):
        read_lab(write(tmp_path, two_sites(gateway=gateway)))


def test_missing_part_of_the_site_file_is_named(tmp_path: Path) -> None:
    sites = yaml.safe_load(yaml.safe_dump(SITES))
    del sites["sites"]["demo"]["cloud"]
    with pytest.raises(LabError, match="'cloud' is missing"):
        read_lab(write(tmp_path, sites))


def test_missing_and_double_site_files(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="does not exist"):
        read_lab(tmp_path)
    write(tmp_path)
    (tmp_path / "other.sites.yml").write_text("{}", encoding="utf-8")
    with pytest.raises(LabError, match="exactly one file"):
        read_lab(tmp_path)


def test_unknown_host_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="it has hub, demo-cloud"):
        read_lab(write(tmp_path)).host("nobody")


def test_every_lab_of_the_repository_can_be_read_and_no_two_share_name_or_subnet() -> None:
    directories = [path.parent for path in REPOSITORY.glob("molecule/*/inventory/lab.yml")]
    labs = [read_lab(directory) for directory in [REPOSITORY / "inventories" / "lab", *directories]]
    assert len({lab.name for lab in labs}) == len(labs)
    assert len({lab.subnet for lab in labs}) == len(labs)


def fresh() -> dict[str, Any]:
    sites: dict[str, Any] = yaml.safe_load(yaml.safe_dump(SITES))
    demo = sites["sites"]["demo"]
    demo["gateway"] = {"scanner_address": "172.30.98.50/27", "scanner_mac": "02:00:00:00:00:01"}
    demo["scanners"]["ct1"]["host"] = "172.30.98.40"
    return sites


def test_a_gateway_without_an_address_is_a_fresh_pc_behind_a_router(tmp_path: Path) -> None:
    lab = read_lab(write(tmp_path, fresh(), inside="172.30.98.0/24"))
    behind = {host.name: (host.address, host.inside, host.fresh) for host in lab.hosts}
    assert behind["demo-gateway"] == ("172.30.98.30", True, True)
    assert behind["scanner"] == ("172.30.98.40", True, False)
    assert behind["router"] == ("172.30.99.60", False, False)
    assert lab.network_of(lab.host("demo-gateway")) == "mediverse-try-inside"
    assert "MEDIVERSE_LAB_USER" not in lab.host("demo-gateway").environment


def test_a_fresh_pc_needs_a_network(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"say in lab\.yml which network that is"):
        read_lab(write(tmp_path, fresh()))
