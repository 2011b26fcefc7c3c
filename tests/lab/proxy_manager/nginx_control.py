# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files and signals of the real nginx behind the double.

The order of test, write, test and reload is that of the real server, because half of its traps come from that order.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import render
from .errors import Internal
from .store import Row, Store


@dataclass(frozen=True)
class Paths:
    """Where the double keeps its things."""

    data: Path = Path("/data")
    letsencrypt: Path = Path("/etc/letsencrypt")
    authority: Path = Path("/opt/lab-ca")

    def make(self) -> None:
        """Create every directory that nginx includes or the double writes to."""
        for name in ("proxy_host", "default_host", "redirection_host", "dead_host", "temp", "stream", "custom"):
            (self.data / "nginx" / name).mkdir(parents=True, exist_ok=True)
        for name in ("access", "custom_ssl", "logs", "letsencrypt-acme-challenge"):
            (self.data / name).mkdir(parents=True, exist_ok=True)
        (self.letsencrypt / "live").mkdir(parents=True, exist_ok=True)


def run_nginx(*arguments: str) -> None:
    """Run nginx with the arguments.

    Raises:
        Internal: nginx failed; the reason is its standard error.
    """
    done = subprocess.run(["nginx", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        # Debian's nginx writes the log's form to standard error; the API shows the short one.
        reason = re.sub(r"(?m)^\S+ \S+ (\[\w+\]) \d+#\d+: ", r"nginx: \1 ", done.stderr.lstrip())
        raise Internal(reason or f"nginx ended with {done.returncode}\n")


class NginxControl:
    """Writes host files and asks nginx to take them.

    Args:
        paths: Directories of the double.
        store: Rows; the outcome of a test is written to ``meta`` of the host.
        run: Runs nginx; a test puts a recorder in its place.
        pause: Seconds that nginx needs to take a reload.
    """

    def __init__(
        self,
        paths: Paths,
        store: Store,
        run: Callable[..., None] = run_nginx,
        pause: float = 0.5,
    ) -> None:
        self._paths = paths
        self._store = store
        self._run = run
        self._pause = pause

    def test(self) -> None:
        """Let nginx check its whole configuration."""
        self._run("-t")

    def reload(self) -> None:
        """Check, then reload; nginx takes the new files a moment later."""
        self.test()
        self._run("-s", "reload")

    def settle(self) -> None:
        """Wait until nginx has taken the last reload, so that files written from here on are not part of it."""
        time.sleep(self._pause)

    def host_file(self, host_id: int) -> Path:
        """Return the path of a host's configuration."""
        return self._paths.data / "nginx" / "proxy_host" / f"{host_id}.conf"

    def write(self, host: Row) -> None:
        """Write a host's file without asking nginx."""
        text = render.proxy_host(host, str(self._paths.letsencrypt), str(self._paths.data))
        self.host_file(host["id"]).write_text(text, encoding="utf-8")

    def remove(self, host_id: int) -> None:
        """Remove a host's file without asking nginx."""
        self.host_file(host_id).unlink(missing_ok=True)

    def configure(self, host: Row) -> Row:
        """Put a host into service and return its new ``meta``.

        A configuration that nginx refuses is removed again, and so is the good one that it replaced.

        Raises:
            Internal: nginx refused its configuration before this host was touched, or could not be reloaded.
        """
        self.test()
        self.remove(host["id"])
        self.write(host)
        try:
            self.test()
            meta = {**host["meta"], "nginx_online": True, "nginx_err": None}
        except Internal as error:
            lines = [line for line in error.reason.split("\n") if "/var/log/nginx/error.log" not in line]
            meta = {**host["meta"], "nginx_online": False, "nginx_err": "\n".join(lines)}
            self.remove(host["id"])
        self._store.patch("proxy_host", host["id"], {"meta": meta})
        self.reload()
        return meta

    def write_acme_request(self, certificate_id: int, domains: list[str]) -> None:
        """Write the temporary server that answers the challenge of a certificate request."""
        self._acme_file(certificate_id).write_text(
            render.acme_request(domains, str(self._paths.data)), encoding="utf-8"
        )

    def remove_acme_request(self, certificate_id: int) -> None:
        """Remove the temporary server."""
        self._acme_file(certificate_id).unlink(missing_ok=True)

    def _acme_file(self, certificate_id: int) -> Path:
        return self._paths.data / "nginx" / "temp" / f"letsencrypt_{certificate_id}.conf"
