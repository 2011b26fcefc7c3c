# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No sentence about a setting holds a secret, and what is no secret is refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.plugin_utils import _site_settings as settings

from tests.unit.settings.specs import EVERY, OWN, SECRET, judge


def test_secrets_are_for_a_known_purpose_and_texts() -> None:
    given = {
        "orthanc_amdin": SECRET,
        "a": None,
        "b": "",
        "c": 123456,
        "d": "short",
        f"password:{SECRET}": "x",
        "e": SECRET,
    }
    refused = {"short": "is short"}.get
    found = [said for __, said in settings.secrets(given, ["orthanc_admin", "a", "b", "c", "d", "e"], refused)]
    empty = "is empty; give a text, or remove it, and a secret is made on the first run."
    assert found == [
        "mediverse_secrets.orthanc_amdin is unknown; did you mean orthanc_admin?",
        f"mediverse_secrets.a {empty}",
        f"mediverse_secrets.b {empty}",
        "mediverse_secrets.c is a number; expected text, so put it in quotes.",
        "mediverse_secrets.d is refused: it is short.",
        "mediverse_secrets has a key that is no name; expected orthanc_admin, a, b, c, d or e, and a space after each "
        "colon.",
    ]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("cloud_pacs_admin_password", [SECRET]),
        ("cloud_pacs_admin_password", {"x": SECRET}),
        ("orthanc_windows_gateway_peer", SECRET),
        ("orthanc_windows_gateway_peer", f"https://gateway:{SECRET}@pacs.example.org"),
        ("orthanc_windows_gateway_peer", {f"password:{SECRET}": None}),
        ("orthanc_windows_gateway_peer", {"password": [SECRET]}),
        ("orthanc_windows_gateway_peer", {"http_headers": SECRET}),
        ("orthanc_windows_gateway_more_peers", [SECRET]),
        ("orthanc_windows_gateway_more_peers", {"password": SECRET}),
        ("nginx_proxy_manager_access_lists", [{"name": "x", "items": [SECRET]}]),
        ("nginx_proxy_manager_access_lists", [{"name": "x", "items": [{"username": "a", "password": [SECRET]}]}]),
        ("mediverse_secrets", SECRET),
        ("mediverse_secrets", [SECRET]),
        ("mediverse_viewers", SECRET),
        ("cloud_pacs_rest_port", f"http://admin:{SECRET}@127.0.0.1"),
        ("cloud_pacs_rest_port", f"http://127.0.0.1/?pw={SECRET}"),
    ],
)
def test_no_secret_is_shown(option: str, value: Any) -> None:
    sentences = judge(option, value)
    assert sentences
    assert SECRET not in " ".join(sentences)


def test_a_secret_that_stands_in_another_setting_too_is_masked() -> None:
    values = {"cloud_pacs_admin_password": SECRET, "cloud_pacs_rest_port": f"8042 {SECRET}"}
    known = list(settings.secret_texts(EVERY, values))
    assert known == [SECRET]
    assert judge("cloud_pacs_rest_port", values["cloud_pacs_rest_port"], tuple(known)) == [
        "cloud_pacs_rest_port is '8042 ********'; expected a whole number."
    ]


def test_every_secret_of_a_setting_is_known() -> None:
    values = {
        "nginx_proxy_manager_access_lists": [{"name": "x", "items": [{"username": "u", "password": "p1"}]}],
        "orthanc_windows_gateway_peer": {"password": "p2", "http_headers": {"X": "p3"}, "name": "n"},
        "mediverse_secrets": {"orthanc_admin": "p4"},
    }
    assert sorted(settings.secret_texts(EVERY | OWN, values)) == ["p1", "p2", "p3", "p4"]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("'nosuch' is undefined", "'nosuch' is undefined"),
        ("object of type 'dict' has no attribute 'part'", "'part' is undefined"),
        # A password that was looked for as a name or a key, or stands as plain text beside a template.
        (f"'{SECRET}' is undefined", "its template fails (ValueError)"),
        ("'Plain' is undefined", "its template fails (ValueError)"),
        (f"object of type 'dict' has no attribute '{SECRET}'", "its template fails (ValueError)"),
        (
            f"The filter plugin 'ansible.builtin.to_datetime' failed: '{SECRET}' does not match",
            "the filter to_datetime fails",
        ),
        ("The filter plugin 'a.b.Plain' failed: x", "its template fails (ValueError)"),
        (f"The lookup plugin 'file' failed: {SECRET}", "the lookup file fails"),
        (f"can only concatenate str to {SECRET}", "its template fails (ValueError)"),
    ],
)
def test_why_an_option_cannot_be_worked_out_is_told_in_words_of_its_template(said: str, reason: str) -> None:
    variables = {
        "cloud_pacs_rest_port": ["Plain {{ one }}"],
        "one": {"x": "{{ nosuch.part | to_datetime }}{% if lookup('file', one) %}"},
    }
    name = "cloud_pacs_rest_port"
    sentence = settings.unclear(name, EVERY[name], variables, ValueError(said))
    assert sentence == f"{name} cannot be worked out: {reason}; expected a whole number."


def test_an_option_that_nobody_knows_has_no_expectation() -> None:
    said = settings.unclear("x", None, {"x": "{{ x }}"}, ValueError("'x' is undefined"))
    assert said == "x cannot be worked out: 'x' is undefined."
