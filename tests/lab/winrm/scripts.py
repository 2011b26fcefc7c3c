# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-ins for PowerShell scripts where there is no PowerShell.

A script is known by a sentence of its own description; each model is compared with the script itself on the real
engine by a test. A script without a model fails with the way out.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import ipaddress
import re
import shutil
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import network, security
from .windows import Failure, Windows

if TYPE_CHECKING:
    from .call import Call

Model = Callable[[Windows, dict[str, Any], bool], dict[str, Any]]
MODELS: dict[str, Model] = {}
_INTERFACES = r"HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters\Interfaces"


def script(sentence: str) -> Callable[[Model], Model]:
    """Registers the model of a script: (machine, parameters, check mode) -> {changed, result, diff}."""

    def register(function: Model) -> Model:
        MODELS[sentence] = function
        return function

    return register


def run(windows: Windows, text: str, params: dict[str, Any], call: Call) -> dict[str, Any]:
    """The result of a known script; raises Failure for any other."""
    function = next((model for sentence, model in MODELS.items() if sentence in text), None)
    if function is None:
        raise Failure(
            "The simulated Windows has no PowerShell and no model of this script "
            f"({text.strip().splitlines()[0][:80]!r}): put pwsh on PATH and start the lab again."
        )
    return answer(function(windows, params.get("parameters") or {}, call.check))


def answer(part: dict[str, Any]) -> dict[str, Any]:
    """The whole result of a script of which this part is known."""
    return {"changed": False, "output": [], "error": [], "warning": [], "result": {}, **part}


def _plain(mac: str) -> str:
    return re.sub("[^0-9A-F]", "", mac.upper())


def _state_problem(adapter: network.Adapter) -> str:
    if adapter["status"] == "Disabled":
        return "is disabled"
    if adapter["status"] == "Not Present":
        return "is not in the computer"
    return "" if adapter["ipv4"] else "does not speak IPv4"


def _gateways(adapter: network.Adapter) -> list[str]:
    used = adapter["gateway"] if adapter["status"] == "Up" else None
    return sorted({gateway for gateway in (adapter["stored"]["gateway"], used) if gateway})


def _setting(adapter: network.Adapter, address: str) -> dict[str, Any]:
    up = adapter["status"] == "Up"
    used = [f"{item['address']}/{item['prefix']}" for item in adapter["addresses"]]
    return {
        "dhcp": adapter["dhcp"] and (up or not adapter["dhcp_off_on_connect"]),
        "addresses": sorted(f"{item['address']}/{item['prefix']}" for item in adapter["stored"]["addresses"]),
        "gateway": _gateways(adapter),
        "dns_register": adapter["register_dns"] and up,
        "in_use": address in used if up else None,
    }


def _problem(windows: Windows, found: list[network.Adapter], params: dict[str, Any]) -> str:
    """Why the adapter cannot have the address; the words are those of the script up to the first semicolon."""
    mac, address = params["MacAddress"], params["Address"]
    everyone = network.adapters(windows)
    if not found:
        known = ", ".join(f"{item['mac'].replace(':', '-')} ({item['name']})" for item in everyone)
        return f"No network adapter has the hardware address {mac}; correct scanner_mac, this computer has {known}."
    if len(found) > 1:
        return f"Several network adapters have the hardware address {mac}: {', '.join(item['name'] for item in found)};"
    here = found[0]
    if reason := _state_problem(here):
        return f"Network adapter '{here['name']}' ({mac}) {reason};"
    ports = params.get("ManagementPort") or [5985, 5986]
    session = {
        item["local_address"]
        for item in network.connections(windows)
        if item["state"] == "Established" and item["local_port"] in ports
    } | set(params.get("ManagementAddress") or [])
    for one in sorted(session & {item["address"] for item in here["addresses"]}):
        return f"Network adapter '{here['name']}' ({mac}) carries the management session at {one};"
    others = [(adapter, item) for adapter in everyone if adapter is not here for item in adapter["addresses"]]
    if _gateways(here) and not any(item["address"] in session for __, item in others):
        reason = "has the default gateway and no other adapter carries the management session"
        return f"Network adapter '{here['name']}' ({mac}) {reason};"
    tunnelled = any(adapter.get("tunnel") and item["address"] in session for adapter, item in others)
    if (
        tunnelled
        and _gateways(here)
        and not any(_gateways(one) for one in everyone if one is not here and not one.get("tunnel"))
    ):
        reason = "has the only default gateway, through which the tunnel of the management session goes"
        return f"Network adapter '{here['name']}' ({mac}) {reason};"
    wanted = ipaddress.ip_interface(address).network
    for adapter, item in others:
        other = ipaddress.ip_interface(f"{item['address']}/{item['prefix']}").network
        if wanted.overlaps(other):
            theirs = f"{item['address']}/{item['prefix']} of adapter '{adapter['name']}'"
            return f"The network of {address} overlaps with {theirs};"
    return ""


