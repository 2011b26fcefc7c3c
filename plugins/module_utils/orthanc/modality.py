# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Orthanc modalities: the DICOM applications (scanners, workstations, other PACS) that Orthanc knows.

``PUT /modalities/NAME`` replaces the whole entry, ignores keys it does not know and accepts AE titles that are too
long for DICOM, so titles are checked here. ``GET`` always returns the complete entry.
"""

from __future__ import annotations

from typing import Any

from .._engine.fields import Field
from .._engine.http import Api
from .._engine.reconcile import Plan
from .._engine.resource import Params, ResourceSpec
from .._rules import addresses, dicom
from ._service import ORTHANC, check_seconds

RETRIEVE_METHODS = ("SystemDefault", "C-MOVE", "C-GET")


def _local_aet(value: str) -> str | None:
    return dicom.aet(value) if value else None


def _host(value: str) -> str | None:
    """Of a partner, which may stand on the machine itself."""
    if not value or any(character.isspace() or character in "/@" for character in value):
        return "is not a host; expected a host name or an IP address"
    return None


FIELDS = (
    Field("name", key=True, check=dicom.orthanc_name),
    Field("aet", "AET", needed=True, check=dicom.aet),
    Field("host", "Host", needed=True, check=_host),
    Field("port", "Port", type="int", needed=True, check=addresses.port, normalise=lambda value: value and int(value)),
    Field("manufacturer", "Manufacturer", choices=dicom.MANUFACTURERS),
    Field("local_aet", "LocalAet", check=_local_aet),
    Field("timeout", "Timeout", type="int", check=check_seconds),
    Field("retrieve_method", "RetrieveMethod", choices=RETRIEVE_METHODS),
    Field("use_dicom_tls", "UseDicomTls", type="bool"),
    Field("allow_echo", "AllowEcho", type="bool"),
    Field("allow_store", "AllowStore", type="bool"),
    Field("allow_find", "AllowFind", type="bool"),
    Field("allow_find_worklist", "AllowFindWorklist", type="bool"),
    Field("allow_get", "AllowGet", type="bool"),
    Field("allow_move", "AllowMove", type="bool"),
    Field("allow_n_action", "AllowNAction", type="bool"),
    Field("allow_event_report", "AllowEventReport", type="bool"),
    Field("allow_transcoding", "AllowTranscoding", type="bool"),
)


def _path(key: str) -> str:
    return f"/modalities/{key}/configuration"


class ModalityClient:
    """Modalities of one Orthanc."""

    def __init__(self, api: Api, params: Params) -> None:
        self._api = api

    def get(self, key: str) -> dict[str, Any] | None:
        """The complete entry."""
        found: dict[str, Any] | None = self._api.read(_path(key))
        return found

    def create(self, key: str, planned: Plan) -> None:
        """Orthanc creates and replaces with the same request."""
        self._api.send("PUT", f"/modalities/{key}", json=planned.desired)

    def update(self, key: str, planned: Plan, current: dict[str, Any]) -> None:
        """Replace the entry."""
        self._api.send("PUT", f"/modalities/{key}", json=planned.desired)

    def delete(self, key: str, current: dict[str, Any]) -> None:
        """Remove it; somebody else may have been faster."""
        self._api.send("DELETE", f"/modalities/{key}", accept=(404,))


MODALITY = ResourceSpec(
    service=ORTHANC,
    fields=FIELDS,
    client=ModalityClient,
    returns="modality",
    noun="Orthanc modality",
    several="modalities",
    path=_path,
    listing="/modalities",
)
