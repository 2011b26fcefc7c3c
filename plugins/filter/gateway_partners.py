# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The peers and modalities of a gateway's Orthanc, as the modules take them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

DOCUMENTATION = r"""
name: gateway_partners
version_added: 1.0.0
author:
  - mediverse.pacs contributors (@mediverse)
short_description: Peers and modalities of a gateway
description:
  - Turns the destinations and the scanners of a gateway into what M(mediverse.pacs.orthanc_peer) and
    M(mediverse.pacs.orthanc_modality) take.
  - A scanner may echo, store, and ask for its worklist. The gateway itself, under the name of the self-test, may echo
    and ask for worklists, so that a proof can ask as a scanner does.
positional: _input
options:
  _input:
    description: Destinations, with the keys of C(orthanc_windows_gateway_peer).
    type: list
    elements: dict
    required: true
  scanners:
    description: Scanners by name, each with C(aet), C(host), C(port) and perhaps C(manufacturer).
    type: dict
    required: true
  self_test:
    description: Name, AE title and DICOM port of the gateway itself, under C(name), C(aet) and C(port).
    type: dict
    required: true
"""

EXAMPLES = r"""
partners: >-
  {{ [orthanc_windows_gateway_peer] | mediverse.pacs.gateway_partners(scanners=orthanc_windows_gateway_scanners,
     self_test={'name': 'self-test', 'aet': 'MEDIVERSE', 'port': 4242}) }}
"""

RETURN = r"""
_value:
  description: C(peers) and C(modalities), each a list in the order of what was given.
  type: dict
"""

# What a whole request to a destination may take, unless it says otherwise: a large image on a thin line.
_TIMEOUT = 3600
_PEER = ("name", "url", "username", "password", "http_headers", "timeout")
_RIGHTS = {
    "allow_echo": True,
    "allow_store": True,
    "allow_find": False,
    "allow_find_worklist": True,
    "allow_get": False,
    "allow_move": False,
}


def _peer(given: Mapping[str, Any]) -> dict[str, Any]:
    return {"timeout": _TIMEOUT, **{name: given[name] for name in _PEER if given.get(name) is not None}}


def _scanner(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    where = {key: given[key] for key in ("aet", "host", "port")}
    return {"name": name, **where, "manufacturer": given.get("manufacturer") or "Generic", **_RIGHTS}


def gateway_partners(
    peers: Sequence[Mapping[str, Any]], scanners: Mapping[str, Mapping[str, Any]], self_test: Mapping[str, Any]
) -> dict[str, list[dict[str, Any]]]:
    """``{"peers": [...], "modalities": [...]}``."""
    itself = {**self_test, "host": "127.0.0.1", **_RIGHTS, "allow_store": False}
    return {
        "peers": [_peer(one) for one in peers],
        "modalities": [*(_scanner(name, one) for name, one in scanners.items()), itself],
    }


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name to function."""
        return {"gateway_partners": gateway_partners}
