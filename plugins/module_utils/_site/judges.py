# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What counts as good in a proof: a function for each check, which knows nothing of how its answers were got.

A function returns what the row says when all is well, and raises :class:`CheckFailed` with the sentence of the first
thing that is not. Answers are results of modules as tasks register them, those of failed tasks and of hosts that could
not be reached included. Numbers may come as text, because variables that are given to a playbook do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from .report import said_by
from .tally import first_few

Answer = Mapping[str, Any]


class CheckFailed(Exception):
    """The sentence for the operator: what is wrong, where, and what to do."""


def _require(right: bool, otherwise: str) -> None:
    if not right:
        raise CheckFailed(otherwise)


def _require_none(sentences: Iterable[str]) -> None:
    """Whatever was looked at in one go is told in one go."""
    said = " ".join(sentences)
    if said:
        raise CheckFailed(said)


def _require_answer(answer: Answer, key: str, host: str) -> None:
    """``key`` is what every answer of the module has that was asked; otherwise it failed, or was never reached."""
    if key not in answer:
        # The module names an address of the host itself, which several hosts have.
        raise CheckFailed(f"{host}: {answer['msg']}" if answer.get("msg") else f"{host} did not answer.")


def _probes(seen: Answer, host: str) -> Mapping[str, Answer]:
    """The answers of ``http_probe`` by the names of the probes."""
    if "answers" not in seen:
        raise CheckFailed(f"Nothing could be looked at from {host}, which cannot be reached: {said_by(seen)}")
    answers: Mapping[str, Answer] = seen["answers"]
    return answers


def _status(answer: Answer) -> Any:
    return answer["error"] or answer["status"]


# What a proxy says when what stands behind it does not answer.
_GATEWAY_ERRORS = (502, 503, 504)


def _require_service(answers: Mapping[str, Answer], host: str) -> None:
    """Something answers at all. A service that is down neither lets in nor refuses, and is told once, not as a hole."""
    asked = [answer for answer in answers.values() if not answer.get("skipped")]
    if asked and all(answer["status"] <= 0 for answer in asked):
        raise CheckFailed(
            f"Nothing answers {host} at {asked[0]['url']} ({asked[0]['error'] or 'no answer'}), so nothing could be "
            "judged; see that the proxy runs on the cloud host and that the name leads there."
        )
    if asked and all(answer["status"] in _GATEWAY_ERRORS for answer in asked):
        raise CheckFailed(
            f"{asked[0]['url']} answers {asked[0]['status']}: the proxy runs, and what stands behind it does not "
            "answer, so nothing could be judged; see that the containers of the site run on the cloud host."
        )


# The proxy manager tells the end of a certificate in a zone that nobody knows, and a renewal moves it by weeks.
_SAME = timedelta(days=1)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def certificate(seen: Answer, held: Answer, host: str, share: float, days: int) -> str:
    """Certificates are trusted, have time left, and are those that the proxy manager holds; HSTS is on.

    seen    an answer of ``http_probe``, its probes named like the hosts.
    held    what the proxy manager has: a loop of ``nginx_proxy_manager_certificate`` over the names, or skipped.
    share   of its lifetime that a certificate must still be valid; ``days``, when it is not 0, counts instead.
    """
    answers = _probes(seen, host)
    _require_none(said_by(one) for one in held.get("results", ()) if one.get("unreachable"))
    known = [one for one in held.get("results", ()) if one.get("certificate")]
    ends = {one["item"]: one["certificate"].get("expires_on") for one in known}
    for name, answer in answers.items():
        url = answer["url"]
        _require(answer["status"] > 0, f"{url}: {answer['error'] or 'no answer'}.")
        left, lifetime = answer.get("days") or 0, answer.get("lifetime") or 0
        least = float(days) or float(share) * lifetime
        _require(
            left >= least,
            f"{url}: the certificate, made for {lifetime} days, expires in {left} days; expected at least {least:.0f}, "
            "so look at what the proxy manager says about its renewal.",
        )
        if ends.get(name) and answer.get("not_after"):
            served, kept = _moment(str(answer["not_after"])), _moment(str(ends[name]))
            _require(
                kept - served < _SAME,
                f"{url}: the certificate was renewed until {kept:%Y-%m-%d}, but the one until {served:%Y-%m-%d} is "
                "still served; run site.yml again, which makes the proxy load it.",
            )
        hsts = re.search(r"max-age=[1-9]", str(answer["headers"].get("strict-transport-security", "")))
        _require(bool(hsts), f"{url} does not send Strict-Transport-Security; switch HSTS on in its proxy host.")
    shortest = min(answer["days"] for answer in answers.values())
    issuer = next(iter(answers.values()))["issuer"]
    compared = "" if held.get("skipped") else "the one that the proxy manager holds, "
    return f"valid for {shortest} days more, by {issuer}, {compared}HSTS on"


