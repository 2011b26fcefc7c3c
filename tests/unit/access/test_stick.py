# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stick: whole or not at all, nothing of others, and what stands in its files is what PC and hub take."""

from __future__ import annotations

import base64
import json
import subprocess
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils._access import report
from ansible_collections.mediverse.pacs.plugins.plugin_utils import _stick as stick
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.unit import ad_hoc

HUB = {
    "address": "10.98.0.2",
    "network": "10.98.0.0/16",
    "hub_address": "10.98.0.1",
    "wireguard_key": "x" * 43 + "=",
    "wireguard_port": 51820,
    "ssh_port": 443,
    "host_key": "ssh-ed25519 AAAA",
}


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    place = tmp_path / "stick"
    place.mkdir()
    return place


@pytest.fixture
def installer(tmp_path: Path) -> Path:
    file = tmp_path / "wireguard-amd64-1.1.msi"
    file.write_bytes(b"an installer")
    return file


def names(drive: Path) -> list[str]:
    return sorted(str(path.relative_to(drive)) for path in drive.rglob("*") if path.is_file())


def call(drive: Path, installer: Path, *options: str, **more: Any) -> dict[str, Any]:
    """The module inside Ansible."""
    programs = {"wireguard": {"src": str(installer), "sha256": stick.checksum(installer)}}
    site = {"site": "kanifing", "label": "Kanifing <General>", "hub_host": "203.0.113.5", "ports": [4242, 8042]}
    return ad_hoc.run("flash_drive", {"drive": str(drive), **site, "installers": programs, **more}, *options)


def fresh() -> dict[str, str]:
    private, public = stick.token_key()
    times = {"made": "2026-11-30T18:00:00Z", "ends": "2026-12-02T18:00:00Z"}
    return {"token": "k3v9a8b7", "private": private, "public": public, **times}


def test_everything_is_written_and_its_manifest_is_right(drive: Path, installer: Path) -> None:
    key, new = stick.enrolment_key(), fresh()
    for __ in range(2):
        done = call(drive, installer, fresh=new, hub=HUB, enrolment_key=key)
        assert done["changed"] is True
    assert names(drive) == sorted(done["files"])
    assert {"START-HERE.html", "stick.json", "report-key", "known_hosts", "manifest.sha256"} < set(names(drive))
    assert f"installers/{installer.name}" in names(drive)
    subprocess.run(["sha256sum", "--quiet", "--strict", "-c", "manifest.sha256"], cwd=drive, check=True)
    listed = [line.split("  ")[1] for line in (drive / "manifest.sha256").read_text().splitlines()]
    assert sorted([*listed, "manifest.sha256"]) == names(drive)
    assert (drive / "known_hosts").read_text() == "[203.0.113.5]:443 ssh-ed25519 AAAA\n"
    page = (drive / "START-HERE.html").read_text()
    assert "Kanifing &lt;General&gt;" in page
    assert "02 December 2026, 18:00" in page
    everything = "".join(path.read_text(errors="replace") for path in drive.rglob("*") if path.is_file())
    assert key.splitlines()[1] not in everything


def test_what_the_stick_says_is_what_the_decision_says(drive: Path, installer: Path) -> None:
    key = stick.enrolment_key()
    call(drive, installer, fresh=fresh(), hub=HUB, enrolment_key=key)
    told = json.loads((drive / "stick.json").read_text())
    numbers = told.pop("enrolment_key")
    assert told == {
        **{"format": 1, "site": "kanifing", "label": "Kanifing <General>", "token": "k3v9a8b7", "way": "tunnel"},
        **{"made": "2026-11-30T18:00:00Z", "ends": "2026-12-02T18:00:00Z"},
        **{"address": "10.98.0.2", "network": "10.98.0.0/16", "winrm_from": ["10.98.0.1"], "ports": [4242, 8042]},
        "hub": {
            "host": "203.0.113.5",
            "ssh_port": 443,
            "wireguard_port": 51820,
            "wireguard_key": HUB["wireguard_key"],
            "address": "10.98.0.1",
        },
        "installers": {"wireguard": f"installers/{installer.name}"},
    }
    modulus, exponent = (int.from_bytes(base64.b64decode(numbers[name]), "big") for name in ("modulus", "exponent"))
    oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)
    sent = rsa.RSAPublicNumbers(exponent, modulus).public_key().encrypt(b"a password", oaep)
    private = load_pem_private_key(key.encode(), None)
    assert isinstance(private, rsa.RSAPrivateKey)
    assert (private.key_size, private.decrypt(sent, oaep)) == (3072, b"a password")


def test_the_token_is_a_key_that_ssh_and_the_hub_take(tmp_path: Path) -> None:
    private, public = stick.token_key()
    file = tmp_path / "report-key"
    file.write_text(private)
    file.chmod(0o600)
    read = subprocess.run(["ssh-keygen", "-y", "-f", str(file)], capture_output=True, text=True, check=True).stdout
    assert " ".join(read.split()[:2]) == public
    assert report.is_ssh(public)


def test_the_first_call_makes_what_is_new_and_shows_nothing_of_it(drive: Path, installer: Path) -> None:
    done = call(drive, installer)
    assert "fresh" not in done
    assert "censored" in done
    assert names(drive) == []


