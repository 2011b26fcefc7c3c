# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Docker engine that the lab runs on."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import docker
import docker.errors

from tests.lab.errors import LabError
from tests.lab.paths import CHECKOUT, REPOSITORY

LABEL = "mediverse.lab"
HASH_LABEL = "mediverse.lab.hash"
CHECKOUT_LABEL = "mediverse.lab.checkout"
"""Whose a container, network or volume is: the directory of the checkout that made it."""
PREFIX = "mediverse-lab/"
INNER_TAG = "lab"
"""Tag of an image in the engine inside a cloud host, and in the Dockerfiles for the bases: there is one owner only."""
_GIB = 1024**3


def connect() -> docker.DockerClient:
    """A client of the running engine; LabError says what to do when there is none that we may use."""
    try:
        client = docker.from_env(timeout=600)
        client.ping()
    except (docker.errors.DockerException, OSError) as error:
        if "Permission" in str(error):
            raise LabError(
                "This user may not use the Docker engine: run as root, or join the group docker and log in again."
            ) from None
        raise LabError(
            "No Docker engine answers: run 'make setup' as root, which installs and starts one, or start yours."
        ) from None
    return client


def require_space(client: docker.DockerClient, needed: float, purpose: str) -> None:
    """LabError unless ``needed`` GiB are free where the engine keeps its data (checked where this machine sees it)."""
    root = Path(str(client.info().get("DockerRootDir", "/var/lib/docker")))
    while not root.exists() and root != root.parent:
        root = root.parent
    try:
        free = shutil.disk_usage(root).free / _GIB
    except OSError:
        return
    if free < needed:
        raise LabError(
            f"{purpose} needs {needed:.1f} GiB at {root} and {free:.1f} GiB are free: make room there, "
            "for example with 'docker image prune', and run again."
        )


def image_hash(client: docker.DockerClient, tag: str) -> str | None:
    """The content hash that the image ``tag`` was built from, None when it is missing or not ours."""
    try:
        image: Any = client.images.get(tag)
    except docker.errors.ImageNotFound:
        return None
    labels = image.attrs.get("Config", {}).get("Labels") or {}
    return str(labels[HASH_LABEL]) if HASH_LABEL in labels else None


def image_tag(name: str) -> str:
    """Name of this checkout's image ``name`` on the engine of this machine."""
    return f"{PREFIX}{name}:{CHECKOUT}"


def adopt(client: docker.DockerClient, name: str, wanted: str) -> bool:
    """Whether the image is there with that content; one that another checkout made gets our tag beside its own."""
    if image_hash(client, image_tag(name)) == wanted:
        return True
    old = client.images.list(name=image_tag(name))
    for image in client.images.list(name=f"{PREFIX}{name}", filters={"label": f"{HASH_LABEL}={wanted}"}):
        if image.tags:
            image.tag(f"{PREFIX}{name}", tag=CHECKOUT)
            drop(client, [one for one in old if one.id != image.id])
            return True
    return False


def drop(client: docker.DockerClient, images: list[Any]) -> None:
    """Remove images that have no name any more; one that is in use stays until the next change."""
    for image in images:
        with contextlib.suppress(docker.errors.APIError):
            if not client.images.get(image.id).tags:
                client.images.remove(image.id)


def owner(labels: Mapping[str, str] | None) -> str:
    """The checkout that made a thing with these labels; what has no such label is from before, and ours."""
    return (labels or {}).get(CHECKOUT_LABEL) or str(REPOSITORY)


def is_ours(labels: Mapping[str, str] | None) -> bool:
    """Whether this checkout made the thing."""
    return owner(labels) == str(REPOSITORY)


def not_ours(what: str, labels: Mapping[str, str] | None, inventory: str) -> LabError:
    """The error for a thing of another checkout: whose it is, and what to do."""
    other = owner(labels)
    return LabError(
        f"{what} belongs to the checkout {other}, and one machine has these addresses once: run "
        f"'.venv/bin/python -m tests.lab down {inventory}' there and then this again"
        + (
            "."
            if Path(other).is_dir()
            else f"; as that directory is gone, run '.venv/bin/python -m tests.lab down --of {other} {inventory}' here."
        )
    )


def reason(error: Exception) -> str:
    """What the engine says, on one line."""
    return " ".join(str(getattr(error, "explanation", None) or error).split())
