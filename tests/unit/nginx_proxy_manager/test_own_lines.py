# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of an operator's own for nginx: which open a host, which stand on their own, and which nobody may read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.mediverse.pacs.plugins.module_utils.nginx_proxy_manager import _lines
from ansible_collections.mediverse.pacs.plugins.module_utils.nginx_proxy_manager.proxy_host import PROXY_HOST

from tests.lab.proxy_manager import render
from tests.unit.lab_proxy_manager.fake_nginx import LOGIN
from tests.unit.lab_proxy_manager.world import World

from .support import refuse, settle, succeed, task

APP = "app.example.com"
HOST: dict[str, Any] = {"domain": APP, "forward_host": "upstream", "forward_port": 8000}
SECRET = "Qx7secretvalue"
_NOT_COVERED = " to which its access list would not apply"
_OTHER_RULE = ", a rule of its own beside its access list"
_FETCHED = ", which fetches pages past its access list"
_ADDRESS = ", after which visitors could tell its access list any address"
_PROGRAM = ", a program of which nobody knows"


# What nginx does with these is seen in molecule/nginx_proxy_manager/tests/test_openings.py.
@pytest.mark.parametrize(
    ("lines", "how"),
    [
        ("location = / { proxy_pass http://upstream; }", _NOT_COVERED),
        ("location ~ / { proxy_pass http://upstream; }", _NOT_COVERED),
        ("location /admin { proxy_pass http://upstream; }", _NOT_COVERED),
        ("gzip off; # x {\nlocation ^~ /x { return 200; }", _NOT_COVERED),
        ("include /data/nginx/custom/more.conf;", _NOT_COVERED),
        ("limit_except POST { deny all; }", _NOT_COVERED),
        ("allow all;", _OTHER_RULE),
        ("satisfy any;", _OTHER_RULE),
        ("auth_basic off;", _OTHER_RULE),
        ("auth_request /x;", _OTHER_RULE),
        ("if ($host) { 'auth_request' /x; }", _OTHER_RULE),
        ("auth_jwt hospital;", _OTHER_RULE),
        ("auth_pam 'PACS';", _OTHER_RULE),
        ("mirror /dicom-web;", _FETCHED),
        ("ssi on;", _FETCHED),
        ("add_before_body /dicom-web/studies;", _FETCHED),
        ("if ($arg_x) { return 200 x; } add_after_body /dicom-web/studies;", _FETCHED),
        ("srcache_fetch GET /dicom-web/studies;", _FETCHED),
        ("fancyindex on; fancyindex_header /dicom-web/studies;", _FETCHED),
        ("set_real_ip_from 0.0.0.0/0; real_ip_header X-Real-IP;", _ADDRESS),
        ("real_ip_header X-Mine;", _ADDRESS),
        ("dav_methods PUT;", ", with which everybody could leave files"),
        ("access_by_lua_file /data/open.lua;", _PROGRAM),
        ("js_access main.open;", _PROGRAM),
        ("js_content main.answer;", _PROGRAM),
        ("perl main::answer;", _PROGRAM),
    ],
)
def test_nothing_in_advanced_config_opens_a_host_with_an_access_list(npm: World, lines: str, how: str) -> None:
    npm.access_list()
    assert how in refuse(PROXY_HOST, npm, **HOST, access_list="staff", advanced_config=lines)
    location = {"path": "/x", "forward_host": "upstream", "forward_port": 1, "advanced_config": lines}
    assert "of location '/x'" in refuse(PROXY_HOST, npm, **HOST, access_list="staff", locations=[location])
    settle(PROXY_HOST, npm, **HOST, advanced_config=lines)
    # A list that comes later is refused as well, and so are lines that come hidden.
    assert how in refuse(PROXY_HOST, npm, domain=APP, access_list="staff")
    hidden: dict[str, Any] = {"advanced_config": "", "secret_config": lines}
    said = refuse(PROXY_HOST, npm, domain=APP, access_list="staff", **hidden)
    assert f"secret_config of proxy host 'app.example.com' has lines{how}" in said


