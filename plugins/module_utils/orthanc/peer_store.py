# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sending images to a peer, in jobs of Orthanc's.

A job sends its images one after the other and stops at its first error, so one bad image must not share its fate with
many. The images go in pieces. Of a piece that failed, what the job had sent by then is done; the image at which it
stopped is tried alone, and the others in two halves, all of them after the pieces that were not tried yet. A peer that
takes nothing is recognized by failures in a row. The last of these come from images that had no part in a failure yet,
from all over what is left, so that bad images at the starts of some pieces are not taken for a bad peer.

The peer itself is never asked for its state: Orthanc holds the lock of its configuration while it waits for that
answer, and with a peer that hangs the scanner would wait as well.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import Any

from .._engine.errors import NOT_KEPT, STATUS, TIMEOUT, ApiError, InputError
from .._engine.http import Api
from .._engine.pieces import pieces
from .._engine.resource import ActionSpec, Params
from .._rules import dicom
from .._site.tally import many, tally
from ._service import ORTHANC

# A job tells its progress in percent: of a piece of this size it names the image.
PIECE = 100
# Orthanc forgets a job that has ended when a hundred others have, which at a busy gateway takes ten seconds.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 1.0
_UNFINISHED = ("Pending", "Running", "Retry")
# Orthanc's code for whatever failed on the line or at the peer, refused logins and refused images among it.
_NETWORK = 9
# Failures in a row after which the peer is to blame and not the images. Without a connection the last one is a sample;
# each may take as long as the peer's timeout. With an answer so many samples follow, for a refusal takes no time.
_BROKEN, _REFUSED, _SAMPLES = 3, 8, 8
# Seconds in which a line that dropped may come back.
_BREATH = 5.0

# Why the rest was not tried.
_PEER, _TIME, _SERVER = "peer", "time", "server"

Job = Mapping[str, Any]


def _done(job: Job, images: int) -> int:
    """Images that a job had sent when it failed; at least one of its images was not."""
    progress = job.get("Progress", 0)
    return int(min(round(progress * images / 100), images - 1))


def _why(job: Job) -> str:
    parts = (job.get("ErrorDescription") or job["State"], job.get("ErrorDetails"))
    return ": ".join(str(part) for part in parts if part)


