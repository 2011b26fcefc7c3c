# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``mediverse-access`` on a hub on which something is wrong: who is locked out is out, and nobody else is."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.unit.access.hub_programs import Hub, fingerprint, report, short, ssh_key, wireguard_key
from tests.unit.access.machine import long
from tests.unit.access.test_hub import accepted

# Of one site, spoiled by hand or by a disk.
DAMAGED = ["{", "\0\0\0", *(long(one) for one in ("[]", "{}", '{"site": "x", "ends": "tomorrow"}'))]
# A disk without room: no file can be made.
_FULL = """
import errno, tempfile
def full(*__, **___):
    raise OSError(errno.ENOSPC, "No space left on device")
tempfile.mkstemp = full
"""


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    return Hub(tmp_path)


def _is_in(hub: Hub, number: int = 1, interface: str = "mediverse0") -> tuple[bool, bool]:
    """Whether sshd and whether WireGuard lets this PC in."""
    read = [line for line in hub.keys_of("mediverse-tunnel").splitlines() if not line.startswith("#")]
    return any(ssh_key(number) in line for line in read), wireguard_key(number) in hub.peers(interface)


def _comes_by_ssh(hub: Hub) -> None:
    """Its reverse tunnel is open, and the hub has its address."""
    hub.listens("10.98.0.2")
    _watch(hub, lambda: "10.98.0.2" in (hub.programs / "lo").read_text())
    (hub.programs / "sessions").write_text("somebody\n")


def _watch(hub: Hub, until: Any, seconds: float = 20) -> None:
    with subprocess.Popen(hub.command("watch"), env=hub.environment, stdout=subprocess.PIPE) as watcher:
        try:
            end = time.monotonic() + seconds
            while not until():
                assert time.monotonic() < end
                time.sleep(0.1)
        finally:
            watcher.kill()


@pytest.mark.parametrize("folder", ["tokens", "sites"])
@pytest.mark.parametrize("text", DAMAGED)
def test_revocation_asks_no_other_site(hub: Hub, folder: str, text: str) -> None:
    accepted(hub)
    _comes_by_ssh(hub)
    hub.kept(folder, "other").write_text(text)
    assert hub("revoke", "kanifing") == {"changed": True, "was_accepted": True}
    assert _is_in(hub) == (False, False)
    assert (hub.programs / "sessions").read_text() == ""
    assert (hub.programs / "lo").read_text() == "127.0.0.1\n"


@pytest.mark.parametrize("text", DAMAGED)
def test_a_site_is_revoked_although_its_own_file_is_damaged(hub: Hub, text: str) -> None:
    accepted(hub)
    _comes_by_ssh(hub)
    hub.kept("sites", "kanifing").write_text(text)
    assert hub("revoke", "kanifing") == {"changed": True, "was_accepted": True}
    assert _is_in(hub) == (False, False)
    assert (hub.programs / "lo").read_text() == "127.0.0.1\n"


@pytest.mark.parametrize("missing", ["hub.json", "wireguard.key"])
def test_revocation_needs_no_settings(hub: Hub, missing: str) -> None:
    accepted(hub)
    (hub.settings / missing).write_text("{" if missing == "hub.json" else "")
    (hub.settings / missing).rename(hub.settings / "elsewhere")
    assert "kanifing is locked out, but" in hub("revoke", "kanifing")["problem"]
    assert _is_in(hub) == (False, False)


def test_revocation_needs_no_room_on_the_disk(hub: Hub, tmp_path: Path) -> None:
    accepted(hub)
    accepted(hub, "brikama", 2)
    (hub.programs / "sessions").write_text("somebody\n")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "sitecustomize.py").write_text(_FULL)
    path = f"{tmp_path / 'full'}:{hub.environment['PYTHONPATH']}"
    done = hub.run("revoke", "kanifing", PYTHONPATH=path)
    problem = json.loads(done.stdout)["problem"]
    assert problem.startswith("kanifing is locked out, but not everything of this hub is in order: ")
    assert "No space left" in problem
    assert (_is_in(hub), _is_in(hub, 2)) == ((False, False), (True, True))
    assert (hub.programs / "sessions").read_text() == ""
    assert hub("revoke", "kanifing")["was_accepted"] is False
    assert hub.keys_of("mediverse-tunnel").endswith(f"{ssh_key(2)} brikama\n")
    assert hub.keys_of("mediverse-tunnel").count("\n") == 1


def test_revocation_finds_the_peer_whatever_the_interface_is_called(hub: Hub) -> None:
    accepted(hub)
    hub.sets(interface="mv1")
    hub("revoke", "kanifing")
    assert hub.peers("mv1") == []
    assert not (hub.programs / "mediverse0").exists()


