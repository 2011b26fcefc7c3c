# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole of enrol.ps1: what it leaves on the PC and at the hub, again and again, after crashes, and undone."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils._access import report as reports
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from tests.unit.access.certificates import certificate
from tests.unit.access.hub import SSHD, Hub
from tests.unit.access.machine import (
    MACHINE,
    PWSH,
    SCRIPTS,
    TUNNEL,
    Machine,
    decrypt,
    fresh,
    long,
    place,
    prepare,
    somebody,
    stamp,
    stick_data,
)

pytestmark = [
    pytest.mark.skipif(PWSH is None, reason="no pwsh on PATH: install PowerShell 7 to run the .ps1 files"),
    pytest.mark.skipif(SSHD is None, reason="no sshd: install OpenSSH's server for the hub's side"),
]

DENIED = ("SeDenyInteractiveLogonRight", "SeDenyRemoteInteractiveLogonRight")
POLICIES = r"hklm\software\microsoft\windows\currentversion\policies\system"
FILTER = {"name": "LocalAccountTokenFilterPolicy", "type": "dword", "data": 0}


def private_key(pc: Machine) -> str:
    found = re.search(r"PrivateKey = (\S+)", (pc.access / "mediverse.conf").read_text())
    assert found
    return found[1]


def policies(state: dict[str, Any]) -> dict[str, Any]:
    return {value["name"]: value["data"] for value in state["registry"][POLICIES]["values"].values()}


def good(pc: Machine) -> None:
    """Everything that an enrolled PC has."""
    state = pc.state
    account = state["users"]["mediverse"]
    assert account["enabled"]
    assert account["password_never_expires"]
    assert account["groups"] == ["Administrators"]
    for right in DENIED:
        assert state["rights"][right].count(r"CT-PC\mediverse") == 1
    assert r"CT-PC\Invité" in state["rights"]["SeDenyInteractiveLogonRight"], "somebody else lost a right"
    (certificate,) = state["certificates"]
    winrm = state["services"]["WinRM"]
    assert (winrm["start_mode"], winrm["state"]) == ("auto", "started")
    (listener,) = state["winrm_listeners"]
    assert (listener["Transport"], listener["Address"]) == ("HTTPS", "*")
    assert listener["CertificateThumbprint"] == certificate["thumbprint"]
    assert policies(state) == {"EnableLUA": 1, "LocalAccountTokenFilterPolicy": 1}
    (rule,) = [rule for rule in state["firewall"]["rules"] if rule["Enabled"]]
    assert (rule["InstanceID"], rule["LocalPorts"], rule["RemoteAddresses"]) == ("MediverseWinRM", "5986", "127.98.0.1")
    # Inbound, allowed, in all profiles, TCP.
    assert (rule["Direction"], rule["Action"], rule["Profiles"], rule["Protocol"]) == (1, 1, 0x7FFFFFFF, 6)
    assert list(state["tasks"]) == ["\\MediverseAccess"]
    assert state["services"][TUNNEL]["start_mode"] == "auto"
    report = reports.parse((pc.access / "report.json").read_bytes(), "tunnel")
    assert decrypt(report["password"]) == account["password"], "the report tells another password than the account has"
    assert report["certificate"] == certificate["der"]
    key = X25519PrivateKey.from_private_bytes(base64.b64decode(private_key(pc)))
    assert report["wireguard"] == base64.b64encode(key.public_key().public_bytes_raw()).decode()
    private = ["mediverse.conf", "report-key", *(["ssh-key"] if report["ssh"] else [])]
    for name in ["", *private]:
        acl = state["acl"][place(name)]
        who = {entry["account"] for entry in acl["entries"]}
        assert who == {r"NT AUTHORITY\SYSTEM", r"BUILTIN\Administrators"}, name
        assert acl["owner"] == r"BUILTIN\Administrators", name
    assert not {"wireguard.msi", "rights.inf", "rights.sdb", "rights.jfm", "ssh-key.pub"} & set(pc.files())


def shown(output: str) -> str:
    found = re.search(r"Fingerprint of this PC: ((?:[0-9a-f]{4}-?){6})", output)
    assert found, output
    return found[1].strip()


