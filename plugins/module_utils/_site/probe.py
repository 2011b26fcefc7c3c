# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at a web service from outside: one request for each probe, no redirects, the certificate verified.

The engine's ``http`` speaks to an API that it trusts to be one; this looks at what a stranger meets. So a path goes out
as it is written, a length may be announced that never comes, the name of a certificate is verified at another address,
and the certificate itself is part of the answer: what a client library tidies up or hides is what is asked about.
Python's standard library only, because probes run on hosts that have nothing else (docs/decisions/0043).
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import socket
import ssl
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any
from urllib.parse import urlsplit

_BODY_LIMIT = 4 * 1024 * 1024
_ENTIRE_BODY = 262144


@dataclass(frozen=True)
class Probe:
    """One question. ``tcp://host:port`` only asks whether a connection is accepted."""

    name: str
    url: str
    method: str = "GET"
    username: str = ""
    password: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    content: bool = False
    timeout: float = 10.0


def ask(probe: Probe, ca_path: str | None = None, address: str | None = None) -> dict[str, Any]:
    """The answer: ``status`` (0 without one), ``error``, ``headers``, ``body``, the certificate; never raises.

    address   where to connect instead of what the name servers say; the name still decides about the certificate.
    """
    answer, body = ask_whole(probe, ca_path, address, _BODY_LIMIT if probe.content else 2048)
    if probe.content:
        answer["body"] = body[:_ENTIRE_BODY].decode("utf-8", errors="replace")
    return answer


def ask_whole(probe: Probe, ca_path: str | None, address: str | None, limit: int) -> tuple[dict[str, Any], bytes]:
    """The same with up to ``limit`` bytes of the body as they came."""
    body = b""
    answer = nothing(probe)
    began = time.monotonic()
    try:
        if probe.url.startswith("tcp://"):
            _connect(probe, address, answer)
        else:
            body = _request(probe, ca_path, address, answer, limit)
    except ssl.SSLCertVerificationError as error:
        answer["error"] = f"the certificate is not trusted: {error.verify_message}"
    except (TimeoutError, socket.timeout):  # one and the same from Python 3.10 on
        answer["error"] = f"no answer within {probe.timeout:g} s"
    except http.client.IncompleteRead as error:
        whole = f" of {len(error.partial) + error.expected}" if error.expected else ""
        answer["error"] = f"the answer ends after {len(error.partial)}{whole} bytes"
    except (OSError, http.client.HTTPException, ValueError) as error:
        answer["error"] = str(error) or type(error).__name__
    answer["seconds"] = round(time.monotonic() - began, 3)
    return answer, body


def nothing(probe: Probe) -> dict[str, Any]:
    """The answer to a probe that has not been asked."""
    return {
        **{"name": probe.name, "url": probe.url, "method": probe.method, "skipped": False},
        **{
            "status": 0,
            "error": "",
            "headers": {},
            "body": "",
            "open": False,
            "days": None,
            "issuer": "",
            "not_before": None,
            "not_after": None,
            "lifetime": None,
            "fingerprint": "",
            "seconds": 0.0,
        },
    }


def _connect(probe: Probe, address: str | None, answer: dict[str, Any]) -> None:
    parts = urlsplit(probe.url)
    with socket.create_connection((address or parts.hostname or "", parts.port or 0), timeout=probe.timeout):
        answer["open"] = True


def _request(probe: Probe, ca_path: str | None, address: str | None, answer: dict[str, Any], limit: int) -> bytes:
    parts = urlsplit(probe.url)
    connection = _connection(parts.scheme, parts.hostname or "", parts.port, ca_path, probe.timeout)
    if address:
        # Below TLS, which goes on to ask for a certificate of the name.
        pinned = address
        vars(connection)["_create_connection"] = lambda place, *more, **options: socket.create_connection(
            (pinned, place[1]), *more, **options
        )
    try:
        connection.connect()
        answer["open"] = True
        if isinstance(connection.sock, ssl.SSLSocket):
            answer.update(_certificate(connection.sock.getpeercert() or {}))
            answer["fingerprint"] = hashlib.sha256(connection.sock.getpeercert(True) or b"").hexdigest()
        # The path goes out as it is written; a client that tidies it up would hide what the server does with it.
        target = probe.url.split(parts.netloc, 1)[1] or "/"
        connection.request(probe.method, target, body=probe.body.encode() or None, headers=_headers(probe))
        response = connection.getresponse()
        answer["status"] = response.status
        answer["headers"] = {name.lower(): value for name, value in response.getheaders()}
        body = response.read(limit)
        if len(body) < limit and response.length:
            # A read of so many bytes takes the end of the connection for the end of the answer.
            raise http.client.IncompleteRead(body, response.length)
        return body
    finally:
        connection.close()


def _connection(
    scheme: str, host: str, port: int | None, ca_path: str | None, timeout: float
) -> http.client.HTTPConnection:
    if scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=timeout)
    if scheme != "https":
        raise ValueError(f"the scheme {scheme!r} is unknown; expected http, https or tcp")
    context = ssl.create_default_context(cafile=ca_path)
    return http.client.HTTPSConnection(host, port, timeout=timeout, context=context)


def _certificate(found: dict[str, Any]) -> dict[str, Any]:
    expires = ssl.cert_time_to_seconds(found["notAfter"]) if "notAfter" in found else time.time()
    began = ssl.cert_time_to_seconds(found["notBefore"]) if "notBefore" in found else expires
    issuer = {key: value for part in found.get("issuer", ()) for key, value in part}
    return {
        "days": int((expires - time.time()) // 86400),
        "lifetime": round((expires - began) / 86400),
        "not_before": _time(began),
        "not_after": _time(expires),
        "issuer": issuer.get("organizationName") or issuer.get("commonName", ""),
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _headers(probe: Probe) -> dict[str, str]:
    headers = {"User-Agent": "mediverse-proof", "Accept": "*/*", **probe.headers}
    if probe.username:
        token = base64.b64encode(f"{probe.username}:{probe.password}".encode()).decode()
        headers["Authorization"] = f"Basic {token}"
    return headers
