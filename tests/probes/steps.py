# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns a row of the table into what the agent does: addresses, bytes, logins."""

from __future__ import annotations

import base64
from typing import Any

from tests.probes.stage import Stage
from tests.probes.table import Row

LONG = "a" * 70_000
_PURPOSE = {
    "viewer": ("viewer", "viewer_login"),
    "admin": ("admin", "orthanc_admin"),
    "gateway": ("gateway", "orthanc_gateway"),
    "orthanc-viewer": ("viewer", "orthanc_viewer"),
}


def login(user: str, password: str) -> str:
    """The header of a login."""
    return f"Authorization: Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}\r\n"


def steps(row: Row, stage: Stage) -> list[tuple[str, dict[str, Any]]]:
    """Where and what: one step for each address of a container and each place that a container could stand in."""
    found: list[tuple[str, dict[str, Any]]] = []
    for place in stage.variants(row.place):
        for target in _targets(row.to, stage):
            step: dict[str, Any] = {"id": f"{row.id}#{len(found)}", "kind": row.kind, **target}
            step |= {
                key: row.more[key]
                for key in ("version", "ciphers", "alpn", "ask", "calling", "called", "connections", "span")
                if key in row.more
            }
            if row.kind in ("http", "rate"):
                step["head"] = _head(row, stage)
                step["body"] = row.more.get("content") or {}
                # A large body may take its time.
                step["timeout"] = 60 if any(key.endswith("zeros") for key in step["body"]) else 12
            found.append((place, step))
    return found


def _targets(to: str, stage: Stage) -> list[dict[str, Any]]:
    name, __, port = to.partition(":")
    cloud = stage.address(f"{stage.site}-cloud")
    if name in ("viewer", "pacs", "nameless", "unknown"):
        if port:
            return [{"host": cloud, "port": int(port.removesuffix("plain"))}]
        sni = {"nameless": "", "unknown": "evil.example"}.get(name) if name not in stage.values else stage.values[name]
        return [{"host": cloud, "port": 443, "sni": sni}]
    if name == "loopback":
        return [{"host": "127.0.0.1", "port": 8042}]
    if name == "bridge":
        gateways = {network["Gateway"] for network in stage.networks("ohif").values()}
        return [{"host": address, "port": int(port)} for address in sorted(gateways)]
    if name.startswith("container-"):
        networks = stage.networks(name.removeprefix("container-")).values()
        return [{"host": network["IPAddress"], "port": int(port)} for network in networks]
    if name == "gateway-scanner-side":
        scanner = next(host for host in stage.lab.hosts if host.kind == "scanner")
        return [{"host": scanner.environment["GATEWAY_HOST"], "port": int(port)}]
    hosts = {"cloud": f"{stage.site}-cloud", "gateway": f"{stage.site}-gateway", "hub": "hub"}
    return [{"host": stage.address(hosts[name]) if name in hosts else name, "port": int(port)}]


def _login(row: Row, stage: Stage) -> str:
    if row.who == "nobody":
        return ""
    if row.who == "wrong":
        return login("viewer", "not-the-password")
    if row.who in _PURPOSE:
        user, purpose = _PURPOSE[row.who]
        return login(user, stage.secrets[purpose])
    user, __, password = row.who.partition(":")
    return login(user, password)


def fill(text: str, stage: Stage) -> str:
    """Replace ``{name}``; braces around anything else stay."""
    for name, value in stage.values.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _head(row: Row, stage: Stage) -> str:
    second = fill("GET /dicom-web/studies HTTP/1.1\r\nHost: {viewer}\r\n\r\n", stage)
    if "raw" in row.more:
        text = row.more["raw"].replace("{second}", second).replace("{second_length}", str(len(second) + 5))
        return fill(text.replace("{login}", _login(row, stage)), stage)
    method, __, target = fill(row.more["send"], stage).replace("{long}", LONG).partition(" ")
    name = row.to.partition(":")[0]
    wanted = {
        "Host": stage.values.get(name, name),
        "Connection": "keep-alive" if row.kind == "rate" else "close",
        "Accept": "*/*",
    }
    if "content" in row.more:
        wanted["Content-Length"] = "{length}"
    wanted |= row.more.get("headers", {})
    lines = "".join(f"{key}: {fill(str(value), stage).replace('{long}', LONG)}\r\n" for key, value in wanted.items())
    own_login = "authorization" in (key.lower() for key in wanted)
    return f"{method} {target} HTTP/1.1\r\n{lines}{'' if own_login else _login(row, stage)}\r\n"
