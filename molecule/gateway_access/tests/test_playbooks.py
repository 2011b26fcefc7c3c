# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stick of the playbook is enough for a PC, the next one ends it, and revocation takes tunnel and worklists."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import COLLECTIONS, ROOT
from tests.kit import images
from tests.scenarios.far_pc import Pc, access, on_hub
from tests.unit.access.hub_programs import fingerprint, whole

DEVICE = "P56IOI7-MZJNU2Y-IQGDREY-DM2MGTI-MGL3BXN-PQ6W5BM-TBBZ4TJ-XZWICQ2"


class Stick:
    """A folder in place of a stick."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.installer = folder / "stick", folder / "wireguard-amd64-1.1.msi"
        self.folder.mkdir()
        self.installer.write_bytes(b"stands for WireGuard's installer")

    def text(self, name: str) -> str:
        return (self.folder / name).read_text()


def play(name: str, *options: str) -> str:
    """What a playbook of the collection said; it has to succeed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    environment |= {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS)}
    command = [str(Path(sys.executable).with_name("ansible-playbook")), f"mediverse.pacs.{name}", "-l", "demo"]
    command += ["-i", str(ROOT / "molecule/gateway_access/inventory"), *options]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    return done.stdout


def write(stick: Stick, *options: str) -> str:
    sums = subprocess.run(["sha256sum", stick.installer], capture_output=True, text=True, check=True).stdout
    given = {"src": str(stick.installer), "sha256": sums.split()[0]}
    settings: dict[str, Any] = {"drive": str(stick.folder), "mediverse_wireguard_installer": given}
    return play("flash_drive", "-e", json.dumps(settings), *options)


def syncthing(method: str, path: str, data: str = "") -> str:
    """The hub's Syncthing."""
    script = (
        "key=$(sed -n 's/.*<apikey>\\(.*\\)<.*/\\1/p' /var/lib/syncthing/config.xml);"
        'curl -sf -X "$1" -H "X-API-Key: $key" ${3:+--data "$3"} "http://127.0.0.1:8384/rest/config/$2"'
    )
    return on_hub(script, method, path, data)


@pytest.fixture(scope="module")
def stick(tmp_path_factory: pytest.TempPathFactory) -> Stick:
    return Stick(tmp_path_factory.mktemp("stick"))


@pytest.fixture(scope="module")
def pc() -> Iterator[Pc]:
    images.prepare("far-pc")
    with Pc("demo", 5) as machine:
        yield machine
    access("revoke", "demo")


def plugged_in(stick: Stick, pc: Pc) -> None:
    """The PC has what stands on the stick, and reports with the stick's token."""
    told = json.loads(stick.text("stick.json"))
    # ssh would offer the public half that lies beside a key, and this is another key's.
    pc.run("rm", "-f", "/root/report-key.pub")
    pc.put({f"/root/{name}": stick.text(name) for name in ("report-key", "known_hosts")})
    pc.stick = {**told, **told["hub"], "address": told["address"], "hub_address": told["hub"]["address"]}
    pc.sends = {**pc.sends, "token": told["token"]}


def test_check_mode_leaves_the_stick_empty(stick: Stick) -> None:
    assert "The stick would be written" in write(stick, "--check")
    assert list(stick.folder.iterdir()) == []
    assert access("look", "demo")["token"] is None


def test_a_stick_is_enough_for_a_pc(stick: Stick, pc: Pc) -> None:
    said = write(stick, "-vvv")
    assert "The stick is good until" in said
    secret = stick.text("report-key").splitlines()[2]
    assert secret not in said
    assert "PRIVATE KEY" not in said
    plugged_in(stick, pc)
    assert pc.reports() == {"taken": True, "fingerprint": whole(pc.sends)}


def test_a_second_stick_ends_the_first(stick: Stick, pc: Pc) -> None:
    key = json.loads(stick.text("stick.json"))["enrolment_key"]
    former = stick.text("report-key")
    write(stick)
    assert json.loads(stick.text("stick.json"))["enrolment_key"] == key
    assert stick.text("report-key") != former
    code, said = pc.try_(
        *("ssh", "-p", "443", "-o", "BatchMode=yes", "-o", "UserKnownHostsFile=/root/known_hosts"),
        *("-i", "/root/report-key", "mediverse-enrol@172.30.86.20"),
    )
    assert (code, "Permission denied" in said) == (255, True), said
    plugged_in(stick, pc)
    assert pc.reports()["taken"]


def test_revocation_takes_tunnel_and_worklists(pc: Pc) -> None:
    assert access("accept", given={"site": "demo", "fingerprint": fingerprint(pc.sends)})["changed"]
    pc.wireguard()
    pc.comes_by("wireguard", 30)
    for name, device in (
        ("demo", DEVICE),
        ("other", "MFZWI3D-BONSGYC-YLTMRWG-C43ENR5-QXGZDMM-FZWI3DP-BONSGYY-LTMRWAD"),
    ):
        syncthing("POST", "devices", json.dumps({"deviceID": device, "name": name}))
    play("revoke")
    assert access("look", "demo")["accepted"] is None
    assert pc.sends["wireguard"] not in on_hub("wg show mediverse0 peers")
    names = [device["name"] for device in json.loads(syncthing("GET", "devices"))]
    assert ("demo" in names, "other" in names) == (False, True)
    assert "changed=0" in play("revoke")
