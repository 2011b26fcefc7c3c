# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts, networks, ports, adapters and URLs."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils._rules import addresses
from ansible_collections.mediverse.pacs.plugins.module_utils._rules.values import Rule

from tests.unit.rules.judging import Right, Wrong, refuse, singly, worded

RIGHT: Right = [
    (
        addresses.host,
        ["10.8.0.12", "203.0.113.10", "2001:db8::10", "clfy.mediverse.ai", "pc-7", "a" * 63 + ".ai", "1x"],
    ),
    (addresses.ipv4, ["192.168.0.10", "10.0.0.1", "172.31.255.254"]),
    (addresses.interface, ["192.168.0.20/24", "10.0.0.5/8", "10.1.2.1/30"]),
    (addresses.ipv4_network, ["10.98.0.0/16", "203.0.113.7", "203.0.113.7/32", "10.0.0.0/8"]),
    (addresses.tunnel_network, ["10.98.0.0/16", "192.168.7.0/24", "100.64.0.0/10", "10.0.0.0/29"]),
    (addresses.mac, ["00:1B:44:11:3A:B7", "00-1b-44-11-3a-b7", "02:00:00:00:00:01"]),
    (addresses.port, [1, 104, 65535, "104", "8042"]),
    (
        addresses.sync_address,
        ["tcp://clfy.mediverse.ai:22000", "quic://10.8.0.1:22000", "tcp://[2001:db8::10]:22000", "tcp4://h.ai"],
    ),
    (addresses.loopback_url, ["http://127.0.0.1:8384", "http://localhost:8384", "https://[::1]:1", "http://127.9.9.9"]),
    (addresses.https_url, ["https://pacs.example.org/", "https://10.0.0.1:8443", "https://a.example.org/orthanc/x"]),
    (addresses.email, ["a@b.org", "first.last+tag@sub.example.org"]),
]

