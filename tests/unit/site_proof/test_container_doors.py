# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the proof asks containers past the proxy: which addresses, from where, and what it makes of the answers."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.mediverse.pacs.plugins.modules import container_doors

HEALTHY = {"172.20.0.3:80": 403, "172.20.0.2:8042": 401}


def container(name: str, project: str, pid: int, **addresses: str) -> dict[str, Any]:
    return {
        "Name": f"/{name}",
        "Config": {
            "Labels": {
                "com.docker.compose.project": project,
                "com.docker.compose.service": name.removesuffix("-1").rpartition("-")[2],
            }
            if project
            else None
        },
        "State": {"Pid": pid},
        "NetworkSettings": {
            "Networks": {network.replace("_", "-"): {"IPAddress": address} for network, address in addresses.items()}
        },
    }


SITE = [
    container("pacs-demo-orthanc-1", "pacs-demo", 11, mediverse_site_demo="172.20.0.2"),
    container("pacs-demo-ohif-1", "pacs-demo", 12, mediverse_site_demo="172.20.0.3"),
    container(
        "proxy",
        "nginx-proxy-manager",
        13,
        mediverse_proxy="172.19.0.2",
        mediverse_site_demo="172.20.0.4",
        x="172.21.0.4",
    ),
    container("something", "", 14, bridge="172.17.0.2"),
]
OTHER = container("pacs-other-ohif-1", "pacs-other", 21, x="172.21.0.3")


def look(running: list[dict[str, Any]], answers: dict[str, int], open_inside: list[list[Any]]) -> tuple[Any, list[Any]]:
    commands: list[Any] = []

    def run(command: list[str], data: str | None = None) -> str:
        commands.append((command, data))
        if command[:2] == ["docker", "ps"]:
            return "\n".join(str(number) for number in range(len(running)))
        return json.dumps(running if command[0] == "docker" else open_inside)

    params = {"project": "pacs-demo", "proxy_project": "nginx-proxy-manager", "timeout": 1.0}
    return container_doors.look(params, run, lambda address, __: answers.get(address, 0)), commands


def test_a_site_alone() -> None:
    found, commands = look(SITE, HEALTHY, [])
    assert found == {
        # Of two containers; another site would knock at the proxy's beside them as well.
        "asked": 10,
        "knocked": 15,
        "addresses": ["172.20.0.2:8042", "172.20.0.3:80", "172.20.0.4:81"],
        "from_host": HEALTHY,
        "viewer": {"name": "pacs-demo-ohif-1", "address": "172.20.0.3"},
        "others": [],
        "from_others": [],
    }
    assert [command[0] for command, __ in commands] == ["docker", "docker"]


def test_another_site_knocks_from_its_own_network() -> None:
    found, commands = look([*SITE, OTHER], HEALTHY, [["172.20.0.3", 80]])
    assert found["others"] == ["pacs-other-ohif-1"]
    assert found["from_others"] == ["172.20.0.3:80 from pacs-other-ohif-1"]
    command, data = commands[-1]
    assert command[:2] == ["nsenter", "--net=/proc/21/ns/net"]
    doors = json.loads(data)[0]
    # On this site's network the proxy as well, but not where the other site is served by it.
    assert {host for host, __ in doors} == {"172.20.0.2", "172.20.0.3", "172.20.0.4"}
    assert {port for __, port in doors} == {80, 81, 443, 4242, 8042}


def test_one_container_of_each_other_site_is_enough() -> None:
    second = container("pacs-other-orthanc-1", "pacs-other", 22, x="172.21.0.2")
    found, __ = look([*SITE, OTHER, second], HEALTHY, [])
    assert found["others"] == ["pacs-other-ohif-1"]


def test_no_container_at_all() -> None:
    assert look([], {}, [])[0]["from_host"] == {}
