# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a module's declaration against the double, and notes every request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.mediverse.pacs.plugins.module_utils._engine.errors import TIMEOUT, ApiError
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.http import Endpoint
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.messages import Response
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.resource import ResourceSpec
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.runner import run

from tests.lab.proxy_manager.errors import NeverAnswers
from tests.unit.lab_proxy_manager.world import EMAIL, PASSWORD, World

ACCOUNT = {"api_email": EMAIL, "api_password": PASSWORD}
_QUIET = ("/api/tokens",)


@dataclass
class DoubleTransport:
    """A transport whose server is the double in this process. ``calls`` are (method, path) in order."""

    world: World
    calls: list[tuple[str, str]] = field(default_factory=list)
    timeouts: list[float | None] = field(default_factory=list)

    @property
    def endpoint(self) -> Endpoint:
        """The address that messages show."""
        return Endpoint("Nginx Proxy Manager", "http://127.0.0.1:81")

    @property
    def writes(self) -> list[tuple[str, str]]:
        """The calls that may change something; logins do not."""
        return [call for call in self.calls if call[0] != "GET" and call[1] not in _QUIET]

    @property
    def work(self) -> list[tuple[str, str]]:
        """The writes without the note that stands around them: the first, and what takes it away at the end."""
        assert self.writes[0] == ("POST", "/api/nginx/certificates")
        assert self.writes[-1][0] == "DELETE"
        return self.writes[1:-1]

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Response:
        """Ask the double; its own token is not used."""
        self.calls.append((method, urlsplit(path).path))
        self.timeouts.append(timeout)
        try:
            status, said = self.world.respond(method, path.removeprefix("/api"), dict(headers or {}), body or b"")
        except NeverAnswers:
            raise ApiError("no answer", kind=TIMEOUT, path=path) from None
        return Response(status, {"content-type": "application/json"}, json.dumps(said).encode())


@dataclass
class Outcome:
    """What a task came to."""

    result: dict[str, Any]
    transport: DoubleTransport
    secrets: set[str]

    @property
    def changed(self) -> bool:
        """Whether the task reports a change."""
        return bool(self.result["changed"])

    @property
    def failed(self) -> bool:
        """Whether the task failed."""
        return bool(self.result.get("failed"))


def task(
    spec: ResourceSpec,
    world: World,
    check_mode: bool = False,
    transport: DoubleTransport | None = None,
    **options: Any,
) -> Outcome:
    """Run one task; options that are left out have their default, as Ansible would give them."""
    params = _complete(spec.argument_spec(), {**ACCOUNT, **options})
    transport, secrets = transport or DoubleTransport(world), set[str]()
    return Outcome(run(spec, params, transport, check_mode, secrets.update), transport, secrets)


def succeed(spec: ResourceSpec, world: World, check_mode: bool = False, **options: Any) -> Outcome:
    """Run one task that must not fail."""
    outcome = task(spec, world, check_mode, **options)
    assert not outcome.failed, outcome.result
    return outcome


def refuse(spec: ResourceSpec, world: World, check_mode: bool = False, **options: Any) -> str:
    """Run one task that must fail before it writes anything; returns its message."""
    outcome = task(spec, world, check_mode, **options)
    assert outcome.failed, outcome.result
    assert outcome.transport.writes == []
    assert not outcome.changed
    return str(outcome.result["msg"])


def settle(spec: ResourceSpec, world: World, **options: Any) -> Outcome:
    """Run a task as it must behave everywhere: check mode foretells and writes nothing, a second run is quiet."""
    foretold = succeed(spec, world, check_mode=True, **options)
    assert foretold.transport.writes == []
    done = succeed(spec, world, **options)
    assert done.changed == foretold.changed
    assert done.result["diff"] == foretold.result["diff"]
    again = succeed(spec, world, **options)
    assert not again.changed, again.result["diff"]
    assert again.transport.writes == []
    return done


def _complete(spec: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    unknown = set(given) - set(spec)
    assert not unknown, unknown
    params: dict[str, Any] = {}
    for name, option in spec.items():
        value = given.get(name, option.get("default"))
        if isinstance(value, list) and "options" in option:
            value = [_complete(option["options"], item) for item in value]
        params[name] = value
    return params
