# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What no file for nginx has, as published images carry one with open advisories: patterns in a map, and rewrites."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FILES = (
    "roles/cloud_pacs/templates/default.conf.template.j2",
    "roles/nginx_proxy_manager/templates/http_top.conf.j2",
    "playbooks/vars/roles.yml",
)
_MAP = re.compile(r"\bmap\s+\S+\s+\S+\s*\{[^}]*?\s\"?~[^}]*\}", re.S)
_REWRITE = re.compile(r"^\s*rewrite\s", re.M)


@pytest.mark.parametrize("name", FILES)
def test_nothing_that_nginx_can_be_broken_by(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert not _MAP.search(text)
    assert not _REWRITE.search(text)


def test_the_patterns_find_them() -> None:
    assert _MAP.search('map $uri $pixels {\n    default "";\n    ~/(frames)(/|$) pixels;\n}')
    assert _MAP.search('map $a $b { "~^x$" 1; }')
    assert not _MAP.search('map $a $b { default ""; x 1; }\nif ($uri ~ "x") { set $b 1; }')
    assert _REWRITE.search("  rewrite ^ /x;")
