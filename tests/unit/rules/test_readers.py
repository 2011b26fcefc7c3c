# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logins of readers are judged before anything is changed, in sentences that name everything but the password."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils._rules.logins import readers

GOOD = "p w$x'\"\\longenough{1}"


def problems(people: Any) -> list[str]:
    return list(readers(people, "mediverse_viewers", own=["viewer"], shortest=12))


@pytest.mark.parametrize("people", [{}, None, "", [], {"anna": GOOD, "Anna": GOOD, "müller": GOOD}])
def test_good_ones(people: Any) -> None:
    assert problems(people) == []


@pytest.mark.parametrize(
    ("people", "sentence"),
    [
        (["anna"], "mediverse_viewers is no mapping of names and passwords"),
        ("anna", "mediverse_viewers is no mapping of names and passwords"),
        (7, "mediverse_viewers is no mapping of names and passwords"),
        ({"viewer": GOOD}, "mediverse_viewers names 'viewer', which is the site's own login"),
        (
            {"dr o'neil": GOOD},
            'mediverse_viewers holds the user "dr o\'neil", which is no user name; a user name has no',
        ),
        ({"a:b": GOOD}, "a user name has no colon and no space"),
        ({"#anna": GOOD}, "begins with no '#'"),
        ({"": GOOD}, "is not empty"),
        ([{"username": "a", "password": GOOD}] * 2, "mediverse_viewers must name each user once."),
    ],
)
def test_mistaken_people(people: Any, sentence: str) -> None:
    (said,) = problems(people)
    assert sentence in said
    assert GOOD not in said


@pytest.mark.parametrize(
    "password", ["qqxshort", "", None, 123456789012, f"{GOOD}\n", f"-{GOOD}", f" {GOOD}", f"ü{GOOD}", f"{GOOD}\t"]
)
def test_passwords_that_are_not_usable(password: Any) -> None:
    (said,) = problems({"anna": password})
    assert said.startswith(
        "mediverse_viewers has a password of 'anna' that is not usable; expected a text of at least 12 "
    )
    assert not password or str(password).strip() not in said


def test_all_mistakes_are_told_at_once() -> None:
    assert len(problems({"viewer": "x", "dr x": GOOD})) == 3