def acknowledges(windows: Windows, guid: str) -> int:
    """As the script tells an adapter's TcpAckFrequency: 0 without one, -1 for one that Windows ignores."""
    value = windows.registry.get(rf"{_INTERFACES}\{guid}", "TcpAckFrequency")
    if value is None:
        return 0
    return int(value["data"]) if value["type"] == "dword" and value["data"] > 0 else -1


@script("Gives the network adapter beside the scanner its static address")
def _scanner_adapter(windows: Windows, params: dict[str, Any], check: bool) -> dict[str, Any]:
    found = [item for item in network.adapters(windows) if _plain(item["mac"]) == _plain(params["MacAddress"])]
    problem = _problem(windows, found, params)
    if problem:
        names = {"problem": problem, "note": "", "adapter": "", "guid": "", "acknowledges": 0}
        result: dict[str, Any] = {**names, "address": params["Address"], "link": False}
        return {"result": result}
    here = found[0]
    up = here["status"] == "Up"
    before = _setting(here, params["Address"])
    after = {
        "dhcp": False,
        "addresses": [params["Address"]],
        "gateway": [],
        "dns_register": False,
        "in_use": True if up else None,
    }
    if before != after and not check:
        address, __, prefix = params["Address"].partition("/")
        stored = {"address": address, "prefix": int(prefix)}
        here["addresses"] = [{**stored, "origin": "Manual"}]
        here["stored"] = {"addresses": [stored], "gateway": None}
        here["gateway"] = None
        if up:
            here.update(dhcp=False, register_dns=False)
        else:
            here["dhcp_off_on_connect"] = here["dhcp_off_on_connect"] or here["dhcp"]
        windows.save()
        network.apply(windows)
    result = {
        "problem": "",
        "note": "",
        "adapter": here["name"],
        "guid": here["guid"],
        "address": params["Address"],
        "link": up,
        "acknowledges": acknowledges(windows, here["guid"]),
    }
    return {"changed": before != after, "result": result, "diff": {"before": before, "after": after}}


@script("Lists the network adapters with their IPv4 addresses")
def _adapters(windows: Windows, params: dict[str, Any], check: bool) -> dict[str, Any]:
    def entry(adapter: network.Adapter) -> dict[str, Any]:
        up = adapter["status"] == "Up"
        items = (adapter["addresses"] if adapter["ipv4"] else []) if up else adapter["stored"]["addresses"]
        routed = adapter["gateway"] and adapter["ipv4"] if up else adapter["stored"]["gateway"]
        return {
            "name": adapter["name"],
            "mac": adapter["mac"].replace(":", "-"),
            "link": up,
            "hardware": not adapter.get("tunnel"),
            "addresses": [f"{item['address']}/{item['prefix']}" for item in items],
            "default_route": bool(routed),
        }

    return {"result": {"adapters": [entry(adapter) for adapter in network.adapters(windows)]}}


