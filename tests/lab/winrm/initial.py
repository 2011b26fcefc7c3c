# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a freshly installed Windows 10 of the lab looks like."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from .accounts import MACHINE_SID
from .registry import Registry

ENVIRONMENT = {
    "ALLUSERSPROFILE": r"C:\ProgramData",
    "CommonProgramFiles": r"C:\Program Files\Common Files",
    "NUMBER_OF_PROCESSORS": "4",
    "OS": "Windows_NT",
    "PROCESSOR_ARCHITECTURE": "AMD64",
    "ProgramData": r"C:\ProgramData",
    "ProgramFiles": r"C:\Program Files",
    "ProgramFiles(x86)": r"C:\Program Files (x86)",
    "ProgramW6432": r"C:\Program Files",
    "PUBLIC": r"C:\Users\Public",
    "SystemDrive": "C:",
    "SystemRoot": r"C:\Windows",
    "windir": r"C:\Windows",
}
FOLDERS = [
    r"C:\ProgramData",
    r"C:\Program Files",
    r"C:\Program Files (x86)",
    r"C:\Users\Public\Desktop",
    r"C:\Windows\System32",
    r"C:\Windows\Temp",
]
REGISTRY: dict[str, dict[str, tuple[str, Any]]] = {
    r"HKLM\SOFTWARE\Classes\.js": {"": ("string", "JSFile")},
    r"HKLM\SOFTWARE\Microsoft\Windows Script Host\Settings": {},
    r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall": {},
    r"HKLM\SOFTWARE\Policies\Microsoft\Windows": {},
    r"HKLM\SOFTWARE\WOW6432Node": {},
    r"HKLM\SYSTEM\CurrentControlSet\Control\CI\Policy": {"VerifiedAndReputablePolicyState": ("dword", 0)},
    r"HKLM\SYSTEM\CurrentControlSet\Control\FileSystem": {"LongPathsEnabled": ("dword", 0)},
    r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Environment": {},
    r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Power": {"HiberbootEnabled": ("dword", 1)},
    r"HKLM\SYSTEM\CurrentControlSet\Services": {},
    r"HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters\Interfaces": {},
    r"HKCU\Environment": {},
    r"HKCU\SOFTWARE": {},
}
# What scripts on the PC itself ask for as well.
_REGISTRY: dict[str, dict[str, tuple[str, Any]]] = {
    r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion": {"CurrentBuildNumber": ("string", "19045")},
    r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System": {"EnableLUA": ("dword", 1)},
    r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Environment": {
        "PROCESSOR_ARCHITECTURE": ("string", "AMD64")
    },
}
BALANCED = "381b4222-f694-41f0-9685-ff5bb260df2e"


def _service(display: str, start: str, state: str, account: str = "LocalSystem") -> dict[str, Any]:
    return {
        "display_name": display,
        "description": display,
        "path": r"C:\Windows\System32\svchost.exe -k netsvcs",
        "start_mode": start,
        "username": account,
        "state": state,
        "dependencies": [],
        "failure_actions": [],
        "failure_reset_period_sec": 0,
        "failure_actions_on_non_crash_failure": False,
    }


