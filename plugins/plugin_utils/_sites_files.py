# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files of an inventory are site files, and what is in them."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from ansible.inventory.manager import IGNORED, split_host_pattern

from ._sites import Host, SitesError, read
from ._sites_schema import PLUGIN

# The groups of the hosts that the playbooks run on.
OUR_GROUPS = ("cloud_pacs", "orthanc_gateways", "worklist_hub")
FILE_ENDINGS = ("sites.yml", "sites.yaml")

_ENCRYPTED = b"$ANSIBLE_VAULT;"
# In YAML and in JSON, however it is quoted.
_CLAIM = re.compile(rb"^[ \t{]*['\"]?plugin['\"]?\s*:\s*['\"]?" + re.escape(PLUGIN.encode()) + rb"\b", re.MULTILINE)
# A word of its own: website.ini is somebody's inventory.
_RESEMBLES = re.compile(r"(?<![a-z])sites?(\.|$)", re.IGNORECASE)
# What else than a name may stand in C(--limit): wildcards, ranges, expressions and files of names.
_PATTERN = re.compile(r"^[~@]|[*?\[]")
_LARGEST_CLAIM = 65536


def is_named(path: str) -> bool:
    """Whether the name of a file marks it as a site file."""
    return path.endswith(FILE_ENDINGS)


def is_meant(path: str) -> bool:
    """Whether a file is a site file by its name, or says in it that it wants to be one."""
    if is_named(path):
        return True
    try:
        with Path(path).open("rb") as file:
            return bool(_CLAIM.search(file.read(_LARGEST_CLAIM)))
    except OSError:
        return False


def resembles(path: str) -> bool:
    """Whether a file is named as if somebody had wanted a site file: ``mediverse.SITES.YML``, ``sites.json``."""
    return bool(_RESEMBLES.search(Path(path).name))


def misnamed(path: str) -> str:
    """The sentence about a site file with a name that Ansible would not read."""
    return (
        f"The site file {path} has the wrong name; rename it so that it ends in {' or '.join(FILE_ENDINGS)}, "
        "such as mediverse.sites.yml."
    )


def content(path: str, loader: Any) -> bytes:
    """The bytes of a site file; one that Ansible Vault encrypted is decrypted by Ansible's ``loader``."""
    found = Path(path).read_bytes()
    return str(loader.get_text_file_contents(path)).encode() if found.startswith(_ENCRYPTED) else found


def found(sources: Iterable[str], ignored: bool = False) -> Iterator[str]:
    """Every file that Ansible would try as an inventory, in its order; with C(ignored) also those that it passes over
    in folders, such as C(sites.yml.txt).
    """
    for source in sources:
        if "," not in source or Path(source).exists():
            yield from _files(Path(source), ignored)


def _files(path: Path, ignored: bool) -> Iterator[str]:
    if path.is_file():
        yield str(path)
    elif path.is_dir():
        for below in sorted(path.iterdir()):
            if ignored or not IGNORED.search(os.fsencode(below.name)):
                yield from _files(below, ignored)


def lost(sources: Iterable[str]) -> Iterator[str]:
    """A sentence about each inventory that is not there, and each link that leads nowhere."""
    for source in sources:
        path = Path(source)
        near = sorted(path.iterdir()) if path.is_dir() else [] if "," in source else [path]
        for one in near:
            if one.is_symlink() and not one.exists() and (one == path or is_named(str(one))):
                yield f"The inventory {one} is a link that leads nowhere; point it to the sites file."
            elif not one.exists() and not one.is_symlink():
                yield f"The inventory {one} does not exist; name your sites file with -i."


def strangers(sources: Iterable[str], given: Iterable[str], groups: Mapping[str, Iterable[str]]) -> Iterator[str]:
    """A sentence about each host of the playbooks that another inventory than the site file gives.

    given   the hosts of the site file.
    groups  the names of hosts by group, as Ansible has them.
    """
    known = set(given)
    hosts = dict.fromkeys(str(host) for group in OUR_GROUPS for host in groups.get(group) or ())
    others = [path for path in found(sources) if not is_named(path)]
    for host in hosts:
        if host in known:
            continue
        place = next((path for path in others if _names(path, host)), "another inventory of this run")
        yield (
            f"The host {host} comes from {place} and from no site file; write its site into the site file, or take it "
            f"out of the groups {', '.join(OUR_GROUPS)}."
        )


def _names(path: str, host: str) -> bool:
    try:
        text = Path(path).read_bytes()
    except OSError:
        return False
    return bool(re.search(rb"(?<![\w.-])" + re.escape(host.encode()) + rb"(?![\w.-])", text))


def unknown(limit: str, groups: Mapping[str, Iterable[str]], sites: Iterable[str]) -> Iterator[str]:
    """A sentence about each plain name in C(--limit) that is no site, group or host of the inventory."""
    known = {*groups, *(str(host) for members in groups.values() for host in members), "localhost", "127.0.0.1"}
    names = sorted(set(sites))
    for pattern in split_host_pattern(limit):
        name = pattern.lstrip("!&")
        if name and name not in known and not _PATTERN.search(name):
            yield f"-l names {name!r}, which this inventory does not have; its sites are {', '.join(names)}."


def halves(limit: str, reached: Collection[str], given: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """A sentence about each site of which C(--limit) takes in one host and not the other, and about none at all.

    reached  the names of the hosts of the run.
    given    the hosts of the site file with their variables.
    """
    if not limit:
        return
    sites: dict[str, list[str]] = {}
    for host, variables in given.items():
        if "mediverse_site" in variables:
            sites.setdefault(str(variables["mediverse_site"]), []).append(host)
    if not any(host in reached for hosts in sites.values() for host in hosts):
        yield f"-l {limit} takes in no site; its sites are {', '.join(sorted(sites))}."
    for site, hosts in sites.items():
        inside, outside = ([host for host in hosts if (host in reached) is wanted] for wanted in (True, False))
        if inside and outside:
            yield (
                f"-l {limit} takes in {', '.join(inside)} without {', '.join(outside)}; a site is built and proved as "
                f"a whole, so use -l {site}."
            )


def problems(sources: Iterable[str], loader: Any) -> list[str]:
    """What is wrong with the site files of an inventory, whatever Ansible made of them: one text for each file."""
    files = list(dict.fromkeys(path for path in found(sources) if is_meant(path)))
    said = []
    for path in files:
        if not is_named(path):
            said.append(misnamed(path))
            continue
        try:
            _hosts(content(path, loader), path)
        except SitesError as error:
            said.append(str(error))
        except OSError as error:
            said.append(f"The site file {path} cannot be read: {error.strerror}.")
    named = [path for path in files if is_named(path)]
    return [*said, *(second(named[0], path) for path in named[1:])]


def hosts(sources: Iterable[str], loader: Any) -> list[Host]:
    """All hosts of the site files of an inventory in which nothing is wrong."""
    files = dict.fromkeys(path for path in found(sources) if is_named(path))
    return [host for path in files for host in _hosts(content(path, loader), path)]


@lru_cache(maxsize=4)
def _hosts(raw: bytes, path: str) -> tuple[Host, ...]:
    return tuple(read(raw, path))


def second(first: str, path: str) -> str:
    """The sentence about a second site file of a run."""
    return (
        f"The site file {path} is a second one beside {first}; expected one file with all sites, so move its sites "
        "there, or rename an old copy so that it ends in .bak."
    )
