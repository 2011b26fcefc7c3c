# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What counts as good inside a site: scanners, worklists, the way of an image, and what the gateway has left.

A function for each check; see :mod:`.judges`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .tally import first_few, many
from .verdict import (
    TOO_OFTEN,
    Answer,
    answered,
    probes,
    require,
    require_answer,
    require_none,
    require_unhurried,
)

# What Orthanc and its library for DICOM say, and what it means for whoever stands at the scanner. The first that fits.
_SILENCE = (
    ("Connection refused", "nothing listens at its address and port"),
    ("No route to host", "its address cannot be reached"),
    ("Network is unreachable", "its address cannot be reached"),
    ("Timeout", "there is no answer from its address"),
    ("timed out", "there is no answer from its address"),
    ("Called AE Title Not Recognized", "it answers, and has another AE title"),
    ("Calling AE Title Not Recognized", "it answers, and does not know the AE title of the gateway"),
    ("Association Rejected", "it answers, and refuses the gateway"),
    ("never connected", "it ended the connection, or there was none"),
    ("Peer aborted", "it ended the connection"),
)


def _silence(reason: str) -> str:
    """Why a scanner is silent, in words; as it was said where nobody knows better."""
    return next((words for mark, words in _SILENCE if mark.lower() in reason.lower()), reason.rstrip("."))


def echo(seen: Answer, aet: str, gateway: str) -> str:
    """Every scanner answers, by an answer of ``orthanc_echo_info``. ``aet``: the gateway's."""
    require_answer(seen, "answers", gateway)
    require_none(
        f"Scanner {name} does not answer an echo of the gateway: {_silence(answer['reason'])}. Check that it is on, "
        f"its address, its AE title, and that it knows {aet}."
        for name, answer in seen["answers"].items()
        if not answer["answered"]
    )
    return f"{', '.join(seen['answers'])} answered" if seen["answers"] else "there is no scanner"


def inbound(seen: Answer, undone: Answer, scanners: Mapping[str, str], gateway: str) -> str:
    """Scanners can reach the gateway, as far as its Windows tells, and whether each of them ever did.

    seen      an answer of ``orthanc_info`` to ``received`` of their AE titles.
    undone    what the script ``obstacles.ps1`` of the gateway's role found, in ``result``.
    scanners  their AE titles, by name.
    """
    require_answer(seen, "received", gateway)
    if not scanners:
        return "there is no scanner"
    require_answer(undone, "result", gateway)
    require_none(undone["result"]["blocked"])
    last = {name: seen["received"].get(aet) or "" for name, aet in scanners.items()}
    came = [f"the last images of {name} came at {time}" for name, time in last.items() if time]
    never = [name for name, time in last.items() if not time]
    if never:
        whom = f"{', '.join(never)}; send one from {'it' if len(never) == 1 else 'each of them'}"
        came.insert(0, f"not proved yet: {gateway} has no image of {whom}")
    return "; ".join([*came, *(f"note: {text}".rstrip(".") for text in undone["result"]["open"])])


def link(seen: Answer, host: str, folder: str) -> str:
    """The hub shares the site's worklists with its gateway alone, by an answer of ``syncthing_info``."""
    require_answer(seen, "link", host)
    state = seen["link"]
    peers = list(state.get("peers") or {})
    require(len(peers) == 1, f"The hub shares {folder} with {len(peers)} devices; expected the site's gateway alone.")
    require(
        bool((seen["connections"].get(peers[0]) or {}).get("connected")),
        "The site's gateway is not connected to the hub's Syncthing; look at the gateway's network and at the hub's "
        "firewall.",
    )
    why = state.get("error") or state.get("state") or "unknown"
    require(bool(state.get("in_step")), f"The folder {folder} is not in step: {why}.")
    return "connected and in step, shared with this gateway alone"


def worklists(seen: Answer, host: str) -> str:
    """Each worklist file reaches a scanner, by an answer of ``worklist_check``."""
    require_answer(seen, "bad", host)
    files, bad = seen["files"], [f"{one['file']} {one['reason']}" for one in seen["bad"]]
    require(
        not bad,
        f"{len(bad)} of {many(files, 'worklist file')} {'reaches' if len(bad) == 1 else 'reach'} no scanner, or not "
        f"rightly: {first_few(bad, len(bad), '; ')}. Have the LIMS write {'it' if len(bad) == 1 else 'them'} again.",
    )
    whole = "the one file" if files == 1 else f"all {files} files"
    return f"{whole} of the LIMS can be read" if files else "there is no file"


def _reason(answer: Answer) -> str:
    return str(answer.get("msg") or "no answer").rstrip(".")


def _require_clean(cleaned: Sequence[tuple[str, Answer]]) -> None:
    """What was made to be looked at is removed again. A module that did so has nothing to say."""
    left = [f"{host}: {_reason(one)}" for host, one in cleaned if one.get("msg")]
    require(
        not left,
        f"What the proof made could not be removed again: {'; '.join(left)}. A proof that runs some hours later "
        "removes it.",
    )