def test_an_interface_that_is_no_longer_ours_to_use_is_removed(hub: Hub) -> None:
    accepted(hub)
    (hub.programs / "office.conf").write_text("[Interface]\nPrivateKey = another\nListenPort = 7\n")
    hub.sets(interface="mv1")
    assert hub("--check", "apply")["what"] == ["rules.nft", "former interface", "firewall", "interface", "peers"]
    assert (hub.programs / "mediverse0").exists()
    assert hub("apply")["changed"] is True
    assert not (hub.programs / "mediverse0").exists()
    assert (hub.programs / "office.conf").exists()
    assert _is_in(hub, interface="mv1") == (True, True)
    assert hub("apply") == {"changed": False, "what": []}


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_token_costs_that_token(hub: Hub, text: str) -> None:
    accepted(hub)
    hub.stick("brikama", key=ssh_key(8))
    hub.stick("bansang", key=ssh_key(9))
    hub.kept("tokens", "bansang").write_text(text)
    assert accepted(hub, "farafenni", 4)["changed"]
    assert ssh_key(9) not in hub.keys_of("mediverse-enrol")
    assert ssh_key(8) in hub.keys_of("mediverse-enrol")
    assert "restore it from a backup" in hub("apply")["problem"]


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_site_has_what_it_had_and_holds_up_no_other(hub: Hub, text: str) -> None:
    accepted(hub)
    accepted(hub, "brikama", 2)
    _comes_by_ssh(hub)
    hub.kept("sites", "kanifing").write_text(text)
    assert "restore it from a backup" in hub("apply")["problem"]
    assert (_is_in(hub), _is_in(hub, 2)) == ((True, True), (True, True))
    hub.stick("bansang")
    hub.listens("10.98.0.2", "10.98.0.3")
    _watch(hub, lambda: "10.98.0.3" in (hub.programs / "lo").read_text())
    assert "10.98.0.2" in (hub.programs / "lo").read_text()
    hub.boot()
    assert "restore it from a backup" in hub("apply")["problem"]
    assert _is_in(hub, 2) == (True, True)


def test_a_full_disk_stops_no_gateway(hub: Hub, tmp_path: Path) -> None:
    accepted(hub)
    hub.stick("brikama")
    hub.kept("tokens", "brikama").unlink()
    hub.boot()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "sitecustomize.py").write_text(_FULL)
    path = f"{tmp_path / 'full'}:{hub.environment['PYTHONPATH']}"
    for __ in range(2):
        assert "No space left" in json.loads(hub.run("apply", PYTHONPATH=path).stdout)["problem"]
    assert "comment" in (hub.programs / "rules").read_text()
    assert _is_in(hub) == (True, True)


@pytest.mark.parametrize("network", ["10.99.0.0/16", "10.98.64.0/18", "10.98.128.0/17"])
def test_a_network_without_the_addresses_of_sites_is_refused(hub: Hub, network: str) -> None:
    accepted(hub)
    hub.sets(network=network)
    for arguments in (("apply",), ("--check", "apply")):
        problem = hub(*arguments)["problem"]
        assert problem.startswith("kanifing has the address 10.98.0.2, which is not in the tunnel's network")
    assert "kanifing is locked out, but" in hub("revoke", "kanifing")["problem"]
    assert _is_in(hub) == (False, False)


@pytest.mark.parametrize("route", ["0.0.0.0/1", "10.0.0.0/8", "10.98.0.0/16", "10.98.7.0/24"])
def test_a_route_that_appears_later_stops_nobody(hub: Hub, route: str) -> None:
    accepted(hub)
    hub.boot()
    (hub.programs / "routes").write_text(json.dumps([{"dst": "default", "dev": "eth0"}, {"dst": route, "dev": "tun0"}]))
    assert hub("apply")["changed"]
    assert _is_in(hub) == (True, True)
    with subprocess.Popen(hub.command("watch"), env=hub.environment, stdout=subprocess.PIPE, text=True) as watcher:
        time.sleep(1.5)
        watcher.kill()
        assert watcher.stdout
        said = watcher.stdout.read()
    assert (f"The route {route} by tun0 takes packets" in said) == (route in ("10.98.0.0/16", "10.98.7.0/24"))


def test_a_replaced_pc_is_out_although_the_new_one_cannot_be_let_in(hub: Hub) -> None:
    accepted(hub)
    (hub.programs / "sessions").write_text("of the old PC\n")
    hub.stick()
    hub.send(report(number=2))
    (hub.programs / "rules").unlink()
    (hub.programs / "nft-broken").touch()
    given = {"site": "kanifing", "fingerprint": fingerprint(report(number=2))}
    assert "nft -f" in hub("accept", given=given)["problem"]
    assert (hub.programs / "sessions").read_text() == ""
    assert _is_in(hub) == (False, False)
    (hub.programs / "nft-broken").unlink()
    assert hub("accept", given=given)["ssh"] == ssh_key(2)
    assert _is_in(hub, 2) == (True, True)


def test_acceptance_again_cuts_nobody(hub: Hub) -> None:
    accepted(hub)
    (hub.programs / "sessions").write_text("of a living PC\n")
    assert hub("accept", given={"site": "kanifing", "fingerprint": fingerprint(report())})["changed"] is False
    assert (hub.programs / "sessions").read_text()


