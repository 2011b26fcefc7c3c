# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""win_firewall_rule (community.windows 3.1.0 to 3.3.0) and win_firewall (ansible.windows 3.3.0 to 3.8.0)."""

from __future__ import annotations

from typing import Any

from ..call import Call, Result, model
from ..windows import Failure, Windows

_PROTOCOLS = {"tcp": 6, "udp": 17, "icmpv4": 1, "icmpv6": 58, "any": 256}
_PROFILES = {"domain": 1, "private": 2, "public": 4}
_ALL_PROFILES = 0x7FFFFFFF
_NEW = {
    "Description": "",
    "Direction": 1,
    "Action": 1,
    "ApplicationName": "",
    "Grouping": "",
    "ServiceName": "",
    "Enabled": True,
    "Profiles": _ALL_PROFILES,
    "LocalAddresses": "*",
    "RemoteAddresses": "*",
    "LocalPorts": "*",
    "RemotePorts": "*",
    "Protocol": 256,
    "InterfaceTypes": "All",
}


def _profiles(names: list[str]) -> int:
    unknown = [name for name in names if name.lower() not in _PROFILES]
    if unknown:
        raise Failure(f"Unknown profile '{unknown[0]}'.")
    total = sum(_PROFILES[name] for name in {name.lower() for name in names})
    return _ALL_PROFILES if total == 7 else total


def _protocol(text: str) -> int:
    if str(text).isdigit():
        return int(text)
    if text.lower() not in _PROTOCOLS:
        raise Failure(f"Unknown protocol '{text}'.")
    return _PROTOCOLS[text.lower()]


def _given(windows: Windows, params: dict[str, Any]) -> dict[str, Any]:
    """Rule properties that the task sets, in the firewall's own terms."""
    out: dict[str, Any] = {}
    for option, key, convert in (
        ("description", "Description", str),
        ("direction", "Direction", {"in": 1, "out": 2}.__getitem__),
        ("action", "Action", {"block": 0, "allow": 1}.__getitem__),
        ("program", "ApplicationName", lambda text: "" if text == "any" else windows.expand(text)),
        ("group", "Grouping", str),
        ("service", "ServiceName", lambda text: "" if text == "any" else text),
        ("enabled", "Enabled", bool),
        ("profiles", "Profiles", _profiles),
        ("localip", "LocalAddresses", lambda text: "*" if text == "any" else text),
        ("remoteip", "RemoteAddresses", lambda text: "*" if text == "any" else text),
        ("protocol", "Protocol", _protocol),
        ("localport", "LocalPorts", lambda text: "*" if text == "any" else text),
        ("remoteport", "RemotePorts", lambda text: "*" if text == "any" else text),
    ):
        if params.get(option) is not None:
            out[key] = convert(params[option])
    return out


def _same(key: str, old: Any, new: Any) -> bool:
    if key.endswith("Addresses"):
        return sorted(str(old).split(",")) == sorted(str(new).split(","))
    return bool(old == new)


@model("win_firewall_rule")
def win_firewall_rule(windows: Windows, params: dict[str, Any], call: Call) -> Result:
    for option in ("interfacetypes", "edge", "security", "icmp_type_code"):
        if params.get(option) not in (None, "no", "notrequired"):
            raise Failure(f"The simulated Windows does not model the option {option} of win_firewall_rule.")
    name, group = params.get("name"), params.get("group")
    if not name and not group:
        raise Failure("Either name or group must be specified")
    # "There are no more endpoints" is what Windows says for: nobody is there to be asked.
    if windows.services.get("mpssvc")["state"] != "started":
        raise Failure("There are no more endpoints available from the endpoint mapper. (HRESULT: 0x800706D9)")
    rules: list[dict[str, Any]] = windows.state["firewall"]["rules"]
    found = [rule for rule in rules if (rule["Name"].lower() == name.lower() if name else rule["Grouping"] == group)]
    if params.get("state") == "absent":
        if not found:
            return {
                "changed": False,
                "msg": f"Firewall rule '{name}' does not exist."
                if name
                else f"No firewall rules in group '{group}' exist.",
            }
        if not call.check:
            windows.state["firewall"]["rules"] = [rule for rule in rules if rule not in found]
            windows.save()
        names = "', '".join(rule["Name"] for rule in found)
        return {"changed": True, "msg": f"Firewall rule(s) '{names}' removed."}
    given = _given(windows, params)
    if (
        (given.get("LocalPorts", "*") != "*" or given.get("RemotePorts", "*") != "*")
        and not found
        and given.get("Protocol", 256) == 256
    ):
        raise Failure("The parameter is incorrect. (localport and remoteport need a protocol)")
    if not found:
        if not name:
            return {"changed": False, "msg": "Firewall rule(s) changed '' - unchanged ''"}
        if not call.check:
            rules.append({"Name": name, **_NEW, **given})
            windows.save()
        return {"changed": True, "msg": f"Firewall rule '{name}' created."}
    changed = [rule for rule in found if any(not _same(key, rule[key], value) for key, value in given.items())]
    if changed and not call.check:
        for rule in changed:
            rule.update(given)
        windows.save()
    lists = ["', '".join(rule["Name"] for rule in found if (rule in changed) == state) for state in (True, False)]
    return {"changed": bool(changed), "msg": f"Firewall rule(s) changed '{lists[0]}' - unchanged '{lists[1]}'"}


@model("win_firewall")
def win_firewall(windows: Windows, params: dict[str, Any], call: Call) -> Result:
    profiles = windows.state["firewall"]["profiles"]
    enable = params["state"] == "enabled"
    result: Result = {
        "changed": False,
        "restart_required": False,
        "profiles": params["profiles"],
        "state": params["state"],
    }
    for name, profile in profiles.items():
        considered = name in params["profiles"]
        new = dict(profile)
        if considered:
            new["Enabled"] = enable
            for option, key in (
                ("inbound_action", "DefaultInboundAction"),
                ("outbound_action", "DefaultOutboundAction"),
            ):
                if params.get(option) and enable:
                    new[key] = params[option].title().replace("_", "")
        result[name] = {"enabled": new["Enabled"], "considered": considered, "currentstate": int(profile["Enabled"])}
        result["changed"] = result["changed"] or new != profile
        if not call.check:
            profile.update(new)
    if result["changed"] and not call.check:
        windows.save()
    return result
