# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Syncthing's REST API is reached, and what all its objects have in common.

The server validates almost nothing: a misspelt key, enum or address is answered with 200 and dropped. So everything
that can be judged is judged here before it is sent, and the engine reads back what was written.
Only single objects are ever written. ``PUT /rest/config`` is not used anywhere: it loses what others change meanwhile,
and an incomplete body erases the configuration and the API key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._engine.errors import InputError
from .._engine.fields import Field, to_api
from .._engine.http import Api, repeat
from .._engine.messages import Response
from .._engine.resource import Params, Service
from ._identity import canonical_device_id

# A change of the GUI section restarts the API. The fifth within seconds kept it away for 20 s; 60 s is ample.
_RESTART = 60.0
CONFIGURATION = "/rest/config"


def _explain(answer: Response) -> str:
    """Syncthing answers errors with one line of text."""
    lines = answer.text.strip().splitlines()
    said = lines[0][:200] if lines else ""
    if "Host check error" in said:
        return "Host check error; use 127.0.0.1 or localhost in api_url"
    return said


SYNCTHING = Service(
    name="Syncthing",
    api_url="http://127.0.0.1:8384",
    options={"api_key": {"type": "str", "required": True, "no_log": True}},
    headers=lambda params: {"X-API-Key": str(params["api_key"])},
    login_help="Check api_key; it stands in <gui><apikey> of this Syncthing's config.xml.",
    explain=_explain,
    retry_for=_RESTART,
)


@dataclass(frozen=True)
class Configuration:
    """One reading of the whole configuration: a single request, which matters on Windows.

    my_id and version come from the headers of the answer; data is the body.
    """

    my_id: str
    version: str
    data: Mapping[str, Any]

    def device(self, device_id: str) -> dict[str, Any] | None:
        """The device with this canonical ID."""
        return next((d for d in self.devices if d["deviceID"] == device_id), None)

    def folder(self, folder_id: str) -> dict[str, Any] | None:
        """The folder with this ID."""
        return next((f for f in self.folders if f["id"] == folder_id), None)

    @property
    def devices(self) -> list[dict[str, Any]]:
        """All devices, this one included."""
        return list(self.data.get("devices") or [])

    @property
    def folders(self) -> list[dict[str, Any]]:
        """All folders."""
        return list(self.data.get("folders") or [])


def configuration(api: Api) -> Configuration:
    """Read the configuration. Its body holds secrets; nobody may put it into a result."""
    answer = api.send("GET", CONFIGURATION)
    data = api.parse(answer, CONFIGURATION)
    my_id = answer.headers.get("x-syncthing-id") or str(api.read("/rest/system/status")["myID"])
    return Configuration(my_id, answer.headers.get("x-syncthing-version", ""), data)


def change(api: Api, method: str, path: str, body: Any = None) -> None:
    """One write. All writes of this API may be sent twice, so they too are repeated while the API restarts.

    Success is 200 with an empty body.
    """
    repeat(lambda: api.send(method, path, json=body), "PUT", api.transport.endpoint.retry_for)


def is_windows(api: Api) -> bool:
    """Whether paths are those of Windows: the API is asked through a WinRM connection."""
    return bool(getattr(api.transport, "windows", False))


def check_device_id(value: str) -> None:
    """A device ID in any spelling."""
    canonical_device_id(value)


def own_id_refused(config: Configuration, device_id: str, what: str) -> None:
    """Refuse this Syncthing's own ID where a peer is meant."""
    if device_id == config.my_id:
        raise InputError(f"{what} names {device_id}, which is this Syncthing itself. Give the ID of the other end.")


def tolerate_unknown(
    fields: Sequence[Field], params: Params, found: dict[str, Any], version: str, warnings: list[str]
) -> None:
    """Complete ``found`` with the properties that this version of Syncthing does not have, and say so once.

    Versions 1 and 2 differ in a few properties. A property that the other version lacks is dropped without an error,
    and a task should not fail over it, because one role serves both. A task that wants it switched off has what it
    wants and gets no warning.
    """
    for field in fields:
        value = params.get(field.option)
        if field.key or not field.is_option or value is None or field.api in found:
            continue
        found[field.api] = to_api(field, value)
        if not value:
            continue
        warning = f"Syncthing {version} has no {field.api}; {field.option} was not applied."
        if warning not in warnings:
            warnings.append(warning)
