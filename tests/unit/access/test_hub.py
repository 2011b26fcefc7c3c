# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``mediverse-access`` as a program: tokens, reports, acceptance, revocation, and what happens when it is cut off."""

from __future__ import annotations

import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.unit.access.hub_programs import (
    TOKEN,
    Hub,
    fingerprint,
    moment,
    report,
    short,
    ssh_key,
    whole,
    wireguard_key,
)
from tests.unit.access.machine import long

# Ends the program before that many of its steps: those that give a file its name or take it away, or change it.
_CUT_OFF = """
import os, pathlib
left = [int(os.environ["CUT_OFF"])]
def mortal(real):
    def step(*arguments, **options):
        left[0] -= 1
        if left[0] < 0:
            os._exit(137)
        return real(*arguments, **options)
    return step
pathlib.Path.replace = mortal(pathlib.Path.replace)
pathlib.Path.unlink = mortal(pathlib.Path.unlink)
os.pwrite = mortal(os.pwrite)
"""


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    return Hub(tmp_path)


def accepted(hub: Hub, site: str = "kanifing", number: int = 1) -> dict[str, Any]:
    """A PC that has come all the way."""
    hub.stick(site)
    of = report(site, number)
    assert hub.send(of, site)["taken"]
    return hub("accept", given={"site": site, "fingerprint": fingerprint(of)})


def test_a_stick_learns_what_it_has_to_know_of_the_hub(hub: Hub) -> None:
    answer = hub.stick()
    assert answer["host_key"] == " ".join((hub.settings / "ssh_host_ed25519_key.pub").read_text().split()[:2])
    assert {**answer, "host_key": ""} == {
        "changed": True,
        "address": "10.98.0.2",
        "network": "10.98.0.0/16",
        "hub_address": "10.98.0.1",
        "wireguard_key": "hubpublic",
        "wireguard_port": 51820,
        "ssh_port": 443,
        "host_key": "",
    }


def test_the_hubs_own_keys_are_made_once_and_for_root(hub: Hub) -> None:
    names = ("wireguard.key", "ssh_host_ed25519_key")
    before = [(hub.settings / name).read_bytes() for name in names]
    assert hub("keys") == {"changed": False, "what": []}
    assert [(hub.settings / name).read_bytes() for name in names] == before
    assert {(hub.settings / name).stat().st_mode & 0o777 for name in names} == {0o600}


def test_a_token_runs_one_program_for_its_site_until_its_time_is_over(hub: Hub) -> None:
    ends = moment(48)
    hub.stick(ends=ends)
    digits = "".join(letter for letter in ends if letter.isdigit())
    assert hub.keys_of("mediverse-enrol") == (
        f'restrict,command="/usr/local/sbin/mediverse-access receive kanifing",expiry-time="{digits}Z" '
        f"{ssh_key(7)} kanifing\n"
    )
    assert hub.keys_of("mediverse-tunnel") == ""


def test_an_accepted_pc_may_listen_on_its_own_address_and_is_a_peer(hub: Hub) -> None:
    answer = accepted(hub)
    assert (answer["changed"], answer["address"]) == (True, "10.98.0.2")
    assert hub.keys_of("mediverse-tunnel") == (
        'restrict,port-forwarding,permitlisten="10.98.0.2:5986",command="/usr/sbin/nologin" '
        + f"{ssh_key(1)} kanifing\n"
    )
    assert hub.keys_of("mediverse-enrol") == ""
    assert (
        (hub.programs / "mediverse0.conf")
        .read_text()
        .endswith(f"PublicKey = {wireguard_key(1)}\nAllowedIPs = 10.98.0.2/32\n")
    )
    assert hub("apply") == {"changed": False, "what": []}


def test_the_same_report_again_is_answered_again(hub: Hub) -> None:
    hub.stick()
    assert hub.send(report()) == hub.send(report()) == {"taken": True, "fingerprint": whole(report())}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"number": 2}, "Another report has come with this stick before"),
        ({"password": report(number=3)["password"]}, "Another report has come with this stick before"),
        ({"token": "another9"}, "another stick"),
        ({"site": "brikama"}, "another stick"),
        ({"wireguard": "", "ssh": ""}, "no key of a tunnel"),
        ({"machine": "x"}, "a wrong machine"),
    ],
)
def test_what_does_not_belong_to_the_stick_is_refused(hub: Hub, change: dict[str, Any], words: str) -> None:
    hub.stick()
    hub.send(report())
    before = hub.state()
    answer = hub.send(report(**change))
    assert answer["taken"] is False
    assert words in answer["problem"]
    assert hub.state() == before


