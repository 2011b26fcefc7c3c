# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and security identifiers of accounts."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .windows import Windows

_WELL_KNOWN = {
    "Everyone": "S-1-1-0",
    "CREATOR OWNER": "S-1-3-0",
    r"NT AUTHORITY\SYSTEM": "S-1-5-18",
    r"NT AUTHORITY\LOCAL SERVICE": "S-1-5-19",
    r"NT AUTHORITY\NETWORK SERVICE": "S-1-5-20",
    r"NT AUTHORITY\Authenticated Users": "S-1-5-11",
    r"BUILTIN\Administrators": "S-1-5-32-544",
    r"BUILTIN\Users": "S-1-5-32-545",
}
_SYNONYMS = {
    "localsystem": r"NT AUTHORITY\SYSTEM",
    r"nt authority\localservice": r"NT AUTHORITY\LOCAL SERVICE",
    r"nt authority\networkservice": r"NT AUTHORITY\NETWORK SERVICE",
    "localservice": r"NT AUTHORITY\LOCAL SERVICE",
    "networkservice": r"NT AUTHORITY\NETWORK SERVICE",
}
MACHINE_SID = "S-1-5-21-1004336348-1177238915-682003330"


class Accounts:
    """Looks accounts up by any of their spellings."""

    def __init__(self, windows: Windows) -> None:
        self._windows = windows

    def all(self) -> dict[str, str]:
        r"""Full name (``COMPUTER\user``) -> identifier."""
        out = dict(_WELL_KNOWN)
        for name, user in self._windows.state["users"].items():
            relative = 500 if name == self._windows.user else 1001 + zlib.crc32(name.lower().encode()) % 8000
            out[rf"{self._windows.computer}\{name}"] = user.get("sid") or f"{MACHINE_SID}-{relative}"
        for name in self._windows.state["services"]:
            digits = "-".join(str(zlib.crc32(f"{part}{name.lower()}".encode())) for part in range(5))
            out[rf"NT SERVICE\{name}"] = f"S-1-5-80-{digits}"
        return out

    def find(self, name: str) -> str | None:
        """The full name of an account given by name, domain and name, or identifier; None if there is none."""
        wanted = _SYNONYMS.get(name.lower(), name).lower()
        if wanted.startswith(".\\"):
            wanted = self._windows.computer.lower() + wanted[1:]
        for full, identifier in self.all().items():
            lower = full.lower()
            if wanted in (lower, identifier.lower()):
                return full
            if "\\" not in wanted and lower.rpartition("\\")[2] == wanted and not lower.startswith("nt service"):
                return full
        return None

    def local_user(self, full: str) -> str | None:
        """The name of a local user, None for any other account."""
        domain, __, name = full.rpartition("\\")
        users = self._windows.state["users"]
        return (
            next((user for user in users if user.lower() == name.lower()), None)
            if domain == self._windows.computer
            else None
        )
