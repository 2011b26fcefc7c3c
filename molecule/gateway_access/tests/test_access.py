# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role promises, tried from PCs and an operator's machine: who comes in, how far, and who is out at once."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from functools import partial

import pytest

from tests.kit import images
from tests.kit.containers import wait_for
from tests.scenarios.far_pc import HUB, OPERATOR_ADDRESS, Machine, Pc, access, on_hub
from tests.unit.access.hub_programs import fingerprint, short, whole

HUB_IN_TUNNEL = "10.98.0.1"
_LOGIN = ("timeout", "8", "ssh", "-p", "443", "-o", "BatchMode=yes", "-o", "UserKnownHostsFile=/root/known_hosts")
_STRICT = ("-o", "ExitOnForwardFailure=yes")
_ENROL = "mediverse-enrol@172.30.86.20"
_DIALS = (("-L", "9:127.0.0.1:22"), ("-D", "9"))
# Seconds after which a PC makes itself known again to a hub that has forgotten it, and some.
HANDSHAKE = 150


@pytest.fixture(scope="module", autouse=True)
def _clean() -> Iterator[None]:
    images.prepare("far-pc")
    yield
    for site in ("first", "second", "third", "fourth"):
        access("revoke", site)


@pytest.fixture(scope="module")
def operator() -> Iterator[Machine]:
    with Machine(OPERATOR_ADDRESS) as machine:
        machine.shell("ip route add 10.98.0.0/16 via 172.30.86.20")
        yield machine


@pytest.fixture(scope="module")
def first() -> Iterator[Pc]:
    """Comes by WireGuard."""
    with Pc("first", 1) as pc:
        pc.comes_in()
        pc.wireguard()
        pc.comes_by("wireguard", 30)
        yield pc


@pytest.fixture(scope="module")
def second() -> Iterator[Pc]:
    """Its hospital lets no UDP out."""
    with Pc("second", 2) as pc:
        pc.udp(opened=False)
        pc.comes_in()
        pc.holds_reverse_tunnel()
        pc.comes_by("ssh", 30)
        yield pc


@pytest.fixture(scope="module")
def third() -> Iterator[Pc]:
    """Has a stick and is not accepted."""
    with Pc("third", 3) as pc:
        pc.takes_stick()
        yield pc


def test_the_sticks_key_opens_nothing(third: Pc) -> None:
    assert third.reports("", command="cat /etc/shadow")["taken"] is False
    assert third.reports("x" * 10_000_000)["taken"] is False
    key = ("-i", "/root/report-key")
    code, said = third.try_(*_LOGIN, *key, *_STRICT, "-N", "-R", f"{third.own}:5986:127.0.0.1:5986", _ENROL)
    assert (code, "forwarding failed" in said) == (255, True), said
    for forward in _DIALS:
        heard, said = third.dials("report-key", "mediverse-enrol", *forward)
        assert ("SSH" in heard, "administratively prohibited" in said) == (False, True), said
    # Nor does it open the account of the tunnels, or root's.
    for account in ("mediverse-tunnel", "root", "node"):
        code, said = third.try_(*_LOGIN, *key, f"{account}@172.30.86.20", "id")
        assert (code, "Permission denied" in said) == (255, True), said


def test_a_report_counts_once(third: Pc, first: Pc) -> None:
    assert third.reports() == third.reports() == {"taken": True, "fingerprint": whole(third.sends)}
    other = {**third.sends, "wireguard": first.sends["wireguard"]}
    assert "counts once" in third.reports(other)["problem"]


def test_before_acceptance_neither_key_is_known(third: Pc) -> None:
    code, said = third.ssh("-N", "-R", f"{third.own}:5986:127.0.0.1:5986")
    assert (code, "Permission denied" in said) == (255, True), said
    assert third.sends["wireguard"] not in on_hub("wg show mediverse0 peers")


def test_an_operator_reaches_a_pc_by_either_way(first: Pc, second: Pc, operator: Machine) -> None:
    assert operator.asks(first.own) == "first"
    assert operator.asks(second.own) == "second"
    assert "first" in on_hub(f"curl -s -m 4 http://{first.own}:5986/name")


def test_nobody_else_reaches_a_pc(first: Pc, second: Pc, third: Pc) -> None:
    third.shell("ip route replace 10.98.0.0/16 via 172.30.86.20")
    assert third.asks(first.own) == third.asks(second.own) == ""
    assert not third.connects(HUB_IN_TUNNEL, 443)
    third.shell("ip route del 10.98.0.0/16")


def test_an_operator_reaches_nothing_but_winrm(first: Pc, operator: Machine) -> None:
    first.engine.exec_run(["python3", "-m", "http.server", "8042", "--directory", "/srv"], detach=True)
    wait_for(lambda: first.asks("127.0.0.1", 8042), 10, "the second server")
    assert operator.asks(first.own, 8042) == ""


