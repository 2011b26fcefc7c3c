# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an Orthanc server says about itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._engine.errors import ApiError
from .._engine.fields import Field, show_all
from .._engine.http import Api
from .._engine.resource import InfoSpec, Params
from . import modality, peer
from ._service import ORTHANC
from .delivery import parse_time


def _named(path: str, fields: tuple[Field, ...]) -> Callable[[Api], dict[str, Any]]:
    def read(api: Api) -> dict[str, Any]:
        found: dict[str, dict[str, Any]] = api.read(f"{path}?expand", absent=())
        return {name: {"name": name, **show_all(fields, entry)} for name, entry in found.items()}

    return read


# Orthanc keeps at each series the AE title that it last came from, empty for one that came over its REST API, and the
# time of its last image, by UTC (seen with 1.13.0; one of 3000 series is found within 5 ms).
_LAST_RECEIVED = {
    "Level": "Series",
    "Query": {},
    "MetadataQuery": {"RemoteAET": "?*"},
    "OrderBy": [{"Type": "Metadata", "Key": "LastUpdate", "Direction": "DESC"}],
    "Limit": 1,
    "ResponseContent": ["Metadata"],
}


def _received(api: Api) -> dict[str, str]:
    """Who sent the last series that came over DICOM and is still there, and when; empty without any."""
    path = "/tools/find"
    found = api.parse(api.send("POST", path, json=_LAST_RECEIVED, harmless=True), path)
    if not found:
        return {}
    metadata = found[0]["Metadata"]
    moment = parse_time(metadata["LastUpdate"])
    return {"aet": str(metadata["RemoteAET"]), "time": f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment else ""}


# One request each; on a Windows target a request takes a second, which is why gather exists.
SUBSETS: dict[str, Callable[[Api], Any]] = {
    "system": lambda api: dict(api.read("/system", absent=())),
    "peers": _named("/peers", peer.FIELDS),
    "modalities": _named("/modalities", modality.FIELDS),
    "statistics": lambda api: dict(api.read("/statistics", absent=())),
    "plugins": lambda api: list(api.read("/plugins", absent=())),
    "transfer_syntaxes": lambda api: list(api.read("/tools/accepted-transfer-syntaxes", absent=())),
    "default_encoding": lambda api: api.send("GET", "/tools/default-encoding").text.strip(),
    "received": _received,
}
DEFAULT = ("system", "peers", "modalities", "statistics")


def read(api: Api, params: Params) -> dict[str, Any]:
    """The subsets that were asked for."""
    chosen = [name for name in SUBSETS if name in params["gather"]]
    try:
        return {name: SUBSETS[name](api) for name in chosen}
    except (TypeError, AttributeError, KeyError, IndexError) as error:
        raise ApiError(f"{api.where} does not answer like Orthanc ({error}). Check api_url.") from None


INFO = InfoSpec(
    service=ORTHANC,
    read=read,
    options={"gather": {"type": "list", "elements": "str", "choices": list(SUBSETS), "default": list(DEFAULT)}},
)
