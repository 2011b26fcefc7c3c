# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The droplet of a site: the virtual server that it runs on."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .._engine.errors import NOT_KEPT, ApiError, InputError
from .._engine.fields import Field
from .._engine.http import Api
from .._engine.reconcile import CREATE, UPDATE, Plan
from .._engine.resource import Params, ResourceSpec
from ._identity import (
    CONFIRM,
    SETTLING,
    SITE,
    confirmed,
    droplet_called,
    ensure_tag,
    in_path,
    make_one,
    not_found_again,
    spelling,
    tag_of,
    the_one,
)
from ._service import CONFLICT, DIGITALOCEAN, WAITING, Row, SiteClient, explain, is_busy, is_lost, told

_PATH = "/v2/droplets"
_NAME = re.compile(r"[a-zA-Z0-9]?[a-z0-9A-Z.-]*[a-z0-9A-Z]")
_TAG = re.compile(r"[A-Za-z0-9_:-]{1,255}")
_USER_DATA = 64 * 1024


def _check_name(value: str) -> str | None:
    if len(value) > 255 or not _NAME.fullmatch(value):
        return "is no name of a droplet; expected letters, digits, dots and dashes, as in a host name"
    return None


def _check_tags(value: Sequence[str]) -> None:
    for tag in value:
        if not _TAG.fullmatch(tag):
            raise ValueError(f"holds {tag!r}; a tag has letters, digits, colons, dashes and underscores")
        if tag.lower().startswith(tag_of("").lower()):
            raise ValueError(f"holds {tag!r}; such a tag says whose server it is, and the module sets it by itself")


FIELDS = (
    SITE,
    Field("name", needed=True, check=_check_name),
    Field("region", needed=True, immutable=True),
    Field("image", needed=True, immutable=True),
    Field("size", needed=True),
    Field("vpc_uuid", immutable=True),
    Field("ipv6", type="bool", immutable=True, default=False),
    Field("monitoring", type="bool", immutable=True, default=True),
    Field("backups", type="bool", default=False),
    Field(
        "tags",
        type="list",
        elements="str",
        unordered=True,
        default=[],
        check=_check_tags,
        # What others have added is theirs. Tags are the same in any case of their letters.
        compare=lambda wanted, current: {tag.lower() for tag in wanted} <= {tag.lower() for tag in current or []},
    ),
    # A site's server is on. One that a run left switched off, or that is still being made, is brought up.
    Field("running", type="bool", constant=True),
    Field("id", type="int", read_only=True),
    Field("status", read_only=True),
    Field("address", read_only=True),
    Field("private_address", read_only=True),
    Field("volume_ids", type="list", elements="str", read_only=True),
)
OPTIONS: dict[str, dict[str, Any]] = {
    "ssh_keys": {"type": "list", "elements": "str", "no_log": False},
    "user_data": {"type": "str", "no_log": True},
    "allow_resize": {"type": "bool", "default": False},
    "shutdown_timeout": {"type": "int", "default": 180},
    **CONFIRM,
    **SETTLING,
    **WAITING,
}


def _validate(params: Params, current: Mapping[str, Any] | None, planned: Plan) -> None:
    site = params["site"]
    confirmed(params, "droplet")
    if len((params["user_data"] or "").encode()) > _USER_DATA:
        raise InputError(f"user_data is longer than {_USER_DATA // 1024} KiB, which is all that DigitalOcean takes.")
    if planned.action == CREATE and not params["ssh_keys"]:
        raise InputError(
            f"The droplet of site {site!r} does not exist yet, and creating it needs ssh_keys: without one, "
            "DigitalOcean sends a password of root by mail."
        )
    # One that is off already, as a run leaves it that is ended in a resize, loses nothing by it.
    is_on = (current or {}).get("status") != "off"
    if planned.action == UPDATE and "size" in planned.differs and is_on and not params["allow_resize"]:
        raise InputError(
            f"The droplet of site {site!r} is {(current or {}).get('size')!r} and not {params['size']!r}. Resizing "
            "switches it off for some minutes, so it is done only with allow_resize: true. Nothing was changed."
        )


