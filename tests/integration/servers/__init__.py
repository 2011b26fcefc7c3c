# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real servers that integration targets run against; one YAML file describes one of them (see ../README.md)."""

from __future__ import annotations

import base64
import json
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import requests
import yaml

from tests.kit import product
from tests.kit.containers import Container
from tests.kit.images import prepare
from tests.lab import pki
from tests.lab.digitalocean import neighbours
from tests.lab.digitalocean import world as digitalocean
from tests.lab.digitalocean.server import serving
from tests.lab.engine import image_tag

FOLDER = Path(__file__).resolve().parent
_START = 60.0
# Characters that shells, JSON, Orthanc and Latin-1 are known to stumble over, by a server's ``awkward``.
_AWKWARD = {True: "$a'\"\\ ü", "printable": "$a'\"\\ ", False: ""}
_ROOT = FOLDER.parents[2]
_JINJA = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
_JINJA.filters["base64"] = lambda text: base64.b64encode(text.encode()).decode()
_JINJA.globals["content"] = lambda path: (_ROOT / path).read_text(encoding="utf-8")


@dataclass(frozen=True)
class Server:
    """A running server. ``url`` leads to it from this machine, ``inside_url`` from other containers."""

    name: str
    description: Mapping[str, Any]
    facts: Mapping[str, Any]

    @property
    def secrets(self) -> set[str]:
        """What must never be printed."""
        return {self.facts["password"], self.facts["token"]}

    def variables(self, inside: bool = False) -> dict[str, Any]:
        """The server's address and what its file lists under ``variables``."""
        facts = self._facts(inside)
        return {"url": facts["url"], **filled(self.description.get("variables", {}), facts)}

    def module_defaults(self, inside: bool = False) -> dict[str, Any]:
        """``module_defaults`` of a play: the connection options of an action group."""
        facts = self._facts(inside)
        groups = self.description.get("module_defaults", {})
        return {f"group/mediverse.pacs.{group}": filled(options, facts) for group, options in groups.items()}

    def _facts(self, inside: bool) -> dict[str, Any]:
        return {**self.facts, "url": self.facts["inside_url"]} if inside else dict(self.facts)


@contextmanager
def start(name: str) -> Iterator[Server]:
    """Start ``servers/<name>.yml`` in a container and remove it afterwards; its image is made when it is missing. A
    ``double`` runs in this process.
    """
    description = _described(name)
    if "double" in description:
        with _double(name, description) as server:
            yield server
        return
    image, port = str(description["image"]), int(description["port"])
    prepare(image)
    # All but one target would pass with a tame password, and the one would fail at the customer's.
    facts: dict[str, Any] = {
        "password": secrets.token_urlsafe(16) + _AWKWARD[description.get("awkward", True)],
        "token": secrets.token_urlsafe(24),
        **_certificate(),
    }
    with Container(
        image_tag(image),
        f"mediverse-integration-{name}-{secrets.token_hex(3)}",
        filled(description.get("command", []), facts),
        entrypoint=description.get("entrypoint"),
        environment=filled(description.get("environment", {}), facts),
        ports={f"{port}/tcp": ("127.0.0.1", None)},
    ) as container:
        container.put(dict(_files(description, facts)))
        container.start()
        scheme = description.get("scheme", "http")
        facts["port"] = container.published(port)
        facts["url"] = f"{scheme}://127.0.0.1:{facts['port']}"
        facts["inside_url"] = f"{scheme}://{container.address}:{port}"
        ready = facts["url"] + str(description.get("ready", "/"))
        container.wait_until(lambda: _answers(ready, facts["authority"]), _START, f"an answer of {ready}")
        yield Server(name, description, facts)


@contextmanager
def _double(name: str, description: Mapping[str, Any]) -> Iterator[Server]:
    facts: dict[str, Any] = {
        "password": secrets.token_urlsafe(16),
        "token": secrets.token_urlsafe(24),
        **_certificate(),
    }
    world = digitalocean.World(digitalocean.Settings(tokens={facts["token"]: "write"}, **description["double"]))
    neighbours.settle_in(world, facts["token"])
    with tempfile.TemporaryDirectory() as folder:
        files = (Path(folder) / "certificate.pem", Path(folder) / "key.pem")
        for path, what in zip(files, ("certificate", "certificate_key"), strict=True):
            path.touch(mode=0o600)
            path.write_text(facts[what], encoding="utf-8")
        with serving(world, files) as port:
            facts["port"] = port
            facts["url"] = facts["inside_url"] = f"https://127.0.0.1:{port}"
            yield Server(name, description, facts)


def _described(name: str) -> dict[str, Any]:
    """What its file says. ``gateway`` there: it is an Orthanc with the product's configuration, and those settings."""
    description: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yml").read_text())
    if "gateway" in description:
        settings = dict(description["gateway"])
        made = product.gateway(settings.pop("forwarder", {})) | settings
        # The secrets folder, and not /etc/orthanc, because only there the image leaves `$` in a password alone.
        files = {"/run/secrets/integration.json": made}
        source = product.FORWARDER.relative_to(_ROOT)
        files |= {script: f"{{{{ content('{source / Path(script).name}') }}}}" for script in made["LuaScripts"]}
        description["files"] = files
    return description


def filled(value: Any, facts: Mapping[str, Any]) -> Any:
    """Fill ``{{ … }}`` in every text of a structure."""
    if isinstance(value, str):
        return _JINJA.from_string(value).render(facts)
    if isinstance(value, Mapping):
        return {filled(key, facts): filled(item, facts) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, facts) for item in value]
    return value


def _certificate() -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = pki.server_certificate(Path(folder), "server", ["localhost"], ["127.0.0.1"])
        texts = {"certificate": certificate.read_text(), "certificate_key": key.read_text()}
    return {**texts, "authority": str(pki.authority()[0])}


def _files(description: Mapping[str, Any], facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The server's files before it starts, by their paths: text as it is, a structure as JSON."""
    for path, content in description.get("files", {}).items():
        value = filled(content, facts)
        yield path, value if isinstance(value, str) else json.dumps(value)


def _answers(url: str, authority: str) -> bool:
    """Whether an answer comes, any answer: whether the login is right is the targets' business."""
    return requests.get(url, timeout=5, verify=authority).status_code not in (502, 503, 504)