def test_a_gateway_reaches_no_other_and_of_the_hub_only_what_is_named(first: Pc, second: Pc) -> None:
    # It sends whatever it likes into its tunnel.
    first.wireguard("10.98.0.0/16")
    try:
        first.run("ping", "-c", "1", "-W", "4", HUB_IN_TUNNEL)
        assert first.connects(HUB_IN_TUNNEL, 22000)
        assert first.connects(HUB_IN_TUNNEL, 443)
        on_hub("ss -Hltn 'sport = :22' | grep -q .")
        assert not first.connects(HUB_IN_TUNNEL, 22)
        assert first.asks(second.own) == ""
        first.shell(
            "ip route replace 172.30.86.40/32 dev wg0; wg set wg0 peer $(wg show wg0 peers) allowed-ips 0.0.0.0/0"
        )
        assert first.try_("ping", "-c", "1", "-W", "3", OPERATOR_ADDRESS)[0] != 0
    finally:
        first.try_("ip", "route", "del", "172.30.86.40/32", "dev", "wg0")
        first.wireguard()


def test_two_gateways_in_wireguard_reach_not_each_other(first: Pc, third: Pc) -> None:
    access("accept", given={"site": "third", "fingerprint": fingerprint(third.sends)})
    third.wireguard("10.98.0.0/16")
    third.comes_by("wireguard", 30)
    first.wireguard("10.98.0.0/16")
    assert on_hub(f"curl -s -m 4 http://{third.own}:5986/name") == "third\n"
    assert first.asks(third.own) == third.asks(first.own) == ""
    # Nor in another's name: the hub's answer would go to the other one.
    third.shell(f"ip address add {first.own}/32 dev wg0")
    assert third.try_("ping", "-c", "1", "-W", "3", "-I", first.own, HUB_IN_TUNNEL)[0] != 0
    third.shell(f"ip address del {first.own}/32 dev wg0")
    first.wireguard()


def test_the_pcs_key_listens_on_its_own_address_and_does_nothing_else(first: Pc, second: Pc) -> None:
    for place in (f"{second.own}:5987", f"{first.own}:5986", "0.0.0.0:5986", "127.0.0.1:5986", "*:0"):
        code, said = second.ssh("-N", "-R", f"{place}:127.0.0.1:5986")
        assert (code, "forwarding failed" in said) == (255, True), (place, said)
    code, said = second.ssh("-T")
    assert code not in (0, 124), said
    assert second.try_("pgrep", "-x", "ssh")[0] == 0
    for forward in _DIALS:
        heard, said = second.dials("tunnel-key", "mediverse-tunnel", *forward)
        assert ("SSH" in heard, "administratively prohibited" in said) == (False, True), said


def test_who_has_the_stick_does_not_take_the_place_of_the_pc_whose_text_was_taken(second: Pc) -> None:
    with Pc("fourth", 4) as pc:
        pc.takes_stick()
        other = {**pc.sends, "machine": second.sends["machine"]}
        assert pc.reports(other)["taken"]
        access("accept", given={"site": "fourth", "text": short(pc.sends)})
        assert "not that of the PC whose text was taken" in pc.reports(other)["problem"]
        assert pc.reports()["taken"]
        assert access("accept", given={"site": "fourth", "fingerprint": fingerprint(pc.sends)})["changed"]
        # Whoever waits at its address on the hub is not its tunnel.
        program = f"import socket, time; s = socket.create_server(('{pc.own}', 5986)); time.sleep(20)"
        subprocess.run(["docker", "exec", "-d", HUB, "python3", "-c", program], check=True)
        wait_for(lambda: f"{pc.own}:5986" in on_hub("ss -Hltn"), 10, "a stranger to listen")
        assert access("look", "fourth")["way"] == "none"
        assert access("look", "second")["way"] == "ssh"
        access("revoke", "fourth")
        second.holds_reverse_tunnel()
        second.comes_by("ssh", 30)


def _in_force() -> bool:
    return json.loads(on_hub("mediverse-access --check apply"))["changed"] is False


def _is_called(name: str) -> bool:
    return on_hub("wg show interfaces").split() == [name]


@pytest.mark.parametrize("damage", ["nft flush table inet mediverse_access", "ip link set mediverse0 down"])
def test_what_is_there_and_does_nothing_is_mended(first: Pc, operator: Machine, damage: str) -> None:
    on_hub(damage)
    wait_for(_in_force, 30, "the watcher")
    first.wireguard()
    wait_for(lambda: operator.asks(first.own) == "first", 30, "the tunnel")
    assert operator.asks(first.own, 8042) == ""


def test_the_interface_may_have_another_name(first: Pc, operator: Machine) -> None:
    for former, name in (("mediverse0", "mv1"), ("mv1", "mediverse0")):
        on_hub(f"sed -i 's/{former}/{name}/' /etc/mediverse-access/hub.json")
        wait_for(partial(_is_called, name), 30, "the other name")
        wait_for(_in_force, 30, "the watcher")
        first.wireguard()
        wait_for(lambda: operator.asks(first.own) == "first", 30, "the tunnel")


