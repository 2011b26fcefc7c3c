# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one Orthanc holds, in a form in which two can be compared without carrying every row from one to the other.

The unit is the series. Its digest is the sum of a hash over the SOP Instance UID, the MD5 and Orthanc's identifier of
each image, so that it depends on no order, and images can be read in any portions. Orthanc's identifier is made of the
patient's ID and the three UIDs: the same UIDs under two patients are two series and two images there, and so they are
here, although both stand under one Series Instance UID. Only series whose digests differ are compared image by
image. Series of a day are those that last got an image on that day (UTC): Orthanc finds them by their metadata, in one
request, and finds their images by an index. Nothing here reads an image.

For the sums one portion of at most :data:`PORTION` images is in memory, and an entry for each series of a day. Whoever
asks for the images of series, or of those that differ, gets them all at once.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeVar

from .._engine.errors import ApiError, InputError
from .._engine.http import Api
from .._engine.pieces import pieces
from .._engine.resource import InfoSpec, Params
from ._service import ORTHANC
from .delivery import parse_time, show_time

# Images in one answer of Orthanc: about 1.8 MB.
PORTION = 3000
# Series in one question: they become terms of one SQL statement.
TERMS = 200
# Images in one answer with all that Orthanc knows of them: about 1.5 kB each.
DETAILED = 500
# Images in one answer that are only named.
NAMED = 1000
# How often images are read from the start, because some came or went meanwhile.
TRIES = 3
_DICOM = 1
# The metadata that the cloud's Orthanc gives an image that replaced another one.
_REPLACED = "Replaced"
_MODULUS = 1 << 128
_FIND, _DETAILS, _CLOCK = "/tools/find", "/tools/bulk-content", "/tools/now"

T = TypeVar("T")


class MovedError(Exception):
    """Images came or went before the place up to which they have been read; what follows it is not known."""


class Image(NamedTuple):
    """An image as the ledger sees it; ``md5`` is empty when that Orthanc keeps no checksums, ``id`` is Orthanc's."""

    series: str
    sop: str
    md5: str
    id: str


class Entry(NamedTuple):
    """A Series Instance UID of a day, how many images it has under all patients, and its study."""

    uid: str
    images: int
    study: str = ""


class Digest:
    """The sum over the images of one series."""

    def __init__(self) -> None:
        self.images = 0
        self._sum = 0

    def add(self, sop: str, md5: str, identifier: str) -> None:
        """One image; the order does not matter."""
        hashed = hashlib.sha256(f"{sop} {md5} {identifier}".encode()).digest()[:16]
        self._sum = (self._sum + int.from_bytes(hashed, "big")) % _MODULUS
        self.images += 1

    @property
    def text(self) -> str:
        """32 hexadecimal digits."""
        return f"{self._sum:032x}"


def _find(api: Api, body: Mapping[str, Any]) -> list[Any]:
    found: list[Any] = api.parse(api.send("POST", _FIND, json=body, harmless=True), _FIND)
    return found


def series_of(api: Api, day: str) -> list[Entry]:
    """The series that last got an image on that day (``20261122``), by ascending UID."""
    found = _find(
        api,
        {
            "Level": "Series",
            "Query": {},
            "MetadataQuery": {"LastUpdate": f"{day}*"},
            "ResponseContent": ["RequestedTags"],
            "RequestedTags": ["SeriesInstanceUID", "NumberOfSeriesRelatedInstances", "StudyInstanceUID"],
        },
    )
    entries: dict[str, Entry] = {}
    for tags in (entry["RequestedTags"] for entry in found):
        uid = tags["SeriesInstanceUID"]
        before = entries[uid].images if uid in entries else 0
        entries[uid] = Entry(
            uid, before + int(tags["NumberOfSeriesRelatedInstances"]), tags.get("StudyInstanceUID", "")
        )
    return sorted(entries.values())


def series_of_patients(api: Api, day: str, patients: Iterable[str]) -> set[str]:
    """Those of them that are of patients whose ID is one of these; ``*`` stands for anything."""
    found: set[str] = set()
    for patient in patients:
        question = {
            "Level": "Series",
            "Query": {"PatientID": patient},
            "MetadataQuery": {"LastUpdate": f"{day}*"},
            "ResponseContent": ["RequestedTags"],
            "RequestedTags": ["SeriesInstanceUID"],
        }
        found.update(entry["RequestedTags"]["SeriesInstanceUID"] for entry in _find(api, question))
    return found


def pairs_of(api: Api, studies: Iterable[str]) -> list[dict[str, Any]]:
    """Studies that stand under more than one patient: ``{study, ids}`` with Orthanc's identifiers of each of them."""
    wanted = sorted({uid for uid in studies if uid})
    known: dict[str, list[str]] = {}
    for terms in pieces(wanted, TERMS):
        found = _find(
            api,
            {
                "Level": "Study",
                "Query": {"StudyInstanceUID": "\\".join(terms)},
                "ResponseContent": ["RequestedTags"],
                "RequestedTags": ["StudyInstanceUID"],
            },
        )
        for entry in found:
            known.setdefault(entry["RequestedTags"]["StudyInstanceUID"], []).append(entry["ID"])
    return [{"study": uid, "ids": sorted(ids)} for uid, ids in sorted(known.items()) if len(ids) > 1]