def test_check_mode_writes_nothing(drive: Path, installer: Path) -> None:
    done = call(drive, installer, "--check", fresh=fresh(), hub=HUB, enrolment_key=stick.enrolment_key())
    assert (done["changed"], done["files"], names(drive)) == (True, [], [])


def test_a_stick_with_other_things_is_left_alone(drive: Path, installer: Path) -> None:
    (drive / "System Volume Information").mkdir()
    (drive / "thesis.docx").touch()
    said = call(drive, installer, fresh=fresh(), hub=HUB, enrolment_key=stick.enrolment_key())["msg"]
    assert "holds thesis.docx, which is not of a stick of ours; take an empty one." in said
    assert names(drive) == ["thesis.docx"]


def test_an_installer_that_is_another_file_is_refused(drive: Path, installer: Path) -> None:
    wrong = {"wireguard": {"src": str(installer), "sha256": "0" * 64}}
    assert "is not the file whose SHA-256" in call(drive, installer, installers=wrong)["msg"]


def test_a_full_stick_is_refused(drive: Path, installer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(1, 1, 0))
    with pytest.raises(stick.StickError, match="2 MiB are needed; take a larger stick"):
        stick.look(drive, {"installers/x": installer})


def test_a_folder_that_is_not_there_is_refused(drive: Path) -> None:
    with pytest.raises(stick.StickError, match="is no folder; put the stick in"):
        stick.look(drive / "x", {})


def test_a_stick_whose_switch_is_set_is_refused(drive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(stick.StickError, match=r"cannot be written \(Read-only file system\); see its switch"):
        stick.look(drive, {})


def test_a_stick_that_ends_in_the_middle_is_empty_and_was_no_stick_meanwhile(drive: Path, installer: Path) -> None:
    stick.write(drive, {"stick.json": "{}"}, {"installers/a.msi": installer})
    with pytest.raises(stick.StickError, match="nothing was left on it; take another"):
        stick.write(drive, {"stick.json": "{}"}, {"installers/a.msi": installer, "installers/b.msi": drive})
    assert names(drive) == []


def test_command_files_have_the_line_ends_of_windows(drive: Path, tmp_path: Path) -> None:
    source = tmp_path / "x.cmd"
    source.write_bytes(b"@echo off\nrem two\n")
    stick.write(drive, {}, {"enrol.cmd": source})
    assert (drive / "enrol.cmd").read_bytes() == b"@echo off\r\nrem two\r\n"
    assert stick.checksum(drive / "enrol.cmd") in (drive / stick.MANIFEST).read_text()


def test_a_site_with_a_vpn_of_its_own_needs_no_wireguard_and_takes_its_pages(drive: Path, tmp_path: Path) -> None:
    sheets = tmp_path / "sheets"
    sheets.mkdir()
    (sheets / "kanifing-ct1.html").write_text("a page")
    (sheets / "kanifing.html.bak").write_text("no page")
    own = {"way": "own", "address": "10.8.0.12", "installers": {}, "sheets": str(sheets)}
    site = {"site": "kanifing", "label": "K", "hub_host": "203.0.113.5", "ports": [4242], **own, "drive": str(drive)}
    assert "mediverse_winrm_from is not set" in ad_hoc.run("flash_drive", site)["msg"]
    wrong = ad_hoc.run("flash_drive", {**site, "winrm_from": ["10.8.0.0/99"]})["msg"]
    assert "mediverse_winrm_from holds '10.8.0.0/99', which is not an IPv4 network" in wrong
    given = {**site, "winrm_from": ["10.8.0.1"], "fresh": fresh(), "enrolment_key": stick.enrolment_key()}
    assert ad_hoc.run("flash_drive", {**given, "hub": {**HUB, "address": ""}})["changed"]
    told = json.loads((drive / "stick.json").read_text())
    assert (told["way"], told["address"]) == ("own", "10.8.0.12")
    assert (told["winrm_from"], told["installers"]) == (["10.8.0.1"], {})
    assert (drive / "sheets" / "kanifing-ct1.html").read_text() == "a page"
    assert [path.name for path in (drive / "sheets").iterdir()] == ["kanifing-ct1.html"]
    page = (drive / "START-HERE.html").read_text()
    assert ("has a page for each scanner" in page, "MV1" in page) == (True, False)


def test_a_stick_without_pages_says_so(drive: Path, installer: Path) -> None:
    call(drive, installer, fresh=fresh(), hub=HUB, enrolment_key=stick.enrolment_key(), sheets=str(drive / "none"))
    page = (drive / "START-HERE.html").read_text()
    assert ("is not on this stick" in page, "MV1" in page) == (True, True)
    assert "<li>Call the operator and read" in page


def test_the_page_says_whom_to_call(drive: Path, installer: Path) -> None:
    key = stick.enrolment_key()
    call(drive, installer, fresh=fresh(), hub=HUB, enrolment_key=key, operator="Fatou <Ceesay>, +220 555 0123")
    page = (drive / "START-HERE.html").read_text()
    assert "<li>Call <b>Fatou &lt;Ceesay&gt;, +220 555 0123</b> and read" in page
