# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sending images to a peer, in a job of Orthanc's."""

from __future__ import annotations

import time
from typing import Any

from .._errors import NOT_KEPT, TIMEOUT, ApiError, InputError
from .._http import Api
from .._resource import ActionSpec, Params
from ._service import ORTHANC, check_name

_LONGEST_PAUSE = 10.0
_UNFINISHED = ("Pending", "Running", "Retry")


def _wait(api: Api, job: str, seconds: int) -> dict[str, Any]:
    """The job when it has ended; raises ApiError when it does not in time."""
    deadline, pause = time.monotonic() + seconds, 0.5
    while True:
        state: dict[str, Any] = api.read(f"/jobs/{job}", absent=())
        if state["State"] not in _UNFINISHED:
            return state
        if time.monotonic() + pause > deadline:
            raise ApiError(
                f"{api.where} has not sent the images within {seconds} s, but its job goes on. Raise wait.",
                kind=TIMEOUT,
                path=f"/jobs/{job}",
            )
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def act(api: Api, params: Params, check_mode: bool) -> dict[str, Any]:
    """One request that starts the job, and some that ask whether it has ended."""
    peer, images = params["peer"], params["images"]
    try:
        check_name(peer)
    except ValueError as error:
        raise InputError(f"peer is {peer!r}, but it {error}.") from None
    if not images or check_mode:
        return {"changed": bool(images), "sent": len(images)}
    path = f"/peers/{peer}/store"
    answer = api.send("POST", path, json={"Resources": images, "Asynchronous": True}, accept=(404,))
    if answer.status == 404:
        raise ApiError(
            f"{api.where} has no peer {peer!r}, or one of the {len(images)} images is not there any more. "
            "Look at the peers with orthanc_info, and compare again.",
            status=404,
            path=path,
        )
    job = _wait(api, str(api.parse(answer, path)["ID"]), params["wait"])
    if job["State"] != "Success":
        why = job.get("ErrorDetails") or job.get("ErrorDescription") or job["State"]
        raise ApiError(
            f"{api.where} could not send {len(images)} images to {peer} ({why}). "
            "Check that the peer can be reached and that its password is right, and run again.",
            kind=NOT_KEPT,
            path=path,
        )
    return {"changed": True, "sent": len(images)}


PEER_STORE = ActionSpec(
    service=ORTHANC,
    act=act,
    options={
        "peer": {"type": "str", "required": True},
        "images": {"type": "list", "elements": "str", "required": True},
        "wait": {"type": "int", "default": 900},
    },
)
