# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry of the simulated Windows, kept in the ``registry`` section of the state.

Each key is stored under its lower-case path; the spelling of whoever made it is kept beside it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .windows import Windows

MACHINE_ENVIRONMENT = r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Environment"
USER_ENVIRONMENT = r"HKCU\Environment"
SERVICES = r"HKLM\SYSTEM\CurrentControlSet\Services"
UNINSTALL = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall"
_HIVES = {
    "hkey_local_machine": "HKLM",
    "hkey_current_user": "HKCU",
    "hkey_classes_root": "HKCR",
    "hkey_users": "HKU",
    "hkey_current_config": "HKCC",
}
Value = dict[str, Any]  # {"name", "type": as win_regedit names it, "data"}


def normal(path: str) -> str:
    r"""``HKLM:\A\B`` and its other spellings as ``HKLM\A\B``; HKCR is HKLM\SOFTWARE\Classes. Raises ValueError."""
    hive, __, rest = path.replace("/", "\\").partition("\\")
    hive = hive.removesuffix(":")
    hive = _HIVES.get(hive.lower(), hive.upper())
    if hive not in _HIVES.values():
        raise ValueError(path)
    rest = re.sub(r"\\+", r"\\", rest).strip("\\")
    if hive == "HKCR":
        hive, rest = "HKLM", rf"SOFTWARE\Classes\{rest}".rstrip("\\")
    return f"{hive}\\{rest}" if rest else hive


class Registry:
    """Reads and writes keys; callers save the state."""

    def __init__(self, windows: Windows) -> None:
        self._windows = windows

    @property
    def _keys(self) -> dict[str, dict[str, Any]]:
        keys: dict[str, dict[str, Any]] = self._windows.state["registry"]
        return keys

    def seed(self, content: dict[str, dict[str, tuple[str, Any]]]) -> None:
        """Adds what is missing."""
        for path, values in content.items():
            if not self.exists(path):
                self.create(path)
                for name, (kind, data) in values.items():
                    self.set(path, name, kind, data)

    def exists(self, path: str) -> bool:
        return normal(path).lower() in self._keys

    def create(self, path: str) -> None:
        """Makes the key and those above it."""
        parts = normal(path).split("\\")
        for count in range(1, len(parts) + 1):
            name = "\\".join(parts[:count])
            self._keys.setdefault(name.lower(), {"path": name, "values": {}})

    def values(self, path: str) -> dict[str, Value]:
        """Lower-case name -> value; empty for a key that does not exist."""
        values: dict[str, Value] = self._keys.get(normal(path).lower(), {}).get("values", {})
        return values

    def get(self, path: str, name: str) -> Value | None:
        return self.values(path).get(name.lower())

    def data(self, path: str, name: str) -> Any:
        value = self.get(path, name)
        return value["data"] if value else None

    def set(self, path: str, name: str, kind: str, data: Any) -> None:
        self.create(path)
        self._keys[normal(path).lower()]["values"][name.lower()] = {"name": name, "type": kind, "data": data}

    def delete_value(self, path: str, name: str) -> None:
        self.values(path).pop(name.lower(), None)

    def delete(self, path: str) -> None:
        """Removes the key and everything below it."""
        key = normal(path).lower()
        for name in [name for name in self._keys if name == key or name.startswith(key + "\\")]:
            del self._keys[name]

    def children(self, path: str) -> list[str]:
        """Names of the keys right below, as they were spelled."""
        prefix = normal(path).lower() + "\\"
        found = [entry["path"] for name, entry in self._keys.items() if name.startswith(prefix)]
        return sorted(name[len(prefix) :] for name in found if "\\" not in name[len(prefix) :])
