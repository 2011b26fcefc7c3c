# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A zone as Namecheap tells it, and when two records of it are the same.

What was read is kept as the text that it was, because everything that is not ours goes back so.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from xml.etree import ElementTree

# What a write can carry. Anything else would be lost by one.
TYPES = frozenset({"A", "AAAA", "ALIAS", "CAA", "CNAME", "MX", "MXE", "NS", "TXT", "URL", "URL301", "FRAME"})
EMAIL_TYPES = frozenset({"NONE", "MXE", "MX", "FWD", "OX", "GMAIL"})

# Read as "automatic" in any of these spellings.
_AUTOMATIC = frozenset({"", "0", "1799", "1800"})
# Of these a dot at the end is part of the value; of all others it means nothing.
_LITERAL = frozenset({"TXT", "CAA", "URL", "URL301", "FRAME"})
_TARGETS = frozenset({"ALIAS", "CNAME", "MX", "NS"})
# What an answer may say of a zone and of a record. Anything else is something that a write would not carry.
_OF_ZONE = frozenset({"Domain", "EmailType", "IsUsingOurDNS"})
_TITLES = ("AssociatedAppTitle", "FriendlyName")
_FLAGS = ("IsActive", "IsDDNSEnabled")
_OF_RECORD = frozenset({"HostId", "HostID", "Name", "Type", "Address", "MXPref", "TTL", *_TITLES, *_FLAGS})
_ATTRIBUTE = re.compile(rb"""\s[\w:.-]+\s*=\s*("[^"]*"|'[^']*')""")
_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)

Same = tuple[str, str, str, str, str]


class StrangeAnswerError(ValueError):
    """The answer is not what is written down about this API; nothing may be built on it. The text is a clause."""


@dataclass(frozen=True)
class Host:
    """One record, each part as it was read. ``name`` is below the zone, ``@`` the zone itself."""

    name: str
    type: str
    address: str
    mx_pref: str = ""
    ttl: str = ""
    dynamic: bool = False
    active: bool = True

    @property
    def label(self) -> str:
        """The name as it is compared."""
        return self.name.strip().lower() or "@"

    @property
    def kind(self) -> str:
        """The type as it is compared."""
        return self.type.strip().upper()

    @property
    def value(self) -> str:
        """The address as it is compared."""
        if self.kind in ("A", "AAAA"):
            try:
                return str(ipaddress.ip_address(self.address.strip()))
            except ValueError:
                pass
        value = self.address if self.kind in _LITERAL or not self.address.endswith(".") else self.address[:-1]
        return value.lower() if self.kind in _TARGETS else value

    @property
    def same(self) -> Same:
        """Two records with the same are the same. The preference counts for MX alone; elsewhere anything may stand."""
        ttl = "automatic" if self.ttl.strip() in _AUTOMATIC else self.ttl.strip()
        return (self.label, self.kind, self.value, self.mx_pref.strip() if self.kind == "MX" else "", ttl)

    def __str__(self) -> str:
        preference = f"{self.mx_pref} " if self.kind == "MX" else ""
        ttl = "" if self.ttl.strip() in _AUTOMATIC else f" (TTL {self.ttl})"
        return f"{self.label} {self.kind} {preference}{self.address}{ttl}"


@dataclass(frozen=True)
class Zone:
    """All that one answer says. ``ours``: whether Namecheap's own name servers have the zone."""

    domain: str
    email_type: str
    ours: bool
    hosts: tuple[Host, ...]

    @property
    def counted(self) -> Counter[Same]:
        """The records without their order."""
        return counted(self.hosts)


def counted(hosts: Iterable[Host]) -> Counter[Same]:
    """The records without their order."""
    return Counter(host.same for host in hosts)


def parse(element: ElementTree.Element, domain: str) -> Zone:
    """The zone of a ``DomainDNSGetHostsResult``; StrangeAnswerError for anything that is not known."""
    said = element.get("Domain", "")
    if said.lower() != domain.lower():
        raise StrangeAnswerError(f"it is about {said or 'no zone'!r}")
    _known(element, _OF_ZONE, "the zone")
    email_type = element.get("EmailType", "")
    if email_type not in EMAIL_TYPES:
        raise StrangeAnswerError(f"the EmailType is {email_type!r}, which is none of {', '.join(sorted(EMAIL_TYPES))}")
    hosts = []
    for child in element:
        name = plain(child.tag)
        if name.lower() != "host":
            raise StrangeAnswerError(f"there is a {name} among the records")
        hosts.append(_host(child))
    return Zone(domain, email_type, _flag(element.get("IsUsingOurDNS"), "IsUsingOurDNS"), tuple(hosts))


def plain(tag: str) -> str:
    """The name of an element without its namespace."""
    return tag.rpartition("}")[2]


def _host(element: ElementTree.Element) -> Host:
    name, kind, address = (element.get(key) for key in ("Name", "Type", "Address"))
    if name is None or not kind or not address:
        raise StrangeAnswerError(f"a record lacks its name, type or address: {name!r}, {kind!r}")
    _known(element, _OF_RECORD, f"{name} {kind}")
    for title in _TITLES:
        if element.get(title):
            raise StrangeAnswerError(f"{name} {kind} has the {title} {element.get(title)!r}, which a write would end")
    ttl, mx_pref = element.get("TTL", ""), element.get("MXPref", "")
    if ttl and not _NUMBER.fullmatch(ttl):
        raise StrangeAnswerError(f"the TTL of {name} {kind} is {ttl!r}")
    if kind.upper() == "MX" and not _NUMBER.fullmatch(mx_pref):
        raise StrangeAnswerError(f"the preference of {name} MX {address} is {mx_pref!r}")
    dynamic = _flag(element.get("IsDDNSEnabled", "false"), "IsDDNSEnabled")
    return Host(name, kind, address, mx_pref, ttl, dynamic, _flag(element.get("IsActive", "true"), "IsActive"))


def refuse_breaks(body: bytes) -> None:
    """StrangeAnswerError for a tab or a line break within a value: what reads XML makes a space of it, unseen."""
    for found in _ATTRIBUTE.finditer(body):
        if any(letter in found[1] for letter in (b"\t", b"\r", b"\n")):
            raise StrangeAnswerError("there is a tab or a line break within a value")


def _known(element: ElementTree.Element, names: frozenset[str], of: str) -> None:
    strange = sorted(set(element.keys()) - names)
    if strange:
        raise StrangeAnswerError(f"{of} has {', '.join(strange)}")


def _flag(text: str | None, name: str) -> bool:
    if text is None or text.lower() not in ("true", "false"):
        raise StrangeAnswerError(f"{name} is {text!r}")
    return text.lower() == "true"