def replaced_on(api: Api, day: str) -> list[dict[str, str]]:
    """Images that took the place of another one of the same UIDs on that day, as the archive has marked them.

    An Orthanc that does not know the mark has none.
    """
    question = {
        "Level": "Instance",
        "Query": {},
        "MetadataQuery": {_REPLACED: f"{day}*"},
        "ResponseContent": ["RequestedTags"],
        "RequestedTags": ["SOPInstanceUID"],
        "Limit": NAMED,
    }
    answer = api.send("POST", _FIND, json=question, accept=(400, 404), harmless=True)
    found = api.parse(answer, _FIND) if answer.status == 200 else []
    return [{"sop": entry["RequestedTags"]["SOPInstanceUID"], "id": entry["ID"]} for entry in found]


def portions(entries: Iterable[Entry], size: int = PORTION) -> Iterator[list[Entry]]:
    """Series, put together to at most ``size`` images and :data:`TERMS` series, or a single series that is larger."""
    portion: list[Entry] = []
    images = 0
    for entry in entries:
        if portion and (images + entry.images > size or len(portion) == TERMS):
            yield portion
            portion, images = [], 0
        portion.append(entry)
        images += entry.images
    if portion:
        yield portion


def images_of(api: Api, series: list[str]) -> Iterator[Image]:
    """All images of these series, one answer in memory at a time; raises MovedError, see :func:`steadily`."""
    if not series:
        # To Orthanc, no value means every value.
        return
    body = {
        "Level": "Instance",
        # A list of values, as DICOM writes it.
        "Query": {"SeriesInstanceUID": "\\".join(series)},
        "ResponseContent": ["Attachments"],
        "RequestedTags": ["SeriesInstanceUID", "SOPInstanceUID"],
        "OrderBy": [{"Type": "DicomTag", "Key": "SOPInstanceUID", "Direction": "ASC"}],
    }
    since, last = 0, ""
    while True:
        # Orthanc counts the images to skip. So each answer has to begin with the last image of the one before: if it
        # does not, the images have moved, and some of them would be in neither.
        seen = 1 if last else 0
        found = _find(api, {**body, "Since": since - seen, "Limit": PORTION + seen})
        if seen and [entry["ID"] for entry in found[:1]] != [last]:
            raise MovedError
        for entry in found[seen:]:
            tags = entry["RequestedTags"]
            md5 = next((one["UncompressedMD5"] for one in entry["Attachments"] if one["ContentType"] == _DICOM), "")
            yield Image(tags["SeriesInstanceUID"], tags["SOPInstanceUID"], md5, entry["ID"])
        if len(found) < PORTION + seen:
            return
        since, last = since + PORTION, found[-1]["ID"]


def steadily(read_images: Callable[[], T]) -> T | None:
    """What was read when no images moved meanwhile; None when they did each time."""
    for __ in range(TRIES):
        with contextlib.suppress(MovedError):
            return read_images()
    return None


def digests(api: Api, entries: Iterable[Entry], with_md5: bool = True) -> Iterator[dict[str, Any]]:
    """``{series, images, digest}`` for each series that has images; the digest is empty when it did not hold still."""
    for portion in portions(entries):
        sums = steadily(partial(_sums, api, [entry.uid for entry in portion], with_md5))
        if sums is None:
            yield from ({"series": entry.uid, "images": entry.images, "digest": ""} for entry in portion)
            continue
        for uid in sorted(sums):
            yield {"series": uid, "images": sums[uid].images, "digest": sums[uid].text}


def _sums(api: Api, series: list[str], with_md5: bool) -> dict[str, Digest]:
    sums: dict[str, Digest] = {}
    for image in images_of(api, series):
        sums.setdefault(image.series, Digest()).add(image.sop, image.md5 if with_md5 else "", image.id)
    return sums


def _listed(api: Api, series: list[str]) -> dict[str, dict[str, dict[str, str]]]:
    found: dict[str, dict[str, dict[str, str]]] = {uid: {} for uid in series}
    for image in images_of(api, series):
        found[image.series][image.id] = {"sop": image.sop, "md5": image.md5}
    return found


def _date(option: str, given: Any) -> str:
    day = str(given).replace("-", "")
    if parse_time(f"{day}T000000") is None:
        raise InputError(f"{option} is {given!r}, but it must be a date such as 2026-11-22.")
    return day


