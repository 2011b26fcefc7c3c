# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules for single values of a site file. A rule returns the value in its canonical form or raises ``Wrong``."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Any

Rule = Callable[[Any], Any]

AET_LENGTH = 16
SITE_LENGTH = 32
DOMAIN_LENGTH = 180
# Names of the inventory, and of the store that holds the secrets of a shared proxy.
RESERVED_SITES = frozenset({"all", "ungrouped", "hub", "localhost", "nginx-proxy-manager"})
MANUFACTURERS = ("Generic", "GenericNoWildcardInDates", "GenericNoUniversalWildcard", "Vitrea", "GE")

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOSTNAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.IGNORECASE)
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})+")
_SITE = re.compile(_LABEL)
_SCANNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
_MAC = re.compile(r"[0-9A-Fa-f]{2}(?:([:-])[0-9A-Fa-f]{2}(?:\1[0-9A-Fa-f]{2}){4})")
_USER = re.compile(r"[^\x00-\x1f\x7f:]{1,104}")
_SYNC = re.compile(r"(?:tcp|quic)[46]?://(?P<host>\[[0-9A-Fa-f:]+\]|[^/:\[\]]+):(?P<port>[0-9]{1,5})")
_FOLDER = re.compile(r"(?:/[A-Za-z0-9._-]+)+")
_LEFT_OVER = re.compile(r"(?:^|[.@/])example\.(?:com|org|net|invalid)\b", re.IGNORECASE)


class Wrong(ValueError):
    """A value breaks a rule. The text continues the sentence that begins with the value."""


def show(value: Any) -> str:
    """How a value appears in an error: quoted, and never longer than a line."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:56]}...'"


def text(value: Any) -> str:
    """A plain, non-empty string on one line that holds no template."""
    if not isinstance(value, str):
        hint = "; YAML reads it as a number, so quote it" if isinstance(value, (int, float)) else ""
        raise Wrong(f"is {_kind(value)}; expected a string{hint}")
    if not value.strip():
        raise Wrong("is empty; expected a string")
    if any(mark in value for mark in ("{{", "{%", "{#")):
        raise Wrong("holds a template; expected a plain value, because a site file is not rendered")
    if _LEFT_OVER.search(value):
        raise Wrong("is left over from an example; expected the real name")
    return value


def _kind(value: Any) -> str:
    kinds = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        dict: "a map",
        list: "a list",
        type(None): "empty",
    }
    return kinds.get(type(value), f"a {type(value).__name__}")


def label(value: Any) -> str:
    """A name for people: up to 64 characters on one line."""
    found = text(value)
    if len(found) > 64 or not found.isprintable():
        raise Wrong("is not a label; expected up to 64 printable characters on one line")
    return found


def domain(value: Any) -> str:
    """A DNS domain of at least two labels, in lower case."""
    found = text(value)
    if len(found) > DOMAIN_LENGTH or not _DOMAIN.fullmatch(found) or _is_address(found):
        raise Wrong(
            "is not a domain; expected lower-case letters, digits and '-' in labels joined by dots, such as "
            "mediverse.ai"
        )
    return found


def host(value: Any) -> str:
    """The IP address or DNS name of a machine that can be reached from somewhere else."""
    found = text(value)
    try:
        address = ipaddress.ip_address(found)
    except ValueError:
        if re.fullmatch(r"[0-9.]+", found) or len(found) > 253 or not _HOSTNAME.fullmatch(found):
            raise Wrong("is not a host; expected an IP address or a DNS name") from None
        if found.lower() == "localhost":
            raise Wrong("is the machine that runs Ansible; expected the address of the remote machine") from None
        return found
    if address.is_loopback or address.is_unspecified or address.is_multicast:
        raise Wrong("is no address of a remote machine; expected an IP address or a DNS name")
    return str(address)


def _is_address(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def ipv4(value: Any) -> str:
    """An IPv4 address on the scanner's network."""
    found = text(value)
    try:
        address = ipaddress.IPv4Address(found)
    except ValueError:
        raise Wrong(
            "is not an IPv4 address; expected one such as 192.168.0.10, because the firewall rule needs it"
        ) from None
    if address.is_loopback or address.is_unspecified or address.is_multicast:
        raise Wrong("is no address of a scanner; expected one such as 192.168.0.10")
    return str(address)


