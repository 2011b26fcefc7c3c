# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The containers and the network of a lab."""

from __future__ import annotations

import hashlib
import io
import ipaddress
import json
import os
import shutil
import subprocess
import tarfile
import time
from functools import cache
from pathlib import Path
from typing import Any

import docker
import docker.errors

from tests.lab import material
from tests.lab.engine import CHECKOUT_LABEL, HASH_LABEL, LABEL, is_ours, not_ours, reason
from tests.lab.errors import LabError
from tests.lab.paths import REPOSITORY
from tests.lab.recipes import BY_NAME
from tests.lab.site import Host, Lab
from tests.lab.steps import Progress

_POWERSHELL = f"{LABEL}.powershell"
_IMAGE = {"cloud": "cloud-host", "hub": "hub", "gateway": "gateway", "scanner": "scanner", "router": "far-pc"}
_PORTS = {"cloud": 22, "hub": 22, "gateway": 5986, "scanner": 0}
# Whoever is inside goes out in the router's name, as in a hospital, and nobody comes in.
_ROUTER = """
nft add table ip router
nft add chain ip router out '{ type nat hook postrouting priority 100; }'
nft add rule ip router out ip saddr "$INSIDE" ip daddr != "$INSIDE" masquerade
nft add chain ip router forward '{ type filter hook forward priority 0; policy drop; }'
nft add rule ip router forward ct state established,related accept
nft add rule ip router forward ip saddr "$INSIDE" accept
trap 'exit 0' TERM
sleep infinity & wait
"""


def image_of(host: Host) -> str:
    """Name of the recipe that ``host`` runs."""
    return _IMAGE[host.kind]


def ensure_network(client: docker.DockerClient, lab: Lab) -> str:
    """Create the networks of ``lab`` unless they are there; LabError when their addresses belong to something else."""
    done = _ensure_one(client, lab, lab.network, lab.subnet)
    if lab.inside:
        # This machine has no address there, and so no way: it is the controller, which reaches no PC behind a router.
        options = {"com.docker.network.bridge.inhibit_ipv4": "true"}
        done = max(_ensure_one(client, lab, f"{lab.network}-inside", lab.inside, options), done, key=len)
    return done


def _ensure_one(
    client: docker.DockerClient,
    lab: Lab,
    name: str,
    subnet: ipaddress.IPv4Network,
    options: dict[str, str] | None = None,
) -> str:
    for network in client.networks.list(names=[f"^{name}$"]):
        subnets = [entry.get("Subnet") for entry in network.attrs["IPAM"]["Config"] or []]
        if not is_ours(network.attrs["Labels"]):
            raise not_ours(
                f"The lab {lab.name} of this machine",
                network.attrs["Labels"],
                os.path.relpath(lab.inventory, REPOSITORY),
            )
        if subnets == [str(subnet)] and network.attrs["Labels"].get(LABEL) == lab.name:
            return "there"
        raise LabError(
            f"The Docker network {name} exists with {', '.join(map(str, subnets))} instead of {subnet}: "
            f"run 'python -m tests.lab down {os.path.relpath(lab.inventory)}' and then up again."
        )
    _refuse_overlap(client, lab, subnet)
    pool = docker.types.IPAMPool(subnet=str(subnet), gateway=str(subnet[1]))
    try:
        client.networks.create(
            name,
            driver="bridge",
            ipam=docker.types.IPAMConfig(pool_configs=[pool]),
            labels=_labels(lab),
            options=options,
        )
    except docker.errors.APIError as error:
        raise LabError(
            f"The network {subnet} of the lab {lab.name} could not be created ({reason(error)}): "
            f"choose another subnet in {lab.inventory / 'lab.yml'} and in the site file beside it."
        ) from None
    return "created"


def _labels(lab: Lab) -> dict[str, str]:
    return {LABEL: lab.name, CHECKOUT_LABEL: str(REPOSITORY)}


def _refuse_overlap(client: docker.DockerClient, lab: Lab, subnet: ipaddress.IPv4Network) -> None:
    for network in client.networks.list():
        for entry in (network.attrs.get("IPAM") or {}).get("Config") or []:
            other = ipaddress.ip_network(entry.get("Subnet", "0.0.0.0/32"), strict=False)
            if other.version == 4 and other.overlaps(subnet):
                labels = network.attrs["Labels"] or {}
                if not is_ours(labels):
                    what = f"The subnet {subnet} of the lab {lab.name} is that of the lab {labels.get(LABEL)}, which"
                    raise not_ours(what, labels, os.path.relpath(lab.inventory, REPOSITORY))
                raise LabError(
                    f"The subnet {subnet} of the lab {lab.name} is taken by the Docker network {network.name}: "
                    "remove that network or choose another subnet in lab.yml and in the site file beside it."
                )
    table = Path("/proc/net/route")
    for interface, route in routes(table.read_text(encoding="ascii")) if table.exists() else []:
        if route.overlaps(subnet):
            raise LabError(
                f"The subnet {subnet} of the lab {lab.name} overlaps {route}, which this machine reaches by "
                f"{interface}: choose another subnet in lab.yml and in the site file beside it."
            )


