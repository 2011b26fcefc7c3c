# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may talk to the endpoint: Basic, or NTLM with the message encryption that pywinrm uses.

NTLM messages are sealed with the session's keys also inside HTTPS when the client asks for it
(pywinrm's ``message_encryption='always'``).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .windows import Windows

SPNEGO_TYPE = "application/HTTP-SPNEGO-session-encrypted"
SEALED_TYPE = f'multipart/encrypted;protocol="{SPNEGO_TYPE}";boundary="Encrypted Boundary"'
PLAIN_TYPE = "application/soap+xml;charset=UTF-8"
_BOUNDARY = b"--Encrypted Boundary"
_OCTETS = b"Content-Type: application/octet-stream\r\n"


class Denied(Exception):
    """Not (yet) let in; carries the WWW-Authenticate value of the 401."""

    def __init__(self, challenge: str) -> None:
        super().__init__(challenge)
        self.challenge = challenge


class Logons:
    """Who may log on over the network: whoever the machine's state says at that moment. Basic and NTLM.

    An account needs to be enabled, an administrator whose rights the network does not take away, and not denied.
    Windows lets one without such rights log on and then refuses each request; here it is refused at once.
    """

    def __init__(self, windows: Windows) -> None:
        self._windows = windows
        self._file = windows.run_dir / "ntlm.users"
        self._written: list[str] = []

    def accounts(self) -> dict[str, str]:
        """User -> password."""
        state = self._windows.state
        policy = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System"
        remote = self._windows.registry.data(policy, "LocalAccountTokenFilterPolicy") == 1
        denied = set(state["rights"].get("SeDenyNetworkLogonRight", []))
        found = {}
        for name, user in state["users"].items():
            builtin = str(user.get("sid", "")).endswith("-500")
            mine = {rf"{self._windows.computer}\{name}", user.get("sid"), "Everyone", "S-1-1-0", "S-1-5-113"}
            mine |= {r"BUILTIN\Administrators", "S-1-5-32-544", "S-1-5-114"}
            administrator = "Administrators" in user["groups"] and (remote or builtin)
            if user["enabled"] and administrator and user.get("password") and not denied & mine:
                found[name] = str(user["password"])
        return found

    def session(self) -> Session:
        with self._windows.lock:
            known = self.accounts()
            lines = [
                f"{domain}:{user}:{word}" for user, word in known.items() for domain in (self._windows.computer, "")
            ]
            if lines != self._written or not self._file.exists():
                self._file.touch(mode=0o600)
                self._file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
                self._written = lines
        os.environ["NTLM_USER_FILE"] = str(self._file)
        return AnySession(known)


class Account:
    """The one account that may log on over the network."""

    def __init__(self, user: str, password: str, kind: str, computer: str, folder: Path) -> None:
        """``kind``: "ntlm" or "basic"; ``folder``: private place for the file that the NTLM library reads."""
        self.user, self.password, self.kind = user, password, kind
        if kind == "ntlm":
            users = folder / "ntlm.users"
            users.touch(mode=0o600)
            lines = [f"{domain}:{user}:{password}" for domain in (computer.upper(), "")]
            users.write_text("\n".join(lines) + "\n", encoding="utf-8")
            os.environ["NTLM_USER_FILE"] = str(users)

    def session(self) -> Session:
        return NtlmSession(self) if self.kind == "ntlm" else Session(self)


class Session:
    """Authentication state of one TCP connection (Basic)."""

    def __init__(self, account: Account | None) -> None:
        self._known_users = {account.user: account.password} if account else {}

    def authenticate(self, header: str) -> None:
        """Returns when the request may be served. Raises Denied otherwise."""
        scheme, __, token = header.partition(" ")
        try:
            given = base64.b64decode(token, validate=True).decode() if scheme == "Basic" else ""
        except (binascii.Error, UnicodeDecodeError):
            given = ""
        user, __, password = given.partition(":")
        # Without such a user there is no password that fits.
        wanted = self._known_users.get(user)
        if wanted is None or not hmac.compare_digest(password.encode(), wanted.encode()):
            raise Denied('Basic realm="WSMAN"')

    def open(self, body: bytes, content_type: str) -> tuple[bytes, bool]:
        """The SOAP text of a request and whether it came sealed."""
        return body, False

    def seal(self, body: bytes) -> bytes:
        return body


class NtlmSession(Session):
    """NTLM in Negotiate headers; three messages, then every request of the connection is known."""

    def __init__(self, account: Account | None) -> None:
        super().__init__(account)
        self._context: Any = None
        self._known = False

    def authenticate(self, header: str) -> None:
        import spnego
        from spnego.exceptions import SpnegoError

        scheme, __, token = header.partition(" ")
        if self._known and not token:
            return
        if scheme not in ("Negotiate", "NTLM") or not token:
            raise Denied("Negotiate")
        if self._context is None or self._known:
            protocol = "ntlm" if scheme == "NTLM" else "negotiate"
            self._context = spnego.server(protocol=protocol, options=spnego.NegotiateOptions.use_ntlm)
            self._known = False
        try:
            answer = self._context.step(base64.b64decode(token))
        except (SpnegoError, binascii.Error, ValueError) as error:
            self._context = None
            raise Denied("Negotiate") from error
        self._known = bool(self._context.complete)
        if not self._known:
            raise Denied(f"{scheme} {base64.b64encode(answer or b'').decode()}")

    def open(self, body: bytes, content_type: str) -> tuple[bytes, bool]:
        if not content_type.startswith("multipart/encrypted"):
            return body, False
        sealed = body.split(_OCTETS, 1)[1].removesuffix(_BOUNDARY + b"--\r\n")
        (size,) = struct.unpack("<i", sealed[:4])
        return bytes(self._context.unwrap_winrm(sealed[4 : 4 + size], sealed[4 + size :])), True

    def seal(self, body: bytes) -> bytes:
        wrapped = self._context.wrap_winrm(body)
        original = f"OriginalContent: type={PLAIN_TYPE};Length={len(body)}".encode()
        head = b"%s\r\n\tContent-Type: %s\r\n\t%s\r\n" % (_BOUNDARY, SPNEGO_TYPE.encode(), original)
        data = struct.pack("<i", len(wrapped.header)) + wrapped.header + wrapped.data
        sealed: bytes = head + _BOUNDARY + b"\r\n\t" + _OCTETS + data + _BOUNDARY + b"--\r\n"
        return sealed


class AnySession(NtlmSession):
    """NTLM, or Basic for who begins so."""

    def __init__(self, known: dict[str, str]) -> None:
        super().__init__(None)
        self._known_users = known

    def authenticate(self, header: str) -> None:
        if header.startswith("Basic "):
            Session.authenticate(self, header)
        else:
            super().authenticate(header)
