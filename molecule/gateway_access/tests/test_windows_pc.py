# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong when a PC is enrolled: the real scripts on a simulated Windows, at the real hub and its sshd."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit import images
from tests.kit.containers import wait_for
from tests.lab.fresh_pc import fingerprint
from tests.lab.hosts import powershell_home
from tests.scenarios.far_pc import access, on_hub
from tests.scenarios.windows_pc import MINUTE, WindowsPc, certificate_of, make_stick
from tests.unit.access.hub_programs import moment

pytestmark = pytest.mark.skipif(powershell_home() is None, reason="no pwsh on PATH: install PowerShell 7")
long = pytest.mark.skipif(not os.environ.get("MEDIVERSE_LONG"), reason="long: make enrolment-lab runs it")
SITES = ("w1", "w2", "w3", "w4", "w5")


@pytest.fixture(scope="module", autouse=True)
def _clean() -> Iterator[None]:
    images.prepare("gateway")
    yield
    for site in SITES:
        access("revoke", site)


@pytest.fixture
def pc() -> Iterator[WindowsPc]:
    with WindowsPc(71) as machine:
        yield machine


@pytest.fixture
def other() -> Iterator[WindowsPc]:
    with WindowsPc(72) as machine:
        yield machine


def accepted(site: str, shown: str) -> str:
    """Its address, after the operator has compared what the PC shows."""
    answer = access("accept", given={"site": site, "fingerprint": fingerprint(shown)})
    assert answer["changed"], answer
    return str(answer["address"])


def comes_by(site: str, way: str, seconds: float) -> None:
    wait_for(lambda: access("look", site)["way"] == way, seconds, f"{site} by {way}")


def test_where_udp_is_closed_it_comes_by_ssh_and_is_out_when_it_is_revoked(pc: WindowsPc, tmp_path: Path) -> None:
    before = pc.picture()
    pc.udp(opened=False)
    pc.plug_in(make_stick(tmp_path / "w1", "w1"))
    code, shown = pc.enrol()
    assert code == 0, shown
    address = accepted("w1", shown)
    comes_by("w1", "ssh", 60)
    report = json.loads(pc.file("report.json"))
    assert certificate_of(address) == base64.b64decode(report["certificate"])
    # As the hub sees it and from beside it: the rule lets in the tunnel alone.
    assert "5986" in pc.run("ss", "-Hltn")
    assert not certificate_of(pc.address)

    assert access("revoke", "w1")["was_accepted"]
    wait_for(lambda: not certificate_of(address), 30, "the end of its way")
    assert access("look", "w1")["way"] == "none"

    # The stick takes back what it made.
    code, shown = pc.enrol(remove=True)
    assert code == 0, shown
    wait_for(lambda: not pc.listens(), 10, "the port to be closed")
    assert pc.picture() == before
    assert pc.file("state.json") == ""


def test_a_stick_counts_for_one_pc_and_the_hub_that_was_down_gets_its_report_later(
    pc: WindowsPc, other: WindowsPc, tmp_path: Path
) -> None:
    stick = make_stick(tmp_path / "w2", "w2")
    pc.plug_in(stick)
    # Nobody answers while it reports.
    on_hub("nft add table inet away; nft add chain inet away in '{ type filter hook input priority -300; }'")
    on_hub("nft add rule inet away in tcp dport 443 drop")
    try:
        code, shown = pc.enrol()
        assert (code, "The hub does not answer" in shown) == (2, True), shown
        assert access("look", "w2")["report"] is None
    finally:
        on_hub("nft delete table inet away")
    wait_for(lambda: access("look", "w2")["report"], 30 + 4 * MINUTE, "the report by the task of every minute")
    assert access("look", "w2")["report"]["shown"] == fingerprint(shown)

    other.plug_in(stick)
    code, said = other.enrol()
    assert (code, "counts once" in said) == (2, True), said
    assert access("look", "w2")["report"]["shown"] == fingerprint(shown)


@long
def test_three_runs_are_as_one(pc: WindowsPc, tmp_path: Path) -> None:
    pc.plug_in(make_stick(tmp_path / "w3", "w3"))
    code, first = pc.enrol()
    assert code == 0, first
    before = pc.picture()
    for __ in range(2):
        code, shown = pc.enrol()
        assert (code, "  set  " in shown) == (0, False), shown
        assert fingerprint(shown) == fingerprint(first)
    assert pc.picture() == before


@long
def test_a_pc_that_is_replaced_is_out_before_its_successor_is_in(
    pc: WindowsPc, other: WindowsPc, tmp_path: Path
) -> None:
    pc.plug_in(make_stick(tmp_path / "w4", "w4"))
    __, shown = pc.enrol()
    address = accepted("w4", shown)
    comes_by("w4", "wireguard", 60)
    other.plug_in(make_stick(tmp_path / "w4-again", "w4"))
    code, shown = other.enrol()
    assert code == 0, shown
    assert accepted("w4", shown) == address
    theirs = json.loads(pc.file("report.json"))["wireguard"]
    assert theirs not in on_hub("wg show mediverse0 peers")
    wanted = base64.b64decode(json.loads(other.file("report.json"))["certificate"])
    wait_for(lambda: certificate_of(address) == wanted, 60, "the successor")


@long
@pytest.mark.parametrize(
    ("begins", "ends", "told", "code"),
    [
        (-60, -12, "and the stick ended at", 1),
        (365 * 24, 365 * 24 + 2, "and the stick was made later", 1),
    ],
    ids=["its time is over", "the clock is a year behind"],
)
def test_a_time_that_does_not_fit_changes_nothing(
    pc: WindowsPc, tmp_path: Path, begins: float, ends: float, told: str, code: int
) -> None:
    before = pc.picture()
    pc.plug_in(make_stick(tmp_path / "w5", "w5"))
    # The hub takes no such times, so only the stick has them.
    stick = tmp_path / "w5" / "stick"
    _change(stick, begins, ends)
    pc.plug_in(stick)
    ended, shown = pc.enrol()
    assert (ended, told in shown) == (code, True), shown
    assert pc.picture() == before


def _change(stick: Path, begins: float, ends: float) -> None:
    file = stick / "stick.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "made": moment(begins), "ends": moment(ends)}))
    _sum(stick, "stick.json")


@long
def test_a_stick_that_was_changed_or_is_of_another_site(pc: WindowsPc, tmp_path: Path) -> None:
    first, second = make_stick(tmp_path / "w3", "w3"), make_stick(tmp_path / "w5", "w5")
    (first / "watch.ps1").write_text("# something else\n")
    pc.plug_in(first)
    code, shown = pc.enrol()
    assert (code, "The file watch.ps1 of the stick is not as it was made" in shown) == (1, True), shown
    # The key of one site with the paper of another one.
    key = (make_stick(tmp_path / "w3", "w3") / "report-key").read_bytes()
    (second / "report-key").write_bytes(key)
    _sum(second, "report-key")
    pc.plug_in(second)
    code, shown = pc.enrol()
    assert (code, "belongs to another stick" in shown) == (2, True), shown


def _sum(stick: Path, name: str) -> None:
    manifest = stick / "manifest.sha256"
    lines = [line for line in manifest.read_text().splitlines() if not line.endswith(f"  {name}")]
    lines.append(f"{hashlib.sha256((stick / name).read_bytes()).hexdigest()}  {name}")
    manifest.write_text("".join(f"{line}\n" for line in lines))