class _Sending:
    """One run: what was sent, what was not and why."""

    def __init__(self, api: Api, peer: str, images: Sequence[str], seconds: int) -> None:
        self.sent = self.unknown = 0
        self.unsent: list[dict[str, str]] = []
        self.stopped = ""
        self.failure: dict[str, Any] = {}
        self.path = f"/peers/{peer}/store"
        self._api, self._peer, self._seconds = api, peer, seconds
        self._deadline = time.monotonic() + seconds
        self._queue = deque(list(piece) for piece in pieces(images, PIECE))
        # In a row, since the peer took an image.
        self._broken = self._refused = self._samples = 0
        # Of the same time: images that it refused alone. When it refuses everything else too, they are not to blame.
        self._doubtful: list[dict[str, str]] = []
        # Images at which a job stopped.
        self._failed_once: set[str] = set()

    def run(self) -> None:
        """Send everything that can be sent."""
        while self._queue:
            piece = self._queue.popleft()
            try:
                self._send(piece)
            except ApiError as error:
                # With nothing sent there is nothing to tell but the error itself.
                if not (self.sent or self.unknown):
                    raise
                self._stop(piece, error.msg, _SERVER, error.failure)
            if self._queue and time.monotonic() > self._deadline:
                self._stop([], f"not tried within {self._seconds} s; raise wait", _TIME, self._failed(TIMEOUT))
        self.unsent += self._doubtful

    def _send(self, piece: list[str]) -> None:
        body = {"Resources": piece, "Asynchronous": True}
        answer = self._api.send("POST", self.path, json=body, accept=(404,))
        if answer.status == 404:
            self._leave_absent(piece)
            return
        job = self._wait(str(self._api.parse(answer, self.path)["ID"]))
        if job is None:
            self.unknown += len(piece)
        elif job["State"] == "Success":
            self._took(len(piece))
        elif job["State"] in _UNFINISHED:
            reason = f"not sent within {self._seconds} s, but its job goes on; raise wait"
            self._stop(piece, reason, _TIME, self._failed(TIMEOUT))
        else:
            self._divide(piece, job)

    def _wait(self, job: str) -> Job | None:
        """The job when it has ended, or as it is when the time is over; None when Orthanc does not know it any more."""
        pause = _FIRST_PAUSE
        while True:
            state: Job | None = self._api.read(f"/jobs/{job}")
            if state is None or state["State"] not in _UNFINISHED or time.monotonic() + pause > self._deadline:
                return state
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _leave_absent(self, piece: list[str]) -> None:
        """Orthanc refuses a job as a whole when an image of it was deleted, and when it has no such peer."""
        question = {"Resources": piece, "Level": "Instance", "Metadata": False}
        path = "/tools/bulk-content"
        found = self._api.parse(self._api.send("POST", path, json=question, harmless=True), path)
        present = {entry["ID"] for entry in found}
        left = [image for image in piece if image in present]
        if len(left) == len(piece):
            reason = f"{self._api.where} has no peer {self._peer!r}; look at its peers with orthanc_info"
            self._stop(piece, reason, _PEER, self._failed(STATUS, 404))
            return
        self._leave([image for image in piece if image not in present], "it is not there any more")
        if left:
            self._queue.appendleft(left)

    def _took(self, images: int) -> None:
        if images:
            self.sent += images
            self._broken = self._refused = self._samples = 0
            self.unsent += self._doubtful
            self._doubtful = []

    def _divide(self, piece: list[str], job: Job) -> None:
        done, why = _done(job, len(piece)), _why(job)
        rest = piece[done:]
        self._took(done)
        self._failed_once.add(rest[0])
        network = job.get("ErrorCode") == _NETWORK
        # Details are those of a connection that failed; an answer of the peer has none.
        broken = network and bool(job.get("ErrorDetails"))
        refused = network and not broken
        self._refused += refused
        # An answer was a connection.
        self._broken = 0 if refused else self._broken + broken
        reason = f"it could not be read: {why}"
        if network:
            reason = f"{self._peer} cannot be reached; {why}" if broken else f"{self._peer} did not take it: {why}"
        if self._broken == _BROKEN:
            self._stop(rest, reason, _PEER, self._failed(NOT_KEPT))
        elif self._samples and self._refused == _REFUSED + self._samples:
            reason = f"{self._peer} refused {self._refused} transfers in a row; check its password: {why}"
            rest, self._doubtful = [*(entry["id"] for entry in self._doubtful), *rest], []
            self._stop(rest, reason, _PEER, self._failed(NOT_KEPT))
        elif len(piece) == 1:
            (self._doubtful if refused else self.unsent).append({"id": piece[0], "reason": reason})
        else:
            others = rest[1:]
            middle = len(others) // 2
            self._queue.extend(part for part in (rest[:1], others[:middle], others[middle:]) if part)
        if broken and self._broken == _BROKEN - 1:
            self._sample(1)
        elif refused and self._refused == _REFUSED:
            self._samples = self._sample(_SAMPLES)
        if broken and self._queue:
            time.sleep(_BREATH)

    def _sample(self, most: int) -> int:
        """Images that have not failed yet are next, each alone, from all over the queue; how many there are."""
        fresh = [image for piece in self._queue for image in piece if image not in self._failed_once]
        count = min(most, len(fresh))
        chosen = [fresh[(2 * number + 1) * len(fresh) // (2 * count)] for number in range(count)]
        left = ([image for image in piece if image not in chosen] for piece in self._queue)
        self._queue = deque([*([image] for image in chosen), *(piece for piece in left if piece)])
        return count

    def _leave(self, images: Sequence[str], reason: str) -> None:
        self.unsent += [{"id": image, "reason": reason} for image in images]

    def _stop(self, images: Sequence[str], reason: str, stopped: str, failure: dict[str, Any]) -> None:
        """These images and all that were not tried yet stay unsent."""
        self._leave([*images, *(image for piece in self._queue for image in piece)], reason)
        self._queue.clear()
        self.stopped, self.failure = stopped, failure

    def _failed(self, kind: str, status: int | None = None) -> dict[str, Any]:
        return ApiError("", kind=kind, status=status, path=self.path).failure


def _told(api: Api, sending: _Sending, peer: str, images: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        # A job that goes on, or whose end was missed, may have sent something.
        "changed": bool(sending.sent or sending.unknown or sending.stopped == _TIME),
        "sent": sending.sent,
        "unsent": sending.unsent,
        "unknown": sending.unknown,
        "stopped": sending.stopped,
    }
    if sending.unsent:
        reasons = tally(Counter(entry["reason"] for entry in sending.unsent))
        msg = (
            f"{api.where} could not send {len(sending.unsent)} of {many(images, 'image')} to {peer}: {reasons}. "
            "All of them are listed in unsent; mend the reasons, and run again."
        )
        failure = sending.failure or ApiError("", kind=NOT_KEPT, path=sending.path).failure
        result.update(failed=True, msg=msg, failure=failure)
    return result


def act(api: Api, params: Params, check_mode: bool) -> dict[str, Any]:
    """For each piece one request that starts its job, and some that ask whether it has ended."""
    peer, images = params["peer"], params["images"]
    if wrong := dicom.orthanc_name(peer):
        raise InputError(f"peer is {peer!r}, which {wrong}.")
    if not images or check_mode:
        return {"changed": bool(images), "sent": len(images), "unsent": [], "unknown": 0, "stopped": ""}
    sending = _Sending(api, peer, images, params["wait"])
    try:
        sending.run()
    except (TypeError, AttributeError, KeyError) as error:
        raise ApiError(
            f"{api.where} does not answer like Orthanc ({type(error).__name__}: {error}). Check api_url.",
            path=sending.path,
        ) from None
    return _told(api, sending, peer, len(images))


PEER_STORE = ActionSpec(
    service=ORTHANC,
    act=act,
    options={
        "peer": {"type": "str", "required": True},
        "images": {"type": "list", "elements": "str", "required": True},
        "wait": {"type": "int", "default": 900},
    },
)
