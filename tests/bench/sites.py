# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each further site of a run costs the controller: a lab of many sites, and runs for the first few and for all.

Each site has a gateway of its own, with the Orthanc and the Syncthing of every lab. They share the machine of the
cloud, as the product allows: there each has its own Orthanc, viewer and names. One scanner stands for those of all
sites; it answers C-ECHO.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.bench.noop import Noop, refuse_changes, say
from tests.lab.__main__ import up
from tests.lab.paths import REPOSITORY
from tests.lab.site import read_lab

NAME = "sites"
MOST = 20
"""Gateways that find room in the network of the session, which the simulated PC takes for one of 32 addresses."""


def site_file(number: int) -> dict[str, Any]:
    """The site file of ``number`` sites, ``s01`` and so on, whose first REST port is 8043."""
    if not 1 <= number <= MOST:
        raise ValueError(f"The lab of many sites has 1 to {MOST} of them, not {number}.")
    return {
        "plugin": "mediverse.pacs.sites",
        "domain": "sites.test",
        "hub": {"host": "172.30.161.20"},
        "sites": {f"s{site:02}": _site(site) for site in range(1, number + 1)},
    }


def _site(number: int) -> dict[str, Any]:
    return {
        "cloud": {"host": "172.30.161.10", "rest_port": 8042 + number},
        "gateway": {
            "host": f"172.30.160.{4 + number}",
            "user": "Administrator",
            "scanner_address": f"172.30.162.{100 + number}/24",
            "scanner_mac": f"02:4D:56:01:60:{number:02}",
        },
        "scanners": {"ct1": {"aet": "CT_SCANNER", "host": "172.30.162.40", "port": 104}},
    }


def write_inventory(directory: Path, number: int) -> Path:
    """Write the inventory of the lab; ``directory`` is two below the checkout, as those of all labs."""
    directory.mkdir(parents=True, exist_ok=True)
    lab = {"name": NAME, "subnet": "172.30.160.0/22"}
    for name, content in (("lab.yml", lab), ("mediverse.sites.yml", site_file(number))):
        (directory / name).write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    variables = directory / "group_vars"
    variables.unlink(missing_ok=True)
    variables.symlink_to(REPOSITORY / "inventories" / "lab" / "group_vars")
    return directory


def measure(numbers: Sequence[int], inventory: Path = REPOSITORY / ".cache" / "bench-sites") -> dict[str, float]:
    """Bring the lab up, build all sites, and run once more for as many of them as each number says."""
    most = max(numbers)
    write_inventory(inventory, most)
    up(read_lab(inventory))
    bench = Noop(inventory)
    bench.run()
    return results(used(bench, numbers))


def used(bench: Noop, numbers: Sequence[int]) -> dict[int, float]:
    """Seconds of the controller by the number of sites, of runs that change nothing; RuntimeError when one does."""
    found = {}
    for number in numbers:
        gateways = bench.gateways[:number]
        ran = bench.run(":".join(host.name.partition("-")[0] for host in gateways))
        refuse_changes(ran, gateways)
        found[number] = ran.cpu
        plays = ", ".join(f"{name} {seconds / number:.2f}" for name, seconds in ran.cpu_by_play().items())
        say(f"{number} sites: {ran.cpu:.1f} s of the controller, {ran.cpu / number:.2f} s for each: {plays}")
    return found


def results(seconds: Mapping[int, float]) -> dict[str, float]:
    """From the processor time for each number of sites: what a site costs, and what of it is not linear."""
    few, *between, most = sorted(seconds)
    found = {
        "gateway_noop_cpu_per_site_s": seconds[most] / most,
        f"gateway_noop_cpu_per_site_{most}_vs_{few}": seconds[most] / most / (seconds[few] / few),
    }
    if between:
        middle = between[-1]
        # What a run costs before its first site is in neither.
        further = (seconds[most] - seconds[middle]) / (most - middle)
        earlier = (seconds[middle] - seconds[few]) / (middle - few)
        found[f"gateway_noop_cpu_further_site_{most}_vs_{middle}"] = further / earlier
    return found