def test_the_directory_that_another_ssh_server_took_away_comes_back(third: Pc) -> None:
    on_hub("rmdir /run/sshd")
    wait_for(lambda: on_hub("ls -d /run/sshd || true"), 15, "the watcher")
    assert third.connects("172.30.86.20", 443)


def test_the_firewall_and_the_interface_come_back(first: Pc, operator: Machine) -> None:
    # Not the whole ruleset: the engine of the lab has rules of its own in there.
    on_hub("nft delete table inet mediverse_access; pkill -x wireguard-go || ip link del mediverse0")
    wait_for(_in_force, 30, "the watcher")
    wait_for(lambda: operator.asks(first.own) == "first", HANDSHAKE, "the tunnel")


def test_dockers_policy_does_not_close_the_way(first: Pc, operator: Machine) -> None:
    # What Docker's engine does to a host, in its own words.
    install = "apt-get update -qq && apt-get install -y -qq --no-install-recommends iptables"
    on_hub(f"command -v iptables || {{ {install}; }} >/dev/null 2>&1")
    on_hub("iptables -N DOCKER-USER; iptables -I FORWARD -j DOCKER-USER; iptables -P FORWARD DROP")
    try:
        wait_for(lambda: operator.asks(first.own) == "first", 30, "the watcher to ask Docker")
    finally:
        on_hub(
            "iptables -P FORWARD ACCEPT; iptables -D FORWARD -j DOCKER-USER;"
            "iptables -F DOCKER-USER; iptables -X DOCKER-USER"
        )


def test_the_address_follows_the_pc(first: Pc, operator: Machine) -> None:
    first.udp(opened=False)
    first.holds_reverse_tunnel()
    wait_for(first.has_reverse_tunnel, 10, "ssh")
    first.comes_by("ssh", 240)
    wait_for(lambda: operator.asks(first.own) == "first", 15, "the same address by the other way")
    first.udp(opened=True)
    first.comes_by("wireguard", 60)
    wait_for(lambda: operator.asks(first.own) == "first", 15, "the address by WireGuard again")
    wait_for(lambda: first.own not in on_hub("ip -4 -o address show dev lo"), 15, "the hub to give the address back")
    first.run("pkill", "-x", "ssh")


def _streams(operator: Machine, pc: Pc) -> None:
    """A connection that is open and stays so."""
    program = (
        f"import socket; s = socket.create_connection(('{pc.own}', 5986), 5); s.settimeout(60)\n"
        f"open('/tmp/{pc.site}', 'w').write('open')\n"
        "try:\n  s.recv(1)\nexcept OSError:\n  pass\n"
        f"open('/tmp/{pc.site}', 'w').write('ended')"
    )
    operator.engine.exec_run(["python3", "-c", program], detach=True)
    wait_for(lambda: operator.try_("cat", f"/tmp/{pc.site}")[1] == "open", 10, "the connection")


def test_whoever_is_revoked_is_out_at_once(first: Pc, second: Pc, third: Pc, operator: Machine) -> None:
    _streams(operator, second)
    began = time.monotonic()
    assert access("revoke", "second") == {"changed": True, "was_accepted": True}
    wait_for(lambda: operator.try_("cat", "/tmp/second")[1] == "ended", 10, "the open connection to end")
    wait_for(lambda: not second.has_reverse_tunnel(), 10, "the session to end")
    assert time.monotonic() - began < 10
    assert operator.asks(second.own) == ""
    assert "Permission denied" in second.ssh("-N", "-R", f"{second.own}:5986:127.0.0.1:5986")[1]
    assert f"{second.own}/" not in on_hub("ip -4 -o address show dev lo")
    assert f"{second.own}:" not in on_hub("ss -Hltn")

    assert access("revoke", "first")["was_accepted"]
    assert operator.asks(first.own) == ""
    assert first.try_("ping", "-c", "1", "-W", "3", HUB_IN_TUNNEL)[0] != 0
    assert first.sends["wireguard"] not in on_hub("wg show mediverse0 peers")
    # Others are still there.
    assert operator.asks(third.own) == "third"


def test_a_boot_brings_everything_back(third: Pc, operator: Machine) -> None:
    subprocess.run(["docker", "restart", "-t", "5", HUB], check=True, capture_output=True)
    wait_for(lambda: operator.asks(third.own) == "third", HANDSHAKE, "the tunnel after a boot")
    assert third.connects("172.30.86.20", 443)
    assert not third.connects(HUB_IN_TUNNEL, 22)


def test_nothing_secret_is_open_to_others() -> None:
    key = on_hub("cat /etc/mediverse-access/wireguard.key").strip()
    assert on_hub('grep -rlF -- "$1" /etc /var/lib/mediverse-access /usr/local 2>/dev/null || true', key).split() == [
        "/etc/mediverse-access/wireguard.key"
    ]
    modes = on_hub("stat -c %a /etc/mediverse-access/wireguard.key /etc/mediverse-access/ssh_host_ed25519_key")
    assert modes.split() == ["600", "600"]
    assert key not in on_hub("cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