def test_a_token_that_was_never_made_has_ended_or_was_used_is_refused(hub: Hub) -> None:
    problems = [hub.send(report())["problem"]]
    hub.stick(hours=1.3 / 3600)
    time.sleep(2.5)
    problems.append(hub.send(report())["problem"])
    accepted(hub)
    problems.append(hub.send(report())["problem"])
    assert len(set(problems)) == 1
    assert "ask the operator for a new stick" in problems[0]


def test_a_token_that_has_ended_leaves_sshds_file(hub: Hub) -> None:
    hub.stick(hours=1.3 / 3600)
    time.sleep(2.5)
    assert hub("apply") == {"changed": True, "what": ["mediverse-enrol"]}
    assert hub.keys_of("mediverse-enrol") == ""


def test_a_new_stick_ends_the_former_and_what_it_brought(hub: Hub) -> None:
    hub.stick()
    hub.send(report())
    hub.stick(token="another9", key=ssh_key(8))
    assert ssh_key(7) not in hub.keys_of("mediverse-enrol")
    assert "another stick" in hub.send(report())["problem"]
    assert (
        "No PC has reported"
        in hub("accept", given={"site": "kanifing", "fingerprint": fingerprint(report())})["problem"]
    )
    assert hub.send(report(number=2, token="another9"))["taken"]


@pytest.mark.parametrize(
    "change",
    [
        {"ends": "tomorrow"},
        {"ends": moment(-1)},
        {"ends": moment(24 * 30)},
        {"key": "ssh-rsa AAAA"},
        {"key": ssh_key(1) + '\ncommand="sh" ' + ssh_key(2)},
        {"key": ""},
        {"site": "../x"},
        {"site": "Kanifing"},
        {"token": 'a"b c'},
        {"way": "other"},
        {"more": 1},
    ],
)
def test_a_token_that_cannot_be_used_changes_nothing(hub: Hub, change: dict[str, Any]) -> None:
    before = hub.state()
    assert hub.stick(**change)["problem"].endswith(("nothing was changed.", "clock is right."))
    assert hub.state() == before


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"x" * 10_000_000, "more than 65536 bytes"),
        (json.dumps(report()).encode()[:200], "no JSON"),
        (b"", "no JSON"),
        (b"[" * 60_000, "no JSON"),
        (b"\xff\xfe", "no JSON"),
    ],
)
def test_what_is_no_report_is_refused_in_a_sentence(hub: Hub, data: bytes, words: str) -> None:
    hub.stick()
    answer = hub("receive", "kanifing", data=data)
    assert answer["taken"] is False
    assert words in answer["problem"]


def test_two_pcs_with_one_stick_at_once(hub: Hub) -> None:
    hub.stick()
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(hub.send, [report(number=number) for number in range(1, 7)]))
    (taken,) = [answer for answer in answers if answer["taken"]]
    assert hub("look", "kanifing")["report"]["fingerprint"] == taken["fingerprint"]


def test_two_operators_at_once_give_two_addresses(hub: Hub) -> None:
    sites = ["kanifing", "brikama", "bansang", "farafenni"]
    with ThreadPoolExecutor() as pool:
        given = list(pool.map(hub.stick, sites))
    assert {answer["address"] for answer in given} == {f"10.98.0.{number}" for number in range(2, 6)}
    assert [hub.stick(site)["address"] for site in sites] == [answer["address"] for answer in given]


def test_a_wrong_fingerprint_admits_nobody(hub: Hub) -> None:
    hub.stick()
    hub.send(report())
    before = hub.state()
    for typed in (fingerprint(report(number=2)), fingerprint(report())[:-1], "", "0"):
        assert "not the fingerprint" in hub("accept", given={"site": "kanifing", "fingerprint": typed})["problem"]
    assert hub.state() == before


def test_acceptance_again_changes_nothing(hub: Hub) -> None:
    accepted(hub)
    before = hub.state()
    answer = hub("accept", given={"site": "kanifing", "fingerprint": fingerprint(report()).upper().replace(" ", "")})
    assert answer["changed"] is False
    assert hub.state() == before