@script("Names the programs that listen on the given TCP ports")
def _port_owners(windows: Windows, params: dict[str, Any], check: bool) -> dict[str, Any]:
    names = {item["id"]: item for item in network.processes(windows)}
    owners = [
        {"port": item["local_port"], "program": names[item["process"]]["name"], "path": names[item["process"]]["path"]}
        for item in network.connections(windows)
        if item["state"] == "Listen" and item["local_port"] in params["Port"]
    ]
    held = {item["port"] for item in owners}
    excluded = [
        {"port": port, "first": item["first"], "last": item["last"]}
        for port in params["Port"]
        for item in windows.state["excluded_ports"]
        if item["first"] <= port <= item["last"] and not item["administered"] and port not in held
    ]
    key = r"HKLM\SYSTEM\CurrentControlSet\Control\CI\Policy"
    control = {1: "on", 2: "evaluation"}.get(windows.registry.data(key, "VerifiedAndReputablePolicyState") or 0, "")
    if not control and windows.state["code_integrity"] == "enforced":
        control = "policy"
    firewall = _STATUS[windows.services.get("mpssvc")["state"]]
    result = {"owners": owners, "excluded": excluded, "problem": "", "firewall": firewall, "app_control": control}
    return {"result": result}


def _way(windows: Windows, params: dict[str, Any], scanner: str) -> dict[str, Any]:
    """The adapter and the firewall's profile for what comes from a scanner."""
    up = [item for item in network.adapters(windows) if item["status"] == "Up"]
    own = params.get("Address", "").partition("/")[0]
    near = [
        adapter
        for adapter in (network.adapters(windows) if own else up)
        for item in adapter["addresses"]
        if (item["address"] == own if own else _near(item, scanner))
    ]
    if not own:
        near += [adapter for adapter in up if adapter["gateway"]]
    adapter = near[0] if near else {"addresses": [], "name": ""}
    known = adapter.get("category") or ("Private" if adapter.get("gateway") else "Public")
    category = str(known) if adapter in up else "Public"
    return {"scanner": scanner, "category": category, "alias": adapter["name"], "addresses": adapter["addresses"]}


def _near(item: dict[str, Any], scanner: str) -> bool:
    home = ipaddress.ip_interface(f"{item['address']}/{item['prefix']}").network
    return ipaddress.ip_address(scanner) in home


def _means(texts: str, address: str, near: list[dict[str, Any]]) -> bool:
    """Whether the addresses of a rule hold this one."""
    wanted = ipaddress.ip_address(address)
    for text in texts.split(","):
        first, __, last = text.partition("-")
        if text in ("", "*") or (text.startswith("LocalSubnet") and any(_near(item, address) for item in near)):
            return True
        if last and int(ipaddress.ip_address(first)) <= int(wanted) <= int(ipaddress.ip_address(last)):
            return True
        if text[0].isdigit() and not last and wanted in ipaddress.ip_network(text, strict=False):
            return True
    return False


def _fits(windows: Windows, rule: dict[str, Any], params: dict[str, Any]) -> bool:
    """Whether an inbound rule that counts is about Orthanc's program and port, whoever calls."""
    spans = [text.partition("-") for text in str(rule["LocalPorts"]).split(",")]
    ports = any(low == "*" or int(low) <= params["Port"] <= int(high or low) for low, __, high in spans)
    program = windows.expand(rule["ApplicationName"]).lower() in ("", params["Program"].lower())
    others = ("ServiceName", "Package", "Owner", "LocalUser", "RemoteUser", "Authentication")
    plain = not any(rule.get(name) for name in others) and rule.get("RemotePorts", "*") == "*"
    return bool(
        rule["Direction"] == 1 and rule["Enabled"] and rule["Protocol"] in (6, 256) and ports and program and plain
    )


def _about(rule: dict[str, Any], way: dict[str, Any], deaf: list[str]) -> bool:
    """Whether a rule that fits is about what comes this way."""
    if not rule["Profiles"] & {"Domain": 1, "Private": 2, "Public": 4}[way["category"]]:
        return False
    if rule.get("Source", "Local") == "Local" and way["category"] in deaf:
        return False
    adapters = str(rule.get("Interfaces", "*")).split(",")
    if adapters != ["*"] and way["alias"] not in adapters:
        return False
    if rule.get("InterfaceTypes", "All") not in ("All", "Lan"):
        return False
    local, near = rule.get("LocalAddresses", "*"), way["addresses"]
    own = local == "*" or any(_means(local, item["address"], near) for item in near)
    return own and _means(rule["RemoteAddresses"], way["scanner"], near)


