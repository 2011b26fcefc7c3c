# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One image of an Orthanc server: whether it is there and what it is, and an image that is made to be looked for.

Orthanc's identifiers are made of DICOM's, so both ends of a delivery have an image under the same one, and the
identifier of a patient is known before there is an image: it is the SHA-1 of the Patient ID.
"""

from __future__ import annotations

import hashlib
import re
import time
from datetime import timedelta
from typing import Any

from .._engine.errors import ApiError, InputError
from .._engine.http import Api, Ask
from .._engine.messages import NOT_ASKED, Response, Taken
from .._engine.pieces import pieces
from .._engine.resource import ActionSpec, InfoSpec, Params
from .._engine.waiting import wait_until
from ._service import ORTHANC
from .delivery import parse_time

# What may begin the IDs of patients that are looked for: no wildcard of DICOM.
_PREFIX = re.compile(r"[A-Za-z0-9._-]{8,60}")
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{8}){4}")
# The identifier of the image that was made, in the answer that says so.
_MADE = Taken(0, r'"ID"\s*:\s*"([0-9a-f]{8}(?:-[0-9a-f]{8}){4})"')
_PAUSE = 1.0
_FIND = "/tools/find"
# Orthanc refuses a Patient ID that is longer.
_LONGEST = 64
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
# 32 by 32 grey pixels with a gradient.
_PICTURE = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAACAAAAAgCAAAAABWESUoAAAAoUlEQVR42oXJEQICAQAAwYUgCIIgCIIgCIIgCIIgCIIgCIIgCIIgOAiCIAiCIAiC"
    "IAiCIAiCIAiCIAiCIAiCsCfs6EAoHInG4olkKp3J5vKFYqlcqdbqjWar3en2+oH9APkh8iPkx8hPkJ8iP0N+jvwC+SXyK+TXyG+Q3yK/Q36P/AH5"
    "I/In5M/IX5C/In9D/o78A/kn8i/k38h/kP8i//sDDXbwEIytPmEAAAAASUVORK5CYII="
)
_NOTHING = {"md5": "", "study_instance_uid": "", "series_instance_uid": "", "sop_instance_uid": ""}
_NOT_MADE = {"id": "", **_NOTHING, "seconds": 0.0}


def patient(patient_id: str) -> str:
    """Orthanc's identifier of a patient."""
    digest = hashlib.sha1(patient_id.encode("utf-8")).hexdigest()
    return "-".join(pieces(digest, 8))


def _checksum(api: Api, image: str) -> str:
    """MD5 of the image's file, as it was received; empty when there is none."""
    answer = api.send("GET", _checksum_path(image), accept=(404,))
    return "" if answer.status == 404 else answer.text.strip()


def _checksum_path(image: str) -> str:
    return f"/instances/{image}/attachments/dicom/md5"


def _tags_path(image: str) -> str:
    return f"/instances/{image}/simplified-tags"


def _known(api: Api, image: str, md5: str) -> dict[str, Any]:
    """What is told of an image; ``found`` is false when it went away between the questions."""
    tags = api.read(_tags_path(image)) if md5 else None
    if tags is None:
        return {"found": False, "id": image, **_NOTHING}
    return {"found": True, **_described(api, image, md5, tags)}


def _described(api: Api, image: str, md5: str, tags: Any) -> dict[str, Any]:
    path = _tags_path(image)
    try:
        return {
            **{"id": image, "md5": md5},
            **{"study_instance_uid": tags["StudyInstanceUID"], "series_instance_uid": tags["SeriesInstanceUID"]},
            "sop_instance_uid": tags["SOPInstanceUID"],
        }
    except (TypeError, KeyError) as error:
        raise ApiError(f"{api.where} does not answer like Orthanc ({error}). Check api_url.", path=path) from None


def read(api: Api, params: Params) -> dict[str, Any]:
    """One request while the image is not there, and one more when it is."""
    image = str(params["id"])
    if not _ID.fullmatch(image):
        raise InputError(f"id is {image!r}; expected Orthanc's identifier of an instance, five groups of 8 hex digits.")
    md5, seconds = wait_until(lambda: _checksum(api, image), bool, params["wait"], _PAUSE)
    return {**_known(api, image, md5), "seconds": seconds}


