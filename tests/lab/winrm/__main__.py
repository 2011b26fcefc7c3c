# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts the endpoint: ``python3 -m winrm --root /srv/windows --password-file FILE --cert FILE --key FILE``."""

from __future__ import annotations

import argparse
import json
import os
import signal
import ssl
import threading
import uuid
from pathlib import Path

from . import initial, local, models, network
from .auth import Account
from .clock import Clock
from .listening import Attendant
from .server import Endpoint
from .services import ServiceManager
from .windows import Windows

_ACCOUNT = "mediverse"
"""Whose profile modules work in, on a machine that was enrolled."""


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="winrm", description="A simulated Windows that answers WinRM.")
    parser.add_argument("--root", type=Path, required=True, help="directory that holds the machine")
    parser.add_argument("--address", default="0.0.0.0", help="address to listen on")
    parser.add_argument("--port", type=int, default=5986)
    parser.add_argument("--computer", default="GATEWAY", help="name of the machine")
    parser.add_argument("--user", default="Administrator")
    parser.add_argument("--password-file", type=Path, help="file with the password of the user")
    parser.add_argument("--fresh", action="store_true", help="a Windows as it comes, which says itself who may come")
    parser.add_argument("--auth", choices=["ntlm", "basic"], default="ntlm")
    parser.add_argument("--cert", type=Path, help="certificate; without it the endpoint speaks HTTP")
    parser.add_argument("--key", type=Path)
    parser.add_argument("--log", type=Path, help="file that gets a line for everything that ran")
    return parser


def machine(root: Path, user: str, computer: str) -> Windows:
    """The machine at ``root`` with its services attached but not started."""
    root.mkdir(parents=True, exist_ok=True)
    windows = Windows(root, user=user, computer=computer)
    windows.services = ServiceManager(windows)
    return windows


def _serve_fresh(options: argparse.Namespace) -> None:
    """WinRM listens when the state says so, to whom it says, with the certificate and the accounts that stand there."""
    file: Path = options.root / "state.json"
    if not file.exists():
        local.furnish(options.root)
        file.write_text(json.dumps(initial.fresh(options.computer, str(uuid.uuid4()).upper())), encoding="utf-8")
    windows = machine(options.root, _ACCOUNT, options.computer)
    network.adapters(windows)
    network.apply(windows)
    windows.services.start_automatic()
    clock = Clock(windows, float(os.environ.get("MEDIVERSE_LAB_MINUTE", "60")))
    attendant = Attendant(windows, clock, options.log)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *__: attendant.stop())
    print("a fresh Windows is up", flush=True)
    attendant.run()
    windows.services.shut_down()


def main() -> None:
    options = build_parser().parse_args()
    os.umask(0o022)
    if options.fresh:
        _serve_fresh(options)
        return
    windows = machine(options.root, options.user, options.computer)
    network.adapters(windows)
    network.apply(windows)
    password = options.password_file.read_text(encoding="utf-8").rstrip("\n")
    account = Account(options.user, password, options.auth, windows.computer, windows.run_dir)
    tls = None
    if options.cert:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(options.cert, options.key)
    endpoint = Endpoint((options.address, options.port), windows, account, tls=tls, log=options.log)
    windows.services.start_automatic()

    def stop(*__: object) -> None:
        threading.Thread(target=endpoint.shutdown).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    print(
        f"listening on {options.address}:{endpoint.server_address[1]}, {len(models.__all__)} groups of models",
        flush=True,
    )
    endpoint.serve_forever(poll_interval=0.2)
    windows.services.shut_down()


if __name__ == "__main__":
    main()
