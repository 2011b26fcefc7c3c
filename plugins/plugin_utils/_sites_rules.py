# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules for single values of a site file. A rule returns the value in its canonical form or raises ``Wrong``."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Any

from ..module_utils._rules import addresses, containers, dicom, values
from ._sites_load import Misread, veiled

Rule = Callable[[Any], Any]

DOMAIN_LENGTH = 180
LARGEST_UID = 4294967294

# Endings for which no public authority gives a certificate. The lab's own, .test, is not among them.
_PRIVATE_ENDINGS = frozenset(
    {"corp", "example", "home", "internal", "intranet", "invalid", "lan", "local", "localdomain", "localhost"}
)
# What listens on a port of the machine already, or cannot be meant.
_PROXY_PORTS = {80: "the proxy", 81: "the proxy's own page", 443: "the proxy"}
_HUB_PORTS = {8384: "Syncthing's own page", 22000: "Syncthing"}
_GATEWAY_PORTS = {
    22: "SSH",
    3389: "Remote Desktop",
    4242: "the gateway's Orthanc",
    5985: "WinRM without TLS",
    8042: "the gateway's Orthanc",
    8384: "Syncthing's own page",
    22000: "Syncthing",
}
# Directories of the system, below which no worklists stand, and those that are not given away as a whole.
_SYSTEM = ("/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/root", "/run", "/sbin", "/sys", "/tmp", "/usr")
_SHARED = frozenset({"/home", "/media", "/mnt", "/opt", "/srv", "/var", "/var/lib", "/var/log", "/var/tmp"})

_DOMAIN = re.compile(rf"{addresses.LABEL}(?:\.{addresses.LABEL})+")
_LINUX_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}\$?")
# What Windows allows in a name, alone, behind a domain or before one.
_WINDOWS_NAME = r"[^\x00-\x1f\"/\\\[\]:;|=,+*?<>@%]{1,64}"
_WINDOWS_USER = re.compile(rf"(?:[A-Za-z0-9_.-]{{1,64}}\\)?{_WINDOWS_NAME}(?:@[A-Za-z0-9.-]{{1,180}})?")
_LEFT_OVER = re.compile(r"(?:^|[.@/])example\.(?:com|org|net|invalid)\b", re.IGNORECASE)
# A colon in these is part of an address. Behind any other one a password may stand.
_HARMLESS = re.compile(r"[0-9A-Fa-f:.%/\[\]-]+|[A-Za-z0-9.-]+:[0-9]{1,5}|[a-z0-9+]+://[^@\s]*")


class Wrong(ValueError):
    """A value breaks a rule. The text continues the sentence that begins with the value.

    ``usable`` is what other values may still be compared with, so that their mistakes are reported as well.
    """

    def __init__(self, text: str, usable: Any = None) -> None:
        super().__init__(text)
        self.usable = usable


def show(value: Any) -> str:
    """How a value appears in an error: never longer than a line, and without what may be a password in it."""
    if isinstance(value, (dict, list)):
        return "a map" if isinstance(value, dict) else "a list"
    if value is None:
        return "the value"
    if isinstance(value, Misread):
        return _short(veiled(value.text))
    if not isinstance(value, str):
        return _short(str(value))
    # A query may hold a password by any name.
    shown = re.sub(r"[?].+", "?****", veiled(value), flags=re.DOTALL)
    if ":" in shown and not _HARMLESS.fullmatch(shown):
        shown = f"{shown.partition(':')[0]}:****"
    return _short(repr(shown))


def show_word(value: Any) -> str:
    """Like ``show``, but a text of more than one word is not repeated: it may be a login in one line."""
    if isinstance(value, str) and not re.fullmatch(r"[A-Za-z0-9._-]{0,60}", value):
        return "a text"
    return show(value)


def show_user(value: Any) -> str:
    """Like ``show``, but of a user's name only the part before a sign behind which a password may stand."""
    if isinstance(value, str):
        name = re.split(r"[:%/,; ]", veiled(value), maxsplit=1)[0]
        return _short(repr(value) if name == value else f"{name!r}, followed by more,")
    return show(value)


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:56]}...'"


