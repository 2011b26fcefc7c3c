# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role promises, looked at from inside the two hosts and not through Ansible."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import testinfra
from testinfra.host import Host
from testinfra.modules.file import File

HUB = "docker://mediverse-syncthing-pair-hub"
GATEWAY = "docker://mediverse-syncthing-pair-demo-gateway"
WINDOWS = "/srv/windows/C"
HUB_DIRECTORY = "/files/worklists_wl/demo"
GATEWAY_DIRECTORY = f"{WINDOWS}/ProgramData/Mediverse/Worklists"
FOLDER = "wl-demo"
HOMES = {HUB: "/var/lib/syncthing", GATEWAY: f"{WINDOWS}/ProgramData/Syncthing"}
# A worklist entry has to be at the scanner's side within this time, in seconds.
PROMISE = 3.0
# Where the time is not what a test is about: the machine may be busy.
PATIENCE = 30.0


@pytest.fixture(scope="module")
def hub() -> Host:
    """The LIMS host."""
    return testinfra.get_host(HUB)


@pytest.fixture(scope="module")
def gateway() -> Host:
    """The simulated Windows PC; its disk C: is a directory of the container."""
    return testinfra.get_host(GATEWAY)


def api_key(host: Host, home: str) -> str:
    """The key of the Syncthing on that host."""
    found = re.search(r"<apikey>([^<]+)</apikey>", host.file(f"{home}/config.xml").content_string)
    assert found
    return found.group(1)


def ask(host: Host, home: str, path: str) -> Any:
    """GET a path of the API of the Syncthing on that host."""
    program = (
        "import json,sys,urllib.request as r;"
        "q=r.Request('http://127.0.0.1:8384'+sys.argv[1],headers={'X-API-Key':sys.stdin.readline().strip()});"
        "print(r.urlopen(q,timeout=10).read().decode())"
    )
    key = api_key(host, home)
    return json.loads(host.check_output("printf %%s %s | python3 -c %s %s", key, program, path))


def within(seconds: float, condition: Callable[[], bool]) -> float:
    """How long it took until the condition held; fails after ``seconds``."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < seconds, f"not within {seconds} s"
        time.sleep(0.1)
    return time.monotonic() - start


def as_node(hub: Host, command: str) -> None:
    """Run a shell command on the hub as the LIMS container's user, uid 1000 and nothing else."""
    hub.check_output("setpriv --reuid=1000 --regid=1000 --clear-groups sh -euc %s", command)


def write_entry(hub: Host, name: str, text: str) -> None:
    """Write a worklist entry the way a careful writer does: under another name first, then rename."""
    target = f"{HUB_DIRECTORY}/{name}"
    as_node(hub, f"printf %s '{text}' > '{target}.tmp' && mv '{target}.tmp' '{target}'")


@pytest.fixture
def entry(hub: Host, gateway: Host) -> Iterator[str]:
    """A worklist entry that has arrived at the gateway; removed afterwards."""
    name = f"t{time.time_ns()}.wl"
    write_entry(hub, name, "patient")
    within(PATIENCE, lambda: gateway.file(f"{GATEWAY_DIRECTORY}/{name}").exists)
    yield name
    hub.run("rm -f %s", f"{HUB_DIRECTORY}/{name}")
    within(PATIENCE, lambda: not gateway.file(f"{GATEWAY_DIRECTORY}/{name}").exists)


def _seen(file: File, there: bool) -> float:
    """Seconds until the file is there, or gone."""
    return within(PATIENCE, lambda: bool(file.exists) is there)


def test_an_entry_arrives_and_disappears_with_its_file(hub: Host, gateway: Host) -> None:
    came, went = [], []
    for __ in range(3):  # every look starts a program, which on a busy machine takes a good part of the time
        name = f"p{time.time_ns()}.wl"
        there = gateway.file(f"{GATEWAY_DIRECTORY}/{name}")
        write_entry(hub, name, "a patient")
        came.append(_seen(there, True))
        assert there.content_string == "a patient"
        as_node(hub, f"rm {HUB_DIRECTORY}/{name}")
        went.append(_seen(there, False))
    assert min(came) <= PROMISE
    assert min(went) <= PROMISE


