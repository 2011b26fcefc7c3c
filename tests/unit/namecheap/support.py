# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module against the double, without a network and without waiting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from ansible_collections.mediverse.pacs.plugins.module_utils._engine.errors import UNREACHABLE, ApiError
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.http import Endpoint
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.messages import Response
from ansible_collections.mediverse.pacs.plugins.module_utils._engine.runner import run
from ansible_collections.mediverse.pacs.plugins.module_utils.namecheap.records import RECORDS

from tests.names.double import GET, SET, Double, Dropped
from tests.names.sample import DOMAIN

OWNED = [f"*.viewer.{DOMAIN}", f"*.pacs.{DOMAIN}"]
KEY = "0123456789abcdef0123456789abcdef"


@dataclass
class DoubleTransport:
    """A transport whose server is the double in this process."""

    double: Double
    far: bool = False

    @property
    def endpoint(self) -> Endpoint:
        """The address that messages show."""
        return Endpoint("Namecheap", "https://api.namecheap.com")

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Response:
        """Ask the double."""
        assert (headers or {})["Content-Type"] == "application/x-www-form-urlencoded"
        try:
            status, said = self.double.respond(method, path, (body or b"").decode())
        except Dropped:
            raise ApiError("the connection broke", kind=UNREACHABLE, path=path) from None
        return Response(status, {"content-type": "text/xml"}, said.encode())


class World:
    """One double, and one machine that asks it."""

    def __init__(self, double: Double, folder: Path) -> None:
        self.double, self.folder = double, folder
        self.waited: list[float] = []

    def task(self, check: bool = False, **options: Any) -> dict[str, Any]:
        """The result of one task; options that are left out have their default."""
        given = {
            "zone": DOMAIN,
            "owned": OWNED,
            "zone_has_srv": False,
            "folder": str(self.folder),
            "calls_per_minute": 10_000,
            "api_user": "mediverse",
            "api_key": KEY,
            "client_ip": "203.0.113.5",
            **options,
        }
        spec = RECORDS.argument_spec()
        assert not set(given) - set(spec)
        params = {name: given.get(name, option.get("default")) for name, option in spec.items()}
        params["records"] = [{"type": "A", "ttl": None, **one} for one in given.get("records", [])]
        with mock.patch("time.sleep", self.sleep):
            result: dict[str, Any] = run(RECORDS, params, DoubleTransport(self.double), check, lambda found: None)
        return result

    def sleep(self, seconds: float) -> None:
        """Nobody waits here."""
        if seconds:
            self.waited.append(seconds)

    def ok(self, check: bool = False, **options: Any) -> dict[str, Any]:
        """One task that must not fail."""
        result = self.task(check, **options)
        assert not result.get("failed"), result
        return result

    def refused(self, **options: Any) -> str:
        """The sentence of a task that must fail before it writes, in check mode as well."""
        foretold = self.task(check=True, **options)
        result = self.task(**options)
        assert result.get("failed"), result
        assert foretold["msg"] == result["msg"]
        assert self.writes == 0
        return str(result["msg"])

    @property
    def writes(self) -> int:
        """How often the zone was written."""
        return sum(command == SET for __, command in self.double.calls)

    @property
    def reads(self) -> int:
        """How often it was read."""
        return sum(command == GET for __, command in self.double.calls)

    def names(self) -> dict[tuple[str, str], str]:
        """The addresses of sites that the zone has, by name and type."""
        found = {}
        for one in self.double.zones[DOMAIN].records:
            if one.type in ("A", "AAAA") and one.name.endswith((".viewer", ".pacs")):
                found[one.name, one.type] = one.address
        return found