def interface(value: Any) -> str:
    """An IPv4 address with the length of its network, ``192.168.0.20/24``."""
    found = text(value)
    try:
        parsed = ipaddress.IPv4Interface(found)
    except ValueError:
        raise Wrong("is not an address with a network; expected one such as 192.168.0.20/24") from None
    if "/" not in found or not 8 <= parsed.network.prefixlen <= 30:
        raise Wrong("lacks the length of the network; expected /8 to /30, such as 192.168.0.20/24")
    if parsed.ip in (parsed.network.network_address, parsed.network.broadcast_address):
        raise Wrong(f"is the network or broadcast address of {parsed.network}; expected an address of a machine")
    return f"{parsed.ip}/{parsed.network.prefixlen}"


def mac(value: Any) -> str:
    """The MAC address of an adapter, in upper case with colons."""
    found = text(value)
    if not _MAC.fullmatch(found):
        raise Wrong(
            "is not a MAC address; expected six pairs of hexadecimal digits such as 00:1B:44:11:3A:B7, in quotes"
        )
    canonical = found.upper().replace("-", ":")
    if int(canonical[:2], 16) & 1 or canonical == "00:00:00:00:00:00":
        raise Wrong("is a group address; expected the MAC address of one adapter")
    return canonical


def aet(value: Any) -> str:
    """A DICOM AE title: 1 to 16 printable ASCII characters without a backslash, no space at either end."""
    found = text(value)
    if len(found) > AET_LENGTH:
        raise Wrong(f"has {len(found)} characters; expected an AE title of at most {AET_LENGTH}")
    bad = sorted({char for char in found if not " " <= char <= "~" or char == "\\"})
    if bad or found != found.strip():
        what = f"contains {', '.join(map(repr, bad))}" if bad else "begins or ends with a space"
        raise Wrong(f"{what}; expected an AE title of printable ASCII characters without a backslash or outer spaces")
    return found


def port(value: Any) -> int:
    """A TCP port as a number."""
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 65535:
        raise Wrong("is not a port; expected a number from 1 to 65535")
    return value


def user(value: Any) -> str:
    """A user name for SSH or Windows."""
    found = text(value)
    if not _USER.fullmatch(found) or found != found.strip():
        raise Wrong("is not a user name; expected up to 104 printable characters without a colon")
    return found


def uid(value: Any) -> str:
    """The numeric user id that owns the worklists; it travels as a string."""
    number = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(number, str) or not re.fullmatch(r"[0-9]{1,7}", number) or int(number) == 0:
        raise Wrong('is not a user id; expected a number such as "1000", and not root')
    return number


def folder(value: Any) -> str:
    """An absolute directory on the hub, at least one level below the root."""
    found = text(value)
    if not _FOLDER.fullmatch(found) or {".", ".."} & set(found.split("/")):
        raise Wrong(
            "is not a directory; expected an absolute path of letters, digits, '.', '_' and '-', such as "
            "/files/worklists_wl"
        )
    return found


def sync_address(value: Any) -> str:
    """The address at which gateways reach the hub's Syncthing, ``tcp://host:port``."""
    found = text(value)
    match = _SYNC.fullmatch(found)
    if not match or not 1 <= int(match["port"]) <= 65535:
        raise Wrong("is not a Syncthing address; expected one such as tcp://clfy.mediverse.ai:22000")
    return found


def manufacturer(value: Any) -> str:
    """One of the manufacturers that Orthanc knows."""
    found = text(value)
    if found not in MANUFACTURERS:
        raise Wrong(f"is no manufacturer that Orthanc knows; expected one of {', '.join(MANUFACTURERS)}")
    return found


def site_id(value: Any) -> str:
    """The id of a site: a DNS label of at most 32 characters, because it becomes part of host names."""
    found = text(value)
    if len(found) > SITE_LENGTH or not _SITE.fullmatch(found):
        raise Wrong(
            f"is no site id; expected 1 to {SITE_LENGTH} lower-case letters, digits and inner '-', because it becomes "
            "part of host names"
        )
    if found in RESERVED_SITES:
        raise Wrong("is a reserved name; expected another site id")
    return found


def scanner_name(value: Any) -> str:
    """The name of a scanner inside its site."""
    found = text(value)
    if not _SCANNER.fullmatch(found):
        raise Wrong("is no name of a scanner; expected up to 32 letters, digits, '_' and '-'")
    if found.lower().startswith("mediverse-"):
        raise Wrong("begins with mediverse-, which the proof uses for itself; expected another name")
    return found