def _profiles(
    windows: Windows, params: dict[str, Any], names: list[str], blocked: list[str], opened: list[str]
) -> tuple[list[str], list[str], list[str]]:
    """Profiles that let everything in, that take nothing or are off, and in which no rule of the PC's own counts."""
    free, shut, deaf = [], [], []
    products = windows.state["firewall"].get("products") or []
    vendors = ", ".join(f"'{one['name']}'" for one in products if one["state"] & 0xF000 == 0x1000)
    for name in names:
        profile, place = windows.state["firewall"]["profiles"][name], f"networks of the profile '{name}'"
        if not profile["Enabled"] or profile["DefaultInboundAction"] == "Allow":
            free.append(name)
            opened.append(
                f"{vendors} has the place of Windows' firewall for {place}, where the scanners are, and nobody can "
                "look into it from here;"
                if vendors and not profile["Enabled"]
                else f"Windows' firewall lets everything in from {place}, where the scanners are, so not only they "
                f"reach port {params['Port']};"
            )
        if not profile["Enabled"]:
            shut.append(name)
        elif profile.get("AllowInboundRules") == "False":
            shut.append(name)
            blocked.append(
                f"Windows' firewall takes no connection at all from {place}, where the scanners are ('Block all "
                "incoming connections');"
            )
        elif profile.get("AllowLocalFirewallRules") == "False":
            deaf.append(name)
    return free, shut, deaf


def _rules(
    windows: Windows, params: dict[str, Any], ways: list[dict[str, Any]], free: list[str], deaf: list[str]
) -> list[str]:
    """What the rules make of scanners that they could admit."""
    port, blocked = params["Port"], []
    missing = [way for way in ways if way["category"] not in free]
    for rule in windows.state["firewall"]["rules"]:
        about = [way for way in ways if _fits(windows, rule, params) and _about(rule, way, deaf)]
        if rule["Action"] == 0 and about:
            whom = ", ".join(way["scanner"] for way in about)
            blocked.append(
                f"The firewall rule '{rule['Name']}' keeps scanner {whom} from port {port} of Orthanc, and a rule that "
                "blocks wins over one that admits;"
            )
        if rule["Action"] == 1:
            missing = [way for way in missing if way not in about]
    for name in sorted({way["category"] for way in missing} & set(deaf)):
        blocked.append(
            f"A policy lets no rule of this computer's own count for networks of the profile '{name}', where the "
            f"scanners are, so '{params.get('Rule', '')}' admits nobody;"
        )
    if left := [way["scanner"] for way in missing if way["category"] not in deaf]:
        blocked.append(
            f"No firewall rule in force admits scanner {', '.join(left)} to port {port} of Orthanc, as "
            f"'{params.get('Rule', '')}' should;"
        )
    return blocked


@script("Says what on this computer undoes what the role configured")
def _obstacles(windows: Windows, params: dict[str, Any], check: bool) -> dict[str, Any]:
    """The words are those of the script up to the first semicolon. Nothing runs a task here, so none has failed."""
    blocked: list[str] = []
    opened: list[str] = []
    scanners, port, rule = params.get("Scanner") or [], params["Port"], params.get("Rule", "")
    if scanners and windows.services.get("mpssvc")["state"] != "started":
        opened.append(
            f"The service of Windows' firewall (mpssvc) does not run, so the rule '{rule}' has no effect and not only "
            f"scanners reach port {port};"
        )
    elif scanners:
        ways = [_way(windows, params, scanner) for scanner in scanners]
        free, shut, deaf = _profiles(windows, params, sorted({way["category"] for way in ways}), blocked, opened)
        blocked += _rules(windows, params, [way for way in ways if way["category"] not in shut], free, deaf)
    wake, task = "", params.get("Task")
    if task and f"\\{task}" not in windows.state["tasks"] and not check:
        wake = f"The task '{task}', which wakes the forwarder, is not there although it was just made;"
    listens = bool(params.get("Listening")) and _listens(port)
    return {"result": {"blocked": blocked, "open": opened, "wake": wake, "listens": listens}}


def _listens(port: int) -> bool:
    with suppress(OSError), closing(socket.create_connection(("127.0.0.1", port), 1)):
        return True
    return False


