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
from .delivery import parse_time, show_time


def _named(fields: tuple[Field, ...]) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    return lambda found: {name: {"name": name, **show_all(fields, entry)} for name, entry in found.items()}


# Orthanc keeps at each series the AE title that it last came from, empty for one that came over its REST API, and the
# time of its last image, by UTC (seen with 1.13.0; one of 3000 series is found within 5 ms).
def _last_received(sender: str) -> Ask:
    """The last series of an AE title; of anybody with ``?*``."""
    question = {
        "Level": "Series",
        "Query": {},
        "MetadataQuery": {"RemoteAET": sender},
        "OrderBy": [{"Type": "Metadata", "Key": "LastUpdate", "Direction": "DESC"}],
        "Limit": 1,
        "ResponseContent": ["Metadata"],
    }
    return Ask("POST", "/tools/find", question, harmless=True)


def _received(found: list[dict[str, Any]]) -> dict[str, str]:
    """When the series that was found came, by its sender; empty without any."""
    metadata = [series["Metadata"] for series in found]
    return {str(one["RemoteAET"]): show_time(parse_time(one["LastUpdate"])) for one in metadata}


_ENCODING = "default_encoding"
_RECEIVED = "received"
# The question of each, and what becomes of the answer.
_PLAIN: dict[str, tuple[Ask, Callable[[Any], Any]]] = {
    "system": (Ask("GET", "/system"), dict),
    "peers": (Ask("GET", "/peers?expand"), _named(peer.FIELDS)),
    "modalities": (Ask("GET", "/modalities?expand"), _named(modality.FIELDS)),
    "statistics": (Ask("GET", "/statistics"), dict),
    "plugins": (Ask("GET", "/plugins"), list),
    "transfer_syntaxes": (Ask("GET", "/tools/accepted-transfer-syntaxes"), list),
    _ENCODING: (Ask("GET", "/tools/default-encoding"), str.strip),
}
SUBSETS = (*_PLAIN, _RECEIVED)
DEFAULT = ("system", "peers", "modalities", "statistics")


def read(api: Api, params: Params) -> dict[str, Any]:
    """The subsets that were asked for."""
    chosen = [name for name in _PLAIN if name in params["gather"]]
    # One question for each sender: the last of them all would say nothing about the others.
    senders = list(dict.fromkeys(params["senders"] or ["?*"])) if _RECEIVED in params["gather"] else []
    result: dict[str, Any] = {}
    try:
        answers = api.together(*(_PLAIN[name][0] for name in chosen), *map(_last_received, senders))
        for name, answer in zip(chosen, answers):
            asked, shape = _PLAIN[name]
            # One of them is a word, and no JSON.
            result[name] = shape(answer.text if name == _ENCODING else api.parse(answer, asked.path))
        if senders:
            result[_RECEIVED] = dict.fromkeys(params["senders"], "")
            first = len(chosen)
            for answer in answers[first:]:
                result[_RECEIVED] |= _received(api.parse(answer, "/tools/find"))
    except (TypeError, AttributeError, KeyError, IndexError) as error:
        raise ApiError(f"{api.where} does not answer like Orthanc ({error}). Check api_url.") from None
    return result


INFO = InfoSpec(
    service=ORTHANC,
    read=read,
    options={
        "gather": {"type": "list", "elements": "str", "choices": list(SUBSETS), "default": list(DEFAULT)},
        "senders": {"type": "list", "elements": "str", "default": []},
    },
)