def test_a_pc_is_the_gateway_of_one_site(hub: Hub) -> None:
    accepted(hub)
    hub.stick("brikama")
    of = report("brikama", wireguard=wireguard_key(5))
    hub.send(of, "brikama")
    answer = hub("accept", given={"site": "brikama", "fingerprint": fingerprint(of)})
    assert "accepted as the gateway of kanifing already" in answer["problem"]


def test_a_replaced_pc_has_the_address_and_the_former_one_nothing(hub: Hub) -> None:
    accepted(hub)
    assert accepted(hub, number=2)["address"] == "10.98.0.2"
    assert ssh_key(1) not in hub.keys_of("mediverse-tunnel")
    assert wireguard_key(1) not in (hub.programs / "mediverse0.conf").read_text()


def test_revocation_takes_everything_of_one_site_and_nothing_of_another(hub: Hub) -> None:
    accepted(hub)
    accepted(hub, "brikama", 2)
    hub.stick()
    assert hub("revoke", "kanifing") == {"changed": True, "was_accepted": True}
    assert hub.keys_of("mediverse-enrol") == ""
    assert hub.keys_of("mediverse-tunnel").endswith(" brikama\n")
    conf = (hub.programs / "mediverse0.conf").read_text()
    assert (wireguard_key(1) in conf, wireguard_key(2) in conf) == (False, True)
    assert hub("look", "kanifing") == {"changed": False, "token": None, "report": None, "accepted": None, "way": "none"}
    assert hub("revoke", "kanifing") == {"changed": False, "was_accepted": False}
    assert hub.stick()["address"] == "10.98.0.2"


def test_a_revoked_pc_is_out_although_the_firewall_cannot_be_mended(hub: Hub) -> None:
    accepted(hub)
    (hub.programs / "nft-broken").touch()
    assert "nft -f" in hub("revoke", "kanifing")["problem"]
    assert wireguard_key(1) not in (hub.programs / "mediverse0.conf").read_text()
    assert hub.keys_of("mediverse-tunnel") == ""


def test_a_site_with_a_way_of_its_own_gets_no_tunnel(hub: Hub) -> None:
    assert hub.stick(way="own")["address"] == ""
    of = report(wireguard="", ssh="")
    assert hub.send(of)["taken"]
    answer = hub("accept", given={"site": "kanifing", "fingerprint": fingerprint(of)})
    assert (answer["changed"], answer["address"]) == (True, "")
    assert hub.keys_of("mediverse-tunnel") == ""
    assert "[Peer]" not in (hub.programs / "mediverse0.conf").read_text()


def test_a_short_text_brings_the_tunnel_up_and_the_report_ends_it(hub: Hub) -> None:
    hub.stick()
    of = report()
    text = short(of)
    assert hub("accept", given={"site": "kanifing", "text": text})["address"] == "10.98.0.2"
    assert of["wireguard"] in (hub.programs / "mediverse0.conf").read_text()
    # With a new stick as well: who has it is not the PC.
    for __ in range(2):
        assert "not that of the PC whose text was taken" in hub.send(report(number=2))["problem"]
        assert hub.send(of)["taken"]
        hub.stick()
    hub.send(of)
    assert hub("accept", given={"site": "kanifing", "fingerprint": fingerprint(of)})["ssh"] == of["ssh"]
    hub.stick("brikama")
    assert "mistyped" in hub("accept", given={"site": "brikama", "text": text})["problem"]


def test_the_kernels_wireguard_goes_before_that_of_a_program(tmp_path: Path) -> None:
    hub = Hub(tmp_path)
    assert (hub.programs / "mediverse0").read_text() == "10.98.0.1\n"
    hub.boot()
    (hub.programs / "no-kernel").touch()
    assert hub("apply") == {"changed": True, "what": ["firewall", "interface", "peers"]}
    assert (hub.programs / "mediverse0").read_text() == "10.98.0.1\n"


def test_check_mode_says_what_would_change_and_changes_nothing(hub: Hub) -> None:
    (hub.programs / "rules").unlink()
    (hub.settings / "authorized_keys" / "mediverse-tunnel").write_text("ssh-ed25519 AAAA stranger\n")
    before = hub.state()
    assert hub("--check", "apply") == {"changed": True, "what": ["mediverse-tunnel", "firewall"]}
    assert hub.state() == before
    assert hub("apply")["what"] == ["mediverse-tunnel", "firewall"]


