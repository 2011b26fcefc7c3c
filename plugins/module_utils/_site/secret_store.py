# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store behind ``site_secrets``: a JSON file for root only, a lock, and the decision what changes."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import secrets
import string
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from .._rules import logins

LENGTH = 32
# Letters that survive JSON, YAML, URLs, shells and Orthanc's own substitution without quoting.
ALPHABET = string.ascii_letters + string.digits + "_-"
_SITE = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_PURPOSE = re.compile(r"[a-z][a-z0-9_]*")
_MASK = "********"


class SecretsError(Exception):
    """The secrets of a site cannot be read, decided or written; the text says why and what to do."""


@dataclass(frozen=True)
class Plan:
    """What the store shall hold, which purposes were generated, and the masked states for a diff."""

    secrets: dict[str, str]
    generated: list[str]
    before: dict[str, str]
    after: dict[str, str]
    changed: bool


def generate() -> str:
    """A new secret: 32 characters, about 190 bits. It begins with a letter, so that no tool takes it for an option."""
    return secrets.choice(string.ascii_letters) + "".join(secrets.choice(ALPHABET) for __ in range(LENGTH - 1))


def digest(value: str) -> str:
    """By which a secret is recognised that is not kept any more."""
    return hashlib.sha256(value.encode()).hexdigest()


def lost_of(purpose: str) -> str:
    """The purpose under which digests of lost secrets of a purpose are kept, with blanks between them."""
    return f"{purpose}_lost"


def plan(
    stored: dict[str, str],
    purposes: list[str],
    supplied: dict[str, object],
    offered: Mapping[str, str] | None = None,
    replaced: Mapping[str, str] | None = None,
    forgotten: Collection[str] = (),
    expected: Mapping[str, str] | None = None,
) -> Plan:
    """Pure but for the generator: stored secrets stay, supplied ones win, missing ones are offered or made.

    replaced    like offered ones, but where another one is stored, too
    forgotten   purposes of which nothing stays
    expected    what was stored when the caller decided, empty for nothing; anything else is refused
    """
    for purpose, read in (expected or {}).items():
        if stored.get(purpose, "") not in (read, (replaced or {}).get(purpose)):
            raise SecretsError(
                f"Another run has changed {purpose} of this site since this one has read it; run again. Nothing was "
                "changed there."
            )
    problems = [
        f"{purpose!r} is no purpose; use lower-case letters, digits and '_'"
        for purpose in purposes
        if not _PURPOSE.fullmatch(purpose)
    ]
    known = ", ".join(purposes)
    for purpose, value in supplied.items():
        why = logins.secret(value)
        if purpose not in purposes:
            problems.append(f"{purpose!r} is supplied but not needed; the purposes are {known}")
        elif why:
            problems.append(f"the secret supplied for {purpose} is refused: it {why}")
        elif digest(str(value)) in stored.get(lost_of(purpose), "").split():
            problems.append(
                f"the secret supplied for {purpose} is refused: a PC that was locked out may know it; give it another "
                "value in mediverse_secrets"
            )
    if problems:
        raise SecretsError(f"Cannot use these secrets: {'; '.join(problems)}.")
    wanted = {purpose: value for purpose, value in stored.items() if purpose not in forgotten}
    wanted.update(replaced or {})
    wanted.update({purpose: str(value) for purpose, value in supplied.items()})
    generated = [purpose for purpose in purposes if purpose not in wanted]
    wanted.update({purpose: (offered or {}).get(purpose) or generate() for purpose in generated})
    renewed = {purpose for purpose, value in wanted.items() if stored.get(purpose) != value}
    return Plan(
        secrets=wanted,
        generated=generated,
        before={purpose: _MASK for purpose in sorted(stored)},
        after={purpose: f"{_MASK} (new)" if purpose in renewed else _MASK for purpose in sorted(wanted)},
        changed=wanted != stored,
    )


class Store:
    """The file of one site. Use it inside ``locked``."""

    def __init__(self, directory: str, site: str, timeout: float) -> None:
        if not _SITE.fullmatch(site):
            raise SecretsError(f"{site!r} is no site id; expected lower-case letters, digits and inner '-'.")
        self.directory = Path(directory)
        self.path = self.directory / f"{site}.json"
        self._timeout = timeout

    @contextlib.contextmanager
    def locked(self, write: bool) -> Iterator[None]:
        """Keeps other runs away. A run that will not write does not even create the directory or the lock."""
        if write:
            self._make_directory()
        lock = self.path.with_suffix(".lock")
        try:
            handle = os.open(lock, os.O_RDWR | os.O_CREAT if write else os.O_RDONLY, 0o600)
        except FileNotFoundError:
            yield  # Check mode on a fresh host: there is nothing to wait for.
            return
        except OSError as error:
            raise SecretsError(f"Cannot open {lock}: {error.strerror}; run as root.") from None
        try:
            self._wait(handle, lock)
            yield
        finally:
            os.close(handle)

    def _make_directory(self) -> None:
        try:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.directory.chmod(0o700)
        except OSError as error:
            raise SecretsError(f"Cannot create {self.directory}: {error.strerror}; run as root.") from None

    def _wait(self, handle: int, lock: Path) -> None:
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise SecretsError(
                        f"Another run has held {lock} for {self._timeout} s; wait until it ends and run again."
                    ) from None
                time.sleep(0.1)

    def read(self) -> dict[str, str]:
        """The stored secrets; none when there is no store yet. A damaged store is an error, never an empty one."""
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError) as error:
            raise SecretsError(f"Cannot read {self.path}: {error}; run as root or restore the file.") from None
        try:
            data = json.loads(text)
        except ValueError:
            data = None
        if not isinstance(data, dict) or not all(isinstance(value, str) and value for value in data.values()):
            raise SecretsError(
                f"{self.path} is damaged: it is no JSON object of strings. Restore it from a backup, or move it away "
                "to generate all secrets of the site anew."
            )
        return data

    def is_open_to_others(self) -> bool:
        """Whether the mode of the store or of its directory lets others in; a missing store is not open."""
        paths = [path for path in (self.directory, self.path) if path.exists()]
        return any(path.stat().st_mode & 0o077 for path in paths)

    def write(self, values: dict[str, str]) -> None:
        """Replaces the store in one step, so that a crash leaves the old or the new one, and nothing beside it."""
        try:
            for left in self.directory.glob(f".{self.path.name}.*"):
                left.unlink(missing_ok=True)
            handle, name = tempfile.mkstemp(dir=self.directory, prefix=f".{self.path.name}.")
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(values, file, indent=2, sort_keys=True)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self.path)
            folder = os.open(self.directory, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise SecretsError(f"Cannot write {self.path}: {error.strerror}; mend that and run again.") from None
