# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What counts as good of what strangers see: certificates, logins, refusals, ports, and containers past the proxy.

A function for each check; see :mod:`.judges`.
"""

from __future__ import annotations

import re
from collections.abc import Sized
from datetime import datetime, timedelta, timezone

from .report import said_on
from .tally import many
from .verdict import (
    GATEWAY_ERRORS,
    TOO_OFTEN,
    Answer,
    answered,
    braked,
    probes,
    require,
    require_answer,
    require_none,
    require_service,
    require_unhurried,
)

# The proxy manager tells the end of a certificate in a zone that nobody knows, and a renewal moves it by weeks.
_SAME = timedelta(days=1)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def certificate(seen: Answer, held: Answer, host: str, cloud: str, share: float, days: int) -> str:
    """Certificates are trusted, have time left, and are those that the proxy manager holds; HSTS is on.

    seen    an answer of ``http_probe``, its probes named like the hosts.
    held    what the proxy manager has: a loop of ``nginx_proxy_manager_certificate`` over the names, or skipped.
    cloud   the host of the proxy manager.
    share   of its lifetime that a certificate must still be valid; ``days``, when it is not 0, counts instead.
    """
    answers = probes(seen, host)
    silent = [one for one in held.get("results", ()) if one.get("unreachable")]
    require_none(said_on(cloud, one) for one in silent[:1])
    known = [one for one in held.get("results", ()) if one.get("certificate")]
    ends = {one["item"]: one["certificate"].get("expires_on") for one in known}
    for name, answer in answers.items():
        url = answer["url"]
        require(answer["status"] > 0, f"{url}: {answer['error'] or 'no answer'}.")
        left, lifetime = answer.get("days") or 0, answer.get("lifetime") or 0
        least = float(days) or float(share) * lifetime
        require(
            left >= least,
            f"{url}: the certificate, made for {many(lifetime, 'day')}, expires in {many(left, 'day')}; expected at "
            f"least {least:.0f}, so look at what the proxy manager says about its renewal.",
        )
        if ends.get(name) and answer.get("not_after"):
            served, kept = _moment(str(answer["not_after"])), _moment(str(ends[name]))
            require(
                kept - served < _SAME,
                f"{url}: the certificate was renewed until {kept:%Y-%m-%d}, but the one until {served:%Y-%m-%d} is "
                "still served; run site.yml again, which makes the proxy load it.",
            )
        hsts = re.search(r"max-age=[1-9]", str(answer["headers"].get("strict-transport-security", "")))
        if not hsts:
            require_unhurried({name: answer}, host)
        require(bool(hsts), f"{url} does not send Strict-Transport-Security; switch HSTS on in its proxy host.")
    shortest = min(answer["days"] for answer in answers.values())
    issuer = next(iter(answers.values()))["issuer"]
    compared = "the one that the proxy manager holds, " if all(ends.get(name) for name in answers) else ""
    return f"valid for {many(shortest, 'day')} more, by {issuer}, {compared}HSTS on"


def _are(things: Sized) -> str:
    return "is" if len(things) == 1 else "are"


def _leads_to_https(answer: Answer) -> bool:
    same = "https:" + answer["url"].partition(":")[2]
    return answer["status"] in (301, 302, 307, 308) and answer["headers"].get("location") == same


def redirect(seen: Answer, host: str) -> str:
    """HTTP leads to the same address with HTTPS."""
    answers = probes(seen, host)
    require_service(answers, host)
    require_none(
        f"{answer['url']} {answered(answer)}; expected a redirect to the same address with https."
        for answer in answers.values()
        if not _leads_to_https(answer) and answer["status"] != TOO_OFTEN
    )
    require_unhurried(answers, host)
    statuses = dict.fromkeys(str(answer["status"]) for answer in answers.values())
    return f"both names answer {' and '.join(statuses)}"


def login(seen: Answer, inside: Answer, host: str, login_host: str) -> str:
    """The viewer asks for a login (``seen``, as a stranger), and takes the right one (``inside``)."""
    strangers = probes(seen, host)
    require_service(strangers, host)
    require_none(
        f"{answer['url']} ({name}) {answered(answer)} without a login; expected 401."
        for name, answer in strangers.items()
        if answer["status"] not in (401, TOO_OFTEN)
    )
    require_none(
        f"{answer['url']} {answered(answer)} after the login; expected 200."
        for answer in probes(inside, login_host).values()
        if answer["status"] not in (200, 204, TOO_OFTEN)
    )
    require_unhurried(strangers, host)
    require_unhurried(probes(inside, login_host), login_host)
    tried = many(len(strangers), "probe")
    return f"{tried} without a login or with a wrong one {_are(strangers)} refused, the login opens"


def pacs(seen: Answer, host: str) -> str:
    """A stranger is refused, whatever is asked."""
    answers = probes(seen, host)
    require_service(answers, host)
    require_none(
        f"{answer['method']} {answer['url']} ({name}) {answered(answer)} to a stranger; expected 401, 403 or 404."
        for name, answer in answers.items()
        if not answer["skipped"] and answer["status"] not in (401, 403, 404, TOO_OFTEN)
    )
    require_unhurried(answers, host)
    return f"{many(len(answers), 'probe')} {_are(answers)} refused"


def limit(seen: Answer, host: str, pacs: str, largest_mb: int) -> str:
    """A file that is larger than the archive takes is refused before it is sent. ``largest_mb`` 0: not known."""
    largest = int(largest_mb)
    if not largest:
        return "the largest file is not known here"
    answers = probes(seen, host)
    answer = next(iter(answers.values()))
    if answer["skipped"]:
        return "not tried in check mode"
    require_service(answers, host)
    require_unhurried(answers, host)
    require(
        answer["status"] == 413,
        f"{pacs} {answered(answer)} instead of 413 to a file of {largest + 1} MiB, which kills the archive; "
        "run the playbook again, it sets the limit in the proxy.",
    )
    return f"files up to {largest} MiB are taken, larger ones are refused before they are sent"


# A path that the viewer does not know gives its start page, which is HTML; anything of Orthanc would be JSON or the
# explorer's own page.
_VIEWER = '<div id="root"'


def viewer(seen: Answer, host: str) -> str:
    """Who is logged in may read by DICOMweb, and nothing else. A proxy that could not ask has refused nothing."""
    answers = probes(seen, host)
    require_service(answers, host)

    def closed(answer: Answer) -> bool:
        own = answer["status"] == 200 and answer["method"] == "GET" and _VIEWER in answer["body"]
        refused = answer["status"] >= 400 and answer["status"] not in GATEWAY_ERRORS
        return bool(answer["skipped"] or refused or own)

    require_none(
        f"{answer['method']} {answer['url']} ({name}) {answered(answer)} through the viewer; expected a "
        "refusal or the viewer's own page."
        for name, answer in answers.items()
        if not closed(answer)
    )
    require_unhurried(answers, host)
    return f"{many(len(answers), 'way')} to write or to leave DICOMweb {_are(answers)} closed"


def study_list(seen: Answer, host: str, cloud: str) -> str:
    """The viewer can read its study list, by an answer of ``viewer_list_info``."""
    problems, late = seen.get("problems"), int(seen.get("turned_away") or 0)
    # That the proxy turned questions away is one problem, however many they were.
    require(not late or len(problems or ()) > 1, braked(late, int(seen.get("asked") or late), host))
    require(
        problems == [],
        "The viewer cannot read its study list, so it shows nobody anything: "
        f"{seen.get('summary') or host + ' cannot be reached'}. Look at the viewer's web server on {cloud}, which "
        "makes such rows readable, and at these studies.",
    )
    require(
        seen["compressed"],
        f"The study list comes uncompressed ({seen['bytes']} bytes), which takes minutes for large studies on a slow "
        "line; look for a proxy before the viewer that takes Accept-Encoding away.",
    )
    recent = many(seen["recent"], "study", "studies")
    return (
        f"{recent} of the last {many(seen['days'], 'day')}, with which the list begins, and {seen['studies']} on the "
        f"first page without a date, all readable, {seen['bytes']} bytes on the line"
    )


# An address that cannot be asked, such as a name that nobody knows, is no closed port.
_CLOSED = ("refused", "no answer within", "No route to host")


def ports(seen: Answer, host: str) -> str:
    """No connection is accepted. The probes are named like the ports."""
    answers = probes(seen, host)
    require_none(
        f"{answer['url']} {answer['error'] or 'accepts connections from ' + host}; expected it to be closed, so look "
        "at the firewall and at what was published by hand."
        for answer in answers.values()
        if answer["open"] or not any(reason in answer["error"] for reason in _CLOSED)
    )
    return f"{', '.join(answers)} accept nothing from {host}"


_LISTS = (200, 204)


def neighbour(doors: Answer, called: Answer, heard: Answer, call: str, site: str, host: str, cloud: str) -> str:
    """The containers of a site answer the proxy alone, by an answer of ``container_doors``. The worst is told first.

    called  an answer of ``http_probe``, which has called the viewer's container if there is one.
    heard   the command that read the log of that container; ``call`` is what it must not have heard.
    host    the one that has called it; ``cloud`` is the one that the containers run on.
    """
    require_answer(doors, "from_host", cloud)
    lists = [address for address, status in doors["from_host"].items() if status in _LISTS]
    others, web = doors["from_others"], doors["viewer"]
    require(
        not lists,
        f"A container of {site} lists studies without a login and without the proxy ({', '.join(lists)}); run the "
        "playbook again, and take the site off the net until this check passes.",
    )
    require(
        not others,
        f"Another site's container reaches {', '.join(others)}; the site has to have a network of its own, so run the "
        "playbook again for both.",
    )
    if web:
        # Who could not call, or could not listen, has found nothing out.
        probes(called, host)
        require_answer(heard, "stdout", cloud)
    require(
        call not in f"{heard.get('stdout', '')} {heard.get('stderr', '')}",
        f"{host} reaches the container {web.get('name')} at {web.get('address')}; containers must be reached through "
        f"the proxy only, so look at the routes and the firewall of {cloud}.",
    )
    require(not doors["guard"], str(doors["guard"]))
    require(bool(web), f"The viewer's container of {site} does not run on {cloud}; run the playbook again.")
    seen, others = len(doors["from_host"]), ", ".join(doors["others"])
    answer = "answers the host and lists" if seen == 1 else "answer the host and list"
    # Who asks at how many doors differs: other sites knock at all, and the one outside calls the viewer alone.
    let_in = f", none of {doors['knocked']} lets {others} in" if others else ""
    return (
        f"{seen} of {many(doors['asked'], 'port')} of the site's containers {answer} nothing{let_in}, and "
        f"{host} does not reach the viewer's"
    )
