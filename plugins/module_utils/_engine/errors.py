# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one kind of error that the engine, the transports and the clients raise.

An :class:`ApiError` carries a sentence for the operator (what is wrong, where, what to do) and the same facts as
data, so that a playbook can decide on ``result.failure.status`` instead of parsing text. The runner turns it into a
failed task in one place.
"""

from __future__ import annotations

from typing import Any

INPUT = "input"
LOGIN = "login"
UNREACHABLE = "unreachable"
TLS = "tls"
TIMEOUT = "timeout"
NOT_JSON = "not_json"
STATUS = "status"
NOT_KEPT = "not_kept"
NOT_RUNNING = "not_running"
NO_SCRIPT = "no_script"

KINDS = (INPUT, LOGIN, UNREACHABLE, TLS, TIMEOUT, NOT_JSON, STATUS, NOT_KEPT, NOT_RUNNING, NO_SCRIPT)


class ApiError(Exception):
    """One clear sentence plus ``{status, code, path}``.

    ``kind`` (one of :data:`KINDS`) becomes ``failure.code``; ``status`` is the HTTP status or None when no answer came;
    ``path`` is the path below the API's base URL, never the full URL and never a query with secrets. ``changed`` is set
    by whoever wrote something before it, or may have.
    """

    def __init__(self, msg: str, kind: str = STATUS, status: int | None = None, path: str | None = None) -> None:
        if kind not in KINDS:
            raise ValueError(f"unknown kind of error: {kind}")
        super().__init__(msg)
        self.msg = msg
        self.kind = kind
        self.status = status
        self.path = path
        self.changed = False

    @property
    def failure(self) -> dict[str, Any]:
        """The structured part of a failed result."""
        return {"status": self.status, "code": self.kind, "path": self.path}


class InputError(ApiError):
    """The task itself is wrong; no server was at fault."""

    def __init__(self, msg: str) -> None:
        super().__init__(msg, kind=INPUT)