def test_a_damaged_file_is_no_empty_one(hub: Hub) -> None:
    accepted(hub)
    (hub.root / "var/lib/mediverse-access/sites/kanifing.json").write_text('{"address": ')
    before = hub.keys_of("mediverse-tunnel")
    assert "restore it from a backup" in hub("apply")["problem"]
    assert hub.keys_of("mediverse-tunnel") == before


def test_the_watcher_follows_the_pc(hub: Hub) -> None:
    accepted(hub)
    lo, handshakes = hub.programs / "lo", hub.programs / "handshakes"

    def way(seconds: float | None, listens: str, expected: str) -> None:
        ago = 0 if seconds is None else int(time.time() - seconds)
        handshakes.write_text(f"{wireguard_key(1)}\t{ago}\n")
        hub.listens(listens)
        end = time.monotonic() + 20
        while ("10.98.0.2" in lo.read_text()) != (expected == "ssh"):
            assert time.monotonic() < end, expected
            time.sleep(0.1)
        assert hub("look", "kanifing")["way"] == expected

    with subprocess.Popen(hub.command("watch"), env=hub.environment, stdout=subprocess.PIPE) as watcher:
        try:
            way(None, "10.98.0.2", "ssh")
            way(10, "10.98.0.2", "wireguard")
            way(200, "10.98.0.2", "ssh")
            way(200, "127.0.0.1", "none")
            (hub.programs / "rules").write_text("")
            end = time.monotonic() + 20
            while "comment" not in (hub.programs / "rules").read_text():
                assert time.monotonic() < end
                time.sleep(0.1)
        finally:
            watcher.kill()
    assert lo.read_text() == "127.0.0.1\n"


@pytest.mark.parametrize(
    "command", ["accept", "revoke", *map(long, ("token", "receive", "again", "reported", "replaced"))]
)
def test_whoever_is_cut_off_anywhere_ends_well_in_the_next_run(tmp_path: Path, command: str) -> None:
    token = {"site": "kanifing", "token": TOKEN, "key": ssh_key(7), "made": moment(0), "ends": moment(40)}
    inputs: dict[str, tuple[tuple[str, ...], bytes]] = {
        "token": (("token",), json.dumps({**token, "way": "tunnel"}).encode()),
        "receive": (("receive", "kanifing"), json.dumps(report()).encode()),
        "accept": (("accept",), json.dumps({"site": "kanifing", "fingerprint": fingerprint(report())}).encode()),
        # The PC is replaced: another stick, another report.
        "again": (("token",), json.dumps({**token, "way": "tunnel", "key": ssh_key(8)}).encode()),
        "reported": (("receive", "kanifing"), json.dumps(report(number=2)).encode()),
        "replaced": (
            ("accept",),
            json.dumps({"site": "kanifing", "fingerprint": fingerprint(report(number=2))}).encode(),
        ),
        "revoke": (("revoke", "kanifing"), b""),
    }
    sessions = "of the PC that is there\n" if command in ("replaced", "revoke") else ""
    before = list(inputs)[: list(inputs).index(command)]
    states = []
    for cut in range(30):
        folder = tmp_path / str(cut)
        folder.mkdir()
        hub = Hub(folder)
        (folder / "cut").mkdir()
        (folder / "cut" / "sitecustomize.py").write_text(_CUT_OFF)
        for earlier in before:
            arguments, data = inputs[earlier]
            assert hub.run(*arguments, data=data).returncode == 0
        (hub.programs / "sessions").write_text(sessions)
        arguments, data = inputs[command]
        path = f"{folder / 'cut'}:{hub.environment['PYTHONPATH']}"
        code = hub.run(*arguments, data=data, PYTHONPATH=path, CUT_OFF=str(cut)).returncode
        assert code in (0, 137)
        assert hub.run(*arguments, data=data).returncode == 0
        kept = {name: text for name, text in hub.state().items() if "ssh_host" not in name and "/reports/" not in name}
        states.append(kept)
        assert not [name for name in kept if Path(name).name.startswith(".")]
        assert (hub.programs / "sessions").read_text() == ""
        if code == 0:
            break
    assert len(states) > 1
    assert all(state == states[0] for state in states)
