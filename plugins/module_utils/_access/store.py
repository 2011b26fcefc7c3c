# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the hub keeps of tokens, reports and accepted sites (decision 0047), and the settings that the role gives it.

Every file is replaced in one step, and whoever changes something holds the lock. The files of this folder need Python's
own library alone: the hub runs them as they stand.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import ipaddress
import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from . import report
from .report import SITE

TIME = "%Y-%m-%dT%H:%M:%SZ"
_PATIENCE = 20.0


class AccessError(Exception):
    """Something that is refused or does not work; the text says in one sentence what, and what to do."""


class Settings(NamedTuple):
    """``hub.json``: what the role says about this hub.

    network          the tunnel's network; its first address is the hub's
    interface        WireGuard's
    wireguard_port, ssh_port   where gateways come to, UDP and TCP
    operators        networks from which gateways are reached through the hub
    ports            TCP ports of the hub that gateways may reach through the tunnel
    handshake_age    seconds after which WireGuard counts as silent
    """

    network: ipaddress.IPv4Network
    interface: str
    wireguard_port: int
    ssh_port: int
    operators: list[ipaddress.IPv4Network]
    ports: list[int]
    handshake_age: int

    @property
    def address(self) -> str:
        """The hub's own in the tunnel."""
        return str(self.network[1])


class Places:
    """Where everything lies. ``root`` is ``/`` but in tests."""

    def __init__(self, root: str) -> None:
        base = Path(root)
        self.settings = base / "etc/mediverse-access"
        self.state = base / "var/lib/mediverse-access"
        self.tokens, self.reports, self.sites = (self.state / name for name in ("tokens", "reports", "sites"))
        self.addresses = self.state / "addresses.json"
        self.lock = self.state / "lock"
        self.hub = self.settings / "hub.json"
        self.wireguard_key = self.settings / "wireguard.key"
        self.host_key = self.settings / "ssh_host_ed25519_key"
        self.rules = self.settings / "rules.nft"
        self.authorized_keys = self.settings / "authorized_keys"
        self.listed = base / "run/mediverse-access.rules"
        self.sshd = base / "run/sshd"


def settings(places: Places) -> Settings:
    """What the role wrote; AccessError when it did not, or when it cannot be used."""
    found = read(places.hub)
    if found is None:
        raise AccessError(f"{places.hub} is missing; run mediverse.pacs.hub.")
    return settings_of(found, str(places.hub))