@script("Keeps the computer awake on mains power")
def _stay_awake(windows: Windows, params: dict[str, Any], check: bool) -> dict[str, Any]:
    timeouts = windows.state["power"]["timeouts"]
    before = {f"{kind}_seconds": timeouts[f"{kind}-timeout-ac"] * 60 for kind in ("standby", "hibernate")}
    after = dict.fromkeys(before, 0)
    if before != after and not check:
        timeouts.update({"standby-timeout-ac": 0, "hibernate-timeout-ac": 0})
        windows.save()
    result = {"problem": "", **before}
    return {"changed": before != after, "result": result, "diff": {"before": before, "after": after}}


@script("Tells in one command what is in place on this computer")
def _look(windows: Windows, params: dict[str, Any], check: bool) -> dict[str, Any]:
    def values(key: str) -> dict[str, Any]:
        return {value["name"]: value["data"] for value in windows.registry.values(key).values()}

    def names(folder: Path) -> list[str]:
        return [item.name for item in folder.iterdir() if item.is_file()] if folder.is_dir() else []

    kinds = ("Folders", "Files", "Names", "Registry", "Required", "Accounts", "Contents", "Services", "Rules", "Ports")
    asked = {name: params.get(name) or [] for name in kinds}
    paths = {name: windows.path(name) for kind in ("Folders", "Files", "Names", "Contents") for name in asked[kind]}
    rules = [rule["Name"] for rule in windows.state["firewall"]["rules"] if rule.get("Source", "Local") == "Local"]
    told = windows.services.get("mpssvc")["state"] == "started"
    return {
        "result": {
            "folders": {one: security.sddl(windows, one) if paths[one].is_dir() else "" for one in asked["Folders"]},
            "files": {
                one: hashlib.sha1(paths[one].read_bytes()).hexdigest() if paths[one].is_file() else ""
                for one in asked["Files"]
            },
            "contents": {
                one: base64.b64encode(paths[one].read_bytes()).decode() if paths[one].is_file() else ""
                for one in asked["Contents"]
            },
            "names": {one: names(paths[one]) for one in asked["Names"]},
            "registry": {
                **{one: values(one) if windows.registry.exists(one) else None for one in asked["Required"]},
                **{one: values(one) for one in asked["Registry"]},
            },
            "accounts": {
                one: security.sid(windows, one) if one in windows.state["users"] else "" for one in asked["Accounts"]
            },
            "services": {one: _service_text(windows, one) for one in asked["Services"]},
            "rules": {one: rules.count(one) if told else -1 for one in asked["Rules"]},
            "ports": {str(one): _listens(one) for one in asked["Ports"]},
        }
    }


def _service_text(windows: Windows, name: str) -> str:
    key = windows.services.find(name)
    if key is None:
        return ""
    one = windows.services.get(key)
    actions = ",".join(f"{action['type']}:{int(action.get('delay_ms') or 0)}" for action in one["failure_actions"])
    reset, crash = int(one["failure_reset_period_sec"] or 0), bool(one["failure_actions_on_non_crash_failure"])
    return f"{_STATUS[one['state']]} {one['start_mode']} {actions} {reset} {crash}"


@script("Lets several scripts of the role look at this computer in one command")
def _together(windows: Windows, params: dict[str, Any], check: bool) -> dict[str, Any]:
    parts = {}
    for part in params["Parts"]:
        text = gzip.decompress(base64.b64decode(part["script"])).decode("utf-8")
        function = next((model for sentence, model in MODELS.items() if sentence in text), None)
        if function is None:
            raise Failure(f"The simulated Windows has no PowerShell and no model of the script {part['name']}.")
        seen: dict[str, Any] = {"result": {}, "changed": False, "problem": ""}
        try:
            done = function(windows, part["parameters"], True)
            seen.update(result=done["result"], changed=done.get("changed", False))
        except Failure as failure:
            seen["problem"] = str(failure)
        parts[part["name"]] = seen
    return {"result": {"parts": parts}}


