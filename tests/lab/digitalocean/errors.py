# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a handler may raise; each becomes an answer ``{"id": ..., "message": ...}``."""

from __future__ import annotations

_IDS = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    409: "conflict",
    412: "precondition_failed",
    422: "unprocessable_entity",
    429: "too_many_requests",
    500: "server_error",
    501: "not_modelled",
}


class Refusal(Exception):
    """A request that is answered with a status and a message."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers or {}

    @property
    def body(self) -> dict[str, str]:
        """The answer's JSON."""
        return {"id": _IDS[self.status], "message": self.message}


class NoAnswer(Exception):
    """The connection breaks; ``World.lose`` asked for it."""


def unprocessable(message: str) -> Refusal:
    """The request is understood and cannot be done."""
    return Refusal(422, message)


def pending() -> Refusal:
    """Something is going on with a droplet."""
    return unprocessable("Droplet already has a pending event.")


def missing() -> Refusal:
    """There is no such object."""
    return Refusal(404, "The resource you requested could not be found.")


def not_modelled(what: str) -> Refusal:
    """The real API can do this and the double cannot, so that nobody takes its answer for the real one."""
    return Refusal(501, f"The DigitalOcean double of the lab does not model {what}.")
