# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a handler may raise, and how each becomes an answer of the API."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """An answer in the error shape of the API.

    Args:
        status: HTTP status.
        message: Text of ``error.message``.
        i18n: Key of the translated message, sent as ``error.message_i18n``.
        stack: Lines of ``debug.stack``; the API shows them under nginx/certificates only.
        previous: ``debug.previous``, what the failed command was.
    """

    def __init__(
        self, status: int, message: str, *, i18n: str = "", stack: list[str] | None = None, previous: Any = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.i18n = i18n
        self.stack = stack
        self.previous = previous


class Internal(ApiError):
    """A failure whose reason the API keeps to itself: 500 ``Internal Error`` unless another status is given."""

    def __init__(self, reason: str, status: int = 500, previous: Any = None) -> None:
        super().__init__(status, "Internal Error", stack=[f"Error: {reason}"], previous=previous)
        self.reason = reason


class Denied(Exception):
    """No token, or a token without the permission. What the API makes of it depends on the route."""


class NotModelled(ApiError):
    """The real server can do this and the double cannot: 501, so that nobody takes its answer for the real one."""

    def __init__(self, what: str) -> None:
        super().__init__(501, f"The proxy-manager double of the lab does not model {what}.")


class NeverAnswers(Exception):
    """The real server leaves this request open for ever."""


class Crash(Exception):
    """The real server dies of this request and is started again by its supervisor."""


def invalid(message: str, i18n: str = "") -> ApiError:
    """Return the 400 that the API gives for refused input."""
    return ApiError(400, message, i18n=i18n)


def not_found(what: object) -> ApiError:
    """Return the 404 that the API gives for an unknown item or page."""
    return ApiError(404, f"Not Found - {what}")