_EXISTING_ROW = """
    SELECT count(*) = 1 AND min(idx = 'ResourceTypeIndex' AND stat = '1000000 250000')
    FROM sqlite_stat1 WHERE tbl = 'Resources'
"""
_NEW_ROW = """
    BEGIN IMMEDIATE;
    CREATE TABLE mediverse_seed (a);
    ANALYZE mediverse_seed;
    DROP TABLE mediverse_seed;
    DELETE FROM sqlite_stat1 WHERE tbl = 'Resources';
    INSERT INTO sqlite_stat1 VALUES ('Resources', 'ResourceTypeIndex', '1000000 250000');
    COMMIT;
"""


def _has_row(file: Path) -> bool:
    if not file.exists():
        return False
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro&immutable=1", uri=True)) as index:
        table = index.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'").fetchone()
        return table is not None and index.execute(_EXISTING_ROW).fetchone() == (1,)


@contextmanager
def _stopped(windows: Windows, name: str, needed: bool) -> Iterator[bool]:
    """Whether a service was stopped for what is done here; it is started again afterwards."""
    key = windows.services.find(name) if needed else None
    if key is None or windows.services.get(key)["state"] != "started":
        yield False
        return
    windows.services.stop(key)
    try:
        yield True
    finally:
        windows.services.start(key)


_STATUS = {"started": "Running", "stopped": "Stopped", "stop_pending": "StopPending"}


def _sum(windows: Windows, folders: list[str]) -> str:
    """A sum over names and contents of the files in these folders."""
    places = [place for name in folders if (place := windows.path(name)).exists()]
    files = [item for place in places for item in sorted(place.rglob("*")) if item.is_file()]
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()} {str(file).lower()}" for file in files]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@script("Looks at Orthanc's service, stops it, starts it, or does both")
def _orthanc_service(windows: Windows, params: dict[str, Any], check: bool) -> dict[str, Any]:
    manager, action = windows.services, params["Action"]
    manager.settle()
    key = manager.find(params["Service"])
    state = _STATUS[manager.get(key)["state"]] if key else ""
    result: dict[str, Any] = {"problem": "", "exists": bool(key), "state": state, "owed": False}
    if key is None:
        if action == "restart":
            result["problem"] = f"There is no service {params['Service']} to restart;"
        return {"result": result}
    if action == "look" and state == "StopPending":
        result["owed"] = True
    stamp = windows.path(params["Stamp"]) if params.get("Stamp") else None
    if action == "look" and state == "Running" and stamp and stamp.exists():
        result["owed"] = stamp.read_text().strip() != _sum(windows, params.get("Settings") or [])
    stops = action in ("stop", "restart") and state != "Stopped"
    starts = action == "restart" or (action == "start" and state != "Running")
    if not check:
        if stops:
            _end(windows, key, params.get("Patience", 120))
        if starts:
            manager.start(key)
            if stamp:
                stamp.write_text(_sum(windows, params.get("Settings") or []))
    return {"changed": stops or starts, "result": result}


def _end(windows: Windows, key: str, patience: int) -> None:
    """Stops a service; its program is ended when it takes too long."""
    windows.services.stop(key, wait=False)
    end = time.monotonic() + patience
    while windows.services.process_id(key) and time.monotonic() < end:
        time.sleep(0.1)
    windows.services.end(windows.services.process_id(key))
    windows.services.settle()


@script("Writes one row of statistics into Orthanc's index")
def _index_statistics(windows: Windows, params: dict[str, Any], check: bool) -> dict[str, Any]:
    file, name = windows.path(params["Path"]), params["Path"]
    present = stopped = False
    diff: dict[str, Any] = {}
    problem = ""
    try:
        present, exists = _has_row(file), file.exists()
        diff = {"before": {"present": present}, "after": {"present": True}}
        room = params.get("Room", 16 << 20)
        if not present and exists and shutil.disk_usage("/").free < room:
            problem = f"The drive of Orthanc's index {name} has less than {room >> 20} MB left;"
        elif not present and not check:
            with (
                _stopped(windows, params["Service"], needed=exists) as stopped,
                closing(sqlite3.connect(file, timeout=5, isolation_level=None)) as index,
            ):
                index.executescript(_NEW_ROW)
    except sqlite3.Error as error:
        problem = f"SQLite says '{error}' about Orthanc's index {name};"
    changed = stopped if problem else not present
    return {"changed": changed, "result": {"problem": problem, "present": present}, "diff": diff}
