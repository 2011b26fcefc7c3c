# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of a gateway's forwarder, each said once: its names, its range, its default.

What is checked here before anything is changed, the forwarder checks again in ``settings.lua``; a unit test holds the
two and the role's argument specification against each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..module_utils._rules import addresses, dicom, values

NAME = "orthanc_windows_gateway_forwarder"
MBIT = (0.1, 10000)
TIMEOUT = (1, 86400)
"""Seconds that the upload of one image may take."""
LARGEST = (0, 65536)
"""Megabytes of the largest image that a destination takes."""
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ORIGINS = ("DicomProtocol", "RestApi", "Plugins", "Lua")


@dataclass(frozen=True)
class Setting:
    """One setting of every destination.

    name      the key of the role's variable.
    lua       the key in the section C(MediverseForwarder) of Orthanc's configuration.
    type      integer, boolean, string or list (of strings).
    default   what holds without it; None where it depends on the destination.
    bounds    of integers, both included.
    choices   of the strings of a list; empty for any.
    """

    name: str
    lua: str
    type: str
    default: Any
    bounds: tuple[int, int] = (0, 0)
    choices: tuple[str, ...] = ()


SETTINGS = (
    Setting("jobs", "Jobs", "integer", 48, (1, 64)),
    Setting("in_flight_megabytes", "InFlightMegabytes", "integer", 256, (1, 65536)),
    Setting("batch", "Batch", "integer", 20, (1, 500)),
    Setting("compress", "Compress", "boolean", False),
    Setting("transcode", "Transcode", "string", ""),
    Setting("longest_pause", "LongestPause", "integer", 60, (1, 3600)),
    Setting("job_patience", "JobPatience", "integer", 120, (15, 86400)),
    Setting("park_after", "ParkAfter", "integer", 6, (1, 100)),
    Setting("retry_parked", "RetryParked", "integer", 3600, (1, 604800)),
    Setting("skip_http_users", "SkipHttpUsers", "list", None),
    Setting("skip_remote_aets", "SkipRemoteAets", "list", []),
    Setting("skip_origins", "SkipOrigins", "list", ["Lua"], choices=ORIGINS),
)
KEEP_DAYS = Setting("keep_days", "KeepDays", "integer", 0, (0, 36500))
"""Of the whole forwarder, as are the office hours."""
LOSSLESS = {
    "1.2.840.10008.1.2": "uncompressed, implicit",
    "1.2.840.10008.1.2.1": "uncompressed, explicit",
    "1.2.840.10008.1.2.1.99": "deflated",
    "1.2.840.10008.1.2.2": "uncompressed, big endian",
    "1.2.840.10008.1.2.4.57": "JPEG lossless",
    "1.2.840.10008.1.2.4.70": "JPEG lossless, first order",
    "1.2.840.10008.1.2.4.80": "JPEG-LS lossless",
    "1.2.840.10008.1.2.4.90": "JPEG 2000 lossless",
}
"""What Orthanc, or its plugin GDCM for JPEG 2000, converts to. With a lossy syntax Orthanc gives an image a new
identity at each attempt, so that none would arrive exactly once."""
_KNOWN = {*(setting.name for setting in (*SETTINGS, KEEP_DAYS)), "office_hours"}


def _is_rate(value: Any) -> bool:
    try:
        return not isinstance(value, bool) and MBIT[0] <= float(value) <= MBIT[1]
    except (TypeError, ValueError):
        return False


