# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who holds a port: programs by ss, containers by the engine, and never ourselves."""

from __future__ import annotations

from ansible_collections.mediverse.pacs.plugins.filter.port_conflicts import port_conflicts

SS = """\
LISTEN 0      511          0.0.0.0:443        0.0.0.0:*    users:(("nginx",pid=812,fd=6),("nginx",pid=813,fd=6))
LISTEN 0      128             [::]:22            [::]:*    users:(("sshd",pid=1,fd=4))
LISTEN 0      5          127.0.0.1:8042       0.0.0.0:*
LISTEN 0      5       10.0.0.5%eth0:81        0.0.0.0:*    users:(("python3",pid=99,fd=3))
LISTEN 0      4096               *:80               *:*    users:(("docker-proxy",pid=50,fd=7))
"""
CONTAINERS = (
    "proxy\tnginx-proxy-manager\t127.0.0.1:81->81/tcp, 0.0.0.0:8080-8081->80-81/tcp\n"
    "web\t\t0.0.0.0:80->80/tcp\nidle\t\t\n"
)


def test_a_program_is_named_with_its_process() -> None:
    assert port_conflicts(SS, [{"port": 443}], "", "ours") == [
        {"port": 443, "owner": "nginx (process 812)", "forgotten": False}
    ]


def test_a_socket_without_a_visible_owner_still_counts() -> None:
    assert port_conflicts(SS, [{"port": 8042, "address": "127.0.0.1"}]) == [
        {"port": 8042, "owner": "another program", "forgotten": False}
    ]


def test_another_address_is_no_conflict_for_a_loopback_port() -> None:
    assert port_conflicts(SS, [{"port": 81, "address": "127.0.0.1"}]) == []
    assert port_conflicts(SS, [{"port": 81}]) == [{"port": 81, "owner": "python3 (process 99)", "forgotten": False}]
    assert port_conflicts(SS, [{"port": 22, "address": "127.0.0.1"}])[0]["owner"] == "sshd (process 1)"


def test_a_container_is_named_instead_of_the_engine() -> None:
    assert port_conflicts(SS, [{"port": 80}], CONTAINERS, "ours") == [
        {"port": 80, "owner": "the container web", "forgotten": False}
    ]


def test_ports_of_our_own_project_are_free_for_us() -> None:
    wanted = [{"port": 81, "address": "127.0.0.1"}, {"port": 8081}]
    assert port_conflicts(SS, wanted, CONTAINERS, "nginx-proxy-manager") == []
    assert [found["port"] for found in port_conflicts("", wanted, CONTAINERS, "other")] == [81, 8081]


def test_nothing_listens() -> None:
    assert port_conflicts("", [{"port": 443}, {"port": 80}]) == []


def test_a_port_that_the_engine_holds_for_nobody_is_told_apart() -> None:
    found = port_conflicts(SS, [{"port": 80}], "idle\t\t\n", "ours")
    assert [(one["port"], one["forgotten"]) for one in found] == [(80, True)]
    assert "a restart of the engine" in found[0]["owner"]
