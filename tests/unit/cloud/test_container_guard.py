# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that closes container addresses: what it would tell iptables, and when it says that something is open."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

PROGRAM = Path(__file__).resolve().parents[3] / "roles" / "docker_host" / "files" / "container-guard"
SITE = {
    "Name": "mediverse-site-kanifing",
    "Id": "9c1f00aa11bb22cc33dd",
    "Driver": "bridge",
    "Options": {},
    "IPAM": {"Config": [{"Subnet": "172.20.0.0/16", "Gateway": "172.20.0.1"}]},
}
PROXY = {
    **{"Name": "mediverse-proxy", "Id": "0123456789abcdef", "Driver": "bridge"},
    "Options": {"com.docker.network.bridge.name": "br-proxy"},
    "IPAM": {"Config": [{"Subnet": "172.19.0.0/16"}, {"Subnet": "fd00:1::/64"}]},
}


class Host:
    """A host with iptables and an engine, as far as the program asks them."""

    def __init__(self, *networks: dict[str, Any]) -> None:
        self.networks = {str(network["Name"]): network for network in networks}
        self.chains: dict[str, dict[str, list[str]]] = {name: {"PREROUTING": []} for name in ("iptables", "ip6tables")}
        self.writes = 0

    def run(self, *command: str, data: str | None = None) -> subprocess.CompletedProcess[str]:
        """Stands for subprocess."""
        out = self._docker(command) if command[0] == "docker" else self._tables(command, data)
        return subprocess.CompletedProcess(
            command, 0 if out is not None else 1, out or "", "" if out is not None else "no"
        )

    def _docker(self, command: tuple[str, ...]) -> str | None:
        if command[1:3] == ("network", "ls"):
            labelled = "--filter" in command
            return "\n".join(name for name in self.networks if not labelled or name.startswith("mediverse-site-"))
        return json.dumps([self.networks[name] for name in command[3:]])

    def _tables(self, command: tuple[str, ...], data: str | None) -> str | None:
        program = command[0].removesuffix("-restore")
        chains = self.chains[program]
        if command[0] != program:
            self.writes += 1
            chains["MEDIVERSE-GUARD"] = [line for line in (data or "").splitlines() if line.startswith("-A ")]
            return ""
        if "-S" in command:
            return "\n".join(line for lines in chains.values() for line in lines)
        jump = "-A PREROUTING -j MEDIVERSE-GUARD"
        if "-D" in command:
            if jump not in chains["PREROUTING"]:
                return None
            chains["PREROUTING"].remove(jump)
        if "-I" in command:
            chains["PREROUTING"].insert(0, jump)
        return ""


@pytest.fixture
def guard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("container_guard", str(PROGRAM))
    spec = importlib.util.spec_from_loader("container_guard", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    monkeypatch.setattr(module, "STATE", str(tmp_path / "etc" / "guard.json"))
    return module


def host(guard: ModuleType, monkeypatch: pytest.MonkeyPatch, *networks: dict[str, Any]) -> Host:
    made = Host(*networks)
    monkeypatch.setattr(guard, "run", made.run)
    return made


def test_every_subnet_is_closed_but_from_its_own_bridge(guard: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    there = host(guard, monkeypatch, SITE, PROXY)
    assert guard.main(["learn", "mediverse-proxy"]) == 0
    assert there.chains["iptables"]["MEDIVERSE-GUARD"] == [
        "-A MEDIVERSE-GUARD -d 127.0.0.0/8 ! -i lo -j DROP",
        "-A MEDIVERSE-GUARD -d 172.19.0.0/16 ! -i br-proxy -j DROP",
        "-A MEDIVERSE-GUARD -d 172.20.0.0/16 ! -i br-9c1f00aa11bb -j DROP",
    ]
    assert there.chains["ip6tables"]["MEDIVERSE-GUARD"] == ["-A MEDIVERSE-GUARD -d fd00:1::/64 ! -i br-proxy -j DROP"]
    assert there.chains["iptables"]["PREROUTING"] == ["-A PREROUTING -j MEDIVERSE-GUARD"]


def test_the_second_run_changes_nothing(
    guard: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there = host(guard, monkeypatch, SITE, PROXY)
    for said in ("changed", "unchanged"):
        assert guard.main(["learn", "mediverse-proxy"]) == 0
        assert capsys.readouterr().out.strip() == said
    assert there.writes == 2


def test_check_mode_writes_nothing(
    guard: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there = host(guard, monkeypatch, SITE)
    assert guard.main(["--check", "learn", "mediverse-site-kanifing"]) == 0
    assert capsys.readouterr().out.strip() == "changed"
    assert (there.writes, Path(guard.STATE).exists()) == (0, False)


def test_a_boot_needs_no_engine(guard: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    before = host(guard, monkeypatch, SITE)
    guard.main(["learn", "mediverse-site-kanifing"])
    booted = host(guard, monkeypatch)
    assert guard.main(["verify"]) == 1
    assert guard.main(["apply"]) == 0
    assert booted.chains["iptables"] == before.chains["iptables"]
    assert guard.main(["verify"]) == 0


@pytest.mark.parametrize(
    "damage",
    [
        lambda chains: chains["MEDIVERSE-GUARD"].pop(),
        lambda chains: chains["MEDIVERSE-GUARD"].insert(0, "-A MEDIVERSE-GUARD -j ACCEPT"),
        lambda chains: chains["PREROUTING"].clear(),
        lambda chains: chains["PREROUTING"].insert(0, "-A PREROUTING -j ACCEPT"),
    ],
)
def test_a_hole_is_seen_and_mended(
    guard: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], damage: Any
) -> None:
    there = host(guard, monkeypatch, SITE)
    guard.main(["learn", "mediverse-site-kanifing"])
    damage(there.chains["iptables"])
    assert guard.main(["verify"]) == 1
    assert "not closed (iptables lacks rules or passes them by); run" in capsys.readouterr().err
    assert guard.main(["learn", "mediverse-site-kanifing"]) == 0
    assert guard.main(["verify"]) == 0
    assert there.chains["iptables"]["PREROUTING"].count("-A PREROUTING -j MEDIVERSE-GUARD") == 1


def test_a_network_that_is_gone_is_forgotten(guard: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    host(guard, monkeypatch, SITE, PROXY)
    guard.main(["learn", "mediverse-proxy"])
    host(guard, monkeypatch, PROXY)
    guard.main(["learn", "mediverse-proxy"])
    assert list(guard.known()) == ["mediverse-proxy"]


def test_nothing_known_is_nothing_closed(
    guard: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    host(guard, monkeypatch)
    assert guard.main(["verify"]) == 1
    assert f"Container addresses are not closed ({guard.STATE} has no rules)" in capsys.readouterr().err


def test_a_missing_program_is_one_sentence(
    guard: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert guard.main(["learn", "x"]) == 1
    assert (
        capsys.readouterr().err == "docker is missing on this host; install the package of that name and run again.\n"
    )
