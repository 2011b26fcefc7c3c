# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Owners and access rights of files and registry keys, kept in the ``acl`` section of the state.

Only explicit entries are stored; what a fresh Windows gives by inheritance is described by DEFAULT. Rights of
local user accounts that run a service here (SyncthingServiceAcct) are also set on the files themselves as POSIX
access lists, so that a missing entry really keeps the service out. Everything else is bookkeeping.
"""

from __future__ import annotations

import ntpath
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import Any

from . import registry
from .windows import Failure, Windows

RIGHTS = {
    "FullControl": 0x1F01FF,
    "Modify": 0x1301BF,
    "ReadAndExecute": 0x1200A9,
    "Read": 0x120089,
    "Write": 0x100116,
    "ReadData": 0x1,
    "ListDirectory": 0x1,
    "WriteData": 0x2,
    "CreateFiles": 0x2,
    "AppendData": 0x4,
    "CreateDirectories": 0x4,
    "ReadExtendedAttributes": 0x8,
    "WriteExtendedAttributes": 0x10,
    "ExecuteFile": 0x20,
    "Traverse": 0x20,
    "DeleteSubdirectoriesAndFiles": 0x40,
    "ReadAttributes": 0x80,
    "WriteAttributes": 0x100,
    "Delete": 0x10000,
    "ReadPermissions": 0x20000,
    "ChangePermissions": 0x40000,
    "TakeOwnership": 0x80000,
}
REGISTRY_RIGHTS = {"FullControl": 0xF003F, "ReadKey": 0x20019, "WriteKey": 0x20006, "SetValue": 0x2, "QueryValues": 0x1}
SYNCHRONIZE = 0x100000
DEFAULT = [
    {"account": r"NT AUTHORITY\SYSTEM", "rights": 0x1F01FF, "type": "allow"},
    {"account": r"BUILTIN\Administrators", "rights": 0x1F01FF, "type": "allow"},
    {"account": r"BUILTIN\Users", "rights": 0x1200A9, "type": "allow"},
]
Entry = dict[str, Any]  # {"account", "rights", "type": allow|deny, "inherit": [..], "propagation": str}


_ALIASES = {
    r"NT AUTHORITY\SYSTEM": "SY",
    r"BUILTIN\Administrators": "BA",
    r"BUILTIN\Users": "BU",
    "Everyone": "WD",
    r"NT AUTHORITY\Authenticated Users": "AU",
}
_FLAGS = {"ObjectInherit": "OI", "ContainerInherit": "CI"}
_SPREADS = {"NoPropagateInherit": "NP", "InheritOnly": "IO"}


def sid(windows: Windows, account: str) -> str:
    """A security identifier for a local account, the same each time."""
    name = account.rpartition(chr(92))[2]
    if known := windows.state["users"].get(name, {}).get("sid"):
        return str(known)
    names = sorted(windows.state["users"], key=str.lower)
    return f"S-1-5-21-1-2-3-{1001 + names.index(name)}"


def _ace(windows: Windows, entry: Entry, inherited: bool) -> str:
    flags = "".join(short for name, short in _FLAGS.items() if name in entry.get("inherit", _FLAGS))
    flags += "".join(short for name, short in _SPREADS.items() if name in entry.get("propagation", ""))
    rights = "FA" if entry["rights"] == RIGHTS["FullControl"] else f"0x{entry['rights']:x}"
    who = _ALIASES.get(entry["account"]) or sid(windows, entry["account"])
    kind = "A" if entry["type"] == "allow" else "D"
    return f"({kind};{flags}{'ID' if inherited else ''};{rights};;;{who})"


def sddl(windows: Windows, name: str) -> str:
    """The rights of a folder as Windows writes them: owner, group, and explicit entries before inherited ones."""
    found = descriptor(windows, name)
    reaching = [entry for entry in _effective(windows, name) if entry not in found["entries"]]
    aces = [_ace(windows, entry, inherited=False) for entry in found["entries"]]
    aces += [] if found["protected"] else [_ace(windows, entry, inherited=True) for entry in reaching]
    return f"O:BAG:SYD:{'PAI' if found['protected'] else 'AI'}{''.join(aces)}"


def is_key(name: str) -> bool:
    return name.upper().startswith("HK")


def _key(windows: Windows, name: str) -> str:
    return (registry.normal(name) if is_key(name) else windows.full_name(name)).lower()


def exists(windows: Windows, name: str) -> bool:
    return windows.registry.exists(name) if is_key(name) else windows.path(name).exists()


def descriptor(windows: Windows, name: str, *, change: bool = False) -> dict[str, Any]:
    """{"owner", "protected", "entries"} of a path; with ``change`` the caller may alter it and saves the state."""
    key, known = _key(windows, name), windows.state["acl"]
    found: dict[str, Any] = known.get(key) or {"owner": r"BUILTIN\Administrators", "protected": False, "entries": []}
    if change:
        known[key] = found
    return found


def owner(windows: Windows, name: str) -> str:
    found = windows.state["acl"].get(_key(windows, name))
    return str(found["owner"]) if found else r"BUILTIN\Administrators"


def forget(windows: Windows, name: str) -> None:
    """Drops what was kept for a path that is gone, and below it."""
    key = _key(windows, name)
    for entry in [entry for entry in windows.state["acl"] if entry == key or entry.startswith(key + "\\")]:
        del windows.state["acl"][entry]
    windows.save()


def mask(text: str, key: bool) -> int:
    """The number behind "Modify" or "Read, Write"; raises Failure for a name that Windows does not know."""
    table = {name.lower(): value for name, value in (REGISTRY_RIGHTS if key else RIGHTS).items()}
    total = 0
    for part in text.split(","):
        if part.strip().lower() not in table:
            legal = ", ".join(REGISTRY_RIGHTS if key else RIGHTS)
            raise Failure(f'Cannot convert value "{text}" to an access right: specify one of {legal}')
        total |= table[part.strip().lower()]
    return total if key else total | SYNCHRONIZE


def _effective(windows: Windows, name: str) -> list[Entry]:
    """Explicit entries of the path and those that reach it from above, nearest first."""
    out: list[Entry] = []
    here, first = windows.full_name(name), True
    while True:
        found = windows.state["acl"].get(here.lower(), {"protected": False, "entries": []})
        out += [entry for entry in found["entries"] if first or entry["inherit"]]
        parent = ntpath.dirname(here)
        if found["protected"] or parent == here:
            return out if found["protected"] else out + DEFAULT
        here, first = parent, False


def readers(windows: Windows, name: str) -> set[str]:
    """The accounts that may read the content of a file, by name; what a group may do is not spread to its members."""
    found: dict[str, dict[str, int]] = {}
    for entry in _effective(windows, name):
        rights = found.setdefault(entry["account"], {"allow": 0, "deny": 0})
        rights[entry["type"]] |= entry["rights"]
    return {account for account, rights in found.items() if rights["allow"] & ~rights["deny"] & RIGHTS["ReadData"]}


def enforce(windows: Windows, name: str) -> None:
    """Gives the service accounts of this machine exactly what the entries say, for the path and all below it."""
    if is_key(name):
        return
    top = windows.path(name)
    for path in [top, *top.rglob("*")]:
        inherit(windows, path)


def inherit(windows: Windows, path: Path) -> None:
    """Sets the POSIX rights of one file or folder from the entries that reach it."""
    if not windows.state["acl"] or not _service_users(windows):
        return
    entries = _effective(windows, windows.windows_name(path))
    everyone = {r"BUILTIN\Users", "Everyone", r"NT AUTHORITY\Authenticated Users"}
    others = _letters([entry for entry in entries if entry["account"] in everyone], path.is_dir())
    users = []
    for user in _service_users(windows):
        full = rf"{windows.computer}\{user}"
        users.append(
            f"u:{user.lower()}:" + _letters([e for e in entries if e["account"] in {*everyone, full}], path.is_dir())
        )
    rules = [*users, f"o::{others}", "u::rwx" if path.is_dir() else "u::rw-", "m::rwx"]
    if path.is_dir():
        rules += [f"d:{rule}" for rule in rules]
    command = ["setfacl", "-b", "-m", ",".join(rules), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failure(f"The simulated Windows could not set the rights of {path}: {done.stderr.strip()}")


def _letters(entries: list[Entry], folder: bool) -> str:
    allowed = denied = 0
    for entry in entries:
        if entry["type"] == "deny":
            denied |= entry["rights"]
        else:
            allowed |= entry["rights"]
    rights = allowed & ~denied
    return ("r" if rights & 0x1 else "-") + ("w" if rights & 0x2 else "-") + ("x" if folder and rights & 0x1 else "-")


def _service_users(windows: Windows) -> list[str]:
    """Local accounts that exist as Linux users here, so that their rights can be enforced."""
    if not shutil.which("setfacl"):
        return []
    out = []
    for user in windows.state["users"]:
        try:
            pwd.getpwnam(user.lower())
        except KeyError:
            continue
        out.append(str(user))
    return out