def state(computer: str, user: str) -> dict[str, Any]:
    """The sections of state.json."""
    return {
        "computer": computer,
        "build": "10.0.19045.0",
        "product": "Microsoft Windows 10 Pro",
        "timezone": "UTC",
        "events": [],
        "registry": {},
        "acl": {},
        "rights": {"SeServiceLogonRight": []},
        "users": {user: {"groups": ["Administrators"], "enabled": True}},
        # The machine's part of the numbers of its accounts, and the account at its keyboard, which is in no list here.
        "sid": MACHINE_SID,
        "technician": f"{MACHINE_SID}-1001",
        # Of the store LocalMachine\My: {thumbprint, name, der, key}. Listeners of WinRM, by the names of WS-Management.
        "certificates": [],
        "winrm_listeners": [],
        "services": {
            "W32Time": _service("Windows Time", "manual", "stopped", r"NT AUTHORITY\LocalService"),
            "WinRM": _service(
                "Windows Remote Management (WS-Management)", "auto", "started", r"NT AUTHORITY\NetworkService"
            ),
            "mpssvc": _service("Windows Defender Firewall", "auto", "started", r"NT AUTHORITY\LocalService"),
            "WinDefend": _service("Microsoft Defender Antivirus Service", "auto", "started"),
        },
        "firewall": {
            "profiles": {
                name: {
                    "Enabled": True,
                    "DefaultInboundAction": "NotConfigured",
                    "DefaultOutboundAction": "NotConfigured",
                    # False for "Block all incoming connections", and where a group policy lets no local rule count.
                    "AllowInboundRules": "NotConfigured",
                    "AllowLocalFirewallRules": "NotConfigured",
                }
                for name in ("Domain", "Private", "Public")
            },
            "rules": [],
            # Firewalls of other vendors, {name, state}, as the Security Center of a client knows them.
            "products": [],
        },
        "power": {
            "plan": BALANCED,
            "plans": {
                "Balanced": BALANCED,
                "High performance": "8c5e7fda-e8bf-4a96-9a85-a6e23a8c635c",
                "Power saver": "a1841308-3541-4fab-bc81-f71556f20b4a",
            },
            "timeouts": {
                "monitor-timeout-ac": 10,
                "monitor-timeout-dc": 5,
                "standby-timeout-ac": 30,
                "standby-timeout-dc": 15,
                "hibernate-timeout-ac": 180,
                "hibernate-timeout-dc": 180,
                "disk-timeout-ac": 20,
                "disk-timeout-dc": 10,
            },
            "hibernate": True,
        },
        "tasks": {},
        # In another language mode than this no module of Ansible runs.
        "language_mode": "FullLanguage",
        # The execution policy that a group policy sets, and whether one of code integrity is in force for programs.
        "machine_policy": "Undefined",
        "code_integrity": "off",
        "defender": {"ExclusionPath": [], "ExclusionProcess": [], "IsTamperProtected": False},
        "interfaces": [],
        "excluded_ports": [
            {"first": 5357, "last": 5357, "administered": False},
            {"first": 50000, "last": 50059, "administered": True},
        ],
    }


def fresh(computer: str, machine_guid: str) -> dict[str, Any]:
    """A Windows as it comes, of which no controller knows anything: WinRM is off, and so is the built-in account."""
    made = state(computer, "Administrator")
    user = {"description": "", "password_never_expires": True}
    made["users"] = {
        "Administrator": {**user, "groups": ["Administrators"], "enabled": False, "sid": f"{MACHINE_SID}-500"},
        "Invité": {**user, "groups": [], "enabled": False, "sid": f"{MACHINE_SID}-501"},
    }
    guest = [rf"{computer}\Invité"]
    made["rights"] |= {
        "SeDenyNetworkLogonRight": list(guest),
        "SeDenyInteractiveLogonRight": list(guest),
        "SeDenyRemoteInteractiveLogonRight": [],
    }
    made["services"]["WinRM"] |= {"start_mode": "manual", "state": "stopped"}
    made["firewall"]["rules"] = [
        {
            "InstanceID": "WINRM-HTTP-In-TCP",
            "Name": "Windows Remote Management (HTTP-In)",
            "Description": "",
            "Direction": 1,
            "Action": 1,
            "ApplicationName": "System",
            "Grouping": "@FirewallAPI.dll,-30267",
            "ServiceName": "",
            "Enabled": False,
            "Profiles": 0x7FFFFFFF,
            "LocalAddresses": "*",
            "RemoteAddresses": "*",
            "LocalPorts": "5985",
            "RemotePorts": "*",
            "Protocol": 6,
            "InterfaceTypes": "All",
        }
    ]
    registry = Registry(SimpleNamespace(state=made))  # type: ignore[arg-type]  # it wants a machine, of which it takes the state
    registry.seed(REGISTRY)
    guid = r"HKLM\SOFTWARE\Microsoft\Cryptography"
    registry.set(guid, "MachineGuid", "string", machine_guid)
    for key, values in _REGISTRY.items():
        for name, (kind, data) in values.items():
            registry.set(key, name, kind, data)
    return made
