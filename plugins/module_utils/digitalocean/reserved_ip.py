# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The address of a site. It is reserved before there is a server, and outlives every server: DNS points to it.

Reserved addresses have no tags and no names. Each is in a project, and the project is named in the request that
reserves it; so the site's project says whose it is, also when a run ends before anything has been assigned.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from .._engine.errors import ApiError, InputError
from .._engine.fields import Field
from .._engine.http import Api
from .._engine.reconcile import DELETE, NONE, Plan
from .._engine.resource import Params, ResourceSpec
from ._identity import (
    CONFIRM,
    SETTLING,
    SITE,
    confirmed,
    droplet_called,
    droplet_of,
    make_one,
    name_of,
    needed_droplet,
    not_found_again,
    tag_of,
    the_one,
)
from ._service import CONFLICT, DIGITALOCEAN, TAKEN, WAITING, Row, SiteClient, told

_PATH = "/v2/reserved_ips"
_PROJECTS = "/v2/projects"

FIELDS = (
    SITE,
    Field("region", needed=True, immutable=True),
    Field("assigned", type="bool"),
    # It is in the site's project, and so is the droplet that it leads to; otherwise it would be nobody's without that.
    Field("kept", type="bool", constant=True),
    Field("ip", read_only=True),
    Field("droplet_id", type="int", read_only=True),
    Field("project_id", read_only=True),
)


def _expected(params: Params) -> str:
    """The address that the task expects; raises InputError for something else."""
    text = str(params["address"] or "").strip()
    if not text:
        return ""
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        raise InputError(f"address is {text!r}, which is no IPv4 address.") from None


def _validate(params: Params, current: Mapping[str, Any] | None, planned: Plan) -> None:
    site, expected = params["site"], _expected(params)
    confirmed(params, "address")
    if params["state"] == "absent":
        if planned.action == DELETE and current and current["droplet_id"] is not None:
            raise InputError(
                f"The address {current['ip']} of site {site!r} is assigned to droplet {current['droplet_id']}. Take it "
                "off first with assigned: false. Nothing was changed."
            )
        return
    found = current["ip"] if current else None
    if expected and found != expected and not (current is None and planned.action == NONE):
        there = f"has {found}" if found else "has none yet, and a new one would be another"
        raise InputError(
            f"Site {site!r} shall have the address {expected} and {there}. DNS and the gateway would lead nowhere. "
            "Correct address, or leave it out to get a new one; nothing was changed."
        )


