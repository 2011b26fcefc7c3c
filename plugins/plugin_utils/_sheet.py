# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page that a technician has in the hand at the scanner: what is deployed, as data, and the data as HTML.

Both are pure functions. No password is among the data, so none can come into a page.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from ..module_utils._rules.dicom import SELF_TEST, scanner_name
from ._transfer_syntaxes import in_groups

_TEMPLATE = "_sheet.html.j2"
# DICOM's defined terms (PS3.3, C.12.1.1.2) for the names that Orthanc has.
_CHARACTER_SETS = {
    "Ascii": "ISO_IR 6 (ASCII)",
    "Utf8": "ISO_IR 192 (UTF-8)",
    "Latin1": "ISO_IR 100 (Latin 1)",
    "Latin2": "ISO_IR 101 (Latin 2)",
    "Latin3": "ISO_IR 109 (Latin 3)",
    "Latin4": "ISO_IR 110 (Latin 4)",
    "Latin5": "ISO_IR 148 (Latin 5)",
    "Cyrillic": "ISO_IR 144 (Cyrillic)",
    "Arabic": "ISO_IR 127 (Arabic)",
    "Greek": "ISO_IR 126 (Greek)",
    "Hebrew": "ISO_IR 138 (Hebrew)",
    "Thai": "ISO_IR 166 (Thai)",
    "Japanese": "ISO_IR 13 (Japanese)",
    "Chinese": "GB18030 (Chinese)",
}
# What a gateway lets a scanner do, and what it is called on the page.
_RIGHTS = {
    "allow_echo": "ask for an echo (C-ECHO)",
    "allow_store": "send images (C-STORE)",
    "allow_find_worklist": "ask for the worklist (C-FIND)",
}


class Site(NamedTuple):
    """What the site file says: ``aet``, ``port``, ``address`` (with prefix length, or empty) and ``encoding`` of the
    gateway, and the ``scanners`` by name, with aet, host, port and manufacturer.
    """

    name: str
    label: str
    viewer: str
    aet: str
    port: int
    address: str
    encoding: str
    scanners: Mapping[str, Mapping[str, Any]]


def missing(site: Site, deployed: Mapping[str, Any]) -> list[str]:
    """A sentence for each scanner of the site file that the gateway does not know; such a one gets no page."""
    return [
        f"Scanner {name} stands in the site file and not in the gateway, so it gets no sheet; run the playbook site."
        for name in site.scanners
        if name not in deployed["modalities"]
    ]


def strangers(deployed: Mapping[str, Any]) -> list[str]:
    """A sentence for each modality of the gateway whose name is none of a scanner; it would be the name of a file."""
    return [
        f"The gateway knows a modality {ascii(name)[:80]}, which is no name of a scanner, so it gets no sheet; if "
        "nobody at the site needs it, remove it there."
        for name in sorted(deployed["modalities"])
        if name != SELF_TEST and scanner_name(name)
    ]