WRONG: Wrong = [
    (
        addresses.host,
        [
            ("", "is empty"),
            ("127.0.0.1", "no address of a remote machine"),
            ("::1", "no address of a remote machine"),
            ("0.0.0.0", "no address of a remote machine"),
            ("224.0.0.1", "no address of a remote machine"),
            ("255.255.255.255", "no address of a remote machine"),
            ("240.0.0.1", "no address of a remote machine"),
            ("169.254.7.7", "no address of a remote machine"),
            ("fe80::1", "no address of a remote machine"),
            ("localhost", "runs Ansible"),
            ("LOCALHOST", "runs Ansible"),
            ("10.8.0", "is not a host"),
            ("10.8.0.300", "is not a host"),
            ("010.8.0.1", "is not a host"),
            ("a b", "is not a host"),
            ("-a.org", "is not a host"),
            ("a..b", "is not a host"),
            ("a.b.", "is not a host"),
            ("a_b", "is not a host"),
            ("root@10.0.0.1", "is not a host"),
            ("http://a.org", "is not a host"),
            ("a.org\n", "is not a host"),
            ("a" * 64 + ".org", "is not a host"),
            (".".join(["a" * 60] * 5), "is not a host"),
            (12, "is a number"),
            ({"password": "S"}, "is a map"),
        ],
    ),
    (
        addresses.ipv4,
        [
            ("ct1.local", "is not an IPv4 address"),
            ("2001:db8::1", "is not an IPv4 address"),
            ("192.168.0.10/24", "is not an IPv4 address"),
            ("192.168.0.010", "is not an IPv4 address"),
            ("192.168.0.10 ", "is not an IPv4 address"),
            (3232235530, "is a number"),
            ("127.0.0.1", "no address of a scanner"),
            ("255.255.255.255", "no address of a scanner"),
            ("169.254.1.1", "no address of a scanner"),
        ],
    ),
    (
        addresses.interface,
        [
            ("192.168.0.20", "lacks the length"),
            ("192.168.0.20/255.255.255.0", "lacks the length"),
            ("192.168.0.20/31", "the length /31"),
            ("192.168.0.20/32", "the length /32"),
            ("10.0.0.1/0", "the length /0"),
            ("192.168.0.0/24", "network or broadcast"),
            ("192.168.0.255/24", "network or broadcast"),
            ("192.168.0.20/33", "is not an address"),
            ("x/24", "is not an address"),
            ("127.0.0.1/8", "no address of an adapter"),
            ("", "is empty"),
        ],
    ),
    (
        addresses.ipv4_network,
        [
            ("10.98.0.1/16", "expected 10.98.0.0/16"),
            ("fd00::/8", "is not an IPv4"),
            ("0.0.0.0/0", "all addresses there are"),
            ("128.0.0.0/1", "all addresses there are"),
            ("x", "is not an IPv4"),
            ("", "is empty"),
        ],
    ),
    (
        addresses.tunnel_network,
        [
            ("10.98.0.0/30", "the length /30"),
            ("10.98.0.7", "the length /32"),
            ("8.8.0.0/16", "no private network"),
            ("192.0.0.0/8", "no private network"),
            ("10.98.0.1/16", "expected 10.98.0.0/16"),
        ],
    ),
    (
        addresses.mac,
        [
            ("00:1B:44:11:3A", "is not a MAC"),
            ("00:1B-44:11-3A:B7", "is not a MAC"),
            ("001B44113AB7", "is not a MAC"),
            ("00:1B:44:11:3A:BG", "is not a MAC"),
            ("00:1B:44:11:3A:B7\n", "is not a MAC"),
            (52749, "is a number"),
            ("00:00:00:00:00:00", "of no adapter"),
            ("00-00-00-00-00-00", "of no adapter"),
            ("01:00:5E:00:00:01", "group address"),
            ("FF:FF:FF:FF:FF:FF", "group address"),
        ],
    ),
    (
        addresses.port,
        [
            *(
                (wrong, "from 1 to 65535")
                for wrong in (0, -1, 65536, "0", "abc", "8042 ", " 8042", "8_042", "0104", "0x68")
            ),
            *((wrong, "from 1 to 65535") for wrong in (True, None, 104.0, "", "104\n", "+104", "१०४", [104])),
        ],
    ),
    (
        addresses.sync_address,
        [
            ("clfy.mediverse.ai:22000", "is not a Syncthing address"),
            ("http://h.ai:22000", "is not a Syncthing address"),
            ("tcp://h.ai:0", "is not a Syncthing address"),
            ("tcp://h.ai:70000", "is not a Syncthing address"),
            ("tcp://h.ai:022000", "is not a Syncthing address"),
            ("tcp://[::::]:22000", "is not a host"),
            ("tcp://[clfy.mediverse.ai]:22000", "is not a Syncthing address"),
            ("tcp://2001:db8::10:22000", "is not a Syncthing address"),
            ("tcp://a b:22000", "is not a host"),
            ("tcp://a\nb:22000", "is not a host"),
            ("tcp://a';x:22000", "is not a host"),
            ("tcp://root@h:22000", "is not a host"),
            ("tcp://127.0.0.1:22000", "no address of a remote machine"),
            ("tcp://0.0.0.0:22000", "no address of a remote machine"),
            ("tcp://localhost:22000", "runs Ansible"),
            ("tcp://h.ai:22000/", "is not a Syncthing address"),
            ("tcp://h.ai:22000\n", "is not a Syncthing address"),
            (22000, "is not a Syncthing address"),
        ],
    ),
    (
        addresses.loopback_url,
        [
            ("http://10.0.0.1:8384", "does not stay"),
            ("http://127.0.0.1.example.org", "does not stay"),
            ("ftp://127.0.0.1", "does not stay"),
            ("http://127.0.0.1:99999", "does not stay"),
            ("http://127.0.0.1:1\n", "does not stay"),
            ("127.0.0.1:8384", "does not stay"),
            ("http://a:b@127.0.0.1", "user name or password"),
            (None, "does not stay"),
        ],
    ),
    (
        addresses.https_url,
        [
            ("http://pacs.example.org/", "https://"),
            ("https://", "https://"),
            ("https:///x", "https://"),
            ("https://a b/", "https://"),
            ("https://a.org:x/", "https://"),
            ("https://a.org/\n", "https://"),
            ("https://gateway:word@a.org/", "user name or password"),
            ("https://gateway@a.org/", "user name or password"),
            ("pacs.example.org", "https://"),
            ("", "https://"),
            (None, "https://"),
        ],
    ),
    (
        addresses.email,
        [("a@b", "e-mail"), ("a b@c.org", "e-mail"), ("a@b.org\n", "e-mail"), ("", "e-mail"), (1, "e-mail")],
    ),
]


@pytest.mark.parametrize(("rule", "value"), singly(RIGHT))
def test_what_is_right(rule: Rule, value: Any) -> None:
    assert rule(value) is None


@pytest.mark.parametrize(("rule", "value", "words"), worded(WRONG))
def test_what_is_wrong_and_why(rule: Rule, value: Any, words: str) -> None:
    refuse(rule, value, words)


def test_one_spelling_of_what_has_several() -> None:
    assert addresses.canonical_mac("00-1b-44-11-3a-b7") == "00:1B:44:11:3A:B7"
    assert addresses.canonical_host("2001:0DB8:0::10") == "2001:db8::10"
    assert addresses.canonical_host("PC-7.Example.org") == "pc-7.example.org"
    assert addresses.canonical_interface("192.168.0.20/24") == "192.168.0.20/24"