def test_only_worklist_entries_travel(hub: Host, gateway: Host, entry: str) -> None:
    assert entry
    as_node(hub, f"cd {HUB_DIRECTORY}; echo x > note.txt; mkdir -p sub; echo x > sub/p.wl; echo x > half.wl.tmp")
    write_entry(hub, "last.wl", "after the others")
    within(PATIENCE, lambda: gateway.file(f"{GATEWAY_DIRECTORY}/last.wl").exists)
    arrived = gateway.check_output("ls %s", GATEWAY_DIRECTORY).split()
    as_node(hub, f"cd {HUB_DIRECTORY}; rm -r note.txt sub half.wl.tmp last.wl")
    assert sorted(arrived) == sorted([entry, "last.wl"])


def test_the_gateway_cannot_alter_the_hubs_files(hub: Host, gateway: Host, entry: str) -> None:
    gateway.check_output(
        "sh -c %s", f"echo forged > {GATEWAY_DIRECTORY}/forged.wl; echo changed > {GATEWAY_DIRECTORY}/{entry}"
    )
    home = HOMES[GATEWAY]
    key = api_key(gateway, home)
    program = (
        "import sys,urllib.request as r;"
        "q=r.Request('http://127.0.0.1:8384'+sys.argv[1],method='POST',headers={'X-API-Key':sys.stdin.readline().strip()});"
        "r.urlopen(q,timeout=30).read()"
    )
    gateway.check_output("printf %%s %s | python3 -c %s %s", key, program, f"/rest/db/scan?folder={FOLDER}")
    assert ask(gateway, home, f"/rest/db/status?folder={FOLDER}")["receiveOnlyTotalItems"] == 2
    # What comes by the same link afterwards shows that there was time for more to have come the other way.
    write_entry(hub, "later.wl", "another patient")
    within(PATIENCE, lambda: gateway.file(f"{GATEWAY_DIRECTORY}/later.wl").exists)
    as_node(hub, f"rm {HUB_DIRECTORY}/later.wl")
    assert hub.file(f"{HUB_DIRECTORY}/{entry}").content_string == "patient"
    assert not hub.file(f"{HUB_DIRECTORY}/forged.wl").exists
    # What the next run of the role does.
    gateway.check_output("printf %%s %s | python3 -c %s %s", key, program, f"/rest/db/revert?folder={FOLDER}")
    within(PATIENCE, lambda: not gateway.file(f"{GATEWAY_DIRECTORY}/forged.wl").exists)
    within(PATIENCE, lambda: gateway.file(f"{GATEWAY_DIRECTORY}/{entry}").content_string == "patient")
    within(PATIENCE, lambda: not gateway.file(f"{GATEWAY_DIRECTORY}/later.wl").exists)


def test_syncthing_can_only_read_the_hubs_directory(hub: Host) -> None:
    directory = hub.file(HUB_DIRECTORY)
    assert (directory.uid, directory.group, directory.mode) == (1000, "syncthing", 0o2750)
    try_it = "setpriv --reuid=syncthing --regid=syncthing --init-groups touch %s"
    assert hub.run(try_it, f"{HUB_DIRECTORY}/x").rc != 0
    assert hub.run(try_it, f"{HUB_DIRECTORY}/.stfolder/x").rc != 0


