# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text, whole numbers, folders, and how a value is shown."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils._rules import values
from ansible_collections.mediverse.pacs.plugins.module_utils._rules.values import Rule

from tests.unit.rules.judging import Right, Wrong, refuse, singly, worded

RIGHT: Right = [
    (values.plain(5), ["a.b-c", "1000", 1000]),
    (values.mode, ["2750", "755"]),
    (values.checksum, ["0" * 64, "aF" * 32]),
    (values.controllers_path, ["/a b/ü.exe"]),
    (values.windows_path, ["C:\\Program Files\\Mediverse", "d:\\ü (x86)"]),
    (values.folder, ["/files/worklists_wl", "/opt/a.b-c"]),
    (values.windows_folder, ["C:\\Orthanc", "d:\\a\\b-c_d"]),
    (values.one_line(5), ["x", "é ß", "'\"<>"]),
    (functools.partial(values.whole, low=0, high=10), [0, 10, "0", "7"]),
]

WRONG: Wrong = [
    (
        values.folder,
        [
            ("/srv/wl/", "without a slash at its end"),
            *((wrong, "not a directory") for wrong in ("srv", "/", "/a b", "/a/../b", "/./a", "//a", "/a\n", "C:\\a")),
            (None, "is empty"),
        ],
    ),
    (
        values.windows_folder,
        [
            (wrong, "not a folder")
            for wrong in ("C:", "C:\\", "Orthanc", "C:\\a b", "C:/a", "C:\\a\n", "C:\\a\\", "\\\\s\\a", 1, None)
        ],
    ),
    (
        values.one_line(5),
        [
            ("", "is empty"),
            ("123456", "6 characters"),
            ("a\n", "cannot stand"),
            ("a\u2028", "cannot stand"),
            (None, "is empty"),
        ],
    ),
    (values.one_line(9, "$"), [("a$b", "without '$'")]),
    (
        functools.partial(values.whole, low=0, high=10),
        [
            (wrong, "from 0 to 10")
            for wrong in (-1, 11, "-1", "11", "1.0", 1.0, "", None, False, "01", "10 GB", "x", "1" * 30)
        ],
    ),
    (
        values.plain(5),
        [("a b", "is no plain name; expected 1 to 5"), ("abcdef", "is no"), ("a\n", "is no"), (1.5, "is no")],
    ),
    (values.mode, [(2750, "is no mode"), ("2950", "is no mode"), ("0750\n", "is no mode"), ("u=rwx", "is no mode")]),
    (values.checksum, [("0" * 63, "is no SHA-256"), ("0" * 64 + "\n", "is no"), (0, "is no"), ("g" * 64, "is no")]),
    (values.controllers_path, [("a.exe", "is no absolute path"), ("", "is no"), ("/a\n", "is no"), (None, "is no")]),
    (
        values.windows_path,
        [
            ("C:", "is no absolute path of Windows"),
            ("\\\\server\\share", "is no"),
            ("C:\\a\n", "is no"),
            ("C:/a", "is no"),
            ("C:\\\\a", "is no"),
            ("C:\\a?", "is no"),
            (None, "is no"),
        ],
    ),
]


@pytest.mark.parametrize(("rule", "value"), singly(RIGHT))
def test_what_is_right(rule: Rule, value: Any) -> None:
    assert rule(value) is None


@pytest.mark.parametrize(("rule", "value", "words"), worded(WRONG))
def test_what_is_wrong_and_why(rule: Rule, value: Any, words: str) -> None:
    refuse(rule, value, words)


@pytest.mark.parametrize(("written", "number"), [("104", 104), (104, 104), ("0104", None), (True, None)])
def test_a_number_in_any_spelling(written: Any, number: int | None) -> None:
    assert values.number(written) == number


@pytest.mark.parametrize(
    "url", ["https://root:S3cret@host/x", "root:S3cret@host", "https://a:S3cret@b@host", "a:b@S3cret@c"]
)
def test_a_password_in_a_url_is_hidden(url: str) -> None:
    assert "S3cret" not in values.show(url)
    assert values.show("https://host:1/x") == "'https://host:1/x'"


def test_a_value_is_shown_by_its_kind_where_anything_may_stand_in_it() -> None:
    assert values.show({"password": "S3cret"}) == "a map"
    assert values.show(["S3cret"]) == "a list"
    assert values.show("CT 1") == "'CT 1'"
    assert values.show("a\n") == "'a\\n'"
    assert values.show(None) == "None"
    assert len(values.show("x" * 500)) == 60