class ReservedIpClient(SiteClient):
    """The address in a site's project."""

    def __init__(self, api: Api, params: Params) -> None:
        super().__init__(api, params)
        self._params = params
        self._site = str(params["site"])
        self._project_id = ""
        self._of_sites: set[str] = set()

    def _project(self) -> str:
        """The id of the site's project; empty when there is none."""
        if not self._project_id:
            projects = self.cloud.rows(_PROJECTS, "projects")
            self._of_sites = {str(one["id"]) for one in projects if one["name"].startswith(name_of(""))}
            self._project_id = next((str(one["id"]) for one in projects if one["name"] == name_of(self._site)), "")
        return self._project_id

    def _ensure_project(self) -> str:
        if self._project():
            return self._project_id
        body = {
            "name": name_of(self._site),
            "purpose": "Operational / Developer tooling",
            "description": f"The address of site {self._site} (mediverse.pacs). Do not rename.",
        }
        try:
            answer = self.cloud.send("POST", _PROJECTS, json=body)
            self._project_id = str(self.cloud.api.parse(answer, _PROJECTS)["project"]["id"])
            return self._project_id
        except ApiError as error:
            # Its name is unique: another run was faster.
            if error.status not in CONFLICT:
                raise
            refused = error

        def look() -> str:
            return "" if self._project() else "the project is not listed yet"

        if refused.status != TAKEN and not self._project():
            raise refused
        self.cloud.wait(look, f"the creation of project {name_of(self._site)!r} by another run")
        return self._project_id

    def _rows(self) -> list[Row]:
        """What is in the site's project or leads to its droplet; else the one that the task names, if it is free."""
        project, expected = self._project(), _expected(self._params)
        rows = self.cloud.rows(_PATH, "reserved_ips")
        found = [row for row in rows if (project and _project_of(row) == project) or self._leads_home(row)]
        if found or self._params["state"] == "absent":
            return found
        return [row for row in rows if row["ip"] == expected and self._is_free(row)]

    def _leads_home(self, row: Row) -> bool:
        holder = told(row, "droplet", "droplet:read")
        return bool(holder) and _has_tag(holder, self._site)

    def _is_free(self, row: Row) -> bool:
        return not row["droplet"] and _project_of(row) not in self._of_sites

    def _refuse_another(self) -> None:
        """A site with a server or data has an address in its DNS: a new one would lead nobody there."""
        if self._params["state"] == "absent" or self._params["allow_new"] or self._params["address"] or self.wrote:
            return
        droplet = droplet_of(self.cloud, self._site)
        volumes = self.cloud.rows("/v2/volumes", "volumes")
        holders = [droplet] if droplet else [row for row in volumes if _has_tag(row, self._site)]
        if holders and not self._rows():
            raise InputError(
                f"Site {self._site!r} has {holders[0]['name']!r} already, and no address in the project "
                f"{name_of(self._site)!r}; that may have been renamed or removed. Give the site's old address as "
                "address, and it is taken back when it is free; or allow_new: true, and DNS must follow. Nothing was "
                "changed."
            )

    def get(self, key: str) -> dict[str, Any] | None:
        """The address in our terms. Raises InputError when it serves a server of somebody else."""
        row = the_one(self._rows(), "address", key, lambda one: str(one["ip"]))
        if row is None:
            self._refuse_another()
            return None
        droplet = told(row, "droplet", "droplet:read")
        if droplet is None and self._params["state"] == "absent":
            # A token that may not see droplets sees none here; then it is refused now.
            droplet_of(self.cloud, self._site)
        return {
            "ip": row["ip"],
            "region": row["region"]["slug"],
            "project_id": _project_of(row),
            "kept": _project_of(row) == self._project(),
            "droplet_id": droplet["id"] if droplet else None,
            "assigned": droplet is not None and self._is_ours(row, droplet),
        }

    def _is_ours(self, row: Row, droplet: Row) -> bool:
        if self._params["state"] == "absent" or self._params["assigned"] is None:
            return True
        if not _has_tag(droplet, self._site):
            raise InputError(
                f"Address {row['ip']} of site {self._site!r} is assigned to {droplet_called(droplet)}, which does not "
                f"have the site's tag {tag_of(self._site)!r}. Take it off there, and run again."
            )
        ours = droplet_of(self.cloud, self._site)
        return ours is not None and ours["id"] == droplet["id"]

    def create(self, key: str, planned: Plan) -> None:
        """Reserve one in the region and in the site's project, in one request."""
        if planned.desired.get("assigned"):
            needed_droplet(self.cloud, self._site)
        project = self._ensure_project()
        body = {"region": planned.desired["region"], "project_id": project}

        def make() -> str:
            return str(self.cloud.made(_PATH, body)["reserved_ip"]["ip"])

        def give_back(address: str) -> None:
            self.cloud.remove(f"{_PATH}/{address}", f"giving back {address}")

        address = make_one(self.cloud, self._rows, make, give_back, "ip", f"the reservation of an address for {key!r}")
        if planned.desired.get("assigned"):
            self._assign(str(address))

    def update(self, key: str, planned: Plan, current: dict[str, Any]) -> None:
        """Assign it to the site's server, or take it off."""
        address = str(current["ip"])
        if planned.delta.get("assigned"):
            self._assign(address)
        elif planned.delta.get("assigned") is False:
            self._act(address, {"type": "unassign"}, "taking it off", lambda row: not row.get("droplet"))
        self._keep(address)

    def delete(self, key: str, current: dict[str, Any]) -> None:
        """Give it back; nobody gets it again."""
        self.cloud.remove(f"{_PATH}/{current['ip']}", f"giving back {current['ip']}")
        self.cloud.wait(lambda: "it is still listed" if self._rows() else "", f"giving back {current['ip']}")

    def _assign(self, address: str) -> None:
        """Lead it to the site's droplet, which comes into the project first: the address goes where its droplet is."""
        number = needed_droplet(self.cloud, self._site)["id"]
        self._move(f"do:droplet:{number}")
        body = {"type": "assign", "droplet_id": number}

        def done(row: Row) -> bool:
            return bool((row.get("droplet") or {}).get("id") == number)

        self._act(address, body, f"the assignment to droplet {number}", done)
        self._keep(address)

    def _move(self, urn: str) -> None:
        path = f"{_PROJECTS}/{self._ensure_project()}/resources"
        self.cloud.send("POST", path, json={"resources": [urn]})

    def _keep(self, address: str) -> None:
        """Let it be in the site's project; one that leads to a droplet goes there with that and never alone."""

        def look() -> str:
            row = self._one(address)
            if _project_of(row) == self._ensure_project():
                return ""
            holder = row.get("droplet")
            self._move(f"do:droplet:{holder['id']}" if holder else f"do:floatingip:{address}")
            return f"it is in the project {_project_of(row)!r} and not in {name_of(self._site)!r}"

        self.cloud.wait(look, f"moving {address} to the project of the site")

    def _one(self, address: str) -> Row:
        row = self.cloud.one(f"{_PATH}/{address}", "reserved_ip")
        if row is None:
            raise not_found_again(self.cloud, "address", self._site)
        return row

    def _act(self, address: str, body: Row, what: str, done: Any) -> None:
        path = f"{_PATH}/{address}/actions"
        self.cloud.act(path, body, f"{what} of {address}", lambda: bool(done(self._one(address))))


def _project_of(row: Row) -> str:
    return str(told(row, "project_id", "project:read"))


def _has_tag(row: Row, site: str) -> bool:
    return tag_of(site).lower() in [tag.lower() for tag in told(row, "tags", "tag:read") or []]


def _finish(client: ReservedIpClient, params: Params) -> dict[str, Any]:
    return {"actions": client.cloud.actions}


RESERVED_IP = ResourceSpec(
    service=DIGITALOCEAN,
    fields=FIELDS,
    client=ReservedIpClient,
    returns="reserved_ip",
    noun="address of site",
    key="site",
    validate=_validate,
    options={
        "address": {"type": "str"},
        "allow_new": {"type": "bool", "default": False},
        **CONFIRM,
        **SETTLING,
        **WAITING,
    },
    finish=_finish,
)
