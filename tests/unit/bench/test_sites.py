# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab of many sites, and what of their cost is not linear."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest

from tests.bench import noop, sites
from tests.lab.site import read_lab


def test_each_site_has_a_gateway_and_all_share_cloud_and_scanner(tmp_path: Path) -> None:
    lab = read_lab(sites.write_inventory(tmp_path / "lab", sites.MOST))
    kinds = [host.kind for host in lab.hosts]
    assert {kind: kinds.count(kind) for kind in kinds} == {"hub": 1, "cloud": 1, "gateway": sites.MOST, "scanner": 1}
    assert len(lab.host("s01-cloud").aliases) == 2 * sites.MOST
    # What the simulated PC takes for the network of the session.
    session = ipaddress.IPv4Network("172.30.160.0/27")
    assert all(ipaddress.IPv4Address(host.address) in session for host in lab.hosts if host.kind == "gateway")


def test_a_lab_that_was_smaller_is_written_anew(tmp_path: Path) -> None:
    for number in (2, 3):
        directory = sites.write_inventory(tmp_path / "lab", number)
    assert read_lab(directory).sites == ("s01", "s02", "s03")
    assert (directory / "group_vars" / "all.yml").is_file()


@pytest.mark.parametrize("number", [0, sites.MOST + 1])
def test_there_is_room_for_so_many_and_no_more(number: int) -> None:
    with pytest.raises(ValueError, match="1 to 20"):
        sites.site_file(number)


def test_each_number_is_a_run_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = []

    def run(self: noop.Noop, limit: str = "all") -> noop.Ran:
        asked.append(limit)
        recap = "".join(f"{host.name} : ok=9 changed=0 \n" for host in self.gateways)
        return noop.Ran(recap, (), 10.0 + 20.0 * (limit.count(":") + 1))

    monkeypatch.setattr(noop.Noop, "run", run)
    monkeypatch.setattr(sites, "up", lambda lab: None)
    found = sites.measure([1, 3], tmp_path / "lab")
    assert asked == ["all", "s01", "s01:s02:s03"]
    assert found == {
        "gateway_noop_cpu_per_site_s": pytest.approx(70 / 3),
        "gateway_noop_cpu_per_site_3_vs_1": pytest.approx(70 / 3 / 30),
    }


@pytest.mark.parametrize(("last", "ratio"), [(410.0, 1.0), (710.0, 2.0)])
def test_what_a_further_site_costs_is_compared_with_an_earlier_one(last: float, ratio: float) -> None:
    """A run that costs 10 s before its first site is linear all the same."""
    found = sites.results({1: 30.0, 5: 110.0, 20: last})
    assert found["gateway_noop_cpu_further_site_20_vs_5"] == pytest.approx(ratio)
    assert found["gateway_noop_cpu_per_site_s"] == pytest.approx(last / 20)
