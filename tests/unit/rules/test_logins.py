# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users, passwords and secrets; no sentence about one repeats it."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils._rules import logins
from ansible_collections.mediverse.pacs.plugins.module_utils._rules.values import Rule

from tests.unit.rules.judging import Right, Wrong, refuse, singly, worded

RIGHT: Right = [
    (logins.secret, ["x" * 12, "x" * 128, "a b'c\"d$e{f}g\\h", "correct horse battery"]),
    (logins.token, ["a" * 20, "A9.~_-" * 20]),
    (logins.api_user, ["admin", "a.b@c.org", "9" * 64]),
    (logins.reader, ["dr.house", "anna@hospital", "ü", "a#b", "x" * 100]),
    (logins.reader_password, ["x", "with space", "~" * 256, "a-"]),
    (logins.proxy_admin_password, ["x" * 8, "x" * 64, "with${X}it"]),
]

WRONG: Wrong = [
    (
        logins.secret,
        [
            ("x" * 11, "has 11 characters; expected 12 to 128"),
            ("x" * 129, "has 129 characters; expected 12 to 128"),
            ("", "has 0 characters"),
            ("Your_Orthanc_Cloud_Password", "well-known"),
            (" password123 ", "well-known"),
            ("orthanc", "well-known"),
            ("has-${HOME}-inside", "Orthanc"),
            ("p\u00e4ssword-and-more", "printable ASCII"),
            ("line\nbreak-in-it", "printable ASCII"),
            ("long-enough-with-end\n", "printable ASCII"),
            (123456789012, "quote it"),
            (None, "quote it"),
            (["a" * 12], "is a list"),
        ],
    ),
    (
        logins.token,
        [("a" * 19, "20 to 128"), ("a" * 129, "20"), ("a" * 20 + '"', "20"), ("a" * 20 + "\n", "20"), (1, "20")],
    ),
    (
        logins.api_user,
        [
            ("", "no name"),
            ("dr house", "no name"),
            ("-x", "no name"),
            ("a:b", "no name"),
            ("a\n", "no name"),
            (1, "no name"),
        ],
    ),
    (
        logins.reader,
        [
            ("", "no user name"),
            ("dr house", "no user name"),
            ("#viewer", "no user name"),
            ("a:b", "no user name"),
            ("a\n", "no user name"),
            ("a\x00b", "no user name"),
            (7, "no user name"),
        ],
    ),
    (
        logins.reader_password,
        [
            ("", "not usable"),
            ("-x", "not usable"),
            (" x", "not usable"),
            ("x\n", "not usable"),
            ("\u00fcber", "not usable"),
            ("x" * 257, "not usable"),
            (None, "not usable"),
            ("password123", "well-known"),
        ],
    ),
    (functools.partial(logins.reader_password, shortest=12), [("x" * 11, "at least 12")]),
    (
        logins.proxy_admin_password,
        [
            ("x" * 7, "has 7 characters; expected 8 to 64"),
            ("x" * 65, "has 65 characters"),
            ("\u00fc" * 37, "not printable ASCII"),
            ("long-enough\n", "not printable ASCII"),
            ("password", "well-known"),
            (12345678, "is a number"),
        ],
    ),
]


@pytest.mark.parametrize(("rule", "value"), singly(RIGHT))
def test_what_is_right(rule: Rule, value: Any) -> None:
    assert rule(value) is None


@pytest.mark.parametrize(("rule", "value", "words"), worded(WRONG))
def test_what_is_wrong_and_why(rule: Rule, value: Any, words: str) -> None:
    refuse(rule, value, words)


@pytest.mark.parametrize("rule", [logins.secret, logins.token, logins.reader_password])
def test_no_sentence_holds_a_secret(rule: Rule) -> None:
    for secret in ("S3cret", "S3cret\n" * 9, "${S3cret}-and-more-of-it", "-S3cret", ["S3cret"], {"S3cret": "S3cret"}):
        clause = rule(secret)
        assert clause is None or "S3cret" not in clause
    assert rule({"S3cret": "S3cret"})


def test_names_of_secrets_and_well_known_passwords() -> None:
    assert all(
        map(logins.names_a_secret, ("password", "admin_password", "apiKey", "api_key", "TOKEN", "pwd", "secrets"))
    )
    assert not any(map(logins.names_a_secret, ("aet", "port", "passage", "keyboard")))
    assert logins.is_known_password(" ChangeMe ")
    assert not logins.is_known_password("orthanc")
