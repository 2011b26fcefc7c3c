# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An nginx that only reads: it checks what the double wrote as far as the tests need, and knows what it would serve."""

from __future__ import annotations

import re
from pathlib import Path

from tests.lab.proxy_manager.errors import Internal
from tests.lab.proxy_manager.nginx_control import Paths

OFFLINE, OPEN, LOGIN, CLOSED = "offline", "open", "login", "closed"


class FakeNginx:
    """Stands in for the nginx program.

    ``watch`` is a host name whose state is noted at every reload in ``seen``, so that a test can say "never open".
    """

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._served: list[str] = []
        self._certificates: dict[str, str] = {}
        self.watch = ""
        self.seen: list[str] = []

    def __call__(self, *arguments: str) -> None:
        if arguments == ("-t",):
            for path in self._files():
                self._check(path)
        elif arguments == ("-s", "reload"):
            self._served = [path.read_text() for path in self._files()]
            self._certificates = self._read_certificates()
            if self.watch:
                self.seen.append(self.state(self.watch))
        else:
            raise AssertionError(f"nginx was called with {arguments}")

    def reload(self) -> None:
        """Reload from outside, as the real server's timers do."""
        self("-s", "reload")

    def config(self, name: str) -> str:
        """Return what is served for a host name, empty if nothing is."""
        found = [text for text in self._served if name in (re.findall(r"server_name (.*);", text) or [""])[0].split()]
        return next((text for text in found if "$forward_scheme" in text), "")

    def state(self, name: str) -> str:
        """Return what an anonymous visitor of the host meets."""
        text = self.config(name)
        if not text:
            return OFFLINE
        head, __, inside = text.partition("location / {")
        if "deny all;" in head:
            return CLOSED
        return LOGIN if "auth_basic " in inside else OPEN

    def has_tls(self, name: str) -> bool:
        """Tell whether the host answers on port 443."""
        return "listen 443 ssl;" in self.config(name)

    def like(self, other: FakeNginx) -> None:
        """Serve what another one serves whose files have been copied."""
        root, theirs = str(self._paths.data.parent), str(other._paths.data.parent)
        self._served = [text.replace(theirs, root) for text in other._served]
        self._certificates = {path.replace(theirs, root): text for path, text in other._certificates.items()}

    def served(self) -> list[str]:
        """Return everything that is served, without what differs between servers that serve the same: ids, and the
        bytes of certificates that were made for the occasion. Of those it tells whether they are the ones on the disk.
        Of several servers for a name the first one counts, so that one without a name of its own is nothing.
        """
        held = self._read_certificates()
        taken: set[str] = set()
        counting: list[str] = []
        for text in self._served:
            names = set((re.findall(r"server_name (.*);", text) or [""])[0].split())
            counting += [text] if names - taken else []
            taken |= names
        return sorted(
            re.sub(r"(proxy-host-|npm-|access/|proxy_host/)\d+", r"\1N", text.replace(str(self._paths.data.parent), ""))
            + "".join(
                f"\n# {'brought ' + held.get(path, '') if 'custom_ssl' in path else 'requested'}"
                f" {'as on the disk' if held.get(path) == self._certificates.get(path) else 'NOT AS ON THE DISK'}"
                for path in re.findall(r"ssl_certificate (\S+);", text)
            )
            + "".join(f"\n# {Path(path).read_text()}" for path in re.findall(r"auth_basic_user_file (\S+);", text))
            for text in counting
        )

    def _read_certificates(self) -> dict[str, str]:
        texts = [path.read_text() for path in self._files()]
        paths = {path for text in texts for path in re.findall(r"ssl_certificate (\S+);", text)}
        return {path: Path(path).read_text() for path in sorted(paths) if Path(path).exists()}

    def as_on_the_disk(self) -> bool:
        """Tell whether a reload, which anybody may cause, would change nothing."""
        return sorted(self._served) == sorted(path.read_text() for path in self._files())

    def _files(self) -> list[Path]:
        folder = self._paths.data / "nginx"
        return [*sorted((folder / "proxy_host").glob("*.conf")), *sorted((folder / "temp").glob("*.conf"))]

    @staticmethod
    def _check(path: Path) -> None:
        text = path.read_text()
        if "no_such_directive" in text:
            raise Internal(f'nginx: [emerg] unknown directive "no_such_directive" in {path}:13\n')
        if "10.0.0.300" in text:
            raise Internal(f'nginx: [emerg] invalid parameter "10.0.0.300" in {path}:20\n')
        for file in re.findall(r"ssl_certificate(?:_key)? (\S+);", text):
            if not Path(file).exists():
                raise Internal(f'nginx: [emerg] cannot load certificate "{file}"\n')
