# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files in C(group_vars) and C(host_vars) of a run, by their text: what Ansible does not say about them.

Only the text tells that a key stands twice or that a number begins with 0, and only a file's name that nobody reads it.
Of a file that it cannot read Ansible names the mistake and not the file, or quotes the line, which may be a password.
"""

from __future__ import annotations

import contextlib
import difflib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from ansible.errors import AnsibleError

from ._sites_files import content
from ._sites_load import dotted, number, parsed

GROUP_VARS, HOST_VARS = "group_vars", "host_vars"
# What Ansible reads below these folders; of other files it takes no notice.
_ENDINGS = ("", ".yml", ".yaml", ".json")
# A host that every inventory has, whether it is written there or not.
_IMPLICIT = "localhost"
_NO_VARIABLES = frozenset({"README"})
# The tags that Ansible knows beside YAML's own.
_TAGS = frozenset({"!unsafe", "!vault", "!vault-encrypted"})
_YAML = "tag:yaml.org,2002:"
_KINDS = (
    "binary",
    "bool",
    "float",
    "int",
    "map",
    "merge",
    "null",
    "omap",
    "pairs",
    "seq",
    "set",
    "str",
    "timestamp",
    "value",
)
_OWN = frozenset(f"{_YAML}{kind}" for kind in _KINDS)


class VarsFile(NamedTuple):
    """A file of variables: its path, the kind of folder that it is in, and the group or host that it is named after."""

    path: Path
    kind: str
    owner: str


def files(folders: Iterable[Path]) -> Iterator[VarsFile]:
    """Every file of variables in C(group_vars) and C(host_vars) of the folders, sorted."""
    for folder in folders:
        for kind in (GROUP_VARS, HOST_VARS):
            for entry in _entries(folder / kind):
                if entry.is_dir():
                    yield from (VarsFile(path, kind, entry.name) for path in _below(entry))
                elif _is_read(entry):
                    yield VarsFile(entry, kind, entry.stem if entry.suffix in _ENDINGS[1:] else entry.name)


def folders(sources: Iterable[str], playbook: str | None) -> list[Path]:
    """The folders beside which Ansible looks for files of variables: those of the inventories, and the playbook's."""
    places = [Path(source) for source in sources]
    found = [place if place.is_dir() else place.parent for place in places if place.exists()]
    return list(dict.fromkeys([*found, *([Path(playbook)] if playbook else [])]))


def ownerless(found: Iterable[VarsFile], groups: Mapping[str, Iterable[str]]) -> Iterator[str]:
    """A sentence about each file that is named after nothing in the inventory, which Ansible never reads.

    groups  the names of hosts by group, as Ansible has them; ``all`` holds every host.
    """
    hosts = {_IMPLICIT, *(str(host) for members in groups.values() for host in members)}
    known = {GROUP_VARS: {str(group) for group in groups} | {"all", "ungrouped"}, HOST_VARS: hosts}
    told = set()
    for file in found:
        top = _top(file)
        if file.owner in known[file.kind] or top in told:
            continue
        told.add(top)
        what = "group" if file.kind == GROUP_VARS else "host"
        other, other_kind = ("host", HOST_VARS) if what == "group" else ("group", GROUP_VARS)
        said = f"{short(top)} is read by nobody, because this inventory has no {what} {file.owner!r}"
        if file.owner in known[other_kind]:
            yield f"{said}; it is the name of a {other}, so move it to {other_kind}."
            continue
        near = _nearest(file.owner, known[file.kind] - {"all", "ungrouped", _IMPLICIT})
        yield f"{said}; did you mean {near}?" if near else f"{said}; rename it after one, or remove it."


def slips(file: VarsFile, loader: Any, prefixes: tuple[str, ...]) -> Iterator[str]:
    """A sentence about a file that cannot be read, or one for each key that stands twice and for each setting whose
    number YAML reads as another one. Nothing of a file that cannot be read is repeated.

    loader    Ansible's, which decrypts a file of Ansible Vault.
    prefixes  what the names of settings begin with; the numbers of others are nobody's business.
    """
    place = short(file.path)
    try:
        node, unreadable = parsed(content(str(file.path), loader))
    except OSError as error:
        yield f"{place} cannot be read: {error.strerror}."
        return
    except (AnsibleError, UnicodeDecodeError):
        # Of Ansible Vault. Ansible ends the run over it by itself, if any host of the run needs it.
        return
    if unreadable:
        yield f"{place}: {unreadable}"
    elif node is not None and not _is(node, "map") and not _is(node, "null"):
        yield f"{place}: a {_shape(node)} stands there; expected settings, each as name: value."
    elif wrong := next(_unreadable(node, set()), None):
        yield f"{place}: {wrong}"
    elif nameless := next(_nameless(node), None):
        yield f"{place}: line {nameless.start_mark.line + 1} has no text in the place of a name; expected name: value."
    else:
        for path, name, sentence in _slips(node, "", "", set()):
            if name is None or name.startswith(prefixes):
                yield f"{place}: {path} {sentence}"