@pytest.mark.parametrize(
    "lines",
    [
        "deny 10.1.1.1;",
        "auth_delay 1s;",
        "return 503;",
        "if ($arg_x) { return 302 /; }",
        "error_page 401 =200 /x;",
        "try_files /x /y;",
        "internal;",
        "proxy_set_header X-Address $realip_remote_addr;",
    ],
)
def test_what_opens_nothing_is_taken(npm: World, lines: str) -> None:
    npm.access_list()
    settle(PROXY_HOST, npm, **HOST, access_list="staff", advanced_config=lines)


def test_a_location_that_the_list_covers_is_no_opening(npm: World) -> None:
    npm.access_list()
    location = {"path": "/", "forward_host": "$server", "forward_port": 80, "advanced_config": "deny 10.1.1.1;"}
    settle(PROXY_HOST, npm, **HOST, access_list="staff", locations=[location], allow_websocket_upgrade=True)
    config = npm.nginx.config(APP)
    assert npm.nginx.state(APP) == LOGIN
    assert "proxy_pass http://$server:80;" in config
    assert config.count("location / {") == 1
    assert "Upgrade $http_upgrade" in config.partition("location / {")[2]


@pytest.mark.parametrize("lines", ["rewrite ^/(.*)$ /x/$1;", "if ($host = x) { rewrite ^ /y; }"])
def test_a_rewrite_needs_permission(npm: World, lines: str) -> None:
    assert "has a rewrite" in refuse(PROXY_HOST, npm, **HOST, advanced_config=lines)
    location = {"path": "/x", "forward_host": "upstream", "forward_port": 1, "secret_config": lines}
    assert "has a rewrite" in refuse(PROXY_HOST, npm, **HOST, locations=[location])
    settle(PROXY_HOST, npm, **HOST, advanced_config=lines, allow_rewrite=True)


def test_what_the_server_writes_has_neither_rewrite_nor_map_of_patterns() -> None:
    host = {"id": 1, "domain_names": [APP], "enabled": True, "forward_scheme": "http", "forward_host": "x"}
    host |= {"forward_port": 1, "block_exploits": True, "hsts_enabled": True}
    text = render.proxy_host(host, "/etc/letsencrypt", "/data")
    assert not _lines.rewrites(text)
    assert "~" not in text.partition("server {")[0]
    assert "quic" not in text


@pytest.mark.parametrize("lines", ["}", "gzip off", "} server {", 'add_header X "y;', "location / {", ";", 'a "b"c;'])
def test_lines_must_stand_on_their_own(npm: World, lines: str) -> None:
    said = refuse(PROXY_HOST, npm, **HOST, advanced_config=lines)
    assert said.startswith("advanced_config is ")
    assert "but it has" in said or "but it ends" in said


def test_hidden_lines_are_shown_nowhere_and_compared_all_the_same(npm: World) -> None:
    mine = {"advanced_config": "gzip off;", "secret_config": f'set $key "{SECRET}";'}
    header = f"proxy_set_header X-Key {SECRET};"
    location = {"path": "/", "forward_host": "$server", "forward_port": 8000, "secret_config": header}
    done = settle(PROXY_HOST, npm, **HOST, **mine, locations=[location])
    assert SECRET in npm.nginx.config(APP).partition("location / {")[2]
    assert SECRET not in json.dumps(done.result)
    assert done.result["proxy_host"]["advanced_config"] == "gzip off;"
    assert not succeed(PROXY_HOST, npm, domain=APP, advanced_config="gzip off;").changed
    other = {**location, "secret_config": header.replace(SECRET, "another-one")}
    changed = settle(PROXY_HOST, npm, domain=APP, locations=[other])
    assert changed.changed
    assert SECRET not in json.dumps(changed.result)
    assert {SECRET in text for text in changed.secrets} == {True, False}
    assert settle(PROXY_HOST, npm, domain=APP, secret_config="").changed
    assert SECRET not in npm.nginx.config(APP)


def test_the_reason_of_a_refusal_does_not_quote_hidden_lines(npm: World, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(PROXY_HOST, npm, **HOST)
    for secret in (SECRET, "onlylowercaseletters", 'with "quotes" in it'):
        text = f"set $key '{secret}' no_such_directive;"
        outcome = task(PROXY_HOST, npm, domain=APP, secret_config=text)
        assert outcome.failed
        assert secret not in json.dumps(outcome.result)
        reason = f'invalid number of arguments near "{secret}"'
        assert secret not in _lines.scrub(reason, [text])
