# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Request bodies that the API accepts, as tables. Keys that are not listed are refused."""

from __future__ import annotations

from typing import Any

from .schema import Schema

_BOOLEAN: Schema = {"type": "boolean"}
_TEXT: Schema = {"type": "string"}
_DOMAIN: Schema = {"type": "string", "pattern": r"""^[^&| @!#%^();:/\\}{=+?<>,~`'"]+$"""}
_DOMAINS: Schema = {"type": "array", "maxItems": 100, "uniqueItems": True, "items": _DOMAIN}
_UPSTREAM: dict[str, Schema] = {
    "forward_scheme": {"type": "string", "enum": ["http", "https"]},
    "forward_host": {"type": "string", "minLength": 1, "maxLength": 255},
    "forward_port": {"type": "integer", "minimum": 1, "maximum": 65535},
}
_LOCATION: Schema = {
    "type": "object",
    "additionalProperties": False,
    "required": ["forward_scheme", "forward_host", "forward_port", "path"],
    "properties": {
        **_UPSTREAM,
        "id": {"type": ["integer", "null"]},
        "path": {"type": "string", "minLength": 1},
        "forward_path": _TEXT,
        "advanced_config": _TEXT,
    },
}
_HOST: dict[str, Schema] = {
    **_UPSTREAM,
    "domain_names": {**_DOMAINS, "minItems": 1},
    "access_list_id": {"type": "integer", "minimum": 0},
    "certificate_id": {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^new$"}]},
    **dict.fromkeys(
        (
            "ssl_forced",
            "hsts_enabled",
            "hsts_subdomains",
            "trust_forwarded_proto",
            "http2_support",
            "block_exploits",
            "caching_enabled",
            "allow_websocket_upgrade",
            "enabled",
        ),
        _BOOLEAN,
    ),
    "advanced_config": _TEXT,
    "meta": {"type": "object"},
    "locations": {"type": "array", "items": _LOCATION},
}
_LIST: dict[str, Schema] = {
    "name": {"type": "string", "minLength": 1},
    "satisfy_any": _BOOLEAN,
    "pass_auth": _BOOLEAN,
    "items": {
        "type": "array",
        "items": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"username": {"type": "string", "minLength": 1}, "password": _TEXT},
        },
    },
    "clients": {
        "type": "array",
        "items": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "address": {"type": "string", "format": "client-address"},
                "directive": {"type": "string", "enum": ["allow", "deny"]},
            },
        },
    },
}
_USER: dict[str, Schema] = {
    "name": {"type": "string", "minLength": 1},
    "nickname": _TEXT,
    "email": {"type": "string", "minLength": 3},
    "roles": {"type": "array", "items": _TEXT},
    "is_disabled": _BOOLEAN,
}
_LETSENCRYPT_META: dict[str, Schema] = {
    "certificate": {"type": "string", "minLength": 1},
    "certificate_key": {"type": "string", "minLength": 1},
    "dns_challenge": _BOOLEAN,
    "dns_provider": _TEXT,
    "dns_provider_credentials": _TEXT,
    "letsencrypt_certificate": {"type": "object"},
    "key_type": {"type": "string", "enum": ["rsa", "ecdsa"]},
    "propagation_seconds": {"type": "integer", "minimum": 0},
}


def _strict(properties: dict[str, Schema], **rest: Any) -> Schema:
    return {"type": "object", "additionalProperties": False, "properties": properties, **rest}


def request_schemas() -> dict[str, Schema]:
    """Return the body schemas, by operation name."""
    certificate = {
        "provider": {"type": "string", "pattern": "^(letsencrypt|other)$"},
        "nice_name": _TEXT,
        "domain_names": _DOMAINS,
        "meta": _strict(_LETSENCRYPT_META),
    }
    return {
        "host_create": _strict(_HOST, required=["domain_names", "forward_scheme", "forward_host", "forward_port"]),
        "host_update": _strict(_HOST, minProperties=1),
        "list_create": _strict(_LIST, required=["name"]),
        "list_update": _strict(_LIST, minProperties=1),
        "certificate_create": _strict(certificate, required=["provider"]),
        "user_create": _strict({**_USER, "auth": {"type": "object"}}, required=["name", "nickname", "email"]),
        "user_update": _strict(_USER, minProperties=1),
        "login": _strict(
            {
                "identity": {"type": "string", "minLength": 1},
                "secret": {"type": "string", "minLength": 1},
                "scope": {"type": "string", "enum": ["user"]},
            },
            required=["identity", "secret"],
        ),
        "second_factor": _strict(
            {"challenge_token": {"type": "string", "minLength": 1}, "code": {"type": "string", "minLength": 6}},
            required=["challenge_token", "code"],
        ),
        "code": _strict({"code": {"type": "string", "minLength": 6}}, required=["code"]),
        "password": {
            "type": "object",
            "required": ["type", "secret"],
            "properties": {
                "type": {"type": "string", "pattern": "^password$"},
                "current": {"type": "string", "minLength": 1, "maxLength": 64},
                "secret": {"type": "string", "minLength": 8, "maxLength": 64},
            },
        },
    }