def routes(table: str) -> list[tuple[str, ipaddress.IPv4Network]]:
    """Interface and network of each route in the text of /proc/net/route, without default routes."""
    found = []
    for line in table.splitlines()[1:]:
        fields = line.split()
        destination, mask = (int.from_bytes(bytes.fromhex(fields[n]), "little") for n in (1, 7))
        if mask:
            network = ipaddress.IPv4Network((destination & mask, bin(mask).count("1")))
            found.append((fields[0], network))
    return found


def ensure_host(client: docker.DockerClient, lab: Lab, host: Host, progress: Progress) -> str:
    """Create, replace or start the container of ``host`` so that it is as described and runs; return what was done."""
    image = BY_NAME[image_of(host)]
    wanted = _description(lab, host)
    existing = _find(client, lab.container(host))
    done = "running"
    if existing is not None:
        labels = existing.labels
        if not is_ours(labels):
            raise not_ours(f"The container {existing.name}", labels, os.path.relpath(lab.inventory, REPOSITORY))
        if labels.get(LABEL) != lab.name:
            raise LabError(
                f"A container named {existing.name} exists that is not of this lab: rename or remove it and run again."
            )
        current = existing.attrs["Image"] == client.images.get(image.tag).id
        # A gateway made without PowerShell gets it when it is there now; one that has it is left alone.
        bare = host.kind == "gateway" and not labels.get(_POWERSHELL) and powershell_home() is not None
        if labels.get(HASH_LABEL) != wanted or not current or bare:
            progress.say("is out of date, replacing it", always=True)
            existing = None
    if existing is None:
        # Also without a container: the volume of one that is gone holds an engine whose files are gone.
        remove_host(client, lab, host)
        _create(client, lab, host, image.tag, wanted)
        done = "created"
    elif existing.status not in ("running",):
        _put(client, lab, host)
        client.api.start(existing.id)
        done = "started again"
    _wait_for_port(host, client, lab)
    return done


def remove_host(client: docker.DockerClient, lab: Lab, host: Host) -> None:
    """Remove the container of ``host`` and its volume."""
    container = _find(client, lab.container(host))
    if container is not None:
        container.remove(force=True, v=True)
    for volume in client.volumes.list(filters={"label": [f"{LABEL}={lab.name}", f"{LABEL}.host={host.name}"]}):
        volume.remove(force=True)


def _find(client: docker.DockerClient, name: str) -> Any:
    try:
        return client.containers.get(name)
    except docker.errors.NotFound:
        return None


