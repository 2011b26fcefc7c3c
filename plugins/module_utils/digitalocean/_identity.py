# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which objects of an account belong to a site, and how there comes to be exactly one of each.

Droplets and volumes carry a tag with the site's id, from the request that makes them; a firewall applies to that tag;
an address is in a project of the site, because addresses have no tags. Names alone identify nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

from .._engine.errors import NOT_KEPT, TIMEOUT, ApiError, InputError
from .._engine.fields import Field
from .._engine.resource import Params
from .._rules import containers
from ._service import CONFLICT, TAKEN, TOO_MANY, Again, Cloud, Row, is_lost

# A tag may have letters, digits, colons, dashes and underscores.
_PREFIX = "mediverse-site"
_MOST_TRIES = 5

# How several are called, and how somebody makes the others not the site's without any harm.
_SEVERAL = {
    "droplet": ("droplets", "take the tag {tag!r} from the others and give them another name"),
    "volume": ("volumes", "take the tag {tag!r} from the others"),
    "firewall": ("firewalls", "take the tag {tag!r} from the others and rename one that is called {name!r}"),
    "address": (
        "addresses",
        "move the others out of the project {name!r}, after taking them off when they lead to a droplet",
    ),
}

SITE = Field("site", key=True, check=containers.site_id)
SETTLING: dict[str, dict[str, Any]] = {"settle_seconds": {"type": "float", "default": 5.0}}
CONFIRM: dict[str, dict[str, Any]] = {"confirm": {"type": "str"}}


def tag_of(site: str) -> str:
    """The tag of a site's droplets and volumes."""
    return f"{_PREFIX}:{site}"


def name_of(site: str) -> str:
    """The name of what has no tags: the site's firewall, and the project of its address."""
    return f"{_PREFIX}-{site}"


def in_path(tag: str) -> str:
    """A tag as part of a path."""
    return quote(tag, safe="")


def the_one(rows: Sequence[Row], noun: str, site: str, called: Callable[[Row], str]) -> Row | None:
    """The only one, or None. Raises InputError that names all when there are several: which is the right one, and
    which holds data, nobody can know here.
    """
    if len(rows) > 1:
        named = " and ".join(sorted(called(row) for row in rows))
        several, way = _SEVERAL[noun]
        raise InputError(
            f"Site {site!r} has {len(rows)} {several}: {named}. Keep the one that is in use, and "
            f"{way.format(tag=tag_of(site), name=name_of(site))}, or remove them by hand; nothing was changed."
        )
    return rows[0] if rows else None


def confirmed(params: Params, noun: str) -> None:
    """Raises InputError unless the removal of what may hold data is confirmed."""
    if params["state"] == "absent" and params["confirm"] != params["site"]:
        raise InputError(
            f"Removing the {noun} of site {params['site']!r} cannot be undone, so it needs confirm: {params['site']}. "
            "Nothing was changed."
        )


def droplet_of(cloud: Cloud, site: str) -> Row | None:
    """The site's droplet."""
    rows = cloud.rows("/v2/droplets", "droplets", tag_name=tag_of(site))
    return the_one(rows, "droplet", site, droplet_called)


def droplet_called(row: Row) -> str:
    """How a sentence names a droplet."""
    return f"droplet {row['id']} ({row['name']!r})"


def needed_droplet(cloud: Cloud, site: str) -> Row:
    """The site's droplet; raises InputError when there is none."""
    row = droplet_of(cloud, site)
    if row is None:
        raise InputError(f"Site {site!r} has no droplet yet. Create it with digitalocean_droplet first.")
    return row


def ensure_tag(cloud: Cloud, tag: str) -> None:
    """Let a tag exist: a firewall cannot apply to one that does not."""
    if cloud.one(f"/v2/tags/{in_path(tag)}", "tag") is None:
        cloud.send("POST", "/v2/tags", json={"name": tag}, accept=CONFLICT)


def spelling(cloud: Cloud, tag: str) -> str:
    """A tag in the spelling that the account has it in, under which alone it is found; as it is, when it is new."""
    known = [str(row["name"]) for row in cloud.rows("/v2/tags", "tags")]
    return next((name for name in known if name.lower() == tag.lower()), tag)


def make_one(
    cloud: Cloud,
    look: Callable[[], list[Row]],
    make: Callable[[], Any],
    give_back: Callable[[Any], None],
    identity: str,
    what: str,
    living: Callable[[], object] = lambda: None,
) -> Any:
    """Make an object of which there may be one only, although the API has no lock; returns its identity.

    look       -> the site's objects. make -> the identity of a new one; ApiError.
    give_back  removes one by its identity; called only with what this very call has made.
    identity   the name of the identity in a row. living: raises ApiError when what was made has failed since.

    Lists may be behind. So it is looked again after a pause before something is made, and after another one
    afterwards. Of two runs that make one each, the one with the larger identity gives its own back; the other one
    waits for that, and gives its own back, too, when it waits in vain: that run is over, and its object stays. What
    this rests on: a list is not further behind than ``settle_seconds``. What is not listed at all in the end would be
    made again by each run, so it is given back.
    """
    pause = float(cloud.params["settle_seconds"])
    own, lost = None, None
    for __ in range(_MOST_TRIES):
        time.sleep(pause)
        there = look()
        if there:
            return there[0][identity]
        try:
            own = make()
        except Again:
            continue
        except ApiError as error:
            # Whether it was made is not known, or somebody else was faster: then it shows up.
            if not is_lost(error) and error.status != TAKEN:
                raise
            lost = error
        break
    else:
        raise ApiError(f"{cloud.api.where} took no request for {what} (HTTP 429). Run again later.", status=TOO_MANY)
    time.sleep(pause)
    if lost is not None:
        found = _shown(cloud, look, pause)
        if not found:
            raise lost
        return found[0][identity]

    def listed() -> str:
        living()
        seen[:] = [row[identity] for row in look()]
        return "" if own in seen else "it is not listed yet"

    seen: list[Any] = []
    try:
        cloud.wait(listed, what)
    except ApiError as error:
        if error.kind == TIMEOUT:
            give_back(own)
        raise
    others = [one for one in seen if one != own]
    if others and min(others) > own:
        others = _left_of_others(look, identity, own, pause)
    if not others:
        return own
    give_back(own)
    cloud.wait(lambda: "it is still listed" if any(row[identity] == own for row in look()) else "", what)
    return min(others)


def _shown(cloud: Cloud, look: Callable[[], list[Row]], pause: float) -> list[Row]:
    """What is there after a request without an answer; it may take a moment to be listed."""
    for _again in range(3):
        found = look()
        if found:
            return found
        time.sleep(pause)
    return []


def _left_of_others(look: Callable[[], list[Row]], identity: str, own: Any, pause: float) -> list[Any]:
    """Another run has made one, too, and gives it back unless it is over or was ended. What it did not give back."""
    others: list[Any] = []
    for _again in range(6):
        time.sleep(pause)
        others = [row[identity] for row in look() if row[identity] != own]
        if not others:
            break
    return others


def not_found_again(cloud: Cloud, noun: str, site: str) -> ApiError:
    """What was there a moment ago is gone."""
    return ApiError(
        f"{cloud.api.where}: the {noun} of site {site!r} vanished while it was worked on. Run again.", kind=NOT_KEPT
    )
