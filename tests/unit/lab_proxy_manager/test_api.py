# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schemas, answers and versions of the double."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import jwt
import pyotp
import pytest

from tests.lab.proxy_manager.server import parse_multipart

from .world import FORWARD, PASSWORD, World

HOST: dict[str, Any] = {"domain_names": ["a.example.com"], **FORWARD}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": "red"}, "data must NOT have additional properties"),
        ({"forward_port": 0}, "data/forward_port must be >= 1"),
        ({"forward_port": "many"}, "data/forward_port must be integer"),
        ({"forward_scheme": "ftp"}, "data/forward_scheme must be equal to one of the allowed values"),
        ({"domain_names": []}, "data/domain_names must NOT have fewer than 1 items"),
        ({"locations": None}, "data/locations must be array"),
        ({"ssl_forced": "yes"}, "data/ssl_forced must be boolean"),
        ({"certificate_id": "old"}, 'must match pattern "^new$"'),
        ({"id": 3}, "data must NOT have additional properties"),
    ],
)
def test_bodies_are_checked_strictly(npm: World, change: dict[str, Any], message: str) -> None:
    status, said = npm.call("POST", "/nginx/proxy-hosts", {**HOST, **change})
    assert status == 400
    assert message in said["error"]["message"]


def test_scalars_are_coerced_and_names_sorted(npm: World) -> None:
    said = npm.ok("POST", "/nginx/proxy-hosts", {**HOST, "domain_names": ["b.c", "a.c"], "forward_port": "80"})
    assert (said["domain_names"], said["forward_port"]) == (["a.c", "b.c"], 80)
    assert (
        npm.ok("PUT", "/nginx/proxy-hosts/1", {"block_exploits": 1, "access_list_id": None})["block_exploits"] is True
    )


def test_a_name_belongs_to_one_host_whatever_its_case(npm: World) -> None:
    npm.host("a.example.com")
    status, said = npm.call("POST", "/nginx/proxy-hosts", {**HOST, "domain_names": ["A.example.com"]})
    assert (status, said["error"]["message"]) == (400, "A.example.com is already in use")


def test_what_is_not_modelled_says_so(npm: World) -> None:
    for method, path in (
        ("GET", "/settings"),
        ("POST", "/nginx/streams"),
        ("GET", "/nginx/certificates/dns-providers"),
    ):
        status, said = npm.call(method, path, {})
        assert status == 501
        assert path in said["error"]["message"]
    order = {"provider": "letsencrypt", "domain_names": ["a.c"], "meta": {"dns_challenge": True}}
    assert npm.call("POST", "/nginx/certificates", order)[0] == 501
    assert npm.call("GET", "/nope")[1]["error"] == {"code": 404, "message": "Not Found - /nope"}


def test_a_wrong_expansion_is_an_internal_error(npm: World) -> None:
    assert npm.call("GET", "/nginx/proxy-hosts?expand=secrets")[0] == 500
    assert npm.call("GET", "/nginx/proxy-hosts?expand=access_list.[items")[0] == 500


def test_passwords_change_with_the_current_one_only(npm: World) -> None:
    change = {"type": "password", "secret": "another-secret"}
    assert npm.call("PUT", "/users/me/auth", change)[1]["error"]["message"] == "Current password was not supplied"
    assert npm.call("PUT", "/users/me/auth", {**change, "current": "wrong"})[0] == 400
    assert npm.ok("PUT", "/users/me/auth", {**change, "current": PASSWORD}) is True
    npm.log_in(password="another-secret")


def test_a_second_factor_replaces_the_token_by_a_challenge(npm: World) -> None:
    secret = npm.ok("POST", "/users/me/2fa", {})["secret"]
    npm.ok("POST", "/users/me/2fa/enable", {"code": pyotp.TOTP(secret).now()})
    said = npm.ok("POST", "/tokens", {"identity": "ada@example.com", "secret": PASSWORD})
    assert "token" not in said
    assert said["requires_2fa"] is True
    answer = {"challenge_token": said["challenge_token"], "code": pyotp.TOTP(secret).now()}
    assert "token" in npm.ok("POST", "/tokens/2fa", answer)
    npm.token = said["challenge_token"]
    assert npm.call("GET", "/users")[0] == 404


@pytest.mark.parametrize(
    ("key", "algorithm", "seconds", "message"),
    [
        ("own", "HS256", 60, ""),
        ("own", "HS256", -1, "Token has expired"),
        ("other", "HS256", 60, "Internal Error"),
        ("", "none", 60, "Internal Error"),
    ],
)
def test_a_token_is_taken_as_it_was_signed_and_in_its_time(
    npm: World, key: str, algorithm: str, seconds: int, message: str
) -> None:
    own = bytes.fromhex(json.loads((npm.data / "keys.json").read_text())["key"])
    keys: dict[str, str | bytes] = {"own": own, "other": bytes(64), "": ""}
    claims = {"attrs": {"id": 1}, "scope": ["user"], "exp": int(time.time()) + seconds}
    npm.token = jwt.encode(claims, keys[key], algorithm)
    status, said = npm.call("GET", "/users")
    assert (status == 200) == (not message), said
    assert not message or said["error"]["message"] == message


def test_custom_certificates_give_their_key_away_and_take_a_strange_name(npm: World, tmp_path: Path) -> None:
    pem, key = make_pair(tmp_path, "/O=Lab/CN=x.example.com")
    npm.ok("POST", "/nginx/certificates", {"provider": "other", "nice_name": "mine"})
    status, __ = npm.call("POST", "/nginx/certificates/1/upload", certificate=pem, certificate_key=key)
    assert status == 200
    row = npm.ok("GET", "/nginx/certificates")[0]
    assert row["meta"]["certificate_key"] == key
    assert row["domain_names"] == ["Lab,"]
    npm.token = None
    assert npm.call("POST", "/nginx/certificates/validate", certificate=pem)[0] == 200


def test_state_survives_a_restart(npm: World) -> None:
    npm.host("a.example.com", access_list_id=npm.access_list())
    npm.restart()
    assert [row["domain_names"] for row in npm.ok("GET", "/nginx/proxy-hosts")] == [["a.example.com"]]


def test_uploads_are_read_as_forms() -> None:
    head = 'Content-Disposition: form-data; name="certificate"; filename="c.pem"'
    body = f"--xyz\r\n{head}\r\n\r\nPEM\nTEXT\r\n--xyz--\r\n".encode()
    assert parse_multipart("multipart/form-data; boundary=xyz", body) == {"certificate": b"PEM\nTEXT"}


def make_pair(folder: Path, subject: str) -> tuple[str, str]:
    """Return certificate and key, self-signed."""
    from tests.lab.proxy_manager.pem import openssl

    files = folder / "pair.pem", folder / "pair.key"
    openssl(
        *["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"],
        *("-subj", subject, "-out", str(files[0]), "-keyout", str(files[1])),
    )
    return files[0].read_text(), files[1].read_text()
