# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the hub's files say is brought into force: sshd's keys, firewall, WireGuard, and each address where its PC is.

A damaged file costs what stands in it and nothing else, and locking out asks no file of another site.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from . import lines, store, system
from .store import AccessError, Places, Settings

FAILURES = (AccessError, OSError, ValueError, KeyError, TypeError)
"""What a step may end with on a hub in whatever state; anything else is a mistake of this program."""
# Seconds by which a handshake may lie in the future: clocks are set in small steps.
_AHEAD = 10

_Step = Callable[[], object]


class Marks(NamedTuple):
    """By what a site's PC is known to WireGuard: public key and address; each empty where its file does not tell."""

    wireguard: str
    address: str


def apply(places: Places, check: bool) -> list[str]:
    """Brings everything to what the files say; what was changed, or would be. AccessError for what did not work."""
    what, problems = _bring(places, check)
    for problem in problems:
        raise AccessError(problem)
    return what


def damaged(places: Places) -> list[str]:
    """A sentence for each file that cannot be used. Its site has what it had; its token does not count."""
    return [*store.sound(places.tokens, store.TOKEN)[1].values(), *store.sound(places.sites, store.ENTRY)[1].values()]


def _bring(places: Places, check: bool) -> tuple[list[str], list[str]]:
    """What was changed and what did not work."""
    settings, key = store.settings(places), private_key(places)
    sites, unknown = store.sound(places.sites, store.ENTRY)
    wanted = {**system.peers_at(settings, _addresses(places, unknown)), **lines.peers(sites)}
    what = []
    if not check and system.drop_peers(settings, wanted):
        # Who is locked out is so at once, even where files cannot be written or the firewall cannot be mended.
        what.append("peers")
    if sentence := store.outside(places, settings.network):
        raise AccessError(sentence)
    tokens, __ = store.sound(places.tokens, store.TOKEN)
    tunnel = places.authorized_keys / lines.TUNNEL
    rules = lines.firewall(settings)
    texts = {
        places.authorized_keys / lines.ENROL: lines.enrol_keys(tokens),
        tunnel: lines.tunnel_keys(sites) + _kept(tunnel, unknown),
        places.rules: rules,
    }
    stale = [path for path, text in texts.items() if _text(path) != text]
    what += [path.name for path in stale]
    problems = []
    if not check:
        problems = try_each(_replacing(path, texts[path]) for path in stale)
    former = system.former_interfaces(settings, key)
    # The firewall comes before a new peer, and a former interface has its port and is in no rule.
    steps: tuple[tuple[str, bool, _Step], ...] = (
        ("sshd's directory", places.sshd.is_dir(), lambda: places.sshd.mkdir(0o755, parents=True)),
        ("former interface", not former, lambda: system.remove_interfaces(former)),
        ("firewall", system.rules_loaded(places, rules), lambda: system.load_rules(places, rules)),
        ("docker", system.docker_lets_through(settings), lambda: system.ask_docker(settings)),
        ("interface", system.interface_up(settings), lambda: system.raise_interface(settings)),
        ("peers", system.peers_set(settings, key, wanted), lambda: system.set_peers(settings, key, wanted)),
    )
    missing = [(name, mend) for name, good, mend in steps if not good]
    what += [name for name, __ in missing if name not in what]
    if not check:
        problems += _until_one_fails(mend for __, mend in missing)
    return what, problems


def _replacing(path: Path, text: str) -> _Step:
    return lambda: store.replace(path, text, 0o644)


def try_each(steps: Iterable[_Step]) -> list[str]:
    """Takes every step, whatever becomes of the others; a sentence for each that failed."""
    problems = []
    for step in steps:
        problems += _until_one_fails([step])
    return problems


def _until_one_fails(steps: Iterable[_Step]) -> list[str]:
    try:
        for step in steps:
            step()
    except AccessError as error:
        return [str(error)]
    except FAILURES as error:
        return [f"The hub could not do it ({error!r}); look at its disk and files, and try again."]
    return []


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None


def _kept(path: Path, unknown: Iterable[str]) -> str:
    """The lines that sshd has of sites whose files are damaged: nobody has taken them back."""
    names = set(unknown)
    return "".join(
        line
        for line in (_text(path) or "").splitlines(keepends=True)
        if not line.startswith("#") and names.intersection(line.split()[-1:])
    )