def _read_day(api: Api, params: Params) -> dict[str, Any]:
    day = _date("day", params["day"])
    entries = [entry for entry in series_of(api, day) if entry.uid > (params["after"] or "")]
    # Asked after them: what came in between is in neither answer.
    skipped = series_of_patients(api, day, params["skip_patients"] or ()) if entries else set()
    entries = [entry for entry in entries if entry.uid not in skipped]
    chosen = entries[: params["limit"]]
    studies = {entry.uid: entry.study for entry in chosen}
    found = [{**one, "study": studies[one["series"]]} for one in digests(api, chosen, params["md5"])]
    return {
        "series": found,
        "images": sum(entry["images"] for entry in found),
        "next": chosen[-1].uid if len(entries) > len(chosen) else "",
    }


def _compare(api: Api, params: Params) -> dict[str, Any]:
    days = {day: _date("replaced", day) for day in params["replaced"] or ()}
    wanted = {entry["series"]: entry for entry in params["compare"]}
    entries = (Entry(uid, entry["images"]) for uid, entry in wanted.items())
    there = digests(api, entries, params["md5"])
    same = {one["series"] for one in there if one["digest"] and _alike(one, wanted[one["series"]])}
    differing = [Entry(uid, entry["images"]) for uid, entry in wanted.items() if uid not in same]
    return {
        "pairs": pairs_of(api, (entry["study"] or "" for entry in wanted.values())),
        "replaced": [{"day": day, **one} for day, stamp in days.items() for one in replaced_on(api, stamp)],
        "same": sum(wanted[uid]["images"] for uid in same),
        "differing": [{"series": entry.uid, "images": entry.images} for entry in differing],
        **(_list_portions(api, differing) if params["list_differing"] else {}),
    }


def _list_portions(api: Api, entries: Iterable[Entry]) -> dict[str, Any]:
    """A portion that does not hold still is the only one that is unread."""
    answer: dict[str, Any] = {"found": {}, "unread": []}
    for portion in portions(entries):
        series = [entry.uid for entry in portion]
        found = steadily(partial(_listed, api, series))
        if found is None:
            answer["unread"] += series
        answer["found"].update(found or {})
    return answer


def _alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(one[key] == other[key] for key in ("images", "digest"))


def _read_images(api: Api, params: Params) -> dict[str, Any]:
    found = steadily(partial(_listed, api, params["images_of"]))
    return {"found": found or {}, "unread": params["images_of"] if found is None else []}


def _read_origins(api: Api, params: Params) -> dict[str, Any]:
    """Where images came from; one that is not there any more is left out of the answer."""
    origins = {}
    for ids in pieces(params["origins_of"], DETAILED):
        question = {"Resources": ids, "Level": "Instance", "Metadata": True}
        answer = api.send("POST", _DETAILS, json=question, harmless=True)
        for entry in api.parse(answer, _DETAILS):
            known = entry["Metadata"]
            origins[entry["ID"]] = {
                "origin": known.get("Origin", ""),
                "http_user": known.get("HttpUsername", ""),
                "remote_aet": known.get("RemoteAET", ""),
            }
    return {"origins": origins}


def _read_clock(api: Api, __: Params) -> dict[str, Any]:
    now = parse_time(api.send("GET", _CLOCK).text.strip())
    if now is None:
        raise ValueError("no time")
    return {"now": show_time(now)}


# Each with the path that it is about.
_QUESTIONS: dict[str, tuple[Callable[[Api, Params], dict[str, Any]], str]] = {
    "day": (_read_day, _FIND),
    "compare": (_compare, _FIND),
    "images_of": (_read_images, _FIND),
    "origins_of": (_read_origins, _DETAILS),
    "clock": (_read_clock, _CLOCK),
}


def read(api: Api, params: Params) -> dict[str, Any]:
    """One of the questions; the constraints see to it that there is exactly one."""
    ask, path = next(_QUESTIONS[name] for name in _QUESTIONS if params[name] is not None)
    try:
        return ask(api, params)
    except (TypeError, AttributeError, KeyError, ValueError) as error:
        raise ApiError(
            f"{api.where} does not answer like Orthanc 1.13 ({type(error).__name__}: {error}). "
            "Check api_url, and that its version is 1.13.0 or newer.",
            path=path,
        ) from None


LEDGER = InfoSpec(
    service=ORTHANC,
    read=read,
    options={
        "day": {"type": "str"},
        "after": {"type": "str"},
        "limit": {"type": "int", "default": 500},
        "skip_patients": {"type": "list", "elements": "str"},
        "compare": {
            "type": "list",
            "elements": "dict",
            "options": {
                "series": {"type": "str", "required": True},
                "images": {"type": "int", "required": True},
                "digest": {"type": "str", "required": True},
                "study": {"type": "str"},
            },
        },
        "replaced": {"type": "list", "elements": "str"},
        "list_differing": {"type": "bool", "default": False},
        "images_of": {"type": "list", "elements": "str"},
        "origins_of": {"type": "list", "elements": "str"},
        "clock": {"type": "bool", "choices": [True]},
        "md5": {"type": "bool", "default": True},
    },
    constraints={
        "mutually_exclusive": [tuple(_QUESTIONS)],
        "required_one_of": [tuple(_QUESTIONS)],
        "required_by": {"after": ["day"], "skip_patients": ["day"], "replaced": ["compare"]},
    },
)
