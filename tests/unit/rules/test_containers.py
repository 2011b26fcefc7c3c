# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images, networks and memory of containers, ids of sites, packages."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils._rules import containers
from ansible_collections.mediverse.pacs.plugins.module_utils._rules.values import Rule

from tests.unit.rules.judging import Right, Wrong, refuse, singly, worded

RIGHT: Right = [
    (containers.site_id, ["kanifing", "a", "site-2", "9lives", "a" * 32]),
    (
        containers.image,
        ["orthancteam/orthanc:26.8.1", "registry:5000/a/b:1", f"a@sha256:{'0' * 64}", f"a:1@sha256:{'f' * 64}"],
    ),
    (containers.network, ["mediverse-proxy", "a.b_c-1", "12345", "null"]),
    (containers.memory, ["2g", "256m", "6m", "6291456", "2097152k", "6291456b", "2G"]),
    (containers.project, ["mediverse-proxy", "a_b", "9"]),
    (containers.package, ["docker.io", "docker-ce=5:28.5.2-1~debian.13~trixie", "libstdc++6:amd64"]),
]

WRONG: Wrong = [
    (
        containers.site_id,
        [
            *(
                (wrong, "no site id")
                for wrong in ("", "Kanifing", "-a", "a-", "a.b", "a_b", "a" * 33, "abc\n", "é", 7, None)
            ),
            *((wrong, "reserved") for wrong in ("all", "hub", "localhost", "ungrouped", "nginx-proxy-manager")),
        ],
    ),
    (
        containers.image,
        [
            *(
                (wrong, "tag or a digest")
                for wrong in ("orthanc", "orthanc:", "a@sha256:12", "a:1\n", "a b:1", "", None, 1)
            ),
            ("registry:5000/a", "tag or a digest"),
            (f"a@sha256:{'F' * 64}", "tag or a digest"),
        ],
    ),
    (
        containers.network,
        [
            *(
                (wrong, "no name of a Docker network")
                for wrong in ("a #b", "a: b", "a$b", "a\n", "", "-a", 12345, None, "x" * 129)
            ),
            *((wrong, "Docker engine itself") for wrong in ("host", "bridge", "none")),
        ],
    ),
    (
        containers.memory,
        [
            *(
                (wrong, "no memory limit")
                for wrong in ("", "2T", "0", "-1", "2 g", "2gb", "1.5g", "2g\n", 2, None, "02g")
            ),
            *((wrong, "less than the 6m") for wrong in ("2", "5m", "6291455")),
        ],
    ),
    (containers.project, [("A", "is no name of a compose"), ("a\n", "is no"), ("", "is no"), (None, "is no")]),
    (containers.package, [("docker io", "is no name of a package"), ("-y", "is no"), ("a\n", "is no"), (3, "is no")]),
]


@pytest.mark.parametrize(("rule", "value"), singly(RIGHT))
def test_what_is_right(rule: Rule, value: Any) -> None:
    assert rule(value) is None


@pytest.mark.parametrize(("rule", "value", "words"), worded(WRONG))
def test_what_is_wrong_and_why(rule: Rule, value: Any, words: str) -> None:
    refuse(rule, value, words)


@pytest.mark.parametrize(("written", "size"), [("2g", 2147483648), ("1536m", 1610612736), ("x", None)])
def test_the_bytes_of_a_memory_limit(written: str, size: int | None) -> None:
    assert containers.memory_bytes(written) == size
