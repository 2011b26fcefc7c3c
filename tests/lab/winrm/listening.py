# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine whose WinRM is what its state says: a port is open where a listener stands there, with its certificate."""

from __future__ import annotations

import base64
import ssl
import threading
import time
from pathlib import Path
from typing import NamedTuple

from . import admission
from .auth import Logons
from .clock import Clock
from .server import Endpoint
from .windows import Windows

_LOOK = 0.3
_PEM = "-----BEGIN CERTIFICATE-----\n{}-----END CERTIFICATE-----\n{}\n"


class Listener(NamedTuple):
    """Where it listens, and with what."""

    port: int
    certificate: str
    key: str


def wanted(windows: Windows) -> Listener | None:
    """The listener by HTTPS that the state describes, None without one that works."""
    with windows.lock:
        if windows.services.get("WinRM")["state"] != "started":
            return None
        for item in windows.state["winrm_listeners"]:
            for one in windows.state["certificates"]:
                named = item["CertificateThumbprint"] == one["thumbprint"]
                if item["Transport"] == "HTTPS" and item["Address"] == "*" and item["Enabled"] == "true" and named:
                    return Listener(int(item["Port"]), one["der"], one["key"])
    return None


class Attendant:
    """Keeps port, services and clock as the state says, until it is told to stop."""

    def __init__(self, windows: Windows, clock: Clock, log: Path | None) -> None:
        self._windows, self._clock, self._log = windows, clock, log
        self._endpoint: Endpoint | None = None
        self._open: Listener | None = None
        self._end = threading.Event()

    def stop(self) -> None:
        """May be called from a handler of signals."""
        self._end.set()

    def run(self) -> None:
        """Returns after ``stop``."""
        while not self._end.is_set():
            self._windows.refresh()
            self._windows.services.answer_requests()
            now = wanted(self._windows)
            if now != self._open:
                self._close()
                self._listen(now)
            self._clock.look()
            self._end.wait(_LOOK)
        self._close()

    def _listen(self, listener: Listener | None) -> None:
        self._open = listener
        if listener is None:
            return
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        file = self._windows.run_dir / "listener.pem"
        file.touch(mode=0o600)
        text = base64.encodebytes(base64.b64decode(listener.certificate)).decode()
        file.write_text(_PEM.format(text, listener.key), encoding="ascii")
        tls.load_cert_chain(file)
        file.unlink()

        def admits(address: str) -> bool:
            return admission.admits(self._windows, address, listener.port)

        logons = Logons(self._windows)
        try:
            self._endpoint = Endpoint(
                ("0.0.0.0", listener.port), self._windows, logons, tls=tls, log=self._log, admits=admits
            )
        except OSError as error:
            self._windows.event(f"WinRM could not listen on {listener.port}: {error}")
            self._open = None
            time.sleep(1)
            return
        threading.Thread(target=self._endpoint.serve_forever, args=(0.2,), daemon=True, name="WinRM").start()
        self._windows.event(f"WinRM listens on {listener.port}")

    def _close(self) -> None:
        if self._endpoint is None:
            return
        self._endpoint.shutdown()
        self._endpoint.server_close()
        self._endpoint = None
        self._windows.event("WinRM listens no more")
