# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files of an inventory are site files, and what is in them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from ansible.inventory.manager import IGNORED

from ._sites import Host, SitesError, read
from ._sites_schema import PLUGIN

FILE_ENDINGS = ("sites.yml", "sites.yaml")

_ENCRYPTED = b"$ANSIBLE_VAULT;"
# In YAML and in JSON, however it is quoted.
_CLAIM = re.compile(rb"^[ \t{]*['\"]?plugin['\"]?\s*:\s*['\"]?" + re.escape(PLUGIN.encode()) + rb"\b", re.MULTILINE)
_RESEMBLES = re.compile(r"sites?(\.|$)", re.IGNORECASE)
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


def found(sources: Iterable[str]) -> Iterator[str]:
    """Every file that Ansible would try as an inventory, in its order."""
    for source in sources:
        if "," not in source or Path(source).exists():
            yield from _files(Path(source))


def _files(path: Path) -> Iterator[str]:
    if path.is_file():
        yield str(path)
    elif path.is_dir():
        for below in sorted(path.iterdir()):
            if not IGNORED.search(os.fsencode(below.name)):
                yield from _files(below)


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
