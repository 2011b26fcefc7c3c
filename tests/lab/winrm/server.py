# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP(S) server of the endpoint: shells, commands and their streams."""

from __future__ import annotations

import concurrent.futures
import http.server
import ssl
import sys
import threading
import traceback
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from . import auth, wsman
from .process import Process
from .windows import Windows

ENVELOPE_MAX = 512_000  # MaxEnvelopeSizekb, 500 by default


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    timeout = 900
    server: Endpoint

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not logged one by one; Endpoint.trace logs what runs."""

    def setup(self) -> None:
        super().setup()
        self.server.note("c")
        self._session = self.server.account.session()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.note("m")
        try:
            self._session.authenticate(self.headers.get("Authorization", ""))
        except auth.Denied as denied:
            return self._reply(401, challenge=denied.challenge)
        if not body:
            return self._reply(200)
        body, sealed = self._session.open(body, self.headers.get("Content-Type", ""))
        try:
            code, answer = self._serve(body)
        except ET.ParseError as error:
            return self._reply(400, f"not a SOAP message: {error}".encode())
        return self._reply(code, answer, sealed=sealed)

    def _reply(self, code: int, body: bytes = b"", *, sealed: bool = False, challenge: str = "") -> None:
        if sealed:
            body = self._session.seal(body)
        self.send_response(code)
        if challenge:
            self.send_header("WWW-Authenticate", challenge)
        if body:
            self.send_header("Content-Type", auth.SEALED_TYPE if sealed else auth.PLAIN_TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _serve(self, body: bytes) -> tuple[int, bytes]:
        if len(body) > ENVELOPE_MAX:
            return 500, wsman.fault("", wsman.REFUSED, "The request exceeds the MaxEnvelopeSize of the service.")
        request = wsman.read(body)
        shells = self.server.shells
        if request.action == "Create":
            shell = str(uuid.uuid4()).upper()
            shells[shell] = {}
            return 200, wsman.created(request, shell)
        commands = shells.get(request.shell or "")
        if commands is None:
            text = "The request for the Windows Remote Shell failed because the shell was not found on the server."
            return 500, wsman.fault(request.message_id, wsman.REFUSED, text)
        if request.action == "Delete":
            shells.pop(request.shell or "", None)
            return 200, wsman.acknowledged(request)
        if request.action == "Command":
            command = str(uuid.uuid4()).upper()
            commands[command] = self.server.process_type(self.server.windows, request.command_line, self.server.trace)
            if request.option("WINRS_CONSOLEMODE_STDIN") == "TRUE":
                commands[command].start()  # no standard input will follow
            return 200, wsman.command_accepted(request, command)
        process = commands.get(request.command_id)
        if process is None:
            return 500, wsman.fault(request.message_id, wsman.REFUSED, "The command was not found in the shell.")
        if request.action == "Send":
            process.feed(*request.stdin)
            return 200, wsman.acknowledged(request)
        if request.action == "Signal":
            commands.pop(request.command_id, None)
            return 200, wsman.acknowledged(request)
        if request.action != "Receive":
            text = f"The operation {request.action} is not known to this endpoint."
            return 500, wsman.fault(request.message_id, wsman.REFUSED, text)
        try:
            result = process.wait(request.timeout)
        except concurrent.futures.TimeoutError:
            text = (
                "The WS-Management service cannot complete the operation within the time specified in OperationTimeout."
            )
            return 500, wsman.fault(request.message_id, wsman.TIMED_OUT, text)
        return 200, wsman.output(request, request.command_id, result.stdout, result.stderr, result.code)


class Endpoint(http.server.ThreadingHTTPServer):
    """Serves one simulated Windows.

    ``log``: file that gets one line for each thing that ran; ``process_type``: what runs commands; ``admits``: whether
    the firewall lets that address in, everybody without it.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self,
        address: tuple[str, int],
        windows: Windows,
        account: auth.Account | auth.Logons,
        *,
        tls: ssl.SSLContext | None = None,
        log: Path | None = None,
        process_type: type[Process] = Process,
        admits: Callable[[str], bool] | None = None,
    ) -> None:
        super().__init__(address, Handler)
        self._admits = admits
        self.windows, self.account, self.process_type = windows, account, process_type
        self.shells: dict[str, dict[str, Process]] = {}
        self._tls, self._log, self._log_lock = tls, log, threading.Lock()

    def verify_request(self, request: object, client_address: object) -> bool:
        # Nothing is said to a stranger. A real firewall would not even take the connection.
        return self._admits is None or self._admits(client_address[0])  # type: ignore[index]  # address and port

    def finish_request(self, request: object, client_address: object) -> None:
        # The handshake runs in the connection's own thread, so that a silent client blocks nobody.
        if self._tls is not None:
            try:
                request = self._tls.wrap_socket(request, server_side=True)  # type: ignore[arg-type]  # a socket
            except OSError:
                return
        Handler(request, client_address, self)  # type: ignore[arg-type]  # a socket and its address

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away are no event; anything else is a defect of the endpoint and goes to its output."""
        if not isinstance(sys.exception(), OSError):
            traceback.print_exc()

    def note(self, mark: str) -> None:
        """Count what came in, beside the log: ``c`` for a connection, ``m`` for a message."""
        if self._log:
            with self._log_lock, self._log.with_name(f"{self._log.name}.wire").open("a", encoding="ascii") as out:
                out.write(mark)

    def trace(self, what: str, code: int, seconds: float) -> None:
        if self._log:
            stamp = datetime.now(UTC).isoformat(timespec="milliseconds")
            with self._log_lock, self._log.open("a", encoding="utf-8") as out:
                out.write(f"{stamp} rc={code} {seconds * 1000:.0f}ms {what}\n")
