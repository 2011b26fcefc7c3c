# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings one installer into a folder: whole and checked, or not at all."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from . import published

try:
    import requests
except ImportError:
    requests = None  # type: ignore[assignment]

_PIECE = 1 << 20
_LIST_LIMIT = 4 << 20
# How the files begin that Windows runs, installs and unpacks.
_BEGINNINGS = {".exe": b"MZ", ".msi": bytes.fromhex("d0cf11e0a1b11ae1"), ".zip": b"PK\x03\x04"}


def missing_library() -> bool:
    """Whether nothing can be asked for here."""
    return requests is None


class FetchError(Exception):
    """One sentence: what is wrong, where, and what to do."""


@dataclass(frozen=True)
class Installer:
    """One file of a maker's.

    url        its address, by HTTPS; its last part is the file's name.
    sha256     the sum that the operator knows it by, or empty.
    published  the kind of what its maker publishes (see :mod:`.published`), or empty.
    list_url   where that is; ``key`` is the public key for a signed list.
    """

    name: str
    version: str
    url: str
    sha256: str = ""
    published: str = ""
    list_url: str = ""
    key: str = ""

    @property
    def file(self) -> str:
        """The name of the file."""
        return urlsplit(self.url).path.rpartition("/")[2]


class Fetcher:
    """Fetches from the makers' addresses, or from a folder that somebody filled for a controller without Internet."""

    def __init__(self, folder: Path, offline: Path | None, ca_path: str | None, timeout: float) -> None:
        self._folder, self._offline, self._timeout = folder, offline, timeout
        self._verify: bool | str = ca_path or True

    def fetch(self, one: Installer, check_mode: bool) -> dict[str, Any]:
        """``path``, ``sha256`` (empty in check mode for a new file), ``checked`` (how it was) and ``changed``."""
        for url in filter(None, (one.url, one.list_url)):
            if urlsplit(url).scheme != "https":
                raise FetchError(f"{one.name}: {url} is no address by https; give one.")
        path = self._folder / one.file
        note = path.with_name(f"{path.name}.sha256")
        known = self._known(path, note, one)
        if known:
            checked = "is as it was when it was checked" if not one.sha256 else "has the SHA-256 that was given"
            return {"path": str(path), "sha256": known, "checked": checked, "changed": False}
        if check_mode:
            return {"path": str(path), "sha256": "", "checked": "would be fetched", "changed": True}
        sums = {"sha256": hashlib.sha256(), "published": published.new_hash(one.published)}
        with self._part(path) as part:
            self._bring(one, part, sums)
            digest = sums["sha256"].hexdigest()
            checked = self._check(one, digest, sums["published"].hexdigest())
            part.chmod(0o644)
            part.replace(path)
        # After the file: a note without its file promises nothing, and a file without its note is fetched again.
        with self._part(note) as part:
            part.write_text(f"{digest}  {path.name}\n", encoding="ascii")
            part.chmod(0o644)
            part.replace(note)
        return {"path": str(path), "sha256": digest, "checked": checked, "changed": True}

    def _known(self, path: Path, note: Path, one: Installer) -> str:
        """The SHA-256 of a file that needs no fetching; empty when it does."""
        if not path.is_file() or not (one.sha256 or note.is_file()):
            return ""
        digest = hashlib.sha256()
        with path.open("rb") as file:
            for piece in iter(lambda: file.read(_PIECE), b""):
                digest.update(piece)
        wanted = one.sha256.lower() or note.read_text(encoding="ascii", errors="replace").partition(" ")[0]
        return digest.hexdigest() if digest.hexdigest() == wanted else ""

    @contextmanager
    def _part(self, path: Path) -> Iterator[Path]:
        """A file beside the wanted one, which is gone afterwards whatever happened."""
        self._folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=self._folder)
        os.close(handle)
        try:
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)

    def _bring(self, one: Installer, part: Path, sums: Mapping[str, Any]) -> None:
        beginning = b""
        with part.open("wb") as file:
            for piece in self._pieces(one):
                beginning = beginning or piece[:8]
                file.write(piece)
                for digest in sums.values():
                    digest.update(piece)
        wanted = _BEGINNINGS.get(Path(one.file).suffix.lower())
        if wanted and not beginning.startswith(wanted):
            raise FetchError(
                f"{one.name}: what came for {one.file} is no {Path(one.file).suffix[1:]} file, but perhaps a page of a "
                "proxy that wants a login; open the address in a browser on this controller."
            )

    def _pieces(self, one: Installer) -> Iterator[bytes]:
        if self._offline is None:
            yield from self._download(one.name, one.url, f"is {one.version} the version that its maker offers?")
            return
        source = self._offline / one.file
        if not source.is_file():
            raise FetchError(f"{one.name}: {source} is missing; download {one.url} elsewhere and put it there.")
        with source.open("rb") as file:
            yield from iter(lambda: file.read(_PIECE), b"")

    def _download(self, name: str, url: str, hint: str) -> Iterator[bytes]:
        try:
            with requests.get(url, stream=True, timeout=self._timeout, verify=self._verify) as answer:
                if any(urlsplit(step.url).scheme != "https" for step in (*answer.history, answer)):
                    raise FetchError(
                        f"{name}: {url} leads to an address without https, {answer.url}; nothing was taken."
                    )
                if answer.status_code != 200:
                    raise FetchError(f"{name}: {url} answered {answer.status_code}; {hint}")
                got = 0
                for piece in answer.iter_content(_PIECE):
                    # What was unpacked on the way has another length than was announced.
                    got += len(piece)
                    yield piece
                length = answer.headers.get("Content-Length", "")
                if length.isdigit() and not answer.headers.get("Content-Encoding") and got != int(length):
                    raise FetchError(f"{name}: of {url} came {got} of {length} bytes; run again.")
        except requests.exceptions.SSLError as error:
            raise FetchError(
                f"{name}: the certificate of {urlsplit(url).hostname} is not trusted here ({_short(error)}); is a "
                "proxy in between, whose authority mediverse_installers_ca could name?"
            ) from None
        except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError):
            raise FetchError(f"{name}: the connection to {url} broke before the end; run again.") from None
        except requests.exceptions.RequestException as error:
            raise FetchError(
                f"{name}: {url} does not answer ({_short(error)}); without Internet, fill a folder elsewhere and name "
                "it in mediverse_installers_from."
            ) from None

    def _check(self, one: Installer, digest: str, other: str) -> str:
        """How the file was checked; raises when it is another one."""
        if one.sha256 and digest != one.sha256.lower():
            raise FetchError(
                f"{one.name}: {one.file} has the SHA-256 {digest} and not {one.sha256.lower()}, which was given; ask "
                "its maker which is right before anything is installed."
            )
        given = ", and the SHA-256 that was given" if one.sha256 else ""
        if not one.published:
            said = (
                "its maker publishes neither a checksum nor a signature, so compare the SHA-256 with a second download"
            )
            return "has the SHA-256 that was given" if given else f"is not checked: {said} by another line"
        content = self._list(one)
        if content is None:
            said = f"{urlsplit(one.list_url).path.rpartition('/')[2]} is not in the folder"
            return f"has the SHA-256 that was given, and {said}" if given else f"is not checked: {said}"
        try:
            wanted = published.expected(one.published, content, one.file, one.key)
        except published.PublishedError as error:
            raise FetchError(f"{one.name}: {one.list_url} {error}; nothing was taken.") from None
        if other != wanted:
            raise FetchError(
                f"{one.name}: {one.file} is not the file that {one.list_url} names; it was changed on its way, or its "
                "maker changes it just now: run again."
            )
        how = "signed list" if one.published == "signify" else "list"
        return f"is the file that its maker's {how} names{given}"

    def _list(self, one: Installer) -> bytes | None:
        name = urlsplit(one.list_url).path.rpartition("/")[2]
        if self._offline is not None:
            source = self._offline / name
            return source.read_bytes() if source.is_file() else None
        content = b""
        for piece in self._download(one.name, one.list_url, "its maker may publish it elsewhere by now."):
            content += piece
            if len(content) > _LIST_LIMIT:
                raise FetchError(f"{one.name}: {one.list_url} is too long for a list of checksums; nothing was taken.")
        return content


def _short(error: BaseException) -> str:
    """The innermost reason, on one line."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return " ".join(str(error).split())[:200]
