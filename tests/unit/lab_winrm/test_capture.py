# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a recorded call may hold, and how shapes are compared."""

from __future__ import annotations

import json

from ansible_collections.mediverse.pacs.plugins.plugin_utils._capture import differences, fixture, secrets_in, shape

from tests.spellings import shown

SECRET = "pl4nted 'a' \"b\" $c\\d"
OTHER = "pl4nted-in-a-script"


def test_secrets_are_found_below_their_keys() -> None:
    variables = {
        "a_password": SECRET,
        "x": {"secrets": {"y": [OTHER], "n": 1}},
        "name": "site",
        "list": [{"token": "t"}],
        "http_proxy": "http://u:p%24w@proxy:3128",
    }
    assert set(secrets_in(variables)) == {SECRET, OTHER, "t", "p%24w", "p$w"}


def test_a_call_holds_no_secret_and_no_content() -> None:
    arguments = {
        "path": f"C:\\{SECRET}",
        "password": SECRET,
        "headers": {"Authorization": SECRET},
        "body": f"echo {OTHER}",
        "_ansible_check_mode": True,
    }
    result = {
        "changed": True,
        "msg": f"no: {json.dumps(SECRET)}",
        "json": {"PatientName": "Jallow^Fatou", "n": [1]},
        "output": [OTHER],
        "ansible_facts": {"x": 1},
    }
    made = fixture("ansible.windows.win_uri", arguments, False, result, [SECRET], ["admin"])
    text = json.dumps(made)
    assert shown(text, {"secret": SECRET, "other": OTHER}, ["admin"]) == []
    assert "Jallow" not in text
    assert made["result"] == {
        "changed": True,
        "msg": 'no: "********"',
        "json": {"PatientName": "str", "n": ["int"]},
        "output": ["str"],
    }
    assert set(made["arguments"]) == {"path", "password", "headers", "body"}


def test_differences_are_listed_by_key() -> None:
    real = shape({"changed": False, "stat": {"size": 3, "owner": "x"}, "files": [{"name": "a"}], "none": []})
    model = shape({"changed": False, "stat": {"size": "3", "new": 1}, "files": [{"name": 1}], "none": [1]})
    assert differences(real, real) == []
    assert differences(real, model) == [
        "files[].name is int; Windows answers str",
        "stat.new is not answered by Windows",
        "stat.owner is missing; Windows answers str",
        "stat.size is str; Windows answers int",
    ]
