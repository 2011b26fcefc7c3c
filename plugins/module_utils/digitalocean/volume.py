# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The volume of a site, which holds its data and outlives its server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .._engine.errors import InputError
from .._engine.fields import Field
from .._engine.http import Api
from .._engine.reconcile import DELETE, Plan
from .._engine.resource import Params, ResourceSpec
from .._rules.values import within
from ._identity import (
    CONFIRM,
    SETTLING,
    SITE,
    confirmed,
    droplet_called,
    droplet_of,
    make_one,
    needed_droplet,
    not_found_again,
    tag_of,
    the_one,
)
from ._service import DIGITALOCEAN, WAITING, Row, SiteClient, told

_PATH = "/v2/volumes"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,63}")
_LARGEST = 16384
_DEVICE = "/dev/disk/by-id/scsi-0DO_Volume_"


def _check_name(value: str) -> str | None:
    if not _NAME.fullmatch(value):
        return "is no name of a volume; expected up to 64 lower-case letters, digits and '-', a letter first"
    return None


FIELDS = (
    SITE,
    Field("name", immutable=True, check=_check_name),
    Field("region", needed=True, immutable=True),
    Field("size_gigabytes", type="int", needed=True, check=within(1, _LARGEST)),
    Field("filesystem", "filesystem_type", choices=("ext4", "xfs"), immutable=True, default="ext4"),
    Field("attached", type="bool"),
    Field("id", read_only=True),
    Field("device", read_only=True),
    Field("droplet_id", type="int", read_only=True),
)


def _validate(params: Params, current: Mapping[str, Any] | None, planned: Plan) -> None:
    site = params["site"]
    confirmed(params, "volume")
    if current is None:
        return
    if planned.action == DELETE and current["droplet_id"] is not None:
        raise InputError(
            f"The volume of site {site!r} is attached to droplet {current['droplet_id']}. Detach it first with "
            "attached: false, when nothing on the server uses it. Nothing was changed."
        )
    wanted = params["size_gigabytes"]
    if params["state"] == "present" and wanted is not None and wanted < current["size_gigabytes"]:
        raise InputError(
            f"The volume of site {site!r} has {current['size_gigabytes']} GiB and cannot become smaller ({wanted}). "
            "A volume only grows; correct size_gigabytes."
        )


