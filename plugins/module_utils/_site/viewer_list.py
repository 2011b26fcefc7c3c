# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The study list as OHIF asks for it, and what OHIF could not read in it.

OHIF turns all rows of an answer into a table at once: one row that it cannot read empties the list for everybody.
Python's standard library only, because it runs on hosts that have nothing else.
"""

from __future__ import annotations

import gzip
import json
import time
from dataclasses import dataclass, field
from typing import Any

from .probe import Probe, ask_whole
from .verdict import TOO_OFTEN

PATH = "/dicom-web/studies?limit=101&offset=0&fuzzymatching=false&includefield=00081030%2C00080060"
"""What OHIF asks for when the list opens."""
SORTED = 100
"""More studies than these the viewer neither sorts nor shows from their newest one on."""
_MAXIMUM = 64 * 1024 * 1024
_STUDY, _NAME, _MODALITIES = "0020000D", "00100010", "00080061"
_TEXTS = ("00080020", "00080030", "00080050", "00080060", "00081030", "00100020", "00201208")
_SHOWN = 5


@dataclass(frozen=True)
class Answer:
    """One answer of the viewer: its status, or 0 and why there is none."""

    status: int = 0
    error: str = ""
    content_type: str = ""
    encoding: str = ""
    body: bytes = b""

    @property
    def size(self) -> int:
        """Bytes that went over the line."""
        return len(self.body)

    def text(self) -> bytes:
        """The body as it was before it was compressed."""
        return gzip.decompress(self.body) if self.encoding == "gzip" else self.body


def fetch(
    url: str,
    username: str,
    password: str,
    address: str | None = None,
    ca_path: str | None = None,
    timeout: float = 30.0,
    since: str | None = None,
) -> Answer:
    """The first page of the list, asked for as a browser would; never raises.

    address   where to connect instead of what the name servers say; the name still decides about the certificate.
    since     the oldest day of the studies, such as 20261129. There is no last one, because a reader's calendar may be
              a day ahead of this host's.
    """
    path = f"{PATH}&StudyDate={since}-" if since else PATH
    headers = {"Accept": "application/dicom+json", "Accept-Encoding": "gzip"}
    probe = Probe("list", url.rstrip("/") + path, "GET", username, password, headers, timeout=timeout)
    answer, body = ask_whole(probe, ca_path, address, _MAXIMUM)
    found = answer["headers"]
    if answer["error"]:
        return Answer(error=answer["error"])
    return Answer(answer["status"], "", found.get("content-type", ""), found.get("content-encoding", ""), body)


@dataclass(frozen=True)
class Seen:
    """What was seen of the list: the page without a date, and the one that the viewer opens with."""

    page: Answer
    studies: int = 0
    days: int = 0
    recent: int = 0
    said: list[str] = field(default_factory=list)
    asked: int = 1
    turned_away: int = 0


def look(asked: dict[str, Any], days: list[int], today: float) -> Seen:
    """Everything that a reader may meet when the list opens.

    The page without a date comes in Orthanc's own order, so that it need not hold one study of today. The viewer
    begins with the longest span of days that holds no more than 100 studies, or with the shortest; this asks for the
    same spans in the same order.

    asked   the arguments of ``fetch``.
    today   a moment of the day that ends the spans.
    """
    page, found, said = _page(asked)
    statuses = [page.status]
    span = 0
    recent: list[Any] = []
    wrong: list[str] = []
    for span in days:
        # At noon, because a day is an hour shorter or longer where clocks change.
        noon = time.mktime((*time.localtime(today)[:3], 12, 0, 0, 0, 0, -1))
        dated, recent, wrong = _page(
            {**asked, "since": time.strftime("%Y%m%d", time.localtime(noon - (span - 1) * 86400))}
        )
        statuses.append(dated.status)
        if len(recent) <= SORTED:
            break
    told = list(dict.fromkeys([*said, *wrong]))
    return Seen(page, len(found), span, len(recent), told, len(statuses), statuses.count(TOO_OFTEN))


def _page(asked: dict[str, Any]) -> tuple[Answer, list[Any], list[str]]:
    """One answer, its rows, and its problems; an answer that cannot be read is a problem like any other."""
    answer = fetch(**asked)
    try:
        found = rows(answer)
    except ValueError as error:
        return answer, [], [f"{asked['url']}/dicom-web/studies {error}"]
    return answer, found, problems(found)


def rows(answer: Answer) -> list[Any]:
    """The rows of an answer; ValueError says what is wrong with the answer as a whole."""
    if answer.status == 204:
        return []
    if answer.error:
        raise ValueError(f"does not answer ({answer.error})")
    if answer.status != 200:
        raise ValueError(f"answers HTTP {answer.status} instead of HTTP 200")
    if answer.content_type.partition(";")[0].strip() != "application/dicom+json":
        raise ValueError(f"answers with {answer.content_type or 'no type'} instead of application/dicom+json")
    try:
        found = json.loads(answer.text())
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(f"answers with something that is no JSON ({error})") from None
    if not isinstance(found, list):
        raise ValueError("answers with JSON that is no list")
    return found


def problems(found: list[Any]) -> list[str]:
    """What OHIF could not read, one sentence for each row; studies are named by their UID, never by their patient."""
    said = []
    for number, row in enumerate(found, 1):
        if not isinstance(row, dict):
            said.append(f"row {number} is no study")
            continue
        wrong = [sentence for sentence in _problems_of(row) if sentence]
        if wrong:
            said.append(f"study {_first(row, _STUDY) or f'in row {number}'}: {', '.join(wrong)}")
    return said


def summary(said: list[str]) -> str:
    """The first few of the problems."""
    more = f"; and {len(said) - _SHOWN} more" if len(said) > _SHOWN else ""
    return "; ".join(said[:_SHOWN]) + more


def _problems_of(row: dict[str, Any]) -> list[str]:
    said = []
    if not isinstance(_first(row, _STUDY), str) or not _first(row, _STUDY):
        said.append("it has no StudyInstanceUID")
    # Read without a look: a missing or an empty list of values throws, whatever the other rows hold.
    if _MODALITIES in row and not isinstance(_value(row, _MODALITIES), list):
        said.append("ModalitiesInStudy has no value")
    name = _value(row, _NAME)
    if isinstance(name, list) and name and not isinstance(name[0], (dict, str)):
        said.append("the first PatientName is neither a name nor a text")
    for tag in _TEXTS:
        if not isinstance(_value(row, tag), (list, type(None))):
            said.append(f"the value of {tag} is no list")
    return said


def _value(row: dict[str, Any], tag: str) -> Any:
    element = row.get(tag)
    return element.get("Value") if isinstance(element, dict) else None


def _first(row: dict[str, Any], tag: str) -> Any:
    value = _value(row, tag)
    return value[0] if isinstance(value, list) and value else None
