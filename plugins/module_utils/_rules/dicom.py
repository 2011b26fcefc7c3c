# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AE titles, scanners and manufacturers, and what must fit together between the scanners of a gateway."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any

from . import addresses, values

AET_LENGTH = 16
MANUFACTURERS = ("Generic", "GenericNoWildcardInDates", "GenericNoUniversalWildcard", "Vitrea", "GE")
"""Other names that Orthanc still takes are old spellings, which it stores as one of these."""
SELF_TEST = "self-test"
"""The name under which the gateway knows itself as a partner."""

_NAME = re.compile(r"[A-Za-z0-9_-]+")
_SCANNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")


def aet(value: Any) -> str | None:
    """A DICOM AE title: 1 to 16 printable ASCII characters without a backslash, no space at either end (PS3.5, AE)."""
    wrong = values.text(value)
    if wrong:
        return f"{wrong.partition(';')[0]}; expected an AE title of 1 to {AET_LENGTH} characters"
    if len(value) > AET_LENGTH:
        return f"has {len(value)} characters; expected an AE title of at most {AET_LENGTH}"
    bad = sorted({character for character in value if not " " <= character <= "~" or character == "\\"})
    expected = "expected an AE title of printable ASCII characters without a backslash or outer spaces"
    if bad:
        return f"contains {', '.join(map(repr, bad))}; {expected}"
    if value != value.strip():
        return f"begins or ends with a space; {expected}"
    return None


def aet_key(title: str) -> str:
    """What Orthanc compares of an AE title: it disregards case (unless ``StrictAetComparison`` is set, which the
    product leaves alone) and takes the first modality that fits. Titles of one gateway must differ in this.
    """
    return title.lower()


def manufacturer(value: Any) -> str | None:
    """One of the manufacturers that Orthanc knows."""
    if value not in MANUFACTURERS:
        return f"is no manufacturer that Orthanc knows; expected one of {', '.join(MANUFACTURERS)}"
    return None


def orthanc_name(value: Any) -> str | None:
    """A name of a peer or modality in Orthanc. It becomes part of URLs; Orthanc accepts these characters only."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        return "is no name in Orthanc; expected letters, digits, '-' and '_'"
    return None


def scanner_name(value: Any) -> str | None:
    """The name of a scanner inside its site, which is its name in Orthanc, too."""
    if not isinstance(value, str) or not _SCANNER.fullmatch(value):
        return "is no name of a scanner; expected up to 32 letters, digits, '_' and '-'"
    if value.lower() == SELF_TEST or value.lower().startswith("mediverse-"):
        return "is a name that the proof uses for itself; expected another one"
    return None


SCANNER: dict[str, values.Rule] = {
    "aet": aet,
    "host": addresses.ipv4,
    "port": addresses.port,
    "manufacturer": manufacturer,
}
"""What a scanner has, and the rule for each; the manufacturer may be left out."""


def together(
    scanners: Mapping[str, Mapping[str, Any]], gateway_aet: str | None, gateway_interface: str | None
) -> Iterator[tuple[str, str, str]]:
    """What no single value shows: titles and addresses used twice, scanners that the gateway cannot reach.

    ``scanners``: by name, each with what is known and right by the rules above; the caller leaves out anything else.
    ``gateway_aet``, ``gateway_interface``: the gateway's own, None when they are unknown or wrong.
    Yields (scanner, key, what is wrong with the value of that key).
    """
    home = ipaddress.IPv4Interface(gateway_interface) if gateway_interface else None
    titles = {aet_key(gateway_aet): ("the gateway", gateway_aet)} if gateway_aet else {}
    places: dict[tuple[str, int | None], str] = {}
    for name, scanner in scanners.items():
        title, address, port = scanner.get("aet"), scanner.get("host"), scanner.get("port")
        if home and address:
            for wrong in _reach(ipaddress.IPv4Address(address), home):
                yield name, "host", wrong
        if title:
            owner, spelled = titles.setdefault(aet_key(title), (f"scanner {name}", title))
            if owner != f"scanner {name}":
                other = "" if spelled == title else f" ({spelled!r}; Orthanc does not tell capital letters from small)"
                yield (
                    name,
                    "aet",
                    f"is the AE title of {owner} too{other}; expected one AE title for each station of a site",
                )
        if address and port is not None:
            other = places.setdefault((address, values.number(port)), name)
            if other != name:
                yield name, "host", f"with port {port} is scanner {other} too; expected its own address or port"


def _reach(address: ipaddress.IPv4Address, home: ipaddress.IPv4Interface) -> Iterator[str]:
    network = home.network
    if address not in network:
        yield f"is outside {network}, the network of the gateway's adapter {home}; expected an address inside it"
    elif address == home.ip:
        yield f"is the gateway's own address, {home}; expected the scanner's"
    elif address in (network.network_address, network.broadcast_address):
        yield f"is the network or broadcast address of {network}; expected the scanner's"
