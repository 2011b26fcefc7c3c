# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Orthanc peers: other Orthanc servers that this one sends to over HTTP.

``PUT /peers/NAME`` replaces the whole peer. ``GET`` gives the password as null and of the extra HTTP headers only the
names, but returns keys it does not know, which is where the fingerprint of the secrets lives.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._engine.errors import InputError
from .._engine.fields import Field
from .._engine.http import Api
from .._engine.reconcile import UPDATE, Plan
from .._engine.resource import Params, ResourceSpec
from .._rules import addresses, dicom
from ._service import ORTHANC, check_seconds

FINGERPRINT = "MediverseSecrets"


FIELDS = (
    Field("name", key=True, check=dicom.orthanc_name),
    Field("url", "Url", needed=True, check=addresses.web_url, normalise=lambda value: value.rstrip("/") + "/"),
    Field("username", "Username"),
    Field("password", "Password", secret=True, write_only=True),
    Field("http_headers", "HttpHeaders", type="dict", secret=True, write_only=True),
    Field("timeout", "Timeout", type="int", check=check_seconds),
    Field("certificate_file", "CertificateFile", type="str"),
    Field("certificate_key_file", "CertificateKeyFile", type="str"),
    Field("certificate_key_password", "CertificateKeyPassword", secret=True, write_only=True),
    Field("pkcs11", "Pkcs11", type="bool"),
)


def _validate(params: Params, current: Mapping[str, Any] | None, planned: Plan) -> None:
    """A PUT without the secrets would erase them, so a task that changes a protected peer has to bring them."""
    if planned.action != UPDATE or current is None:
        return
    for option, api in (("password", "Username"), ("http_headers", "HttpHeaders")):
        if current.get(api) and params[option] is None:
            raise InputError(
                f"Orthanc peer {params['name']!r} has {option}, which Orthanc does not return "
                f"and which every change has to send again. Give {option} in this task, too."
            )


def _path(key: str) -> str:
    return f"/peers/{key}/configuration"


class PeerClient:
    """Peers of one Orthanc."""

    def __init__(self, api: Api, params: Params) -> None:
        self._api = api

    def get(self, key: str) -> dict[str, Any] | None:
        """The peer's configuration."""
        found: dict[str, Any] | None = self._api.read(_path(key))
        return found

    def create(self, key: str, planned: Plan) -> None:
        """Orthanc creates and replaces with the same request."""
        self._put(key, planned.desired)

    def update(self, key: str, planned: Plan, current: dict[str, Any]) -> None:
        """Replace the whole peer."""
        self._put(key, planned.desired)

    def delete(self, key: str, current: dict[str, Any]) -> None:
        """Remove it; somebody else may have been faster."""
        self._api.send("DELETE", f"/peers/{key}", accept=(404,))

    def _put(self, key: str, desired: Mapping[str, Any]) -> None:
        # Of an object that was read, the password is null and the headers are a list of names: both are no input.
        body = {name: value for name, value in desired.items() if value is not None and not isinstance(value, list)}
        self._api.send("PUT", f"/peers/{key}", json=body)


PEER = ResourceSpec(
    service=ORTHANC,
    fields=FIELDS,
    client=PeerClient,
    returns="peer",
    noun="Orthanc peer",
    validate=_validate,
    fingerprint=FINGERPRINT,
    several="peers",
    path=_path,
    listing="/peers",
    constraints={"required_together": [("certificate_file", "certificate_key_file")]},
)