def redirect(seen: Answer, host: str) -> str:
    """HTTP leads to the same address with HTTPS."""
    answers = _probes(seen, host)
    _require_service(answers, host)
    _require_none(
        f"{answer['url']} answers {_status(answer)}; expected a redirect to the same address with https."
        for answer in answers.values()
        if answer["status"] not in (301, 302, 307, 308)
        or answer["headers"].get("location") != "https:" + answer["url"].partition(":")[2]
    )
    statuses = dict.fromkeys(str(answer["status"]) for answer in answers.values())
    return f"both names answer {' and '.join(statuses)}"


def login(seen: Answer, inside: Answer, host: str, login_host: str) -> str:
    """The viewer asks for a login (``seen``, as a stranger), and takes the right one (``inside``)."""
    strangers = _probes(seen, host)
    _require_service(strangers, host)
    _require_none(
        f"{answer['url']} ({name}) answers {_status(answer)} without a login; expected 401."
        for name, answer in strangers.items()
        if answer["status"] != 401
    )
    _require_none(
        f"{answer['url']} answers {_status(answer)} after the login; expected 200."
        for answer in _probes(inside, login_host).values()
        if answer["status"] not in (200, 204)
    )
    return f"{len(strangers)} probes without a login or with a wrong one are refused, the login opens"


def pacs(seen: Answer, host: str) -> str:
    """A stranger is refused, whatever is asked."""
    answers = _probes(seen, host)
    _require_service(answers, host)
    _require_none(
        f"{answer['method']} {answer['url']} ({name}) answers {_status(answer)} to a stranger; "
        "expected 401, 403 or 404."
        for name, answer in answers.items()
        if not answer["skipped"] and answer["status"] not in (401, 403, 404)
    )
    return f"{len(answers)} probes are refused"


def limit(seen: Answer, host: str, pacs: str, largest_mb: int) -> str:
    """A file that is larger than the archive takes is refused before it is sent. ``largest_mb`` 0: not known."""
    largest = int(largest_mb)
    if not largest:
        return "the largest file is not known here"
    answers = _probes(seen, host)
    answer = next(iter(answers.values()))
    if answer["skipped"]:
        return "not tried in check mode"
    _require_service(answers, host)
    _require(
        answer["status"] == 413,
        f"{pacs} answers {_status(answer)} instead of 413 to a file of {largest + 1} MiB, which kills the archive; run "
        "the playbook again, it sets the limit in the proxy.",
    )
    return f"files up to {largest} MiB are taken, larger ones are refused before they are sent"


# A path that the viewer does not know gives its start page, which is HTML; anything of Orthanc would be JSON or the
# explorer's own page.
_VIEWER = '<div id="root"'


def viewer(seen: Answer, host: str) -> str:
    """Who is logged in may read by DICOMweb, and nothing else. A proxy that could not ask has refused nothing."""
    answers = _probes(seen, host)
    _require_service(answers, host)

    def closed(answer: Answer) -> bool:
        own = answer["status"] == 200 and answer["method"] == "GET" and _VIEWER in answer["body"]
        refused = answer["status"] >= 400 and answer["status"] not in _GATEWAY_ERRORS
        return bool(answer["skipped"] or refused or own)

    _require_none(
        f"{answer['method']} {answer['url']} ({name}) answers {_status(answer)} through the viewer; expected a refusal "
        "or the viewer's own page."
        for name, answer in answers.items()
        if not closed(answer)
    )
    return f"{len(answers)} ways to write or to leave DICOMweb are closed"


def study_list(seen: Answer, host: str, cloud: str) -> str:
    """The viewer can read its study list, by an answer of ``viewer_list_info``."""
    problems = seen.get("problems")
    _require(
        problems == [],
        "The viewer cannot read its study list, so it shows nobody anything: "
        f"{seen.get('summary') or host + ' cannot be reached'}. Look at the viewer's web server on {cloud}, which "
        "makes such rows readable, and at these studies.",
    )
    _require(
        seen["compressed"],
        f"The study list comes uncompressed ({seen['bytes']} bytes), which takes minutes for large studies on a slow "
        "line; look for a proxy before the viewer that takes Accept-Encoding away.",
    )
    return (
        f"{seen['recent']} studies of the last {seen['days']} days, with which the list begins, and {seen['studies']} "
        f"on the first page without a date, all readable, {seen['bytes']} bytes on the line"
    )


# An address that cannot be asked, such as a name that nobody knows, is no closed port.
_CLOSED = ("refused", "no answer within", "No route to host")


def ports(seen: Answer, host: str) -> str:
    """No connection is accepted. The probes are named like the ports."""
    answers = _probes(seen, host)
    _require_none(
        f"{answer['url']} {answer['error'] or 'accepts connections from ' + host}; expected it to be closed, so look "
        "at the firewall and at what was published by hand."
        for answer in answers.values()
        if answer["open"] or not any(reason in answer["error"] for reason in _CLOSED)
    )
    return f"{', '.join(answers)} accept nothing from {host}"


