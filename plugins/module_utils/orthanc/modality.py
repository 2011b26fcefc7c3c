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
from ._service import ORTHANC, check_name, check_port, check_seconds

# Other names that Orthanc still takes are old spellings, which it stores as one of these.
MANUFACTURERS = ("Generic", "GenericNoWildcardInDates", "GenericNoUniversalWildcard", "Vitrea", "GE")
RETRIEVE_METHODS = ("SystemDefault", "C-MOVE", "C-GET")


def check_aet(value: str) -> None:
    """An AE title: 1 to 16 printable ASCII characters without backslash, and no space at either end (DICOM PS3.5)."""
    if not 1 <= len(value) <= 16:
        raise ValueError(f"must have 1 to 16 characters (it has {len(value)})")
    if not (value.isascii() and value.isprintable()) or "\\" in value:
        raise ValueError("may only contain printable ASCII characters other than the backslash")
    if value != value.strip():
        raise ValueError("must not begin or end with a space")


def _check_local_aet(value: str) -> None:
    if value:
        check_aet(value)


def _check_host(value: str) -> None:
    if not value or any(character.isspace() or character in "/@" for character in value):
        raise ValueError("must be a host name or an IP address")


FIELDS = (
    Field("name", key=True, check=check_name),
    Field("aet", "AET", needed=True, check=check_aet),
    Field("host", "Host", needed=True, check=_check_host),
    Field("port", "Port", type="int", needed=True, check=check_port, normalise=lambda value: value and int(value)),
    Field("manufacturer", "Manufacturer", choices=MANUFACTURERS),
    Field("local_aet", "LocalAet", check=_check_local_aet),
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


class ModalityClient:
    """Modalities of one Orthanc."""

    def __init__(self, api: Api, params: Params) -> None:
        self._api = api

    def get(self, key: str) -> dict[str, Any] | None:
        """The complete entry."""
        found: dict[str, Any] | None = self._api.read(f"/modalities/{key}/configuration")
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
    service=ORTHANC, fields=FIELDS, client=ModalityClient, returns="modality", noun="Orthanc modality"
)
