"""The real servers that integration targets run against; one YAML file describes one of them (see ../README.md)."""

from __future__ import annotations

import io
import json
import secrets
import tarfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
import requests
import yaml

from tests.lab import recipes
from tests.lab.engine import connect
from tests.lab.steps import Steps

FOLDER = Path(__file__).resolve().parent
_START = 60.0
# Characters that shells, JSON, Orthanc and Latin-1 are known to stumble over.
_AWKWARD = "$a'\"\\ ü"


@dataclass(frozen=True)
class Server:
    """A running server: its address from this machine, the secrets that were made for it, and what targets get."""

    name: str
    container: Any
    url: str
    secrets: frozenset[str]
    variables: Mapping[str, Any]
    module_defaults: Mapping[str, Any] = field(default_factory=dict)


@contextmanager
def start(name: str) -> Iterator[Server]:
    """Start ``servers/<name>.yml`` in a container and remove it afterwards; its image is made when it is missing."""
    description: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yml").read_text())
    image = str(description["image"])
    client = connect()
    recipes.build(client, (image,), Steps(recipes.build_steps((image,))))
    # All but one target would pass with a tame password, and the one would fail at the customer's.
    facts: dict[str, Any] = {
        "password": secrets.token_urlsafe(16) + (_AWKWARD if description.get("awkward", True) else ""),
        "token": secrets.token_urlsafe(24),
    }
    container = client.containers.create(
        f"mediverse-lab/{image}:lab",
        command=_filled(description.get("command"), facts),
        entrypoint=description.get("entrypoint"),
        environment=_filled(description.get("environment", {}), facts),
        name=f"mediverse-integration-{name}-{secrets.token_hex(3)}",
        labels={"mediverse.integration": name},
        ports={f"{description['port']}/tcp": ("127.0.0.1", None)},
    )
    try:
        for path, content in description.get("files", {}).items():
            _put(container, path, _filled(content, facts), description.get("owner", 0))
        container.start()
        facts["url"] = f"http://127.0.0.1:{_published(container, description['port'])}"
        _wait(container, facts["url"] + str(description.get("ready", "/")))
        yield Server(
            name=name,
            container=container,
            url=facts["url"],
            secrets=frozenset({facts["password"], facts["token"]}),
            variables=_filled(description.get("variables", {}), facts),
            module_defaults={
                f"group/mediverse.pacs.{group}": _filled(options, facts)
                for group, options in description.get("module_defaults", {}).items()
            },
        )
    finally:
        container.remove(force=True, v=True)


def _filled(value: Any, facts: Mapping[str, Any]) -> Any:
    """Fill ``{{ … }}`` in every text of a structure."""
    if isinstance(value, str):
        return jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(value).render(facts)
    if isinstance(value, Mapping):
        return {_filled(key, facts): _filled(item, facts) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, facts) for item in value]
    return value


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


def _published(container: Any, port: int) -> int:
    container.reload()
    found: int = int(container.ports[f"{port}/tcp"][0]["HostPort"])
    return found


def _wait(container: Any, url: str) -> None:
    """Wait for an answer, any answer: whether the login is right is the targets' business."""
    deadline = time.monotonic() + _START
    while time.monotonic() < deadline:
        container.reload()
        if container.status == "exited":
            break
        try:
            if requests.get(url, timeout=5).status_code < 500:
                return
        except requests.RequestException:
            pass
        time.sleep(0.3)
    raise RuntimeError(f"{container.name} does not answer at {url}:\n{container.logs(tail=40).decode()}")