@cache
def powershell_home() -> str | None:
    """The directory of the PowerShell that is on PATH ($PSHOME), None when there is none or it does not answer."""
    program = shutil.which("pwsh")
    if not program:
        return None
    command = [program, "-NoProfile", "-NonInteractive", "-Command", "$PSHOME"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    home = done.stdout.strip()
    return home if done.returncode == 0 and Path(home).is_dir() else None


def _volume(lab: Lab, host: Host) -> str:
    return f"{lab.container(host)}-docker"


def _host_config(client: docker.DockerClient, lab: Lab, host: Host) -> dict[str, Any]:
    binds: list[str] = []
    options: dict[str, Any] = {"network_mode": lab.network_of(host), "restart_policy": {"Name": "no"}}
    extra: dict[str, Any] = {}
    if host.kind == "cloud":
        # What a nested engine needs and no more (SYS_PTRACE for health checks of a container that is not root):
        # an engine that lacks a capability itself refuses to give all of them.
        options["cap_add"] = ["SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE"]
        options["security_opt"] = ["seccomp=unconfined", "apparmor=unconfined"]
        binds = ["/sys/fs/cgroup:/sys/fs/cgroup", f"{_volume(lab, host)}:/var/lib/docker"]
        extra = {"MaskedPaths": [], "ReadonlyPaths": []}
    if host.kind == "hub":
        # Tunnels and the firewall. The settings of the kernel cannot be written from inside a container.
        options["cap_add"] = ["NET_ADMIN"]
        options["sysctls"] = {"net.ipv4.ip_forward": "1", "net.ipv4.ip_nonlocal_bind": "1"}
        options["devices"] = ["/dev/net/tun"] if Path("/dev/net/tun").exists() else []
    if host.kind == "gateway":
        options["cap_add"] = ["NET_ADMIN"]
        home = powershell_home()
        if home:
            binds = [f"{home}:/opt/pwsh:ro"]
    if host.fresh:
        options["devices"] = ["/dev/net/tun"] if Path("/dev/net/tun").exists() else []
        # Names that the world knows; the engine's are known on one network only.
        known = [(name, one.address) for one in lab.hosts if not one.inside for name in one.aliases]
        options["extra_hosts"] = dict(known)
    if host.kind == "router":
        options["cap_add"] = ["NET_ADMIN"]
        options["sysctls"] = {"net.ipv4.ip_forward": "1"}
    config: dict[str, Any] = client.api.create_host_config(binds=binds, **options)
    return config | extra


def _description(lab: Lab, host: Host) -> str:
    """A hash over everything a container is created with, so that a change of the site file replaces it."""
    files = {path: hashlib.sha256(data).hexdigest() for path, (data, __) in material.files_for(lab, host).items()}
    content = [host.name, host.kind, host.address, host.aliases, host.environment, files, str(lab.subnet)]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _create(client: docker.DockerClient, lab: Lab, host: Host, image: str, description: str) -> None:
    labels = {**_labels(lab), f"{LABEL}.host": host.name}
    if host.kind == "gateway" and powershell_home():
        labels[_POWERSHELL] = "mounted"
    if host.kind == "cloud":
        client.volumes.create(_volume(lab, host), labels=labels)
    endpoint = client.api.create_endpoint_config(ipv4_address=host.address, aliases=[host.name, *host.aliases])
    try:
        container = client.api.create_container(
            image,
            name=lab.container(host),
            hostname=host.name,
            labels={**labels, HASH_LABEL: description},
            environment=host.environment,
            host_config=_host_config(client, lab, host),
            networking_config=client.api.create_networking_config({lab.network_of(host): endpoint}),
            stop_timeout=30,
            command=["sh", "-ec", _ROUTER] if host.kind == "router" else None,
        )
        if host.kind == "router" and lab.inside:
            inside = client.networks.get(f"{lab.network}-inside")
            inside.connect(container["Id"], ipv4_address=str(lab.inside[2]))
        _put(client, lab, host)
        client.api.start(container["Id"])
    except docker.errors.APIError as error:
        raise LabError(
            f"The host {host.name} could not be started ({reason(error)}): is its address {host.address} taken?"
        ) from None


def _put(client: docker.DockerClient, lab: Lab, host: Host) -> None:
    """Copy keys and passwords into the container, which need not run."""
    files = material.files_for(lab, host)
    if not files:
        return
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for directory in sorted({path.rpartition("/")[0] for path in files}):
            if directory not in ("/etc/ssh",):
                entry = tarfile.TarInfo(directory.lstrip("/"))
                entry.type, entry.mode = tarfile.DIRTYPE, 0o700
                archive.addfile(entry)
        for path, (data, mode) in files.items():
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode = len(data), mode
            archive.addfile(entry, io.BytesIO(data))
    client.api.put_archive(lab.container(host), "/", buffer.getvalue())


def _wait_for_port(host: Host, client: docker.DockerClient, lab: Lab) -> None:
    """Wait until the host answers where Ansible will call; LabError shows the end of its log otherwise."""
    port = _PORTS.get(host.kind) or int(host.environment.get("SCANNER_PORT", "0"))
    deadline = time.monotonic() + 60
    probe = ["python3", "-c", f"import socket; socket.create_connection(('{host.address}', {port}), 2)"]
    if host.kind == "router":
        probe = ["nft", "list", "chain", "ip", "router", "forward"]
    elif host.fresh:
        # Nothing answers there yet.
        probe = ["test", "-s", "/srv/windows/state.json"]
    while time.monotonic() < deadline:
        container = _find(client, lab.container(host))
        if container is None or container.status != "running":
            break
        if container.exec_run(probe).exit_code == 0:
            return
        time.sleep(0.3)
    container = _find(client, lab.container(host))
    log = container.logs(tail=4).decode(errors="replace") if container else ""
    said = " ".join(log.split())[-300:] or "empty log"
    raise LabError(
        f"The host {host.name} does not answer on {host.address}:{port} ({said}): "
        f"run 'python -m tests.lab down {os.path.relpath(lab.inventory)}' and up again."
    )
