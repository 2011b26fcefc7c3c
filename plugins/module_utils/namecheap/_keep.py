# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept on the machine that runs the module: a lock for each zone, the pace of requests, and what was there
before each write.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from .._engine.errors import STATUS, ApiError, InputError

# Saved answers of a zone that are kept.
_KEPT = 100
_PATIENCE = 300.0
_POLL = 0.2
_HOUR = 3600.0
# Longer than this nobody waits for the pace; it is told instead.
_LONGEST_WAIT = 130.0
_TIME = "%Y%m%dT%H%M%S.%fZ"


class Keep:
    """A folder for this, of the one who runs the module alone. Nothing of it is secret but to whom the zone is."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder).expanduser().absolute()

    def make(self) -> None:
        """The folder; InputError when it cannot be had."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            said = f"folder is {self.folder}, which cannot be made ({error.strerror}). Choose another."
            raise InputError(said) from None

    @contextlib.contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """One at a time; the system lets go of it however the holder ends. ApiError when it takes too long."""
        path = self.folder / f"{name}.lock"
        with self._open(path) as file:
            deadline = time.monotonic() + _PATIENCE
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise ApiError(
                            f"Another run has been at work on {name} for {_PATIENCE:g} s: it holds {path}. Wait for "
                            "it, or end it.",
                            kind=STATUS,
                        ) from None
                    time.sleep(_POLL)
            yield

    def _open(self, path: Path) -> contextlib.AbstractContextManager[int]:
        @contextlib.contextmanager
        def opened() -> Iterator[int]:
            try:
                number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except OSError as error:
                raise InputError(f"{path} cannot be written ({error.strerror}). Choose another folder.") from None
            try:
                yield number
            finally:
                os.close(number)

        return opened()

    def take_turn(self, per_minute: int, sleep: Callable[[float], None]) -> None:
        """Wait until one more request is within the pace, with those of other runs counted; and count it.

        ApiError when that would take minutes.
        """
        # By the minute, the hour and the day, in the proportions that Namecheap's support names: 20, 700, 8000.
        windows = ((60.0, per_minute), (_HOUR, per_minute * 40), (86400.0, per_minute * 500))
        with self.lock("requests"):
            while True:
                now = time.time()
                times = [moment for moment in self._times() if now - 86400 < moment <= now]
                wait = max((_until(times, now, seconds, number) for seconds, number in windows), default=0.0)
                if wait > _LONGEST_WAIT:
                    raise ApiError(
                        f"As many requests were made as Namecheap allows. Run it again in {wait / 60:.0f} minutes.",
                        kind=STATUS,
                    )
                if wait <= 0:
                    break
                sleep(wait)
            self._write(self.folder / "requests.json", json.dumps([*times, now]).encode(), lasting=False)

    def _times(self) -> list[float]:
        try:
            found = json.loads((self.folder / "requests.json").read_bytes())
            return [float(one) for one in found]
        except (OSError, ValueError, TypeError):
            return []

    def save(self, zone: str, answer: bytes) -> Path:
        """Keep an answer, on the disk when this returns; the oldest ones of the zone go."""
        when = datetime.datetime.fromtimestamp(time.time(), datetime.timezone.utc).strftime(_TIME)
        path = self.folder / f"{zone}-{when}.xml"
        self._write(path, answer, lasting=True)
        pattern = re.compile(re.escape(zone) + r"-[0-9]{8}T[0-9]{6}\.[0-9]{6}Z\.xml")
        found = sorted(one for one in self.folder.iterdir() if pattern.fullmatch(one.name))
        # What a run that was ended left half written goes as well.
        stale = [one for one in self.folder.glob(".new-*") if time.time() - one.lstat().st_mtime > _HOUR]
        for old in (*found[:-_KEPT], *stale):
            old.unlink(missing_ok=True)
        return path

    def _write(self, path: Path, content: bytes, lasting: bool) -> None:
        """In one step; ``lasting``: also for a machine that loses its power in the next moment."""
        try:
            number, made = tempfile.mkstemp(dir=self.folder, prefix=".new-")
            with os.fdopen(number, "wb") as file:
                file.write(content)
                if lasting:
                    file.flush()
                    os.fsync(file.fileno())
            Path(made).replace(path)
        except OSError as error:
            raise InputError(f"{path} cannot be written ({error.strerror}). Choose another folder.") from None


def _until(times: list[float], now: float, seconds: float, number: int) -> float:
    """Seconds until fewer than ``number`` of these lie within the last ``seconds``."""
    recent = sorted(moment for moment in times if now - moment < seconds)
    return recent[-number] + seconds - now if len(recent) >= number else 0.0
