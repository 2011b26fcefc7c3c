# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab that is probed: its hosts, a neighbour of the cloud host, containers beside the site's, a study, secrets."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import docker
import docker.errors

from tests.kit.containers import Container
from tests.kit.images import prepare
from tests.lab.engine import LABEL, image_tag
from tests.lab.errors import LabError
from tests.lab.site import Lab

AGENT = (Path(__file__).resolve().parent / "agent.py").read_text(encoding="utf-8")
PATIENT = "PROBE-7Q4X"
NAME = "PROBEMARKER^QUETZAL"
OTHER = "probes-other-site"
_GUARD = "mediverse-container-guard"
_IMAGE = "scanner"
_ARRIVAL = 90
_PARTS = {"ohif": "-ohif-", "orthanc": "-orthanc-", "proxy": "nginx-proxy-manager"}


@dataclass
class Stage:
    """One site of a running lab."""

    client: docker.DockerClient
    lab: Lab
    site: str
    values: dict[str, str] = field(default_factory=dict)
    """What ``{name}`` in a row stands for."""

    @property
    def cloud(self) -> str:
        """Container of the cloud host."""
        return self.lab.container(self.lab.host(f"{self.site}-cloud"))

    @property
    def neighbour(self) -> str:
        """Container that stands in the cloud host's segment."""
        return f"mediverse-{self.lab.name}-probes-neighbour"

    def address(self, name: str) -> str:
        """Address of a host of the lab."""
        return self.lab.host(name).address

    @cached_property
    def secrets(self) -> dict[str, str]:
        """Every secret of site and machine, by purpose."""
        found: dict[str, str] = {}
        listed = self.run(
            self.cloud, "sh", "-c", "cat /etc/mediverse/secrets/*.json | tr -d '\\n' | sed 's/}{/}\\n{/g'"
        )
        for line in listed.splitlines():
            content = json.loads(line)
            found |= {key: value for key, value in content.get("secrets", content).items() if isinstance(value, str)}
        return found

    @cached_property
    def containers(self) -> dict[str, dict[str, Any]]:
        """What the cloud host's engine says of ohif, orthanc and the proxy."""
        names = self.run(self.cloud, "docker", "ps", "--format", "{{.Names}}").split()
        found = {}
        for part, text in _PARTS.items():
            name = next((one for one in names if text in one and (part == "proxy" or f"-{self.site}-" in one)), None)
            if name is None:
                raise LabError(f"The cloud host has no running container of {part}: run 'make demo' and then again.")
            found[part] = json.loads(self.run(self.cloud, "docker", "inspect", name))[0]
        return found

    def networks(self, part: str) -> dict[str, Any]:
        """Networks of a container: name -> settings with IPAddress and Gateway."""
        found: dict[str, Any] = self.containers[part]["NetworkSettings"]["Networks"]
        return found

    def run(self, container: str, *command: str, data: str | None = None) -> str:
        """Output of a command in a host of the lab."""
        done = subprocess.run(
            ["docker", "exec", "-i", container, *command], input=data, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise LabError(
                f"{container}: {command[0]} failed ({done.stderr.strip()[-300:]}); is the lab of 'make demo' up?"
            )
        return done.stdout

    def act(self, place: str, steps: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """Hand the steps to the agent in ``place``; what was seen, by the id of the step."""
        output = self.run(*self._prefix(place), "python3", "-c", AGENT, data=json.dumps(steps))
        return {answer["id"]: answer for answer in map(json.loads, output.splitlines())}

    def _prefix(self, place: str) -> tuple[str, ...]:
        if place in ("neighbour", "cloud"):
            return (getattr(self, place),)
        kind, __, network = place.partition("@")
        if kind in ("own-site", "other-site"):
            image = self.containers["orthanc"]["Config"]["Image"]
            # python3 is the entry point's argument list: the image has an entry point of its own.
            return (self.cloud, "docker", "run", "--rm", "-i", "--network", network, "--entrypoint", "env", image)
        name = f"{self.site}-gateway" if place == "gateway" else place
        return (self.lab.container(self.lab.host(name)),)

    def variants(self, place: str) -> list[str]:
        """Where a row of ``place`` is tried: a container stands in each network that it could stand in."""
        if place == "own-site":
            return [f"{place}@{name}" for name in self.networks("ohif")]
        if place == "other-site":
            # Another site has its own network, and whatever this site and the proxy share with everybody.
            shared = [name for name in self.networks("proxy") if not re.search(rf"(^|[-_]){self.site}([-_]|$)", name)]
            return [f"{place}@{name}" for name in dict.fromkeys([OTHER, *shared])]
        return [place]

    def ask(self, path: str, body: str | None = None) -> Any:
        """The answer of the cloud's Orthanc to its administrator, on the cloud host itself."""
        from tests.probes.steps import login

        head = f"{'GET' if body is None else 'POST'} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        head += (
            login("admin", self.secrets["orthanc_admin"]) + ("Content-Length: {length}\r\n" if body else "") + "\r\n"
        )
        step = {
            "id": "ask",
            "kind": "http",
            "host": "127.0.0.1",
            "port": 8042,
            "head": head,
            "body": {"text": body or ""},
        }
        seen = self.act("cloud", [step])["ask"]
        if seen.get("statuses") != [200]:
            raise LabError(
                f"The cloud's Orthanc answers {seen.get('statuses')} to its administrator: run 'make demo' again."
            )
        return json.loads(seen["text"].partition("\r\n\r\n")[2])


@contextlib.contextmanager
def set_up(client: docker.DockerClient, lab: Lab, site: str) -> Iterator[Stage]:
    """The stage with study, neighbour and network; the last two are gone afterwards, the study serves all runs."""
    stage = Stage(client, lab, site)
    names = {"viewer": f"{site}.viewer.{lab.domain}", "pacs": f"{site}.pacs.{lab.domain}"}
    stage.values = {**names, "patient": PATIENT, **_study(stage)}
    # What tells the proxy that somebody was let in before (playbooks/vars/roles.yml): it spares a limit, no more.
    for kind, purpose in (("person", "viewer_login"), ("gateway", "orthanc_gateway")):
        text = f"{kind} {stage.secrets.get('proxy_viewer', '')}{stage.secrets[purpose]}"
        stage.values[f"known_{kind}"] = hashlib.sha256(text.encode()).hexdigest()
    try:
        _other_network(stage)
        _neighbour(stage)
        yield stage
    finally:
        _tear_down(stage)


def _study(stage: Stage) -> dict[str, str]:
    found = _find(stage)
    if found is None:
        scanner = stage.lab.container(next(host for host in stage.lab.hosts if host.kind == "scanner"))
        stage.run(scanner, "send-study", "--count", "1", "--patient-id", PATIENT, "--patient-name", NAME)
        end = time.monotonic() + _ARRIVAL
        while (found := _find(stage)) is None:
            if time.monotonic() > end:
                raise LabError(
                    f"The study of the probes did not arrive in the cloud within {_ARRIVAL} s: run 'make demo' again."
                )
            time.sleep(1)
    return found


def _find(stage: Stage) -> dict[str, str] | None:
    query = json.dumps({"Level": "Instance", "Query": {"PatientID": PATIENT}, "Limit": 1})
    for instance in stage.ask("/tools/find", query):
        tags = stage.ask(f"/instances/{instance}/simplified-tags")
        patient = stage.ask(f"/instances/{instance}/patient")["ID"]
        return {
            "orthanc_instance": instance,
            "orthanc_patient": patient,
            "study": tags["StudyInstanceUID"],
            "series": tags["SeriesInstanceUID"],
            "instance": tags["SOPInstanceUID"],
        }
    return None


def _other_network(stage: Stage) -> None:
    _remove_other_network(stage)
    # As the role cloud_pacs makes one: with the label of a site, and closed from outside.
    stage.run(stage.cloud, "docker", "network", "create", "--label", "ai.mediverse.network=site", OTHER)
    stage.run(stage.cloud, _GUARD, "learn")
    stage.run(stage.cloud, "docker", "network", "connect", OTHER, stage.containers["proxy"]["Name"].strip("/"))
    del stage.containers  # the proxy has one address more now


def _neighbour(stage: Stage) -> None:
    prepare(_IMAGE)
    Container(
        image_tag(_IMAGE),
        stage.neighbour,
        network=stage.lab.network,
        address=str(stage.lab.subnet[201]),
        labels={LABEL: stage.lab.name, f"{LABEL}.host": "probes-neighbour"},
        cap_add=["NET_ADMIN"],
    ).start()
    _routes(stage, "replace")


def _routes(stage: Stage, action: str) -> None:
    """Ways to the containers' addresses through the cloud host, as everybody in its segment can set them.

    Without one, a packet to such an address goes wherever the machine of the lab sends it, and proves nothing.
    """
    cloud = stage.address(f"{stage.site}-cloud")
    found = {address for part in _PARTS for network in stage.networks(part).values() for address in _addresses(network)}
    script = "; ".join(f"ip route {action} {address}/32 via {cloud}" for address in sorted(found))
    for place in ("hub", f"{stage.site}-gateway"):
        beside = f"container:{stage.lab.container(stage.lab.host(place))}"
        with Container(image_tag(_IMAGE), network_mode=beside, cap_add=["NET_ADMIN"]) as container:
            container.start().shell(script)
    stage.run(stage.neighbour, "sh", "-c", script)


def _addresses(network: dict[str, str]) -> tuple[str, str]:
    return network["IPAddress"], network["Gateway"]


def _remove_other_network(stage: Stage) -> None:
    proxy = stage.containers["proxy"]["Name"].strip("/")
    script = f"(docker network disconnect -f {OTHER} {proxy}; docker network rm {OTHER}) 2>/dev/null; {_GUARD} learn"
    stage.run(stage.cloud, "sh", "-c", script)


def _tear_down(stage: Stage) -> None:
    with contextlib.suppress(LabError, docker.errors.APIError):
        _routes(stage, "del")
    with contextlib.suppress(docker.errors.NotFound):
        stage.client.containers.get(stage.neighbour).remove(force=True, v=True)
    with contextlib.suppress(LabError):
        _remove_other_network(stage)
