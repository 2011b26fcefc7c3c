# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The field table: contradictions, argument spec, comparison, masking."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.fields import (
    MASK,
    MASK_NEW,
    Field,
    argument_spec,
    check_table,
    merge,
    same,
    secrets_of,
    show,
    show_all,
    to_api,
)

PEERS = Field(
    "devices",
    type="list",
    elements="dict",
    unordered=True,
    suboptions=(Field("id", "deviceID", needed=True), Field("password", "encryptionPassword", secret=True, default="")),
)
LIMITS = Field("limits", type="dict", suboptions=(Field("low", type="int"), Field("high", "max", type="int")))


@pytest.mark.parametrize(
    "wrong",
    [
        {"option": ""},
        {"option": "x", "type": "list"},
        {"option": "x", "elements": "str"},
        {"option": "x", "suboptions": (Field("y"),)},
        {"option": "x", "unordered": True},
        {"option": "x", "read_only": True, "write_only": True},
        {"option": "x", "read_only": True, "needed": True},
        {"option": "x", "read_only": True, "default": 1},
        {"option": "x", "write_only": True, "immutable": True},
        {"option": "x", "write_only": True, "compare": lambda a, b: True},
        {"option": "x", "needed": True, "default": 1},
        {"option": "x", "key": True, "secret": True},
        {"option": "x", "key": True, "default": "a"},
        {"option": "x", "constant": 1, "read_only": True},
        {"option": "x", "constant": 1, "default": 2},
        {"option": "x", "choices": ("a",), "default": "b"},
        {"option": "x", "type": "dict", "suboptions": (Field("y"), Field("y", "z"))},
    ],
)
def test_contradictory_fields_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"field|named twice"):
        Field(**wrong)


def test_two_fields_for_one_api_name_are_refused() -> None:
    with pytest.raises(ValueError, match="thing: named twice: A"):
        check_table((Field("a", "A"), Field("b", "A")), "thing")


def test_argument_spec() -> None:
    spec = argument_spec((Field("name", key=True), Field("seen", read_only=True), Field("on", constant=True), PEERS))
    assert spec["name"] == {"type": "str", "no_log": False, "required": True}
    assert set(spec) == {"name", "devices"}
    assert spec["devices"]["options"] == {
        "id": {"type": "str", "no_log": False, "required": True},
        "password": {"type": "str", "no_log": True},
    }


def test_a_default_is_no_ansible_default() -> None:
    assert "default" not in argument_spec((Field("x", type="int", default=3),))["x"]


def test_entries_of_a_list_are_complete() -> None:
    """Syncthing gives a peer the password of the entry that stood at its place, unless the key is sent."""
    assert to_api(PEERS, [{"id": "A", "password": None}]) == [{"deviceID": "A", "encryptionPassword": ""}]


def test_keys_of_a_dict_that_were_left_out_stay_out() -> None:
    assert to_api(LIMITS, {"low": 1, "high": None}) == {"low": 1}


def test_a_refused_value_names_the_path() -> None:
    def check(value: int) -> None:
        if value < 0:
            raise ValueError("must not be negative")

    field = Field("limits", type="dict", suboptions=(Field("low", type="int", check=check),))
    with pytest.raises(ValueError, match=r"^limits\.low is -1, but it must not be negative$"):
        to_api(field, {"low": -1})


def test_a_refused_secret_is_not_quoted() -> None:
    def check(value: str) -> None:
        raise ValueError("must have 8 characters")

    with pytest.raises(ValueError, match=r"^password must have 8 characters$"):
        to_api(Field("password", secret=True, check=check), "hunter2")


@pytest.mark.parametrize(
    ("field", "wanted", "current", "equal"),
    [
        (Field("x"), "a", "a", True),
        (Field("x"), "a", "A", False),
        (Field("x", normalise=lambda v: v and v.lower()), "a", "A", True),
        (Field("x", type="bool"), True, 1, False),
        (Field("x", type="int"), 1, True, False),
        (Field("x", type="int"), 1, "1", False),
        (Field("x", type="list", elements="str"), ["a", "b"], ["b", "a"], False),
        (Field("x", type="list", elements="str", unordered=True), ["a", "b"], ["b", "a"], True),
        (Field("x", type="list", elements="str", unordered=True), ["a", "a"], ["a", "b"], False),
        (Field("x", type="list", elements="str", unordered=True), ["a"], ["a", "a"], False),
        (Field("x", type="list", elements="str", normalise=lambda v: v or []), [], None, True),
        (Field("x", compare=lambda a, b: a in b), "a", "cba", True),
        (LIMITS, {"low": 1}, {"low": 1, "max": 9, "other": 0}, True),
        (LIMITS, {"low": 1, "max": 8}, {"low": 1, "max": 9}, False),
        (LIMITS, {"low": 1}, None, False),
        (PEERS, [{"deviceID": "A"}], [{"deviceID": "A", "introducedBy": ""}], True),
        (PEERS, [{"deviceID": "A"}, {"deviceID": "B"}], [{"deviceID": "B"}, {"deviceID": "A"}], True),
        (PEERS, [{"deviceID": "A", "encryptionPassword": "x"}], [{"deviceID": "A", "encryptionPassword": ""}], False),
    ],
)
def test_comparison(field: Field, wanted: Any, current: Any, equal: bool) -> None:
    assert same(field, wanted, current) is equal


def test_merge_completes_dicts_and_replaces_lists() -> None:
    assert merge(LIMITS, {"low": 1}, {"low": 0, "max": 9, "other": 2}) == {"low": 1, "max": 9, "other": 2}
    assert merge(PEERS, [{"deviceID": "A"}], [{"deviceID": "B"}]) == [{"deviceID": "A"}]


def test_secrets_are_masked_at_any_depth() -> None:
    shown = show(PEERS, [{"deviceID": "A", "encryptionPassword": "s3cret"}])
    assert shown == [{"id": "A", "password": MASK}]
    assert show(Field("p", secret=True), "s3cret", new=True) == MASK_NEW
    assert show(Field("p", secret=True), None) is None


def test_only_known_and_readable_properties_are_shown() -> None:
    fields = (Field("a", "A"), Field("b", "B", write_only=True))
    assert show_all(fields, {"A": 1, "B": None, "C": 3}) == {"a": 1}


def test_secrets_of_an_object_are_found() -> None:
    current = {"devices": [{"deviceID": "A", "encryptionPassword": "one"}, {"encryptionPassword": ""}], "key": "two"}
    assert secrets_of((PEERS, Field("key", secret=True)), current) == {"one", "two"}


def test_what_stands_in_for_a_write_only_value_is_no_secret() -> None:
    assert secrets_of((Field("h", type="dict", secret=True, write_only=True),), {"h": ["Accept"]}) == set()
