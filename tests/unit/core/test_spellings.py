# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A secret in whatever spelling is found by the tests, and masked by the product."""

from __future__ import annotations

import base64
import html
import json
import pprint
import shlex
import urllib.parse
from typing import Any

import pytest
import yaml
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.secrets import masked, masker

from tests.spellings import shown, spellings

SECRET = 'Pl4nt\'ed "sec" $x\\n %41&<b>+#;'
HIDE = masker([("admin", SECRET)])
TOKEN = base64.b64encode(f"admin:{SECRET}".encode()).decode()
WRITTEN = {
    "plain": f"the password {SECRET} is wrong",
    "json": json.dumps({"password": SECRET}),
    "json twice": json.dumps({"msg": json.dumps({"password": SECRET})}),
    # As both templates of Orthanc's configuration write it, where a dollar would begin a variable.
    "orthanc": json.dumps({"password": SECRET}).replace("$", "\\u0024"),
    "python": repr({"password": SECRET}),
    "python twice": repr(repr(SECRET)),
    "pretty": pprint.pformat(["x", SECRET]),
    "yaml": yaml.safe_dump({"password": SECRET}, width=1000),
    "yaml quoted": yaml.safe_dump({"password": SECRET}, default_style='"', width=1000),
    "shell": shlex.join(["curl", "-u", SECRET]),
    "url": "https://x/?password=" + urllib.parse.quote(SECRET, safe=""),
    "form": urllib.parse.urlencode({"password": SECRET}),
    "xml": f"<failure>{html.escape(SECRET)}</failure>",
    "xml text": f"<failure>{html.escape(SECRET, quote=False)}</failure>",
    "header": f"Authorization: Basic {TOKEN}",
    "base64": base64.b64encode(SECRET.encode()).decode(),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_every_spelling_is_found_and_masked(name: str) -> None:
    text = WRITTEN[name]
    assert shown(text, {"it": SECRET}, ["admin"]) == ["it"]
    assert shown(HIDE(text), {"it": SECRET}, ["admin"]) == []


def test_masking_keeps_the_rest_and_the_form() -> None:
    value: dict[str, Any] = {"a": [f"x {SECRET} y", 3, None, True], "b": {"c": "nothing"}}
    assert masked(value, HIDE, keys=True) == {"a": ["x ******** y", 3, None, True], "b": {"c": "nothing"}}
    assert masker([("", ""), ("a", "abc")])("abc") == "abc"


def test_nothing_is_found_where_nothing_is() -> None:
    assert shown("Pl4nt ed sec x n 41 b", {"it": SECRET}, ["admin"]) == []
    assert all(len(form) > 6 for form in spellings(SECRET, ["admin"]))
