# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders, where Syncthing listens, whom it lets in."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils._rules import syncthing
from ansible_collections.mediverse.pacs.plugins.module_utils._rules.values import Rule

from tests.unit.rules.judging import Right, Wrong, refuse, singly, worded

RIGHT: Right = [
    (syncthing.folder_id, ["worklists-demo", "a" * 64, "A.b_c", 12]),
    (syncthing.listen, ["default", "tcp://0.0.0.0:22000", "quic://[::]:22000", "tcp://:22000", "relay://a/?id=X"]),
    (syncthing.network, ["10.8.0.0/24", "!10.8.0.0/24", "2001:db8::/32", "10.8.0.12"]),
    (syncthing.password_hash, ["$2a$10$" + "." * 53, "$2y$05$" + "aZ9/" * 13 + "x"]),
]

WRONG: Wrong = [
    (
        syncthing.folder_id,
        [("a/b", "expected 1 to 64 letters"), ("", "is no"), ("a" * 65, "is no"), ("a\n", "is no"), (True, "is no")],
    ),
    (
        syncthing.listen,
        [("0.0.0.0:22000", "is no address to listen at"), ("tcp://0.0.0.0:22000\n", "is no"), (22000, "is no")],
    ),
    (syncthing.network, [("10.8.0.1/24", "is no network in CIDR"), ("anywhere", "is no"), ("", "is no"), (9, "is no")]),
    (
        syncthing.password_hash,
        [("in clear", "must be a bcrypt hash"), ("$2a$10$" + "." * 53 + "\n", "must be"), (7, "must be")],
    ),
]


@pytest.mark.parametrize(("rule", "value"), singly(RIGHT))
def test_what_is_right(rule: Rule, value: Any) -> None:
    assert rule(value) is None


@pytest.mark.parametrize(("rule", "value", "words"), worded(WRONG))
def test_what_is_wrong_and_why(rule: Rule, value: Any, words: str) -> None:
    refuse(rule, value, words)
