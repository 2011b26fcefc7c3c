# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The account: its objects, what goes on with them, who may do what, and what tests can do to it.

Time is counted in requests: an action that takes three is finished when the third one after it arrives. So every order
of events can be had again, and no test sleeps.
"""

from __future__ import annotations

import math
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import Refusal, missing, unprocessable

Row = dict[str, Any]

REGIONS = {"fra1": "Frankfurt 1", "lon1": "London 1", "nyc3": "New York 3"}
# slug: memory, processors, disk
SIZES = {"s-1vcpu-1gb": (1024, 1, 25), "s-2vcpu-4gb": (4096, 2, 80), "s-4vcpu-8gb": (8192, 4, 160)}
# Where a droplet goes: the request that makes it knows no project.
DEFAULT_PROJECT = "00000000-0000-4000-8000-0000000000aa"
# A size that a region has not.
RARE = ("s-4vcpu-8gb", "nyc3")
IMAGES = {"debian-12-x64": 7001, "debian-13-x64": 7002, "ubuntu-24-04-x64": 7003}
VPCS = {region: f"0000000{number}-0000-4000-8000-00000000000{number}" for number, region in enumerate(REGIONS, 1)}
KINDS = ("droplets", "firewalls", "reserved_ips", "volumes", "ssh_keys", "projects")


@dataclass
class Settings:
    """What an account is like.

    tokens         what each token may do: ``write`` or ``read``; ``droplets`` may do everything with droplets alone.
    page           objects of a page, whatever ``per_page`` asks for.
    lag            requests after which a new object is listed, and a removed one is not listed any more.
    action_ticks   requests that an action takes.
    burst, hour    requests in a minute and in an hour. keys: lists of SSH keys in a minute.
    """

    tokens: dict[str, str] = field(default_factory=lambda: {"test-token": "write", "reading-token": "read"})
    page: int = 2
    lag: int = 0
    action_ticks: int = 3
    droplet_limit: int = 10
    reserved_ip_limit: int = 5
    burst: int = 250
    hour: int = 5000
    keys: int = 10


class World:
    """An account. ``log`` has every request as ``METHOD path``; ``clock`` tells seconds since 1970."""

    def __init__(self, settings: Settings | None = None, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings or Settings()
        self.clock = clock
        self.now = 0
        self.log: list[str] = []
        self.tables: dict[str, list[Row]] = {kind: [] for kind in KINDS}
        self.tags: list[str] = []
        self.actions: dict[int, Row] = {}
        # Types of actions that will end in an error, each once.
        self.failing: list[str] = []
        # Requests whose answer is lost, by their place among those to come; status 0 breaks the connection.
        self.lost: dict[str, int] = {}
        # Whether tags of a new droplet are kept; a token without the right to make them may lose them.
        self.tags_kept = True
        # How many requests below a path are answered by an error of the server.
        self.broken: dict[str, int] = {}
        # Requests, such as ``POST /v2/droplets``, that are refused once for so many seconds.
        self.throttled: dict[str, int] = {}
        # What a token may not see, by the kind of object.
        self.hidden: dict[str, list[str]] = {}
        self._effects: list[tuple[int, Callable[[], None]]] = []
        self._last = 1000
        self._times: dict[str, deque[float]] = {"": deque(), "keys": deque()}

    # Time

    def tick(self) -> None:
        """A request arrives: what is due by now happens."""
        self.now += 1
        due = [effect for moment, effect in self._effects if moment <= self.now]
        self._effects = [(moment, effect) for moment, effect in self._effects if moment > self.now]
        for effect in due:
            effect()

    def later(self, effect: Callable[[], None], ticks: int | None = None) -> None:
        """Something happens when an action's time has passed."""
        self._effects.append((self.now + (self.settings.action_ticks if ticks is None else ticks), effect))

    def pass_time(self, ticks: int = 100) -> None:
        """Let everything come to its end."""
        for _again in range(ticks):
            self.tick()

    def limit(self, kind: str = "") -> dict[str, str]:
        """Count a request, and return the headers that tell; raises Refusal when there were too many."""
        now, seen = self.clock(), self._times[kind]
        while seen and seen[0] <= now - 3600:
            seen.popleft()
        minute = [one for one in seen if one > now - 60]
        burst = self.settings.keys if kind else self.settings.burst
        # A special limit stands beside the ordinary one and has no headers of its own.
        left = max(0, self.settings.hour - len(seen) - 1)
        headers = {
            "ratelimit-limit": str(self.settings.hour),
            "ratelimit-remaining": str(left),
            "ratelimit-reset": str(math.ceil((seen[0] if seen else now) + 3600)),
        }
        if len(minute) >= burst:
            asked = {"ratelimit-remaining": "0", "retry-after": str(max(1, math.ceil(minute[0] + 60 - now)))}
            raise Refusal(429, "API rate limit exceeded.", {**headers, **asked})
        if len(seen) >= self.settings.hour:
            raise Refusal(429, "API rate limit exceeded.", {**headers, "ratelimit-remaining": "0"})
        seen.append(now)
        return headers

    # Objects

    def number(self) -> int:
        """A new number; later ones are larger."""
        self._last += 1
        return self._last

    def unique(self) -> str:
        """A new id of the other sort."""
        return str(uuid.UUID(int=(self.number() << 64) | (8 << 60) | (4 << 76), version=4))

    def add(self, kind: str, row: Row) -> Row:
        """An object, which is listed after the lag."""
        self.tables[kind].append({**row, "_listed": self.now + self.settings.lag, "_gone": None})
        return self.tables[kind][-1]

    def drop(self, kind: str, row: Row) -> None:
        """It is gone, and stays listed for the lag."""
        row["_gone"] = self.now + self.settings.lag

    def there(self, kind: str) -> list[Row]:
        """What really exists."""
        return [row for row in self.tables[kind] if row["_gone"] is None]

    def listed(self, kind: str) -> list[Row]:
        """What lists show."""
        return [
            row
            for row in self.tables[kind]
            if row["_listed"] <= self.now and (row["_gone"] is None or row["_gone"] > self.now)
        ]

    def get(self, kind: str, key: str, value: Any) -> Row:
        """One object; raises Refusal when there is none."""
        for row in self.there(kind):
            if str(row[key]) == str(value):
                return row
        raise missing()

    def tag(self, names: list[str] | None, row: Row | None = None) -> list[str]:
        """Tags in the spelling that they got first; new ones are made."""
        found = []
        for name in names or []:
            known = next((tag for tag in self.tags if tag.lower() == name.lower()), None)
            if known is None:
                self.tags.append(name)
                known = name
            found.append(known)
        if row is not None:
            row["tags"] += [tag for tag in found if tag not in row["tags"]]
        return found

    def action(self, kind: str, of: str, number: int | None, region: str, effect: Callable[[], None]) -> Row:
        """Begin something that takes its time; ``effect`` is what it does unless it fails."""
        row: Row = {
            "id": self.number(),
            "status": "in-progress",
            "type": kind,
            "started_at": stamp(self.clock()),
            "completed_at": None,
            "resource_id": number,
            "resource_type": of,
            "region": region_row(region),
            "region_slug": region,
        }
        fails = kind in self.failing
        if fails:
            self.failing.remove(kind)

        def end() -> None:
            row["status"] = "errored" if fails else "completed"
            row["completed_at"] = stamp(self.clock())
            if not fails:
                effect()

        self.actions[row["id"]] = row
        self.later(end)
        return row

    def lose(self, request: str, status: int = 0) -> None:
        """The next request of this sort, such as ``POST /v2/droplets``, is carried out and its answer lost."""
        self.lost[request] = status

    def by_hand(self, kind: str, key: str, value: Any, **changes: Any) -> Row:
        """Somebody changes an object in the control panel."""
        row = self.get(kind, key, value)
        row.update(changes)
        return row


def stamp(seconds: float) -> str:
    """A moment as the API writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def region_row(slug: str) -> Row:
    """A region as it stands in other objects."""
    features = ["backups", "ipv6", "metadata", "install_agent", "storage", "image_transfer"]
    return {"name": REGIONS[slug], "slug": slug, "features": features, "available": True, "sizes": list(SIZES)}


def region_of(body: Mapping[str, Any]) -> str:
    """The region of a request; raises Refusal for one that there is not."""
    slug = body.get("region")
    if slug not in REGIONS:
        raise unprocessable("You specified an invalid region for this request.")
    return str(slug)


def shown(row: Row) -> Row:
    """A row without what the double keeps for itself."""
    return {key: value for key, value in row.items() if not key.startswith("_")}
