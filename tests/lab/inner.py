# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Docker engine inside a cloud host: wait for it, and give it the images it would pull in real life."""

from __future__ import annotations

import time
from typing import Any

import docker
import docker.errors

from tests.lab.engine import HASH_LABEL, INNER_TAG, PREFIX, image_hash, image_tag
from tests.lab.errors import LabError
from tests.lab.recipes import INNER
from tests.lab.site import Host, Lab
from tests.lab.steps import Progress

_MIB = 1024 * 1024


def load_images(client: docker.DockerClient, lab: Lab, host: Host, progress: Progress) -> str:
    """Copy the lab's images into the engine of ``host`` where they are missing or differ; return what was done."""
    container = client.containers.get(lab.container(host))
    _wait(container, host)
    have = _hashes(container)
    wanted = {name: image_hash(client, image_tag(name)) for name in INNER}
    missing = [name for name, value in wanted.items() if value and have.get(_inside(name)) != value]
    if not missing:
        return "images there"
    _copy(client, container, [image_tag(name) for name in missing], progress)
    for name in missing:
        # There the image has the name that the inventories of labs give it, whichever checkout it comes from.
        script = f"docker tag {image_tag(name)} {_inside(name)} && docker rmi {image_tag(name)}"
        container.exec_run(["sh", "-c", script])
    have = _hashes(container)
    lost = [name for name in missing if have.get(_inside(name)) != wanted[name]]
    if lost:
        raise LabError(f"The engine of {host.name} did not take {', '.join(lost)}: run up again.")
    container.exec_run(["docker", "image", "prune", "-f"])
    return f"{len(missing)} images loaded"


def _inside(name: str) -> str:
    return f"{PREFIX}{name}:{INNER_TAG}"


def _wait(container: Any, host: Host) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if container.exec_run(["docker", "info"]).exit_code == 0:
            return
        time.sleep(0.5)
    tail = container.exec_run(["tail", "-n", "3", "/var/log/dockerd.log"]).output.decode(errors="replace")
    raise LabError(
        f"The Docker engine inside {host.name} does not start ({' '.join(tail.split())[-300:]}): "
        "look at /var/log/dockerd.log there; this machine must allow nested containers."
    )


def _hashes(container: Any) -> dict[str, str]:
    """Content hashes of the lab images in the inner engine, by tag."""
    template = '{{range .RepoTags}}{{.}} {{end}}{{index .Config.Labels "' + HASH_LABEL + '"}}'
    script = f"docker images -q --filter label={HASH_LABEL} | sort -u | xargs -r docker inspect -f '{template}'"
    output = container.exec_run(["sh", "-c", script]).output.decode(errors="replace")
    found: dict[str, str] = {}
    for line in output.splitlines():
        *tags, value = line.split() or [""]
        found |= dict.fromkeys(tags, value)
    return found


def _copy(client: docker.DockerClient, container: Any, tags: list[str], progress: Progress) -> None:
    """Stream ``docker save`` of this engine into ``docker load`` of the other one, nothing lies on disk between."""
    api = client.api
    total = sum(client.images.get(tag).attrs["Size"] for tag in tags)
    job = api.exec_create(container.id, ["docker", "load"], stdin=True, stdout=True, stderr=True)
    connection = api.exec_start(job["Id"], socket=True)
    raw = getattr(connection, "_sock", connection)
    response = api.get(
        "/".join([api.base_url, f"v{api.api_version}", "images", "get"]), params={"names": tags}, stream=True
    )
    response.raise_for_status()
    sent = 0
    for chunk in response.iter_content(chunk_size=_MIB):
        raw.sendall(chunk)
        sent += len(chunk)
        progress.say(f"loading {len(tags)} images, {sent // _MIB} of about {total // _MIB} MB")
    raw.shutdown(1)
    while raw.recv(65536):
        pass
    # Closing the socket alone leaves a response that complains on the terminal when the interpreter ends (Python 3.13).
    getattr(connection, "_response", connection).close()
    response.close()
    if api.exec_inspect(job["Id"])["ExitCode"]:
        raise LabError("'docker load' inside the cloud host failed: see 'df -h' there, make room, and run up again.")
