# Copyright: mediverse.pacs contributors
# GNU General Public License v3.0+ (see LICENSE)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes, rights, pages and the rate limit."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from . import account, addresses, droplets, firewalls, volumes
from .errors import NoAnswer, Refusal, not_modelled, unprocessable
from .world import SIZES, Row, World, shown

Answer = tuple[int, dict[str, str], bytes]
_ID = r"([^/]+)"
# What a list may be filtered by.
_FILTERS = {"droplets": ("tag_name", "name"), "volumes": ("name", "region")}
_MOST_PER_PAGE = 200
_LISTS = {
    "/v2/droplets": "droplets",
    "/v2/firewalls": "firewalls",
    "/v2/reserved_ips": "reserved_ips",
    "/v2/volumes": "volumes",
    "/v2/account/keys": "ssh_keys",
    "/v2/projects": "projects",
    "/v2/sizes": "sizes",
    "/v2/tags": "tags",
}


def respond(world: World, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
    """Answer a request as it came over the wire; raises NoAnswer when its answer is to be lost."""
    url = urlsplit(target)
    world.log.append(f"{method} {target}")
    world.tick()
    limits: dict[str, str] = {}
    try:
        token = _login(world, headers)
        limits = world.limit()
        if (method, url.path) == ("GET", "/v2/account/keys"):
            world.limit("keys")
        _allowed(world, token, method, url.path)
        _fail(world, url.path)
        pause = world.throttled.pop(f"{method} {url.path}", None)
        if pause:
            raise Refusal(429, "API rate limit exceeded.", {"retry-after": str(pause)})
        status, said = _answer(world, method, url.path, parse_qs(url.query, strict_parsing=bool(url.query)), body)
    except Refusal as refusal:
        return _wire(refusal.status, {**limits, **refusal.headers}, refusal.body)
    lost = world.lost.pop(f"{method} {url.path}", None)
    if lost == 0:
        raise NoAnswer
    if lost:
        return _wire(lost, limits, Refusal(500, "Server Error").body)
    return _wire(status, limits, said)


def _fail(world: World, path: str) -> None:
    for start in list(world.broken):
        if path.startswith(start):
            world.broken[start] -= 1
            if not world.broken[start]:
                del world.broken[start]
            raise Refusal(500, "Server Error")


def _wire(status: int, headers: dict[str, str], said: Any) -> Answer:
    raw = b"" if said is None else json.dumps(said).encode()
    return status, {**headers, "content-type": "application/json; charset=utf-8"}, raw


def _login(world: World, headers: Mapping[str, str]) -> str:
    given = {name.lower(): value for name, value in headers.items()}.get("authorization", "")
    scheme, _space, token = given.partition(" ")
    if scheme != "Bearer" or token not in world.settings.tokens:
        raise Refusal(401, "Unable to authenticate you")
    return token


def _allowed(world: World, token: str, method: str, path: str) -> None:
    """A token without a right is refused with 403, whether the object exists or not."""
    right = world.settings.tokens[token]
    if (right == "read" and method != "GET") or (right == "droplets" and not path.startswith("/v2/droplets")):
        raise Refusal(403, "You are not authorized to perform this operation")


def _answer(world: World, method: str, path: str, query: dict[str, list[str]], body: bytes) -> tuple[int, Any]:
    for verb, pattern, handler in _ROUTES:
        match = re.fullmatch(pattern, path)
        if match and verb == method:
            if query and not (verb == "GET" and path in _LISTS):
                raise not_modelled(f"a query of {method} {path}")
            return handler(world, [unquote(part) for part in match.groups()], _parsed(body))
    if method == "GET" and path in _LISTS:
        return 200, _page(world, path, {name: values[-1] for name, values in query.items()})
    raise not_modelled(f"{method} {path}")


def _parsed(body: bytes) -> Any:
    if not body:
        return None
    try:
        return json.loads(body)
    except ValueError:
        raise Refusal(400, "Unable to parse JSON at given position.") from None


def _page(world: World, path: str, query: dict[str, str]) -> Row:
    kind = _LISTS[path]
    rows = _rows(world, kind)
    for name in set(query) - {"page", "per_page"}:
        if name not in _FILTERS.get(kind, ()):
            raise not_modelled(f"the filter {name!r} of {path}")
        rows = [row for row in rows if _matches(row, name, query[name])]
    number, size = int(query.get("page", "1")), int(query.get("per_page", "20"))
    if number < 1 or not 1 <= size <= _MOST_PER_PAGE:
        raise unprocessable("page or per_page is out of range")
    size = min(size, world.settings.page)
    last = max(1, -(-len(rows) // size))
    begin = (number - 1) * size
    pages: Row = {}
    # The links lead to the real address, as behind any proxy; whoever follows them takes the token there.
    base = f"https://api.digitalocean.com{path}?per_page={size}&page="
    if number < last:
        pages.update(next=f"{base}{number + 1}", last=f"{base}{last}")
    if number > 1:
        pages.update(first=f"{base}1", prev=f"{base}{number - 1}")
    return {
        kind: [_view(world, kind, row) for row in rows[begin:][:size]],
        "links": {"pages": pages} if pages else {},
        "meta": {"total": len(rows)},
    }


def _rows(world: World, kind: str) -> list[Row]:
    if kind == "sizes":
        return [droplets.size_row(slug) for slug in SIZES]
    if kind == "tags":
        return [account.tag(world, name) for name in world.tags]
    return world.listed(kind)


def _matches(row: Row, name: str, value: str) -> bool:
    if name == "tag_name":
        return value in row["tags"]
    return bool((row["region"]["slug"] if name == "region" else row["name"].lower()) == value.lower())


def _view(world: World, kind: str, row: Row) -> Row:
    views = {"droplets": droplets.view, "reserved_ips": addresses.view}
    whole = views[kind](world, row) if kind in views else shown(row)
    return {name: value for name, value in whole.items() if name not in world.hidden.get(kind, ())}


_ROOTS = {
    "droplets": ("droplet", "id"),
    "firewalls": ("firewall", "id"),
    "reserved_ips": ("reserved_ip", "ip"),
    "volumes": ("volume", "id"),
    "projects": ("project", "id"),
}
Handler = Callable[[World, list[str], Any], tuple[int, Any]]


def _one(kind: str) -> Handler:
    root, key = _ROOTS[kind]
    return lambda world, parts, body: (200, {root: _view(world, kind, world.get(kind, key, parts[0]))})


def _on(kind: str, work: Callable[[World, Row, Any], tuple[int, Any]]) -> Handler:
    key = _ROOTS[kind][1]

    def handle(world: World, parts: list[str], body: Any) -> tuple[int, Any]:
        status, said = work(world, world.get(kind, key, parts[0]), body)
        return status, {root: shown(value) for root, value in said.items()}

    return handle


def _gone(kind: str, work: Callable[[World, Row], None] | None = None) -> Handler:
    key = _ROOTS[kind][1]

    def handle(world: World, parts: list[str], body: Any) -> tuple[int, None]:
        row = world.get(kind, key, parts[0])
        if work:
            work(world, row)
        else:
            world.drop(kind, row)
        return 204, None

    return handle


def _make(work: Callable[[World, Any], tuple[int, Any]]) -> Handler:
    def handle(world: World, parts: list[str], body: Any) -> tuple[int, Any]:
        status, said = work(world, body)
        return status, {root: shown(value) if isinstance(value, dict) else value for root, value in said.items()}

    return handle


def _action(world: World, parts: list[str], body: Any) -> tuple[int, Any]:
    if not parts[0].isdigit() or int(parts[0]) not in world.actions:
        raise Refusal(404, "The resource you requested could not be found.")
    return 200, {"action": world.actions[int(parts[0])]}


def _key(world: World, parts: list[str], body: Any) -> tuple[int, Any]:
    return 200, {"ssh_key": shown(account.key(world, parts[0]))}


def _put_key(world: World, parts: list[str], body: Any) -> tuple[int, Any]:
    status, said = account.update_key(world, account.key(world, parts[0]), body)
    return status, {"ssh_key": shown(said["ssh_key"])}


def _delete_key(world: World, parts: list[str], body: Any) -> tuple[int, Any]:
    world.drop("ssh_keys", account.key(world, parts[0]))
    return 204, None


def _assign(remove: bool) -> Handler:
    def handle(world: World, parts: list[str], body: Any) -> tuple[int, Any]:
        account.assign(world, parts[0], body, remove)
        return 204, None

    return handle


def _account(world: World, parts: list[str], body: Any) -> tuple[int, Any]:
    limits = {"droplet_limit": world.settings.droplet_limit, "floating_ip_limit": world.settings.reserved_ip_limit}
    return 200, {"account": {**limits, "email": "lab@example.org", "uuid": "0", "status": "active"}}


def _into_project(world: World, parts: list[str], body: Any) -> tuple[int, Any]:
    return addresses.put_into(world, world.get("projects", "id", parts[0]), body)


_ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/v2/account", _account),
    ("POST", "/v2/account/keys", _make(account.create_key)),
    ("GET", f"/v2/account/keys/{_ID}", _key),
    ("PUT", f"/v2/account/keys/{_ID}", _put_key),
    ("DELETE", f"/v2/account/keys/{_ID}", _delete_key),
    ("GET", f"/v2/actions/{_ID}", _action),
    ("POST", "/v2/droplets", _make(droplets.create)),
    ("GET", f"/v2/droplets/{_ID}", _one("droplets")),
    ("DELETE", f"/v2/droplets/{_ID}", _gone("droplets", droplets.destroy)),
    ("POST", f"/v2/droplets/{_ID}/actions", _on("droplets", droplets.act)),
    ("POST", "/v2/firewalls", _make(firewalls.create)),
    ("GET", f"/v2/firewalls/{_ID}", _one("firewalls")),
    ("PUT", f"/v2/firewalls/{_ID}", _on("firewalls", firewalls.update)),
    ("DELETE", f"/v2/firewalls/{_ID}", _gone("firewalls")),
    ("POST", "/v2/projects", _make(addresses.create_project)),
    ("POST", f"/v2/projects/{_ID}/resources", _into_project),
    ("POST", "/v2/reserved_ips", _make(addresses.create)),
    ("GET", f"/v2/reserved_ips/{_ID}", _one("reserved_ips")),
    ("DELETE", f"/v2/reserved_ips/{_ID}", _gone("reserved_ips")),
    ("POST", f"/v2/reserved_ips/{_ID}/actions", _on("reserved_ips", addresses.act)),
    ("POST", "/v2/tags", _make(account.create_tag)),
    ("GET", f"/v2/tags/{_ID}", lambda world, parts, body: (200, {"tag": account.tag(world, parts[0])})),
    ("POST", f"/v2/tags/{_ID}/resources", _assign(remove=False)),
    ("DELETE", f"/v2/tags/{_ID}/resources", _assign(remove=True)),
    ("POST", "/v2/volumes", _make(volumes.create)),
    ("GET", f"/v2/volumes/{_ID}", _one("volumes")),
    ("DELETE", f"/v2/volumes/{_ID}", _gone("volumes", volumes.destroy)),
    ("POST", f"/v2/volumes/{_ID}/actions", _on("volumes", volumes.act)),
)
