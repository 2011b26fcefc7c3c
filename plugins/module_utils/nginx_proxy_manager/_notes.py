# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notes on the server about what is being changed.

The server writes its own row before nginx's files, and nginx's files before it reloads nginx. When anything ends in
between (the server, Ansible, or nginx refusing), the row has the new values and nginx does not, and nothing that can be
read tells. So whoever writes leaves a note first and takes it away when everything has been done. A run that finds a
note writes again, whatever the row says.

A note is an empty row of a brought certificate: of all that the API can write, the only thing that touches neither
nginx nor a file, can carry a text, and is gone when it is removed. It is seen in the user interface meanwhile.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Sequence
from types import TracebackType

from .._engine.errors import ApiError
from ._session import Row, Session

PREFIX = "mediverse.pacs: unfinished "
HOST = "proxy host"
LIST = "access list"
CERTIFICATE = "certificate"
_LONGEST = 200


def is_note(certificate: Row) -> bool:
    """Whether the row is no certificate."""
    return str(certificate.get("nice_name") or "").startswith(PREFIX)


def title(kind: str, name: str = "") -> str:
    """The text of a note. Names of any length are kept apart within what every database takes."""
    text = f"{PREFIX}{kind} {name}".rstrip()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} {hashlib.sha256(text.encode()).hexdigest()[:16]}"


def about(certificates: Iterable[Row], kind: str, name: str = "", domains: Iterable[str] = ()) -> list[int]:
    """The notes about one object, known by its name or by one of its host names."""
    wanted = {domain.lower() for domain in domains}
    text = title(kind, name)
    named = (row for row in certificates if row.get("nice_name") == text)
    return [
        int(row["id"])
        for row in named
        if not wanted or any(domain.lower() in wanted for domain in row.get("domain_names") or [])
    ]


class Note:
    """Around everything that must happen together::

        with Note(session, LIST, name="staff", earlier=current["notes"]):
            session.send("PUT", ...)

    It stays when the block fails, unless the server refused the first thing it was asked.
    """

    def __init__(
        self, session: Session, kind: str, name: str = "", domains: Sequence[str] = (), earlier: Iterable[int] = ()
    ) -> None:
        self._session = session
        self._body: Row = {"provider": "other", "nice_name": title(kind, name), "domain_names": sorted(domains)}
        if not domains:
            del self._body["domain_names"]
        self._numbers = list(earlier)
        self._fresh = not self._numbers
        self._writes = 0

    def __enter__(self) -> Note:
        if self._fresh:
            self._numbers.append(int(self._session.send("POST", "certificates", self._body)["id"]))
        self._writes = self._session.writes
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.remove()
        elif isinstance(error, ApiError) and self._untouched(error):
            # The refusal is what the operator has to know; a note that stays makes the next run write once more.
            with contextlib.suppress(ApiError):
                self.remove()

    def remove(self) -> None:
        """Everything has been done."""
        clear(self._session, self._numbers)
        self._numbers = []

    def _untouched(self, error: ApiError) -> bool:
        refused = error.status is not None and 400 <= error.status < 500
        return self._fresh and refused and self._session.writes == self._writes


def clear(session: Session, numbers: Iterable[int]) -> None:
    """Take notes away; another run may have done so."""
    for number in numbers:
        session.api.send("DELETE", f"/api/nginx/certificates/{number}", accept=(404,))