def act(api: Api, params: Params, check_mode: bool) -> dict[str, Any]:
    """Three requests to make it, one to remove it, and two to look for what is stale."""
    patient_id = params["patient_id"]
    if not 1 <= len(patient_id) <= _LONGEST:
        raise InputError(f"patient_id has {len(patient_id)} characters; expected 1 to {_LONGEST}.")
    prefix = params["stale_prefix"]
    if prefix is not None and not _PREFIX.fullmatch(prefix):
        raise InputError(f"stale_prefix is {prefix!r}; expected 8 to 60 letters, digits, '.', '_' and '-'.")
    if params["state"] == "present":
        return {"changed": True, **(_NOT_MADE if check_mode else _make(api, params))}
    removal = _removal(patient(patient_id), check_mode)
    if not prefix:
        return {"changed": api.together(removal)[0].status != 404, **_NOT_MADE}
    removed, *seen = api.together(removal, _search(prefix), Ask("GET", "/tools/now"))
    stale = [_removal(one, check_mode) for one in _stale(api, prefix, params["stale_hours"], *seen)]
    gone = [removed, *(api.together(*stale) if stale else ())]
    return {"changed": any(answer.status != 404 for answer in gone), **_NOT_MADE}


def _removal(identifier: str, check_mode: bool) -> Ask:
    """Its status is 404 when that patient was not there."""
    return Ask("GET" if check_mode else "DELETE", f"/patients/{identifier}", accept=(404,))


def _search(prefix: str) -> Ask:
    question = {
        "Level": "Patient",
        "Query": {"PatientID": f"{prefix}*"},
        "ResponseContent": ["Metadata", "RequestedTags"],
        "RequestedTags": ["PatientID"],
    }
    return Ask("POST", _FIND, question, harmless=True)


def _stale(api: Api, prefix: str, hours: int, search: Response, clock: Response) -> list[str]:
    """Orthanc's identifiers of patients whose ID begins so, and who got nothing for so long by that server's clock.

    One whose age is not known is none of them, nor is one whose ID begins so in other letters, which Orthanc finds too.
    """
    found = api.parse(search, _FIND)
    if not found:
        return []
    now = parse_time(clock.text.strip())
    try:
        if now is None:
            raise ValueError("no time")
        moments = {
            entry["ID"]: parse_time(entry["Metadata"].get("LastUpdate", ""))
            for entry in found
            if entry["RequestedTags"]["PatientID"].startswith(prefix)
        }
    except (TypeError, AttributeError, KeyError, ValueError) as error:
        raise ApiError(f"{api.where} does not answer like Orthanc ({error}). Check api_url.", path=_FIND) from None
    return [one for one, moment in moments.items() if moment and now - moment > timedelta(hours=hours)]


def _make(api: Api, params: Params) -> dict[str, Any]:
    path = "/tools/create-dicom"
    tags = {
        **{"PatientID": params["patient_id"], "PatientName": params["patient_name"]},
        **{"StudyDescription": params["description"], "Modality": "OT", "SOPClassUID": _SECONDARY_CAPTURE},
    }
    began = time.monotonic()
    made, *seen = api.together(
        Ask("POST", path, {"Tags": tags, "Content": _PICTURE}),
        *(Ask("GET", of("{}"), accept=(404,), taken=_MADE) for of in (_checksum_path, _tags_path)),
    )
    try:
        image = str(api.parse(made, path)["ID"])
    except (TypeError, KeyError) as error:
        raise ApiError(f"{api.where} does not answer like Orthanc ({error}). Check api_url.", path=path) from None
    checksum, tags_answer = seen
    if NOT_ASKED in seen:
        raise ApiError(f"{api.where} does not answer like Orthanc (ID {image!r}). Check api_url.", path=path)
    if 404 in (checksum.status, tags_answer.status) or not checksum.text.strip():
        raise ApiError(f"{api.where} made an image and does not have it any more. Look at its log and its limits.")
    known = _described(api, image, checksum.text.strip(), api.parse(tags_answer, _tags_path(image)))
    # It may be younger by the way there: better too old than too young, as the proof tells how long a delivery took.
    return {**known, "seconds": round(max(0.0, time.monotonic() - began - made.seconds), 3)}


IMAGE_INFO = InfoSpec(
    service=ORTHANC,
    read=read,
    options={"id": {"type": "str", "required": True}, "wait": {"type": "int", "default": 0}},
)

TEST_IMAGE = ActionSpec(
    service=ORTHANC,
    act=act,
    options={
        "patient_id": {"type": "str", "required": True},
        "patient_name": {"type": "str", "default": "TEST^IMAGE"},
        "description": {"type": "str", "default": "Test image"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "stale_prefix": {"type": "str"},
        "stale_hours": {"type": "int", "default": 6},
    },
)
