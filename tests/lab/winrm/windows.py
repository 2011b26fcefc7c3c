# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of one simulated Windows computer: a directory for drive C: and a JSON file for everything else."""

from __future__ import annotations

import contextlib
import json
import ntpath
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from . import initial
from .accounts import Accounts
from .registry import MACHINE_ENVIRONMENT, USER_ENVIRONMENT, Registry

if TYPE_CHECKING:
    from .services import ServiceManager


_Seen = TypeVar("_Seen")


def _patiently(look: Callable[[], _Seen]) -> _Seen:
    """A file that is being replaced is missing for a moment on some file systems of containers."""
    for __ in range(100):
        with contextlib.suppress(FileNotFoundError):
            return look()
        time.sleep(0.01)
    return look()


def _text(value: Any) -> str:
    return json.dumps(value, indent=1, sort_keys=True)


_BAD_CHARACTERS = re.compile(r'[<>"|?*:\x00-\x1f]')


class Failure(Exception):
    """What a module refuses, with the text that Windows would show. ``result``: further keys of the answer."""

    def __init__(self, message: str, **result: Any) -> None:
        super().__init__(message)
        self.result = result


class Windows:
    """One computer below ``root``: ``root/C`` is drive C:, ``root/state.json`` the rest, ``root/run`` private files.

    ``state.json`` may be edited from outside between two module calls, for instance by a test that prepares a
    failure; the change is seen by the next call.
    """

    services: ServiceManager

    def __init__(self, root: Path, *, user: str = "Administrator", computer: str = "GATEWAY") -> None:
        self.root = root.resolve()
        self.user = user
        self.lock = threading.RLock()
        self._file = self.root / "state.json"
        self._seen = 0
        self._known: dict[str, str] = {}
        (self.root / "C").mkdir(parents=True, exist_ok=True)
        self.run_dir.mkdir(mode=0o755, exist_ok=True)
        self.state: dict[str, Any] = {}
        if self._file.exists():
            self.refresh()
        for key, value in initial.state(computer, user).items():
            self.state.setdefault(key, value)
        self.registry = Registry(self)
        self.accounts = Accounts(self)
        self.registry.seed(initial.REGISTRY)
        for folder in [*initial.FOLDERS, rf"C:\Users\{user}\AppData\Local\Temp"]:
            self.path(folder).mkdir(parents=True, exist_ok=True)
        self.save()

    @property
    def run_dir(self) -> Path:
        """Files of the endpoint itself, invisible from Windows."""
        return self.root / "run"

    @property
    def computer(self) -> str:
        return str(self.state["computer"])

    # ---- state
    def save(self) -> None:
        """Writes state.json. What somebody else changed there since counts, in sections that were not changed here."""
        with self.lock:
            texts = {key: _text(value) for key, value in self.state.items()}
            if self._seen and self._stamp() != self._seen:
                for key, value in self._read().items():
                    if key not in self.state or (key in self._known and texts[key] == self._known[key]):
                        self.state[key], texts[key] = value, _text(value)
            part = self._file.with_suffix(".part")
            lines = [f"{json.dumps(key)}: {texts[key]}" for key in sorted(texts)]
            part.unlink(missing_ok=True)
            part.touch(mode=0o600)
            part.write_text("{\n" + ",\n".join(lines) + "\n}", encoding="utf-8")
            part.replace(self._file)
            self._seen, self._known = self._file.stat().st_mtime_ns, texts

    def refresh(self) -> None:
        """Reads state.json again if somebody else wrote it."""
        with self.lock:
            if (seen := self._stamp()) != self._seen:
                new = self._read()
                self.state.clear()
                self.state.update(new)
                self._seen, self._known = seen, {key: _text(value) for key, value in self.state.items()}

    def _stamp(self) -> int:
        return _patiently(lambda: self._file.stat().st_mtime_ns)

    def _read(self) -> dict[str, Any]:
        text = _patiently(lambda: self._file.read_text(encoding="utf-8"))
        return dict(json.loads(text))

    def event(self, text: str) -> None:
        """Adds a line to the event log of the state (the last 500 are kept)."""
        with self.lock:
            events = self.state["events"]
            events.append(text)
            del events[:-500]
            self.save()

    # ---- names
    def environment(self) -> dict[str, str]:
        """The environment of a new process of the logged-on user."""
        home = rf"C:\Users\{self.user}"
        out = {
            **initial.ENVIRONMENT,
            "USERPROFILE": home,
            "TEMP": rf"{home}\AppData\Local\Temp",
            "TMP": rf"{home}\AppData\Local\Temp",
            "LOCALAPPDATA": rf"{home}\AppData\Local",
            "APPDATA": rf"{home}\AppData\Roaming",
            "COMPUTERNAME": self.computer,
            "USERNAME": self.user,
        }
        for key in (MACHINE_ENVIRONMENT, USER_ENVIRONMENT):
            out.update({value["name"]: str(value["data"]) for value in self.registry.values(key).values()})
        return out

    def expand(self, text: str) -> str:
        """Replaces %NAME%; unknown names stay."""
        known = {name.lower(): value for name, value in self.environment().items()}
        return re.sub(r"%([^%]+)%", lambda match: known.get(match.group(1).lower(), match.group(0)), text)

    def full_name(self, name: str) -> str:
        r"""The absolute Windows path ``C:\...`` for any spelling of it. Raises Failure for an illegal one."""
        path = ntpath.normpath(self.expand(str(name)).replace("/", "\\"))
        path = path.removeprefix("\\\\?\\")
        drive, rest = ntpath.splitdrive(path)
        absolute = re.fullmatch(r"[A-Za-z]:", drive) and (not rest or rest.startswith("\\"))
        if absolute and drive.upper() != "C:":
            raise Failure(f"Cannot find drive. A drive with the name '{drive[0]}' does not exist.")
        if not absolute or _BAD_CHARACTERS.search(rest):
            raise Failure(f"The given path's format is not supported: '{name}'")
        parts = [part.rstrip(" .") for part in rest.split("\\") if part]
        return "C:\\" + "\\".join(parts)

    def path(self, name: str) -> Path:
        """Where a Windows path is kept here. Letter case does not matter, as on NTFS."""
        here = self.root / "C"
        for part in self.full_name(name)[3:].split("\\"):
            if not part:
                continue
            candidate = here / part
            if not candidate.exists() and here.is_dir():
                wanted = part.lower()
                candidate = next((entry for entry in here.iterdir() if entry.name.lower() == wanted), candidate)
            here = candidate
        return here

    def windows_name(self, path: Path | str) -> str:
        """The Windows path of a place below ``root/C``; raises ValueError for any other."""
        relative = Path(path).relative_to(self.root / "C")
        return "C:\\" + "\\".join(relative.parts)