def sheets(site: Site, deployed: Mapping[str, Any], adapters: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The data of a page for each scanner that the gateway knows, by name; see :func:`strangers` for the others.

    deployed  what ``orthanc_info`` says: system, modalities, plugins, transfer_syntaxes, default_encoding.
    adapters  of the PC: name, link, hardware, addresses with prefix length, and whether it has a default_route.
    """
    shared = list(_gateway_differs(site, deployed, adapters))
    return [
        _sheet(site, modality, deployed, adapters, shared)
        for name, modality in sorted(deployed["modalities"].items())
        if not scanner_name(name)
    ]


def _sheet(
    site: Site,
    modality: Mapping[str, Any],
    deployed: Mapping[str, Any],
    adapters: Sequence[Mapping[str, Any]],
    shared: Sequence[str],
) -> dict[str, Any]:
    system, encoding = deployed["system"], deployed["default_encoding"]
    way = _way(str(modality["host"]), adapters, site.address)
    plugin = any("worklist" in name.lower() for name in deployed["plugins"])
    differs = [*shared, *_scanner_differs(site, modality), *([way.unknown] if way.unknown else [])]
    if not plugin:
        differs.append("The gateway runs without its worklist plugin; run the playbook site.")
    return {
        "site": site.name,
        "label": site.label,
        "viewer": site.viewer,
        "scanner": modality["name"],
        "aet": system["DicomAet"],
        "host": way.address,
        "port": system["DicomPort"],
        "link": way.link,
        "scanner_aet": modality["aet"],
        "scanner_host": modality["host"],
        # Empty where the scanner is in another network.
        "mask": way.mask,
        "scanner_port": modality["port"],
        "manufacturer": modality.get("manufacturer") or "Generic",
        "store": bool(modality.get("allow_store")),
        "worklist": plugin and bool(modality.get("allow_find_worklist")),
        "character_set": _CHARACTER_SETS.get(encoding, encoding),
        "commitment": bool(modality.get("allow_n_action")),
        "retrieve": any(modality.get(right) for right in ("allow_find", "allow_get", "allow_move")),
        "syntaxes": in_groups(deployed["transfer_syntaxes"]),
        "syntax_count": len(set(deployed["transfer_syntaxes"])),
        "version": system["Version"],
        "differs": differs,
        # What is as it should be, and worth saying.
        "notes": [way.note] if way.note else [],
    }


def _gateway_differs(site: Site, deployed: Mapping[str, Any], adapters: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    system = deployed["system"]
    yield from _differs("The gateway's AE title", system["DicomAet"], site.aet)
    yield from _differs("The gateway's DICOM port", system["DicomPort"], site.port)
    yield from _differs("The character set of worklists", deployed["default_encoding"], site.encoding)
    has = [address for adapter in adapters for address in adapter["addresses"]]
    if site.address and site.address not in has:
        known = " and ".join(has) or "none"
        yield f"The PC has the address {known} and not {site.address}, which the site file gives it."


def _scanner_differs(site: Site, modality: Mapping[str, Any]) -> Iterator[str]:
    name = modality["name"]
    wanted = site.scanners.get(name)
    if wanted is None:
        yield f"Scanner {name} does not stand in the site file; the next run of the playbook site forgets it."
        return
    yield from _differs(f"The AE title of {name}", modality["aet"], wanted["aet"])
    yield from _differs(f"The address of {name}", modality["host"], wanted["host"])
    yield from _differs(f"The port of {name}", modality["port"], int(wanted["port"]))
    manufacturer = wanted.get("manufacturer") or "Generic"
    yield from _differs(f"The manufacturer of {name}", modality.get("manufacturer") or "Generic", manufacturer)
    for right, called in _RIGHTS.items():
        if not modality.get(right):
            yield f"The gateway does not let {name} {called}; run the playbook site."


def _differs(what: str, deployed: Any, wanted: Any) -> Iterator[str]:
    if deployed != wanted:
        yield f"{what} is {deployed}, and {wanted} in the site file."


class _Place(NamedTuple):
    interface: ipaddress.IPv4Interface
    link: bool
    hardware: bool
    default_route: bool
    name: str


class _Way(NamedTuple):
    """The gateway's address as a scanner sees it, whether its adapter has a link, and the subnet mask of both. Of the
    sentences one at most is there: that the address is not known, or that there is a router on the way.
    """

    address: str = ""
    link: bool = False
    mask: str = ""
    unknown: str = ""
    note: str = ""


def _way(host: str, adapters: Sequence[Mapping[str, Any]], wanted: str) -> _Way:
    places = [
        _Place(
            ipaddress.IPv4Interface(address),
            adapter["link"],
            adapter["hardware"],
            adapter.get("default_route", False),
            adapter["name"],
        )
        for adapter in adapters
        for address in adapter["addresses"]
    ]
    places = [one for one in places if not one.interface.is_link_local and not one.interface.is_loopback]
    # The adapter with a cable before a tunnel or a virtual one.
    places.sort(key=lambda one: not one.hardware)
    try:
        scanner = ipaddress.IPv4Address(host)
    except ValueError:
        scanner = None
    near = [one for one in places if scanner is not None and scanner in one.interface.network]
    # Of two networks that overlap, the one that was meant for scanners, or the narrower.
    near.sort(key=lambda one: (str(one.interface) != wanted, -one.interface.network.prefixlen))
    static = [one for one in places if str(one.interface) == wanted]
    wired = [one for one in places if one.hardware]
    # A scanner behind a router reaches the PC at the address that answers it, on the adapter which knows the way
    # out. One that is known by its name may well be on the adapter that is meant for scanners.
    out = _only([one for one in wired if one.default_route])
    found = near or (static or out if scanner is None else out or static) or _only(wired)
    if not found:
        has = ", ".join(f"{one.interface} ({one.name})" for one in places) or "none"
        unknown = f"It is not known at which address {host} reaches the PC, which has {has}; ask the operator."
        return _Way(unknown=unknown)
    first = found[0]
    mask, note = "", ""
    if near:
        mask = str(first.interface.netmask)
    elif scanner is not None:
        note = (
            f"{host} is in another network than the PC, which has {first.interface}: the scanner needs the address of "
            "a router between them, as its gateway."
        )
    return _Way(str(first.interface.ip), first.link, mask, note=note)


def _only(places: list[_Place]) -> list[_Place]:
    return places if len(places) == 1 else []


def mark(site: str) -> str:
    """Stands in each page of a site, by which one of a scanner that is gone is known."""
    return f'<meta name="generator" content="mediverse.pacs scanner sheet of {site}">'


def qr_text(data: Mapping[str, Any]) -> str:
    """The values as plain lines, for whoever would rather not type: first the gateway's, then the scanner's own."""
    lines = {
        "SITE": data["site"],
        "SCANNER": data["scanner"],
        "AET": data["aet"],
        "HOST": data["host"],
        "PORT": data["port"],
        "SCANNER_AET": data["scanner_aet"],
        "SCANNER_HOST": data["scanner_host"],
        **({"SCANNER_MASK": data["mask"]} if data["mask"] else {}),
        "SCANNER_PORT": data["scanner_port"],
        "WORKLIST": "yes" if data["worklist"] else "no",
        "STORAGE_COMMITMENT": "yes" if data["commitment"] else "no",
    }
    return "\n".join(f"{name}={value}" for name, value in lines.items())


def render(data: Mapping[str, Any], qr_code: str, date: str) -> str:
    """One page of HTML that needs nothing else.

    data     one of :func:`sheets`.
    qr_code  an SVG element, the only text here that is not escaped.
    date     of the day on which the gateway was asked, ISO 8601.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    template = environment.get_template(_TEMPLATE)
    return template.render(data, qr_code=Markup(qr_code), date=date, mark=Markup(mark(str(escape(data["site"])))))