def text(value: Any, what: str = "a text") -> str:
    """A plain, non-empty string on one line that holds no template."""
    if isinstance(value, Misread):
        raise Wrong(f"is read by YAML as {value.reads}; expected {what}, so quote it")
    if isinstance(value, int):
        raise Wrong(f"is read by YAML as a number; expected {what}, so quote it")
    if value is None or (isinstance(value, str) and not value.strip()):
        raise Wrong(f"is empty; expected {what}")
    if not isinstance(value, str):
        raise Wrong(f"stands there; expected {what}")
    if any(mark in value for mark in ("{{", "{%", "{#")):
        raise Wrong("holds a template; expected a plain value, because a site file is not rendered")
    if _LEFT_OVER.search(value):
        raise Wrong("is left over from an example; expected the real name")
    return value


def _number(value: Any, what: str) -> int:
    if isinstance(value, Misread):
        raise Wrong(f"is read by YAML as {value.reads}; expected {what} in plain decimal")
    if value is None:
        raise Wrong(f"is empty; expected {what}")
    if not isinstance(value, (int, str)):
        raise Wrong(f"stands there; expected {what}")
    # As everywhere in this collection, a number may stand in quotes, and is then read in plain decimal alone.
    found = values.number(value)
    if found is None:
        raise Wrong(f"is no number; expected {what}{' in plain decimal' if str(value).strip().isdigit() else ''}")
    return found


def label(value: Any) -> str:
    """A name for people: up to 64 characters on one line."""
    found = text(value)
    if len(found) > 64 or not found.isprintable():
        raise Wrong("is not a label; expected up to 64 printable characters on one line")
    return found


def domain(value: Any) -> str:
    """A public DNS domain of at least two labels, in lower case."""
    found = text(value, "a domain such as mediverse.ai")
    if len(found) > DOMAIN_LENGTH or not _DOMAIN.fullmatch(found) or _is_address(found):
        raise Wrong(
            "is not a domain; expected lower-case letters, digits and '-' in labels joined by dots, such as "
            "mediverse.ai"
        )
    ending = found.rpartition(".")[2]
    if not re.fullmatch(r"[a-z]{2,}|xn--[a-z0-9-]+", ending) or ending in _PRIVATE_ENDINGS:
        raise Wrong(f"ends in .{ending}, for which no authority gives a certificate; expected a public domain")
    return found


def _judged(rule: values.Rule, value: str, usable: Any = None) -> str:
    """The value, when a rule that the site file shares with modules and roles finds nothing wrong with it."""
    wrong = rule(value)
    if wrong:
        raise Wrong(wrong, usable)
    return value


def host(value: Any) -> str:
    """The IP address or DNS name of a machine that can be reached from somewhere else."""
    found = text(value, "an IP address or a DNS name")
    wrong = addresses.host(found)
    if wrong:
        raise Wrong(f"{wrong}{_instead(found)}")
    return str(ipaddress.ip_address(found)) if ":" in found else found


def _instead(found: str) -> str:
    if "://" in found:
        return ", without a scheme such as https://"
    if re.fullmatch(r"[^:]+:[0-9]+", found):
        return "; the port has a key of its own"
    return ""


