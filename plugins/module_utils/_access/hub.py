# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be done with a site on the hub: a token for a stick, a report, acceptance, revocation. One function each.

All but :func:`receive` need root. Each can be done again after it was cut off anywhere: files say what is wanted, and
:mod:`in_force` brings sshd, WireGuard and the firewall there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import in_force, report, store, system
from .store import AccessError, Places

_LONGEST_DAYS = 14
_KEYS = ("wireguard", "ssh")
_NEW_STICK = "ask the operator for a new stick"


def keys(places: Places, check: bool) -> dict[str, Any]:
    """The hub's own keys, made where they are missing: WireGuard's and the SSH host key."""
    missing = [path for path in (places.wireguard_key, places.host_key) if not path.exists()]
    if places.wireguard_key in missing and not check:
        store.replace(places.wireguard_key, system.new_key() + "\n", 0o600)
    if places.host_key in missing and not check:
        _make_host_key(places.host_key)
    return {"changed": bool(missing), "what": [path.name for path in missing]}


def _make_host_key(path: Path) -> None:
    """The private half gets its name last, so that there is never one without the other."""
    new = path.with_name(f".{path.name}.new")
    halves = {new.with_suffix(".new.pub"): path.with_suffix(".pub"), new: path}
    for half in halves:
        half.unlink(missing_ok=True)
    system.must("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "mediverse-access", "-f", str(new))
    for half, name in halves.items():
        half.replace(name)


def token(places: Places, given: dict[str, Any]) -> dict[str, Any]:
    """A stick's token for a site takes the place of a former one. The answer is what the stick has to know of the hub.

    given: ``site``, ``token``, ``key`` (public, OpenSSH), ``made``, ``ends`` and ``way`` (``tunnel`` or ``own``)
    """
    wrong = [name for name, rule in store.TOKEN.items() if not rule(given.get(name))]
    if wrong or len(given) != len(store.TOKEN):
        raise AccessError(
            f"The token cannot be used: {', '.join(wrong) or 'more than that'} is wrong; nothing was changed."
        )
    ends = store.moment(given["ends"])
    if store.ended(given) or (ends - store.now()).days >= _LONGEST_DAYS:
        raise AccessError(f"A token ends within {_LONGEST_DAYS} days from now; see whether the hub's clock is right.")
    settings, key = store.settings(places), in_force.private_key(places)
    site = given["site"]
    with store.locked(places):
        address = "" if given["way"] == "own" else store.address(places, settings.network, site)
        # The former stick ends first, and what it brought goes with it.
        accepted = store.read(store.of_site(places.sites, site))
        _end(places, site)
        awaited = {"fingerprint": accepted["fingerprint"]} if accepted and not accepted["report"] else {}
        store.write(store.of_site(places.tokens, site), {**given, "address": address, **awaited}, 0o640)
        in_force.apply(places, check=False)
    return {
        "changed": True,
        "address": address,
        "network": str(settings.network),
        "hub_address": settings.address,
        "wireguard_key": system.public_key(key),
        "wireguard_port": settings.wireguard_port,
        "ssh_port": settings.ssh_port,
        "host_key": " ".join(places.host_key.with_suffix(".pub").read_text(encoding="utf-8").split()[:2]),
    }


def receive(places: Places, site: str, data: bytes) -> dict[str, Any]:
    """A PC's report, under the account that may do nothing else. The first PC that reports is the token's."""
    path = store.of_site(places.reports, site)
    with store.locked(places):
        known = store.read(store.of_site(places.tokens, site))
        if known is None or store.ended(known):
            raise AccessError(f"The time of this stick is over, or it was used or replaced; {_NEW_STICK}.")
        came = report.parse(data, known["way"])
        if (came["site"], came["token"]) != (site, known["token"]):
            raise AccessError(f"The report belongs to another stick than the key that it came with; {_NEW_STICK}.")
        digits = report.fingerprint(came)
        # Who has the stick alone could otherwise report before the PC whose text was taken. This account may not read
        # what was accepted, so the token tells.
        if not digits.startswith(known.get("fingerprint", "")):
            raise AccessError(f"The report is not that of the PC whose text was taken; {_NEW_STICK}.")
        former = store.read(path)
        if former is not None and former["report"]["token"] == known["token"] and former["fingerprint"] != digits:
            raise AccessError(f"Another report has come with this stick before, and it counts once; {_NEW_STICK}.")
        store.write(path, {"fingerprint": digits, "taken": f"{store.now():{store.TIME}}", "report": came})
    return {"taken": True, "fingerprint": digits}


def look(places: Places, site: str) -> dict[str, Any]:
    """What is known of a site: token, report, acceptance and the way that its PC comes. Changes nothing."""
    settings = store.settings(places)
    known = store.read(store.of_site(places.tokens, site))
    accepted = store.read(store.of_site(places.sites, site))
    came = store.read(store.of_site(places.reports, site))
    return {
        "changed": False,
        "token": {"made": known["made"], "ends": known["ends"], "ended": store.ended(known)} if known else None,
        "report": {**came, "shown": report.shown(came["fingerprint"])} if came else None,
        "accepted": accepted,
        "way": in_force.ways_of(settings, {site: accepted})[site] if accepted else "none",
    }


def accept(places: Places, given: dict[str, Any]) -> dict[str, Any]:
    """Admits the keys of the PC whose fingerprint somebody has compared, and ends the token.

    given: ``site`` and ``fingerprint``, or ``site`` and ``text``: the short text of a PC that has no line at all. Its
    tunnel then comes up, the token stays for the report, and acceptance is finished with that.
    """
    site, typed, text = (str(given.get(name, "")) for name in ("site", "fingerprint", "text"))
    path = store.of_site(places.sites, site)
    with store.locked(places):
        came = store.read(store.of_site(places.reports, site))
        accepted = store.read(path)
        if text:
            entry = _of_text(places, site, text)
        elif came is not None:
            entry = _of_report(places, site, came, typed, accepted)
        elif accepted is not None and accepted["report"] and report.same(accepted["fingerprint"], typed):
            entry = accepted
        else:
            raise AccessError(f"No PC has reported for {site}; make its stick and run enrol.cmd on the PC first.")
        changed = accepted is None or {**accepted, "accepted": ""} != {**entry, "accepted": ""}
        former = [accepted[kind] for kind in _KEYS if accepted[kind] != entry[kind]] if accepted else []
        if any(former):
            # Before anything tells of the new PC: whatever fails after that, the old one is out.
            for problem in in_force.lock_out(places, site, in_force.marks(places, site)):
                raise AccessError(problem)
        if text:
            _await(places, site, entry["fingerprint"])
        if changed:
            store.write(path, entry)
        if not text:
            _end(places, site)
        in_force.apply(places, check=False)
    return {"changed": changed or came is not None, **entry}


def _await(places: Places, site: str, fingerprint: str) -> None:
    """The site's token takes the report of this PC alone, and what came from another is forgotten."""
    came = store.read(store.of_site(places.reports, site))
    if came is not None and not came["fingerprint"].startswith(fingerprint):
        store.of_site(places.reports, site).unlink()
    path = store.of_site(places.tokens, site)
    store.write(path, {**(store.read(path) or {}), "fingerprint": fingerprint}, 0o640)


def _of_report(
    places: Places, site: str, came: dict[str, Any], typed: str, accepted: dict[str, Any] | None
) -> dict[str, Any]:
    if not report.same(came["fingerprint"], typed):
        raise AccessError(
            f"That is not the fingerprint of the PC that reported for {site}; compare it again by telephone, and if it "
            "differs, make another stick, which ends this one: somebody else has it."
        )
    if accepted is not None and not accepted["report"] and not came["fingerprint"].startswith(accepted["fingerprint"]):
        raise AccessError(f"The report is not that of the PC whose text was taken for {site}; revoke {site}.")
    body = came["report"]
    address = store.address(places, store.settings(places).network, site) if body["wireguard"] or body["ssh"] else ""
    _unused(places, site, body)
    return {
        "address": address,
        "fingerprint": came["fingerprint"],
        "wireguard": body["wireguard"],
        "ssh": body["ssh"],
        "report": body,
        "accepted": f"{store.now():{store.TIME}}",
    }


def _of_text(places: Places, site: str, text: str) -> dict[str, Any]:
    known = store.read(store.of_site(places.tokens, site))
    if known is None or store.ended(known) or known["way"] == "own":
        raise AccessError(f"There is no stick for a tunnel of {site} whose time is not over; make a new one.")
    short = report.decode_short(text, site)
    _unused(places, site, {"wireguard": short.wireguard, "ssh": ""})
    return {
        "address": store.address(places, store.settings(places).network, site),
        "fingerprint": short.fingerprint,
        "wireguard": short.wireguard,
        "ssh": "",
        "report": None,
        "accepted": f"{store.now():{store.TIME}}",
    }


def _unused(places: Places, site: str, body: dict[str, Any]) -> None:
    """WireGuard knows a key once, and sshd would give it the rights of the first site. A damaged file may hold it."""
    for other, entry in store.all_of(places.sites, store.ENTRY).items():
        if other != site and any(body[kind] and body[kind] == entry[kind] for kind in _KEYS):
            raise AccessError(f"This PC is accepted as the gateway of {other} already; revoke {other} first.")


def revoke(places: Places, site: str) -> dict[str, Any]:
    """Takes keys and token away and ends what is open. The site keeps its address."""
    path = store.of_site(places.sites, site)
    with store.locked(places):
        known = in_force.marks(places, site)
        ended = [found for found in (path, *_brought(places, site)) if found.exists()]
        # Although an earlier run may have done that: it may have been cut off just before it was whole.
        problems = in_force.try_each(found.unlink for found in ended)
        problems += in_force.lock_out(places, site, known)
        what: list[str] = []
        others = in_force.try_each(
            [lambda: what.extend(in_force.apply(places, check=False)), lambda: in_force.follow_addresses(places)]
        )
        for problem in problems:
            raise AccessError(problem)
        for problem in others:
            raise AccessError(f"{site} is locked out, but not everything of this hub is in order: {problem}")
    return {"changed": bool(ended or what), "was_accepted": path in ended}


def _brought(places: Places, site: str) -> list[Path]:
    """Where a site's token stands, and its report."""
    return [store.of_site(folder, site) for folder in (places.tokens, places.reports)]


def _end(places: Places, site: str) -> None:
    """Ends a site's token, and then its report."""
    for path in _brought(places, site):
        path.unlink(missing_ok=True)


def apply(places: Places, check: bool) -> dict[str, Any]:
    """Brings sshd's keys, the firewall, WireGuard and its interface to what the files say."""
    with store.locked(places):
        what = in_force.apply(places, check)
        for sentence in in_force.damaged(places):
            raise AccessError(sentence)
    return {"changed": bool(what), "what": what}


def firewall(places: Places) -> dict[str, Any]:
    """Puts the firewall's table in force, before sshd and WireGuard begin at a boot."""
    in_force.firewall(places)
    return {"changed": True}
