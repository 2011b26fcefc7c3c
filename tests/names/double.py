# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A double of Namecheap's API for the records of a zone, as an HTTP server on the loopback address.

It answers ``namecheap.domains.dns.getHosts`` and ``setHosts`` in XML, and has the traps of the real one, or what is
worse: each write replaces the whole zone, SRV records cannot be seen and die in a write, marks of dynamic DNS and of
inactive records are lost, errors come with HTTP 200, a missing EmailType ends the mail of the zone, a write to a zone
with foreign name servers says that it worked, a body that was cut off is taken as far as it came, numbers of records
end at the first that is missing, and a zone at the 150th. A write can arrive late or end the mail settings, and an
answer can be old or short. What is not known of the real one is so that it hurts.
"""

from __future__ import annotations

import ipaddress
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit
from xml.sax.saxutils import quoteattr

GET, SET = "namecheap.domains.dns.getHosts", "namecheap.domains.dns.setHosts"
TYPES = ("A", "AAAA", "ALIAS", "CAA", "CNAME", "MX", "MXE", "NS", "TXT", "URL", "URL301", "FRAME")
EMAIL_TYPES = ("NONE", "MXE", "MX", "FWD", "OX", "GMAIL")
_TARGETS = ("ALIAS", "CNAME", "MX", "NS")
_AUTOMATIC = "1799"
_MOST_RECORDS, _LONGEST_NAME = 150, 60
_CAA = re.compile(r"[0-9]{1,3} (?:issue|issuewild|iodef) \S.*")

KEY_INVALID, IP_REFUSED, TOO_MANY = "1011102", "1011150", "500000"
NO_DOMAIN, NOT_YOURS, NO_EDIT, BAD_ADDRESS, NO_KEY = "2019166", "2016166", "2030166", "2050900", "1010102"
_WORDS = {
    KEY_INVALID: "API Key is invalid or API access has not been enabled",
    # What it says although the address is merely not on the list.
    IP_REFUSED: "Parameter RequestIP is invalid",
    TOO_MANY: "Too many requests",
    NO_DOMAIN: "Domain not found",
    NOT_YOURS: "Domain is not associated with your account",
    NO_EDIT: "Edit permission for domain is not supported",
    BAD_ADDRESS: "Invalid Address",
    NO_KEY: "Parameter APIKey is missing",
}


@dataclass(frozen=True)
class Record:
    """A record as the server stores it."""

    name: str
    type: str
    address: str
    mx_pref: str = "10"
    ttl: str = _AUTOMATIC
    active: str = "true"
    ddns: str = "false"
    title: str = ""


@dataclass
class Zone:
    """A zone; ``hidden`` are SRV records, which no answer shows."""

    records: list[Record]
    email_type: str = "NONE"
    ours: bool = True
    hidden: list[str] = field(default_factory=list)


class Dropped(Exception):
    """The connection ends without an answer."""


Event = Callable[[str, str, dict[str, str]], None]


class Double:
    """The service: zones by their domain, and one account.

    trouble   what happens to the next calls, ``(command, what)``; ``what`` is ``405``, ``503``, ``html``, ``drop``
              (nothing was done), ``lost`` (done, but no answer), ``late`` (no answer, and done after ``delay``
              seconds or by :meth:`arrive`), ``short`` (an answer with a part of the records), ``mail`` (done, and the
              mail settings are gone), or the number of an error; with ``!`` before it, what was asked is done all the
              same.
    stale     of the reads that follow a write, which ones see the zone as it was before it; with a ``delay`` only as
              long as that after it.
    event     called with ``before`` and ``after``, the command and the parameters; for tests that end a client.
    states    each zone as it was written, in order.
    """

    def __init__(
        self, zones: dict[str, Zone], per_minute: int = 20, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.zones = zones
        self._clock = clock
        self.user, self.key, self.addresses = "mediverse", "0123456789abcdef0123456789abcdef", {"203.0.113.5"}
        self.strangers: set[str] = set()
        self.trouble: deque[tuple[str, str]] = deque()
        self.event: Event = lambda phase, command, given: None
        self.calls: list[tuple[str, str]] = []
        self.states: list[tuple[str, Zone]] = []
        self.seen_urls: list[str] = []
        self._per_minute = per_minute
        self._times: list[float] = []
        self._lock = threading.RLock()
        self._next_id = 877748
        self.stale: tuple[bool, ...] = ()
        self.delay = 0.0
        self._stale: deque[bool] = deque()
        self._wrote = 0.0
        self._before: dict[str, Zone] = {}
        self._late: list[dict[str, str]] = []

    def arrive(self) -> None:
        """What is late is done now."""
        with self._lock:
            while self._late:
                self._answer(self._late.pop(0), SET)

    def respond(self, method: str, url: str, body: str) -> tuple[int, str]:
        """Status and body of an answer; raises Dropped for none."""
        query = urlsplit(url).query
        given = dict(parse_qsl(query if method == "GET" else body, keep_blank_values=True))
        command = given.get("Command", "")
        self.seen_urls.append(url)
        self.event("before", command, given)
        with self._lock:
            self.calls.append((method, command))
            answer = self._judged(given, command)
        self.event("after", command, given)
        return answer

    def _judged(self, given: dict[str, str], command: str) -> tuple[int, str]:
        now = self._clock()
        self._times = [moment for moment in self._times if now - moment < 60] + [now]
        if len(self._times) > self._per_minute:
            return (405, "") if len(self._times) % 2 else (200, _failed(TOO_MANY))
        what = ""
        if self.trouble and self.trouble[0][0] == command:
            what = self.trouble.popleft()[1]
        if what == "late":
            self._late.append(given)
            if self.delay:
                threading.Timer(self.delay, self.arrive).start()
            raise Dropped
        if what == "short":
            return 200, self._hosts(f"{given['SLD']}.{given['TLD']}", part=6)
        if what == "mail":
            answer = self._answer(given, command)
            self.zones[f"{given['SLD']}.{given['TLD']}"].email_type = "NONE"
            return answer
        if what and what != "lost" and not what.startswith("!"):
            return _broken(what)
        answer = self._answer(given, command)
        if what == "lost":
            raise Dropped
        return _broken(what[1:]) if what else answer

    def _answer(self, given: dict[str, str], command: str) -> tuple[int, str]:
        if "ApiKey" not in given:
            return 200, _failed(NO_KEY)
        if given["ApiKey"] != self.key or given.get("ApiUser") != self.user or given.get("UserName") != self.user:
            return 200, _failed(KEY_INVALID)
        if given.get("ClientIp") not in self.addresses:
            return 200, _failed(IP_REFUSED)
        domain = f"{given.get('SLD', '')}.{given.get('TLD', '')}".lower()
        if domain in self.strangers:
            return 200, _failed(NOT_YOURS)
        if domain not in self.zones:
            return 200, _failed(NO_DOMAIN)
        if command == GET:
            return 200, self._hosts(domain)
        if command == SET:
            return 200, self._set(domain, given)
        return 200, _failed("1010104")

    def _hosts(self, domain: str, part: int | None = None) -> str:
        fresh = bool(self.delay) and self._clock() - self._wrote > self.delay
        old = bool(self._stale) and self._stale.popleft() and not fresh
        zone = self._before[domain] if old else self.zones[domain]
        lines = []
        for record in (zone.records or _parking(domain))[:part]:
            self._next_id += 1
            lines.append(
                f"<host HostId={quoteattr(str(self._next_id))} Name={quoteattr(record.name)} "
                f"Type={quoteattr(record.type)} Address={quoteattr(record.address)} MXPref={quoteattr(record.mx_pref)} "
                f'TTL={quoteattr(record.ttl)} AssociatedAppTitle={quoteattr(record.title)} FriendlyName="" '
                f"IsActive={quoteattr(record.active)} IsDDNSEnabled={quoteattr(record.ddns)} />"
            )
        return _good(
            GET,
            f'<DomainDNSGetHostsResult Domain="{domain}" EmailType="{zone.email_type}" '
            f'IsUsingOurDNS="{str(zone.ours).lower()}">{"".join(lines)}</DomainDNSGetHostsResult>',
        )

    def _set(self, domain: str, given: dict[str, str]) -> str:
        zone = self.zones[domain]
        done = _good(
            SET, f'<DomainDNSSetHostsResult Domain="{domain}" IsSuccess="true"><Warnings /></DomainDNSSetHostsResult>'
        )
        if not zone.ours:
            return done
        email_type = given.get("EmailType", "NONE")
        records: list[Record] = []
        for number in _numbers(given):
            record = _stored(given, number)
            if record is None:
                return _failed(BAD_ADDRESS)
            records.append(record)
        if email_type not in EMAIL_TYPES or (email_type == "MX" and not any(one.type == "MX" for one in records)):
            return _failed(BAD_ADDRESS)
        if email_type in ("NONE", "FWD", "MXE"):
            records = [one for one in records if one.type != "MX"]
        if email_type != "MXE":
            records = [one for one in records if one.type != "MXE"]
        self._wrote = self._clock()
        self._before[domain], self._stale = replace(zone, records=list(zone.records)), deque(self.stale)
        self.zones[domain] = Zone(_without_twins(records)[:_MOST_RECORDS], email_type)
        self.states.append((domain, replace(self.zones[domain])))
        return done


def _parking(domain: str) -> list[Record]:
    return [
        Record("www", "CNAME", "parkingpage.namecheap.com."),
        Record("@", "URL", f"http://www.{domain}/?from=@"),
    ]


def _numbers(given: dict[str, str]) -> Iterator[int]:
    number = 1
    while f"RecordType{number}" in given:
        yield number
        number += 1


def _stored(given: dict[str, str], number: int) -> Record | None:
    """The record as it is kept, or None when it is refused."""
    name, kind = given.get(f"HostName{number}", ""), given[f"RecordType{number}"].upper()
    if not name or len(name) > _LONGEST_NAME:
        return None
    # What is not known of the real one: spaces, letters that are not English, and quotation marks.
    name = "".join(name.split()).lower().encode("ascii", "replace").decode()
    address = given.get(f"Address{number}", "").strip().encode("ascii", "replace").decode()
    if kind == "TXT":
        address = address.replace('"', "")
    ttl = given.get(f"TTL{number}", "")
    if ttl in ("", "0", "1800"):
        ttl = _AUTOMATIC
    if kind not in TYPES or not address or not ttl.isdigit() or not 60 <= int(ttl) <= 60000:
        return None
    if kind in _TARGETS:
        address = f"{address.rstrip('.')}.".lower()
    if kind in ("A", "AAAA", "MXE"):
        try:
            address = str(ipaddress.ip_address(address))
        except ValueError:
            return None
    if kind in ("URL", "URL301", "FRAME") and not re.match("[a-z]+://", address):
        return None
    if kind == "CAA" and not _CAA.fullmatch(address):
        return None
    return Record(name, kind, address, given.get(f"MXPref{number}", "10") if kind == "MX" else "10", ttl)


def _without_twins(records: list[Record]) -> list[Record]:
    """Of records that differ in preference or TTL alone the first is kept. They come back in an order of its own."""
    kept: dict[tuple[str, str, str], Record] = {}
    for one in records:
        kept.setdefault((one.name, one.type, one.address), one)
    return sorted(kept.values(), key=lambda one: (one.type, one.name))


def _broken(what: str) -> tuple[int, str]:
    if what == "drop":
        raise Dropped
    if what == "html":
        return 200, "<html><body>We will be back soon</body></html>"
    return (int(what), "") if len(what) == 3 else (200, _failed(what))


def _failed(number: str) -> str:
    words = _WORDS.get(number, "Unknown exceptions")
    return (
        '<?xml version="1.0" encoding="utf-8"?>\r\n'
        '<ApiResponse Status="ERROR" xmlns="http://api.namecheap.com/xml.response">'
        f'<Errors><Error Number="{number}">{words}</Error></Errors><Warnings /><RequestedCommand /></ApiResponse>'
    )


def _good(command: str, inside: str) -> str:
    return (
        '<?xml version="1.0" encoding="utf-8"?>\r\n'
        '<ApiResponse Status="OK" xmlns="http://api.namecheap.com/xml.response"><Errors /><Warnings />'
        f"<RequestedCommand>{command.lower()}</RequestedCommand>"
        f'<CommandResponse Type="{command}">{inside}</CommandResponse>'
        "<Server>PHX01SBAPIEXT05</Server><GMTTimeDifference>--4:00</GMTTimeDifference>"
        "<ExecutionTime>0.417</ExecutionTime></ApiResponse>"
    )


@contextmanager
def serving(double: Double) -> Iterator[str]:
    """The address at which it answers, by HTTP."""

    class Handler(BaseHTTPRequestHandler):
        """Reads what comes, and takes a body that was cut off for a whole one."""

        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            self._reply("GET", "")

        def do_POST(self) -> None:
            self._reply("POST", self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode())

        def _reply(self, method: str, body: str) -> None:
            try:
                status, said = double.respond(method, self.path, body)
            except Dropped:
                self.close_connection = True
                return
            raw = said.encode()
            try:
                self.send_response(status)
                self.send_header("Content-Type", "text/xml; charset=utf-8")
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)
            except OSError:
                # Whoever asked is not there any more.
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
