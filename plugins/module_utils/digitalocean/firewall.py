# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The firewall in front of a site's droplet. It applies to the site's tag, so that a new server is behind it at once.

A firewall has no tags of its own; what it has under that name is what it applies to. Its own name is unique in an
account and made from the site's id. A site has one: rules of several add up, and what one closes another would open.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Any

from .._engine.errors import ApiError, InputError
from .._engine.fields import Field
from .._engine.http import Api
from .._engine.reconcile import DELETE, Plan
from .._engine.resource import Params, ResourceSpec
from ._identity import SETTLING, SITE, ensure_tag, make_one, name_of, tag_of, the_one
from ._service import DIGITALOCEAN, WAITING, Row, SiteClient, told

_PATH = "/v2/firewalls"
_PORTS = re.compile(r"\d{1,5}(?:-\d{1,5})?")
_LAST_PORT = 65535
_ANYWHERE = ["0.0.0.0/0", "::/0"]
# Without a rule for it, nothing leaves the server, not even a question to a name server.
_EVERYTHING_OUT = [{"protocol": one, "ports": "0", "addresses": list(_ANYWHERE)} for one in ("tcp", "udp", "icmp")]
_ENDS = {"inbound_rules": "sources", "outbound_rules": "destinations"}


def _ports(value: Any) -> str:
    """Ports as they are compared; the API answers 0 for all."""
    text = str(value or "").strip().lower()
    return "0" if text in ("", "all", "0") else text


def _check_ports(value: str) -> str | None:
    text = _ports(value)
    first, _dash, last = text.partition("-")
    if not _PORTS.fullmatch(text) or int(first) > int(last or first) or int(last or first) > _LAST_PORT:
        return "is no port; expected a port, a range such as 8000-9000, or all"
    return None


def _address(value: str, strict: bool = True) -> str:
    """An address as it is compared: one machine without its /32. Raises ValueError for none.

    strict  a network may have no bits of a machine, such as 192.0.2.1/24. The control panel takes them.
    """
    network = ipaddress.ip_network(value.strip(), strict=strict)
    whole = network.prefixlen == network.max_prefixlen
    return str(network.network_address) if whole else str(network)


def _check_addresses(value: Sequence[str]) -> None:
    if not value:
        raise ValueError("must name who is meant, such as 0.0.0.0/0 and ::/0 for everybody")
    for one in value:
        try:
            _address(one)
        except ValueError as error:
            raise ValueError(f"holds {one!r}, which is no address or network ({error})") from None


def _spelled(value: str) -> str:
    """An address as it is compared, or what stands there instead of one."""
    try:
        return _address(value, strict=False)
    except ValueError:
        return value


def _rules(value: Sequence[Mapping[str, Any]] | None) -> list[dict[str, Any]]:
    """Rules as they are compared and sent: in one order and one spelling, and none twice, which the API refuses."""
    made = [
        {
            **one,
            "ports": "0" if one["protocol"] == "icmp" else _ports(one.get("ports")),
            "addresses": sorted({_spelled(address) for address in one.get("addresses") or []}),
        }
        for one in value or []
    ]
    return [one for __, one in sorted({repr(sorted(one.items())): one for one in made}.items())]


def _same_rules(wanted: Sequence[Mapping[str, Any]], current: Sequence[Mapping[str, Any]]) -> bool:
    """Nothing else may be in a rule: a tag or a load balancer there lets somebody in, too."""
    return _rules(wanted) == _rules(current)


def _check_rules(value: Sequence[Mapping[str, Any]]) -> None:
    for one in value:
        if one["protocol"] != "icmp" and not one.get("ports"):
            raise ValueError(f"has a rule for {one['protocol']} without ports; write 'all' if all are meant")


_RULE = (
    Field("protocol", needed=True, choices=("tcp", "udp", "icmp")),
    Field("ports", check=_check_ports),
    Field("addresses", type="list", elements="str", needed=True, check=_check_addresses),
)
_LIST: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "suboptions": _RULE,
    "check": _check_rules,
    "normalise": _rules,
    "compare": _same_rules,
}
FIELDS = (
    SITE,
    Field("inbound_rules", needed=True, **_LIST),
    Field("outbound_rules", default=_EVERYTHING_OUT, **_LIST),
    # Its name and the tag that it applies to are ours, and are put right.
    Field("applies", type="bool", constant=True),
    Field("id", read_only=True),
    Field("name", read_only=True),
    Field("status", read_only=True),
    Field("droplet_ids", type="list", elements="int", read_only=True),
)


def _validate(params: Params, current: Mapping[str, Any] | None, planned: Plan) -> None:
    if params["state"] == "present" and params["inbound_rules"] == [] and params["outbound_rules"] == []:
        raise InputError("A firewall needs a rule: give inbound_rules or outbound_rules.")
    if planned.action == DELETE and not params["allow_open"]:
        raise InputError(
            f"Without its firewall the droplet of site {params['site']!r} is open to everybody, so removing it needs "
            "allow_open: true. Nothing was changed."
        )