@pytest.mark.parametrize(
    "change",
    [
        "table inet mediverse_access {{\n\tcomment {}\n}}\n",
        "table inet mediverse_access {{\n\tcomment {}\n\tchain input {{\n\t}}\n}}\n",
    ],
)
def test_an_emptied_table_is_not_in_force(hub: Hub, change: str) -> None:
    rules = hub.programs / "rules"
    (comment,) = [line.split()[1] for line in rules.read_text().splitlines() if line.split()[:1] == ["comment"]]
    before = rules.read_text()
    rules.write_text(change.format(comment))
    assert hub("--check", "apply")["what"] == ["firewall"]
    assert hub("apply")["what"] == ["firewall"]
    assert rules.read_text() == before


def test_a_rule_that_somebody_added_is_taken_away(hub: Hub) -> None:
    rules = hub.programs / "rules"
    rules.write_text(rules.read_text().replace("203.0.113.7", "0.0.0.0"))
    assert hub("apply")["what"] == ["firewall"]
    assert "0.0.0.0" not in rules.read_text()


def test_an_interface_that_is_switched_off_is_not_up(hub: Hub) -> None:
    (hub.programs / "mediverse0.up").unlink()
    assert hub("apply")["what"] == ["interface", "peers"]
    assert hub("apply") == {"changed": False, "what": []}


@pytest.mark.parametrize(("account", "way"), [(999, "ssh"), (0, "none"), (1000, "none"), (9990, "none"), (99, "none")])
def test_only_the_tunnels_account_counts_as_a_tunnel(hub: Hub, account: int, way: str) -> None:
    accepted(hub)
    hub.listens("10.98.0.2", account=account)
    assert hub("look", "kanifing")["way"] == way


@pytest.mark.parametrize(
    ("ahead", "way"), [(3600, "ssh"), (60, "ssh"), (3, "wireguard"), (-170, "wireguard"), (-190, "ssh")]
)
def test_a_handshake_in_the_future_is_none(hub: Hub, ahead: int, way: str) -> None:
    accepted(hub)
    hub.listens("10.98.0.2")
    (hub.programs / "handshakes").write_text(f"{wireguard_key(1)}\t{int(time.time()) + ahead}\n")
    assert hub("look", "kanifing")["way"] == way


def test_who_has_the_stick_does_not_shut_out_the_pc_whose_text_was_taken(hub: Hub) -> None:
    of, other = report(), report(number=2)
    text = short(of)
    hub.stick()
    # Even before the text is there.
    assert hub.send(other)["taken"]
    hub("accept", given={"site": "kanifing", "text": text})
    assert hub("look", "kanifing")["report"] is None
    assert "not that of the PC whose text was taken" in hub.send(other)["problem"]
    assert hub.send(of)["taken"]
    assert hub("accept", given={"site": "kanifing", "text": text})["changed"]
    # Nothing is taken away from it, so nobody is cut off.
    (hub.programs / "sessions").write_text("of another site\n")
    assert hub("accept", given={"site": "kanifing", "fingerprint": fingerprint(of)})["ssh"] == of["ssh"]
    assert (hub.programs / "sessions").read_text()
    # A PC that takes its place has a stick as any other.
    hub.stick()
    assert hub.send(other)["taken"]


def test_sshds_directory_comes_back(hub: Hub) -> None:
    (hub.root / "run/sshd").rmdir()
    assert hub("apply") == {"changed": True, "what": ["sshd's directory"]}
    assert (hub.root / "run/sshd").stat().st_mode & 0o777 == 0o755


def test_the_firewall_waits_for_whoever_is_at_work(hub: Hub) -> None:
    (hub.programs / "rules").unlink()
    hold = "import fcntl, sys; f = open(sys.argv[1]); fcntl.flock(f, 2); print('held', flush=True); sys.stdin.read()"
    lock = str(hub.root / "var/lib/mediverse-access/lock")
    with subprocess.Popen([sys.executable, "-c", hold, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        assert holder.stdin
        holder.stdout.readline()
        with subprocess.Popen(hub.command("firewall"), env=hub.environment, stdout=subprocess.PIPE) as waiting:
            time.sleep(1)
            assert not (hub.programs / "rules").exists()
            holder.stdin.close()
            assert waiting.wait(20) == 0
    assert (hub.programs / "rules").exists()


def test_what_another_run_left_may_go_meanwhile(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    (tmp_path / "gone" / "sitecustomize.py").write_text(
        "import pathlib\nreal = pathlib.Path.glob\n"
        "def glob(path, pattern):\n    gone = [path / '.gone.1'] if pattern[0] == '.' else []\n"
        "    return [*real(path, pattern), *gone]\n"
        "pathlib.Path.glob = glob\n"
    )
    path = f"{tmp_path / 'gone'}:{hub.environment['PYTHONPATH']}"
    (hub.settings / "authorized_keys" / "mediverse-tunnel").write_text("")
    (hub.settings / "authorized_keys" / "mediverse-enrol").write_text("x")
    assert hub.run("apply", PYTHONPATH=path).returncode == 0
