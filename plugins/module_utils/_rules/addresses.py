# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts, networks, ports, adapters and URLs."""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Union
from urllib.parse import urlsplit

from . import values

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]

LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
"""One part of a DNS name, in lower case."""
PORTS = (1, 65535)

# Bits of a network that somebody means: whoever writes a wider one wants to let in everybody.
_WIDEST_NETWORK = 8
_PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
_HOSTNAME = re.compile(rf"{LABEL}(?:\.{LABEL})*", re.IGNORECASE | re.ASCII)
_MAC = re.compile(r"[0-9A-F]{2}(?:([:-])[0-9A-F]{2}(?:\1[0-9A-F]{2}){4})", re.IGNORECASE | re.ASCII)
_SYNC = re.compile(r"(?:tcp|quic)[46]?://(?P<host>\[[^\[\]]*\]|[^\[\]:/]+)(?::(?P<port>[0-9]{1,5}))?", re.ASCII)


def host(value: Any) -> str | None:
    """The IP address or DNS name of a machine that can be reached from another one."""
    wrong = values.text(value)
    if wrong:
        return wrong
    address = _address(value)
    if address is not None:
        return _remote(address, "a remote machine; expected an IP address or a DNS name")
    if re.fullmatch(r"[0-9.]+", value) or len(value) > 253 or not _HOSTNAME.fullmatch(value):
        return "is not a host; expected an IP address or a DNS name"
    if value.lower().split(".")[-1] == "localhost" or value.lower().startswith("localhost."):
        return "is the machine that runs Ansible; expected the address of the remote machine"
    return None


def canonical_host(value: str) -> str:
    """One spelling of a host: two of the same machine are equal."""
    address = _address(value)
    return str(address) if address is not None else value.lower()


def _address(value: str) -> Address | None:
    try:
        return ipaddress.ip_address(value)
    except ValueError:
        return None


def _remote(address: Address, what: str) -> str | None:
    # 0.0.0.0/8 is this network, 240.0.0.0/4 is reserved and ends with the address of everybody.
    reserved = address.version == 4 and (address.is_reserved or int(address) < 2**24)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return f"is an IPv4 address written as one of IPv6; expected {address.ipv4_mapped}"
    if address.is_loopback or address.is_unspecified or address.is_multicast or address.is_link_local or reserved:
        return f"is no address of {what}"
    return None


def is_bindable(value: Any) -> bool:
    """Whether it is an address at which a machine may listen, such as 0.0.0.0, without brackets and port."""
    return isinstance(value, str) and _address(value) is not None


def ipv4(value: Any) -> str | None:
    """An IPv4 address on the scanners' network. The firewall and Orthanc compare addresses, not names."""
    wrong = values.text(value)
    if wrong:
        return wrong
    try:
        address = ipaddress.IPv4Address(value)
    except ValueError:
        return "is not an IPv4 address; expected one such as 192.168.0.10, because the firewall rule needs it"
    return _remote(address, "a scanner; expected one such as 192.168.0.10")


def interface(value: Any) -> str | None:
    """An IPv4 address of a machine with the length of its network, ``192.168.0.20/24``."""
    example = "such as 192.168.0.20/24"
    wrong = values.text(value)
    if wrong:
        return wrong
    try:
        parsed = ipaddress.IPv4Interface(value)
    except ValueError:
        return f"is not an address with a network; expected one {example}"
    length = value.partition("/")[2]
    if not re.fullmatch(r"[0-9]{1,2}", length, re.ASCII):
        return f"lacks the length of the network; expected /8 to /30, {example}"
    if not 8 <= parsed.network.prefixlen <= 30:
        return f"has a network of the length /{parsed.network.prefixlen}; expected /8 to /30, {example}"
    if parsed.ip in (parsed.network.network_address, parsed.network.broadcast_address):
        return f"is the network or broadcast address of {parsed.network}; expected an address of a machine"
    return _remote(parsed.ip, f"an adapter; expected one {example}")


def canonical_interface(value: str) -> str:
    """One spelling of an address with its network."""
    return str(ipaddress.IPv4Interface(value))


def ipv4_network(value: Any) -> str | None:
    """An IPv4 network in CIDR notation, of which there are many; a single address is one as well."""
    wrong = values.text(value)
    if wrong:
        return wrong
    try:
        network = ipaddress.IPv4Network(value, strict=False)
    except ValueError:
        return "is not an IPv4 network; expected one such as 10.98.0.0/16"
    if value.partition("/")[0] != str(network.network_address):
        return f"is an address inside a network; expected {network}"
    if network.prefixlen < _WIDEST_NETWORK:
        return f"is a large part of all addresses there are; expected /{_WIDEST_NETWORK} or longer"
    return None


