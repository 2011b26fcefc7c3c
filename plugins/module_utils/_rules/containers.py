# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images, networks and memory of containers, and the ids of sites, which become names of containers."""

from __future__ import annotations

import re
from typing import Any

from . import addresses

SITE_LENGTH = 32
RESERVED_SITES = frozenset({"all", "ungrouped", "hub", "localhost", "nginx-proxy-manager"})
"""Names of the inventory, and of the store that holds the secrets of a shared proxy."""
MIB = 1024**2
LEAST_MEMORY = 6 * MIB
"""Docker starts no container with less."""

_SITE = re.compile(addresses.LABEL, re.ASCII)
# A name, perhaps with a registry and its port, and a tag or a digest.
_IMAGE = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._/-]*(?::[0-9]+/[A-Za-z0-9._/-]+)?"
    r"(?::[A-Za-z0-9_][A-Za-z0-9._-]{0,127}(?:@sha256:[0-9a-f]{64})?|@sha256:[0-9a-f]{64})",
    re.ASCII,
)
_NETWORK = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{1,127}", re.ASCII)
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+(?::[a-z0-9-]+)?(?:=[A-Za-z0-9.+:~*-]+)?", re.ASCII)
_PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]*", re.ASCII)
_ENGINES_OWN = frozenset({"bridge", "host", "none", "default"})
_MEMORY = re.compile(r"(?P<number>[1-9][0-9]{0,15})(?P<unit>[bkmg]?)", re.ASCII | re.IGNORECASE)
_UNITS = {"": 1, "b": 1, "k": 1024, "m": MIB, "g": 1024**3}


def site_id(value: Any) -> str | None:
    """The id of a site: a DNS label of at most 32 characters, because it becomes part of host names."""
    # Where the third and fourth character are '-', a DNS name says how it is encoded.
    if not isinstance(value, str) or len(value) > SITE_LENGTH or not _SITE.fullmatch(value) or value[2:4] == "--":
        return (
            f"is no site id; expected 1 to {SITE_LENGTH} lower-case letters, digits and inner '-', because it becomes "
            "part of host names"
        )
    if value in RESERVED_SITES:
        return "is a reserved name; expected another site id"
    return None


def image(value: Any) -> str | None:
    """A container image with a tag, a digest or both; without either nobody knows what will run."""
    if not isinstance(value, str) or not _IMAGE.fullmatch(value):
        return "is no image with a tag or a digest; expected one such as name:1.2.3 or name@sha256: and 64 digits"
    return None


def network(value: Any) -> str | None:
    """The name of a Docker network that can be made."""
    if not isinstance(value, str) or not _NETWORK.fullmatch(value):
        return (
            "is no name of a Docker network; expected 2 to 128 letters, digits, '_', '.' and '-', the first a letter "
            "or digit"
        )
    if value in _ENGINES_OWN:
        return "is a network of the Docker engine itself; expected another name"
    return None


def project(value: Any) -> str | None:
    """The name of a compose project."""
    if not isinstance(value, str) or not _PROJECT.fullmatch(value):
        return "is no name of a compose project; expected lower-case letters, digits, '_' and '-'"
    return None


def package(value: Any) -> str | None:
    """A package of Debian, perhaps with its version."""
    if not isinstance(value, str) or not _PACKAGE.fullmatch(value):
        return "is no name of a package; expected one such as docker.io, or docker-ce=5:28.5.2-1~debian.13~trixie"
    return None


def memory(value: Any) -> str | None:
    """A memory limit in Docker's notation: a number and one of k, m and g; without a unit it is bytes."""
    found = memory_bytes(value)
    if found is None:
        return "is no memory limit; expected a number with the unit k, m or g, such as 2g"
    if found < LEAST_MEMORY:
        return f"is less than the {LEAST_MEMORY // MIB}m that Docker needs for a container; expected a limit such as 2g"
    return None


def memory_bytes(value: Any) -> int | None:
    """A memory limit in bytes; None for what is none."""
    found = _MEMORY.fullmatch(value) if isinstance(value, str) else None
    return int(found["number"]) * _UNITS[found["unit"].lower()] if found else None