class FirewallClient(SiteClient):
    """The firewall that applies to a site's tag."""

    def __init__(self, api: Api, params: Params) -> None:
        super().__init__(api, params)
        self._site = str(params["site"])
        self._tag, self._name = tag_of(self._site), name_of(self._site)

    def _tags(self, row: Row) -> set[str]:
        return {tag.lower() for tag in told(row, "tags", "tag:read") or []}

    def _applies(self, row: Row) -> bool:
        return self._tag.lower() in self._tags(row)

    def _alone(self, row: Row) -> bool:
        """Whether it applies to the site's tag and to nothing else."""
        others = told(row, "droplet_ids", "droplet:read") or []
        return self._tags(row) <= {self._tag.lower()} and not others

    def _row(self) -> Row | None:
        return the_one(self._rows(), "firewall", self._site, _called)

    def _rows(self) -> list[Row]:
        """The site's: by its name, or because it applies to the site's tag and to nothing else.

        One of that name without any tag has lost it by hand: it is ours and guards nothing. One that serves others,
        too, is theirs and never written.
        """
        mine = []
        for row in self.cloud.rows(_PATH, "firewalls"):
            if row["name"] == self._name:
                if not self._applies(row) and not self._alone(row):
                    raise InputError(
                        f"{_called(row)} has the name of the firewall of site {self._site!r} but applies to something "
                        f"else and not to {self._tag!r}. Rename it, or let it apply to that tag alone."
                    )
                mine.append(row)
            elif self._applies(row) and self._alone(row):
                mine.append(row)
            elif self._applies(row):
                self.warn(
                    f"{_called(row)} applies to the tag {self._tag!r} of site {self._site!r} and to others as well. It "
                    "is left as it is, and what its rules let in reaches the site's server, too."
                )
        return mine

    def get(self, key: str) -> dict[str, Any] | None:
        """The firewall in our terms."""
        row = self._row()
        return None if row is None else self._seen(row)

    def _seen(self, row: Row) -> Row:
        # One that an earlier run could not apply is sent again.
        undone = row.get("status") == "failed" and not self.wrote
        rules = {kind: [_rule(one, end) for one in row.get(kind) or []] for kind, end in _ENDS.items()}
        for one in [rule for kind in rules.values() for rule in kind if not self.wrote]:
            more = {name: value for name, value in one.items() if name not in ("protocol", "ports", "addresses")}
            if more:
                self.warn(
                    f"A rule of {_called(row)} for {one['protocol']} {one['ports']} says {more} besides, which no rule "
                    "of the task does. The rules of the task take its place."
                )
        return {
            **{name: row.get(name) for name in ("id", "name", "status")},
            "droplet_ids": row.get("droplet_ids") or [],
            "tags": row.get("tags") or [],
            "applies": self._applies(row) and row["name"] == self._name and not undone,
            **rules,
        }

    def create(self, key: str, planned: Plan) -> None:
        """Make it. Its name is unique, so of two runs one is refused, and takes the other one's."""
        ensure_tag(self.cloud, self._tag)

        def make() -> str:
            return str(self.cloud.made(_PATH, self._body(planned.desired, {}))["firewall"]["id"])

        def give_back(number: str) -> None:
            self.cloud.remove(f"{_PATH}/{number}", f"the removal of firewall {number}")

        make_one(self.cloud, self._rows, make, give_back, "id", f"the creation of the firewall of {key!r}")

    def update(self, key: str, planned: Plan, current: dict[str, Any]) -> None:
        """Send all of it: what a PUT leaves out is reset."""
        ensure_tag(self.cloud, self._tag)
        self.cloud.send("PUT", f"{_PATH}/{current['id']}", json=self._body(planned.desired, current))

    def delete(self, key: str, current: dict[str, Any]) -> None:
        """Remove it."""
        self.cloud.remove(f"{_PATH}/{current['id']}", "the removal of the firewall")

        def look() -> str:
            return "" if self._row() is None else "it is still listed"

        self.cloud.wait(look, "the removal of the firewall")

    def _body(self, desired: Mapping[str, Any], current: Mapping[str, Any]) -> Row:
        others = [tag for tag in current.get("tags") or [] if tag.lower() != self._tag.lower()]
        body: Row = {"name": self._name, "tags": [self._tag, *others]}
        if current.get("droplet_ids"):
            body["droplet_ids"] = current["droplet_ids"]
        for kind, end in _ENDS.items():
            body[kind] = [
                {"protocol": one["protocol"], "ports": one["ports"], end: {"addresses": one["addresses"]}}
                for one in desired.get(kind) or []
            ]
        return body

    def applied(self) -> str:
        """Wait until every server has the rules; returns the status."""
        seen = ""

        def look() -> str:
            nonlocal seen
            row = self._row()
            seen = str(row["status"]) if row else "gone"
            if seen == "failed":
                raise ApiError(
                    f"{self.cloud.api.where} could not apply the firewall {self._name!r} to its servers. Run again; if "
                    "it fails again, look at the firewall in DigitalOcean's control panel.",
                    path=_PATH,
                )
            return "" if seen == "succeeded" and not (row or {}).get("pending_changes") else f"its status is {seen!r}"

        self.cloud.wait(look, f"applying the firewall {self._name!r}")
        return seen


def _called(row: Row) -> str:
    return f"firewall {row['id']} ({row['name']!r})"


def _rule(row: Row, end: str) -> Row:
    """A rule of the API in our terms. Whoever it names besides addresses stays, so that it differs; and so does what
    else it says, such as that it denies.
    """
    target = {name: value for name, value in (row.get(end) or {}).items() if value}
    addresses = target.pop("addresses", [])
    known = {end, "protocol", "ports", *(["action"] if row.get("action") == "allow" else [])}
    more = {name: value for name, value in row.items() if name not in known and value}
    return {"protocol": row["protocol"], "ports": row.get("ports"), "addresses": addresses, **target, **more}


def _finish(client: FirewallClient, params: Params) -> dict[str, Any]:
    return {"status": client.applied()}


FIREWALL = ResourceSpec(
    service=DIGITALOCEAN,
    fields=FIELDS,
    client=FirewallClient,
    returns="firewall",
    noun="firewall of site",
    key="site",
    validate=_validate,
    options={"allow_open": {"type": "bool", "default": False}, **SETTLING, **WAITING},
    finish=_finish,
)