def _addresses(places: Places, sites: Iterable[str]) -> set[str]:
    """The addresses that were given to these sites."""
    try:
        given = store.read(places.addresses) or {}
    except AccessError:
        return set()
    return {str(given[site]) for site in sites if site in given}


def marks(places: Places, site: str) -> Marks:
    """What the hub's files tell of a site's PC, as far as they can be read."""
    sites, __ = store.sound(places.sites, store.ENTRY)
    entry = sites.get(site, {"wireguard": "", "address": ""})
    return Marks(entry["wireguard"], entry["address"] or "".join(_addresses(places, [site])))


def lock_out(places: Places, site: str, known: Marks) -> list[str]:
    """Takes away from a PC what sshd and the kernel have of it; a sentence for each thing that could not be taken.

    Reads nothing of another site, needs no room on the disk, and does not ask how the interface is called.
    """
    steps: list[_Step] = [
        lambda: _comment_out(places.authorized_keys / lines.TUNNEL, site),
        lambda: _comment_out(places.authorized_keys / lines.ENROL, site),
        lambda: _remove_peers(known),
        system.cut_tunnels,
        # After that: the ends of open connections are still told from it.
        lambda: _leave(known.address),
    ]
    return try_each(steps)


def _leave(address: str) -> None:
    if address in system.addresses("lo"):
        system.leave_address(address)


def _comment_out(path: Path, site: str) -> None:
    """One byte in its place makes a site's line one that sshd does not read."""
    with contextlib.suppress(FileNotFoundError), path.open("r+b") as file:
        start = 0
        for line in file.read().splitlines(keepends=True):
            if line.split()[-1:] == [site.encode()]:
                os.pwrite(file.fileno(), b"#", start)
            start += len(line)
        os.fsync(file.fileno())


def _remove_peers(known: Marks) -> None:
    """Another interface that does not answer keeps nobody in."""
    problems = try_each(_removing(name, known) for name in system.interfaces())
    for problem in problems:
        raise AccessError(problem)


def _removing(interface: str, known: Marks) -> _Step:
    return lambda: system.remove_peer(interface, known.wireguard, known.address)


def firewall(places: Places) -> None:
    """Puts the firewall's table in force, before sshd and WireGuard begin at a boot."""
    rules = lines.firewall(store.settings(places))
    with store.locked(places):
        system.load_rules(places, rules)


def follow(places: Places) -> list[str]:
    """One round of the watcher: everything as the files say, and each address where its PC is. What there is to say."""
    with store.locked(places):
        settings = store.settings(places)
        what, problems = _bring(places, check=False)
        return [*what, *follow_addresses(places), *problems, *damaged(places), *system.diverted(settings)]


def follow_addresses(places: Places) -> list[str]:
    """Gives each address to the way by which its PC comes; those that moved."""
    settings = store.settings(places)
    sites, unknown = store.sound(places.sites, store.ENTRY)
    ways = ways_of(settings, sites)
    wanted = {sites[site]["address"] for site, way in ways.items() if way == "ssh"}
    taken = system.own_addresses(settings.network) - _addresses(places, unknown)
    for address in sorted(taken - wanted):
        system.leave_address(address)
    for address in sorted(wanted - taken):
        system.take_address(address)
    return [f"{address} by {'ssh' if address in wanted else 'wireguard'}" for address in sorted(taken ^ wanted)]


def ways_of(settings: Settings, sites: lines.Sites) -> dict[str, str]:
    """How each of these accepted PCs comes: ``wireguard``, ``ssh`` or ``none``. WireGuard goes before."""
    now = store.now().timestamp()
    made = system.handshakes(settings)
    alive = {key for key, when in made.items() if -_AHEAD <= now - when < settings.handshake_age}
    there = system.listening(settings.network)
    return {
        site: "wireguard" if entry["wireguard"] in alive else "ssh" if entry["address"] in there else "none"
        for site, entry in sites.items()
    }


def private_key(places: Places) -> str:
    """WireGuard's of this hub."""
    try:
        return places.wireguard_key.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise AccessError(f"{places.wireguard_key} cannot be read ({error.strerror}); run the role again.") from None