_LISTS = (200, 204)


def neighbour(doors: Answer, heard: str, call: str, site: str, host: str, cloud: str) -> str:
    """The containers of a site answer the proxy alone, by an answer of ``container_doors``. The worst is told first.

    heard   what the log of the viewer's container tells; ``call`` is what it must not have heard.
    host    the one that has called it; ``cloud`` is the one that the containers run on.
    """
    _require_answer(doors, "from_host", cloud)
    lists = [address for address, status in doors["from_host"].items() if status in _LISTS]
    others, web = doors["from_others"], doors["viewer"]
    _require(
        not lists,
        f"A container of {site} lists studies without a login and without the proxy ({', '.join(lists)}); run the "
        "playbook again, and take the site off the net until this check passes.",
    )
    _require(
        not others,
        f"Another site's container reaches {', '.join(others)}; the site has to have a network of its own, so run the "
        "playbook again for both.",
    )
    _require(
        call not in heard,
        f"{host} reaches the container {web.get('name')} at {web.get('address')}; containers must be reached through "
        f"the proxy only, so look at the routes and the firewall of {cloud}.",
    )
    _require(not doors["guard"], str(doors["guard"]))
    _require(bool(web), f"The viewer's container of {site} does not run on {cloud}; run the playbook again.")
    asking = ", ".join(["the host", *doors["others"]])
    return f"{len(doors['addresses'])} addresses of containers refuse {asking} and {host}"


def echo(seen: Answer, aet: str) -> str:
    """Every scanner answers, by an answer of ``orthanc_echo_info``. ``aet``: the gateway's."""
    _require_answer(seen, "answers", "The gateway")
    _require_none(
        f"Scanner {name} does not answer an echo of the gateway ({answer['reason']}); check that it is on, its "
        f"address, its AE title, and that it knows {aet}."
        for name, answer in seen["answers"].items()
        if not answer["answered"]
    )
    return f"{', '.join(seen['answers'])} answered" if seen["answers"] else "there is no scanner"


def link(seen: Answer, host: str, folder: str) -> str:
    """The hub shares the site's worklists with its gateway alone, by an answer of ``syncthing_info``."""
    _require_answer(seen, "link", host)
    state = seen["link"]
    peers = list(state.get("peers") or {})
    _require(len(peers) == 1, f"The hub shares {folder} with {len(peers)} devices; expected the site's gateway alone.")
    _require(
        bool((seen["connections"].get(peers[0]) or {}).get("connected")),
        "The site's gateway is not connected to the hub's Syncthing; look at the gateway's network and at the hub's "
        "firewall.",
    )
    why = state.get("error") or state.get("state") or "unknown"
    _require(bool(state.get("in_step")), f"The folder {folder} is not in step: {why}.")
    return "connected and in step, shared with this gateway alone"


def worklists(seen: Answer, host: str) -> str:
    """Each worklist file reaches a scanner, by an answer of ``worklist_check``."""
    _require_answer(seen, "bad", host)
    files, bad = seen["files"], [f"{one['file']} {one['reason']}" for one in seen["bad"]]
    _require(
        not bad,
        f"{len(bad)} of {files} worklist files reach no scanner, or not rightly: {first_few(bad, len(bad), '; ')}. "
        "Have the LIMS write them again.",
    )
    return f"all {files} files of the LIMS can be read" if files else "there is no file"


def _reason(answer: Answer) -> str:
    return str(answer.get("msg") or "no answer").rstrip(".")


def _require_clean(cleaned: Sequence[Answer]) -> None:
    """What was made to be looked at is removed again. A module that did so has nothing to say."""
    left = [_reason(one) for one in cleaned if one.get("msg")]
    _require(not left, f"What the proof made could not be removed again: {'; '.join(left)}. The next proof removes it.")


def worklist(
    written: Answer, found: Answer, gone: Answer, cleaned: Sequence[Answer], limit: float, patience: float
) -> str:
    """An entry that was written at the hub is found at the gateway in time, and is gone after its file.

    written   what ``worklist_entry`` said at the hub.
    found     an answer of ``orthanc_worklist_info`` that waited for the entry, ``gone`` one that waited for its end.
    cleaned   what removing entry and modality said.
    """
    _require_answer(written, "path", "The hub")

    def require_answer(answer: Answer) -> None:
        _require(
            "entries" in answer,
            f"The gateway refuses a worklist C-FIND ({_reason(answer)}); look at the worklist section of its "
            "configuration, or run the proof again if another one of this site ran at the same time.",
        )

    require_answer(found)
    took = round(float(found["seconds"]), 1)
    _require(
        found["entries"] == 1,
        f"The entry was written at the hub and is answered {found['entries']} times at the gateway after {took} s; "
        "expected once, so look at the worklist link.",
    )
    _require(took <= float(limit), f"The entry needed {took} s to the gateway; expected at most {limit} s.")
    require_answer(gone)
    _require(
        gone["entries"] == 0,
        f"The entry was removed at the hub and is still answered at the gateway after {patience} s; look at the "
        "worklist link.",
    )
    _require_clean(cleaned)
    return f"found by C-FIND after {took} s, gone after its file"


