# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong before a run is said in one sentence, and nothing is changed by then."""

from __future__ import annotations

import contextlib
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.scenarios import site_lab as site


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[Path]:
    """A copy of the inventory that a test can break."""
    # Beside the real ones, because the variables of the lab find their files from where the inventory lies.
    place = site.STATE / "broken" / tmp_path.name
    shutil.copytree(site.INVENTORY, place, symlinks=False, dirs_exist_ok=True)
    yield place
    shutil.rmtree(place)


def _change(place: Path, path: str, value: object) -> None:
    file = place / "mediverse.sites.yml"
    data = yaml.safe_load(file.read_text(encoding="utf-8"))
    *parents, last = path.split(".")
    node = data
    for parent in parents:
        node = node[parent]
    node[last] = value
    file.write_text(yaml.safe_dump(data), encoding="utf-8")


def _refused(*arguments: str, sentence: str, plays: bool = True) -> site.Run:
    """``plays``: false for what Ansible finds out while it reads the sites, when there is no recap yet."""
    run = site.ansible("site.yml", "-l", "demo", *arguments)
    assert run.code != 0
    assert sentence in " ".join(run.output.split()), run.output[-2500:]
    assert ("PLAY [" in run.output) == plays
    if plays:
        assert run.changed() == 0, run.recap()
    return run


def test_a_wrong_site_file(sites: Path) -> None:
    second = yaml.safe_load((sites / "mediverse.sites.yml").read_text(encoding="utf-8"))["sites"]["demo"]
    _change(sites, "sites.other", second)
    _change(sites, "sites.demo.scanners.ct1.aet", "A" * 17)
    _change(sites, "sites.demo.gateway.scaner_mac", "x")
    run = _refused("-i", str(sites), sentence="has 5 errors:", plays=False)
    for line in (
        "sites.demo.scanners.ct1.aet: 'AAAAAAAAAAAAAAAAA' has 17 characters; expected an AE title of at most 16.",
        "sites.demo.gateway.scaner_mac: the key is unknown;",
        "sites.other.cloud.host: '172.30.82.10' is used by sites.demo too",
        "sites.other.gateway.host: '172.30.82.30' is used by sites.demo too",
    ):
        assert line in run.output


def test_a_wrong_password() -> None:
    sentence = (
        "demo-gateway (172.30.82.30:5986) refuses the password of Administrator; correct mediverse_winrm_password"
    )
    _refused("-i", str(site.INVENTORY), "-e", "mediverse_winrm_password=not-the-password", sentence=sentence)


def test_a_gateway_that_does_not_answer(sites: Path) -> None:
    _change(sites, "sites.demo.gateway.host", "172.30.82.99")
    _refused("-i", str(sites), sentence="demo-gateway (172.30.82.99:5986) does not answer by WinRM over HTTPS; check")


def test_a_hub_that_does_not_answer(sites: Path) -> None:
    _change(sites, "hub.host", "172.30.82.98")
    _refused("-i", str(sites), sentence="hub (172.30.82.98:22) does not answer by SSH; check")


def _somebody_on_443() -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection((site.CLOUD_ADDRESS, 443), timeout=5).close()
        return True
    return False


@contextmanager
def _stranger_on_443() -> Iterator[None]:
    proxy = "nginx-proxy-manager-proxy-1"
    site.inside(site.CLOUD, "docker", "stop", "-t", "2", proxy)
    site.inside(site.CLOUD, "sh", "-c", "python3 -m http.server 443 >/dev/null 2>&1 & echo $! > /run/stranger.pid")
    try:
        site.wait("the stranger's start", _somebody_on_443, 60)
        yield
    finally:
        site.inside(site.CLOUD, "sh", "-c", "kill $(cat /run/stranger.pid); rm /run/stranger.pid")
        site.inside(site.CLOUD, "docker", "start", proxy)


def test_a_cloud_host_with_port_443_taken() -> None:
    with _stranger_on_443():
        _refused("-i", str(site.INVENTORY), sentence="Port 443 of demo-cloud is already taken by python3")