def _is_time(value: Any) -> bool:
    return isinstance(value, str) and bool(re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", value, re.ASCII))


def _is_list(value: Any, choices: Sequence[str]) -> bool:
    if isinstance(value, str) or not isinstance(value, Sequence):
        return False
    return all(isinstance(item, str) and item and (not choices or item in choices) for item in value)


def _office_hours(given: Any) -> Iterator[str]:
    if not given:
        return
    name = f"{NAME}.office_hours"
    if not isinstance(given, Mapping):
        yield f"{name} is '{given}'; expected a dictionary with from, to and mbit."
        return
    begin, end, rate = given.get("from", ""), given.get("to", ""), given.get("mbit", "no")
    if not (_is_time(begin) and _is_time(end) and _is_rate(rate)):
        expected = f'two times in quotes, such as "07:00", and a rate from {MBIT[0]} to {MBIT[1]}'
        yield f"{name} goes from '{begin}' to '{end}' with {rate} Mbit/s; expected {expected}."
    if not _is_list(given.get("days", []), DAYS):
        yield f"{name}.days is {given['days']}; expected a list of days out of {', '.join(DAYS)}."


def _transcode(given: Any) -> Iterator[str]:
    if given not in ("", None) and not (isinstance(given, str) and given in LOSSLESS):
        known = ", ".join(f"{uid} ({text})" for uid, text in LOSSLESS.items())
        expected = f"expected nothing, or a lossless transfer syntax of Orthanc: {known}"
        yield f"{NAME}.transcode is {values.show(given)}; {expected}."


def problems(forwarder: Any, peers: Any) -> Iterator[str]:
    """One sentence for each mistake, of the settings and of the destinations."""
    if isinstance(forwarder, Mapping):
        yield from _settings(forwarder)
    else:
        yield f"{NAME} is {values.show(forwarder)}; expected a map of settings, such as {{jobs: 48}}, or {{}} for none."
    names: set[str] = set()
    for peer in peers:
        if not isinstance(peer, Mapping):
            yield f"A destination is {values.show(peer)}; expected a map with name, url, username and password."
            continue
        yield from _peer(peer, names)
        names.add(str(peer.get("name")))


def _settings(forwarder: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(set(forwarder) - _KNOWN, key=str):
        yield f"{NAME} has the unknown setting '{name}'; expected some of {', '.join(sorted(_KNOWN))}."
    for setting in (*SETTINGS, KEEP_DAYS):
        if setting.name not in forwarder:
            continue
        given = forwarder[setting.name]
        if setting.type == "integer" and (wrong := values.whole(given, *setting.bounds)):
            yield f"{NAME}.{setting.name} is {values.show(given)}; {wrong.partition('; ')[2]}."
        if setting.type == "boolean" and values.switch(given):
            yield f"{NAME}.{setting.name} is {values.show(given)}; expected true or false."
        if setting.type == "list" and not _is_list(given, setting.choices):
            expected = f"a list out of {', '.join(setting.choices)}" if setting.choices else "a list of names"
            shown = given if isinstance(given, list) else values.show(given)
            yield f"{NAME}.{setting.name} is {shown}; expected {expected}."
    yield from _transcode(forwarder.get("transcode", ""))
    yield from _office_hours(forwarder.get("office_hours"))


def _peer(peer: Mapping[str, Any], before: set[str]) -> Iterator[str]:
    name = peer.get("name")
    place = f"The destination {values.show(name)} (orthanc_windows_gateway_peer, _more_peers)"
    if wrong := dicom.orthanc_name(name):
        yield f"{place} has a name that {wrong}."
    elif name in before:
        yield f"{place} stands twice; expected a name of its own for each."
    if wrong := addresses.https_url(peer.get("url")):
        yield f"{place} has the url {values.show(peer.get('url'))}, which {wrong}."
    for key in ("username", "password"):
        if wrong := values.text(peer.get(key)):
            yield f"{place} has a {key} that {wrong}."
    for key, bounds, unit in (("timeout", TIMEOUT, "seconds"), ("largest_mb", LARGEST, "megabytes")):
        if values.whole(peer.get(key, bounds[1]), *bounds):
            expected = f"a whole number of {unit} from {bounds[0]} to {bounds[1]}"
            yield f"{place} has the {key} {values.show(peer[key])}; expected {expected}."


def section(
    forwarder: Mapping[str, Any], peers: Sequence[Mapping[str, Any]], admin_user: str, log: str
) -> dict[str, Any]:
    """The section C(MediverseForwarder) of Orthanc's configuration for settings and destinations that are right.

    Every destination has a peer, a cursor and jobs of its own; the other settings are common to all.
    ``admin_user``: by whose name people import. Other users of the name of a peer's user came from that peer, whose
    images do not go back to it.
    ``log``: a link to Orthanc's newest log, with slashes.
    """
    common = {setting.lua: _value(setting, forwarder.get(setting.name, setting.default)) for setting in SETTINGS}
    made: dict[str, Any] = {
        "Destinations": [
            {
                **common,
                "Peer": str(peer["name"]),
                "SkipHttpUsers": skipped_users(forwarder, peer, admin_user),
                "LargestMegabytes": int(peer.get("largest_mb") or 0),
            }
            for peer in peers
        ],
        KEEP_DAYS.lua: _value(KEEP_DAYS, forwarder.get(KEEP_DAYS.name, KEEP_DAYS.default)),
        "LogFile": log,
    }
    hours = forwarder.get("office_hours")
    if hours:
        made["OfficeHours"] = {
            "From": str(hours["from"]),
            "To": str(hours["to"]),
            "Mbit": float(hours["mbit"]),
            "Days": [str(day) for day in hours.get("days") or []],
        }
    return made


def skipped_users(forwarder: Mapping[str, Any], peer: Mapping[str, Any], admin_user: str) -> list[str]:
    """Users of the gateway's REST API whose uploads do not go to this peer; see :func:`section`."""
    given = forwarder.get("skip_http_users")
    if given is not None:
        return [str(user) for user in given]
    return [str(peer["username"])] if str(peer["username"]) != admin_user else []


def _value(setting: Setting, given: Any) -> Any:
    """A setting in the type that settings.lua asks for; templates may have made a text of it."""
    if setting.type == "integer":
        return int(given)
    if setting.type == "boolean":
        return values.is_on(given)
    if setting.type == "string":
        return str(given or "")
    return [str(item) for item in given or []]
