# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nginx configuration of one proxy host, and of the temporary server for a certificate request.

A row is rendered from what it carries: without its ``certificate`` it gets no TLS, without the ``items`` of its
``access_list`` it gets no login. Which relations a row carries is decided by the caller, and the real server forgets
them in several places; the traps of the double live there and not here.
"""

from __future__ import annotations

import re

from .store import Row

_DEFAULT_LOCATION = re.compile(r"^(?:.*;)?\s*location\s*/\s*\{", re.IGNORECASE | re.MULTILINE)
_UPGRADE = (
    "proxy_set_header Upgrade $http_upgrade;",
    "proxy_set_header Connection $http_connection;",
    "proxy_http_version 1.1;",
)


def proxy_host(row: Row, letsencrypt: str, data: str) -> str:
    """Return the configuration file of a proxy host, empty but for a comment if the host is disabled.

    Args:
        row: The host with the relations that the caller has loaded.
        letsencrypt: Directory of the Let's Encrypt certificates.
        data: The data directory.
    """
    title = f"# {', '.join(row['domain_names'])}"
    if not row.get("enabled"):
        return f"{title}\n"
    subdomains = "includeSubDomains;" if row.get("hsts_subdomains") else ""
    lines = [
        title,
        "map $scheme $hsts_header {",
        f'  https "max-age=63072000;{subdomains} preload";',
        "}",
        "server {",
        f"  set $forward_scheme {row['forward_scheme']};",
        f'  set $server "{row["forward_host"]}";',
        f"  set $port {row['forward_port']};",
        *_indent(_listen(row), 2),
        *_indent(_certificate(row, letsencrypt, data), 2),
        *_indent(_options(row), 2),
        *_indent(_forced_ssl(row), 2),
        *_indent(_UPGRADE if row.get("allow_websocket_upgrade") else (), 2),
        f"  access_log {data}/logs/proxy-host-{row['id']}_access.log combined;",
        f"  error_log {data}/logs/proxy-host-{row['id']}_error.log warn;",
        row.get("advanced_config") or "",
    ]
    locations = row.get("locations") or []
    for location in locations:
        lines += _indent(_location(row, location, data), 2)
    if not _DEFAULT_LOCATION.search(row.get("advanced_config") or "") and all(one["path"] != "/" for one in locations):
        lines += [
            "  location / {",
            *_indent(_access(row, data), 4),
            *_indent(_hsts(row), 4),
            *_indent(_UPGRADE if row.get("allow_websocket_upgrade") else (), 4),
            "    include /etc/nginx/include/proxy.conf;",
            "  }",
        ]
    return "\n".join([*lines, f"  include {data}/nginx/custom/server_proxy[.]conf;", "}", ""])


def acme_request(domains: list[str], data: str) -> str:
    """Return the server that answers HTTP-01 challenges while a certificate is requested."""
    return "\n".join(
        [
            "server {",
            "  listen 80;",
            f"  server_name {' '.join(domains)};",
            f"  access_log {data}/logs/letsencrypt-requests_access.log combined;",
            "  include /etc/nginx/include/acme-challenge.conf;",
            "  location / { return 404; }",
            "}",
            "",
        ]
    )


def _indent(lines: tuple[str, ...] | list[str], width: int) -> list[str]:
    return [f"{' ' * width}{line}" for line in lines]


def _secured(row: Row) -> bool:
    return bool(row.get("certificate")) and int(row.get("certificate_id") or 0) > 0


def _listen(row: Row) -> list[str]:
    return [
        "listen 80;",
        *(["listen 443 ssl;"] if row.get("certificate") else []),
        f"server_name {' '.join(row['domain_names'])};",
        f"http2 {'on' if row.get('http2_support') else 'off'};",
    ]


def _certificate(row: Row, letsencrypt: str, data: str) -> list[str]:
    if not _secured(row):
        return []
    automatic = row["certificate"]["provider"] == "letsencrypt"
    folder = f"{f'{letsencrypt}/live' if automatic else f'{data}/custom_ssl'}/npm-{row['certificate_id']}"
    return [
        *(["include /etc/nginx/include/acme-challenge.conf;"] if automatic else []),
        f"ssl_certificate {folder}/fullchain.pem;",
        f"ssl_certificate_key {folder}/privkey.pem;",
    ]


def _options(row: Row) -> list[str]:
    # Cached assets are answered by a location of their own, which has no access list: a trap of the real server.
    return [
        *(["include /etc/nginx/include/assets.conf;"] if row.get("caching_enabled") else []),
        *(["include /etc/nginx/include/block-exploits.conf;"] if row.get("block_exploits") else []),
        *_hsts(row),
    ]


def _hsts(row: Row) -> list[str]:
    if _secured(row) and row.get("ssl_forced") and row.get("hsts_enabled"):
        return ["add_header Strict-Transport-Security $hsts_header always;"]
    return []


def _forced_ssl(row: Row) -> list[str]:
    if not (_secured(row) and row.get("ssl_forced")):
        return []
    trust = "T" if row.get("trust_forwarded_proto") else "F"
    return [f'set $trust_forwarded_proto "{trust}";', "include /etc/nginx/include/force-ssl.conf;"]


def _access(row: Row, data: str) -> list[str]:
    if not row.get("access_list_id"):
        return []
    access = row.get("access_list") or {}
    lines: list[str] = []
    if access.get("items"):
        lines += [
            'auth_basic "Authorization required";',
            f"auth_basic_user_file {data}/access/{row['access_list_id']};",
            *(['proxy_set_header Authorization "";'] if not access.get("pass_auth") else []),
        ]
    lines += [f"{client['directive']} {client['address']};" for client in access.get("clients") or []]
    if access.get("clients"):
        lines.append("deny all;")
    return [*lines, f"satisfy {'any' if access.get('satisfy_any') else 'all'};"]


def _location(row: Row, location: Row, data: str) -> list[str]:
    host, __, path = location["forward_host"].partition("/")
    path = f"/{path}" if path else location.get("forward_path") or ""
    inside = [
        location.get("advanced_config") or "",
        "proxy_set_header Host $host;",
        "proxy_set_header X-Forwarded-Scheme $scheme;",
        "proxy_set_header X-Forwarded-Proto $scheme;",
        "proxy_set_header X-Forwarded-For $remote_addr;",
        "proxy_set_header X-Real-IP $remote_addr;",
        f"proxy_pass {location['forward_scheme']}://{host}:{location['forward_port']}{path};",
        *_access(row, data),
        *_options(row),
        # What a proxy in front says is forgotten here, as in the real server.
        *_forced_ssl({**row, "trust_forwarded_proto": False}),
        *(_UPGRADE if row.get("allow_websocket_upgrade") else ()),
    ]
    return [f"location {location['path']} {{", *_indent(inside, 2), "}"]
