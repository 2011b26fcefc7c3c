# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""C-ECHO from an Orthanc server to its modalities.

The login stays in the transport and never becomes part of a result, so that the outcome for each modality can be
looped over, printed and judged.
"""

from __future__ import annotations

from typing import Any

from .._engine.errors import ApiError, InputError
from .._engine.http import Api, Ask
from .._engine.resource import InfoSpec, Params
from .._rules import dicom
from ._service import ORTHANC

# Beyond what Orthanc itself waits, for the way to it.
_MARGIN = 10.0
_SILENT = (404, 500)


def _reason(api: Api, path: str, answer: Any) -> str:
    if answer.status == 404:
        return "it is not among the modalities of this Orthanc"
    said = api.parse(answer, path)
    return str(said.get("Details") or said.get("OrthancError") or said.get("Message") or "no answer")


def read(api: Api, params: Params) -> dict[str, Any]:
    """One request for each modality; a silent one is an answer, a server that cannot be asked is a failure."""
    names = list(params["modalities"])
    for name in names:
        if wrong := dicom.orthanc_name(name):
            raise InputError(f"modalities holds {name!r}, which {wrong}.")
    answers: dict[str, Any] = {}
    seconds = int(params["seconds"])
    paths = [f"/modalities/{name}/echo" for name in names]
    limit = seconds + _MARGIN
    asked = [Ask("POST", path, {"Timeout": seconds}, accept=_SILENT, timeout=limit, harmless=True) for path in paths]
    for name, path, answer in zip(names, paths, api.together(*asked)):
        try:
            reason = "" if answer.status == 200 else _reason(api, path, answer)
        except AttributeError as error:
            raise ApiError(f"{api.where} does not answer like Orthanc ({error}). Check api_url.", path=path) from None
        answers[name] = {"answered": not reason, "reason": reason}
    return {"answers": answers}


ECHO = InfoSpec(
    service=ORTHANC,
    read=read,
    options={
        "modalities": {"type": "list", "elements": "str", "required": True},
        "seconds": {"type": "int", "default": 5},
    },
)
