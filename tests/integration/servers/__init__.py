# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real servers that integration targets run against; one YAML file describes one of them (see ../README.md)."""

from __future__ import annotations

import base64
import io
import json
import os
import secrets
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import requests
import yaml

from tests.forwarder.pair import FORWARDER, SCRIPTS
from tests.lab import pki, recipes
from tests.lab.engine import connect, image_tag
from tests.lab.steps import Steps

# Holds the process id of the run that a container belongs to.
_LABEL = "mediverse.integration"
FOLDER = Path(__file__).resolve().parent
_START = 60.0
# Characters that shells, JSON, Orthanc and Latin-1 are known to stumble over.
_AWKWARD = "$a'\"\\ ü"
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
    """Start ``servers/<name>.yml`` in a container and remove it afterwards; its image is made when it is missing."""
    description = _described(name)
    image, port = str(description["image"]), int(description["port"])
    client = connect()
    recipes.build(client, (image,), Steps(recipes.build_steps((image,))))
    # All but one target would pass with a tame password, and the one would fail at the customer's.
    facts: dict[str, Any] = {
        "password": secrets.token_urlsafe(16) + (_AWKWARD if description.get("awkward", True) else ""),
        "token": secrets.token_urlsafe(24),
        **_certificate(),
    }
    container = client.containers.create(
        image_tag(image),
        command=filled(description.get("command"), facts),
        entrypoint=description.get("entrypoint"),
        environment=filled(description.get("environment", {}), facts),
        name=f"mediverse-integration-{name}-{secrets.token_hex(3)}",
        labels={_LABEL: str(os.getpid())},
        ports={f"{port}/tcp": ("127.0.0.1", None)},
    )
    try:
        for path, content in description.get("files", {}).items():
            _put(container, path, filled(content, facts), int(description.get("owner", 0)))
        container.start()
        container.reload()
        scheme = description.get("scheme", "http")
        facts["port"] = int(container.ports[f"{port}/tcp"][0]["HostPort"])
        facts["url"] = f"{scheme}://127.0.0.1:{facts['port']}"
        address = next(iter(container.attrs["NetworkSettings"]["Networks"].values()))["IPAddress"]
        facts["inside_url"] = f"{scheme}://{address}:{port}"
        _wait(container, facts["url"] + str(description.get("ready", "/")), facts["authority"])
        yield Server(name, description, facts)
    finally:
        container.remove(force=True, v=True)


def _described(name: str) -> dict[str, Any]:
    """What its file says, with the forwarder where it wants one: its files, and their order, which the role knows."""
    description: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yml").read_text())
    if "forwarder" in description:
        source = FORWARDER.relative_to(_ROOT)
        files = {
            f"{description['forwarder']}/{name}.lua": f"{{{{ content('{source}/{name}.lua') }}}}" for name in SCRIPTS
        }
        description["files"]["/run/secrets/integration.json"]["LuaScripts"] = list(files)
        description["files"] |= files
    return description


def remove_leftovers() -> None:
    """Remove the containers of runs that were killed before they could do it themselves."""
    for container in connect().containers.list(all=True, filters={"label": _LABEL}):
        if not Path(f"/proc/{container.labels[_LABEL]}").exists():
            container.remove(force=True, v=True)


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


def _put(container: Any, path: str, content: Any, owner: int) -> None:
    """Place a file before the container starts: text as it is, a structure as JSON."""
    data = (content if isinstance(content, str) else json.dumps(content)).encode()
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for parent in reversed(Path(path).parents[:-1]):
            folder = tarfile.TarInfo(str(parent).lstrip("/"))
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(folder)
        entry = tarfile.TarInfo(path.lstrip("/"))
        entry.size, entry.mode, entry.uid, entry.gid = len(data), 0o600, owner, owner
        tar.addfile(entry, io.BytesIO(data))
    container.put_archive("/", archive.getvalue())


def _wait(container: Any, url: str, authority: str) -> None:
    """Wait for an answer, any answer: whether the login is right is the targets' business."""
    deadline = time.monotonic() + _START
    while time.monotonic() < deadline:
        container.reload()
        if container.status == "exited":
            break
        try:
            if requests.get(url, timeout=5, verify=authority).status_code not in (502, 503, 504):
                return
        except requests.RequestException:
            pass
        time.sleep(0.3)
    raise RuntimeError(f"{container.name} does not answer at {url}:\n{container.logs(tail=40).decode()}")
