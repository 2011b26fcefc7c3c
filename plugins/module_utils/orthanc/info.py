# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an Orthanc server says about itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .._engine.errors import ApiError
from .._engine.fields import Field, show_all
from .._engine.http import Api, Ask
from .._engine.resource import InfoSpec, Params
from . import modality, peer
from ._service import ORTHANC
from .delivery import parse_time


def _named(fields: tuple[Field, ...]) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    return lambda found: {name: {"name": name, **show_all(fields, entry)} for name, entry in found.items()}


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


def _received(found: list[dict[str, Any]]) -> dict[str, str]:
    """Who sent the last series that came over DICOM and is still there, and when; empty without any."""
    if not found:
        return {}
    metadata = found[0]["Metadata"]
    moment = parse_time(metadata["LastUpdate"])
    return {"aet": str(metadata["RemoteAET"]), "time": f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment else ""}


_ENCODING = "default_encoding"
# The question of each, and what becomes of the answer.
SUBSETS: dict[str, tuple[Ask, Callable[[Any], Any]]] = {
    "system": (Ask("GET", "/system"), dict),
    "peers": (Ask("GET", "/peers?expand"), _named(peer.FIELDS)),
    "modalities": (Ask("GET", "/modalities?expand"), _named(modality.FIELDS)),
    "statistics": (Ask("GET", "/statistics"), dict),
    "plugins": (Ask("GET", "/plugins"), list),
    "transfer_syntaxes": (Ask("GET", "/tools/accepted-transfer-syntaxes"), list),
    _ENCODING: (Ask("GET", "/tools/default-encoding"), str.strip),
    "received": (Ask("POST", "/tools/find", _LAST_RECEIVED, harmless=True), _received),
}
DEFAULT = ("system", "peers", "modalities", "statistics")


def read(api: Api, params: Params) -> dict[str, Any]:
    """The subsets that were asked for."""
    chosen = [name for name in SUBSETS if name in params["gather"]]
    result: dict[str, Any] = {}
    try:
        for name, answer in zip(chosen, api.together(*(SUBSETS[name][0] for name in chosen))):
            asked, shape = SUBSETS[name]
            # One of them is a word, and no JSON.
            result[name] = shape(answer.text if name == _ENCODING else api.parse(answer, asked.path))
    except (TypeError, AttributeError, KeyError, IndexError) as error:
        raise ApiError(f"{api.where} does not answer like Orthanc ({error}). Check api_url.") from None
    return result


INFO = InfoSpec(
    service=ORTHANC,
    read=read,
    options={"gather": {"type": "list", "elements": "str", "choices": list(SUBSETS), "default": list(DEFAULT)}},
)
