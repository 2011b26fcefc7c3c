# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task may say about a proxy host, and what it may not."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Any

from .._engine.errors import InputError
from .._engine.fields import Field
from .._engine.reconcile import DELETE, Plan
from .._engine.resource import Params
from .._rules import addresses
from . import _lines
from ._certificates import same_label

_NAME = re.compile(r"(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
FLAGS = ("ssl_forced", "http2_support", "hsts_enabled", "hsts_subdomains")
# In a location: the host's own upstream, which nginx looks up when it is asked and not when it starts.
_OWN_UPSTREAM = "$server"


def check_domain(value: str) -> None:
    """A host name, or a wildcard for one label. The server would take anything and nginx might not."""
    if not _NAME.fullmatch(value.strip().lower()) or len(value) > 253:
        raise ValueError("must be a host name such as pacs.example.org")


def check_domains(value: Sequence[str]) -> None:
    """Host names, each once."""
    if not value:
        raise ValueError("must name at least one host name")
    for name in value:
        try:
            check_domain(name)
        except ValueError as error:
            raise ValueError(f"holds {name!r}, which {error}") from None
    if len({name.lower() for name in value}) != len(value):
        raise ValueError("must name each host name once")


def lower_sorted(value: Sequence[str] | None) -> list[str]:
    """Names as they are compared."""
    return sorted(name.strip().lower() for name in value or [])


def _check_upstream(value: str) -> None:
    """A host name, an IPv4 address, or an IPv6 address in brackets: what nginx can put in front of a port."""
    if value.startswith("[") and value.endswith("]"):
        try:
            ipaddress.IPv6Address(value[1:-1])
        except ValueError:
            raise ValueError("must be an IPv6 address between its brackets") from None
    elif ":" in value and re.fullmatch(r"[0-9A-Fa-f:.]+", value) and value.count(":") > 1:
        raise ValueError("must have an IPv6 address in brackets, such as [::1]")
    elif not re.fullmatch(r"[A-Za-z0-9_.-]+", value) or len(value) > 255:
        raise ValueError("must be a host name or an IP address, without scheme, port or path")


def _check_location_upstream(value: str) -> None:
    host, _slash, path = value.partition("/")
    if host != _OWN_UPSTREAM:
        _check_upstream(host)
    _check_words(path)


def _check_words(value: str) -> None:
    if re.search(r"[;{}\n\r]", value):
        raise ValueError("must not have a semicolon, a brace or a line end")


def _check_path(value: str) -> None:
    _check_words(value)
    if not value.strip():
        raise ValueError("must not be empty")


def _stripped(value: str | None) -> str:
    return (value or "").strip()


def _locations(value: Sequence[Mapping[str, Any]] | None) -> list[dict[str, Any]]:
    """Locations as they are compared: one that was saved elsewhere may lack what has a default."""
    texts = {"forward_path": "", "advanced_config": "", "secret_config": ""}
    return [{**one, **{name: one.get(name) or default for name, default in texts.items()}} for one in value or []]


_LOCATION = (
    Field("path", needed=True, check=_check_path),
    Field("forward_scheme", choices=("http", "https"), default="http"),
    Field("forward_host", needed=True, check=_check_location_upstream),
    Field("forward_port", type="int", needed=True, check=addresses.port),
    Field("forward_path", default="", check=_check_words),
    Field("advanced_config", default="", check=_lines.check, normalise=_stripped),
    Field("secret_config", default="", secret=True, check=_lines.check, normalise=_stripped),
)
FIELDS = (
    Field("domain", key=True, check=check_domain, normalise=lambda value: value.strip().lower()),
    Field("domain_names", type="list", elements="str", unordered=True, check=check_domains, normalise=lower_sorted),
    Field("forward_scheme", choices=("http", "https"), default="http"),
    Field("forward_host", needed=True, check=_check_upstream),
    Field("forward_port", type="int", needed=True, check=addresses.port),
    Field("access_list", default=""),
    Field("certificate", default="", compare=same_label),
    Field("ssl_forced", type="bool", default=False),
    Field("http2_support", type="bool", default=False),
    Field("hsts_enabled", type="bool", default=False),
    Field("hsts_subdomains", type="bool", default=False),
    Field("trust_forwarded_proto", type="bool"),
    Field("block_exploits", type="bool", default=False),
    Field("caching_enabled", type="bool", default=False),
    Field("allow_websocket_upgrade", type="bool", default=False),
    Field("advanced_config", default="", check=_lines.check, normalise=_stripped),
    Field("secret_config", default="", secret=True, check=_lines.check, normalise=_stripped),
    Field("locations", type="list", elements="dict", suboptions=_LOCATION, normalise=_locations),
    Field("enabled", type="bool", default=True),
    # What nginx refused, or what a run left half done, is sent again.
    Field("nginx_accepts", type="bool", constant=True),
    Field("id", type="int", read_only=True),
)
# Everything that a PUT sends as it is. "enabled" is never sent: the server would store it and keep serving the host.
SENT = (
    *("domain_names", "forward_scheme", "forward_host", "forward_port", *FLAGS, "trust_forwarded_proto"),
    *("block_exploits", "caching_enabled", "allow_websocket_upgrade"),
)
OPTIONS: dict[str, dict[str, Any]] = {"allow_rewrite": {"type": "bool", "default": False}}


def validate(params: Params, current: Mapping[str, Any] | None, planned: Plan) -> None:
    if planned.action == DELETE or params["state"] == "absent":
        return
    wanted = planned.desired or dict(current or {})
    name = params["domain"]
    if params["domain_names"] and name.strip().lower() not in lower_sorted(params["domain_names"]):
        raise InputError(f"domain_names of proxy host {name!r} must contain its domain. Add it to the list.")
    for flag, needs in (
        ("ssl_forced", "certificate"),
        ("http2_support", "certificate"),
        ("hsts_enabled", "ssl_forced"),
        ("hsts_subdomains", "hsts_enabled"),
    ):
        if params[flag] and not wanted.get(needs):
            raise InputError(
                f"{flag} of proxy host {name!r} needs {needs}, without which the server ignores it. "
                f"Set {needs}, or leave {flag} out."
            )
    if wanted.get("access_list") and wanted.get("caching_enabled"):
        raise InputError(
            f"Proxy host {name!r} cannot have both caching_enabled and an access list: pictures and scripts would be "
            "given to everybody, without a login. Switch caching_enabled off."
        )
    if wanted.get("trust_forwarded_proto") and wanted.get("ssl_forced") and wanted.get("locations"):
        raise InputError(
            f"Proxy host {name!r} cannot have trust_forwarded_proto and ssl_forced together with locations, in which "
            "the server forgets the former and redirects visitors for ever. Leave one of them out."
        )
    _refuse_rewrites(params, name)
    if wanted.get("access_list"):
        _refuse_openings(wanted, name)


def texts(host: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Every option with nginx lines of a host: (how it is called, the lines)."""
    found = [(option, str(host.get(option) or "")) for option in ("advanced_config", "secret_config")]
    for one in host.get("locations") or []:
        found += [
            (f"{option} of location {one['path']!r}", str(one.get(option) or ""))
            for option in ("advanced_config", "secret_config")
        ]
    return found


def _refuse_rewrites(params: Params, name: str) -> None:
    for option, text in texts(params):
        if _lines.rewrites(text) and not params["allow_rewrite"]:
            raise InputError(
                f"{option} of proxy host {name!r} has a rewrite, through which known faults of the server's nginx run "
                "foreign code. Use return or a location instead, or set allow_rewrite if the server is new enough."
            )


def _refuse_openings(host: Mapping[str, Any], name: str) -> None:
    for option, text in texts(host):
        opening = _lines.opens(text)
        if opening:
            words, how = opening
            shown = "lines" if option.startswith("secret") else repr(words)
            raise InputError(
                f"{option} of proxy host {name!r} has {shown}{how}, so that visitors could pass without a login. Use "
                "the option locations for paths of their own, which the list covers, or do without access_list."
            )