def test_a_fresh_pc_is_enrolled_and_the_hub_has_its_report(enrolled: Machine, hub: Hub) -> None:
    pc = enrolled
    good(pc)
    report = pc.report()
    assert hub.taken() == report
    assert (report["machine"], report["computer"], report["windows"]) == (MACHINE, "CT-PC", "10.0.19045")
    first, second = report["adapters"]
    assert first == {
        "name": "Ethernet",
        "mac": "00:1B:44:11:3A:B7",
        "link": True,
        "addresses": ["192.168.1.20/24"],
        "default_route": True,
    }
    assert (second["name"], second["link"], second["addresses"]) == ("Ethernet 2", False, [])
    assert shown(pc.said) == reports.shown(reports.fingerprint(report))
    assert "DONE. The hub has the report." in pc.said
    # No secret in the log, on the screen, in what the PC tells, or on a command line.
    password = pc.state["users"]["mediverse"]["password"]
    assert re.fullmatch(r"[A-Za-z0-9_-]{32}", password)
    said = pc.said + pc.log() + (pc.stick / "enrol.log").read_text()
    for secret in (password, private_key(pc), report["password"]):
        assert secret not in said
    everything = json.dumps({name: data.decode("latin-1") for name, data in pc.files().items()})
    assert password not in everything


@pytest.mark.parametrize(("host", "right"), [("own", True), ("127.0.0.1", True), ("127.98.0.1", False)])
def test_a_strict_client_trusts_the_certificate_for_its_two_addresses_alone(
    enrolled: Machine, tmp_path: Path, host: str, right: bool
) -> None:
    (certificate,) = enrolled.state["certificates"]
    pem = tmp_path / "pc.pem"
    pem.write_text(ssl.DER_cert_to_PEM_cert(base64.b64decode(enrolled.report()["certificate"])) + certificate["key"])
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    client = ssl.create_default_context(cafile=str(pem))
    client.verify_flags |= ssl.VerifyFlags.VERIFY_X509_STRICT
    name = json.loads((enrolled.access / "stick.json").read_text())["address"] if host == "own" else host
    assert _handshake(server, client, name) is right