def test_the_folder_is_shared_with_this_gateway_only(hub: Host, gateway: Host) -> None:
    config = ask(hub, HOMES[HUB], "/rest/config")
    mine = ask(hub, HOMES[HUB], "/rest/system/status")["myID"]
    theirs = ask(gateway, HOMES[GATEWAY], "/rest/system/status")["myID"]
    [folder] = [folder for folder in config["folders"] if folder["id"] == FOLDER]
    assert {peer["deviceID"] for peer in folder["devices"]} == {mine, theirs}
    assert folder["type"] == "sendonly"
    assert [d["deviceID"] for d in config["defaults"]["folder"]["devices"]] == [mine]
    [received] = [f for f in ask(gateway, HOMES[GATEWAY], "/rest/config/folders") if f["id"] == FOLDER]
    assert (received["type"], received["maxConflicts"]) == ("receiveonly", 0)
    assert {peer["deviceID"] for peer in received["devices"]} == {mine, theirs}


@pytest.mark.parametrize("where", [HUB, GATEWAY])
def test_nothing_is_told_to_strangers(where: str) -> None:
    options = ask(testinfra.get_host(where), HOMES[where], "/rest/config/options")
    off = ("globalAnnounceEnabled", "localAnnounceEnabled", "relaysEnabled", "natEnabled", "crashReportingEnabled")
    assert {name: options[name] for name in off} == dict.fromkeys(off, False)
    assert (options["urAccepted"], options["autoUpgradeIntervalH"]) == (-1, 0)


def test_the_gateway_only_dials_out(gateway: Host) -> None:
    options = ask(gateway, HOMES[GATEWAY], "/rest/config/options")
    assert options["listenAddresses"] == ["tcp://127.0.0.1:22000"]
    listening = gateway.check_output("ss -Hltn")
    assert not re.search(r"(0\.0\.0\.0|\[::\]|\*):22000", listening)
    state = json.loads(gateway.file("/srv/windows/state.json").content_string)
    assert [rule["Name"] for rule in state["firewall"]["rules"] if "yncthing" in json.dumps(rule)] == []


@pytest.mark.parametrize("where", [HUB, GATEWAY])
def test_the_web_page_is_locked_and_local(where: str) -> None:
    host = testinfra.get_host(where)
    gui = ask(host, HOMES[where], "/rest/config/gui")
    assert gui["address"] == "127.0.0.1:8384"
    assert gui["user"]
    assert gui["password"].startswith("$2a$")
    assert not gui["insecureAdminAccess"]
    program = "import urllib.request as r; r.urlopen('http://127.0.0.1:8384/rest/config')"
    assert "403" in host.run("python3 -c %s", program).stderr


@pytest.mark.parametrize("where", [HUB, GATEWAY])
def test_no_key_in_a_file_that_others_can_read(where: str) -> None:
    host = testinfra.get_host(where)
    key = api_key(host, HOMES[where])
    # A file with the key beside the one that is known to have it: the search gets there.
    canary = f"{HOMES[where]}/canary"
    host.check_output("install -m 644 %s %s", f"{HOMES[where]}/config.xml", canary)
    # One file system: neither /proc nor /sys, which change underfoot.
    readable = host.run("find / -xdev -type f -perm -004 -size -5M -exec grep -lF -e %s {} +", key)
    host.check_output("rm %s", canary)
    assert readable.stdout.split() == [canary]


@pytest.mark.parametrize("where", [HUB, GATEWAY])
def test_no_key_in_a_process_list(where: str) -> None:
    host = testinfra.get_host(where)
    key = api_key(host, HOMES[where])
    processes = host.check_output('sh -c \'cat /proc/[0-9]*/cmdline | tr "\\\\0" " "\'')
    assert "syncthing" in processes
    assert key not in processes


def test_account_sees_the_names_beside_its_directory_and_nothing_more(gateway: Host) -> None:
    acl = json.loads(gateway.file("/srv/windows/state.json").content_string)["acl"]
    (own,) = [entry for entry in acl[r"c:\programdata\mediverse"]["entries"] if "Syncthing" in entry["account"]]
    assert (own["rights"] & ~0x100000, own["inherit"]) == (0x1, [])