def _is_address(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def ipv4(value: Any) -> str:
    """An IPv4 address on the scanner's network."""
    return _judged(addresses.ipv4, text(value, "an IPv4 address such as 192.168.0.10"))


def interface(value: Any) -> str:
    """An IPv4 address with the length of its network, ``192.168.0.20/24``."""
    found = text(value, "an address with the length of its network, such as 192.168.0.20/24")
    # The address of a network is no address of a machine, but tells which network is meant.
    return addresses.canonical_interface(_judged(addresses.interface, found, usable=_network(found)))


def _network(value: str) -> str | None:
    try:
        found = ipaddress.IPv4Interface(value)
    except ValueError:
        return None
    return str(found) if found.ip == found.network.network_address and 8 <= found.network.prefixlen <= 30 else None


def mac(value: Any) -> str:
    """A MAC address of one adapter, in capital letters with colons."""
    return addresses.canonical_mac(_judged(addresses.mac, text(value, "a MAC address such as 00:1B:44:11:3A:B7")))


def aet(value: Any) -> str:
    """An application entity title by DICOM's rules."""
    return _judged(dicom.aet, text(value, "an AE title, such as CT_SCANNER"))


def port(value: Any) -> int:
    """A TCP port as a number."""
    found = _number(value, "a port from 1 to 65535")
    wrong = addresses.port(found)
    if wrong:
        raise Wrong(wrong)
    return found


def _free(value: Any, taken: Mapping[int, str], expected: str) -> int:
    found = port(value)
    if found in taken:
        raise Wrong(f"is the port of {taken[found]}; expected {expected}")
    return found


def cloud_port(value: Any) -> int:
    """The SSH port of a cloud host."""
    return _free(value, _PROXY_PORTS, "the port of SSH, such as 22")


def rest_port(value: Any) -> int:
    """The port of a site's Orthanc on its cloud host, which only the host itself can reach."""
    return _free(value, _PROXY_PORTS, "one that nothing else uses on the cloud host, such as 8042")


def hub_port(value: Any) -> int:
    """The SSH port of the hub."""
    return _free(value, _HUB_PORTS, "the port of SSH, such as 22")


def gateway_port(value: Any) -> int:
    """The port of WinRM over HTTPS on a gateway."""
    return _free(value, _GATEWAY_PORTS, "the port of WinRM over HTTPS, such as 5986")


def linux_user(value: Any) -> str:
    """A user name for SSH."""
    found = text(value, "the name of a user, such as root")
    if not _LINUX_USER.fullmatch(found):
        raise _no_user(found, "up to 64 letters, digits, '_', '.' and inner '-', such as root; a host has its own key")
    return found


def windows_user(value: Any) -> str:
    r"""A user name for WinRM: ``name``, ``DOMAIN\name`` or ``name@domain``."""
    found = text(value, "the name of a user, such as Administrator")
    if not _WINDOWS_USER.fullmatch(found) or not found.isprintable() or found != found.strip():
        raise _no_user(found, r"a name such as Administrator, HOSPITAL\ansible or ansible@hospital.example")
    return found


def _no_user(found: str, expected: str) -> Wrong:
    control = next((char for char in found if not char.isprintable()), None)
    if control:
        return Wrong(
            f"holds the character U+{ord(control):04X}, which no name of a user has; expected {expected}. Behind a "
            "backslash in double quotes YAML reads a special character, so use single quotes"
        )
    return Wrong(f"is not the name of a user; expected {expected}")


def uid(value: Any) -> str:
    """The numeric user id that owns the worklists; it travels as a string."""
    expected = 'a user id such as "1000", and not root'
    number = value if isinstance(value, str) else str(_number(value, expected))
    if not re.fullmatch(r"[1-9][0-9]{0,9}", number) or int(number) > LARGEST_UID:
        raise Wrong(f'is not a user id; expected a number such as "1000", at most {LARGEST_UID}, and not root')
    return number


def folder(value: Any) -> str:
    """An absolute directory on the hub that does not belong to the system."""
    found = _judged(values.folder, text(value, "a directory such as /files/worklists_wl"))
    if found in _SHARED or any(f"{found}/".startswith(f"{parent}/") for parent in _SYSTEM):
        raise Wrong("belongs to the system; expected a directory for worklists alone, such as /files/worklists_wl")
    return found


def sync_address(value: Any) -> str:
    """The address at which gateways reach the hub's Syncthing, ``tcp://host:port``."""
    return _judged(addresses.sync_address, text(value, "an address of Syncthing such as tcp://hub.mediverse.ai:22000"))


def to_gateways(value: Any) -> str:
    """How the controller reaches PCs behind the hub: by a session of SSH with the hub, or by a route."""
    found = text(value, "ssh or route")
    if found not in ("ssh", "route"):
        raise Wrong("is no way to gateways; expected ssh or route")
    return found


def manufacturer(value: Any) -> str:
    """One of the manufacturers that Orthanc knows."""
    return _judged(dicom.manufacturer, text(value, f"one of {', '.join(dicom.MANUFACTURERS)}"))


def site_id(value: Any) -> str:
    """The id of a site: a DNS label of at most 32 characters, because it becomes part of host names."""
    return _judged(containers.site_id, text(value))


def scanner_name(value: Any) -> str:
    """The name of a scanner inside its site."""
    return _judged(dicom.scanner_name, text(value))