def image(made: Answer, there: Answer, shown: Answer, cleaned: Sequence[Answer], login_host: str, peer: str) -> str:
    """An image of the gateway is in the cloud as it was, can be seen, and is gone again.

    made      what ``orthanc_test_image`` made at the gateway, ``there`` what ``orthanc_image_info`` found in the cloud.
    shown     an answer of ``http_probe`` to ``search`` and ``pixels`` through the viewer.
    cleaned   what removing it said at either end.
    """
    _require("md5" in made, f"The gateway cannot store an image ({_reason(made)}); look at its disk and its log.")
    took = round(float(made["seconds"]) + float(there.get("seconds") or 0), 1)
    status = 404 if "found" in there else (there.get("failure") or {}).get("status") or "nothing"
    _require(
        "found" in there or there.get("skipped", False),
        f"The cloud cannot be asked for the image of the gateway (the cloud answers {status}: {_reason(there)}); look "
        "at its Orthanc. The forwarder keeps the image until it runs.",
    )
    _require(
        bool(there.get("found")),
        f"The image of the gateway is not in the cloud after {took} s (the cloud answers {status}); ask the gateway "
        f"for the state of the forwarder, /peers/{peer}-status/configuration.",
    )
    _require(
        there["md5"] == made["md5"],
        "The image in the cloud has another MD5 than the one at the gateway; something on the way changes images.",
    )
    uid = made["sop_instance_uid"]
    _require(
        there["sop_instance_uid"] == uid,
        "The image in the cloud has another SOP Instance UID than the one at the gateway.",
    )
    search, pixels = (_probes(shown, login_host)[name] for name in ("search", "pixels"))
    _require(
        search["status"] == 200 and uid in search["body"],
        f"The viewer's DICOMweb path does not show the image ({_status(search)}).",
    )
    _require(
        pixels["status"] == 200,
        f"The viewer's DICOMweb path does not give the pixels of the image ({_status(pixels)}).",
    )
    _require_clean(cleaned)
    return f"in the cloud after {took} s with the same SOP Instance UID and MD5, seen through the viewer"


def refused(seen: Answer) -> str:
    """The gateway refused no image today, by an answer of ``orthanc_delivery_info``.

    A gateway that cannot tell, yet or at all, is no fault, and is never told as 0.
    """
    _require_answer(seen, "backlog", "The gateway")
    refusals = seen.get("refused") or {}
    today = int(refusals.get("today") or 0)
    named = [
        f"{one.get('uid') or 'without a UID'} ({one.get('status') or '?'}, {one.get('reason') or 'unknown'}) "
        f"from {one.get('aet') or '?'} at {one.get('address') or '?'}, {one.get('times', 1)} times"
        for one in refusals.get("images") or ()
    ]
    _require(not today, f"The gateway refused {today} images today: {first_few(named, today)}; mend it at the scanner.")
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


def backlog(seen: Answer) -> str:
    """The forwarder had a moment with nothing left for each destination, by an answer of ``orthanc_delivery_info``."""
    _require_answer(seen, "destinations", "The gateway")
    for name, one in seen["destinations"].items():
        _require(
            one["backlog"] == 0,
            f"{one['backlog']} images wait for {name}, the oldest for {one['oldest_age']} s (the forwarder is "
            f"{one['state']}; {one['last_error'] or 'no error'}).",
        )
        reason = next((image["reason"] for image in one["parked_images"]), "unknown")
        _require(
            one["parked"] == 0,
            f"The gateway parked {one['parked']} images that do not pass to {name} although others do, the first "
            f"because: {reason}.",
        )
    sent = ", ".join(f"{one['sent']} to {name}" for name, one in seen["destinations"].items())
    return f"backlog 0, parked 0, images sent since the start of the forwarder: {sent}"


JUDGES: Mapping[str, Callable[..., str]] = {
    "certificate": certificate,
    "redirect": redirect,
    "login": login,
    "pacs": pacs,
    "limit": limit,
    "viewer": viewer,
    "list": study_list,
    "ports": ports,
    "neighbour": neighbour,
    "echo": echo,
    "link": link,
    "worklists": worklists,
    "worklist": worklist,
    "image": image,
    "refused": refused,
    "backlog": backlog,
}
"""By the name of the check."""