class VolumeClient(SiteClient):
    """The volume with a site's tag."""

    def __init__(self, api: Api, params: Params) -> None:
        super().__init__(api, params)
        self._params = params
        self._site = str(params["site"])
        self._tag = tag_of(self._site)

    def _rows(self) -> list[Row]:
        return [row for row in self._all() if self._is_tagged(row)]

    def _is_tagged(self, row: Row) -> bool:
        return self._tag.lower() in [tag.lower() for tag in told(row, "tags", "tag:read") or []]

    def _all(self) -> list[Row]:
        return self.cloud.rows(_PATH, "volumes")

    def get(self, key: str) -> dict[str, Any] | None:
        """The volume in our terms. Raises InputError when its name is another one's, or it serves another server."""
        everything = self._all()
        mine = [row for row in everything if self._is_tagged(row)]
        row = the_one(mine, "volume", key, _called)
        if row is None:
            self._refuse_taken_name(everything)
            return None
        holder = next(iter(told(row, "droplet_ids", "droplet:read") or []), None)
        return {
            **{name: row.get(name) for name in ("id", "name", "size_gigabytes", "filesystem_type")},
            "region": row["region"]["slug"],
            "attached": holder is not None and self._is_ours(row, int(holder)),
            "droplet_id": holder,
            "device": _DEVICE + row["name"],
        }

    def _refuse_taken_name(self, rows: list[Row]) -> None:
        if self._params["state"] == "absent":
            return
        for row in rows:
            if (row["name"], row["region"]["slug"]) == (self._own_name, self._params["region"]):
                raise InputError(
                    f"{_called(row)} in {row['region']['slug']} has the name that the volume of site {self._site!r} "
                    f"would get, but not its tag {self._tag!r}. Give name: another one; or tag it, if it is the site's."
                )

    @property
    def _own_name(self) -> str:
        return str(self._params["name"] or f"mediverse-{self._site}-data")

    def _is_ours(self, row: Row, holder: int) -> bool:
        """Whether it is attached to the site's server. It is not taken from another one."""
        if self._params["state"] == "absent" or self._params["attached"] is None:
            return True
        droplet = droplet_of(self.cloud, self._site)
        if droplet is None or droplet["id"] != holder:
            raise InputError(
                f"{_called(row)} of site {self._site!r} is attached to droplet {holder}, which does not have the "
                f"site's tag {self._tag!r}. Detach it there when nothing uses it any more, and run again."
            )
        return True

    def _refuse_other_region(self) -> None:
        """A volume serves only its own region; one that is made elsewhere would be paid for and of no use."""
        if not self._params["attached"]:
            return
        droplet = needed_droplet(self.cloud, self._site)
        if droplet["region"]["slug"] != self._params["region"]:
            raise InputError(
                f"{droplet_called(droplet)} is in {droplet['region']['slug']}, and a volume in "
                f"{self._params['region']} cannot be attached to it. Give both the same region."
            )

    def create(self, key: str, planned: Plan) -> None:
        """Make it with its tag; its name is unique in its region, so of two runs one is refused."""
        self._refuse_other_region()
        body = {name: planned.desired[name] for name in ("region", "size_gigabytes", "filesystem_type")}
        body |= {"name": self._own_name, "tags": [self._tag]}

        def make() -> str:
            return str(self.cloud.made(_PATH, body)["volume"]["id"])

        def give_back(number: str) -> None:
            self.cloud.remove(f"{_PATH}/{number}", f"the removal of the empty volume {number}")

        number = make_one(self.cloud, self._rows, make, give_back, "id", f"the creation of the volume of {key!r}")
        if planned.desired.get("attached"):
            self._attach(str(number))

    def update(self, key: str, planned: Plan, current: dict[str, Any]) -> None:
        """Let it grow, and attach or detach it."""
        number, size = str(current["id"]), planned.delta.get("size_gigabytes")
        if size is not None:
            body = {"type": "resize", "size_gigabytes": size}
            self._act(
                number, body, f"the growth of the volume to {size} GiB", lambda row: row["size_gigabytes"] == size
            )
        if planned.delta.get("attached") is True:
            self._attach(number)
        elif planned.delta.get("attached") is False:
            body = {"type": "detach", "droplet_id": current["droplet_id"]}
            self._act(number, body, "detaching the volume", lambda row: not row.get("droplet_ids"))

    def delete(self, key: str, current: dict[str, Any]) -> None:
        """Destroy it with everything on it."""
        self.cloud.remove(f"{_PATH}/{current['id']}", "the removal of the volume")
        self.cloud.wait(lambda: "it is still listed" if self._rows() else "", "the removal of the volume")

    def _attach(self, number: str) -> None:
        droplet = needed_droplet(self.cloud, self._site)
        body = {"type": "attach", "droplet_id": droplet["id"]}
        self._act(number, body, "attaching the volume", lambda row: row.get("droplet_ids") == [droplet["id"]])

    def _act(self, number: str, body: Row, what: str, done: Any) -> None:
        def look() -> bool:
            row = self.cloud.one(f"{_PATH}/{number}", "volume")
            if row is None:
                raise not_found_again(self.cloud, "volume", self._site)
            return bool(done(row))

        self.cloud.act(f"{_PATH}/{number}/actions", body, what, look)


def _called(row: Row) -> str:
    return f"volume {row['id']} ({row['name']!r})"


def _finish(client: VolumeClient, params: Params) -> dict[str, Any]:
    return {"actions": client.cloud.actions}


VOLUME = ResourceSpec(
    service=DIGITALOCEAN,
    fields=FIELDS,
    client=VolumeClient,
    returns="volume",
    noun="volume of site",
    key="site",
    validate=_validate,
    options={**CONFIRM, **SETTLING, **WAITING},
    finish=_finish,
)
