# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook fetch_installers, as an operator starts it, against makers with TLS on this machine."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.lab import pki

from .makers import EXE, KEY, MSI, ZIP, server, sha256, signed

ROOT = Path(__file__).resolve().parents[3]
PLAYBOOK = [str(Path(sys.executable).with_name("ansible-playbook")), "playbooks/fetch_installers.yml"]


def content() -> dict[str, bytes]:
    digest = hashlib.blake2b(MSI, digest_size=32).hexdigest()
    release = {"assets": [{"name": "syncthing-windows-setup.exe", "digest": f"sha256:{sha256(EXE)}"}]}
    return {
        "/OrthancInstaller-Win64-26.8.1.exe": EXE,
        "/v9.9.9/syncthing-windows-setup.exe": EXE,
        "/tags/v9.9.9": json.dumps(release).encode(),
        "/v2.1.5/syncthing-windows-amd64-v2.1.5.zip": ZIP,
        "/v2.1.5/sha256sum.txt.asc": f"{sha256(ZIP)}  syncthing-windows-amd64-v2.1.5.zip\n".encode(),
        "/wireguard-amd64-1.1.1.msi": MSI,
        "/latest.sig": signed(f"{digest}  wireguard-amd64-1.1.1.msi\n".encode()),
    }


def run(folder: Path, address: str, **more: Any) -> subprocess.CompletedProcess[str]:
    makers = {name: address for name in ("orthanc", "setup", "syncthing", "wireguard")}
    makers |= {"setup_release": f"{address}/tags", "wireguard_key": KEY}
    settings = {"mediverse_makers": makers, "mediverse_installers_ca": str(pki.authority()[0]), **more}
    settings |= {"mediverse_installers": str(folder), "mediverse_syncthing_setup_version": "9.9.9"}
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "NO_COLOR": "1"}
    environment["ANSIBLE_CALLBACK_RESULT_FORMAT"] = "json"
    command = [*PLAYBOOK, "-i", "localhost,", "-e", json.dumps(settings)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)


def test_it_fetches_checks_and_prints(tmp_path: Path) -> None:
    folder, asked = tmp_path / "installers", list[str]()
    with server(tmp_path, content(), asked) as address:
        first = run(folder, address)
        assert first.returncode == 0, first.stdout + first.stderr
        assert "changed=1" in first.stdout
        assert "WireGuard is the file that its maker's signed list names." in first.stdout
        assert "Orthanc is not checked: its maker publishes neither a checksum nor a signature" in first.stdout
        assert (folder / "wireguard-amd64-1.1.1.msi").read_bytes() == MSI
        asked.clear()
        again = run(folder, address)
        assert "changed=0" in again.stdout
        assert asked == []
    lines = json.loads(again.stdout[again.stdout.rindex('"msg": [') + 7 : again.stdout.rindex("]") + 1])
    found = yaml.safe_load("\n".join(lines))
    assert found["orthanc_windows_gateway_installer"]["version"] == "26.8.1"
    variables = {"orthanc_windows_gateway_installer", "syncthing_pair_installer", "syncthing_pair_archive"}
    assert set(found) == variables | {"mediverse_wireguard_installer"}


def test_the_list_of_wireguard_has_to_be_signed_by_its_maker(tmp_path: Path) -> None:
    playbook = yaml.safe_load((ROOT / "playbooks" / "fetch_installers.yml").read_text(encoding="utf-8"))
    real = playbook[0]["tasks"][0]["vars"]["mediverse_makers"]
    with server(tmp_path, content(), []) as address:
        makers = {name: address for name in ("orthanc", "setup", "syncthing", "wireguard")}
        makers |= {"setup_release": f"{address}/tags", "wireguard_key": real["wireguard_key"]}
        done = run(tmp_path / "installers", address, mediverse_makers=makers)
    assert done.returncode == 2
    assert f"WireGuard: {address}/latest.sig is not signed with its maker's key; nothing was taken." in done.stdout
    assert not list((tmp_path / "installers").glob("wireguard*"))