def worklist(
    written: Answer,
    found: Answer,
    gone: Answer,
    cleaned: Sequence[tuple[str, Answer]],
    gateway: str,
    hub: str,
    modality: str,
    limit: float,
    patience: float,
) -> str:
    """An entry that was written at the hub is found at the gateway in time, and is gone after its file.

    written   what ``worklist_entry`` said at the hub.
    found     an answer of ``orthanc_worklist_info`` that waited for the entry, ``gone`` one that waited for its end.
    cleaned   hosts, and what removing the entry there said.
    modality  the gateway's name for itself.
    """
    require_answer(written, "path", hub)

    def require_entries(answer: Answer) -> None:
        require(
            (answer.get("failure") or {}).get("status") != 404,
            f"{gateway} has no modality {modality}, by which it asks itself for worklists; run site.yml again, which "
            "registers it.",
        )
        require(
            "entries" in answer,
            f"The gateway refuses a worklist C-FIND ({gateway}: {_reason(answer)}); look at the worklist section of "
            "its configuration.",
        )

    require_entries(found)
    took = round(float(found["seconds"]), 1)
    require(
        found["entries"] == 1,
        f"The entry was written at the hub and is answered {found['entries']} times at the gateway after {took} s; "
        "expected once, so look at the worklist link.",
    )
    require(took <= float(limit), f"The entry needed {took} s to the gateway; expected at most {limit} s.")
    require_entries(gone)
    require(
        gone["entries"] == 0,
        f"The entry was removed at the hub and is still answered at the gateway after {patience} s; look at the "
        "worklist link.",
    )
    _require_clean(cleaned)
    return f"found by C-FIND after {took} s, gone after its file"


def image(
    made: Answer,
    there: Answer,
    shown: Answer,
    cleaned: Sequence[tuple[str, Answer]],
    gateway: str,
    cloud: str,
    login_host: str,
    peer: str,
) -> str:
    """An image of the gateway is in the cloud as it was, can be seen, and is gone again.

    made      what ``orthanc_test_image`` made at the gateway, ``there`` what ``orthanc_image_info`` found in the cloud.
    shown     an answer of ``http_probe`` to ``search`` and ``pixels`` through the viewer.
    cleaned   hosts, and what removing it there said.
    """
    require(
        "md5" in made, f"The gateway cannot store an image ({gateway}: {_reason(made)}); look at its disk and its log."
    )
    took = round(float(made["seconds"]) + float(there.get("seconds") or 0), 1)
    told = 404 if "found" in there else (there.get("failure") or {}).get("status") or "nothing"
    require(
        "found" in there or there.get("skipped", False),
        f"The cloud cannot be asked for the image of the gateway ({cloud} answers {told}: {_reason(there)}); look "
        "at its Orthanc. The forwarder keeps the image until it runs.",
    )
    require(
        bool(there.get("found")),
        f"The image of the gateway is not in the cloud after {took} s (the cloud answers {told}); ask the gateway "
        f"for the state of the forwarder, /peers/{peer}-status/configuration.",
    )
    require(
        there["md5"] == made["md5"],
        "The image in the cloud has another MD5 than the one at the gateway; something on the way changes images.",
    )
    uid = made["sop_instance_uid"]
    require(
        there["sop_instance_uid"] == uid,
        "The image in the cloud has another SOP Instance UID than the one at the gateway.",
    )
    search, pixels = (probes(shown, login_host)[name] for name in ("search", "pixels"))
    require(
        search["status"] == TOO_OFTEN or (search["status"] == 200 and uid in search["body"]),
        f"The viewer's DICOMweb path does not show the image: it {answered(search)}.",
    )
    require(
        pixels["status"] in (200, TOO_OFTEN),
        f"The viewer's DICOMweb path does not give the pixels of the image: it {answered(pixels)}.",
    )
    _require_clean(cleaned)
    require_unhurried(probes(shown, login_host), login_host)
    return f"in the cloud after {took} s with the same SOP Instance UID and MD5, seen through the viewer"


def refused(seen: Answer, gateway: str) -> str:
    """The gateway refused no image today, by an answer of ``orthanc_delivery_info``.

    A gateway that cannot tell, yet or at all, is no fault, and is never told as 0.
    """
    require_answer(seen, "backlog", gateway)
    refusals = seen.get("refused") or {}
    today = int(refusals.get("today") or 0)
    named = [
        f"{one.get('uid') or 'without a UID'} ({one.get('status') or '?'}, {one.get('reason') or 'unknown'}) "
        f"from {one.get('aet') or '?'} at {one.get('address') or '?'}, {many(one.get('times', 1), 'time')}"
        for one in refusals.get("images") or ()
    ]
    require(
        not today,
        f"The gateway refused {many(today, 'image')} today: {first_few(named, today)}; mend it at the scanner.",
    )
    notes = [
        "no image of today was refused, as far as the log of its Orthanc tells"
        if refusals.get("known")
        else "what was refused is not known"
    ]
    replaced = seen.get("replaced") or {}
    if replaced.get("today"):
        uids = [str(one.get("uid") or "?") for one in replaced.get("images") or ()]
        notes.append(f"{replaced['today']} came again with other content: {first_few(uids, int(replaced['today']))}")
    rejected = seen.get("rejected") or {}
    if rejected.get("today"):
        notes.append(f"associations turned away today: {rejected['today']}")
    return "; ".join(notes)


def backlog(seen: Answer, gateway: str) -> str:
    """The forwarder had a moment with nothing left for each destination, by an answer of ``orthanc_delivery_info``."""
    require_answer(seen, "destinations", gateway)
    for name, one in seen["destinations"].items():
        waiting = many(one["backlog"], "image waits", "images wait")
        require(
            one["backlog"] == 0,
            f"{waiting} for {name}, the oldest for {one['oldest_age']} s (the forwarder is {one['state']}; "
            f"{one['last_error'] or 'no error'}).",
        )
        reason = next((image["reason"] for image in one["parked_images"]), "unknown")
        require(
            one["parked"] == 0,
            f"The gateway parked {many(one['parked'], 'image that does', 'images that do')} not pass to {name} "
            f"although others do, {'' if int(one['parked']) == 1 else 'the first '}because: {reason}.",
        )
    sent = ", ".join(f"{one['sent']} to {name}" for name, one in seen["destinations"].items())
    return f"backlog 0, parked 0, images sent since the start of the forwarder: {sent}"