def _addresses(row: Row, kind: str) -> str | None:
    found = [one["ip_address"] for one in (row.get("networks") or {}).get("v4") or [] if one["type"] == kind]
    return found[0] if found else None


class DropletClient(SiteClient):
    """The droplet with a site's tag."""

    def __init__(self, api: Api, params: Params) -> None:
        super().__init__(api, params)
        self._params = params
        self._tag = tag_of(params["site"])

    def _rows(self) -> list[Row]:
        return self.cloud.rows(_PATH, "droplets", tag_name=self._tag)

    def get(self, key: str) -> dict[str, Any] | None:
        """The site's droplet in our terms."""
        row = the_one(self._rows(), "droplet", key, droplet_called)
        if row is None:
            self._refuse_lost_tag()
            return None
        if self._params["state"] == "present":
            self._refuse_impossible_size(row)
        return self._seen(row)

    def _refuse_lost_tag(self) -> None:
        """One of that name without any site's tag may be the site's, and a second one must not be made beside it."""
        name = self._params["name"]
        if self._params["state"] == "absent" or not name:
            return
        for row in self.cloud.rows(_PATH, "droplets", name=name):
            tags = [tag.lower() for tag in told(row, "tags", "tag:read") or []]
            if not any(tag.startswith(tag_of("").lower()) for tag in tags):
                raise InputError(
                    f"{droplet_called(row)} has the name that the droplet of site {self._params['site']!r} would get, "
                    f"but not its tag {self._tag!r}. Tag it, if it is the site's; or give name: another one."
                )

    def _refuse_impossible_size(self, row: Row) -> None:
        """Asked before the server is switched off: a resize that is refused then is of no use to anybody."""
        wanted = self._params["size"]
        if not wanted or wanted == row["size_slug"] or not (self._params["allow_resize"] or row["status"] == "off"):
            return
        size = next((one for one in self.cloud.rows("/v2/sizes", "sizes") if one["slug"] == wanted), None)
        region = row["region"]["slug"]
        if size is None:
            reason = "DigitalOcean has no such size"
        elif not size["available"] or region not in size["regions"]:
            reason = f"it is not to be had in {region}"
        elif size["disk"] < row["disk"]:
            reason = f"its disk of {size['disk']} GB is smaller than the droplet's of {row['disk']} GB"
        else:
            return
        off = " It is switched off." if row["status"] == "off" else ""
        raise InputError(
            f"{droplet_called(row)} cannot become {wanted!r}: {reason}. Correct size; nothing was changed.{off}"
        )

    def _seen(self, row: Row) -> Row:
        features = row.get("features") or []
        return {
            **{name: row.get(name) for name in ("id", "name", "status")},
            "vpc_uuid": told(row, "vpc_uuid", "vpc:read") if self._params["vpc_uuid"] else row.get("vpc_uuid"),
            "volume_ids": told(row, "volume_ids", "block_storage:read"),
            "region": row["region"]["slug"],
            "image": self._image(told(row, "image", "image:read") or {}),
            "size": row["size_slug"],
            "tags": [tag for tag in told(row, "tags", "tag:read") or [] if tag.lower() != self._tag.lower()],
            "running": row["status"] == "active",
            **{name: name in features for name in ("backups", "ipv6", "monitoring")},
            "address": _addresses(row, "public"),
            "private_address": _addresses(row, "private"),
        }

    def _image(self, image: Row) -> str:
        """What it was made from, in the terms of the task. An image that DigitalOcean has retired loses its slug; one
        of somebody's own, such as a snapshot, never had one.
        """
        wanted = self._params.get("image")
        if wanted and wanted.isdigit():
            return str(image.get("id"))
        if image.get("slug"):
            return str(image["slug"])
        if image.get("type", "base") == "base" and wanted and self._params["state"] == "present":
            self.warn(f"The image of the droplet is retired, so that nobody can tell whether it was {wanted!r}.")
            return str(wanted)
        return str(image.get("id"))

    def create(self, key: str, planned: Plan) -> None:
        """Make it with its tags, and wait until it is up.

        One that does not come out with the site's tag and in its region is given back at once: the next run would not
        know it, and make one more.
        """
        self._refuse_other_spelling()
        sent = ("name", "region", "image", "size", "vpc_uuid", "ipv6", "monitoring", "backups")
        body: Row = {name: planned.desired[name] for name in sent if planned.desired.get(name) is not None}
        body["image"] = int(body["image"]) if body["image"].isdigit() else body["image"]
        body["tags"] = [self._tag, *(spelling(self.cloud, tag) for tag in planned.desired["tags"])]
        body["ssh_keys"] = [int(one) if one.isdigit() else one for one in self._params["ssh_keys"]]
        if self._params["user_data"]:
            body["user_data"] = self._params["user_data"]

        what = f"the creation of the droplet of {key!r}"
        begun: list[int] = []
        own: list[int] = []

        def make() -> int:
            made = self.cloud.made(_PATH, body)
            begun.extend(one["id"] for one in (made.get("links") or {}).get("actions") or [] if one["rel"] == "create")
            own.append(int(made["droplet"]["id"]))
            return own[0]

        def living() -> None:
            for action in begun:
                self.cloud.state_of(action, what)
            if own:
                self._refuse_unknown_again(own[0], give_back)

        def give_back(number: int) -> None:
            self.cloud.remove(f"{_PATH}/{number}", f"the removal of the new droplet {number}")

        number = make_one(self.cloud, self._rows, make, give_back, "id", what, living)
        self._until_made(int(number), living)
        self._bring_up(int(number))

    def _refuse_other_spelling(self) -> None:
        known = spelling(self.cloud, self._tag)
        if known != self._tag:
            raise InputError(
                f"The account has the tag {self._tag!r} in the spelling {known!r}, under which the site's objects are "
                "not found again. Remove that tag from the account, or take the id of the site that it names."
            )

    def _refuse_unknown_again(self, number: int, give_back: Callable[[int], None]) -> None:
        row = self.cloud.one(f"{_PATH}/{number}", "droplet")
        if row is None or row["status"] == "new":
            return
        region = self._params["region"]
        if self._tag not in (row.get("tags") or []):
            reason = f"without its tag {self._tag!r}. The token needs the rights tag:create and tag:read"
        elif row["region"]["slug"] != region:
            reason = f"in {row['region']['slug']} and not in {region!r}. Give region in full"
        else:
            return
        give_back(number)
        raise ApiError(f"{self.cloud.api.where} made droplet {number} {reason}; it was removed again.", kind=NOT_KEPT)

    def update(self, key: str, planned: Plan, current: dict[str, Any]) -> None:
        """Correct what differs, and leave it switched on."""
        number, delta = int(current["id"]), planned.delta
        self._until_made(number)
        if "name" in delta:
            body = {"type": "rename", "name": delta["name"]}
            self._act(number, body, "the renaming", lambda row: row["name"] == delta["name"])
        for wanted in delta.get("tags") or []:
            tag = spelling(self.cloud, wanted)
            ensure_tag(self.cloud, tag)
            body = {"resources": [{"resource_id": str(number), "resource_type": "droplet"}]}
            self.cloud.send("POST", f"/v2/tags/{in_path(tag)}/resources", json=body)
        if "backups" in delta:
            kind = "enable_backups" if delta["backups"] else "disable_backups"
            want = bool(delta["backups"])
            self._act(number, {"type": kind}, "backups", lambda row: ("backups" in row["features"]) is want)
        if "size" in delta:
            self._resize(number, delta["size"])
        self._bring_up(number)

    def delete(self, key: str, current: dict[str, Any]) -> None:
        """Shut it down and destroy it; its volume and its address stay, and what it was writing is on its volume."""
        number = int(current["id"])
        if current["status"] == "active":
            self._switch_off(number)
        self.cloud.remove(f"{_PATH}/{number}", f"the removal of droplet {number}")
        self.cloud.wait(lambda: "it is still listed" if self._rows() else "", f"the removal of droplet {number}")

    def _row(self, number: int) -> Row:
        row = self.cloud.one(f"{_PATH}/{number}", "droplet")
        if row is None:
            raise not_found_again(self.cloud, "droplet", self._params["site"])
        return row

    def _act(self, number: int, body: Row, what: str, done: Callable[[Row], bool]) -> None:
        path = f"{_PATH}/{number}/actions"
        self.cloud.act(path, body, f"{what} of droplet {number}", lambda: done(self._row(number)))

    def _until_made(self, number: int, living: Callable[[], None] = lambda: None) -> None:
        def look() -> str:
            living()
            status = self._row(number)["status"]
            return f"its status is {status!r}" if status == "new" else ""

        self.cloud.wait(look, f"the creation of droplet {number}")

    def _bring_up(self, number: int) -> None:
        self._until_made(number)
        self._act(number, {"type": "power_on"}, "switching on", lambda row: row["status"] == "active")

    def _resize(self, number: int, size: str) -> None:
        """Switch it off and change it. Whatever comes of that, it is on again afterwards."""

        def resized(row: Row) -> bool:
            if row["size_slug"] != size and row["status"] == "active":
                # Another run brought it up meanwhile.
                self._switch_off(number)
            return bool(row["size_slug"] == size)

        # Without its disk, so that it can be made small again.
        body = {"type": "resize", "size": size, "disk": False}
        try:
            self._switch_off(number)
            self._act(number, body, f"the change to {size}", resized)
        except ApiError as error:
            try:
                self._bring_up(number)
            except ApiError as second:
                raise ApiError(
                    f"{error.msg} And the server could not be switched on again: {second.msg}", kind=error.kind
                ) from error
            raise

    def _switch_off(self, number: int) -> None:
        """Let it shut down by itself, for which a data base takes its time; switch it off if it does not."""
        path, what = f"{_PATH}/{number}/actions", f"the shutdown of droplet {number}"
        limit = float(self._params["shutdown_timeout"])
        self._ask_to_shut_down(path, number, what)
        end = time.monotonic() + limit

        def look() -> str:
            row = self._row(number)
            return f"its status is {row['status']!r}" if row["status"] == "active" and time.monotonic() < end else ""

        self.cloud.wait(look, what)
        if self._row(number)["status"] == "active":
            self.warn(f"Droplet {number} did not shut down within {limit:g} s (shutdown_timeout) and was switched off.")
        self._act(number, {"type": "power_off"}, "switching off", lambda row: row["status"] == "off")

    def _ask_to_shut_down(self, path: str, number: int, what: str) -> None:
        """Once: a second request would only disturb the first one. Again, when nobody knows whether it arrived."""

        def look() -> str:
            if self._row(number)["status"] == "off":
                return ""
            try:
                answer = self.cloud.send("POST", path, json={"type": "shutdown"}, accept=CONFLICT)
            except ApiError as error:
                if not is_lost(error):
                    raise
                return "its answer was lost"
            return explain(answer) if is_busy(answer) else ""

        self.cloud.wait(look, what)


def _finish(client: DropletClient, params: Params) -> dict[str, Any]:
    return {"actions": client.cloud.actions}


DROPLET = ResourceSpec(
    service=DIGITALOCEAN,
    fields=FIELDS,
    client=DropletClient,
    returns="droplet",
    noun="droplet of site",
    key="site",
    validate=_validate,
    options=OPTIONS,
    finish=_finish,
)