def plain(file: VarsFile, loader: Any) -> dict[str, str]:
    """The settings of a file with slips as they are written; Ansible would warn of the slips and quote their lines."""
    with contextlib.suppress(AnsibleError, OSError, UnicodeDecodeError):
        node, __ = parsed(content(str(file.path), loader))
        if isinstance(node, yaml.MappingNode):
            return {str(key.value): value.value for key, value in node.value if isinstance(value, yaml.ScalarNode)}
    return {}


def locked(file: VarsFile) -> str:
    """The sentence about a file of Ansible Vault that this run needs and cannot decrypt."""
    return (
        f"{short(file.path)} cannot be decrypted; give the password of its vault with --ask-vault-pass or "
        "--vault-password-file."
    )


def refused(file: VarsFile) -> str:
    """The sentence about a file that is YAML, but not for Ansible; what that said may repeat a value."""
    return (
        f"{short(file.path)} is not read by Ansible, because a value in it is not what it looks like or what its tag "
        "says, such as a date that does not exist; put it in quotes."
    )


def _is(node: yaml.Node, kind: str) -> bool:
    return bool(node.tag == f"{_YAML}{kind}")


def _nameless(node: yaml.Node | None) -> Iterator[yaml.Node]:
    """The keys of a file that are no names."""
    if isinstance(node, yaml.MappingNode):
        yield from (key for key, __ in node.value if not _is(key, "str") and not _is(key, "merge"))


def _shape(node: yaml.Node) -> str:
    return "list" if isinstance(node, yaml.SequenceNode) else "tag" if isinstance(node, yaml.MappingNode) else "text"


def _unreadable(node: yaml.Node | None, seen: set[int]) -> Iterator[str]:
    """A sentence about each place that is YAML and that Ansible nevertheless cannot read."""
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    line = f"line {node.start_mark.line + 1}"
    if node.tag not in _OWN | _TAGS:
        # The name of a tag is not repeated: it may be a secret that begins with '!'.
        yield f"{line} holds a tag that Ansible does not know, a word that begins with '!'; quote it if it is a value."
    elif node.tag.startswith("!vault") and not str(node.value).startswith("$ANSIBLE_VAULT;"):
        yield f"{line} holds !vault without what ansible-vault encrypt_string printed; expected all of its lines."
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _unreadable(item, seen)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                where = f"line {key.start_mark.line + 1} has a map or a list in the place of a key"
                yield f"{where}; quote a text that begins with a brace or bracket."
            else:
                yield from _unreadable(key, seen)
            yield from _unreadable(value, seen)


def _slips(node: yaml.Node | None, path: str, top: str, seen: set[int]) -> Iterator[tuple[str, str | None, str]]:
    """``(path, setting, sentence)``; the setting is None where it does not matter whose it is."""
    if isinstance(node, yaml.ScalarNode):
        said = number(node)
        if said:
            line = node.start_mark.line + 1
            yield path, top, f"in line {line} is {said} for YAML; write it without the zero or in quotes."
        return
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _slips(item, f"{path}[{index}]", top, seen)
    elif isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag.endswith(":merge"):
                continue
            below, line = dotted(path, key.value), key.start_mark.line + 1
            if key.value in lines:
                yield below, None, f"stands twice, in lines {lines[key.value]} and {line}; keep one of them."
            lines[key.value] = line
            yield from _slips(value, below, top or key.value, seen)


def _entries(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [entry for entry in sorted(folder.iterdir()) if not entry.name.startswith(".")]


def _below(folder: Path) -> Iterator[Path]:
    for entry in _entries(folder):
        if entry.is_dir():
            yield from _below(entry)
        elif _is_read(entry):
            yield entry


def _is_read(path: Path) -> bool:
    # A link that leads nowhere is read by nobody, and somebody misses what should stand behind it.
    return (
        (path.is_file() or not path.exists())
        and path.suffix in _ENDINGS
        and not path.name.endswith("~")
        and path.name not in _NO_VARIABLES
    )


def _top(file: VarsFile) -> Path:
    """The file or the folder that bears the name."""
    place = file.path
    while place.parent.name != file.kind:
        place = place.parent
    return place


def _nearest(name: str, known: Iterable[str]) -> str | None:
    plain = {_plain(other): other for other in sorted(known)}
    near = difflib.get_close_matches(_plain(name), plain, 1, 0.6)
    return plain[near[0]] if near else None


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")


def short(path: Path) -> str:
    """The path as seen from where the run was started, or in full when it is not below."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith(os.pardir) else relative
