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
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from .._engine.errors import STATUS, ApiError, InputError

# Saved answers of a zone that are kept.
_KEPT = 100
# A run that waits for late answers holds the zone for minutes.
_PATIENCE = 900.0
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
                raise _unwritable(path, error) from None
            try:
                yield number
            finally:
                os.close(number)

        return opened()

    def take_turns(self, number: int, per_minute: int, sleep: Callable[[float], None]) -> float:
        """Wait until so many more requests at once are within the pace, with those of other runs counted.

        The moment under which they are counted. ApiError when that would take minutes. The moment is entered first and
        waited for afterwards, so that nobody holds the lock for longer than that.
        """
        # By the minute, the hour and the day, in the proportions that Namecheap's support names: 20, 700, 8000.
        windows = ((60.0, per_minute), (_HOUR, per_minute * 40), (86400.0, per_minute * 500))
        with self.lock("requests"):
            now = time.time()
            times = sorted(moment for moment in self._times() if now - 86400 < moment <= now + _LONGEST_WAIT)
            # Never before a moment that somebody else waits for.
            moment = max([now, *times[-1:]])
            moment = max([moment, *(_free(times, seconds, allowed - number) for seconds, allowed in windows)])
            if moment - now > _LONGEST_WAIT:
                minutes = f"{(moment - now) / 60:.0f} minutes"
                raise ApiError(
                    f"As many requests were made as Namecheap allows. Run it again in {minutes}.",
                    kind=STATUS,
                )
            self._enter([*times, *([moment] * number)])
        if moment > now:
            sleep(moment - now)
        return moment

    def give_back(self, moment: float, number: int) -> None:
        """Turns that were taken and not used."""
        with self.lock("requests"):
            times = self._times()
            for __ in range(number):
                if moment in times:
                    times.remove(moment)
            self._enter(times)

    def _enter(self, times: list[float]) -> None:
        self._write(self.folder / "requests.json", json.dumps(times).encode(), lasting=False)

    def _times(self) -> list[float]:
        path = self.folder / "requests.json"
        try:
            return [float(one) for one in json.loads(path.read_bytes())]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _unwritable(path, error) from None
        except (ValueError, TypeError):
            return []

    def begin(self, zone: str) -> None:
        """Note that a write is on its way, for whoever comes after a run that was ended."""
        self._write(self._way(zone), b"", lasting=True)

    def done(self, zone: str) -> None:
        """The write is not on its way any more."""
        self._way(zone).unlink(missing_ok=True)

    def on_its_way(self, zone: str) -> float | None:
        """Seconds since a write was begun of which nobody saw the end."""
        return _age(self._way(zone))

    def _way(self, zone: str) -> Path:
        return self.folder / f"{zone}.writing"

    def remember(self, zone: str, answer: bytes, going: Iterable[Sequence[str]] = ()) -> None:
        """Keep the zone as it was last seen around a write; ``going`` are the records that this write takes away."""
        self._write(self._going(zone), json.dumps([list(one) for one in going]).encode(), lasting=True)
        self._write(self.remembered(zone), answer, lasting=True)

    def going(self, zone: str) -> list[tuple[str, ...]]:
        """What the last write was to take away, as it was remembered."""
        try:
            return [tuple(one) for one in json.loads(self._going(zone).read_bytes())]
        except FileNotFoundError:
            return []

    def _going(self, zone: str) -> Path:
        return self.folder / f"{zone}.going.json"

    def remembered(self, zone: str) -> Path:
        """Where that is; the file need not exist."""
        return self.folder / f"{zone}.last.xml"

    def age(self, path: Path) -> float | None:
        """Seconds since a file was written; None without it."""
        return _age(path)

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

    def _open_folder(self) -> contextlib.AbstractContextManager[int]:
        @contextlib.contextmanager
        def opened() -> Iterator[int]:
            number = os.open(self.folder, os.O_RDONLY | os.O_CLOEXEC)
            try:
                yield number
            finally:
                os.close(number)

        return opened()

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
            if lasting:
                # Its name as well, which is not in the file but in the folder.
                with self._open_folder() as folder:
                    os.fsync(folder)
        except OSError as error:
            raise _unwritable(path, error) from None


def _unwritable(path: Path, error: OSError) -> InputError:
    return InputError(
        f"{path} cannot be written ({error.strerror}). All who write the zone need the same folder, so run it as the "
        "user who owns that one."
    )


def _age(path: Path) -> float | None:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return None


def _free(times: list[float], seconds: float, allowed: int) -> float:
    """The first moment at which no more than ``allowed`` of these lie within the ``seconds`` before it."""
    return times[-allowed - 1] + seconds if len(times) > allowed else 0.0