def _handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> bool:
    """Both ends in memory: whether the client is content with the server's certificate."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname=name)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    for __ in range(10):
        for end in (ours, theirs):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError:
                return False
            if end is ours:
                return True
    raise AssertionError("the handshake does not end")


def test_a_second_and_a_third_run_change_nothing(enrolled: Machine, hub: Hub) -> None:
    pc = enrolled
    before, kept = pc.state, pc.files()
    for __ in range(2 if os.environ.get("MEDIVERSE_LONG") else 1):
        again = pc.enrol()
        assert again.returncode == 0, again.stdout + again.stderr
        assert "  set  " not in again.stdout
        assert shown(again.stdout) == shown(pc.said)
    assert pc.state == before
    assert pc.files() == kept
    assert hub.deliveries() == 1


def test_what_was_broken_is_mended_and_the_fingerprint_stays(enrolled: Machine) -> None:
    pc = enrolled
    state = pc.state
    state["users"]["mediverse"]["enabled"] = False
    state["users"]["mediverse"]["groups"] = []
    state["rights"].update({name: [] for name in DENIED})
    state["rights"]["SeDenyInteractiveLogonRight"] = [r"CT-PC\Invité"]
    del state["registry"][POLICIES]["values"]["localaccounttokenfilterpolicy"]
    state["services"]["WinRM"] |= {"start_mode": "manual", "state": "stopped"}
    state["services"].pop(TUNNEL)
    state["winrm_listeners"] = []
    rules = {rule["InstanceID"]: rule for rule in state["firewall"]["rules"]}
    rules["MediverseWinRM"]["RemoteAddresses"] = "*"
    rules["WINRM-HTTP-In-TCP"]["Enabled"] = True
    state["tasks"]["\\MediverseAccess"]["enabled"] = False
    pc.set(**state)
    again = pc.enrol()
    assert again.returncode == 0, again.stdout + again.stderr
    good(pc)
    assert shown(again.stdout) == shown(pc.said)


GONE = ("account", "conf", "ssh-key", "half a key", "the name of the way through the hub")


@pytest.mark.long
@pytest.mark.parametrize("gone", ["certificate", *GONE])
def test_what_is_gone_is_made_anew_and_is_another_pc_to_the_hub(enrolled: Machine, gone: str) -> None:
    pc = enrolled
    state = pc.state
    if gone == "account":
        del state["users"]["mediverse"]
    elif gone == "certificate":
        state["certificates"] = []
    elif gone == "the name of the way through the hub":
        der, pem = certificate(json.loads((pc.access / "stick.json").read_text())["address"])
        thumbprint = hashlib.sha1(base64.b64decode(der)).hexdigest().upper()
        state["certificates"][0] |= {
            "der": der,
            "thumbprint": thumbprint,
            "key": pem[pem.index("-----BEGIN PRIVATE") :],
        }
    elif gone == "conf":
        (pc.access / "mediverse.conf").unlink()
    elif gone == "half a key":
        (pc.access / "ssh-key").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    else:
        (pc.access / "ssh-key").unlink()
    pc.set(**state)
    again = pc.enrol()
    assert again.returncode == 2, again.stdout + again.stderr
    good(pc)
    assert shown(again.stdout) != shown(pc.said)
    assert "The hub does not take the report: The stick was used on another PC" in again.stdout


@pytest.mark.long
def test_a_new_stick_gets_the_same_pc_with_its_own_token(enrolled: Machine, hub: Hub) -> None:
    pc = enrolled
    before = pc.state["users"]["mediverse"]["password"]
    (hub.folder / "report.json").unlink()
    prepare(pc, hub, token="another0token")
    again = pc.enrol()
    assert again.returncode == 0, again.stdout + again.stderr
    assert hub.taken()["token"] == "another0token"
    assert pc.state["users"]["mediverse"]["password"] == before
    good(pc)


@pytest.mark.long
def test_the_hub_is_down_and_comes_back(pc: Machine, hub: Hub) -> None:
    prepare(pc, hub)
    hub.stop()
    done = pc.enrol()
    assert done.returncode == 2, done.stdout + done.stderr
    good(pc)
    assert f"The hub does not answer at 127.0.0.1, TCP port {hub.port}" in done.stdout
    report = pc.report()
    text = reports.encode_short("kanifing", report["wireguard"], reports.fingerprint(report))
    assert text in done.stdout.splitlines()
    hub.start()
    assert pc.watch().returncode == 0
    assert hub.taken() == report
    assert "The hub has the report." in pc.log()
    assert pc.enrol().returncode == 0
    assert hub.deliveries() == 1


@pytest.mark.long
def test_a_stranger_in_the_place_of_the_hub_gets_nothing(pc: Machine, hub: Hub) -> None:
    prepare(pc, hub)
    hub.stop()
    hub.start(host_key="other")
    done = pc.enrol()
    assert done.returncode == 2
    assert "is not the hub" in done.stdout
    assert hub.deliveries() == 0


@pytest.mark.long
def test_the_token_that_the_hub_no_longer_takes(pc: Machine, hub: Hub) -> None:
    prepare(pc, hub)
    hub.admit(expiry="20200101")
    done = pc.enrol()
    assert done.returncode == 2
    assert "The hub no longer takes the key of this stick; ask the operator for a new stick." in done.stdout


@pytest.mark.long
def test_a_pc_that_was_taken_is_mended_after_the_end_of_its_stick(enrolled: Machine, hub: Hub) -> None:
    pc = enrolled
    prepare(pc, hub, made=stamp(-60), ends=stamp(-12))
    done = pc.enrol()
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "name", ["installers/wireguard-amd64-1.1.msi", *(long(one) for one in ("enrol.ps1", "watch.ps1", "stick.json"))]
)
def test_a_file_of_the_stick_that_was_changed(pc: Machine, hub: Hub, name: str) -> None:
    prepare(pc, hub)
    with (pc.stick / name).open("a") as file:
        file.write("\n")
    done = pc.enrol()
    assert done.returncode == 1
    assert f"The file {name} of the stick is not as it was made" in done.stdout
    assert pc.state == fresh()
    assert not pc.access.exists()


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"site": "../x"}, "site"),
    ({"hub": {"host": "-oProxyCommand=x"}}, "host"),
    ({"installers": {"wireguard": "installers/../../x.msi"}}, "installers"),
    ({"address": "10.98.0.12 -o ProxyCommand=x"}, "address"),
    ({"address": "10.98.0.012"}, "address"),
    ({"winrm_from": []}, "winrm_from"),
    ({"winrm_from": ["Any"]}, "winrm_from"),
    ({"way": "none"}, "way"),
    ({"enrolment_key": {"modulus": "AAAA", "exponent": "AQAB"}}, "enrolment_key"),
    ({"ends": "soon"}, "ends"),
    ({"format": 2}, "format"),
]


@pytest.mark.parametrize(("change", "wrong"), [*WRONG[:3], *(long(*one) for one in WRONG[3:])])
def test_a_wrong_value_of_the_stick_is_refused_by_its_name(pc: Machine, change: dict[str, Any], wrong: str) -> None:
    pc.write_stick(stick_data(**change))
    done = pc.enrol()
    assert done.returncode == 1
    assert f"The file stick.json has a wrong {wrong};" in done.stdout
    assert pc.state == fresh()


def test_an_obstacle_changes_nothing(pc: Machine, hub: Hub) -> None:
    prepare(pc, hub)
    pc.set(free_space=0, elevated=False)
    before = pc.state
    done = pc.enrol()
    assert done.returncode == 1
    assert "Nothing was changed. Mend what stands above (2)" in done.stdout
    assert pc.state == before
    assert not pc.access.exists()
    assert "STOP" in (pc.stick / "enrol.log").read_text()


def test_a_folder_that_somebody_prepared_is_not_trusted(enrolled: Machine) -> None:
    pc = enrolled
    pc.set(acl={})
    done = pc.enrol()
    assert done.returncode == 1
    assert "is open to others than administrators" in done.stdout


@pytest.mark.long
def test_a_folder_that_leads_elsewhere_is_not_followed(pc: Machine, hub: Hub, tmp_path: Path) -> None:
    prepare(pc, hub)
    pc.access.parent.mkdir()
    pc.access.symlink_to(tmp_path)
    done = pc.enrol()
    assert done.returncode == 1
    assert "is a link to another place; remove it." in done.stdout


@pytest.mark.long
@pytest.mark.parametrize("what", ["stubborn_rights", "stubborn_registry"])
def test_a_windows_that_says_yes_and_does_not_do_it(pc: Machine, hub: Hub, what: str) -> None:
    prepare(pc, hub)
    pc.set(**{what: True})
    done = pc.enrol()
    assert done.returncode == 1
    assert "Windows does not keep what was set; a policy of the hospital may be against it" in done.stdout


@pytest.mark.long
def test_where_wireguard_is_forbidden_the_second_way_is_left(pc: Machine, hub: Hub) -> None:
    prepare(pc, hub)
    pc.set(msi_exit=1625)
    done = pc.enrol()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WireGuard does not work on this PC, so the second way by SSH is used" in done.stdout
    assert (hub.taken()["wireguard"], bool(hub.taken()["ssh"])) == ("", True)


def test_another_installation_that_runs_is_waited_for(pc: Machine) -> None:
    """Not taken for a PC without WireGuard. The code has more bits than programs have here, so the call is replaced."""
    (said,) = pc.ask(
        """$fact = @{ ssh = $true }
        $settings = [PSCustomObject]@{ installers = @{ wireguard = 'x.msi' } }
        $sums = @{ 'x.msi' = 'AA' }
        $Stick = '/stick'
        function Save-Before { }
        function Copy-Item { }
        function Get-FileHash { @{ Hash = 'AA' } }
        function Invoke-Program { @{ Code = 1618 } }
        $step = @{ What = 'The program WireGuard'; Test = { $false }; Set = { Install-WireGuard }; Way = 'wireguard' }
        try { Invoke-Step $step (New-Object -TypeName System.Collections.ArrayList) } catch { $_.Exception.Message }"""
    )
    assert said.startswith("The program WireGuard: Another installation is running on this PC; wait until it has ended")


def test_a_site_with_a_way_of_its_own_gets_winrm_alone(pc: Machine, hub: Hub) -> None:
    prepare(pc, hub, way="own", address="192.168.1.20", winrm_from=["192.168.1.0/24", "10.1.1.1"])
    for __ in range(2):
        done = pc.enrol()
        assert done.returncode == 0, done.stdout + done.stderr
        report = reports.parse((pc.access / "report.json").read_bytes(), "own")
        assert (report["wireguard"], report["ssh"]) == ("", "")
        assert hub.taken() == report
    assert "  set  " not in done.stdout
    (rule,) = [rule for rule in pc.state["firewall"]["rules"] if rule["Enabled"]]
    assert rule["RemoteAddresses"] == "192.168.1.0/255.255.255.0,10.1.1.1"
    assert TUNNEL not in pc.state["services"]
    assert pc.remove().returncode == 0


@pytest.mark.long
def test_without_an_ssh_client_nothing_is_changed(tmp_path: Path) -> None:
    pc = Machine(tmp_path / "pc", ssh=False)
    pc.write_stick(stick_data())
    before = pc.state
    done = pc.enrol()
    assert done.returncode == 1, done.stdout + done.stderr
    assert "This Windows has no SSH client" in done.stdout
    assert pc.state == before


def test_what_was_there_before_comes_back_with_removal(pc: Machine, hub: Hub) -> None:
    prepare(pc, hub)
    http = {"Address": "*", "Transport": "HTTP", "Port": "5985", "Enabled": "true", "Hostname": ""}
    state = fresh()
    state["winrm_listeners"] = [{**http, "CertificateThumbprint": ""}]
    state["services"]["WinRM"]["state"] = "started"
    state["firewall"]["rules"][0]["Enabled"] = True
    state["registry"][POLICIES]["values"]["localaccounttokenfilterpolicy"] = FILTER
    pc.set(**state)
    before = pc.lasting()
    assert pc.enrol().returncode == 0
    good(pc)
    account = pc.state["users"]["mediverse"]["sid"]
    pc.set(user_profiles=[account, before["technician"]])
    done = pc.remove()
    assert done.returncode == 0, done.stdout + done.stderr
    assert pc.lasting() == {**before, "user_profiles": [before["technician"]]}
    assert not pc.access.parent.exists()
    assert pc.remove().returncode == 0, "nothing to remove is no error"


@pytest.mark.long
def test_removal_leaves_somebody_elses_things_alone(pc: Machine, hub: Hub) -> None:
    pc.set(users={"mediverse": somebody("x")})
    prepare(pc, hub)
    before = pc.state
    assert pc.remove().returncode == 0
    assert pc.state == before


@pytest.mark.parametrize("start", ["fresh", long("enrolled")])
def test_without_power_at_any_moment_the_next_run_ends_right(pc: Machine, hub: Hub, tmp_path: Path, start: str) -> None:
    """``fresh``: the enrolment is cut and run again. ``enrolled``: the removal is cut and run again."""
    prepare(pc, hub)
    hub.stop()
    before = pc.lasting()
    album = tmp_path / "album"
    album.mkdir()
    if start == "fresh":
        assert pc.enrol(album=album).returncode == 2
    else:
        pc.enrol()
        assert pc.remove(album=album).returncode == 0
    assert len(list(album.iterdir())) >= 20
    pictures = _different(album)
    assert len(pictures) >= 10
    pictures = _chosen(pictures)
    pc.again_from(album, remove=start == "enrolled")
    for picture in pictures:
        said = picture.with_suffix(".said").read_text()
        assert ("The PC is ready" if start == "fresh" else "DONE. Nothing") in said, f"{picture.name}: {said}"
        pc.back_to(picture.with_suffix(".after"))
        if start == "fresh":
            good(pc)
            assert pc.state["accounts"] == 1
        else:
            assert pc.lasting() == before
            assert not pc.access.parent.exists()


def _different(album: Path) -> list[Path]:
    """The pictures, without those that show what another one shows: after a change, and before the next."""
    kept: dict[str, Path] = {}
    for picture in sorted(album.iterdir()):
        state = json.loads((picture / "state.json").read_text())
        del state["changes"]
        files = [path for path in picture.rglob("*") if path.is_file() and path.suffix not in (".log", ".json")]
        files += list(picture.rglob("Access/*.json"))
        shows = json.dumps([state, sorted((str(path.relative_to(picture)), path.read_bytes().hex()) for path in files)])
        if shows in kept:
            shutil.rmtree(picture)
        else:
            kept[shows] = picture
    return list(kept.values())


def _chosen(pictures: list[Path]) -> list[Path]:
    """Three of them from the first to the last, or every one with ``make enrolment``."""
    if os.environ.get("MEDIVERSE_LONG"):
        return pictures
    chosen = [pictures[number * (len(pictures) - 1) // 2] for number in range(3)]
    for picture in pictures:
        if picture not in chosen:
            shutil.rmtree(picture)
    return chosen


@pytest.mark.parametrize("restricted", [False, True])
def test_the_command_of_the_double_click(tmp_path: Path, restricted: bool) -> None:
    """The text that enrol.cmd gives to PowerShell, in a whole one and in one that application control restricts."""
    raw = (SCRIPTS / "enrol.cmd").read_bytes()
    assert not re.search(rb"(?mi)^\s*:\w|goto", raw), "cmd.exe finds no label in files with line feeds alone"
    (command,) = re.findall(r'-Command "(if \(\$ExecutionContext.*)"', raw.decode("ascii"))
    assert "%" not in command
    (tmp_path / "enrol.ps1").write_text('param($Stick, [switch]$Remove)\nWrite-Host "at $Stick $Remove"\nexit 7\n')
    if restricted:
        command = f"$ExecutionContext.SessionState.LanguageMode = 'ConstrainedLanguage'; {command}"
    done = subprocess.run(
        [str(PWSH), "-NoProfile", "-NonInteractive", "-Command", command],
        env={"PATH": "/usr/bin:/bin", "MEDIVERSE_STICK": f"{tmp_path}/", "MEDIVERSE_REMOVE": "-Remove"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == (1 if restricted else 7), done.stdout + done.stderr
    expected = "An application control of this PC restricts PowerShell" if restricted else f"at {tmp_path}/ True"
    assert done.stdout.startswith(expected)
