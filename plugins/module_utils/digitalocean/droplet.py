# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The droplet of a site: the virtual server that it runs on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from .._engine.errors import ApiError, InputError
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
    tag_of,
    the_one,
)
from ._service import DIGITALOCEAN, WAITING, Cloud, Row

_PATH = "/v2/droplets"
_NAME = re.compile(r"[a-zA-Z0-9]?[a-z0-9A-Z.-]*[a-z0-9A-Z]")
_TAG = re.compile(r"[A-Za-z0-9_:-]{1,255}")
_USER_DATA = 64 * 1024
# How often it is asked whether the server has gone down by itself, before it is switched off.
_SHUTDOWN_LOOKS = 20


def _check_name(value: str) -> str | None:
    if len(value) > 255 or not _NAME.fullmatch(value):
        return "is no name of a droplet; expected letters, digits, dots and dashes, as in a host name"
    return None


def _check_tags(value: Sequence[str]) -> None:
    for tag in value:
        if not _TAG.fullmatch(tag):
            raise ValueError(f"holds {tag!r}; a tag has letters, digits, colons, dashes and underscores")


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
    if planned.action == UPDATE and "size" in planned.differs and not params["allow_resize"]:
        raise InputError(
            f"The droplet of site {site!r} is {(current or {}).get('size')!r} and not {params['size']!r}. Resizing "
            "switches it off for some minutes, so it is done only with allow_resize: true. Nothing was changed."
        )


def _addresses(row: Row, kind: str) -> str | None:
    found = [one["ip_address"] for one in (row.get("networks") or {}).get("v4") or [] if one["type"] == kind]
    return found[0] if found else None


class DropletClient:
    """The droplet with a site's tag."""

    def __init__(self, api: Api, params: Params) -> None:
        self.cloud = Cloud(api, params)
        self._params = params
        self._tag = tag_of(params["site"])
        self.warnings: list[str] = []

    def _rows(self) -> list[Row]:
        return self.cloud.rows(_PATH, "droplets", tag_name=self._tag)

    def get(self, key: str) -> dict[str, Any] | None:
        """The site's droplet in our terms."""
        row = the_one(self._rows(), "droplet", key, droplet_called)
        return None if row is None else self._seen(row)

    def _seen(self, row: Row) -> Row:
        features = row.get("features") or []
        return {
            **{name: row.get(name) for name in ("id", "name", "status", "vpc_uuid", "volume_ids")},
            "region": row["region"]["slug"],
            "image": self._image(row.get("image") or {}),
            "size": row["size_slug"],
            "tags": [tag for tag in row.get("tags") or [] if tag.lower() != self._tag.lower()],
            "running": row["status"] == "active",
            **{name: name in features for name in ("backups", "ipv6", "monitoring")},
            "address": _addresses(row, "public"),
            "private_address": _addresses(row, "private"),
        }

    def _image(self, image: Row) -> str:
        """What it was made from, in the terms of the task. An image that DigitalOcean has retired loses its slug."""
        wanted = self._params.get("image")
        if wanted and wanted.isdigit():
            return str(image.get("id"))
        if image.get("slug"):
            return str(image["slug"])
        if wanted and self._params["state"] == "present":
            self._warn(f"The image of the droplet is retired, so that nobody can tell whether it was {wanted!r}.")
            return str(wanted)
        return str(image.get("id"))

    def _warn(self, warning: str) -> None:
        if warning not in self.warnings:
            self.warnings.append(warning)

    def create(self, key: str, planned: Plan) -> None:
        """Make it with its tags, and wait until it is up."""
        sent = ("name", "region", "image", "size", "vpc_uuid", "ipv6", "monitoring", "backups")
        body: Row = {name: planned.desired[name] for name in sent if planned.desired.get(name) is not None}
        body["image"] = int(body["image"]) if body["image"].isdigit() else body["image"]
        body["tags"] = [self._tag, *planned.desired["tags"]]
        body["ssh_keys"] = [int(one) if one.isdigit() else one for one in self._params["ssh_keys"]]
        if self._params["user_data"]:
            body["user_data"] = self._params["user_data"]

        what = f"the creation of the droplet of {key!r}"
        begun: list[int] = []

        def make() -> int:
            made = self.cloud.made(_PATH, body)
            begun.extend(one["id"] for one in made["links"]["actions"] if one["rel"] == "create")
            return int(made["droplet"]["id"])

        def living() -> None:
            for action in begun:
                self.cloud.state_of(action, what)

        def give_back(number: int) -> None:
            self.cloud.remove(
                f"{_PATH}/{number}", f"the removal of droplet {number}, which another run was faster than"
            )

        number = make_one(self.cloud, self._rows, make, give_back, "id", what, living)
        self._until_made(int(number), living)
        self._bring_up(int(number))

    def update(self, key: str, planned: Plan, current: dict[str, Any]) -> None:
        """Correct what differs, and leave it switched on."""
        number, delta = int(current["id"]), planned.delta
        self._until_made(number)
        if "name" in delta:
            body = {"type": "rename", "name": delta["name"]}
            self._act(number, body, "the renaming", lambda row: row["name"] == delta["name"])
        for tag in delta.get("tags") or []:
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
        """Destroy it; its volume and its address stay."""
        number = int(current["id"])
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
        self._switch_off(number)
        # Without its disk, so that it can be made small again.
        body = {"type": "resize", "size": size, "disk": False}
        self._act(number, body, f"the change to {size}", lambda row: row["size_slug"] == size)

    def _switch_off(self, number: int) -> None:
        """Let it shut down by itself, and switch it off if it does not."""
        path = f"{_PATH}/{number}/actions"
        looks = iter(range(_SHUTDOWN_LOOKS))

        def is_off(row: Row) -> bool:
            return bool(row["status"] == "off")

        if is_off(self._row(number)):
            return
        try:
            self.cloud.act(path, {"type": "shutdown"}, "its shutdown", lambda: self._went_down(number, looks))
        except ApiError as error:
            if error.status is not None:
                raise
        self._act(number, {"type": "power_off"}, "switching off", is_off)

    def _went_down(self, number: int, looks: Iterator[int]) -> bool:
        return self._row(number)["status"] == "off" or next(looks, None) is None


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