def tunnel_network(value: Any) -> str | None:
    """An IPv4 network with room for a hub and the gateways of all sites, out of those that anybody may use."""
    wrong = ipv4_network(value)
    if wrong:
        return wrong
    network = ipaddress.IPv4Network(value)
    if network.prefixlen > 29:
        return f"has the length /{network.prefixlen}; expected /8 to /29, such as 10.98.0.0/16"
    if not any(network.subnet_of(ipaddress.IPv4Network(private)) for private in _PRIVATE):
        return f"is no private network; expected a part of {', '.join(_PRIVATE[:-1])} or {_PRIVATE[-1]}"
    return None


def mac(value: Any) -> str | None:
    """The hardware address of one network adapter: six pairs of digits with one kind of separator, ``:`` or ``-``."""
    example = "such as 00:1B:44:11:3A:B7, in quotes"
    wrong = values.text(value)
    if wrong:
        return wrong
    if not _MAC.fullmatch(value):
        return f"is not a MAC address; expected six pairs of hexadecimal digits {example}"
    if set(value) <= set("0:-"):
        return f"is the address of no adapter; expected one {example}"
    if int(value[:2], 16) & 1:
        return f"is a group address; expected the MAC address of one adapter, {example}"
    return None


def canonical_mac(value: str) -> str:
    """One spelling of a hardware address: upper case with colons."""
    return value.upper().replace("-", ":")


def port(value: Any) -> str | None:
    """A TCP port, as a number or in plain decimal digits."""
    return (
        values.whole(value, *PORTS, what="a port") and f"is not a port; expected a number from {PORTS[0]} to {PORTS[1]}"
    )


def sync_address(value: Any) -> str | None:
    """Where a Syncthing is reached from another machine, ``tcp://host:port``; without the port it is 22000."""
    example = "expected one such as tcp://hub.example.org:22000"
    match = _SYNC.fullmatch(value) if isinstance(value, str) else None
    if not match or (match["port"] and values.whole(match["port"], *PORTS)):
        return f"is not a Syncthing address; {example}"
    name = match["host"]
    if name.startswith("[") != (":" in name):
        return f"is not a Syncthing address; {example}"
    wrong = host(name.strip("[]"))
    return wrong and f"names a host that {wrong.partition(';')[0]}; {example}"


def sync_host(value: str) -> str:
    """The host in an address that :func:`sync_address` finds right, in one spelling; empty for any other text."""
    match = _SYNC.fullmatch(value)
    return canonical_host(match["host"].strip("[]")) if match else ""


def loopback_url(value: Any) -> str | None:
    """The HTTP address of a service of the machine itself."""
    parts = _parts(value)
    address = _address(parts.hostname or "") if parts else None
    local = parts is not None and (parts.hostname == "localhost" or (address is not None and address.is_loopback))
    if not local or parts is None or parts.scheme not in ("http", "https") or parts.path or parts.query:
        return "does not stay on the machine; expected a loopback address such as http://127.0.0.1:8384"
    return _without_login(parts)


def https_url(value: Any) -> str | None:
    """An address that is reached by TLS, without a login in it."""
    parts = _parts(value)
    if parts is None or parts.scheme != "https" or not parts.hostname or host(parts.hostname):
        return (
            "is no address that begins with https:// and names a host; expected one such as https://pacs.example.org/"
        )
    return _without_login(parts)


def web_url(value: Any) -> str | None:
    """An address of HTTP or HTTPS, without a login in it."""
    parts = _parts(value)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        return "is no address of the web; expected one such as https://pacs.example.org/"
    return _without_login(parts)


def _parts(value: Any) -> Any:
    if not isinstance(value, str) or not value.isprintable() or " " in value:
        return None
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018 (it raises for what is no port)
    except ValueError:
        return None
    return parts


def _without_login(parts: Any) -> str | None:
    if parts.username is not None or parts.password is not None:
        return "contains a user name or password; use the options username and password"
    return None


def http_proxy(value: Any) -> str | None:
    """A proxy as Orthanc writes it: with or without http:// and a login. The sentence does not repeat the value."""
    parts = _parts(value if "://" in str(value) else f"http://{value}")
    whole = parts is not None and parts.scheme == "http" and parts.hostname and parts.port
    if parts is None or not whole or parts.path.strip("/") or parts.query or parts.fragment:
        return "is no proxy; expected host:port or http://user:password@host:port, special characters as %40 for @"
    return None


def email(value: Any) -> str | None:
    """An e-mail address to which somebody may write."""
    known = isinstance(value, str) and re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s.]{2,}", value)
    if not known or not value.isprintable():
        return "is not an e-mail address; expected one such as admin@example.org, to which Let's Encrypt may write"
    return None
