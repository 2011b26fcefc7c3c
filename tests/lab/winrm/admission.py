# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether Windows' firewall lets somebody in, by the rules of the state and the address that comes."""

from __future__ import annotations

import ipaddress
from typing import Any

from .windows import Windows

_TCP, _ANY = 6, 256
_EVERY_PROFILE = 7


def admits(windows: Windows, address: str, port: int) -> bool:
    """The machine itself is never asked, and without its service the firewall is none."""
    with windows.lock:
        if ipaddress.ip_address(address).is_loopback or windows.services.get("mpssvc")["state"] != "started":
            return True
        firewall = windows.state["firewall"]
        profiles = firewall["profiles"].values()
        # Which network an adapter is on is not modelled here: what one profile refuses is refused.
        if any(profile.get("AllowInboundRules") == "False" for profile in profiles):
            return False
        about = [rule for rule in firewall["rules"] if _about(rule, address, port)]
        if any(rule["Action"] == 0 for rule in about):
            return False
        open_anyway = all(not one["Enabled"] or one["DefaultInboundAction"] == "Allow" for one in profiles)
        return open_anyway or bool(about)


def _about(rule: dict[str, Any], address: str, port: int) -> bool:
    if not rule["Enabled"] or rule["Direction"] != 1 or rule["Protocol"] not in (_TCP, _ANY):
        return False
    if rule["Action"] == 1 and rule["Profiles"] & _EVERY_PROFILE != _EVERY_PROFILE:
        return False
    if rule["ApplicationName"] not in ("", "System"):
        return False
    return _port(str(rule["LocalPorts"]), port) and _address(str(rule["RemoteAddresses"]), address)


def _port(texts: str, port: int) -> bool:
    spans = [text.partition("-") for text in texts.split(",")]
    return any(low == "*" or int(low) <= port <= int(high or low) for low, __, high in spans)


def _address(texts: str, address: str) -> bool:
    here = ipaddress.ip_address(address)
    return any(text == "*" or here in ipaddress.ip_network(text, strict=False) for text in texts.split(","))