def settings_of(found: Mapping[str, Any], where: str) -> Settings:
    """Those settings as what they mean; AccessError for what is none."""
    try:
        return Settings(
            ipaddress.IPv4Network(found["network"]),
            str(found["interface"]),
            int(found["wireguard_port"]),
            int(found["ssh_port"]),
            [ipaddress.IPv4Network(one) for one in found["operators"]],
            [int(one) for one in found["ports"]],
            int(found["handshake_age"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise AccessError(f"{where} cannot be used ({error!r}); run mediverse.pacs.hub again.") from None


@contextlib.contextmanager
def locked(places: Places) -> Iterator[None]:
    """Keeps every other run of this program away; AccessError after 20 seconds of waiting."""
    try:
        # Reading is enough for a lock, and all that the account of the reports may do with it.
        handle = os.open(places.lock, os.O_RDONLY)
    except OSError as error:
        raise AccessError(f"{places.lock} cannot be opened ({error.strerror}); run mediverse.pacs.hub.") from None
    try:
        _wait(handle)
        yield
    finally:
        os.close(handle)


def _wait(handle: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise AccessError("The hub is busy with another gateway; try again in a minute.") from None
            time.sleep(0.05)


def of_site(folder: Path, site: str) -> Path:
    """The file of a site in that folder; AccessError for what is no site id."""
    if not SITE.fullmatch(site):
        raise AccessError("That is no site id; expected lower-case letters, digits and inner '-'.")
    return folder / f"{site}.json"


def sound(folder: Path, rules: Rules) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """What a folder holds, by site; and a sentence for each file that is damaged. One does not cost the others."""
    found: dict[str, dict[str, Any]] = {}
    damaged: dict[str, str] = {}
    for path in sorted(folder.glob("*.json")):
        if not SITE.fullmatch(path.stem):
            continue
        try:
            content = read(path)
        except AccessError as error:
            damaged[path.stem] = str(error)
            continue
        if content is None:
            continue
        if wrong := [name for name, rule in rules.items() if not rule(content.get(name))]:
            damaged[path.stem] = f"{path} is damaged ({', '.join(wrong)}); restore it from a backup or remove it."
        else:
            found[path.stem] = content
    return found, damaged


def all_of(folder: Path, rules: Rules) -> dict[str, dict[str, Any]]:
    """What a folder holds, by site; AccessError when one of its files is damaged."""
    found, damaged = sound(folder, rules)
    for sentence in damaged.values():
        raise AccessError(sentence)
    return found


def read(path: Path) -> dict[str, Any] | None:
    """A file's JSON object, None where there is no file. A damaged one is an error, never an empty one."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise AccessError(f"{path} cannot be read ({error}); restore it from a backup or remove it.") from None
    if not isinstance(content, dict):
        raise AccessError(f"{path} is damaged: it is no JSON object; restore it from a backup or remove it.")
    return content


def write(path: Path, content: dict[str, Any], mode: int = 0o600) -> None:
    """Replaces a file by this object."""
    replace(path, json.dumps(content, indent=2, sort_keys=True) + "\n", mode)


def replace(path: Path, text: str, mode: int) -> None:
    """Replaces a file in one step, so that whoever is killed leaves the old one or the new one."""
    for left in path.parent.glob(f".{path.name}.*"):
        left.unlink(missing_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())
    Path(name).replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def address(places: Places, network: ipaddress.IPv4Network, site: str) -> str:
    """The address of a site in the tunnel, which it keeps for ever; the first that is free where it has none yet."""
    given = read(places.addresses) or {}
    if site not in given:
        taken = {str(network[1]), *given.values()}
        free = next((str(one) for one in network.hosts() if str(one) not in taken), None)
        if free is None:
            raise AccessError(f"The network {network} of the tunnel has no address left; give the hub a larger one.")
        given[site] = free
        write(places.addresses, given)
    if sentence := outside(places, network):
        raise AccessError(sentence)
    return str(given[site])


def outside(places: Places, network: ipaddress.IPv4Network) -> str | None:
    """A sentence where a site has an address that is not in this network: no PC learns of another one by itself."""
    given: dict[str, Any] = {}
    with contextlib.suppress(AccessError):
        given = read(places.addresses) or {}
    sites, __ = sound(places.sites, ENTRY)
    given = {**given, **{site: entry["address"] for site, entry in sites.items()}}
    for site, one in sorted(given.items()):
        if one and _is_address(one) and ipaddress.IPv4Address(one) not in network:
            return (
                f"{site} has the address {one}, which is not in the tunnel's network {network}; give the hub its "
                f"former network (gateway_access_network), or revoke {site}, remove it from {places.addresses} and "
                "enrol its PC again."
            )
    return None


def now() -> datetime.datetime:
    """In UTC."""
    return datetime.datetime.now(datetime.timezone.utc)


def ended(token: dict[str, Any]) -> bool:
    """Whether a token's time is over."""
    return moment(token["ends"]) <= now()


def moment(text: str) -> datetime.datetime:
    """A time such as 2026-11-30T18:00:00Z."""
    return datetime.datetime.strptime(text, TIME).replace(tzinfo=datetime.timezone.utc)


def _like(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    def rule(value: Any) -> bool:
        return isinstance(value, str) and pattern.fullmatch(value) is not None

    return rule


def _is_way(value: Any) -> bool:
    return value in ("tunnel", "own")


def _is_key(value: Any) -> bool:
    return bool(value) and report.is_ssh(value)


def _is_address(value: Any) -> bool:
    try:
        return value == "" or (isinstance(value, str) and str(ipaddress.IPv4Address(value)) == value)
    except ValueError:
        return False


Rules = Mapping[str, Callable[[Any], bool]]
TOKEN: Rules = {
    "site": _like(report.SITE),
    "token": _like(report.TOKEN),
    "key": _is_key,
    "made": report.is_time,
    "ends": report.is_time,
    "way": _is_way,
}
ENTRY: Rules = {
    "address": _is_address,
    "fingerprint": _like(re.compile(r"[0-9a-f]{24,64}")),
    "wireguard": report.is_wireguard,
    "ssh": report.is_ssh,
}
"""An accepted site."""
