# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Worklist questions (C-FIND) of an Orthanc server to one of its modalities, which may be the server itself."""

from __future__ import annotations

from typing import Any

from .._engine.errors import ApiError, InputError
from .._engine.http import Api
from .._engine.messages import Until
from .._engine.resource import InfoSpec, Params
from .._rules import dicom
from ._service import ORTHANC

_PAUSE = 0.5
_NOTHING = r"^\s*\[\s*\]\s*$"


def read(api: Api, params: Params) -> dict[str, Any]:
    """One request each half second until the answer is as it should be, or the time is over.

    The waiting is done where the requests are made.
    """
    name = params["modality"]
    if wrong := dicom.orthanc_name(name):
        raise InputError(f"modality is {name!r}, which {wrong}.")
    path = f"/modalities/{name}/find-worklist"

    empty = {"present": False, "absent": True}.get(params["wait_for"])
    until = None if empty is None else Until(_NOTHING, empty, float(params["wait"]), _PAUSE)
    answer = api.send("POST", path, json={"Query": params["query"]}, harmless=True, until=until)
    found = api.parse(answer, path)
    if not isinstance(found, list):
        raise ApiError(f"{api.where} does not answer like Orthanc (no list). Check api_url.", path=path)
    return {"entries": len(found), "seconds": answer.seconds}


WORKLIST_INFO = InfoSpec(
    service=ORTHANC,
    read=read,
    options={
        "modality": {"type": "str", "required": True},
        "query": {"type": "dict", "default": {}},
        "wait_for": {"type": "str", "choices": ["any", "present", "absent"], "default": "any"},
        "wait": {"type": "int", "default": 0},
    },
)
